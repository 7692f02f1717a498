"""Look-ups in the rows of an array, each row with queries of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_genre.distributions._bins import Array

Index = NDArray[np.intp]


def count(table: Array, queries: Array, below: Callable[..., Any]) -> Index:
    """Count, by bisection, the entries of each sorted row that are below a query."""
    size = table.shape[1]
    count = np.zeros(queries.shape, dtype=np.intp)  # (n, k)
    for bit in reversed(range(size.bit_length())):
        candidate = count + (1 << bit)
        probe = take(table, np.minimum(candidate, size) - 1)
        count = np.where((candidate <= size) & below(probe, queries), candidate, count)
    return count


def take(table: Array, index: Index) -> Array:
    """Return the entries of each row of `table` at that row's `index`."""
    return np.take_along_axis(table, index, axis=1)
