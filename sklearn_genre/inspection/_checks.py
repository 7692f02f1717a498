"""Checks of true targets, distributions and levels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array

from sklearn_genre._checks import QUIET_SUMS, as_floats, flat_column
from sklearn_genre.distributions import PredictiveDistribution

Array = NDArray[np.float64]


def check_targets(y_true: ArrayLike, dist: PredictiveDistribution) -> Array:
    """Return the true targets as finite float64, one for each prediction."""
    check_distribution(dist)
    return check_numbers(y_true, len(dist), "y_true")


def check_distribution(dist: Any) -> None:
    """Raise ``TypeError`` unless given a predictive distribution."""
    if not isinstance(dist, PredictiveDistribution):
        raise TypeError(
            "dist must be a PredictiveDistribution, which predict_distribution "
            f"returns; got {type(dist).__name__}."
        )


def check_numbers(numbers: ArrayLike, n_rows: int, name: str) -> Array:
    """Return finite float64 numbers of shape (n_rows,)."""
    with np.errstate(**QUIET_SUMS):
        column: Array = check_array(
            flat_column(numbers, name), ensure_2d=False, input_name=name
        )
    if column.shape != (n_rows,):
        raise ValueError(
            f"{name} must have shape ({n_rows},), one number for each row; got shape "
            f"{column.shape}."
        )
    return column


def check_levels(levels: ArrayLike, name: str) -> Array:
    """Return ascending numbers strictly between 0 and 1."""
    numbers = as_floats(levels, name)
    if numbers.ndim != 1 or not numbers.size:
        raise ValueError(
            f"{name} must hold at least one number in one dimension; got shape "
            f"{numbers.shape}."
        )
    numbers = np.sort(numbers)
    inside = (numbers > 0) & (numbers < 1)
    if not inside.all():
        raise ValueError(
            f"{name} must lie strictly between 0 and 1; got {numbers[~inside][0]}."
        )
    return numbers
