"""Whether true targets are spread evenly over their predictive distributions."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from sklearn_genre._checks import check_integer
from sklearn_genre.distributions import PredictiveDistribution
from sklearn_genre.inspection._axes import axes_or_new, start_at_zero
from sklearn_genre.inspection._checks import check_targets
from sklearn_genre.inspection._prediction_display import PredictionDisplay
from sklearn_genre.inspection._sampling_band import sampling_band
from sklearn_genre.inspection._style import (
    BLUE,
    LIGHT_BLUE,
    LIGHT_GREY,
    ink,
    styled,
    tint,
    wrapped,
)


class PITHistogramDisplay(PredictionDisplay):
    """Histogram of the predicted cumulative probability at each true target.

    These probability integral transforms are uniform if the predictions are
    calibrated. A hump means that the distributions are too wide, a valley that they are
    too narrow, and a slope that they are too high or too low. The band shows how far a
    bar strays by chance.

    Create it with `from_estimator` or `from_predictions`.

    Parameters
    ----------
    pit : ndarray of shape (n,)
        The predicted cumulative probability at each target.
    target_name : str, default="y"
        Name of the target in the labels, with its unit if it has one.

    Attributes
    ----------
    bars_ : BarContainer
        The densities of the bins.
    band_ : Rectangle
        Where the bar of a bin ends by chance.
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
        """Draw from true targets and their predictive distributions.

        Parameters
        ----------
        y_true : array-like of shape (n,)
            True targets.
        dist : PredictiveDistribution
            Predictions for the same n rows.
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
            If a target is not finite, the targets and the predictions differ in number,
            or an option is out of range.
        """
        y = check_targets(y_true, dist)
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
            Axes to draw on; None makes a new figure.
        n_bins : int, default=10
            Number of bins of equal width, at least 2. More bins need more rows.
        confidence : float, default=0.9
            Probability, in (0, 1), that a bar of a calibrated prediction ends inside
            the band, if the rows are independent.
        **kwargs : dict
            Passed to ``ax.bar``.

        Returns
        -------
        display : PITHistogramDisplay
        """
        check_integer(n_bins, "n_bins", 2)
        low, high = sampling_band(1 / n_bins, np.size(self.pit), confidence)
        density, edges = np.histogram(self.pit, bins=n_bins, range=(0, 1), density=True)
        ax = axes_or_new(ax)
        light = tint(ax, BLUE, LIGHT_BLUE)
        style = {"color": light, "edgecolor": BLUE, "linewidth": 1.2}
        style = styled("patch", style, kwargs)
        self.bars_ = ax.bar(edges[:-1], density, 1 / n_bins, align="edge", **style)
        self.band_ = ax.axhspan(
            low * n_bins,
            high * n_bins,
            facecolor=(ink(ax), LIGHT_GREY),
            edgecolor=ink(ax),
            linestyle=":",
            label=f"{confidence:.0%} of bars if calibrated",
        )
        self.line_ = ax.axhline(1, color=ink(ax), linestyle="--", linewidth=1.2)
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
