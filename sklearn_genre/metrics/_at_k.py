"""Errors of the best, the mean and the median of k draws."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from sklearn_genre._checks import as_floats, check_integer
from sklearn_genre.distributions import (
    PredictiveDistribution,
    best_of_draws,
    median_of_draws,
)
from sklearn_genre.metrics._checks import (
    Array,
    average,
    check_distribution,
    finite,
    targets_of,
)


def best_at_k_score(
    y_true: ArrayLike,
    dist: PredictiveDistribution | ArrayLike,
    k: int,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Return the mean squared error of the best of k draws; smaller is better.

    The best draw is the one nearest to the target: what users get if they can recognise
    the best of k answers.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        True targets.

    dist : PredictiveDistribution or array-like of shape (n, m)
        Predictions for the same n rows: distributions, for which the score is exact, or
        m draws for each row, for which it is the mean over all subsets of k draws, an
        unbiased estimate.

    k : int
        Number of draws, at least 1 and at most m.

    sample_weight : array-like of shape (n,), default=None
        Weights of the rows; None means equal weights.

    Returns
    -------
    score : float
        In squared units of y.

    Raises
    ------
    TypeError
        If `dist` is not one of these.
    ValueError
        If the lengths differ, a number is not finite, `k` is out of range, or the
        weights are invalid.

    Examples
    --------
    >>> from sklearn_genre import PredictiveDistribution
    >>> from sklearn_genre.metrics import best_at_k_score
    >>> dist = PredictiveDistribution([0.0, 1.0], [[1.0, 1.0]])
    >>> round(best_at_k_score([1.0], dist, k=2), 6)
    0.239583
    >>> round(best_at_k_score([1.0], [[0.0, 1.0, 0.0, 1.0]], k=2), 6)
    0.166667
    """
    exact = PredictiveDistribution.best_at_k
    return _score(y_true, dist, k, sample_weight, exact, _best_of_draws)


def mean_at_k_score(
    y_true: ArrayLike,
    dist: PredictiveDistribution | ArrayLike,
    k: int,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Return the mean squared error of the mean of k draws; smaller is better.

    As k grows it approaches the mean squared error of the mean.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        True targets.

    dist : PredictiveDistribution or array-like of shape (n, m)
        Predictions for the same n rows: distributions, for which the score is exact, or
        m draws for each row, for which it is the mean over all subsets of k draws, an
        unbiased estimate.

    k : int
        Number of draws, at least 1 and at most m.

    sample_weight : array-like of shape (n,), default=None
        Weights of the rows; None means equal weights.

    Returns
    -------
    score : float
        In squared units of y.

    Raises
    ------
    TypeError
        If `dist` is not one of these.
    ValueError
        If the lengths differ, a number is not finite, `k` is out of range, or the
        weights are invalid.

    Examples
    --------
    >>> from sklearn_genre import PredictiveDistribution
    >>> from sklearn_genre.metrics import mean_at_k_score
    >>> dist = PredictiveDistribution([0.0, 1.0], [[1.0, 1.0]])
    >>> round(mean_at_k_score([1.0], dist, k=2), 6)
    0.416667
    >>> round(mean_at_k_score([1.0], [[0.0, 1.0, 0.0, 1.0]], k=2), 6)
    0.333333
    """
    exact = PredictiveDistribution.mean_at_k
    return _score(y_true, dist, k, sample_weight, exact, _mean_of_draws)


def median_at_k_score(
    y_true: ArrayLike,
    dist: PredictiveDistribution | ArrayLike,
    k: int,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Return the mean squared error of the median of k draws; smaller is better.

    The median of an even number of draws is the mean of the two middle ones, as in
    `numpy.median`.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        True targets.

    dist : PredictiveDistribution or array-like of shape (n, m)
        Predictions for the same n rows: distributions, for which the score is exact, or
        m draws for each row, for which it is the mean over all subsets of k draws, an
        unbiased estimate.

    k : int
        Number of draws, at least 1 and at most m.

    sample_weight : array-like of shape (n,), default=None
        Weights of the rows; None means equal weights.

    Returns
    -------
    score : float
        In squared units of y.

    Raises
    ------
    TypeError
        If `dist` is not one of these.
    ValueError
        If the lengths differ, a number is not finite, `k` is out of range, or the
        weights are invalid.

    Examples
    --------
    >>> from sklearn_genre import PredictiveDistribution
    >>> from sklearn_genre.metrics import median_at_k_score
    >>> dist = PredictiveDistribution([0.0, 1.0], [[1.0, 1.0]])
    >>> round(median_at_k_score([1.0], dist, k=2), 6)
    0.416667
    >>> round(median_at_k_score([1.0], [[0.0, 1.0, 0.0, 1.0]], k=2), 6)
    0.333333
    """
    exact = PredictiveDistribution.median_at_k
    return _score(y_true, dist, k, sample_weight, exact, median_of_draws)


def _score(
    y_true: ArrayLike,
    dist: PredictiveDistribution | ArrayLike,
    k: int,
    sample_weight: ArrayLike | None,
    exact: Callable[..., Array],
    of_draws: Callable[[Array, int], Array],
) -> float:
    """Return the mean score of the rows, exact or estimated from draws."""
    if isinstance(dist, PredictiveDistribution):
        return average(exact(dist, targets_of(y_true, dist), k), sample_weight)
    draws = _checked_draws(dist)
    y = targets_of(y_true, draws)
    k = check_integer(k, "k", 1, draws.shape[1])
    with np.errstate(over="ignore"):  # squares of numbers from 1e154 are infinite
        return average(of_draws(draws - y[:, None], k), sample_weight)


def _checked_draws(draws: ArrayLike) -> Array:
    """Return finite draws of shape (n, m)."""
    if np.ndim(draws) != 2:
        check_distribution(draws, ", or draws of shape (n, m)")
    return finite(as_floats(draws, "draws"), "draws")


def _best_of_draws(deviation: Array, k: int) -> Array:
    """Return the mean over all k-subsets of the smallest squared deviation."""
    return best_of_draws(np.abs(deviation), k)


def _mean_of_draws(deviation: Array, k: int) -> Array:
    """Return the mean over all k-subsets of the squared mean deviation."""
    m = deviation.shape[1]
    error = deviation.mean(axis=1)
    if k == m:  # the only subset
        return error**2
    spread = ((deviation - error[:, None]) ** 2).sum(axis=1) / max(m - 1, 1)
    return error**2 + spread * (1 / k - 1 / m)
