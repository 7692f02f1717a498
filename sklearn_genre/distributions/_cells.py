"""Cells around sorted numbers, and the mathematics of one distribution per row."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

LARGEST = np.finfo(np.float64).max / 8  # sums and differences of two stay finite


def cell_edges(values: ArrayLike) -> Array:
    """Return the edges of the cells around sorted numbers.

    The inner edges are the midpoints between neighbours (Voronoi cells); the two
    outer cells are as wide outside as inside.

    Parameters
    ----------
    values : array-like of shape (..., K)
        Non-decreasing numbers.

    Returns
    -------
    edges : ndarray of shape (..., K + 1)
        Strictly increasing. Where numbers are tied, and around a single number,
        cells are a few float64 spacings wide.

    Raises
    ------
    ValueError
        If `values` is empty, not finite, too large or decreasing.

    Examples
    --------
    >>> from sklearn_genre.distributions._cells import cell_edges
    >>> cell_edges([0.0, 1.0, 3.0])
    array([-0.5,  0.5,  2. ,  4. ])
    """
    numbers = sorted_rows(values, "values")
    width = smallest_widths(numbers)
    middle = (numbers[..., :-1] + numbers[..., 1:]) / 2  # (..., K - 1)
    inner = middle if middle.shape[-1] else numbers
    first, last = numbers[..., :1], numbers[..., -1:]
    before, after = inner[..., :1] - first, last - inner[..., -1:]
    low = first - np.where(before > 0, before, width[..., :1])
    high = last + np.where(after > 0, after, width[..., -1:])
    return strictly_increasing(np.concatenate([low, middle, high], axis=-1))


def sorted_rows(points: ArrayLike, name: str) -> Array:
    """Return float64 rows made non-decreasing; refuse more than rounding noise."""
    rows = np.asarray(points, dtype=np.float64)
    if rows.ndim == 0 or rows.shape[-1] == 0:
        raise ValueError(
            f"{name} must hold at least one number per row; got shape {rows.shape}."
        )
    size = np.abs(rows)
    valid = size <= LARGEST
    if not valid.all():
        raise ValueError(
            f"{name} must be finite and at most {LARGEST:.3g} in size; "
            f"got {rows[~valid][0]}."
        )
    fall = rows[..., :-1] - rows[..., 1:]
    if not (fall > 0).any():
        return rows
    noise = 16 * np.spacing(size.max(axis=-1, keepdims=True))
    if (fall > noise).any():
        at = np.argwhere(fall > noise)[0]
        before, after = rows[tuple(at)], rows[(*at[:-1], at[-1] + 1)]
        raise ValueError(
            f"{name} must be non-decreasing along the last axis; "
            f"got {before} before {after}. Sort them, and the masses with them."
        )
    return np.maximum.accumulate(rows, axis=-1)


def smallest_widths(points: Array) -> Array:
    """Return four spacings at each point, zero counted as 2**-30 of the largest."""
    size = np.abs(points)
    largest = size.max(axis=-1, keepdims=True)
    floor = 2.0**-30 * np.where(largest > 0, largest, 1.0)
    return 4 * np.spacing(np.maximum(size, floor))


def strictly_increasing(edges: Array) -> Array:
    """Return the edges, pushed up by the smallest widths in rows that have ties."""
    strict = (np.diff(edges, axis=-1) > 0).all(axis=-1, keepdims=True)
    if strict.all():
        return edges
    offset = np.cumsum(smallest_widths(edges), axis=-1)
    slack = edges - offset
    highest = np.maximum.accumulate(slack, axis=-1)
    free = strict | (slack == highest)
    return np.where(free, edges, highest + offset)


def count(table: Array, queries: Array, below: Callable[..., Any]) -> NDArray[np.intp]:
    """Count, by bisection, the entries of each sorted row that are below a query."""
    size = table.shape[1]
    count = np.zeros(queries.shape, dtype=np.intp)  # (n, k)
    for bit in reversed(range(size.bit_length())):
        candidate = count + (1 << bit)
        probe = take(table, np.minimum(candidate, size) - 1)
        count = np.where((candidate <= size) & below(probe, queries), candidate, count)
    return count


def take(table: Array, index: NDArray[np.intp]) -> Array:
    """Return the entries of each row of `table` at that row's `index`."""
    return np.take_along_axis(table, index, axis=1)


def piecewise_crps(edges: Array, cumulative: Array, y: Array) -> Array:
    """Integrate (F - 1{t >= y})**2 for an F linear between the edges."""
    left, width = edges[:, :-1], np.diff(edges, axis=1)
    start, stop = cumulative[:, :-1], cumulative[:, 1:]
    share = np.clip(y[:, None] - left, 0.0, width) / width  # of each cell below y
    middle = start + (stop - start) * share
    below = width * share * mean_square(start, middle)
    above = width * (1 - share) * mean_square(1 - middle, 1 - stop)
    outside = np.maximum(edges[:, 0] - y, 0.0) + np.maximum(y - edges[:, -1], 0.0)
    return outside + (below + above).sum(axis=1)


def mean_square(a: Array, b: Array) -> Array:
    """Return the mean of the square of a number that runs linearly from a to b."""
    return (a * a + a * b + b * b) / 3
