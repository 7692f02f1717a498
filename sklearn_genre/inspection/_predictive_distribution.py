"""What a model predicts: densities of rows, or a fan over one feature."""

from __future__ import annotations

from numbers import Integral
from typing import Any, Self

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_scalar

from sklearn_genre.distributions import PredictiveDistribution
from sklearn_genre.inspection._common import (
    BLUE,
    LIGHT_BLUE,
    VERMILION,
    Array,
    axes_or_new,
    check_distribution,
    check_levels,
    check_numbers,
    check_truth,
    predict_distribution,
    take_rows,
    wrapped,
)

# Bins in which a density is drawn; what is left out of the picture on either side.
N_BINS = 120
TAIL = 0.002
# Height of a density, where the next row is one unit below.
HEIGHT = 0.8
# Values of a feature at which a fan is computed; rows over which it is averaged.
N_VALUES = 50
N_AVERAGED = 100


class PredictiveDistributionDisplay:
    """Predictive densities of some rows, or a fan of intervals over one feature.

    Densities stand below each other, each scaled to its own peak, with the median and,
    if it is given, the truth. A fan shows the median and central intervals against a
    number, with the data as points.

    Create it by `from_estimator` or `from_predictions`.

    Parameters
    ----------
    dist : PredictiveDistribution
        The rows to draw.
    x : ndarray of shape (n,) or None, default=None
        A number for each row, ascending, for a fan; None draws densities.
    y_true : ndarray or None, default=None
        Truths: of shape (n,) for densities, of any length for a fan.
    x_true : ndarray or None, default=None
        Where the truths of a fan stand.
    names : sequence of str or None, default=None
        Names of the rows of densities; None means "Row 0" and so on.
    target_name : str, default="y"
        Name of the target in the labels, with its unit if it has one.
    feature_name : str, default="x"
        Name of the feature of a fan.

    Attributes
    ----------
    densities_ : list of StepPatch
        One for each row; empty for a fan.
    bands_ : list of PolyCollection
        One for each coverage, the widest first; empty for densities.
    median_ : Line2D or LineCollection
        The medians.
    truth_ : PathCollection or None
        The truths.
    ax_ : Axes
        The axes drawn on.
    figure_ : Figure
        Their figure.

    Examples
    --------
    >>> from sklearn_genre import PredictiveDistribution
    >>> from sklearn_genre.inspection import PredictiveDistributionDisplay
    >>> dist = PredictiveDistribution([0, 1, 2], [[1, 2, 1], [4, 2, 1]])
    >>> display = PredictiveDistributionDisplay.from_predictions([1.2, 0.1], dist)
    >>> len(display.densities_)
    2
    >>> fan = PredictiveDistributionDisplay.from_predictions(
    ...     [1.2, 0.1], dist, x=[10, 20], coverages=[0.5]
    ... )
    >>> len(fan.bands_)
    1
    """

    def __init__(
        self,
        *,
        dist: PredictiveDistribution,
        x: Array | None = None,
        y_true: Array | None = None,
        x_true: Array | None = None,
        names: list[str] | None = None,
        target_name: str = "y",
        feature_name: str = "x",
    ) -> None:
        self.dist = dist
        self.x = x
        self.y_true = y_true
        self.x_true = x_true
        self.names = names
        self.target_name = target_name
        self.feature_name = feature_name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike | None = None,
        *,
        rows: Any = None,
        feature: int | str | None = None,
        target_name: str = "y",
        coverages: ArrayLike = (0.5, 0.9),
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw from a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            Fitted, one of this package, a ``Pipeline`` that ends in one or a search
            over either.
        X : array-like or data frame of shape (n, n_features)
            Rows to predict.
        y : array-like of shape (n,), default=None
            The truth; None leaves it out.
        rows : int, slice or array-like of int, default=None
            Rows of densities; None means the first five.
        feature : int or str, default=None
            Index or name of a numeric column: draw a fan over its range. The fan is
            that of the average distribution: up to 100 rows of X, evenly chosen, have
            this feature replaced and the others kept, as in partial dependence.
        target_name : str, default="y"
            Name of the target in the labels, with its unit if it has one.
        coverages, ax, **kwargs
            As in `plot`.

        Returns
        -------
        display : PredictiveDistributionDisplay

        Raises
        ------
        TypeError, ValueError, IndexError
            If the estimator does not predict distributions, the truth does not agree
            with the rows, or a row or the feature does not exist or is not numeric.
        """
        options = {"target_name": target_name, "coverages": coverages, "ax": ax}
        if feature is None:
            dist = predict_distribution(estimator, X)
            return cls.from_predictions(y, dist, rows=rows, **options, **kwargs)
        if rows is not None:
            raise ValueError(
                "rows are for densities and feature is for a fan; give one of them."
            )
        index, name, column = feature_column(X, feature)
        x, rows = feature_values(column, name), averaged_rows(X)
        swept = with_feature(X, index, np.tile(rows, len(x)), np.repeat(x, len(rows)))
        display = cls(
            dist=average(predict_distribution(estimator, swept), len(rows)),
            x=x,
            target_name=target_name,
            feature_name=name,
        )
        if y is not None:
            known = np.isfinite(column)
            display.y_true = check_numbers(y, len(column), "y")[known]
            display.x_true = column[known]
        return display.plot(ax=ax, coverages=coverages, **kwargs)

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike | None,
        dist: PredictiveDistribution,
        *,
        rows: Any = None,
        x: ArrayLike | None = None,
        target_name: str = "y",
        feature_name: str = "x",
        coverages: ArrayLike = (0.5, 0.9),
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw from predictive distributions and the truth.

        Parameters
        ----------
        y_true : array-like of shape (n,) or None
            The truth; None leaves it out.
        dist : PredictiveDistribution
            Predictions of n rows.
        rows : int, slice or array-like of int, default=None
            Rows of densities; None means the first five.
        x : array-like of shape (n,), default=None
            A number for each row: draw a fan over it.
        target_name : str, default="y"
            Name of the target in the labels, with its unit if it has one.
        feature_name : str, default="x"
            What `x` is.
        coverages, ax, **kwargs
            As in `plot`.

        Returns
        -------
        display : PredictiveDistributionDisplay

        Raises
        ------
        TypeError, ValueError, IndexError
            If the truth or `x` is not finite or does not agree with the predictions,
            or a row does not exist.
        """
        check_distribution(dist)
        truth = None if y_true is None else check_truth(y_true, dist)
        display = cls(dist=dist, target_name=target_name, feature_name=feature_name)
        if x is None:
            every = np.arange(len(dist))
            chosen = every[:5] if rows is None else np.atleast_1d(every[rows])
            if not np.size(chosen):
                raise ValueError(f"rows must hold at least one row; got {rows!r}.")
            display.dist = dist[chosen]
            display.y_true = None if truth is None else truth[chosen]
            display.names = [f"Row {row}" for row in chosen]
        elif rows is not None:
            raise ValueError("rows are for densities and x is for a fan; give one.")
        else:
            place = check_numbers(x, len(dist), "x")
            order = np.argsort(place, kind="stable")
            display.dist, display.x = dist[order], place[order]
            display.y_true = None if truth is None else truth[order]
            display.x_true = display.x
        return display.plot(ax=ax, coverages=coverages, **kwargs)

    def plot(
        self, ax: Any = None, *, coverages: ArrayLike = (0.5, 0.9), **kwargs: Any
    ) -> Self:
        """Draw the densities or the fan.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw; None makes a new figure.
        coverages : array-like of float, default=(0.5, 0.9)
            Coverages of the intervals of a fan, in (0, 1).
        **kwargs : dict
            Passed to ``ax.stairs`` for densities, to ``ax.fill_between`` for a fan.

        Returns
        -------
        display : PredictiveDistributionDisplay
        """
        nominal = check_levels(coverages, "coverages")[::-1]
        ax = axes_or_new(ax)
        self.densities_: list[Any] = []
        self.bands_: list[Any] = []
        self.truth_ = None
        if self.x is None:
            self._plot_densities(ax, kwargs)
        else:
            self._plot_fan(ax, self.x, nominal, kwargs)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _plot_densities(self, ax: Any, kwargs: dict[str, Any]) -> None:
        """Draw the rows below each other."""
        edges = density_edges(self.dist, self.y_true)
        heights = HEIGHT * densities(self.dist, edges)
        median = self.dist.median()
        floor = -np.arange(len(self.dist), dtype=np.float64)
        style = {"facecolor": LIGHT_BLUE, "edgecolor": BLUE, "linewidth": 1.2, **kwargs}
        for height, low in zip(heights, floor, strict=True):
            bars = ax.stairs(low + height, edges, baseline=low, fill=True, **style)
            self.densities_.append(bars)
        self.median_ = ax.vlines(
            median, floor, floor + HEIGHT, color="black", linewidth=1.4, label="Median"
        )
        if self.y_true is not None:
            self.truth_ = ax.scatter(
                self.y_true,
                floor - 0.08,
                marker="^",
                s=45,
                color=VERMILION,
                edgecolor="black",
                linewidth=0.6,
                zorder=3,
                label="Truth",
            )
        names = self.names or [f"Row {row}" for row in range(len(floor))]
        ax.set_yticks(floor, labels=names)
        ax.tick_params(axis="y", length=0)
        ax.set(
            xlim=(edges[0], edges[-1]),
            ylim=(floor[-1] - 0.25, HEIGHT + 0.1 + 0.08 * len(floor)),
            xlabel=wrapped(self.target_name, width=40),
            ylabel=wrapped("Density, each", "scaled to its peak"),
        )
        ax.legend(loc="upper right", ncols=2)

    def _plot_fan(
        self, ax: Any, x: Array, coverages: Array, kwargs: dict[str, Any]
    ) -> None:
        """Draw the bands, the widest first, the median and the points."""
        shades = np.linspace(0.2, 0.5, len(coverages))
        for coverage, shade in zip(coverages, shades, strict=True):
            low, high = self.dist.interval(coverage).T
            style = {
                "color": mixed_with_white(BLUE, shade),
                "linewidth": 0,
                "label": f"{coverage:.0%} interval",
                **kwargs,
            }
            self.bands_.append(ax.fill_between(x, low, high, **style))
        (self.median_,) = ax.plot(
            x, self.dist.median(), color="black", linewidth=1.6, label="Median"
        )
        if self.y_true is not None:
            self.truth_ = ax.scatter(
                self.x_true,
                self.y_true,
                s=12,
                facecolor="none",
                edgecolor=VERMILION,
                linewidth=1.0,
                zorder=1.9,
                label="Data",
            )
        ax.set(
            xlabel=wrapped(self.feature_name, width=40),
            ylabel=wrapped(self.target_name),
        )
        ax.legend()


