"""The heights of predictive densities in a picture."""

from __future__ import annotations

import numpy as np

from sklearn_genre.distributions import PredictiveDistribution
from sklearn_genre.inspection._checks import Array

# Bins in which a density is drawn; probability left out on either side.
N_BINS = 120
TAIL = 0.002


def density_edges(dist: PredictiveDistribution, y_true: Array | None) -> Array:
    """Return the edges of equal bins that cover all rows and targets."""
    points = dist.ppf([[TAIL, 1 - TAIL]])
    if y_true is not None:
        points = np.append(points, y_true)
    low, high = points.min(), points.max()
    margin = 0.03 * (high - low)
    smallest = 1e-9 * max(abs(low), abs(high))
    if margin <= smallest:  # all the mass, and the target, at one number
        margin = max(abs(low), abs(high)) / 2 or 1.0
    return np.linspace(low - margin, high + margin, N_BINS + 1)


def densities(dist: PredictiveDistribution, edges: Array) -> Array:
    """Return the mass of each bin as a share of the largest of its row."""
    mass = np.diff(dist.cdf(edges[None]), axis=1)  # (n, N_BINS)
    return mass / mass.max(axis=1, keepdims=True)
