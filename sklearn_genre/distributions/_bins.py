"""Bins around sorted numbers: their edges, and the two halves of each."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_genre._checks import as_floats

Array = NDArray[np.float64]

LARGEST = np.finfo(np.float64).max / 8  # sums and differences of two stay finite
SMALLEST = np.finfo(np.float64).smallest_subnormal


def bin_edges(values: ArrayLike) -> Array:
    """Return the edges of the bins around sorted numbers.

    The inner edges are the midpoints between neighbours (Voronoi bins); the two
    outer bins are as wide outside as inside.

    Parameters
    ----------
    values : array-like of shape (..., K)
        Non-decreasing numbers.

    Returns
    -------
    edges : ndarray of shape (..., K + 1)
        Strictly increasing. Where numbers are tied, and around a single number,
        bins are a few float64 spacings wide.

    Raises
    ------
    ValueError
        If `values` is empty, not finite, too large or decreasing.

    Examples
    --------
    >>> from sklearn_genre.distributions._bins import bin_edges
    >>> bin_edges([0.0, 1.0, 3.0])
    array([-0.5,  0.5,  2. ,  4. ])
    """
    numbers = sorted_points(values, "values")
    width = smallest_widths(numbers)
    middle = (numbers[..., :-1] + numbers[..., 1:]) / 2  # (..., K - 1)
    inner = middle if middle.shape[-1] else numbers
    first, last = numbers[..., :1], numbers[..., -1:]
    before, after = inner[..., :1] - first, last - inner[..., -1:]
    low = first - np.where(before > 0, before, width[..., :1])
    high = last + np.where(after > 0, after, width[..., -1:])
    return strictly_increasing(np.concatenate([low, middle, high], axis=-1))


def sorted_points(points: ArrayLike, name: str) -> Array:
    """Return float64 rows made non-decreasing; refuse more than rounding noise."""
    rows = as_floats(points, name)
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
    """Return the edges, those that are tied spread evenly around where they are."""
    strict = (np.diff(edges, axis=-1) > 0).all(axis=-1, keepdims=True)
    if strict.all():
        return edges
    down = -pushed_up(-edges[..., ::-1])[..., ::-1]
    return np.where(strict, edges, (pushed_up(edges) + down) / 2)


def spread_inside(
    edges: Array, low: float | Array, high: float | Array
) -> tuple[Array, NDArray[np.bool_]]:
    """Return the edges, those that are tied spread between low and high.

    The edges are between both already. The second answer, of shape (..., 1), says where
    there was room to do so.
    """
    strict = np.asarray((np.diff(edges, axis=-1) > 0).all(axis=-1, keepdims=True))
    if strict.all():
        return edges, strict
    up = pushed_up(edges)
    down = -pushed_up(-np.minimum(up, high)[..., ::-1])[..., ::-1]
    moved = np.where(up[..., -1:] <= high, up, down)
    inside = np.where(strict, edges, moved)
    rises = (np.diff(inside, axis=-1) > 0).all(axis=-1, keepdims=True)
    return inside, np.asarray(rises & (inside[..., :1] >= low))


def pushed_up(edges: Array) -> Array:
    """Return the edges, each at least the smallest width above the one before."""
    offset = np.cumsum(smallest_widths(edges), axis=-1)
    slack = edges - offset
    highest = np.maximum.accumulate(slack, axis=-1)
    return np.where(slack == highest, edges, highest + offset)


def check_inside_bins(values: Array, edges: Array) -> None:
    """Refuse numbers outside of their bins, but for rounding noise and spread ties."""
    size = np.abs(edges).max(axis=-1, keepdims=True)
    noise = 4 * (edges.shape[-1] + 4) * np.spacing(np.maximum(size, 2.0**-30))
    low, high = edges[..., :-1], edges[..., 1:]
    outside = (values < low - noise) | (values > high + noise)
    if outside.any():
        at = tuple(np.argwhere(outside)[0])
        number, start, stop = (
            np.broadcast_to(array, outside.shape)[at] for array in (values, low, high)
        )
        raise ValueError(
            f"values holds {number} outside of its bin, which edges has from {start} "
            f"to {stop}. Give each number the two edges that it lies between."
        )


def mapped_bins(values: Array, mass: Array, edges: Array) -> tuple[Array, Array, Array]:
    """Return numbers, masses and edges after a monotone map that may be flat.

    Where it is flat, edges are exactly at their number, and neighbouring bins of the
    same shared number become one, so that its mass is around it.

    Parameters
    ----------
    values : ndarray of shape (K,) or (n, K)
    mass : ndarray of shape (n, K)
    edges : ndarray of shape (K + 1,) or (n, K + 1)

    Returns
    -------
    values, mass, edges : ndarray

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_genre.distributions import mapped_bins
    >>> values, edges = np.array([0.0, 0.0, 0.0, 2.0]), np.array([0.0, 0, 0, 1, 3])
    >>> mapped_bins(values, np.array([[0.5, 0.25, 0.0, 0.25]]), edges)
    (array([0., 0., 2.]), array([[0.75, 0.  , 0.25]]), array([0., 0., 1., 3.]))
    """
    low = np.minimum(edges[..., :1], values[..., :1])
    inner = np.clip(edges[..., 1:-1], values[..., :-1], values[..., 1:])
    high = np.maximum(edges[..., -1:], values[..., -1:])
    edges = np.concatenate([low, inner, high], axis=-1)
    if values.ndim > 1:
        return values, mass, edges
    flat = edges[1:] <= edges[:-1]
    first = np.flatnonzero(np.append(True, ~(flat[1:] & flat[:-1])))
    return (
        values[first],
        np.add.reduceat(mass, first, axis=1),
        np.append(edges[first], edges[-1]),
    )


def half_widths(values: Array, edges: Array) -> tuple[Array, Array]:
    """Return how far each number is from the lower and the upper edge of its bin.

    A number at an edge is taken to be a few float64 spacings inside, so that both are
    positive.
    """
    low, high = edges[..., :-1], edges[..., 1:]
    width = high - low
    size = np.maximum(np.abs(low), np.abs(high))
    size = np.maximum(np.abs(values), 2.0**-30 * size)
    margin = np.maximum(np.minimum(4 * np.spacing(size), width / 4), SMALLEST)
    most = np.maximum(width - margin, margin)
    return np.clip(values - low, margin, most), np.clip(high - values, margin, most)


def are_middles(values: Array, edges: Array) -> bool:
    """Return whether each number is the middle of its bin, up to rounding."""
    low, high = edges[..., :-1], edges[..., 1:]
    noise = 2.0**-36 * (high - low)
    noise += 8 * np.spacing(np.maximum(np.abs(low), np.abs(high)))
    return bool((np.abs(values - (low + high) / 2) <= noise).all())
