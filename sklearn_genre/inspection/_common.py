"""What the pictures share: axes, line styles, checks and sampling bands."""

from __future__ import annotations

import textwrap
from typing import Any, Self

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array

from sklearn_genre.distributions import PredictiveDistribution

Array = NDArray[np.float64]

# Okabe and Ito's colours for all kinds of colour vision; dark to light in grey.
BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
LIGHT_BLUE, LIGHT_GREY = "#9ECAE9", "0.85"
STYLES: list[dict[str, Any]] = [
    {"color": BLUE, "linestyle": "-", "marker": "o"},
    {"color": VERMILION, "linestyle": "--", "marker": "s"},
    {"color": GREEN, "linestyle": "-.", "marker": "^"},
    {"color": PURPLE, "linestyle": ":", "marker": "D"},
]
# Levels of quantiles, and coverages of intervals, that are compared with the truth.
LEVELS = tuple(np.round(np.linspace(0.05, 0.95, 19), 2).tolist())


class PredictionDisplay:
    """A picture made of the truth and its predictive distributions."""

    @classmethod
    def from_predictions(
        cls, y_true: Any, dist: PredictiveDistribution, **options: Any
    ) -> Self:
        """Draw from the truth and its predictive distributions."""
        raise NotImplementedError

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: ArrayLike, **options: Any
    ) -> Self:
        """Draw from a fitted estimator and data that it has not seen.

        Parameters
        ----------
        estimator : estimator
            Fitted, one of this package, a ``Pipeline`` that ends in one or a search
            over either.
        X : array-like or data frame of shape (n, n_features)
            Rows to predict.
        y : array-like of shape (n,)
            The truth.
        **options : dict
            As in ``from_predictions``, `ax` among them.

        Returns
        -------
        display : Display
            With the picture drawn.

        Raises
        ------
        TypeError
            If the estimator does not predict distributions.
        """
        return cls.from_predictions(y, predict_distribution(estimator, X), **options)


def pyplot() -> Any:
    """Return ``matplotlib.pyplot``, or say how to install it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            "Pictures need matplotlib, which is not installed. Install it with "
            'python -m pip install "sklearn_genre[plot]".'
        ) from error
    return plt


def axes_or_new(ax: Any) -> Any:
    """Return the axes to draw on: those given, or those of a new figure."""
    plt = pyplot()
    return plt.subplots(layout="constrained")[1] if ax is None else ax


def panels(ax: Any, n_rows: int, n_columns: int) -> NDArray[Any]:
    """Divide axes into a grid that shares x in each column; or take such a grid.

    The axes given stay as an empty frame around the grid.
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
            f"plt.subplots or plt.subplot_mosaic; got {ax!r}. Or give a list of "
            f"{n_rows * n_columns} axes."
        )
    ax.set_axis_off()
    grid = place.subgridspec(n_rows, n_columns)
    panels: NDArray[Any] = grid.subplots(sharex="col", squeeze=False)
    return panels


def wrapped(*parts: str, width: int = 26) -> str:
    """Return a label in one line, or its parts in lines that fit a small panel."""
    label = " ".join(parts)
    if len(label) <= width:
        return label
    return "\n".join(textwrap.fill(part, width) for part in parts)


def next_style(ax: Any) -> dict[str, Any]:
    """Return colour, line style and marker of the next line with markers on axes."""
    n_lines = sum(line.get_marker() not in ("None", "") for line in ax.lines)
    return {**STYLES[n_lines % len(STYLES)], "markersize": 4.5, "linewidth": 1.6}


def start_at_zero(ax: Any) -> None:
    """Let the y axis run from zero to all that is drawn, on shared axes too."""
    ax.autoscale(axis="y")
    ax.set_ylim(bottom=0)


def found(estimator: Any) -> Any:
    """Return the best estimator of a fitted search, or the estimator itself."""
    return getattr(estimator, "best_estimator_", estimator)


def fitted(estimator: Any) -> Any:
    """Return the last step of a pipeline, or the estimator itself."""
    return estimator[-1] if isinstance(estimator, Pipeline) else estimator


def predict_distribution(estimator: Any, X: Any) -> PredictiveDistribution:
    """Return the predictive distributions of an estimator, a pipeline or a search."""
    estimator = found(estimator)
    if not hasattr(fitted(estimator), "predict_distribution"):
        raise TypeError(
            "estimator must predict distributions, as DecodingRegressor does, or be a "
            "Pipeline that ends in one that does, or a fitted search over either; got "
            f"{estimator!r}."
        )
    dist: PredictiveDistribution = estimator.predict(X, output_type="distribution")
    return dist


def take_rows(X: Any, rows: ArrayLike) -> Any:
    """Return rows of a data frame, or of anything else as an array."""
    index = np.asarray(rows)
    frame = nw.from_native(X, eager_only=True, pass_through=True)
    if isinstance(frame, nw.DataFrame):
        return frame[index.tolist()].to_native()
    return np.asarray(X)[index]


def check_truth(y_true: ArrayLike, dist: PredictiveDistribution) -> Array:
    """Return the truth as finite float64 of shape (n,), one for each prediction."""
    check_distribution(dist)
    return check_numbers(y_true, len(dist), "y_true")


def check_distribution(dist: Any) -> None:
    """Raise ``TypeError`` for what is no predictive distribution."""
    if not isinstance(dist, PredictiveDistribution):
        raise TypeError(
            "dist must be a PredictiveDistribution, which predict_distribution "
            f"returns; got {type(dist).__name__}."
        )


def check_numbers(numbers: ArrayLike, n_rows: int, name: str) -> Array:
    """Return finite float64 numbers of shape (n_rows,)."""
    column: Array = check_array(
        numbers, ensure_2d=False, dtype=np.float64, input_name=name
    )
    if column.shape != (n_rows,):
        raise ValueError(
            f"{name} must have shape ({n_rows},), one number for each row; got shape "
            f"{column.shape}."
        )
    return column


def check_levels(levels: ArrayLike, name: str) -> Array:
    """Return ascending numbers strictly between 0 and 1."""
    numbers = np.sort(np.asarray(levels, dtype=np.float64))
    if numbers.ndim != 1 or not numbers.size:
        raise ValueError(
            f"{name} must hold at least one number in one dimension; got shape "
            f"{numbers.shape}."
        )
    inside = (numbers > 0) & (numbers < 1)
    if not inside.all():
        raise ValueError(
            f"{name} must lie strictly between 0 and 1; got {numbers[~inside][0]}."
        )
    return numbers


def sampling_band(
    probability: ArrayLike, n_samples: int, confidence: float
) -> tuple[Array, Array]:
    """Return between which fractions of independent successes stay, point by point."""
    check_levels([confidence], "confidence")
    tail = (1 - confidence) / 2
    low, high = (
        binom.ppf(level, n_samples, probability) / n_samples
        for level in (tail, 1 - tail)
    )
    return low, high


def draw_calibrated(ax: Any, levels: Array, n_samples: int, confidence: float) -> Any:
    """Draw, once on axes, the diagonal; return the band of samples around it."""
    label = "Calibrated"
    first = label not in ax.get_legend_handles_labels()[1]
    if first:
        ax.plot([0, 1], [0, 1], color="0.3", linewidth=1, linestyle=":", label=label)
    low, high = sampling_band(levels, n_samples, confidence)
    band = ax.fill_between(
        levels,
        low,
        high,
        color=LIGHT_GREY,
        linewidth=0,
        zorder=0.5,
        label=f"{confidence:.0%} sampling band" if first else None,
    )
    ax.set(xlim=(0, 1), ylim=(0, 1))
    return band
