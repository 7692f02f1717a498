"""What the methods of a predictive distribution are asked, checked and in shape."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_genre._checks import as_floats, as_probabilities, shown
from sklearn_genre.distributions._bins import LARGEST, Array
from sklearn_genre.distributions._piecewise import Counts

Shape = tuple[int, ...]

# Numbers of draws are int64, and so is their double.
MAX_DRAWS = 2**62


def matched(numbers: Array, n_rows: int, name: str) -> tuple[Array, Shape]:
    """Return an argument as (n, k) and the shape of the answer, by the one rule."""
    if numbers.shape in {(), (n_rows,)}:
        return np.broadcast_to(numbers, (n_rows,))[:, None], (n_rows,)
    if numbers.ndim == 2 and numbers.shape[0] in {1, n_rows}:
        shape = (n_rows, numbers.shape[1])
        return np.broadcast_to(numbers, shape), shape
    raise ValueError(
        f"{name} must be a number or have shape ({n_rows},), one for each row, (1, k), "
        f"k for all rows, or ({n_rows}, k); got shape {numbers.shape}"
        + f"{', for all rows write [[...]].' if numbers.ndim == 1 else '.'}"
    )


def queries(y: ArrayLike, n_rows: int) -> tuple[Array, Shape]:
    """Return y as (n, k) and the shape of the answer."""
    numbers = as_floats(y, "y")
    if np.isnan(numbers).any():
        raise ValueError("y contains NaN; drop or impute those rows first.")
    return matched(numbers, n_rows, "y")


def truth(y: ArrayLike, n_rows: int) -> Array:
    """Return finite y of shape (n,)."""
    numbers = as_floats(y, "y")
    if np.isnan(numbers).any():
        raise ValueError("y contains NaN; drop or impute those rows first.")
    valid = np.abs(numbers) <= LARGEST
    if not valid.all():
        raise ValueError(
            f"y must be finite and at most {LARGEST:.3g} in size; "
            f"got {numbers[~valid][0]}."
        )
    return _for_each_row(numbers, n_rows, "y")


def levels(q: ArrayLike, n_rows: int) -> tuple[Array, Shape]:
    """Return probabilities as (n, k) and the shape of the answer."""
    return matched(as_probabilities(q, "q"), n_rows, "q")


def central_levels(confidence: ArrayLike, n_rows: int) -> tuple[Array, Shape]:
    """Return the levels (n, 2k) of both ends of central intervals, and their shape."""
    inside = as_probabilities(confidence, "confidence")
    asked, shape = matched(inside, n_rows, "confidence")
    size = 2 * asked.shape[1]
    tail = (1 - asked) / 2
    return np.stack([tail, 1 - tail], axis=-1).reshape(n_rows, size), (*shape, 2)


def counts(k: Any, n_rows: int) -> Counts:
    """Return numbers of draws of shape (n,)."""
    numbers = np.asarray(k)
    is_large = numbers.dtype.kind == "O"  # integers beyond 64 bits, or no numbers
    if is_large:
        is_integer = all(type(number) is int for number in numbers.ravel())
    else:
        is_integer = numbers.dtype.kind in "iu"
    if not is_integer:
        got = shown(k, repr) if numbers.ndim == 0 else numbers.dtype
        raise TypeError(f"k must be an integer, or integers; got {got}.")
    if (numbers < 1).any():
        raise ValueError(f"k must be at least 1; got {shown(numbers.min())}.")
    if (numbers > MAX_DRAWS).any():
        raise ValueError(f"k must be at most {MAX_DRAWS}; got a larger integer.")
    return _for_each_row(numbers.astype(np.int64), n_rows, "k")


def shares(weights: ArrayLike | None, n_parts: int) -> Array:
    """Return weights of parts that sum to one, equal ones by default."""
    if weights is None:
        return np.full(n_parts, 1 / n_parts)
    numbers = as_floats(weights, "weights")
    if numbers.shape != (n_parts,):
        raise ValueError(
            f"weights must have shape ({n_parts},); got shape {numbers.shape}."
        )
    if not ((numbers >= 0) & (numbers < np.inf)).all() or not numbers.any():
        raise ValueError(
            "weights must be finite and non-negative with a positive sum; got "
            f"{numbers}."
        )
    numbers = numbers / numbers.max()
    return numbers / numbers.sum()


def _for_each_row(numbers: NDArray[Any], n_rows: int, name: str) -> NDArray[Any]:
    """Return one number for each row."""
    if numbers.shape not in {(), (n_rows,)}:
        raise ValueError(
            f"{name} must be a number or have shape ({n_rows},); "
            f"got shape {numbers.shape}."
        )
    return np.broadcast_to(numbers, (n_rows,))
