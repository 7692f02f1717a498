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
    """Return the bins around even numbers (n,), n_parts for each, and the tails."""
    n_values = len(values)
    step = float(values[-1] - values[0]) / (n_values - 1)
    part = torch.arange(n_values * n_parts + 1, dtype=torch.float64)
    inner = (part.to(values) / n_parts - 0.5) * step + values[0]
    distance = torch.tensor(DISTANCES, dtype=torch.float64).to(values)
    tail = distance * step
    edges = torch.cat([inner[0] - tail.flip(0), inner, inner[-1] + tail])
    middles = (edges[:-1] + edges[1:]) / 2
    n_tail, n_inner = len(tail), n_values * n_parts
    if n_parts == 1:
        middles[n_tail : n_tail + n_values] = values
    rare = SPREAD * distance**-2
    return Line(
        middles,
        edges,
        torch.cat(
            [
                torch.zeros(n_tail, dtype=torch.int64),
                torch.arange(n_values).repeat_interleave(n_parts),
                torch.full((n_tail,), n_values - 1),
            ]
        ).to(values.device),
        torch.cat([rare.flip(0), values.new_full((n_inner,), SPREAD / n_inner), rare]),
        step / n_parts,
        n_tail,
    )
