"""The room that the labels of a tree of digits need."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Cumulative probabilities on the axis.
TICKS = (0.05, 0.25, 0.5, 0.75, 0.95)
FONT_SIZE = 8
# Room that a letter and a line of this font size take, in inches.
LETTER, LINE = 0.085, 0.16
# Smallest share of their width that axes keep when the figure is laid out.
LEFT = 0.75
# Room around the legend, in inches, and most letters in one of its lines.
LEGEND, LEGEND_WIDTH = 0.2, 20


def legend_height(label: str | None) -> float:
    """Return the height of a legend of one label, in inches."""
    return 0.0 if label is None else LEGEND + LINE * len(label.splitlines())


def ticks_with_room(labels: Sequence[str], width: float) -> slice:
    """Return which ticks have room: all, every other one, or only the middle one."""
    letters = max(len(line) for label in labels for line in label.split())
    for chosen in (slice(None), slice(None, None, 2)):
        if np.diff(TICKS[chosen]).min() * width >= LETTER * letters:
            return chosen
    middle = len(TICKS) // 2
    return slice(middle, middle + 1)
