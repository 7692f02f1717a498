"""Whether predicted intervals are calibrated, and how wide they are."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from sklearn_genre.distributions import PredictiveDistribution
from sklearn_genre.inspection._axes import panels, start_at_zero
from sklearn_genre.inspection._checks import check_levels, check_targets
from sklearn_genre.inspection._prediction_display import PredictionDisplay
from sklearn_genre.inspection._sampling_band import LEVELS, draw_calibrated
from sklearn_genre.inspection._style import next_style, styled, wrapped

# Most letters in one line of a panel's label.
LABEL = 16


class IntervalCoverageDisplay(PredictionDisplay):
    """Coverage and mean width of central intervals against their nominal coverage.

    In the upper panel, calibrated intervals lie on the diagonal and those that are too
    narrow below it. The lower panel shows the mean width: of two calibrated models, the
    one with narrower intervals is better. Several models can share the panels.

    Create it with `from_estimator` or `from_predictions`.

    Parameters
    ----------
    coverages : ndarray of shape (n_coverages,)
        Nominal coverages, ascending.
    observed : ndarray of shape (n_coverages,)
        Fraction of the targets inside the intervals.
    width : ndarray of shape (n_coverages,)
        Mean width of the intervals, in the units of y.
    n_samples : int
        Number of targets, which sets the width of the band.
    target_name : str, default="y"
        Name of the target in the labels, with its unit if it has one.

    Attributes
    ----------
    line_ : Line2D
        Observed against nominal coverage.
    width_line_ : Line2D
        Mean width against nominal coverage.
    band_ : PolyCollection
        Where an observed coverage of a calibrated prediction falls by chance.
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
        """Draw from true targets and their predictive distributions.

        Parameters
        ----------
        y_true : array-like of shape (n,)
            True targets.
        dist : PredictiveDistribution
            Predictions for the same n rows.
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
            If a target is not finite, the targets and the predictions differ in number,
            or a coverage is outside (0, 1).
        """
        y = check_targets(y_true, dist)[:, None]
        nominal = check_levels(coverages, "coverages")
        tails = (1 - nominal) / 2
        ends = dist.ppf([[*tails, *(1 - tails)]])
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
            Axes to divide, or the two panels, such as the ``axes_`` of another model;
            None makes a new figure.
        name : str or None, default=None
            Name of the model in the legend; None leaves it out.
        confidence : float, default=0.9
            Probability, in (0, 1), that an observed coverage of a calibrated prediction
            falls inside the band, if the rows are independent.
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
        style = styled("line", next_style(upper), kwargs)
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
