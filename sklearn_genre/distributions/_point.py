"""A number with a normal distribution around it."""

import math

import torch
from torch import Tensor

from sklearn_genre.distributions._token import Atoms

# Cells of the normal distribution, an odd number so that the mean has one, and how far
# they reach in deviations.
N_CELLS = 257
REACH = 8.0


class PointDistribution:
    """The distributions of a batch of rows: normal, with one deviation for all.

    Parameters
    ----------
    mean : Tensor of shape (batch,)
    scale : Tensor of shape ()
        Standard deviation, positive.
    """

    def __init__(self, mean: Tensor, scale: Tensor) -> None:
        self.mean = mean.double()
        self.scale = scale.double()

    def expectation(self) -> Tensor:
        """Return the differentiable mean of each row, shape (batch,)."""
        return self.mean

    def atoms(self, n_levels: int | None = None) -> Atoms:
        """Return the normal distribution on 257 cells, symmetric around the mean."""
        numbers, masses = (part.to(self.mean.device) for part in normal_cells())
        entropy = self.scale.log() + math.log(2 * math.pi * math.e) / 2
        entropy = entropy.expand_as(self.mean)
        return Atoms(
            self.mean[:, None] + self.scale * numbers,
            masses.expand(len(self.mean), -1),
            torch.zeros_like(self.mean),
            entropy,
            entropy,
        )


def normal_cells() -> tuple[Tensor, Tensor]:
    """Return middles and masses of equal cells of the standard normal distribution."""
    edges = torch.linspace(-REACH, REACH, N_CELLS + 1, dtype=torch.float64)
    edges = (edges - edges.flip(0)) / 2  # symmetric to the last bit
    mass = torch.special.ndtr(edges).diff()
    mass = (mass + mass.flip(0)) / 2
    return (edges[1:] + edges[:-1]) / 2, mass / mass.sum()
