"""Several distributions as one: one after the other, or as a mixture of each row."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from sklearn_genre.distributions._bins import (
    Array,
    spread_inside,
    strictly_increasing,
)
from sklearn_genre.distributions._lazy import Source, lazy_source
from sklearn_genre.distributions._piecewise import PiecewiseUniform, piecewise
from sklearn_genre.distributions._search import Index, count, take

# -- one after the other -----------------------------------------------------------


def joined(sources: Sequence[Source]) -> Source:
    """Return the rows of several distributions, one after the other."""
    sources = [source for source in sources if len(source)] or sources[:1]
    if len(sources) == 1:
        return sources[0]
    starts = np.cumsum([0, *map(len, sources)])
    size = max(source.head().pmf.shape[1] for source in sources)
    is_shared = same_bins(sources)

    def read(index: Index) -> PiecewiseUniform:
        part = np.searchsorted(starts, index, side="right") - 1
        blocks, places = [], []
        for i in np.unique(part):
            place = np.flatnonzero(part == i)
            block = sources[i].take(index[place] - starts[i]).all()
            blocks.append(block if is_shared else with_bins(block, size))
            places.append(place)
        order = np.argsort(np.concatenate(places))
        return stacked(blocks).take(order)

    return lazy_source(read, int(starts[-1]))


def same_bins(sources: Sequence[Source]) -> bool:
    """Return whether all rows of all distributions share their bins."""
    first, *others = [source.head() for source in sources]
    return (
        first.values.ndim == first.edges.ndim == 1
        and all(np.array_equal(first.values, other.values) for other in others)
        and all(np.array_equal(first.edges, other.edges) for other in others)
    )


def stacked(blocks: Sequence[PiecewiseUniform]) -> PiecewiseUniform:
    """Join distributions of as many numbers, which all share or each has."""
    first = blocks[0]
    return PiecewiseUniform(
        _stacked_or_shared([block.values for block in blocks]),
        np.concatenate([block.pmf for block in blocks]),
        _stacked_or_shared([block.edges for block in blocks]),
        np.concatenate([block.clipped for block in blocks]),
        first.is_even and all(block.is_even for block in blocks),
    )


def _stacked_or_shared(arrays: Sequence[Array]) -> Array:
    """Return one array that is shared, or the rows of all."""
    return arrays[0] if arrays[0].ndim == 1 else np.concatenate(arrays)


def with_bins(block: PiecewiseUniform, size: int) -> PiecewiseUniform:
    """Return the distributions with bins for each row, as many as asked.

    Those that are added are empty, a few float64 spacings wide, and taken from the
    upper end of the widest bin.
    """
    n_rows, n_values = block.pmf.shape
    values = np.broadcast_to(block.values, (n_rows, n_values))
    edges = np.broadcast_to(block.edges, (n_rows, n_values + 1))
    n_more = size - n_values
    if not n_more:
        return PiecewiseUniform(values, block.pmf, edges, block.clipped, block.is_even)
    widest = np.diff(edges, axis=1).argmax(axis=1)[:, None]
    place = np.arange(size)
    source = np.where(place <= widest, place, np.maximum(place - n_more, widest))
    is_new = (place > widest) & (place <= widest + n_more)
    top = take(edges, widest + 1)
    following = take(np.append(values, edges[:, -1:], axis=1), widest + 1)
    number = np.maximum(np.minimum(top, following), take(values, widest))
    place = np.arange(size + 1)
    moved = np.maximum(place - n_more, widest + 1)
    knots = take(edges, np.where(place <= widest, place, moved))
    step = np.minimum(
        4 * np.spacing(np.abs(edges).max(axis=1, keepdims=True)),
        (top - take(edges, widest)) / (2 * n_more + 2),
    )
    n_below = np.where(place > widest, np.maximum(widest + 1 + n_more - place, 0), 0)
    return piecewise(
        np.where(is_new, number, take(values, source)),
        np.where(is_new, 0.0, take(block.pmf, source)),
        knots - step * n_below,
        block.clipped,
    )


# -- mixtures ----------------------------------------------------------------------


def mixed(sources: Sequence[Source], weights: NDArray[np.float64]) -> Source:
    """Return the mixture of the distributions that each row has."""
    mix = partial(_averaged if same_bins(sources) else _united, weights=weights)

    def read(index: Index) -> PiecewiseUniform:
        return mix([source.take(index).all() for source in sources])

    return lazy_source(read, len(sources[0]))


def _averaged(blocks: Sequence[PiecewiseUniform], weights: Array) -> PiecewiseUniform:
    """Return the mixture of distributions over the same bins."""
    pmf = sum(w * block.pmf for w, block in zip(weights, blocks, strict=True))
    first = blocks[0]
    return PiecewiseUniform(
        first.values, pmf, first.edges, _mean_clipped(blocks, weights), first.is_even
    )


def _united(blocks: Sequence[PiecewiseUniform], weights: Array) -> PiecewiseUniform:
    """Return the mixture over the bins between the knots of all."""
    parts = [_knots_and_masses(block) for block in blocks]
    if all(knots.ndim == 1 for knots, _ in parts):
        union = np.unique(np.concatenate([knots for knots, _ in parts]))
    else:
        n_rows = len(blocks[0])
        rows = [np.broadcast_to(k, (n_rows, k.shape[-1])) for k, _ in parts]
        union = np.sort(np.concatenate(rows, axis=1), axis=1)
    mass = sum(
        w * _shares(knots, masses, union)
        for w, (knots, masses) in zip(weights, parts, strict=True)
    )
    low, high = union[..., :1], union[..., -1:]
    edges, fits = spread_inside(union, low, high)
    edges = np.where(fits, edges, strictly_increasing(union))
    values = edges[..., :-1] / 2 + edges[..., 1:] / 2
    return piecewise(values, mass, edges, _mean_clipped(blocks, weights))


def _mean_clipped(blocks: Sequence[PiecewiseUniform], weights: Array) -> Array:
    """Return the clipped fraction of a mixture."""
    return np.clip(weights @ [block.clipped for block in blocks], 0.0, 1.0)


def _knots_and_masses(block: PiecewiseUniform) -> tuple[Array, Array]:
    """Return the knots of the halves of the bins, and masses of those with a width.

    Rows of their own always have two halves in a bin, so that blocks of rows have as
    many knots.
    """
    is_shared = block.values.ndim == block.edges.ndim == 1
    knots, mass = block.pieces() if is_shared else block.halves()
    width = np.diff(knots, axis=-1)
    if (width > 0).all():
        return knots, mass
    lower, upper = mass[:, ::2].copy(), mass[:, 1::2].copy()
    both = lower + upper
    flat_lower, flat_upper = width[..., ::2] <= 0, width[..., 1::2] <= 0
    halves = np.stack(
        [
            np.where(flat_lower, 0.0, np.where(flat_upper, both, lower)),
            np.where(flat_upper, 0.0, np.where(flat_lower, both, upper)),
        ],
        axis=-1,
    )
    return knots, halves.reshape(mass.shape)


def _shares(knots: Array, mass: Array, union: Array) -> Array:
    """Return the mass (n, M) that pieces have between the knots of a union."""
    n_rows, n_pieces = mass.shape
    knots = np.broadcast_to(knots, (n_rows, n_pieces + 1))
    union = np.broadcast_to(union, (n_rows, union.shape[-1]))
    low, high = union[:, :-1], union[:, 1:]
    place = count(knots[:, 1:-1], low, np.less_equal)
    start, stop = take(knots, place), take(knots, place + 1)
    is_inside = (low >= start) & (high <= stop) & (start < stop)
    share = np.divide(high - low, stop - start, where=is_inside, out=np.zeros_like(low))
    return share * take(mass, place)
