"""Numbers and probabilities: what a predictive distribution is built from."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Support(NamedTuple):
    """Support points and their probabilities, on the scale of the network."""

    values: Tensor  # (n_values,) or (batch, n_values), ascending
    probs: Tensor  # (batch, n_values)
    clipped: Tensor  # (batch,) mass that lay outside the clip range
    entropy: Tensor  # (batch,) of the token sequence, bin or distribution, in nats
    digit_entropy: Tensor  # (batch,) per digit; a bin or a number counts as one
    edges: Tensor | None = None  # (n_values + 1,) of the bins around shared values

    @property
    def mean(self) -> Tensor:
        """Expected number of each sample, shape (batch,), float64."""
        return (self.probs * self.values).sum(-1)

    @property
    def variance(self) -> Tensor:
        """Variance of the number of each sample, shape (batch,), float64."""
        return (self.probs * (self.values - self.mean[:, None]) ** 2).sum(-1)
