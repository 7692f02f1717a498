"""Losses of the expected number alone."""

from abc import abstractmethod
from typing import Any

from torch import Tensor

from sklearn_genre._checks import check_real
from sklearn_genre._objective import Objective
from sklearn_genre.outputs import Output

# How close to 0 and 1 a scaled mean comes within the logarithms of LogLoss.
LOG_MARGIN = 1e-6


class ExpectedNumberLoss(Objective):
    """Base of the losses that read the expected number and nothing else.

    The expectation is that of all token sequences, or of the rule of the network
    where it has one: ``DecodingRegressor`` refuses formats that are too large before
    training. The distribution around the mean is left free.

    A new one is a file with one class that writes :meth:`of_mean`.
    """

    @abstractmethod
    def of_mean(self, mean: Tensor, y: Tensor) -> Tensor:
        """Return the loss of expected numbers, all of shape (batch,)."""

    def losses(self, dist: Output, target: Tensor) -> Tensor:
        """Return the loss of each sample, shape (batch,)."""
        return self.of_mean(dist.expectation(), target)


class SquaredError(ExpectedNumberLoss):
    r"""Squared error of the expected number, :math:`(y - E[\hat y])^2`.

    The loss of regression-aware fine-tuning on all token sequences, at most 4,096;
    beyond, take ``RAFT(grid="quantiles")``, or ``ExpectedError(alpha=0)``, which
    samples. The distribution around the mean is left free.

    References
    ----------
    .. [1] Lukasik et al., "Better Autoregressive Regression with LLMs via
           Regression-Aware Fine-Tuning", ICLR 2025.

    Examples
    --------
    >>> from sklearn_genre.losses import SquaredError
    >>> SquaredError()
    SquaredError()
    """

    def of_mean(self, mean: Tensor, y: Tensor) -> Tensor:
        """Return the squared error of expected numbers, shape (batch,)."""
        return (y - mean) ** 2


class LogLoss(ExpectedNumberLoss):
    r"""Cross-entropy of the expected number, scaled to the unit interval.

    .. math:: \ell = -u \log \hat u - (1 - u) \log(1 - \hat u), \qquad
        u = \frac{y - a}{b - a}, \quad \hat u = \frac{E[\hat y] - a}{b - a}

    Its optimum is the mean, like that of the squared error, but errors near the ends
    of the range weigh more. Scaled means stay 1e-6 away from 0 and 1 within the
    logarithms; one outside of [0, 1] also pays the square of its distance, so that
    there always is a way back.

    Parameters
    ----------
    low, high : float, default=0.0 and 1.0
        The ends of the range on the scale of the network: a and b. They must hold the
        scaled training targets; ``RAFT(loss="log")`` sets them.

    References
    ----------
    .. [1] Lukasik et al., "Better Autoregressive Regression with LLMs via
           Regression-Aware Fine-Tuning", ICLR 2025, appendix E.6.

    Examples
    --------
    >>> from sklearn_genre.losses import LogLoss
    >>> LogLoss(low=-2.0, high=3.0).get_params()
    {'high': 3.0, 'low': -2.0}
    """

    def __init__(self, low: float = 0.0, high: float = 1.0) -> None:
        self.low = low
        self.high = high

    def check(self, tokenizer: Any) -> None:
        """Raise unless the ends are numbers that hold the training targets."""
        start = check_real(self.low, "LogLoss.low")
        stop = check_real(self.high, "LogLoss.high")
        low, high = tokenizer.low_, tokenizer.high_
        if not (start <= low and high <= stop):
            raise ValueError(
                f"{self} does not hold the scaled training targets, which go from "
                f"{low} to {high}. Use LogLoss({low}, {high}), or "
                'RAFT(loss="log"), which sets the ends.'
            )

    def of_mean(self, mean: Tensor, y: Tensor) -> Tensor:
        """Return the cross-entropy of expected numbers, shape (batch,)."""
        low, high = float(self.low), float(self.high)
        width = high - low or 1.0
        u = ((y - low) / width).clamp(0, 1)
        return scaled_log_loss((mean - low) / width, u)


def scaled_log_loss(mean: Tensor, u: Tensor) -> Tensor:
    """Return the cross-entropy of means, near [0, 1], to targets in [0, 1]."""
    inside = mean.clamp(LOG_MARGIN, 1 - LOG_MARGIN)
    outside = mean - mean.clamp(0, 1)
    return outside**2 - u * inside.log() - (1 - u) * (-inside).log1p()
