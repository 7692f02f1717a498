"""The pictures of a run.

Matplotlib is imported on call, because it is an extra.
"""

import io
from typing import Any, NamedTuple

import numpy as np

from sklearn_genre import PredictiveDistribution
from sklearn_genre.cli._comparison import COVERAGE
from sklearn_genre.cli._table import Table
from sklearn_genre.inspection import (
    CalibrationDisplay,
    PITHistogramDisplay,
    PredictiveDistributionDisplay,
)
from sklearn_genre.inspection._style import literal
from sklearn_genre.preprocessing._columns import escaped

INSTALL = "install matplotlib: python -m pip install matplotlib"
# Rows that are drawn, at most, and columns that get a fan.
MOST_ROWS, N_FANS = 500, 2
# Letters of the name of the target on an axis.
LONGEST_LABEL = 24


class Picture(NamedTuple):
    """A picture with its words.

    Attributes
    ----------
    title : str
    alt : str
        What is to be seen, for those who do not see it.
    svg : bytes
    """

    title: str
    alt: str
    svg: bytes


def new_figure(width: float, height: float) -> Any:
    """Return an empty figure, or None without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return None
    return Figure(figsize=(width, height), layout="constrained")


def draw_distributions(test: Table, dist: PredictiveDistribution) -> Any:
    """Return a figure of the intervals against the truth, and densities of three rows.

    None without matplotlib.
    """
    figure = new_figure(10, 4)
    if figure is None:
        return None
    left, right = figure.subplots(1, 2)
    _draw_intervals(left, test, dist)
    _draw_densities(right, test, dist)
    return figure


def draw_held_out(test: Table, dist: PredictiveDistribution) -> list[Picture]:
    """Return pictures of the intervals of all rows, and of the densities of three."""
    figure = new_figure(6, 4.5)
    _draw_intervals(figure.subplots(), test, dist)
    alt = (
        "Mean and 90 % interval of held-out rows in the order of their means, with the "
        "true targets."
    )
    intervals = Picture("Intervals of held-out rows", alt, as_svg(figure))
    figure = new_figure(6, 4.5)
    _draw_densities(figure.subplots(), test, dist)
    alt = "Predicted densities of three held-out rows, with a line at each true target."
    return [intervals, Picture("Three held-out rows", alt, as_svg(figure))]


def _draw_intervals(ax: Any, test: Table, dist: PredictiveDistribution) -> None:
    """Draw the interval of every row, sorted by its mean, and the true value."""
    some = np.linspace(0, len(test) - 1, min(len(test), MOST_ROWS)).astype(int)
    some = np.argsort(dist.mean())[some]
    y, dist = test.y[some], dist[some]
    place = np.arange(len(y))
    lower, upper = dist.interval(COVERAGE).T
    ax.fill_between(
        place, lower, upper, step="mid", alpha=0.3, linewidth=0, label="90 % interval"
    )
    ax.plot(place, dist.mean(), color="C0", label="mean")
    ax.plot(place, y, ".", color="black", markersize=4, label="truth")
    ax.set(xlabel="held-out row, sorted by predicted mean", ylabel=label(test))
    ax.legend()


def _draw_densities(ax: Any, test: Table, dist: PredictiveDistribution) -> None:
    """Draw the densities of three rows and a dashed line at each true value."""
    three = np.round(np.array([0.1, 0.5, 0.9]) * (len(test) - 1)).astype(int)
    three = np.argsort(dist.mean())[three]
    rows, dist = test[three], dist[three]
    ends = dist.ppf([[0.001, 0.999]])  # (n, 2)
    grid = np.linspace(ends.min(), ends.max(), 500)
    density = dist.pdf(grid[None])  # (n, 500)
    for i, row in enumerate(rows.rows):
        ax.plot(grid, density[i], color=f"C{i}", linewidth=1, label=f"row {row}")
        ax.axvline(rows.y[i], color=f"C{i}", linewidth=1, linestyle="--")
    ax.set(xlabel=f"{label(test)} (dashed: truth)", ylabel="predicted density")
    ax.legend()


def draw_calibration(test: Table, dist: PredictiveDistribution) -> list[Picture]:
    """Return pictures of the calibration on held-out rows."""
    figure = new_figure(4.5, 4.5)
    curve = CalibrationDisplay.from_predictions(
        test.y,
        dist,
        name="DecodingRegressor",
        target_name=label(test),
        ax=figure.subplots(),
    )
    farthest = np.abs(np.asarray(curve.observed) - curve.levels).max()
    calibration = Picture(
        "Calibration",
        "Curve of the share of held-out targets at or below each predicted quantile. "
        f"It leaves the diagonal by at most {farthest:.2f}.",
        as_svg(figure),
    )
    figure = new_figure(4.5, 4.5)
    PITHistogramDisplay.from_predictions(
        test.y, dist, target_name=label(test), ax=figure.subplots()
    )
    counts, _ = np.histogram(dist.cdf(test.y), bins=10, range=(0, 1))
    histogram = Picture(
        "Probability integral transform",
        "Histogram of the predicted probability of at most the true target; flat if "
        f"calibrated. Rows in its ten bars: {', '.join(map(str, counts))}.",
        as_svg(figure),
    )
    return [calibration, histogram]


def draw_fans(model: Any, test: Table, names: list[str]) -> list[Picture]:
    """Return a fan for each of the columns that are numbers and vary."""
    rows = np.linspace(0, len(test) - 1, min(len(test), MOST_ROWS)).astype(int)
    some = test[rows]
    pictures: list[Picture] = []
    for name in names:
        if len(pictures) == N_FANS:
            break
        column = some.X[name]
        if column.dtype != float or column.nunique() < 3:
            continue
        figure = new_figure(6, 4.5)
        fan = PredictiveDistributionDisplay.from_estimator(
            model,
            some.X,
            some.y,
            feature=name,
            target_name=label(test),
            ax=figure.subplots(),
        )
        first, last = fan.dist.median()[[0, -1]]
        low, high = column.min(), column.max()
        alt = (
            f"Median and intervals of the target as {name} varies from "
            f"{low:.4g} to {high:.4g}: the median goes from {first:.4g} to "
            f"{last:.4g}."
        )
        pictures.append(Picture(f"Predictions over {name}", alt, as_svg(figure)))
    return pictures


def draw_importance(names: list[str], mean: np.ndarray, std: np.ndarray) -> Picture:
    """Return bars of the importance of columns, the largest on top."""
    figure = new_figure(6, 0.8 + 0.32 * len(names))
    ax = figure.subplots()
    place = np.arange(len(names))[::-1]
    ax.barh(place, mean, xerr=std, color="C0", alpha=0.7, ecolor="black")
    ax.set_yticks(place, labels=[literal(name[:30]) for name in names])
    ax.set(xlabel="CRPS lost when the column is shuffled")
    ax.axvline(0, color="black", linewidth=0.8)
    first = ", ".join(f"{n} {v:.3g}" for n, v in zip(names[:3], mean[:3], strict=True))
    alt = f"Bars of the importance of columns; the largest: {first}."
    return Picture("Importance of columns", alt, as_svg(figure))


def label(test: Table) -> str:
    """Return the name of the target as an axis can bear it."""
    name = test.target
    name = name if len(name) <= LONGEST_LABEL else f"{name[:LONGEST_LABEL]}..."
    return literal(escaped(name))


def as_svg(figure: Any) -> bytes:
    """Return a figure as an image without network, dates or random names."""
    from matplotlib import rc_context

    file = io.BytesIO()
    with rc_context({"svg.hashsalt": "sklearn_genre"}):
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return file.getvalue()
