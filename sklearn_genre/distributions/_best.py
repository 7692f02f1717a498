"""The best of k draws from a piecewise uniform density."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sklearn_genre.distributions._around import around
from sklearn_genre.distributions._bins import Array
from sklearn_genre.distributions._powers import power_moments
from sklearn_genre.distributions._search import Index, take
from sklearn_genre.distributions._squares import root_of_squares


def best_of_pieces(knots: Array, mass: Array, y: Array, k: Array) -> Array:
    """Return the mean square of the smallest of k independent distances to y.

    It is the integral of ``2 * t * S(t) ** k``, where S(t) is the probability of a
    distance above t, linear between the distances of the knots.

    Parameters
    ----------
    knots : ndarray of shape (n, N + 1)
    mass : ndarray of shape (n, N)
    y : ndarray of shape (n,)
    k : float ndarray of shape (n, 1)
    """
    distance, shell = _shells(knots, mass, y)
    inside = np.cumsum(shell, axis=1)
    inside = np.pad(inside, ((0, 0), (1, 0)))[:, :-1]  # nearer than each shell
    beyond = np.cumsum(shell[:, ::-1], axis=1)[:, ::-1]  # in it and farther
    with np.errstate(divide="ignore"):  # accurate near 0 and near 1
        log_beyond = np.where(
            inside < 0.5, np.log1p(-np.minimum(inside, 0.5)), np.log(beyond)
        )
    drop = np.minimum(shell / np.where(beyond > 0, beyond, 1.0), 1.0)
    near, length = distance[:, :-1], np.diff(distance, axis=1)
    mean, moment = power_moments(drop, k)
    term = np.sqrt(length) * np.sqrt(2 * (near * mean + length * moment))
    return root_of_squares(np.exp(k / 2 * log_beyond) * term) ** 2


def _shells(knots: Array, mass: Array, y: Array) -> tuple[Array, Array]:
    """Return the sorted distances (n, M) of the knots, and the mass between them."""
    deviation, mass, centre = around(knots, mass, y)
    distance = np.abs(deviation)
    order = np.argsort(distance, axis=1, kind="stable")  # the centre comes first
    ordered = take(distance, order)
    n_left = np.cumsum(order < centre, axis=1)  # knots passed on the left
    left = centre - n_left
    right = centre + np.arange(order.shape[1]) - n_left
    shell = _crossed(distance, mass, ordered, left, order <= centre, -1)
    return ordered, shell + _crossed(distance, mass, ordered, right, order >= centre, 1)


def _crossed(
    distance: Array,
    mass: Array,
    ordered: Array,
    last: Index,
    is_new: NDArray[np.bool_],
    step: int,
) -> Array:
    """Return the mass (n, M - 1) that one side has between the sorted distances.

    `last` is the knot that was passed last on that side, and `is_new` tells where that
    was; the next is a `step` away. A piece whose ends are equally distant in float64
    counts where it begins.
    """
    near = last[:, :-1]
    far = near + step
    exists = (far >= 0) & (far < distance.shape[1])
    far = np.where(exists, far, near)
    span = take(distance, far) - take(distance, near)
    share = np.where(
        span > 0,
        np.diff(ordered, axis=1) / np.where(span > 0, span, 1.0),
        is_new[:, :-1],
    )
    piece = np.minimum(np.minimum(near, far), mass.shape[1] - 1)
    return np.where(exists, take(mass, piece) * share, 0.0)
