"""Axes to draw on: those given, new ones, or a grid of panels.

Matplotlib is imported on call, because it is an extra.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_genre._checks import shown


def pyplot() -> Any:
    """Return ``matplotlib.pyplot``; if it is missing, say how to install it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            "Pictures need matplotlib, which is not installed. Install it with "
            "python -m pip install matplotlib."
        ) from error
    return plt


def axes_or_new(ax: Any) -> Any:
    """Return the axes to draw on: those given, or those of a new figure."""
    plt = pyplot()
    if ax is None:
        return plt.subplots(layout="constrained")[1]
    if not hasattr(ax, "get_subplotspec"):
        raise TypeError(
            f"ax must be one matplotlib Axes, or None for a new figure; got "
            f"{shown(ax, repr)}."
        )
    return ax


def panels(ax: Any, n_rows: int, n_columns: int) -> NDArray[Any]:
    """Return a grid of panels whose columns share x: axes divided, or those given.

    Axes that are divided stay as an empty frame around the grid.
    """
    if isinstance(ax, (list, tuple, np.ndarray)):
        if np.size(ax) != n_rows * n_columns:
            raise ValueError(
                f"This picture has {n_rows * n_columns} panels; got {np.size(ax)} axes."
            )
        return np.reshape(np.asarray(ax, dtype=object), (n_rows, n_columns))
    ax = axes_or_new(ax)
    place = ax.get_subplotspec()
    if place is None:
        raise ValueError(
            "This picture divides ax into panels, which needs axes made by "
            f"plt.subplots or plt.subplot_mosaic; got {shown(ax, repr)}. Or give "
            "a list of "
            f"{n_rows * n_columns} axes."
        )
    ax.set_axis_off()
    grid = place.subgridspec(n_rows, n_columns)
    panels: NDArray[Any] = grid.subplots(sharex="col", squeeze=False)
    return panels


def start_at_zero(ax: Any) -> None:
    """Let the y axis run from zero to the largest value drawn on any shared axes."""
    ax.autoscale(axis="y")
    ax.set_ylim(bottom=0)
