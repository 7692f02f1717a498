"""What the token losses share: cross-entropy, and a distance between digits."""

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor

from sklearn_genre._checks import check_real
from sklearn_genre._objective import Objective
from sklearn_genre.outputs import DigitOutput


class DigitLoss(Objective):
    r"""Base of the losses that know which digits are close to the true one.

    .. math:: \ell = \sum_{t=1}^{L} \bigl[-\log \pi(a_t \mid x, a_{<t}) +
        \lambda \, D_t\bigr]

    Position :math:`t` reads one next-token distribution, restricted to the tokens that
    are numbers there: digits, mantissa digits and exponents each have values of their
    own. Where the true token is no number (a sign), :math:`D_t = 0`. Both parts are
    sums over positions, so their ratio is that of means over positions. The network is
    run once, teacher forced.

    A new one is a file with one class that writes :meth:`term`, and a line in
    ``LOSSES``.

    Parameters
    ----------
    weight : float, default=0.3
        Weight :math:`\lambda` of the distances; 0 is cross-entropy.
    """

    def __init__(self, weight: float = 0.3) -> None:
        self.weight = weight

    def check(self, tokenizer: Any) -> None:
        """Raise if a parameter is out of its range or the digits have no values."""
        check_real(self.weight, f"{type(self).__name__}.weight", 0)
        check_digit_values(tokenizer, type(self).__name__)

    @abstractmethod
    def term(self, log_probs: Tensor, offsets: Tensor, is_number: Tensor) -> Tensor:
        """Return the distance at each position, shape (batch, length).

        All arguments have shape (batch, length, vocab_size). Positions that must not
        contribute have no number at all: uniform log-probabilities, offsets of zero.

        Parameters
        ----------
        log_probs : Tensor
            Of the tokens that are numbers, renormalised over them. For others a large
            negative number.
        offsets : Tensor
            Value of each token minus that of the true one; 0 where it is no number.
        is_number : bool Tensor
            Whether the token is a number.
        """

    def losses(self, dist: DigitOutput, target: Tensor) -> Tensor:
        """Return cross-entropies plus weighted distances, shape (batch,)."""
        tokens = dist.tokenizer.encode(target)  # (batch, length)
        log_probs = dist.log_probs(tokens[None])[0]  # (batch, length, vocab_size)
        nll = -log_probs.gather(-1, tokens[..., None])[..., 0]  # (batch, length)
        values = dist.tokenizer.digit_values.to(log_probs)  # (length, vocab_size)
        offsets = digit_offsets(values, tokens)
        is_number = ~offsets.isnan()
        term = self.term(
            log_softmax_over(log_probs, is_number), offsets.nan_to_num(), is_number
        )
        return (nll + float(self.weight) * term).sum(-1)


def check_digit_values(tokenizer: Any, name: str) -> None:
    """Raise ``ValueError`` unless some tokens are numbers, all finite and allowed."""
    values, allowed = tokenizer.digit_values, tokenizer.allowed_tokens
    if values.shape != allowed.shape:
        raise ValueError(
            f"digit_values of {tokenizer} must have the shape of allowed_tokens, "
            f"{tuple(allowed.shape)}, got {tuple(values.shape)}."
        )
    if values.isnan().all():
        raise ValueError(
            f"{name} compares the numbers that tokens stand for, and {tokenizer} has "
            "none: its digit_values are NaN throughout. Give them, or use "
            "CrossEntropy() or CRPS(), which do not need them."
        )
    if (wrong := values.isinf() | ~(allowed | values.isnan())).any():
        position, token = wrong.nonzero()[0].tolist()
        raise ValueError(
            f"digit_values of {tokenizer} must be finite, or NaN where a token is no "
            f"number or not allowed, got {values[position, token].item()} for token "
            f"{token} at position {position}."
        )


def digit_offsets(values: Tensor, tokens: Tensor) -> Tensor:
    """Value of every token minus that of the true one, (batch, length, vocab_size).

    NaN where either is no number.
    """
    values = values.expand(len(tokens), -1, -1)
    return values - values.gather(-1, tokens[..., None])


def log_softmax_over(scores: Tensor, chosen: Tensor) -> Tensor:
    """Log-softmax of scores at most zero over the chosen; finite for the others."""
    lowest = torch.finfo(scores.dtype).min
    return scores.masked_fill(~chosen, lowest).log_softmax(-1)
