"""What more draws from the predictive distributions gain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from sklearn_genre.distributions import PredictiveDistribution
from sklearn_genre.inspection._common import (
    PredictionDisplay,
    axes_or_new,
    check_truth,
    next_style,
    start_at_zero,
    wrapped,
)


class BestAtKDisplay(PredictionDisplay):
    """Expected error of the best, the mean and the median of k draws.

    The best of k draws, chosen by who knows the truth, says whether the truth is within
    reach of the distribution; a model that has become too sure gains little there. The
    mean and the median of k draws are what one predicts by sampling. All are exact: no
    number is drawn.

    Create it by `from_estimator` or `from_predictions`.

    Parameters
    ----------
    ks : sequence of int
        Numbers of draws.
    best, mean, median : ndarray of shape (n_ks,)
        Root of the mean expected squared error of each, in the units of y.
    target_name : str, default="y"
        Name of the target in the labels, with its unit if it has one.

    Attributes
    ----------
    lines_ : list of Line2D
        Of the median, the mean and the best.
    ax_ : Axes
        The axes drawn on.
    figure_ : Figure
        Their figure.

    Examples
    --------
    >>> from sklearn_genre import PredictiveDistribution
    >>> from sklearn_genre.inspection import BestAtKDisplay
    >>> dist = PredictiveDistribution([0.0, 1.0], [[0.5, 0.5]])
    >>> BestAtKDisplay.from_predictions([0.0], dist, ks=[1, 2, 4]).best ** 2
    array([0.5   , 0.25  , 0.0625])
    """

    def __init__(
        self,
        *,
        ks: Sequence[int],
        best: ArrayLike,
        mean: ArrayLike,
        median: ArrayLike,
        target_name: str = "y",
    ) -> None:
        self.ks = ks
        self.best = best
        self.mean = mean
        self.median = median
        self.target_name = target_name

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        dist: PredictiveDistribution,
        *,
        ks: Sequence[int] = (1, 2, 4, 8, 16, 32, 64, 128),
        target_name: str = "y",
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
        ks : sequence of int, default=(1, 2, 4, 8, 16, 32, 64, 128)
            Numbers of draws, at least 1.
        target_name : str, default="y"
            Name of the target in the labels, with its unit if it has one.
        ax, **kwargs
            As in `plot`.

        Returns
        -------
        display : BestAtKDisplay

        Raises
        ------
        TypeError, ValueError
            If the truth is not finite or does not agree with the predictions, `ks` is
            empty, or one of it is no integer or below 1.
        """
        y = check_truth(y_true, dist)
        if not len(ks):
            raise ValueError("ks must hold at least one number of draws; got none.")
        curves = (
            np.array([np.sqrt(error(y, k).mean()) for k in ks])
            for error in (dist.best_at_k, dist.mean_at_k, dist.median_at_k)
        )
        best, mean, median = curves
        display = cls(
            ks=ks, best=best, mean=mean, median=median, target_name=target_name
        )
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> Self:
        """Draw the three curves.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw; None makes a new figure.
        **kwargs : dict
            Passed to ``ax.plot`` for each curve.

        Returns
        -------
        display : BestAtKDisplay
        """
        ax = axes_or_new(ax)
        self.lines_ = []
        for label, errors in (
            ("Median of k", self.median),
            ("Mean of k", self.mean),
            ("Best of k", self.best),
        ):
            style = {**next_style(ax), "label": label, **kwargs}
            self.lines_ += ax.plot(self.ks, errors, **style)
        ax.set_xscale("log", base=2)
        ax.set_xticks(self.ks, labels=[str(k) for k in self.ks])
        ax.minorticks_off()
        start_at_zero(ax)
        ax.set(xlabel="Draws k", ylabel=wrapped("RMSE of", self.target_name))
        ax.legend()
        self.ax_, self.figure_ = ax, ax.figure
        return self
