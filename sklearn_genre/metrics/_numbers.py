"""Scores of predicted numbers that scikit-learn does not have."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_consistent_length

from sklearn_genre.metrics._checks import HUGE, Array, average, column, weights_of


def spearman_score(
    y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
) -> float:
    """Return Spearman's rank correlation, 0.0 when either side is constant.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        True targets.

    y_pred : array-like of shape (n,)
        Predicted numbers.

    sample_weight : array-like of shape (n,), default=None
        Weights of the rows: a row counts as that many rows; None means one each.

    Returns
    -------
    score : float
        Between -1 and 1; larger is better.

    Raises
    ------
    ValueError
        If the lengths differ, a number is not finite, or the weights are invalid.

    Examples
    --------
    >>> from sklearn_genre.metrics import spearman_score
    >>> spearman_score([1, 2, 3], [10, 20, 400])
    1.0
    """
    target, prediction = column(y_true, "y_true"), column(y_pred, "y_pred")
    check_consistent_length(target, prediction)
    weight = weights_of(len(target), sample_weight)
    counts = weight > 0
    if any(np.all(a[counts] == a[counts][0]) for a in (target, prediction)):
        return 0.0
    a, b = _centred_ranks(target, weight), _centred_ranks(prediction, weight)
    scale = np.sqrt((weight @ a**2) * (weight @ b**2))
    return float(np.clip((weight * a) @ b / scale, -1.0, 1.0))


def rmse_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    y_train: ArrayLike | None = None,
) -> float:
    """Return the root mean squared error; smaller is better.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        True targets.

    y_pred : array-like of shape (n,)
        Predicted numbers.

    sample_weight : array-like of shape (n,), default=None
        Weights of the rows; None means equal weights.

    y_train : array-like of shape (n_train,), default=None
        Training targets. If given, the error is divided by their standard deviation, so
        that it can be compared between datasets: predicting their mean scores about 1.

    Returns
    -------
    score : float

    Raises
    ------
    ValueError
        If the lengths differ, a number is not finite, the weights are invalid, or
        `y_train` is constant.

    Examples
    --------
    >>> from sklearn_genre.metrics import rmse_score
    >>> rmse_score([1.0, 5.0], [4.0, 8.0])
    3.0
    >>> rmse_score([1.0, 5.0], [4.0, 8.0], y_train=[0.0, 4.0])
    1.5
    """
    target, prediction = column(y_true, "y_true"), column(y_pred, "y_pred")
    check_consistent_length(target, prediction)
    rmse = _root_mean_square_error(target, prediction, sample_weight)
    if y_train is None:
        return rmse
    train = column(y_train, "y_train")
    if train.min() == train.max():
        raise ValueError(
            f"y_train must have a spread to divide by; all of it is {train[0]}."
        )
    mean = np.full(len(train), average(train, None))
    return rmse / _root_mean_square_error(train, mean, None)


def _root_mean_square_error(
    a: Array, b: Array, sample_weight: ArrayLike | None
) -> float:
    """Return the root of the weighted mean square of a - b, even if those overflow."""
    weight = weights_of(len(a), sample_weight)
    counts = weight > 0
    a, b, weight = a[counts], b[counts], weight[counts]
    factor = 2.0 if max(np.abs(a).max(), np.abs(b).max()) > HUGE else 1.0
    error = np.abs(a / factor - b / factor)
    size = float(error.max()) or 1.0
    share = average((error / size) ** 2, weight) ** 0.5
    return size * share * factor


def _centred_ranks(numbers: Array, weight: Array) -> Array:
    """Return weighted ranks minus their mean; a row counts as `weight` rows."""
    _, group = np.unique(numbers, return_inverse=True)
    mass = np.bincount(group, weight)
    ranks = (np.cumsum(mass) - mass / 2)[group]  # ties share the middle
    return ranks - np.average(ranks, weights=weight)
