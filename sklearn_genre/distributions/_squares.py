"""Mean squares whose terms may overflow."""

from __future__ import annotations

import numpy as np

from sklearn_genre.distributions._bins import Array


def root_mean_square(deviation: Array, weight: Array) -> Array:
    """Return the root of the weighted sum of squares of each row."""
    return root_of_squares(np.abs(deviation) * np.sqrt(weight))


def root_of_squares(terms: Array) -> Array:
    """Return the root of the sum of squares of each row of non-negative terms."""
    largest = terms.max(axis=1)
    scaled = terms / np.where(largest > 0, largest, 1.0)[:, None]
    return largest * np.sqrt((scaled**2).sum(axis=1))


def square_of_the_middle(size: Array, gap: Array) -> Array:
    """Return the mean square of (u + v) / 2.

    It is ``(u**2 + v**2) / 2 - ((v - u) / 2) ** 2``: `size` is the root mean square of
    u and v together, `gap` that of v - u.
    """
    half = gap / 2
    return np.maximum(size - half, 0.0) * (size + half)
