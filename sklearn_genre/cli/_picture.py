"""The picture of a run: intervals of all held-out rows, densities of three.

Matplotlib is imported on call, because it is an extra.
"""

from pathlib import Path
from typing import Any

import numpy as np

from sklearn_genre import PredictiveDistribution
from sklearn_genre.cli._comparison import COVERAGE
from sklearn_genre.cli._table import Table


def draw(path: Path, test: Table, dist: PredictiveDistribution) -> None:
    """Draw the intervals against the truth, and the densities of three rows."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print('No picture: install the plot extra: pip install "sklearn_genre[plot]"')
        return
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    order = np.argsort(dist.mean())
    _draw_intervals(left, test.y[order], dist[order])
    three = order[np.round(np.array([0.1, 0.5, 0.9]) * (len(order) - 1)).astype(int)]
    _draw_densities(right, test[three], dist[three])
    figure.savefig(path, dpi=150)


def _draw_intervals(ax: Any, y: np.ndarray, dist: PredictiveDistribution) -> None:
    """Draw the interval of every row, sorted by its mean, and the true value."""
    place = np.arange(len(y))
    lower, upper = dist.interval(COVERAGE).T
    ax.fill_between(
        place, lower, upper, step="mid", alpha=0.3, linewidth=0, label="90 % interval"
    )
    ax.plot(place, dist.mean(), color="C0", label="mean")
    ax.plot(place, y, ".", color="black", markersize=4, label="truth")
    ax.set(xlabel="held-out row, sorted by predicted mean", ylabel="target")
    ax.legend()


def _draw_densities(ax: Any, rows: Table, dist: PredictiveDistribution) -> None:
    """Draw the density of every row and a dashed line at its true value."""
    ends = dist.ppf([[0.001, 0.999]])  # (n, 2)
    grid = np.linspace(ends.min(), ends.max(), 500)
    density = dist.pdf(grid[None])  # (n, 500)
    for i, row in enumerate(rows.rows):
        ax.plot(grid, density[i], color=f"C{i}", linewidth=1, label=f"row {row}")
        ax.axvline(rows.y[i], color=f"C{i}", linewidth=1, linestyle="--")
    ax.set(xlabel="target (dashed: truth)", ylabel="predicted density")
    ax.legend()
