"""Whether predicted intervals hold what they promise, and how wide they are."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from sklearn_genre.distributions import PredictiveDistribution
from sklearn_genre.inspection._common import (
    LEVELS,
    PredictionDisplay,
    check_levels,
    check_truth,
    draw_calibrated,
    next_style,
    panels,
    start_at_zero,
    wrapped,
)

# Letters in a line of the label of a panel.
LABEL = 16


class IntervalCoverageDisplay(PredictionDisplay):
    """Coverage and mean width of central intervals against their nominal coverage.

    The upper panel shows whether intervals are honest: calibrated ones lie on the
    diagonal, too narrow ones below. The lower panel shows their price; among honest
    models the narrower is better. Several models may share the panels.

    Create it by `from_estimator` or `from_predictions`.

    Parameters
    ----------
    coverages : ndarray of shape (n_coverages,)
        Nominal coverages, ascending.
    observed : ndarray of shape (n_coverages,)
        Share of the truths inside.
    width : ndarray of shape (n_coverages,)
        Mean width of the intervals, in the units of y.
    n_samples : int
        Number of truths, which decides the width of the band.
    target_name : str, default="y"
        Name of the target in the labels, with its unit if it has one.

    Attributes
    ----------
    line_ : Line2D
        Observed against nominal coverage.
    width_line_ : Line2D
        Mean width against nominal coverage.
    band_ : PolyCollection
        Where one observed coverage of a calibrated prediction stays by chance.
    axes_ : ndarray of Axes of shape (2,)
        The panels: coverage above, width below.
    ax_ : Axes
        The upper panel.
    figure_ : Figure
        Their figure.

    Examples
    --------
    >>> from sklearn_genre import PredictiveDistribution
    >>> from sklearn_genre.inspection import IntervalCoverageDisplay
    >>> dist = PredictiveDistribution([5], [[1], [1]], edges=[0, 10])
    >>> display = IntervalCoverageDisplay.from_predictions(
    ...     [1.5, 4.5], dist, coverages=[0.5, 0.8]
    ... )
    >>> display.observed
    array([0.5, 1. ])
    >>> display.width.round(6)
    array([5., 8.])
    """

    def __init__(
        self,
        *,
        coverages: ArrayLike,
        observed: ArrayLike,
        width: ArrayLike,
        n_samples: int,
        target_name: str = "y",
    ) -> None:
        self.coverages = coverages
        self.observed = observed
        self.width = width
        self.n_samples = n_samples
        self.target_name = target_name

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        dist: PredictiveDistribution,
        *,
        coverages: ArrayLike = LEVELS,
        target_name: str = "y",
        name: str | None = None,
        confidence: float = 0.9,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw from the truth and its predictive distributions.

        Parameters
        ----------
        y_true : array-like of shape (n,)
            The truth.
        dist : PredictiveDistribution
            Predictions of the same n rows.
        coverages : array-like of shape (n_coverages,), default=0.05, 0.1, ..., 0.95
            Nominal coverages in (0, 1).
        target_name : str, default="y"
            Name of the target in the labels, with its unit if it has one.
        name, confidence, ax, **kwargs
            As in `plot`.

        Returns
        -------
        display : IntervalCoverageDisplay

        Raises
        ------
        TypeError, ValueError
            If the truth is not finite or does not agree with the predictions, or a
            coverage is outside (0, 1).
        """
        y = check_truth(y_true, dist)[:, None]
        nominal = check_levels(coverages, "coverages")
        tails = (1 - nominal) / 2
        ends = dist.ppf(np.concatenate([tails, 1 - tails]))
        lower, upper = np.split(ends, 2, axis=1)  # (n, n_coverages)
        display = cls(
            coverages=nominal,
            observed=((lower <= y) & (y <= upper)).mean(axis=0),
            width=(upper - lower).mean(axis=0),
            n_samples=len(y),
            target_name=target_name,
        )
        return display.plot(ax=ax, name=name, confidence=confidence, **kwargs)

    def plot(
        self,
        ax: Any = None,
        *,
        name: str | None = None,
        confidence: float = 0.9,
        **kwargs: Any,
    ) -> Self:
        """Draw both panels.

        Parameters
        ----------
        ax : Axes or array-like of two Axes, default=None
            Axes to divide, or the panels themselves, as another model's ``axes_``; None
            makes a new figure.
        name : str or None, default=None
            Name of the model in the legend; None leaves it out.
        confidence : float, default=0.9
            Probability that one observed coverage of a calibrated prediction stays
            inside the band, in (0, 1), if the rows are independent.
        **kwargs : dict
            Passed to ``ax.plot`` for both curves.

        Returns
        -------
        display : IntervalCoverageDisplay
        """
        self.axes_ = panels(ax, 2, 1)[:, 0]
        upper, lower = self.axes_
        nominal = np.asarray(self.coverages)
        self.band_ = draw_calibrated(upper, nominal, self.n_samples, confidence)
        style = {**next_style(upper), **kwargs}
        (self.line_,) = upper.plot(nominal, self.observed, **style)
        (self.width_line_,) = lower.plot(
            nominal, self.width, **{"label": name, **style}
        )
        upper.set_ylabel(wrapped("Observed", "coverage", width=LABEL))
        upper.legend(loc="best", fontsize="small")
        lower.set(
            xlabel=wrapped("Nominal coverage", "of the interval"),
            ylabel=wrapped("Mean width", f"({self.target_name})", width=LABEL),
        )
        start_at_zero(lower)
        if name is not None:
            lower.legend(loc="upper left", fontsize="small")
        self.ax_, self.figure_ = upper, upper.figure
        return self
