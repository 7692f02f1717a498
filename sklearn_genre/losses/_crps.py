"""Continuous ranked probability score of the whole number."""

from torch import Tensor

from sklearn_genre.losses._number_loss import NumberLoss, mean_of_others
from sklearn_genre.outputs import DigitOutput


class CRPS(NumberLoss):
    r"""Continuous ranked probability score of the distribution on numbers [1]_.

    .. math:: \ell = \int \bigl(F(z) - 1\{z \ge y\}\bigr)^2 dz
        = E|\hat y - y| - \tfrac{1}{2} E|\hat y - \hat y'|

    with :math:`F` the cumulative distribution of the number and :math:`\hat y,
    \hat y'` two independent draws. A proper score in the units of the target: its
    minimum is the true distribution, it rewards near misses where cross-entropy knows
    only hits, and it keeps intervals calibrated where ``ExpectedError`` shrinks them.

    Exact for formats of at most 4,096 strings, from one cumulative sum over the sorted
    numbers; targets may lie between and beyond them. For larger formats the
    expectations are means over ``n_rollouts`` drawn numbers and over their pairs,

    .. math:: \hat \ell = \frac{1}{n} \sum_i |\hat y_i - y|
        - \frac{1}{2 n (n - 1)} \sum_{i \ne j} |\hat y_i - \hat y_j|, \qquad
        A_i = c_i - b_i, \qquad
        c_i = |\hat y_i - y| - \frac{1}{n - 1} \sum_{j \ne i} |\hat y_i - \hat y_j|,

    with :math:`b_i` the mean of the same costs among the other numbers alone: unbiased
    in value (which may be below zero) and gradient. See :class:`NumberLoss`.

    Parameters
    ----------
    n_rollouts : int, default=16
        Sampled numbers per sample and batch, at least two; unused where the loss is
        exact. More lower the noise of the gradient, and cost time in proportion and
        the memory of their pairs.

    References
    ----------
    .. [1] Gneiting and Raftery, "Strictly Proper Scoring Rules, Prediction, and
           Estimation", JASA 102, 2007.

    Examples
    --------
    >>> import torch
    >>> from sklearn_genre.losses import CRPS
    >>> values, y = torch.tensor([0.0, 1.0]), torch.tensor([0.0, 3.0])
    >>> CRPS().exact(values, torch.tensor([[0.5, 0.5], [0.5, 0.5]]), y)
    tensor([0.2500, 2.2500])
    """

    def exact(self, values: Tensor, probs: Tensor, y: Tensor) -> Tensor:
        """Return the score of each distribution, shape (batch,)."""
        return score(values, probs.cumsum(-1)[:, :-1], y)

    def enumerated(self, dist: DigitOutput, y: Tensor) -> Tensor:
        """Return the score from the distribution function alone, shape (batch,)."""
        assert dist.leaves is not None
        return score(dist.leaves.values, dist.cumulative(), y)

    def sampled(self, numbers: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return the estimated loss, (batch,), and the excess, (n_rollouts, batch)."""
        n = len(numbers)
        errors = (numbers - y).abs()
        distances = (numbers[:, None] - numbers).abs().sum(0)  # to all others
        total = distances.sum(0)  # (batch,), of all pairs in both orders
        loss = errors.mean(0) - total / (2 * n * (n - 1))
        cost = errors - distances / (n - 1)
        spread = (total - 2 * distances) / ((n - 1) * max(n - 2, 1))  # of the others
        return loss, cost - (mean_of_others(errors) - spread)


def score(values: Tensor, cumulative: Tensor, y: Tensor) -> Tensor:
    """Return the CRPS of distributions on numbers.

    Parameters
    ----------
    values : Tensor of shape (n_values,)
        Ascending.
    cumulative : Tensor of shape (batch, n_values - 1)
        Probability of all numbers up to each but the last.
    y : Tensor of shape (batch,)

    Returns
    -------
    crps : Tensor of shape (batch,)
    """
    y = y[:, None]
    gap = values.diff()
    below = y.clamp(values[:-1], values[1:]) - values[:-1]  # part of each gap below y
    above = gap - below
    # F^2 below + (1 - F)^2 above, without what does not depend on F
    inside = cumulative * (cumulative * gap.to(cumulative) - 2 * above.to(cumulative))
    outside = y - y.clamp(values[0], values[-1])  # (batch, 1)
    return inside.sum(-1) + above.sum(-1) + outside[:, 0].abs()