def density_edges(dist: PredictiveDistribution, y_true: Array | None) -> Array:
    """Return the edges of equal bins over what all rows and truths need."""
    points = dist.ppf([TAIL, 1 - TAIL])
    if y_true is not None:
        points = np.append(points, y_true)
    low, high = points.min(), points.max()
    margin = 0.03 * (high - low)
    smallest = 1e-9 * max(abs(low), abs(high))
    if margin <= smallest:  # all the mass, and the truth, at one number
        margin = max(abs(low), abs(high)) / 2 or 1.0
    return np.linspace(low - margin, high + margin, N_BINS + 1)


def densities(dist: PredictiveDistribution, edges: Array) -> Array:
    """Return the mass of each bin as a share of the largest of its row."""
    queries = np.broadcast_to(edges, (len(dist), len(edges)))
    mass = np.diff(dist.cdf(queries), axis=1)  # (n, N_BINS)
    return mass / mass.max(axis=1, keepdims=True)


def mixed_with_white(color: str, share: float) -> tuple[float, ...]:
    """Return a share of a hexadecimal colour in white."""
    parts = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return tuple(1 - share + share * part for part in parts)


def feature_column(X: Any, feature: int | str) -> tuple[int, str, Array]:
    """Return index, name and numbers of a column."""
    frame = nw.from_native(X, eager_only=True, pass_through=True)
    is_frame = isinstance(frame, nw.DataFrame)
    n_features = np.shape(X)[1]
    names = frame.columns if is_frame else [f"Feature {i}" for i in range(n_features)]
    if isinstance(feature, str):
        if feature not in names:
            raise ValueError(f"feature must be one of {names}; got {feature!r}.")
        feature = names.index(feature)
    check_scalar(feature, "feature", Integral, min_val=0, max_val=n_features - 1)
    name = str(names[feature])
    column = frame[:, feature].to_numpy() if is_frame else np.asarray(X)[:, feature]
    try:
        return feature, name, column.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"feature must be a numeric column; {name!r} holds {column.tolist()[0]!r}."
        ) from error


