"""Whether predicted quantiles are calibrated."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from sklearn_genre.distributions import PredictiveDistribution
from sklearn_genre.inspection._axes import axes_or_new
from sklearn_genre.inspection._checks import check_levels, check_targets
from sklearn_genre.inspection._prediction_display import PredictionDisplay
from sklearn_genre.inspection._sampling_band import LEVELS, draw_calibrated
from sklearn_genre.inspection._style import next_style, styled, wrapped


class CalibrationDisplay(PredictionDisplay):
    """Observed against nominal levels of predicted quantiles.

    Calibrated predictions lie on the diagonal: a fraction q of the targets is at or
    below the predicted quantile of level q. If the curve is flatter than the diagonal
    in the middle, the distributions are too narrow; if it is steeper, they are too
    wide. Several models can share the axes.

    Create it with `from_estimator` or `from_predictions`.

    Parameters
    ----------
    levels : ndarray of shape (n_levels,)
        Nominal levels, ascending.
    observed : ndarray of shape (n_levels,)
        Fraction of the targets at or below the quantile of each level.
    n_samples : int
        Number of targets, which sets the width of the band.
    target_name : str, default="y"
        Name of the target in the labels.

    Attributes
    ----------
    line_ : Line2D
        Observed against nominal levels.
    band_ : PolyCollection
        Where an observed level of a calibrated prediction falls by chance.
    ax_ : Axes
        The axes drawn on.
    figure_ : Figure
        Their figure.

    Examples
    --------
    >>> from sklearn_genre import PredictiveDistribution
    >>> from sklearn_genre.inspection import CalibrationDisplay
    >>> dist = PredictiveDistribution([0.5], [[1], [1]], edges=[0, 1])
    >>> display = CalibrationDisplay.from_predictions(
    ...     [0.2, 0.6], dist, levels=[0.1, 0.5, 0.9]
    ... )
    >>> display.observed
    array([0. , 0.5, 1. ])
    """

    def __init__(
        self,
        *,
        levels: ArrayLike,
        observed: ArrayLike,
        n_samples: int,
        target_name: str = "y",
    ) -> None:
        self.levels = levels
        self.observed = observed
        self.n_samples = n_samples
        self.target_name = target_name

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        dist: PredictiveDistribution,
        *,
        levels: ArrayLike = LEVELS,
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
        levels : array-like of shape (n_levels,), default=0.05, 0.1, ..., 0.95
            Nominal levels in (0, 1).
        target_name : str, default="y"
            Name of the target in the labels.
        name, confidence, ax, **kwargs
            As in `plot`.

        Returns
        -------
        display : CalibrationDisplay

        Raises
        ------
        TypeError, ValueError
            If a target is not finite, the targets and the predictions differ in number,
            or a level is outside (0, 1).
        """
        y = check_targets(y_true, dist)
        nominal = check_levels(levels, "levels")
        display = cls(
            levels=nominal,
            observed=(dist.cdf(y)[:, None] <= nominal).mean(axis=0),
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
        """Draw the curve.

        Parameters
        ----------
        ax : Axes, default=None
            Axes to draw on, which may already show another model; None makes a new
            figure.
        name : str or None, default=None
            Name of the model in the legend; None leaves it out.
        confidence : float, default=0.9
            Probability, in (0, 1), that an observed level of a calibrated prediction
            falls inside the band, if the rows are independent.
        **kwargs : dict
            Passed to ``ax.plot`` for the curve.

        Returns
        -------
        display : CalibrationDisplay
        """
        ax = axes_or_new(ax)
        nominal = np.asarray(self.levels)
        self.band_ = draw_calibrated(ax, nominal, self.n_samples, confidence)
        style = styled("line", {**next_style(ax), "label": name}, kwargs)
        (self.line_,) = ax.plot(nominal, self.observed, **style)
        ax.set(
            aspect="equal",
            xlabel="Nominal level of the quantile",
            ylabel=wrapped("Share at or below it", f"({self.target_name})"),
        )
        ax.legend(loc="best", fontsize="small")
        self.ax_, self.figure_ = ax, ax.figure
        return self
