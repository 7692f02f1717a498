"""Distributions whose numbers are moved into a range."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sklearn_genre._checks import check_real
from sklearn_genre.distributions._bins import LARGEST, mapped_bins, spread_inside
from sklearn_genre.distributions._piecewise import PiecewiseUniform, piecewise


def limits(low: Any, high: Any) -> tuple[float, float]:
    """Return both ends of a range, infinite where there is none."""
    start = -math.inf if low is None else check_real(low, "low", -LARGEST, LARGEST)
    stop = math.inf if high is None else check_real(high, "high", -LARGEST, LARGEST)
    if not start < stop:
        raise ValueError(f"low must be below high; got low={start}, high={stop}.")
    return start, stop


def moved_inside(block: PiecewiseUniform, low: float, high: float) -> PiecewiseUniform:
    """Return the distributions with numbers and edges clipped to a range.

    Bins beyond an end are as narrow there as float64 allows, all of them inside.
    """
    values, mass, edges = mapped_bins(
        np.clip(block.values, low, high), block.pmf, np.clip(block.edges, low, high)
    )
    edges, fits = spread_inside(edges, low, high)
    if not fits.all():
        raise ValueError(
            f"low and high must be further apart than rounding errors; got low={low}, "
            f"high={high}."
        )
    return piecewise(values, mass, edges, block.clipped)
