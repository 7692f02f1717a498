"""The median of k draws from a piecewise uniform density."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, ndtr, xlog1py, xlogy

from sklearn_genre.distributions._around import Around, around
from sklearn_genre.distributions._bins import Array
from sklearn_genre.distributions._middle import (
    MAX_BETA,
    gap_of_the_middle,
    half_step,
)
from sklearn_genre.distributions._squares import (
    root_of_squares,
    square_of_the_middle,
)

# Pieces narrower than this many deviations of the level of the median are integrated
# as cubics; both ways are right to 1e-10 there.
NARROW = 0.005


def median_of_pieces(knots: Array, mass: Array, y: Array, k: NDArray[Any]) -> Array:
    """Return the mean square of the median of k independent draws less y.

    Of an odd number of draws, the median is the quantile at a level with the beta
    distribution of parameters ``a = (k + 1) / 2``. Of an even number, it is the middle
    of two draws whose levels are, taken together, beta with ``a = k / 2``.

    Parameters
    ----------
    knots : ndarray of shape (n, N + 1)
    mass : ndarray of shape (n, N)
    y : ndarray of shape (n,)
    k : int64 ndarray of shape (n, 1)
    """
    pieces = around(knots, mass, y)
    zero = ((0, 0), (1, 1))
    below = np.cumsum(np.pad(pieces.mass, zero), axis=1)[:, :-1]
    above = np.cumsum(np.pad(pieces.mass, zero)[:, ::-1], axis=1)[:, -2::-1]
    below, above = below / below[:, -1:], above / above[:, :1]
    size = _root_mean_square(pieces, below, above, ((k + 1) // 2).astype(np.float64))
    is_even = (k % 2 == 0)[:, 0]
    gap = np.zeros(len(y))
    gap[is_even] = gap_of_the_middle(
        np.diff(pieces.deviation[is_even], axis=1),
        pieces.mass[is_even],
        below[is_even],
        above[is_even],
        (k[is_even] // 2).astype(np.float64),
    )
    return square_of_the_middle(size, gap)


def _root_mean_square(pieces: Around, below: Array, above: Array, a: Array) -> Array:
    """Return the root mean square of the deviation at a beta(a, a) level.

    It is that of the integral of ``2 * |z| * T(z)``, where T is the probability of a
    deviation beyond z.
    """
    mean, moment, is_lower = _tail_integrals(below, above, pieces.mass, a)
    width = np.diff(pieces.deviation, axis=1)
    is_right = np.arange(width.shape[1]) >= pieces.centre
    flipped = is_lower == is_right  # T is one less the tail that was integrated
    mean = np.where(flipped, 1 - mean, mean)
    moment = np.where(flipped, 0.5 - moment, moment)
    outward = np.where(is_right, moment, mean - moment)
    distance = np.abs(pieces.deviation)
    near = np.where(is_right, distance[:, :-1], distance[:, 1:])
    term = np.maximum(near * mean + width * outward, 0.0)
    return root_of_squares(np.sqrt(width) * np.sqrt(2 * term))


def _tail_integrals(
    below: Array, above: Array, mass: Array, a: Array
) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Return the mean and first moment of a tail over each piece, and which tail.

    The place in a piece runs from 0 to 1. The tail of the beta distribution is the
    lower one for pieces below the level 1/2, otherwise the upper one.
    """
    spread = 0.5 / np.sqrt(2 * a + 1)  # standard deviation of the level
    product = 4 * below * above  # 1 - (2 * level - 1) ** 2
    v = (below - above) / 2 / spread
    density = _density(product, v * spread, a) * spread
    lower, upper = _tails(below, above, v, a)
    is_lower = v[:, :-1] + v[:, 1:] < 0
    start = np.where(is_lower, lower[:, :-1], upper[:, :-1])
    stop = np.where(is_lower, lower[:, 1:], upper[:, 1:])
    sign = np.where(is_lower, -1.0, 1.0)
    width = np.diff(v, axis=1)

    def change(of_tail: Array, of_density: Array) -> Array:
        ends = of_tail[:, 1:] * stop - of_tail[:, :-1] * start
        return ends - sign * np.diff(of_density * density, axis=1)

    first = change(v, product * (2 * a + 1) / (2 * a))
    second = change((v**2 - 1) / 2, v * product / 2)
    is_narrow = width < NARROW
    safe = np.where(is_narrow, 1.0, width)
    slope = -sign * mass / spread  # times the density; width may be 0 by rounding
    fall, rise = slope * density[:, :-1], slope * density[:, 1:]
    cubic = (start + stop) / 2 + (fall - rise) / 12
    cubic_moment = 0.15 * start + 0.35 * stop + fall / 30 - rise / 20
    return (
        np.where(is_narrow, cubic, first / safe),
        np.where(is_narrow, cubic_moment, (second - v[:, :-1] * first) / safe**2),
        is_lower,
    )


def _tails(below: Array, above: Array, v: Array, a: Array) -> tuple[Array, Array]:
    """Return the lower and the upper tail of a beta(a, a) level at each knot."""
    b = np.minimum(a, MAX_BETA)
    beta = betainc(b, b, np.minimum(below, above))
    small = np.where(a > MAX_BETA, ndtr(-np.abs(v)), beta)
    is_left = below <= above
    return np.where(is_left, small, 1 - small), np.where(is_left, 1 - small, small)


def _density(product: Array, centred: Array, a: Array) -> Array:
    """Return the density of beta(a, a) at a level, given less 1/2."""
    log_power = np.where(
        product < 0.5, xlogy(a - 1, product), xlog1py(a - 1, -4 * centred**2)
    )
    return 2 / np.sqrt(np.pi) * half_step(a) * np.exp(log_power)
