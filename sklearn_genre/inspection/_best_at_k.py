"""How the error falls as more numbers are drawn from the predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from sklearn_genre.distributions import PredictiveDistribution
from sklearn_genre.inspection._axes import axes_or_new, start_at_zero
from sklearn_genre.inspection._checks import check_targets
from sklearn_genre.inspection._prediction_display import PredictionDisplay
from sklearn_genre.inspection._style import next_style, styled, wrapped


class BestAtKDisplay(PredictionDisplay):
    """Expected error of the best, the mean and the median of k draws.

    The best of k draws is the one nearest to the true target. Its error shows whether
    the distribution reaches the target at all: an overconfident model gains little from
    more draws. The mean and the median of k draws are the predictions one makes by
    sampling. All three errors are exact expectations; nothing is drawn at random.

    Create it with `from_estimator` or `from_predictions`.

    Parameters
    ----------
    ks : sequence of int
        Numbers of draws.
    best, mean, median : ndarray of shape (n_ks,)
        Root of the mean expected squared error for each k, in the units of y.
    target_name : str, default="y"
        Name of the target in the labels, with its unit if it has one.

    Attributes
    ----------
    lines_ : list of Line2D
        The curves of the median, the mean and the best.
    ax_ : Axes
        The axes drawn on.
    figure_ : Figure
        Their figure.

    Examples
    --------
    >>> from sklearn_genre import PredictiveDistribution
    >>> from sklearn_genre.inspection import BestAtKDisplay
    >>> dist = PredictiveDistribution([0.0, 1.0], [[0.5, 0.5]])
    >>> BestAtKDisplay.from_predictions([0.0], dist, ks=[1, 2, 4]).best.round(2)
    array([0.76, 0.49, 0.28])
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
        """Draw from true targets and their predictive distributions.

        Parameters
        ----------
        y_true : array-like of shape (n,)
            True targets.
        dist : PredictiveDistribution
            Predictions for the same n rows.
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
            If a target is not finite, the targets and the predictions differ in number,
            `ks` is empty, or one of `ks` is not an integer of at least 1.
        """
        y = check_targets(y_true, dist)
        if not np.iterable(ks):
            raise TypeError(f"ks must be a list of integers; got {ks!r}.")
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
            Axes to draw on; None makes a new figure.
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
            style = styled("line", {**next_style(ax), "label": label}, kwargs)
            self.lines_ += ax.plot(self.ks, errors, **style)
        ax.set_xscale("log", base=2)
        ax.set_xticks(self.ks, labels=[str(k) for k in self.ks])
        ax.minorticks_off()
        start_at_zero(ax)
        ax.set(xlabel="Draws k", ylabel=wrapped("RMSE of", self.target_name))
        ax.legend()
        self.ax_, self.figure_ = ax, ax.figure
        return self
