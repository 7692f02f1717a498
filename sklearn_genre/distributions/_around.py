"""A piecewise uniform density as seen from one number, the truth."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sklearn_genre.distributions._bins import Array
from sklearn_genre.distributions._search import Index, take


class Around(NamedTuple):
    """Pieces of uniform density, none of them on both sides of the truth."""

    deviation: Array  # (n, M) of the knots from the truth, ascending, one of them 0
    mass: Array  # (n, M - 1) between the knots
    centre: Index  # (n, 1), which knot is the truth


def around(knots: Array, mass: Array, y: Array) -> Around:
    """Return the pieces around the truth, with a knot where it is.

    Parameters
    ----------
    knots : ndarray of shape (n, N + 1)
    mass : ndarray of shape (n, N)
    y : ndarray of shape (n,)
    """
    deviation = knots - y[:, None]
    last = mass.shape[1]
    centre = (deviation < 0).sum(axis=1, keepdims=True)  # also the piece that y is in
    below = take(deviation, np.maximum(centre - 1, 0))
    above = take(deviation, np.minimum(centre, last))
    span = np.where(below < above, above - below, 1.0)
    share = np.where(below < above, -below / span, 0.0)
    place = np.arange(last + 3)  # of the pieces, the infinite ones outside included
    padded = np.pad(mass, ((0, 0), (1, 1)))
    pieces = take(padded, place - (place > centre))
    pieces *= np.where(place == centre, share, 1.0)
    pieces *= np.where(place == centre + 1, 1 - share, 1.0)
    place = place[:-1]  # of the knots
    moved = take(deviation, np.minimum(place - (place > centre), last))
    return Around(np.where(place == centre, 0.0, moved), pieces[:, 1:-1], centre)
