"""Bins that cover the whole line, for decoders whose mixture is defined on it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

# Ends of the bins beyond the numbers of a format, in steps from its outermost edge.
DISTANCES = (
    *(1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 512),
    *(2.0**power for power in (10, 12, 14, 16, 20, 24, 32, 40, 48, 64)),
)
# Mass that is spread over all bins, so that no target is impossible.
SPREAD = 1e-9


class Line(NamedTuple):
    """Where a prediction is read: numbers, divided if need be, and two tails."""

    values: Tensor  # (n_bins,) float64, the middle of each bin
    edges: Tensor  # (n_bins + 1,) float64
    leaf: Tensor  # (n_bins,) int64, the number whose interval each bin is part of
    spread: Tensor  # (n_bins,) float64, the mass that each has at least
    step_size: float  # width of all bins but those of the tails
    n_tail: int  # bins of each tail


def line_of(values: Tensor, n_parts: int) -> Line:
    """Return the bins of the whole line.

    Parameters
    ----------
    values : float64 Tensor of shape (n_values,)
        Numbers in even steps, ascending, at least two.
    n_parts : int
        Bins for each of them.

    Examples
    --------
    >>> import torch
    >>> from sklearn_genre.decoders import line_of
    >>> line = line_of(torch.tensor([0.0, 1.0], dtype=torch.float64), n_parts=2)
    >>> line.edges[line.n_tail : -line.n_tail].tolist()
    [-0.5, 0.0, 0.5, 1.0, 1.5]
    """
    n_values = len(values)
    step = float(values[-1] - values[0]) / (n_values - 1)
    part = torch.arange(
        n_values * n_parts + 1, dtype=values.dtype, device=values.device
    )
    inner = (part / n_parts - 0.5) * step + values[0]
    distance = values.new_tensor(DISTANCES)
    tail = distance * step
    edges = torch.cat([inner[0] - tail.flip(0), inner, inner[-1] + tail])
    middles = (edges[:-1] + edges[1:]) / 2
    n_tail, n_inner = len(tail), n_values * n_parts
    if n_parts == 1:
        middles[n_tail : n_tail + n_values] = values
    rare = SPREAD * distance**-2
    bins = torch.arange(-n_tail, n_inner + n_tail, device=values.device)
    return Line(
        middles,
        edges,
        bins.div(n_parts, rounding_mode="floor").clamp(0, n_values - 1),
        torch.cat([rare.flip(0), values.new_full((n_inner,), SPREAD / n_inner), rare]),
        step / n_parts,
        n_tail,
    )
