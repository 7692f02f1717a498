"""Scores of predictive distributions: smaller is better unless they say otherwise."""

from __future__ import annotations

from functools import partial
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_scalar

from sklearn_genre.distributions import PredictiveDistribution
from sklearn_genre.distributions._rows import Rows
from sklearn_genre.metrics._checks import (
    Array,
    average,
    intervals_of,
    truth_for,
    truth_of,
)


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
    TypeError
        If `dist` is no predictive distribution.
    ValueError
        If the lengths differ, a number is not finite, or the weights are unusable.

    Examples
    --------
    >>> from sklearn_genre import PredictiveDistribution
    >>> from sklearn_genre.metrics import crps_score
    >>> dist = PredictiveDistribution([0.5], [[1.0]], edges=[0.0, 1.0])
    >>> round(crps_score([0.5], dist), 6)
    0.083333
    """
    y = truth_of(y_true, dist)
    return average(dist.crps(y), sample_weight)


def log_score(
    y_true: ArrayLike,
    dist: PredictiveDistribution,
    tail: float = 1e-3,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Return the mean negative log-density of the truth; smaller is better.

    The cells of a distribution end somewhere, and some have no mass. A truth there
    has the density zero, and one such row would make any score infinite. The density
    that is scored therefore has a small share of a Cauchy distribution mixed in,
    centred on the cells of the row with half their total width as its scale. Inside
    the cells the share costs at most ``-log(1 - tail)``, 0.001 by default; far outside
    the score grows with twice the logarithm of the distance.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        The truth.

    dist : PredictiveDistribution
        Predictions for the same n rows.

    tail : float, default=1e-3
        Share of the Cauchy distribution, in [0, 1). With 0 the score is the pure one
        and is infinite where the density is zero: right for asking whether that
        happens, of no use in a search.

    sample_weight : array-like of shape (n,), default=None
        Weights of the rows; None weighs them alike.

    Returns
    -------
    score : float
        In nats; of densities, so that it shifts by log(c) when y is multiplied by c.

    Raises
    ------
    TypeError
        If `dist` is no predictive distribution.
    ValueError
        If the lengths differ, a number is not finite, `tail` is not in [0, 1), or the
        weights are unusable.

    Examples
    --------
    >>> from sklearn_genre import PredictiveDistribution
    >>> from sklearn_genre.metrics import log_score
    >>> dist = PredictiveDistribution([0.5], [[1.0]], edges=[0.0, 1.0])
    >>> round(log_score([0.5], dist, tail=0.0), 6) + 0.0
    0.0
    >>> log_score([7.0], dist, tail=0.0)
    inf
    >>> round(log_score([7.0], dist), 2)
    12.5
    """
    check_scalar(tail, "tail", Real, min_val=0, max_val=1, include_boundaries="left")
    y = truth_of(y_true, dist)
    return average(-dist._map(partial(_log_density, tail=tail), y), sample_weight)


def _log_density(rows: Rows, y: Array, tail: float) -> Array:
    """Return the log-density at y, a share of it that of a Cauchy distribution."""
    with np.errstate(divide="ignore"):
        log_tail = np.log(tail) + _log_cauchy(y, rows.bounds())
    return np.logaddexp(np.log1p(-tail) + rows.logpdf(y[:, None])[:, 0], log_tail)


def _log_cauchy(y: Array, bounds: Array) -> Array:
    """Return the log-density of a Cauchy distribution as wide as the cells."""
    low, high = bounds.T
    log_scale = np.log(high - low) - np.log(2)
    distance = np.abs(y - (low + high) / 2)
    with np.errstate(divide="ignore"):
        log_ratio = np.log(distance) - log_scale
    return -np.log(np.pi) - log_scale - np.logaddexp(0.0, 2 * log_ratio)


