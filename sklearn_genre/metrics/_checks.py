"""What the scores share: checked numbers and weighted means."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array, check_consistent_length

Array = NDArray[np.float64]


def column(numbers: ArrayLike, name: str) -> Array:
    """Return finite float64 numbers of shape (n,)."""
    checked: Array = check_array(
        numbers, ensure_2d=False, dtype=np.float64, input_name=name
    )
    if checked.ndim != 1:
        raise ValueError(f"{name} must have shape (n,); got shape {checked.shape}.")
    return checked


def truth_of(y_true: ArrayLike, predictions: Any) -> Array:
    """Return the truth, one number for each prediction."""
    y = column(y_true, "y_true")
    check_consistent_length(y, predictions)
    return y


def weights_of(n_rows: int, sample_weight: ArrayLike | None) -> Array:
    """Return the weights of the rows, all one by default."""
    if not n_rows:
        raise ValueError("There is no row to score.")
    if sample_weight is None:
        return np.ones(n_rows)
    weight = column(sample_weight, "sample_weight")
    if len(weight) != n_rows:
        raise ValueError(
            f"sample_weight must have shape ({n_rows},); got shape {weight.shape}."
        )
    if weight.min() < 0 or not weight.any():
        raise ValueError(
            f"sample_weight must be non-negative with a positive sum; "
            f"got minimum {weight.min()} and sum {weight.sum()}."
        )
    return weight


def average(rows: Array, sample_weight: ArrayLike | None) -> float:
    """Return the weighted mean of one number per row."""
    weight = weights_of(len(rows), sample_weight)
    return float(np.average(rows, weights=weight))
