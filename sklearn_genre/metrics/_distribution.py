"""Scores of predictive distributions."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from sklearn_genre.distributions import PredictiveDistribution
from sklearn_genre.distributions._piecewise import PiecewiseUniform
from sklearn_genre.metrics._checks import (
    Array,
    average,
    check_share,
    intervals_of,
    targets_of,
    targets_of_distribution,
)


def crps_score(
    y_true: ArrayLike,
    dist: PredictiveDistribution,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Return the mean continuous ranked probability score; smaller is better.

    A proper score in the units of y. It equals the mean absolute error if every
    prediction is a single number.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        True targets.

    dist : PredictiveDistribution
        Predictions for the same n rows.

    sample_weight : array-like of shape (n,), default=None
        Weights of the rows; None means equal weights.

    Returns
    -------
    score : float

    Raises
    ------
    TypeError
        If `dist` is not a `PredictiveDistribution`.
    ValueError
        If the lengths differ, a number is not finite, or the weights are invalid.

    Examples
    --------
    >>> from sklearn_genre import PredictiveDistribution
    >>> from sklearn_genre.metrics import crps_score
    >>> dist = PredictiveDistribution([0.5], [[1.0]], edges=[0.0, 1.0])
    >>> round(crps_score([0.5], dist), 6)
    0.083333
    """
    y = targets_of_distribution(y_true, dist)
    return average(dist.crps(y), sample_weight)


