"""What a model predicts: densities of rows, or a fan over one feature."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_genre._checks import shown
from sklearn_genre.distributions import PredictiveDistribution
from sklearn_genre.inspection._axes import axes_or_new
from sklearn_genre.inspection._checks import (
    Array,
    check_distribution,
    check_levels,
    check_numbers,
    check_targets,
)
from sklearn_genre.inspection._densities import densities, density_edges
from sklearn_genre.inspection._fan import (
    average,
    averaged_rows,
    feature_column,
    feature_values,
    with_feature,
)
from sklearn_genre.inspection._model import predict_distribution
from sklearn_genre.inspection._style import (
    BLUE,
    LIGHT_BLUE,
    VERMILION,
    ink,
    literal,
    styled,
    tint,
    wrapped,
)

# Height of a density; the next row is one unit below.
HEIGHT = 0.8


class PredictiveDistributionDisplay:
    """Predictive densities of some rows, or a fan of intervals over one feature.

    Densities are stacked, each scaled to its own peak, with the median and, if given,
    the true target. A fan shows the median and central intervals as functions of a
    number, with the data as points.

    Create it with `from_estimator` or `from_predictions`.

    Parameters
    ----------
    dist : PredictiveDistribution
        The rows to draw.
    x : ndarray of shape (n,) or None, default=None
        The number of each row, ascending, for a fan; None draws densities.
    y_true : ndarray or None, default=None
        True targets: of shape (n,) for densities, of any length for a fan.
    x_true : ndarray or None, default=None
        The horizontal positions of the true targets of a fan.
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
        The true targets.
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
            True targets; None leaves them out.
        rows : int, slice or array-like of int, default=None
            Rows whose densities are drawn; None means the first five.
        feature : int or str, default=None
            Index or name of a numeric column: draw a fan over its range. Each
            distribution of the fan is an average, as in partial dependence: this
            feature is replaced in up to 100 evenly spaced rows of X, and the others are
            kept.
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
            If the estimator does not predict distributions, the targets and the rows
            differ in number, a row or the feature does not exist, or the feature is not
            numeric.
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
            feature_name=literal(name),
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
        """Draw from predictive distributions and, if given, the true targets.

        Parameters
        ----------
        y_true : array-like of shape (n,) or None
            True targets; None leaves them out.
        dist : PredictiveDistribution
            Predictions of n rows.
        rows : int, slice or array-like of int, default=None
            Rows whose densities are drawn; None means the first five.
        x : array-like of shape (n,), default=None
            A number for each row: draw a fan over these numbers.
        target_name : str, default="y"
            Name of the target in the labels, with its unit if it has one.
        feature_name : str, default="x"
            Name of `x` in the label.
        coverages, ax, **kwargs
            As in `plot`.

        Returns
        -------
        display : PredictiveDistributionDisplay

        Raises
        ------
        TypeError, ValueError, IndexError
            If a target or a number of `x` is not finite, their number is not that of
            the predictions, or a row does not exist.
        """
        check_distribution(dist)
        y = None if y_true is None else check_targets(y_true, dist)
        if x is None:
            chosen = chosen_rows(rows, len(dist))
        elif rows is not None:
            raise ValueError("rows are for densities and x is for a fan; give one.")
        else:
            place = check_numbers(x, len(dist), "x")
            chosen = np.argsort(place, kind="stable")
        display = cls(
            dist=dist[chosen],
            y_true=None if y is None else y[chosen],
            target_name=target_name,
            feature_name=feature_name,
        )
        if x is None:
            display.names = [f"Row {row}" for row in chosen]
        else:
            display.x = display.x_true = place[chosen]
        return display.plot(ax=ax, coverages=coverages, **kwargs)

    def plot(
        self, ax: Any = None, *, coverages: ArrayLike = (0.5, 0.9), **kwargs: Any
    ) -> Self:
        """Draw the densities or the fan.

        Parameters
        ----------
        ax : Axes, default=None
            Axes to draw on; None makes a new figure.
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
        light = tint(ax, BLUE, LIGHT_BLUE)
        style = {"facecolor": light, "edgecolor": BLUE, "linewidth": 1.2}
        style = styled("patch", style, kwargs)
        for height, low in zip(heights, floor, strict=True):
            bars = ax.stairs(low + height, edges, baseline=low, fill=True, **style)
            self.densities_.append(bars)
        self.median_ = ax.vlines(
            median, floor, floor + HEIGHT, color=ink(ax), linewidth=1.4, label="Median"
        )
        if self.y_true is not None:
            self.truth_ = ax.scatter(
                self.y_true,
                floor - 0.08,
                marker="^",
                s=45,
                color=VERMILION,
                edgecolor=ink(ax),
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
                "color": tint(ax, BLUE, shade),
                "linewidth": 0,
                "label": f"{coverage:.0%} interval",
            }
            style = styled("collection", style, kwargs)
            self.bands_.append(ax.fill_between(x, low, high, **style))
        (self.median_,) = ax.plot(
            x, self.dist.median(), color=ink(ax), linewidth=1.6, label="Median"
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


def chosen_rows(rows: Any, n_rows: int) -> NDArray[np.intp]:
    """Return the indices of the rows asked for, by default the first five."""
    every = np.arange(n_rows)
    chosen = every[:5] if rows is None else np.atleast_1d(every[rows])
    if not chosen.size:
        raise ValueError(f"rows must hold at least one row; got {shown(rows, repr)}.")
    return chosen
