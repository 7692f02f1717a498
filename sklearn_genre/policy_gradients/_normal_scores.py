"""Numbers to normal scores: their place among the training targets, as a quantile."""

import torch
from torch import Tensor

# Lowest level; the highest is one less this. Their normal quantiles are -5.2 and 5.2.
LOWEST_LEVEL = 1e-7


def quantile_levels(y: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return the distinct targets and the level of each among them all.

    Parameters
    ----------
    y : float64 Tensor of shape (n_samples,)
    weight : Tensor of shape (n_samples,)
        Positive.

    Returns
    -------
    knots, levels : float64 Tensors of shape (n_knots,)
        Ascending; levels rise from 0 to 1, the middle of those of equal targets. A
        single knot has level 1/2.
    """
    # on the CPU, where sums are the same on every run
    knots, place = y.cpu().unique(return_inverse=True)
    mass = torch.zeros_like(knots).index_add(0, place, weight.cpu().to(knots.dtype))
    middle = mass.cumsum(0) - mass / 2
    span = middle[-1] - middle[0]
    levels = (middle - middle[0]) / span if span else torch.full_like(knots, 0.5)
    return knots.to(y.device), levels.to(y.device)


def normal_scores(numbers: Tensor, knots: Tensor, levels: Tensor) -> Tensor:
    """Return the normal quantile of each number's level, from -5.2 to 5.2.

    Between knots levels are linear, beyond them those of the ends, as in scikit-learn's
    ``QuantileTransformer``; where that jumps, at repeated targets, this is continuous.

    Parameters
    ----------
    numbers : float64 Tensor of shape (...)
    knots, levels : float64 Tensors of shape (n_knots,)
        From :func:`quantile_levels`.

    Returns
    -------
    scores : float64 Tensor of shape (...)
    """
    after = torch.searchsorted(knots, numbers.contiguous())  # (...)
    before = (after - 1).clamp(min=0)
    after = after.clamp(max=len(knots) - 1)
    width = knots[after] - knots[before]  # zero beyond the ends
    share = (numbers - knots[before]) / torch.where(width > 0, width, 1)
    level = torch.lerp(levels[before], levels[after], share.clamp(0, 1))
    return torch.special.ndtri(level.clamp(LOWEST_LEVEL, 1 - LOWEST_LEVEL))
