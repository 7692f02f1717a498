"""What the methods of a predictive distribution are asked, checked and in shape."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_scalar

from sklearn_genre._checks import as_floats
from sklearn_genre.distributions._bins import LARGEST, Array
from sklearn_genre.distributions._piecewise import Counts

Shape = tuple[int, ...]

# Numbers of draws are int64, and so is their double.
MAX_DRAWS = 2**62


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
    numbers = np.asarray(k)
    is_large = numbers.dtype.kind == "O"  # integers beyond 64 bits, or no numbers
    if is_large:
        is_integer = all(type(number) is int for number in numbers.ravel())
    else:
        is_integer = numbers.dtype.kind in "iu"
    if not is_integer:
        got = repr(k) if numbers.ndim == 0 else numbers.dtype
        raise TypeError(f"k must be an integer, or integers; got {got}.")
    if (numbers < 1).any():
        raise ValueError(f"k must be at least 1; got {numbers.min()}.")
    if (numbers > MAX_DRAWS).any():
        raise ValueError(f"k must be at most {MAX_DRAWS}; got a larger integer.")
    return _for_each_row(numbers.astype(np.int64), n_rows, "k")


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
