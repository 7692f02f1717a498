"""Numbers and probabilities: what a predictive distribution is built from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
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

    def first(self, n: int) -> Support:
        """Return the first samples."""
        values = self.values if self.values.ndim == 1 else self.values[:n]
        return Support(
            values,
            self.probs[:n],
            self.clipped[:n],
            self.entropy[:n],
            self.digit_entropy[:n],
            self.edges,
        )

    def cpu(self) -> Support:
        """Return the same on the CPU."""
        edges = None if self.edges is None else self.edges.cpu()
        return Support(
            self.values.cpu(),
            self.probs.cpu(),
            self.clipped.cpu(),
            self.entropy.cpu(),
            self.digit_entropy.cpu(),
            edges,
        )


def concatenate_support(blocks: Sequence[Support]) -> Support:
    """Join the samples of several blocks."""
    first = blocks[0]
    if first.values.ndim == 1:
        values = first.values
    else:
        values = torch.cat([block.values for block in blocks])
    return Support(
        values,
        torch.cat([block.probs for block in blocks]),
        torch.cat([block.clipped for block in blocks]),
        torch.cat([block.entropy for block in blocks]),
        torch.cat([block.digit_entropy for block in blocks]),
        first.edges,
    )
