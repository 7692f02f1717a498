"""What a predictive distribution is made of, checked and brought into shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sklearn_genre._checks import as_floats
from sklearn_genre.distributions._bins import (
    Array,
    are_middles,
    bin_edges,
    check_inside_bins,
    sorted_points,
    strictly_increasing,
)
from sklearn_genre.distributions._piecewise import PiecewiseUniform


def checked_arrays(
    values: ArrayLike,
    pmf: ArrayLike,
    edges: ArrayLike | None,
    clipped: ArrayLike | None,
) -> PiecewiseUniform:
    """Return float64 arrays that agree, with masses that sum to one."""
    mass = _normalised(pmf)
    n_rows, n_values = mass.shape
    numbers = sorted_points(values, "values").copy()
    _check_shape(numbers, n_rows, n_values, "values")
    if edges is None:
        borders = bin_edges(numbers)
    else:
        sorted_edges = sorted_points(edges, "edges").copy()
        _check_shape(sorted_edges, n_rows, n_values + 1, "edges")
        check_inside_bins(numbers, sorted_edges)
        borders = strictly_increasing(sorted_edges)
    fractions, is_even = _fractions(clipped, n_rows), are_middles(numbers, borders)
    return PiecewiseUniform(numbers, mass, borders, fractions, is_even)


def with_columns(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a distribution; without rows, lists have lost a shape."""
    if np.size(data["pmf"]):
        return {**data}
    n_values = max(np.size(data["values"]), 1)
    shapes = {"values": n_values, "pmf": n_values, "edges": n_values + 1}
    return {
        name: np.empty((0, shapes[name]))
        if name in shapes and not np.size(array)
        else array
        for name, array in data.items()
    }


def _normalised(pmf: ArrayLike) -> Array:
    """Return masses (n, K) whose rows sum to one."""
    mass = np.array(as_floats(pmf, "pmf"), order="C")
    if mass.ndim != 2 or mass.shape[1] == 0:
        raise ValueError(
            f"pmf must have shape (n, K) with K at least 1; got shape {mass.shape}."
        )
    valid = (mass >= 0) & (mass < np.inf)
    if not valid.all():
        raise ValueError(
            f"pmf must be finite and non-negative; got {mass[~valid][0]} in row "
            f"{np.argwhere(~valid)[0][0]}."
        )
    largest = mass.max(axis=1, keepdims=True)
    if (largest == 0).any():
        raise ValueError(
            f"Each row of pmf needs some mass; row {largest.argmin()} is all zero."
        )
    with np.errstate(over="ignore"):
        sums = mass.sum(axis=1, keepdims=True)
    is_one = np.abs(sums - 1) <= 1e-14 * np.sqrt(mass.shape[1])  # they stay as they are
    mass /= np.where(is_one, 1.0, largest)
    mass /= np.where(is_one, 1.0, mass.sum(axis=1, keepdims=True))
    return mass


def _check_shape(array: Array, n_rows: int, n_columns: int, name: str) -> None:
    """Refuse an array that is neither shared by the rows nor given for each."""
    if array.shape not in {(n_columns,), (n_rows, n_columns)}:
        raise ValueError(
            f"{name} must have shape ({n_columns},) or ({n_rows}, {n_columns}) to "
            f"agree with pmf; got shape {array.shape}."
        )


def _fractions(clipped: ArrayLike | None, n_rows: int) -> Array:
    """Return the clipped fraction of each row, zero by default."""
    if clipped is None:
        return np.zeros(n_rows)
    fractions = as_floats(clipped, "clipped").copy()
    if fractions.shape != (n_rows,):
        raise ValueError(
            f"clipped must have shape ({n_rows},); got shape {fractions.shape}."
        )
    valid = (fractions >= 0) & (fractions <= 1)
    if not valid.all():
        raise ValueError(
            f"clipped must lie between 0 and 1; got {fractions[~valid][0]}."
        )
    return fractions
