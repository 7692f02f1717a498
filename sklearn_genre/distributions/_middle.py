"""The two middle draws among an even number, from a piecewise uniform density."""

from __future__ import annotations

import numpy as np
from scipy.special import betainc, gamma, ndtr

from sklearn_genre.distributions._bins import Array
from sklearn_genre.distributions._powers import mean_power

# Gauss-Legendre nodes and weights on (0, 1).
NODES, WEIGHTS = np.polynomial.legendre.leggauss(3)
NODES, WEIGHTS = (NODES + 1) / 2, WEIGHTS / 2
# Relative change of a power over a piece up to which the nodes are right to 1e-9.
SMOOTH = 0.3
# Above this the ratio of gamma functions is a series, right to 1e-13.
LARGE = 100.0
# A beta distribution with larger parameters is normal to 1e-8.
MAX_BETA = 1e8


def half_step(a: Array) -> Array:
    """Return gamma(a + 1/2) / gamma(a)."""
    b = np.minimum(a, LARGE)
    i = 1 / np.maximum(a, LARGE)
    series = 1 - i / 8 + i**2 / 128 + 5 * i**3 / 1024 - 21 * i**4 / 32768
    return np.where(a > LARGE, np.sqrt(a) * series, gamma(b + 0.5) / gamma(b))


def gap_of_the_middle(
    width: Array, mass: Array, below: Array, above: Array, h: Array
) -> Array:
    """Return the root mean square of v - u, where u <= v are the middle of 2h draws.

    With C = binomial(2h, h) it is that of twice the double integral of
    ``C * F(s)**h * (1 - F(t))**h`` over s < t: a sum over pairs of pieces, and one over
    pieces that both are in. Running sums of logarithms do the pairs in linear time.

    Parameters
    ----------
    width, mass : ndarray of shape (n, N)
    below, above : ndarray of shape (n, N + 1)
        Cumulative probability at the knots, from the left and from the right.
    h : float ndarray of shape (n, 1)
    """
    stop, start = below[:, 1:], above[:, :-1]  # the larger end of each power
    with np.errstate(divide="ignore"):
        log_width = np.log(width)
        log_stop = log_double(stop, above[:, 1:])
        log_start = log_double(start, below[:, :-1])
        log_below = log_width + h * log_stop + _log_mean(mass, stop, h)
        log_above = log_width + h * log_start + _log_mean(mass, start, h)
        log_ways = np.log(half_step(h)) - np.log(h) - np.log(np.pi) / 2  # C / 4**h
        log_same = 2 * log_width + np.log(_within(mass, below, above, h))
    before = np.logaddexp.accumulate(log_below, axis=1)
    before = np.pad(before, ((0, 0), (1, 0)), constant_values=-np.inf)[:, :-1]
    pairs = np.logaddexp(before + log_above, log_same) + log_ways + np.log(2)
    return np.exp(np.logaddexp.reduce(pairs, axis=1, initial=-np.inf) / 2)


def log_double(level: Array, rest: Array) -> Array:
    """Return the log of twice a level, given what is left of one.

    Near 1/2 it is made of their difference, so that the logs of both cancel.
    """
    difference = level - rest
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(
            np.abs(difference) < 0.5, np.log1p(difference), np.log(2 * level)
        )


def power_of_both(level: Array, rest: Array, h: Array) -> Array:
    """Return ``(4 * level * rest) ** h`` of a level and what is left of one."""
    return np.exp(h * (log_double(level, rest) + log_double(rest, level)))


def _log_mean(mass: Array, largest: Array, h: Array) -> Array:
    """Return the log of the mean of ``(p / largest)**h`` over a piece."""
    drop = np.minimum(mass / np.where(largest > 0, largest, 1.0), 1.0)
    return np.log(mean_power(drop, h))


def _within(mass: Array, below: Array, above: Array, h: Array) -> Array:
    """Return the integral of ``(2F(s))**h * (2 - 2F(t))**h`` over s < t in a piece."""
    twice = np.minimum(below[:, 1:] + below[:, :-1], above[:, 1:] + above[:, :-1])
    is_smooth = mass * h <= SMOOTH * twice / 2
    result = np.zeros_like(mass)
    for node, weight in zip(NODES, WEIGHTS, strict=True):
        f = below[:, :-1] + mass * node
        g = above[:, 1:] + mass * (1 - node)
        f_safe = np.where(f > 0, f, 1.0)
        drop = np.minimum(mass * node / f_safe, 1.0)
        result += weight * node * power_of_both(f, g, h) * mean_power(drop, h)
    rough = ~is_smooth
    if rough.any():
        result[rough] = _closed(
            mass[rough],
            below[:, :-1][rough],
            below[:, 1:][rough],
            above[:, :-1][rough],
            above[:, 1:][rough],
            np.broadcast_to(h, mass.shape)[rough],
        )
    return result


def _closed(mass: Array, f0: Array, f1: Array, g0: Array, g1: Array, h: Array) -> Array:
    """Return the integral within pieces from incomplete betas.

    It is taken from the end of the piece that has the smaller tail.
    """
    is_low = f0 + f1 <= g0 + g1
    start, stop = np.where(is_low, f0, g1), np.where(is_low, f1, g0)
    other = np.where(is_low, g0, f1)  # one less start
    log_ways = np.log(half_step(h)) - np.log(h) - np.log(np.pi) / 2
    drop = np.minimum(mass / np.where(other > 0, other, 1.0), 1.0)
    with np.errstate(divide="ignore"):
        fall = -np.expm1((h + 1) * np.log1p(-drop)) / (h + 1)
    rest = np.where(is_low, g1, f0)
    beta = _lower_tail(stop, rest, h) - _lower_tail(start, other, h)
    first = beta / (2 * (2 * h + 1)) * np.exp(-log_ways)
    second = power_of_both(start, other, h + 1) * fall / 4
    return np.maximum(first - second, 0.0) / mass / mass / (h + 1)


def _lower_tail(level: Array, rest: Array, h: Array) -> Array:
    """Return the probability below a level of beta(h + 2, h + 1), normal if h is large.

    `rest` is what is left of one.
    """
    b = np.minimum(h, MAX_BETA)
    centred = level - rest - 1 / (2 * h + 3)
    normal = ndtr(centred * np.sqrt(2 * h + 4))
    return np.where(h > MAX_BETA, normal, betainc(b + 2, b + 1, level))
