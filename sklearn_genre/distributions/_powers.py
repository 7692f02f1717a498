"""Means of powers of a number that runs linearly, stable for any exponent."""

from __future__ import annotations

import numpy as np

from sklearn_genre.distributions._bins import Array

# Where (k + 1) * drop is below this, the first moment is a series of N_TERMS terms.
SERIES_BELOW = 0.02
N_TERMS = 7


def mean_power(drop: Array, k: Array) -> Array:
    """Return the integral of ``(1 - drop * x) ** k`` over x from 0 to 1."""
    scale = (k + 1) * drop
    return np.where(scale > 0, _fall(drop, k) / np.where(scale > 0, scale, 1.0), 1.0)


def power_moments(drop: Array, k: Array) -> tuple[Array, Array]:
    """Return the integrals of ``(1 - drop * x) ** k``, and of x times it, from 0 to 1.

    The second is by parts, and a binomial series where that would cancel.
    """
    scale, fall = (k + 1) * drop, _fall(drop, k)
    mean = np.where(scale > 0, fall / np.where(scale > 0, scale, 1.0), 1.0)
    is_small = scale < SERIES_BELOW
    next_scale = np.where(is_small, 1.0, scale + drop)
    next_mean = (fall * (1 - drop) + drop) / next_scale  # the mean for k + 1
    by_parts = (next_mean - (1 - fall)) / np.where(is_small, 1.0, scale)
    series = np.zeros_like(scale)
    for m in reversed(range(N_TERMS)):
        series *= drop
        series *= (m - k) / (m + 1)
        series += 1 / (m + 2)
    return mean, np.where(is_small, series, by_parts)


def _fall(drop: Array, k: Array) -> Array:
    """Return ``1 - (1 - drop) ** (k + 1)``."""
    with np.errstate(divide="ignore"):
        return -np.expm1((k + 1) * np.log1p(-drop))
