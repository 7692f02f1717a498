"""What methods say of rows. Distributions are imported only when there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from talent.datasets import Array

if TYPE_CHECKING:
    from sklearn_genre import PredictiveDistribution


class Prediction(NamedTuple):
    """What a method says of some rows, in the units of the target."""

    mean: Array  # (n,)
    dist: PredictiveDistribution | None = None
    has_density: bool = True  # not if it is made of some quantiles


def rmse(predicted: Array, y: Array, unit: float) -> float:
    """Return the root mean squared error in units of `unit`."""
    return float(np.sqrt(np.mean(((predicted - y) / unit) ** 2)))


def from_quantiles(quantiles: Array) -> PredictiveDistribution:
    """Return equal masses at quantiles (n, m), levels in the middle of m parts."""
    from sklearn_genre import PredictiveDistribution

    ordered = np.sort(quantiles, axis=1)
    return PredictiveDistribution(ordered, np.ones_like(ordered))


def normal(mean: Array, std: Array) -> PredictiveDistribution:
    """Return normal distributions as 256 cells over eight deviations on both sides."""
    from scipy import stats

    from sklearn_genre import PredictiveDistribution

    steps = np.linspace(-8.0, 8.0, 257)
    edges = mean[:, None] + std[:, None] * steps  # (n, 257)
    mass = np.broadcast_to(np.diff(stats.norm.cdf(steps)), (len(mean), 256))
    return PredictiveDistribution((edges[:, 1:] + edges[:, :-1]) / 2, mass, edges=edges)