def feature_values(column: Array, name: str) -> Array:
    """Return the numbers of a column that occur, or a grid if there are many."""
    values = np.unique(column[np.isfinite(column)])
    if len(values) < 2:
        raise ValueError(f"feature must vary; {name!r} holds only {values.tolist()}.")
    if len(values) <= N_VALUES:
        return values
    return np.linspace(values[0], values[-1], N_VALUES)


def averaged_rows(X: Any) -> NDArray[np.intp]:
    """Return the rows whose other features a fan is averaged over."""
    n_rows, n_features = np.shape(X)
    if n_features == 1:
        return np.zeros(1, dtype=np.intp)
    rows = np.linspace(0, n_rows - 1, min(n_rows, N_AVERAGED)).round()
    return rows.astype(np.intp)


def with_feature(X: Any, index: int, rows: NDArray[np.intp], values: Array) -> Any:
    """Return rows of X with other numbers in one column."""
    frame = nw.from_native(X, eager_only=True, pass_through=True)
    if not isinstance(frame, nw.DataFrame):
        part = take_rows(X, rows)
        part = part.astype(np.float64) if part.dtype.kind in "iub" else part
        part[:, index] = values
        return part
    column = nw.new_series(
        frame.columns[index], values, nw.Float64, backend=frame.implementation
    )
    return frame[rows.tolist()].with_columns(column).to_native()


def average(dist: PredictiveDistribution, n_each: int) -> PredictiveDistribution:
    """Return the equal mixtures of each `n_each` rows in turn."""
    if n_each == 1:
        return dist
    mass = dist.pmf()
    n_mixtures = len(dist) // n_each
    if dist.support.ndim == 1 and dist.edges.ndim == 1:
        mean = mass.reshape(n_mixtures, n_each, -1).mean(axis=1)
        return PredictiveDistribution(dist.support, mean, edges=dist.edges)
    values = np.broadcast_to(dist.support, mass.shape).reshape(n_mixtures, -1)
    order = np.argsort(values, axis=1, kind="stable")
    mass = mass.reshape(n_mixtures, -1)
    return PredictiveDistribution(
        np.take_along_axis(values, order, axis=1),
        np.take_along_axis(mass, order, axis=1),
    )
