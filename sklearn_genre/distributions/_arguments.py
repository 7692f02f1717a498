"""Arguments of a predictive distribution, checked and brought into shape."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_scalar

from sklearn_genre._checks import as_floats
from sklearn_genre.distributions._cells import (
    LARGEST,
    Array,
    cell_edges,
    check_inside_cells,
    sorted_rows,
    strictly_increasing,
)
from sklearn_genre.distributions._draws import Counts
from sklearn_genre.distributions._rows import Rows

Shape = tuple[int, ...]


# -- what a distribution is made of ------------------------------------------


def checked_rows(
    values: ArrayLike,
    pmf: ArrayLike,
    edges: ArrayLike | None,
    clipped: ArrayLike | None,
) -> Rows:
    """Return float64 arrays that agree, with masses that sum to one."""
    mass = _normalised(pmf)
    n_rows, n_values = mass.shape
    numbers = sorted_rows(values, "values")
    _check_shape(numbers, n_rows, n_values, "values")
    if edges is None:
        cells = cell_edges(numbers)
    else:
        sorted_edges = sorted_rows(edges, "edges")
        _check_shape(sorted_edges, n_rows, n_values + 1, "edges")
        check_inside_cells(numbers, sorted_edges)
        cells = strictly_increasing(sorted_edges)
    return Rows(numbers, mass, cells, _fractions(clipped, n_rows))


def _normalised(pmf: ArrayLike) -> Array:
    """Return masses (n, K) whose rows sum to one."""
    mass = np.array(pmf, dtype=np.float64, order="C")
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
    mass /= largest
    mass /= mass.sum(axis=1, keepdims=True)
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
    fractions = np.asarray(clipped, dtype=np.float64)
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


# -- what its methods are asked ----------------------------------------------


def queries(y: ArrayLike, n_rows: int) -> tuple[Array, Shape]:
    """Return y as (n, k) and the shape of the answer."""
    numbers = as_floats(y, "y")
    if np.isnan(numbers).any():
        raise ValueError("y contains NaN; drop or impute those rows first.")
    if numbers.ndim == 0:
        numbers = np.full(n_rows, numbers)
    if numbers.ndim > 2 or numbers.shape[0] != n_rows:
        raise ValueError(
            f"y must be a number or have shape ({n_rows},) or ({n_rows}, k), "
            f"one row for each prediction; got shape {numbers.shape}."
        )
    return numbers.reshape(n_rows, *(numbers.shape[1:] or (1,))), numbers.shape


def truth(y: ArrayLike, n_rows: int) -> Array:
    """Return finite y of shape (n,)."""
    numbers, shape = queries(y, n_rows)
    if len(shape) != 1:
        raise ValueError(
            f"y must be a number or have shape ({n_rows},); got shape {shape}."
        )
    valid = np.abs(numbers) <= LARGEST
    if not valid.all():
        raise ValueError(
            f"y must be finite and at most {LARGEST:.3g} in size; "
            f"got {numbers[~valid][0]}."
        )
    return numbers[:, 0]


def levels(q: ArrayLike, n_rows: int) -> tuple[Array, Shape]:
    """Return quantile levels as (n, k) and the shape of the answer."""
    numbers = as_floats(q, "q")
    _check_inside(numbers, "Quantile levels")
    if numbers.ndim > 2 or (numbers.ndim == 2 and numbers.shape[0] != n_rows):
        raise ValueError(
            f"q must be a number or have shape (k,) or ({n_rows}, k); "
            f"got shape {numbers.shape}."
        )
    shape = (n_rows, *numbers.shape[-1:])
    return np.broadcast_to(numbers, (n_rows, *(shape[1:] or (1,)))), shape


def central_levels(coverage: Any, n_rows: int) -> Array:
    """Return the levels of both ends of central intervals, shape (n, 2)."""
    if np.ndim(coverage) == 0:
        check_scalar(
            coverage,
            "coverage",
            Real,
            min_val=0,
            max_val=1,
            include_boundaries="neither",
        )
    inside = as_floats(coverage, "coverage")
    _check_inside(inside, "coverage")
    tail = (1 - _for_each_row(inside, n_rows, "coverage")) / 2
    return np.column_stack([tail, 1 - tail])


def counts(k: Any, n_rows: int) -> Counts:
    """Return numbers of draws of shape (n,)."""
    if np.ndim(k) == 0:
        check_scalar(k, "k", Integral, min_val=1)
    numbers = np.asarray(k)
    if numbers.dtype.kind not in "iu":
        raise TypeError(f"k must be integers; got {numbers.dtype}.")
    if (numbers < 1).any():
        raise ValueError(f"k must be at least 1; got {numbers.min()}.")
    return _for_each_row(numbers, n_rows, "k")


def _check_inside(numbers: Array, name: str) -> None:
    """Refuse numbers that are not inside (0, 1)."""
    inside = (numbers > 0) & (numbers < 1)
    if not inside.all():
        raise ValueError(
            f"{name} must lie strictly between 0 and 1; got {numbers[~inside][0]}."
        )


def _for_each_row(numbers: NDArray[Any], n_rows: int, name: str) -> NDArray[Any]:
    """Return one number for each row."""
    if numbers.shape not in {(), (n_rows,)}:
        raise ValueError(
            f"{name} must be a number or have shape ({n_rows},); "
            f"got shape {numbers.shape}."
        )
    return np.broadcast_to(numbers, (n_rows,))
