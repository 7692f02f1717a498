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
        columns = (column[:n] for column in self[1:5])
        return Support(values, *columns, self.edges)

    def cpu(self) -> Support:
        """Return the same on the CPU."""
        edges = None if self.edges is None else self.edges.cpu()
        return Support(*(column.cpu() for column in self[:5]), edges)


def concatenate_support(blocks: Sequence[Support]) -> Support:
    """Join the samples of several blocks."""
    values, *columns, edges = zip(*blocks, strict=True)
    shared = values[0].ndim == 1
    return Support(
        values[0] if shared else torch.cat(values),
        *(torch.cat(column) for column in columns),
        edges[0],
    )
