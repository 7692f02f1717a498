"""The best and the median of k draws: from masses, or from more draws than k."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaln, gammaln, xlogy

Array = NDArray[np.float64]
Counts = NDArray[np.int64]


def root_mean_square(deviation: Array, weight: Array) -> Array:
    """Return the root of the weighted mean square, where squares may overflow."""
    terms = np.abs(deviation) * np.sqrt(weight)
    largest = terms.max(axis=1)
    terms /= np.where(largest > 0, largest, 1.0)[:, None]
    return largest * np.sqrt((terms**2).sum(axis=1))


# -- draws of numbers with masses --------------------------------------------


def best_of_masses(distance: Array, mass: Array, k: Counts) -> Array:
    """Return the mean square of the smallest among k independent distances.

    Parameters
    ----------
    distance, mass : ndarray of shape (n, K)
    k : ndarray of shape (n, 1)
    """
    order = np.argsort(distance, axis=1, kind="stable")
    tail = _from_the_right(np.take_along_axis(mass, order, axis=1))
    survival = (tail / tail[:, :1]) ** k  # P(the smallest is at least this)
    weight = survival.copy()
    weight[:, :-1] -= survival[:, 1:]
    return root_mean_square(np.take_along_axis(distance, order, axis=1), weight) ** 2


def median_of_masses(deviation: Array, mass: Array, k: Counts) -> Array:
    """Return the mean square of the median of k independent deviations.

    Parameters
    ----------
    deviation : ndarray of shape (n, K)
        Non-decreasing in each row.
    mass : ndarray of shape (n, K)
    k : ndarray of shape (n, 1)
    """
    low, high, half = (k + 1) // 2, k // 2 + 1, k // 2  # ranks of the middle draws
    below, above = np.cumsum(mass, axis=1), _from_the_right(mass)
    below = below[:, :-1] / below[:, -1:]  # (n, K - 1), at the gaps between numbers
    above = above[:, 1:] / above[:, :1]
    weight = _rank_weights(below, above, low, k)
    is_even = (k % 2 == 0)[:, 0]
    if not is_even.any():
        return root_mean_square(deviation, weight) ** 2
    weight = (weight + _rank_weights(below, above, high, k)) / 2
    log_ways = -np.log1p(2 * half) - betaln(half + 1, half + 1)
    spread = _gap_of_the_middle(
        np.diff(deviation, axis=1),
        log_ways + xlogy(half, below),
        xlogy(half, above),
    )
    return _square_of_the_middle(deviation, weight, np.where(is_even, spread, 0.0))


def _from_the_right(mass: Array) -> Array:
    """Return the mass of each number and all after it."""
    return np.cumsum(mass[:, ::-1], axis=1)[:, ::-1]


def _rank_weights(below: Array, above: Array, rank: Counts, k: Counts) -> Array:
    """Return the distribution (n, K) of the rank-th smallest of k draws.

    `below` and `above` (n, K - 1) are the masses on both sides of each gap. Each
    binomial tail is taken on its smaller side, so that small weights are exact.
    """
    left = below <= above
    other = k - rank + 1
    tail = betainc(
        np.where(left, rank, other),
        np.where(left, other, rank),
        np.minimum(below, above),
    )
    signed = np.pad(np.where(left, tail, -tail), ((0, 0), (1, 1)))  # (n, K + 1)
    is_left = np.pad(left, ((0, 0), (1, 0)), constant_values=True)
    is_right = np.pad(~left, ((0, 0), (0, 1)), constant_values=True)
    return np.maximum(np.diff(signed, axis=1) + (is_left & is_right), 0.0)


# -- subsets of draws --------------------------------------------------------


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
    spread = _gap_of_the_middle(
        np.diff(ordered, axis=1),
        _log_choose(before[1:], half) - log_all,
        _log_choose(m - before[1:], half),
    )
    weight = (weight_of(half) + weight_of(half + 1)) / 2
    return _square_of_the_middle(ordered, weight, spread)


def _log_choose(n: int | NDArray[np.intp], k: int) -> Array:
    """Return the logarithm of the number of k-subsets of n, -inf where k > n."""
    n = np.asarray(n)
    chosen = gammaln(n + 1) - gammaln(k + 1) - gammaln(np.maximum(n - k, 0) + 1)
    return np.where(k <= n, chosen, -np.inf)


# -- the median of an even number --------------------------------------------
# It is the middle of two neighbours u <= v among the draws, whose square is
# (u**2 + v**2) / 2 - ((v - u) / 2)**2.


def _square_of_the_middle(deviation: Array, weight: Array, spread: Array) -> Array:
    """Return the mean square of the middle of u and v, from their mean weights."""
    size, half = root_mean_square(deviation, weight), spread / 2
    return np.maximum(size - half, 0.0) * (size + half)


def _gap_of_the_middle(gap: Array, log_below: Array, log_above: Array) -> Array:
    """Return the root mean square of v - u.

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