def log_score(
    y_true: ArrayLike,
    dist: PredictiveDistribution,
    tail: float = 1e-3,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Return the mean negative log-density of the targets; smaller is better.

    The density of a distribution is zero beyond its bins, and in bins without mass.
    One target there would make the whole score infinite. The scored density is
    therefore a mixture with a small share of a Cauchy distribution, which is centred on
    the bins of the row and has half their total width as its scale. Inside the bins
    this costs at most ``-log(1 - tail)``, 0.001 by default; far outside, the score
    grows like twice the logarithm of the distance.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        True targets.

    dist : PredictiveDistribution
        Predictions for the same n rows.

    tail : float, default=1e-3
        Share of the Cauchy distribution, in [0, 1). With 0 the score is infinite if any
        density is zero: useful to detect such predictions, useless in a search.

    sample_weight : array-like of shape (n,), default=None
        Weights of the rows; None means equal weights.

    Returns
    -------
    score : float
        In nats. It increases by log(c) when y is multiplied by c.

    Raises
    ------
    TypeError
        If `dist` is not a `PredictiveDistribution`.
    ValueError
        If the lengths differ, a number is not finite, `tail` is not in [0, 1), or the
        weights are invalid.

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
    tail = check_share(tail, "tail", zero=True)
    y = targets_of_distribution(y_true, dist)
    return average(-dist._map(partial(_log_density, tail=tail), y), sample_weight)


def _log_density(block: PiecewiseUniform, y: Array, tail: float) -> Array:
    """Return the log-density at y of the mixture with a Cauchy distribution."""
    with np.errstate(divide="ignore"):
        log_tail = np.log(tail) + _log_cauchy(y, block.bounds())
    return np.logaddexp(np.log1p(-tail) + block.logpdf(y[:, None])[:, 0], log_tail)


def _log_cauchy(y: Array, bounds: Array) -> Array:
    """Return the log-density of a Cauchy distribution as wide as the bins."""
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

    The score of a row is the width of its interval plus, if the target lies outside,
    its distance from the interval times ``2 / (1 - coverage)``. It is a proper score of
    both quantiles, in the units of y.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        True targets.

    dist : PredictiveDistribution or array-like of shape (n, 2)
        Predictions for the same n rows, or the lower and upper ends of their
        intervals, as returned by `predict_interval` or a conformal method.

    coverage : float, default=0.9
        Nominal probability of the intervals, inside (0, 1).

    sample_weight : array-like of shape (n,), default=None
        Weights of the rows; None means equal weights.

    Returns
    -------
    score : float

    Raises
    ------
    TypeError
        If `dist` is not one of these.
    ValueError
        If the lengths differ, a number is not finite, `coverage` is not inside
        (0, 1), or the weights are invalid.

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
    y, (lower, upper) = targets_of(y_true, intervals), intervals.T
    outside = np.maximum(lower - y, 0.0) + np.maximum(y - upper, 0.0)
    return average(upper - lower + 2 / (1 - coverage) * outside, sample_weight)


def coverage_score(
    y_true: ArrayLike,
    dist: PredictiveDistribution | ArrayLike,
    coverage: float = 0.9,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Return the fraction of targets inside the central intervals.

    Calibrated predictions score `coverage`.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        True targets.

    dist : PredictiveDistribution or array-like of shape (n, 2)
        Predictions for the same n rows, or the lower and upper ends of their
        intervals.

    coverage : float, default=0.9
        Nominal probability of the intervals, inside (0, 1); without effect if
        intervals are given.

    sample_weight : array-like of shape (n,), default=None
        Weights of the rows; None means equal weights.

    Returns
    -------
    score : float

    Raises
    ------
    TypeError
        If `dist` is not one of these.
    ValueError
        If the lengths differ, a number is not finite, `coverage` is not inside
        (0, 1), or the weights are invalid.

    Examples
    --------
    >>> from sklearn_genre import PredictiveDistribution
    >>> from sklearn_genre.metrics import coverage_score
    >>> dist = PredictiveDistribution([0.5], [[1.0], [1.0]], edges=[0.0, 1.0])
    >>> coverage_score([0.5, 0.99], dist)
    0.5
    """
    intervals = intervals_of(dist, coverage)
    y, (lower, upper) = targets_of(y_true, intervals), intervals.T
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
        Nominal probability of the intervals, inside (0, 1); without effect if
        intervals are given.

    sample_weight : array-like of shape (n,), default=None
        Weights of the rows; None means equal weights.

    Returns
    -------
    width : float

    Raises
    ------
    TypeError
        If `dist` is not one of these.
    ValueError
        If there is no row, `coverage` is not inside (0, 1), or the weights are
        invalid.

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
    """Return the probability integral transform of each target.

    They are uniform on (0, 1) if the predictions are calibrated. A hump in their
    histogram means that the distributions are too wide, a valley that they are too
    narrow, and a slope that they are too high or too low.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        True targets.

    dist : PredictiveDistribution
        Predictions for the same n rows.

    Returns
    -------
    levels : ndarray of shape (n,)
        The cumulative probability at each target, in [0, 1]; 0 or 1 beyond all bins.

    Raises
    ------
    TypeError
        If `dist` is not a `PredictiveDistribution`.
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
    y = targets_of_distribution(y_true, dist)
    return dist.cdf(y)


def wasserstein1_score(
    y_true: ArrayLike,
    dist: PredictiveDistribution,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Return the mean 1-Wasserstein distance to the targets; smaller is better.

    The distance is the expected absolute error of one draw, in the units of y. It
    rewards narrow distributions as well as accurate ones, so it is not a proper score;
    `crps_score` is.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        True targets.

    dist : PredictiveDistribution
        Predictions for the same n rows.

    sample_weight : array-like of shape (n,), default=None
        Weights of the rows; None means equal weights.

    Returns
    -------
    score : float

    Raises
    ------
    TypeError
        If `dist` is not a `PredictiveDistribution`.
    ValueError
        If the lengths differ, a number is not finite, or the weights are invalid.

    Examples
    --------
    >>> from sklearn_genre import PredictiveDistribution
    >>> from sklearn_genre.metrics import wasserstein1_score
    >>> dist = PredictiveDistribution([0.0, 1.0], [[1.0, 3.0]])
    >>> wasserstein1_score([1.0], dist)
    0.4375
    """
    y = targets_of_distribution(y_true, dist)
    return average(dist.wasserstein1(y), sample_weight)
