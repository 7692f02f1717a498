"""Colours, line styles and labels of the pictures."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

# Okabe and Ito's colours for all kinds of colour vision; dark to light in grey.
BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
# Shares of blue and of ink that are left in light areas.
LIGHT_BLUE, LIGHT_GREY = 0.38, 0.15
STYLES: list[dict[str, Any]] = [
    {"color": BLUE, "linestyle": "-", "marker": "o"},
    {"color": VERMILION, "linestyle": "--", "marker": "s"},
    {"color": GREEN, "linestyle": "-.", "marker": "^"},
    {"color": PURPLE, "linestyle": ":", "marker": "D"},
]


def next_style(ax: Any) -> dict[str, Any]:
    """Return colour, line style and marker for the next line with markers."""
    n_lines = sum(line.get_marker() not in ("None", "") for line in ax.lines)
    return {**STYLES[n_lines % len(STYLES)], "markersize": 4.5, "linewidth": 1.6}


def styled(kind: str, style: dict[str, Any], options: dict[str, Any]) -> Any:
    """Return a style with the options of a caller, whose names may be short: ``lw``."""
    from matplotlib import cbook, collections, lines, patches

    artists = {
        "line": lines.Line2D,
        "patch": patches.Patch,
        "collection": collections.Collection,
    }
    return {**style, **cbook.normalize_kwargs(options, artists[kind])}


def wrapped(*parts: Any, width: int = 26) -> str:
    """Return a label in one line, or broken into lines that fit a small panel."""
    label = " ".join(map(str, parts))
    if len(label) <= width:
        return label
    return "\n".join(textwrap.fill(str(part), width) for part in parts)


def literal(name: str) -> str:
    """Return a name that is drawn as it is: a dollar sign begins no formula."""
    return name.replace("$", r"\$")


def ink(ax: Any) -> str:
    """Return black, or white where the labels of the axes are bright: on dark paper."""
    from matplotlib.colors import to_rgb

    paper = readable_on(to_rgb(ax.xaxis.label.get_color()))
    return "white" if paper == "black" else "black"


def tint(ax: Any, color: str, share: float) -> tuple[float, ...]:
    """Return a colour, of which `share` is left, mixed with the paper of the axes."""
    from matplotlib.colors import to_rgb

    paper = 0.0 if ink(ax) == "white" else 1.0
    return tuple((1 - share) * paper + share * part for part in to_rgb(color))


def readable_on(color: Sequence[float]) -> str:
    """Return black or white, whichever is easier to read on a colour."""
    red, green, blue = color[:3]
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"
