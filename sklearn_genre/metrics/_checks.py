"""What the scores share: checked numbers and weighted means."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array, check_consistent_length

from sklearn_genre._checks import QUIET_SUMS, as_floats, check_real, flat_column
from sklearn_genre.distributions import PredictiveDistribution

Array = NDArray[np.float64]

# Sums of larger scores may be beyond the range of float64, though their mean is not.
HUGE = 1e290


def column(numbers: ArrayLike, name: str) -> Array:
    """Return finite float64 numbers of shape (n,), also of one column of a table."""
    floats = flat_column(numbers, name)
    if floats.ndim != 1:
        raise ValueError(f"{name} must have shape (n,); got shape {floats.shape}.")
    return finite(floats, name)


def finite(floats: Array, name: str) -> Array:
    """Return numbers as they are, unless there are none or some are not finite."""
    with np.errstate(**QUIET_SUMS):
        checked: Array = check_array(floats, ensure_2d=False, input_name=name)
    return checked


def check_share(share: Any, name: str, *, zero: bool = False) -> float:
    """Return a share in (0, 1), or in [0, 1) where it may be zero."""
    number = check_real(share, name, 0.0, 1.0, exclusive=not zero)
    if number == 1:
        raise ValueError(f"{name} == {number}, must be < 1.")
    return number


def check_distribution(dist: Any, other: str = "") -> None:
    """Raise ``TypeError`` unless given a predictive distribution."""
    if not isinstance(dist, PredictiveDistribution):
        kind, shape = type(dist).__name__, np.shape(dist)
        raise TypeError(
            "dist must be a PredictiveDistribution, which predict_distribution(X) or "
            f"predict(X, output_type='distribution') returns{other}; got {kind}"
            f"{f' of shape {shape}' if shape else ''}."
        )


def intervals_of(dist: PredictiveDistribution | ArrayLike, coverage: float) -> Array:
    """Return the ends of intervals, (n, 2): those of distributions, or those given."""
    check_share(coverage, "coverage")
    if isinstance(dist, PredictiveDistribution):
        return dist.interval(coverage)
    if np.shape(dist)[1:] != (2,):
        check_distribution(dist, ", or intervals of shape (n, 2)")
    intervals = as_floats(dist, "dist")
    finite(np.where(np.isinf(intervals), 0.0, intervals), "dist")  # an end may be inf
    swapped = intervals[:, 0] > intervals[:, 1]
    if swapped.any():
        row = int(swapped.argmax())
        raise ValueError(
            "dist must hold the lower and the upper end of each interval; got "
            f"{intervals[row, 0]} above {intervals[row, 1]} in row {row}."
        )
    empty = (intervals[:, 0] == np.inf) | (intervals[:, 1] == -np.inf)
    if empty.any():
        row = int(empty.argmax())
        raise ValueError(
            f"dist must hold intervals with numbers in them; got both ends at "
            f"{intervals[row, 0]} in row {row}."
        )
    return intervals


def targets_of_distribution(y_true: ArrayLike, dist: Any) -> Array:
    """Return the true targets, one for each predictive distribution."""
    check_distribution(dist)
    return targets_of(y_true, dist)


def targets_of(y_true: ArrayLike, predictions: Any) -> Array:
    """Return the true targets, one for each prediction."""
    y = column(y_true, "y_true")
    check_consistent_length(y, predictions)
    return y


def weights_of(n_rows: int, sample_weight: ArrayLike | None) -> Array:
    """Return the weights of the rows over the largest, by default all one."""
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
            "sample_weight must be non-negative with a positive sum; "
            f"got minimum {weight.min()} and maximum {weight.max()}."
        )
    return weight / weight.max()


def average(rows: Array, sample_weight: ArrayLike | None) -> float:
    """Return the weighted mean of one number per row; rows of weight 0 are left out."""
    weight = weights_of(len(rows), sample_weight)
    counts = weight > 0  # zero times an infinite score would be nan
    rows, weight = rows[counts], weight[counts]
    size = float(np.abs(rows).max())
    if not HUGE < size < np.inf:
        return float(np.average(rows, weights=weight))
    return size * float(np.average(rows / size, weights=weight))