def interval_score(
    y_true: ArrayLike,
    dist: PredictiveDistribution | ArrayLike,
    coverage: float = 0.9,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Return the mean interval score of central intervals; smaller is better.

    It is the width of the interval, and beyond that the distance of a truth outside
    to its nearer end times ``2 / (1 - coverage)``: a proper score of both quantiles,
    in the units of y.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        The truth.

    dist : PredictiveDistribution or array-like of shape (n, 2)
        Predictions for the same n rows, or the lower and upper ends of their
        intervals, such as `predict_interval` or a conformal method returns.

    coverage : float, default=0.9
        Nominal probability of the intervals, inside (0, 1).

    sample_weight : array-like of shape (n,), default=None
        Weights of the rows; None weighs them alike.

    Returns
    -------
    score : float

    Raises
    ------
    TypeError
        If `dist` is neither.
    ValueError
        If the lengths differ, a number is not finite, `coverage` is not inside
        (0, 1), or the weights are unusable.

    References
    ----------
    Gneiting and Raftery (2007). Strictly proper scoring rules, prediction, and
    estimation. Journal of the American Statistical Association 102(477), section 6.2.

    Examples
    --------
    >>> from sklearn_genre import PredictiveDistribution
    >>> from sklearn_genre.metrics import interval_score
    >>> dist = PredictiveDistribution([5.0], [[1.0]], edges=[0.0, 10.0])
    >>> round(interval_score([10.0], dist, coverage=0.8), 6)
    18.0
    """
    intervals = intervals_of(dist, coverage)
    y, (lower, upper) = truth_for(y_true, intervals), intervals.T
    outside = np.maximum(lower - y, 0.0) + np.maximum(y - upper, 0.0)
    return average(upper - lower + 2 / (1 - coverage) * outside, sample_weight)


def coverage_score(
    y_true: ArrayLike,
    dist: PredictiveDistribution | ArrayLike,
    coverage: float = 0.9,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Return the fraction of truths inside the central intervals.

    Calibrated predictions score `coverage`.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        The truth.

    dist : PredictiveDistribution or array-like of shape (n, 2)
        Predictions for the same n rows, or the lower and upper ends of their
        intervals.

    coverage : float, default=0.9
        Nominal probability of the intervals, inside (0, 1); of given intervals,
        without effect.

    sample_weight : array-like of shape (n,), default=None
        Weights of the rows; None weighs them alike.

    Returns
    -------
    score : float

    Raises
    ------
    TypeError
        If `dist` is neither.
    ValueError
        If the lengths differ, a number is not finite, `coverage` is not inside
        (0, 1), or the weights are unusable.

    Examples
    --------
    >>> from sklearn_genre import PredictiveDistribution
    >>> from sklearn_genre.metrics import coverage_score
    >>> dist = PredictiveDistribution([0.5], [[1.0], [1.0]], edges=[0.0, 1.0])
    >>> coverage_score([0.5, 0.99], dist)
    0.5
    """
    intervals = intervals_of(dist, coverage)
    y, (lower, upper) = truth_for(y_true, intervals), intervals.T
    return average(((lower <= y) & (y <= upper)).astype(np.float64), sample_weight)


def interval_width(
    dist: PredictiveDistribution | ArrayLike,
    coverage: float = 0.9,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Return the mean width of the central intervals, in the units of y.

    Parameters
    ----------
    dist : PredictiveDistribution or array-like of shape (n, 2)
        Predictions, or the lower and upper ends of their intervals.

    coverage : float, default=0.9
        Nominal probability of the intervals, inside (0, 1); of given intervals,
        without effect.

    sample_weight : array-like of shape (n,), default=None
        Weights of the rows; None weighs them alike.

    Returns
    -------
    width : float

    Raises
    ------
    TypeError
        If `dist` is neither.
    ValueError
        If there is no row, `coverage` is not inside (0, 1), or the weights are
        unusable.

    Examples
    --------
    >>> from sklearn_genre import PredictiveDistribution
    >>> from sklearn_genre.metrics import interval_width
    >>> dist = PredictiveDistribution([5.0], [[1.0]], edges=[0.0, 10.0])
    >>> round(interval_width(dist, coverage=0.8), 6)
    8.0
    """
    lower, upper = intervals_of(dist, coverage).T
    return average(upper - lower, sample_weight)


def pit_values(y_true: ArrayLike, dist: PredictiveDistribution) -> Array:
    """Return the probability integral transforms: the level of each truth.

    They are uniform on (0, 1) if the predictions are calibrated: a hump says that the
    distributions are too wide, a bowl that they are too narrow, a slope that they are
    biased.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        The truth.

    dist : PredictiveDistribution
        Predictions for the same n rows.

    Returns
    -------
    levels : ndarray of shape (n,)
        The cumulative probability at the truth, in [0, 1]; 0 or 1 outside all cells.

    Raises
    ------
    TypeError
        If `dist` is no predictive distribution.
    ValueError
        If the lengths differ or a number is not finite.

    Examples
    --------
    >>> from sklearn_genre import PredictiveDistribution
    >>> from sklearn_genre.metrics import pit_values
    >>> dist = PredictiveDistribution([0.5], [[1.0], [1.0]], edges=[0.0, 1.0])
    >>> pit_values([0.25, 2.0], dist)
    array([0.25, 1.  ])
    """
    y = truth_of(y_true, dist)
    return dist.cdf(y)


def wasserstein1_score(
    y_true: ArrayLike,
    dist: PredictiveDistribution,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Return the mean Wasserstein distance of order 1 to the truth; smaller is better.

    It is the expected absolute error of one draw of the numbers, in the units of y.
    It rewards certainty as well as being right, and is not a proper score:
    `crps_score` is.

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
    TypeError
        If `dist` is no predictive distribution.
    ValueError
        If the lengths differ, a number is not finite, or the weights are unusable.

    Examples
    --------
    >>> from sklearn_genre import PredictiveDistribution
    >>> from sklearn_genre.metrics import wasserstein1_score
    >>> dist = PredictiveDistribution([0.0, 1.0], [[1.0, 3.0]])
    >>> wasserstein1_score([1.0], dist)
    0.25
    """
    y = truth_of(y_true, dist)
    return average(dist.wasserstein1(y), sample_weight)
