"""The best and the median of k draws, over all subsets of more draws than k."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from sklearn_genre.distributions._bins import Array
from sklearn_genre.distributions._squares import (
    root_mean_square,
    square_of_the_middle,
)


def best_of_draws(distance: Array, k: int) -> Array:
    """Return the mean square of the smallest among all k-subsets of m distances.

    Parameters
    ----------
    distance : ndarray of shape (n, m)
    k : int
        At most m.
    """
    m = distance.shape[1]
    after = m - np.arange(1, m + 1)  # draws beyond each, in order
    weight = np.exp(_log_choose(after, k - 1) - _log_choose(m, k))
    return root_mean_square(np.sort(distance, axis=1), weight) ** 2


def median_of_draws(deviation: Array, k: int) -> Array:
    """Return the mean square of the median among all k-subsets of m deviations.

    Parameters
    ----------
    deviation : ndarray of shape (n, m)
    k : int
        At most m.
    """
    m = deviation.shape[1]
    ordered = np.sort(deviation, axis=1)
    before = np.arange(m)  # draws before each, in order
    log_all = _log_choose(m, k)

    def weight_of(rank: int) -> Array:
        after = _log_choose(m - 1 - before, k - rank)
        return np.exp(_log_choose(before, rank - 1) + after - log_all)  # (m,)

    half = k // 2
    if k % 2:
        return root_mean_square(ordered, weight_of(half + 1)) ** 2
    gap = _gap_of_the_middle(
        np.diff(ordered, axis=1),
        _log_choose(before[1:], half) - log_all,
        _log_choose(m - before[1:], half),
    )
    weight = (weight_of(half) + weight_of(half + 1)) / 2
    return square_of_the_middle(root_mean_square(ordered, weight), gap)


def _log_choose(n: int | NDArray[np.intp], k: int) -> Array:
    """Return the logarithm of the number of k-subsets of n, -inf where k > n."""
    n = np.asarray(n)
    chosen = gammaln(n + 1) - gammaln(k + 1) - gammaln(np.maximum(n - k, 0) + 1)
    return np.where(k <= n, chosen, -np.inf)


def _gap_of_the_middle(gap: Array, log_below: Array, log_above: Array) -> Array:
    """Return the root mean square of v - u, where u <= v are the middle two draws.

    It is a sum over pairs of gaps a <= b with the probability
    ``exp(log_below[a] + log_above[b])`` that u is below both and v above both; running
    sums of logarithms do it in linear time, for any number of draws.
    """
    with np.errstate(divide="ignore"):
        log_gap = np.log(gap)  # (n, K - 1)
    below = log_gap + log_below
    before = np.logaddexp.accumulate(below, axis=1)
    before = np.pad(before, ((0, 0), (1, 0)), constant_values=-np.inf)[:, :-1]
    pairs = np.logaddexp(below, np.log(2) + before) + log_gap + log_above
    return np.exp(np.logaddexp.reduce(pairs, axis=1, initial=-np.inf) / 2)
