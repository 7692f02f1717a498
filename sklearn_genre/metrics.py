"""Scores of predictions and of predictive distributions: numpy in, float out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata
from sklearn.utils import check_array, check_consistent_length

if TYPE_CHECKING:
    from sklearn_genre.distributions._predictive import PredictiveDistribution

Array = NDArray[np.float64]


def crps_score(
    y_true: ArrayLike,
    dist: PredictiveDistribution,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Return the mean continuous ranked probability score; smaller is better.

    It is a proper score in the units of y, and the mean absolute error when every
    prediction is a single number.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        The truth.

    dist : PredictiveDistribution
        Predictions for the same n rows.

    sample_weight : array-like of shape (n,), default=None
        Weights of the rows; None weighs them alike.

    Returns
    -------
    score : float

    Raises
    ------
    ValueError
        If the lengths differ, a number is not finite, or the weights are unusable.

    Examples
    --------
    >>> from sklearn_genre.distributions._predictive import PredictiveDistribution
    >>> from sklearn_genre.metrics import crps_score
    >>> dist = PredictiveDistribution([0.5], [[1.0]], edges=[0.0, 1.0])
    >>> round(crps_score([0.5], dist), 6)
    0.083333
    """
    y = _column(y_true, "y_true")
    check_consistent_length(y, dist)
    return _average(dist.crps(y), sample_weight)


def coverage_score(
    y_true: ArrayLike,
    dist: PredictiveDistribution,
    coverage: float = 0.9,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Return the fraction of truths inside the central intervals.

    Calibrated predictions score `coverage`.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        The truth.

    dist : PredictiveDistribution
        Predictions for the same n rows.

    coverage : float, default=0.9
        Nominal probability of the intervals, inside (0, 1).

    sample_weight : array-like of shape (n,), default=None
        Weights of the rows; None weighs them alike.

    Returns
    -------
    score : float

    Raises
    ------
    ValueError
        If the lengths differ, a number is not finite, `coverage` is not inside
        (0, 1), or the weights are unusable.

    Examples
    --------
    >>> from sklearn_genre.distributions._predictive import PredictiveDistribution
    >>> from sklearn_genre.metrics import coverage_score
    >>> dist = PredictiveDistribution([0.5], [[1.0], [1.0]], edges=[0.0, 1.0])
    >>> coverage_score([0.5, 0.99], dist)
    0.5
    """
    y = _column(y_true, "y_true")
    check_consistent_length(y, dist)
    lower, upper = dist.interval(coverage).T
    return _average(((lower <= y) & (y <= upper)).astype(np.float64), sample_weight)


def interval_width(
    dist: PredictiveDistribution,
    coverage: float = 0.9,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Return the mean width of the central intervals, in the units of y.

    Parameters
    ----------
    dist : PredictiveDistribution
        Predictions.

    coverage : float, default=0.9
        Nominal probability of the intervals, inside (0, 1).

    sample_weight : array-like of shape (n,), default=None
        Weights of the rows; None weighs them alike.

    Returns
    -------
    width : float

    Raises
    ------
    ValueError
        If there is no row, `coverage` is not inside (0, 1), or the weights are
        unusable.

    Examples
    --------
    >>> from sklearn_genre.distributions._predictive import PredictiveDistribution
    >>> from sklearn_genre.metrics import interval_width
    >>> dist = PredictiveDistribution([5.0], [[1.0]], edges=[0.0, 10.0])
    >>> round(interval_width(dist, coverage=0.8), 6)
    8.0
    """
    lower, upper = dist.interval(coverage).T
    return _average(upper - lower, sample_weight)


def spearman_score(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """Return Spearman's rank correlation, 0.0 when either side is constant.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        The truth.

    y_pred : array-like of shape (n,)
        Predicted numbers.

    Returns
    -------
    score : float
        Between -1 and 1.

    Raises
    ------
    ValueError
        If the lengths differ or a number is not finite.

    Examples
    --------
    >>> from sklearn_genre.metrics import spearman_score
    >>> spearman_score([1, 2, 3], [10, 20, 400])
    1.0
    """
    truth, prediction = _column(y_true, "y_true"), _column(y_pred, "y_pred")
    check_consistent_length(truth, prediction)
    a, b = (ranks - ranks.mean() for ranks in (rankdata(truth), rankdata(prediction)))
    scale = np.sqrt((a @ a) * (b @ b))
    return float(np.clip((a @ b) / scale, -1.0, 1.0)) if scale > 0 else 0.0


def _column(numbers: ArrayLike, name: str) -> Array:
    """Return finite float64 numbers of shape (n,)."""
    column: Array = check_array(
        numbers, ensure_2d=False, dtype=np.float64, input_name=name
    )
    if column.ndim != 1:
        raise ValueError(f"{name} must have shape (n,); got shape {column.shape}.")
    return column


def _average(rows: Array, sample_weight: ArrayLike | None) -> float:
    """Return the weighted mean of one number per row."""
    if not rows.size:
        raise ValueError("There is no row to score.")
    if sample_weight is None:
        return float(rows.mean())
    weight = _column(sample_weight, "sample_weight")
    check_consistent_length(rows, weight)
    if weight.min() < 0 or not weight.any():
        raise ValueError(
            f"sample_weight must be non-negative with a positive sum; "
            f"got minimum {weight.min()} and sum {weight.sum()}."
        )
    return float(np.average(rows, weights=weight))
