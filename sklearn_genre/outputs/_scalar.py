"""A number with a normal distribution around it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from sklearn_genre.outputs._support import Support

# Bins of the normal distribution, an odd number so that the mean has one, and how many
# deviations they reach.
N_NORMAL_BINS = 257
NORMAL_REACH = 8.0


class PointDistribution:
    """The distributions of a batch: normal, with one deviation for all.

    Parameters
    ----------
    mean : Tensor of shape (batch,)
    scale : Tensor of shape ()
        Standard deviation, positive.
    """

    def __init__(self, mean: Tensor, scale: Tensor) -> None:
        self.mean = mean.double()
        self.scale = scale.double()

    def at_temperature(self, temperature: float) -> PointDistribution:
        """Return the same: a number has no logits."""
        return self

    def log_prob(self, y: Tensor) -> Tensor:
        """Return the log-density at each target, shape (batch,)."""
        z = (y - self.mean) / self.scale
        return -(z**2) / 2 - self.scale.log() - math.log(2 * math.pi) / 2

    def expectation(self) -> Tensor:
        """Return the differentiable mean of each sample, shape (batch,)."""
        return self.mean

    def support(self, n_levels: int | None = None) -> Support:
        """Return the normal distribution on 257 bins, symmetric around the mean."""
        numbers, masses = (part.to(self.mean.device) for part in normal_bins())
        entropy = self.scale.log() + math.log(2 * math.pi * math.e) / 2
        entropy = entropy.expand_as(self.mean)
        return Support(
            self.mean[:, None] + self.scale * numbers,
            masses.expand(self.mean.shape[0], -1),
            torch.zeros_like(self.mean),
            entropy,
            entropy,
        )

    def reading(self, n_levels: int | None = None) -> Support:
        """Return the support: all that is known."""
        return self.support(n_levels)


def normal_bins() -> tuple[Tensor, Tensor]:
    """Return middles and masses of equal bins of the standard normal distribution."""
    edges = torch.linspace(
        -NORMAL_REACH,
        NORMAL_REACH,
        N_NORMAL_BINS + 1,
        dtype=torch.float64,
        device="cpu",
    )
    edges = (edges - edges.flip(0)) / 2  # symmetric to the last bit
    mass = torch.special.ndtr(edges).diff()
    mass = (mass + mass.flip(0)) / 2
    return (edges[1:] + edges[:-1]) / 2, mass / mass.sum()
