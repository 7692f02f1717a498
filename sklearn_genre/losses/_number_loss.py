"""What the losses of the whole decoded number share: exact or sampled."""

from abc import abstractmethod
from typing import Any

from torch import Tensor

from sklearn_genre._checks import check_integer
from sklearn_genre._objective import Objective
from sklearn_genre.outputs import DigitOutput


class NumberLoss(Objective):
    r"""Base of the losses that read a distribution as one on numbers.

    Formats of at most 4,096 strings are exact: the loss is a function of the
    probabilities of all numbers, so its gradient has no variance. Beyond,
    ``n_rollouts`` sampled numbers give an unbiased estimate of the loss, which is the
    value, and of its gradient by the score function,

    .. math:: \frac{1}{n} \sum_{i=1}^{n} A_i \nabla \log \pi(\hat y_i),

    where the excess :math:`A_i` says how much worse a number is than the others. One
    pass draws and scores the numbers, so both see the same network under dropout.

    A new loss is a file with one class that writes :meth:`exact` and :meth:`sampled`,
    and a line in ``LOSSES``.

    Parameters
    ----------
    n_rollouts : int, default=16
        Sampled numbers per sample and batch, at least two; unused where the loss is
        exact. More cost time in proportion and lower the noise of the gradient.
    """

    def __init__(self, n_rollouts: int = 16) -> None:
        self.n_rollouts = n_rollouts

    def check(self, tokenizer: Any) -> None:
        """Raise ``ValueError`` or ``TypeError`` if a parameter is out of its range."""
        check_integer(self.n_rollouts, f"{type(self).__name__}.n_rollouts", 2)

    @abstractmethod
    def exact(self, values: Tensor, probs: Tensor, y: Tensor) -> Tensor:
        """Return the loss of each distribution on numbers.

        Parameters
        ----------
        values : Tensor of shape (n_values,)
            Ascending.
        probs : Tensor of shape (batch, n_values)
        y : Tensor of shape (batch,)

        Returns
        -------
        loss : Tensor of shape (batch,)
            Differentiable in ``probs``.
        """

    def enumerated(self, dist: DigitOutput, y: Tensor) -> Tensor:
        """Return :meth:`exact` of a distribution on all numbers, shape (batch,)."""
        support = dist.support()
        return self.exact(support.values, support.probs, y)

    @abstractmethod
    def sampled(self, numbers: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return unbiased estimates of the loss, and what the gradient needs.

        Parameters
        ----------
        numbers : Tensor of shape (n_rollouts, batch)
            Independent draws from each distribution.
        y : Tensor of shape (batch,)

        Returns
        -------
        loss : Tensor of shape (batch,)
        excess : Tensor of shape (n_rollouts, batch)
            The mean of excess times score is an unbiased estimate of the gradient.
        """

    def losses(self, dist: DigitOutput, target: Tensor) -> Tensor:
        """Return the losses or unbiased estimates of them, shape (batch,)."""
        if dist.leaves is not None:
            return self.enumerated(dist, target)
        tokens, log_probs = dist.rollout(int(self.n_rollouts))
        loss, excess = self.sampled(dist.numbers(tokens), target)
        score = (excess * log_probs.sum(-1)).mean(0)  # (batch,)
        return loss + (score - score.detach())


def mean_of_others(x: Tensor) -> Tensor:
    """Return, for each entry along the first dimension, the mean of all others."""
    return (x.sum(0) - x) / (len(x) - 1)
