"""Whether the truths are spread evenly over their predictive distributions."""

from __future__ import annotations

from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_scalar

from sklearn_genre.distributions import PredictiveDistribution
from sklearn_genre.inspection._common import (
    BLUE,
    LIGHT_BLUE,
    PredictionDisplay,
    axes_or_new,
    check_truth,
    sampling_band,
    start_at_zero,
    wrapped,
)


class PITHistogramDisplay(PredictionDisplay):
    """Histogram of the probability that each prediction gave to at most the truth.

    These probability integral transforms are uniform if the predictions are
    calibrated. A hump means that the distributions are too wide, a valley that they are
    too narrow, a slope that they are too high or too low. The band shows where the bar
    of a bin stays by chance.

    Create it by `from_estimator` or `from_predictions`.

    Parameters
    ----------
    pit : ndarray of shape (n,)
        The predictive cumulative probability at each truth.
    target_name : str, default="y"
        Name of the target in the labels, with its unit if it has one.

    Attributes
    ----------
    bars_ : BarContainer
        The densities of the bins.
    band_ : Rectangle
        Where the bar of one bin stays by chance.
    line_ : Line2D
        The uniform density.
    ax_ : Axes
        The axes drawn on.
    figure_ : Figure
        Their figure.

    References
    ----------
    Gneiting, Balabdaoui and Raftery (2007). Probabilistic forecasts, calibration and
    sharpness. Journal of the Royal Statistical Society B 69(2).

    Examples
    --------
    >>> from sklearn_genre import PredictiveDistribution
    >>> from sklearn_genre.inspection import PITHistogramDisplay
    >>> dist = PredictiveDistribution([0.5], [[1], [1], [1]], edges=[0, 1])
    >>> display = PITHistogramDisplay.from_predictions([0.1, 0.2, 0.9], dist, n_bins=2)
    >>> [round(float(bar.get_height()), 2) for bar in display.bars_]
    [1.33, 0.67]
    """

    def __init__(self, *, pit: ArrayLike, target_name: str = "y") -> None:
        self.pit = pit
        self.target_name = target_name

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        dist: PredictiveDistribution,
        *,
        target_name: str = "y",
        n_bins: int = 10,
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
        target_name : str, default="y"
            Name of the target in the labels, with its unit if it has one.
        n_bins, confidence, ax, **kwargs
            As in `plot`.

        Returns
        -------
        display : PITHistogramDisplay

        Raises
        ------
        TypeError, ValueError
            If the truth is not finite or does not agree with the predictions, or an
            option is out of range.
        """
        y = check_truth(y_true, dist)
        display = cls(pit=dist.cdf(y), target_name=target_name)
        return display.plot(ax=ax, n_bins=n_bins, confidence=confidence, **kwargs)

    def plot(
        self,
        ax: Any = None,
        *,
        n_bins: int = 10,
        confidence: float = 0.9,
        **kwargs: Any,
    ) -> Self:
        """Draw the histogram.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw; None makes a new figure.
        n_bins : int, default=10
            Bins of equal width, at least 2. More need more rows.
        confidence : float, default=0.9
            Probability that one bar of a calibrated prediction stays inside the band,
            in (0, 1), if the rows are independent.
        **kwargs : dict
            Passed to ``ax.bar``.

        Returns
        -------
        display : PITHistogramDisplay
        """
        check_scalar(n_bins, "n_bins", Integral, min_val=2)
        low, high = sampling_band(1 / n_bins, np.size(self.pit), confidence)
        density, edges = np.histogram(self.pit, bins=n_bins, range=(0, 1), density=True)
        ax = axes_or_new(ax)
        style = {"color": LIGHT_BLUE, "edgecolor": BLUE, "linewidth": 1.2, **kwargs}
        self.bars_ = ax.bar(edges[:-1], density, 1 / n_bins, align="edge", **style)
        self.band_ = ax.axhspan(
            low * n_bins,
            high * n_bins,
            facecolor=(0.0, 0.0, 0.0, 0.15),
            edgecolor="black",
            linestyle=":",
            label=f"{confidence:.0%} of bars if calibrated",
        )
        self.line_ = ax.axhline(1, color="black", linestyle="--", linewidth=1.2)
        ax.set(
            xlim=(0, 1),
            xlabel=wrapped(
                "Predicted probability of at most",
                f"the true {self.target_name}",
                width=40,
            ),
            ylabel="Density",
        )
        ax.margins(y=0.25)  # room for the legend
        start_at_zero(ax)
        ax.legend(loc="upper center")
        self.ax_, self.figure_ = ax, ax.figure
        return self
