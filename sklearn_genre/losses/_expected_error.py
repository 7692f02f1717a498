"""Expected squared error: bias and variance of the whole number."""

from typing import Any

from torch import Tensor

from sklearn_genre._checks import check_real
from sklearn_genre.losses._number_loss import NumberLoss, mean_of_others


class ExpectedError(NumberLoss):
    r"""Squared error of the mean, plus the variance of the number times a weight.

    .. math:: \ell = (y - E[\hat y])^2 + \alpha \operatorname{Var}[\hat y]
        = \alpha\, E\bigl[(y - \hat y)^2\bigr] + (1 - \alpha) (y - E[\hat y])^2

    With :math:`\alpha = 1` this is the expected squared error of a drawn number
    (minimum Bayes risk [1]_), whose gradient ReMax, RLOO and unscaled GRPO estimate:
    the distribution shrinks to the number nearest to :math:`E[y \mid x]`. With
    :math:`\alpha = 0` it is the regression-aware loss RAFT [1]_, which asks for the
    mean alone and leaves the rest of the distribution free. It is a loss of numbers, no
    proper score: for calibrated intervals take ``CRPS``.

    Exact for formats of at most 4,096 strings. Beyond, with errors
    :math:`r_i = \hat y_i - y` of ``n_rollouts`` drawn numbers and :math:`\bar r_{-i}`
    the mean of the others,

    .. math:: \hat \ell = \frac{1}{n} \sum_i \alpha r_i^2
        + (1 - \alpha) r_i \bar r_{-i}, \qquad
        A_i = \alpha \bigl(r_i^2 - \overline{r^2}_{-i}\bigr)
        + 2 (1 - \alpha) \bar r_{-i} (r_i - \bar r_{-i}),

    unbiased in value and gradient (a value may be below zero when
    :math:`\alpha < 1`). From random weights, drawn numbers with :math:`\alpha = 1`
    settle early on a poor number: on such formats pretrain by cross-entropy or
    ``CRPS``, or lower :math:`\alpha`. See :class:`NumberLoss`.

    Parameters
    ----------
    alpha : float, default=1.0
        Weight of the variance, at least 0. Lower it to move the mean and keep the
        spread; above 1 the distribution shrinks faster.
    n_rollouts : int, default=16
        Sampled numbers per sample and batch, at least two; unused where the loss is
        exact. More cost time in proportion and lower the noise of the gradient.

    References
    ----------
    .. [1] Lukasik et al., "Better Autoregressive Regression with LLMs via
           Regression-Aware Fine-Tuning", ICLR 2025.

    Examples
    --------
    >>> import torch
    >>> from sklearn_genre.losses import ExpectedError
    >>> values, y = torch.tensor([0.0, 1.0]), torch.tensor([1.0])
    >>> probs = torch.tensor([[0.5, 0.5]])
    >>> ExpectedError().exact(values, probs, y)
    tensor([0.5000])
    >>> ExpectedError(alpha=0.0).exact(values, probs, y)
    tensor([0.2500])
    """

    def __init__(self, alpha: float = 1.0, n_rollouts: int = 16) -> None:
        super().__init__(n_rollouts)
        self.alpha = alpha

    def check(self, tokenizer: Any) -> None:
        """Raise ``ValueError`` or ``TypeError`` if a parameter is out of its range."""
        super().check(tokenizer)
        check_real(self.alpha, "ExpectedError.alpha", 0)

    def exact(self, values: Tensor, probs: Tensor, y: Tensor) -> Tensor:
        """Return squared bias plus weighted variance of each sample, shape (batch,)."""
        errors = values - y[:, None]  # (batch, n_values)
        bias = (probs * errors).sum(-1)  # (batch,)
        variance = (probs * (errors - bias[:, None]) ** 2).sum(-1)
        return bias**2 + float(self.alpha) * variance

    def sampled(self, numbers: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return the estimated loss, (batch,), and the excess, (n_rollouts, batch)."""
        alpha, errors = float(self.alpha), numbers - y
        others, squares = mean_of_others(errors), errors**2
        loss = alpha * squares + (1 - alpha) * errors * others
        excess = alpha * (squares - mean_of_others(squares))
        excess = excess + 2 * (1 - alpha) * others * (errors - others)
        return loss.mean(0), excess
