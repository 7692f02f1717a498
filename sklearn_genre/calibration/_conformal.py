"""Intervals from where held-out targets lie in the distributions predicted for them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from sklearn_genre.distributions import PredictiveDistribution
from sklearn_genre.inputs import FoldedInputs, Inputs
from sklearn_genre.networks import N_AT_ONCE, OutOfFold, Predictor

# Held-out samples that are kept, at most.
MAX_KEPT = 4096
# A rank that misses a whole number by less was one before rounding.
ROUNDING = 1e-9
# By how many units in the last place an end may miss a target that it should reach.
ULPS = 4 * np.finfo(np.float64).eps

Array = NDArray[np.float64]


class HeldOut(NamedTuple):
    """Values of the distribution function at the targets of held-out samples.

    They are infinite where the target is beyond the last bin.
    """

    pit: Array  # (n,) ascending
    fold: NDArray[np.int64]  # (n,) whose members had not seen the sample
    n_folds: int  # 1: a validation set


def held_out_values(predictor: Predictor, held_out: Any) -> HeldOut:
    """Return what conformal intervals need to know of held-out samples.

    Of many samples, some are drawn by a fixed seed.

    Parameters
    ----------
    predictor : Predictor
        Of a network, or of what it predicts out of fold.
    held_out : Encoded
        The samples, `inputs`, and their targets `y` in their units.
    """
    inputs, y = held_out.inputs, held_out.y
    some = np.arange(len(y))
    if len(y) > MAX_KEPT:
        some = np.sort(np.random.RandomState(0).permutation(len(y))[:MAX_KEPT])
    kept, y = inputs[torch.from_numpy(some).to(inputs.device)], y[some]
    pit = np.empty(len(y))
    for start in range(0, len(y), N_AT_ONCE):
        few = slice(start, start + N_AT_ONCE)
        pieces = predictor.pieces(predictor.support(kept[few]))
        lowest, highest = pieces.bounds().T
        inside = pieces.cdf(y[few, None])[:, 0]
        inside = np.where(y[few] < lowest, -np.inf, inside)
        pit[few] = np.where(y[few] > highest, np.inf, inside)
    order = np.argsort(pit, kind="stable")
    if not isinstance(kept, FoldedInputs):
        return HeldOut(pit[order], np.zeros_like(order), 1)
    return HeldOut(pit[order], kept.fold.cpu().numpy()[order], kept.n_folds)


def conformal_interval(
    held_out: HeldOut, coverage: float, predictor: Predictor, inputs: Inputs
) -> Array:
    r"""Return the conformal interval of each sample, shape (n_samples, 2).

    A held-out sample i of fold k has the candidate :math:`F_k^{-1}(u_i)` for an end,
    where :math:`F_k` is what those predict that have not seen fold k, and :math:`u_i`
    is where the target of i lies in it. The ends are the candidates of ranks
    :math:`\lfloor \alpha / 2 \, (n + 1) \rfloor` and
    :math:`\lceil (1 - \alpha / 2) (n + 1) \rceil`, with :math:`\alpha` one less the
    coverage; beyond all candidates they are infinite.
    """
    n = len(held_out.pit)
    first = math.floor((1 - coverage) / 2 * (n + 1) + ROUNDING)
    limits = predictor.scaler.limits_ or (-np.inf, np.inf)
    if first == 0:
        return np.tile(limits, (len(inputs), 1))
    if held_out.n_folds == 1:
        dist, pit = predictor.distribution(inputs), held_out.pit
        ends = [
            just_beyond(dist, pit[[rank]], side)
            for rank, side in ((first - 1, -1), (-first, 1))
        ]
        return np.concatenate(ends, axis=1).clip(*limits)
    low, high = [], []
    for fold, dist in enumerate(of_each_fold(predictor, inputs, held_out)):
        pit = held_out.pit[held_out.fold == fold]
        low.append(just_beyond(dist, pit[:first], -1))
        high.append(just_beyond(dist, pit[-first:], 1))
    lower = np.partition(np.concatenate(low, axis=1), first - 1, axis=1)[:, first - 1]
    upper = np.partition(np.concatenate(high, axis=1), -first, axis=1)[:, -first]
    return np.stack([lower, upper], axis=1).clip(*limits)


def just_beyond(dist: PredictiveDistribution, pit: Array, side: int) -> Array:
    """Return the numbers at values of the distribution function, (n_samples, n_values).

    Rounding, and bins without mass, must not keep a target out of its own interval: the
    numbers are below the targets if `side` is -1, above them if it is 1.
    """
    levels = pit + side * ULPS
    is_end = levels <= 0 if side < 0 else levels >= 1
    numbers = dist.ppf(levels.clip(0, 1)[None])
    numbers = np.where(is_end, dist.bounds[:, [0 if side < 0 else 1]], numbers)
    size = np.abs(dist.ppf([[0.25, 0.75]])).max(axis=1, keepdims=True)
    numbers += side * ULPS * (np.abs(numbers) + size)
    return np.where(np.isinf(pit), pit, numbers)


def of_each_fold(
    predictor: Predictor, inputs: Inputs, held_out: HeldOut
) -> list[PredictiveDistribution]:
    """Return what the members that leave out each fold predict for new samples."""
    n, n_folds = len(inputs), held_out.n_folds
    samples = torch.arange(n, device=inputs.device).repeat_interleave(n_folds)
    fold = torch.arange(n_folds, device=inputs.device).repeat(n)
    network = OutOfFold(predictor.network, n_folds).eval()
    dist = replace(predictor, network=network).distribution(
        FoldedInputs(inputs, samples, fold, n_folds)
    )
    return [dist[k::n_folds] for k in range(n_folds)]
