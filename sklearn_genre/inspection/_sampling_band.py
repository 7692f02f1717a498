"""How far observed shares of a calibrated prediction stray by chance."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binom

from sklearn_genre.inspection._checks import Array, check_levels
from sklearn_genre.inspection._style import LIGHT_GREY, ink, tint

# Nominal levels of quantiles, and coverages of intervals, at which shares are observed.
LEVELS = tuple(np.round(np.linspace(0.05, 0.95, 19), 2).tolist())


def sampling_band(
    probability: ArrayLike, n_samples: int, confidence: float
) -> tuple[Array, Array]:
    """Return the band in which fractions of independent successes fall, pointwise."""
    check_levels([confidence], "confidence")
    tail = (1 - confidence) / 2
    low, high = (
        binom.ppf(level, n_samples, probability) / n_samples
        for level in (tail, 1 - tail)
    )
    return low, high


def draw_calibrated(ax: Any, levels: Array, n_samples: int, confidence: float) -> Any:
    """Draw the diagonal, unless it is there; return the sampling band around it."""
    label = "Calibrated"
    first = label not in ax.get_legend_handles_labels()[1]
    if first:
        style = {"color": tint(ax, ink(ax), 0.7), "linewidth": 1, "linestyle": ":"}
        ax.plot([0, 1], [0, 1], label=label, **style)
    low, high = sampling_band(levels, n_samples, confidence)
    band = ax.fill_between(
        levels,
        low,
        high,
        color=tint(ax, ink(ax), LIGHT_GREY),
        linewidth=0,
        zorder=0.5,
        label=f"{confidence:.0%} sampling band" if first else None,
    )
    ax.set(xlim=(0, 1), ylim=(0, 1))
    return band
