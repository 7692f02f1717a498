"""A histogram with half-normal tails: the bar distribution."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from sklearn_genre.distributions import bin_edges
from sklearn_genre.outputs._support import Support

# Half the mass of a tail lies within the width of its bin: this many deviations.
HALF_MASS = 0.6744897501960817
# Pieces of a tail, and how many deviations they reach: 1e-15 of its mass is beyond.
N_TAIL = 64
TAIL_REACH = 8.0


class Bins(NamedTuple):
    """Bins on the scale of the network, and the pieces that make up each of them.

    The inner bins reach halfway to the neighbours of sorted numbers. On both sides
    there is a tail: half of a normal distribution whose deviation is such that half of
    it lies within the width of the neighbouring bin. An inner bin is one piece and its
    number is the point it is built around. A tail is cut into pieces of an eighth of
    its deviation, each with its mean as the number: the mean of the tail is exact, its
    cumulative distribution right to 1e-3. On both sides of its number the density of a
    piece is constant, and such that its mean is its number.
    """

    borders: Tensor  # (n_bins - 1,) float64, ascending
    width: Tensor  # (n_bins,) float64
    centre: Tensor  # (n_bins,) float64, the number of each bin; its border for a tail
    log_density: Tensor  # (n_bins, 2) float64, below and above the centre, of mass one
    values: Tensor  # (n_pieces,) float64, ascending
    edges: Tensor  # (n_pieces + 1,) float64
    share: Tensor  # (n_pieces,) float64, of the mass of the bin
    column: Tensor  # (n_pieces,) bin of each piece
    half_edges: Tensor  # (2 * n_pieces + 1,) float64, edges and values in turn
    half_share: Tensor  # (2 * n_pieces,) float64, of the mass of the bin

    def to(self, device: torch.device) -> Bins:
        """Return the same on a device."""
        return Bins(*(column.to(device) for column in self))

    def bin_of(self, y: Tensor) -> Tensor:
        """Return the bin of each number."""
        return torch.searchsorted(self.borders, y.contiguous(), right=True)


def bins_around(points: ArrayLike) -> Bins:
    """Return bins around distinct, ascending numbers, with a tail on both sides.

    Examples
    --------
    >>> from sklearn_genre.outputs import bins_around
    >>> bins_around([0.0, 1.0]).borders
    tensor([-0.5000,  0.5000,  1.5000], dtype=torch.float64)
    """
    numbers = torch.tensor(points, dtype=torch.float64, device="cpu")  # (n_bins - 2,)
    borders = torch.from_numpy(bin_edges(points))  # (n_bins - 1,)
    inner = borders.diff()
    width = torch.cat([inner[:1], inner, inner[-1:]])
    tail, mass, mean = half_normal_pieces()
    low, high = borders[0], borders[-1]
    left, right = width[0] / HALF_MASS, width[-1] / HALF_MASS
    n_inner = len(numbers)
    counts = torch.tensor([N_TAIL, *[1] * n_inner, N_TAIL], device="cpu")
    values = torch.cat([(low - left * mean).flip(0), numbers, high + right * mean])
    edges = torch.cat(
        [(low - left * tail[1:]).flip(0), borders, high + right * tail[1:]]
    )
    share = torch.cat([mass.flip(0), torch.ones_like(numbers), mass])
    below, above = values - edges[:-1], edges[1:] - values
    halves = torch.stack([above, below], -1) / (below + above)[:, None]
    log_density = (halves / torch.stack([below, above], -1)).log()
    return Bins(
        borders,
        width,
        torch.cat([low[None], numbers, high[None]]),
        log_density[N_TAIL - 1 : N_TAIL + n_inner + 1],
        values,
        edges,
        share,
        torch.arange(n_inner + 2, device="cpu").repeat_interleave(counts),
        torch.cat([torch.stack([edges[:-1], values], -1).flatten(), edges[-1:]]),
        (share[:, None] * halves).flatten(),
    )


def half_normal_pieces() -> tuple[Tensor, Tensor, Tensor]:
    """Return edges, masses and means of the pieces of a half-normal distribution."""
    edges = torch.linspace(0, TAIL_REACH, N_TAIL + 1, dtype=torch.float64, device="cpu")
    mass = -torch.special.erfc(edges / math.sqrt(2)).diff()  # (N_TAIL,)
    mean = -math.sqrt(2 / math.pi) * (-(edges**2) / 2).exp().diff() / mass
    return edges, mass / mass.sum(), mean


class HistogramDistribution:
    """The distributions of a batch over shared bins.

    Parameters
    ----------
    logits : Tensor of shape (batch, n_bins)
    bins : Bins
        On the device of the logits.
    """

    def __init__(self, logits: Tensor, bins: Bins) -> None:
        self.bins = bins
        self.log_masses = logits.double().log_softmax(-1)  # (batch, n_bins)

    def at_temperature(self, temperature: float) -> HistogramDistribution:
        """Return the same with its logits divided by a temperature."""
        if temperature == 1.0:
            return self
        return HistogramDistribution(self.log_masses / temperature, self.bins)

    @property
    def piece_masses(self) -> Tensor:
        """Mass of each piece, shape (batch, n_pieces)."""
        return self.log_masses.exp()[:, self.bins.column] * self.bins.share

    @property
    def half_masses(self) -> Tensor:
        """Mass of each piece below and above its number, (batch, 2 * n_pieces)."""
        column = self.bins.column.repeat_interleave(2)
        return self.log_masses.exp()[:, column] * self.bins.half_share

    def log_prob(self, y: Tensor) -> Tensor:
        """Return the log-density at each target, shape (batch,)."""
        bins, index = self.bins, self.bins.bin_of(y)
        mass = self.log_masses.gather(-1, index[:, None])[:, 0]
        is_tail = (index == 0) | (index == len(bins.width) - 1)
        inner = bins.log_density[index, (y >= bins.centre[index]).long()]
        beyond = y - y.clamp(bins.borders[0], bins.borders[-1])
        scale = bins.width[index] / HALF_MASS
        tail = math.log(2 / math.pi) / 2 - scale.log() - (beyond / scale) ** 2 / 2
        return mass + torch.where(is_tail, tail, inner)

    def support(self, n_levels: int | None = None) -> Support:
        """Return the numbers and masses of the pieces; exact, without levels."""
        clipped = self.log_masses.new_zeros(self.log_masses.shape[0])
        entropy = -(self.log_masses.exp() * self.log_masses).sum(-1)  # of the bins
        return Support(
            self.bins.values,
            self.piece_masses,
            clipped,
            entropy,
            entropy,
            self.bins.edges,
        )

    def reading(self, n_levels: int | None = None) -> Support:
        """Return the support: all that is known."""
        return self.support(n_levels)

    def expectation(self) -> Tensor:
        """Return the differentiable mean of each sample, shape (batch,)."""
        return self.support().mean
