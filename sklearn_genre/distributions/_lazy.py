"""Distributions that are read when they are needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np

from sklearn_genre.distributions._bins import Array
from sklearn_genre.distributions._piecewise import PiecewiseUniform, slices
from sklearn_genre.distributions._search import Index

Read = Callable[[Index], PiecewiseUniform]
Map = Callable[[PiecewiseUniform], PiecewiseUniform]

# Rows of which the first look at a source tells how many numbers a row holds.
FIRST = 64
# Masses that are read at once.
READ = 2**20
# Rows that together hold at most this many numbers are read once and kept.
MAX_KEPT = 2**25


class LazyPiecewise:
    """Distributions that every method reads anew, because together they are too large.

    Parameters
    ----------
    read : callable
        Maps indices of shape (k,) to the `PiecewiseUniform` there, all of as many
        numbers and with the same ones where they are shared.
    index : int array of shape (n,)
        Which rows, at least one.
    head : PiecewiseUniform
        One of them.
    """

    def __init__(self, read: Read, index: Index, head: PiecewiseUniform) -> None:
        self._read = read
        self._index = index
        self._head = head

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._index)

    def take(self, index: Index | slice) -> Source:
        """Return some of the distributions, as arrays if they are few."""
        chosen = self._index[index]
        if not len(chosen):
            return self._head.take(slice(0))
        lazy = LazyPiecewise(self._read, chosen, self._head)
        return lazy.all() if lazy.is_small() else lazy

    def blocks(self) -> Iterator[tuple[slice, PiecewiseUniform]]:
        """Yield all distributions, some at a time, and where they are."""
        for place in slices(len(self), max(READ // self._head.pmf.shape[1], 1)):
            for inner, block in checked_read(self._read, self._index[place]).blocks():
                yield slice(place.start + inner.start, place.start + inner.stop), block

    def head(self) -> PiecewiseUniform:
        """Return one distribution, for what all share."""
        return self._head

    def all(self) -> PiecewiseUniform:
        """Return all distributions as arrays."""
        return concatenated([block for _, block in self.blocks()])

    def is_small(self) -> bool:
        """Return whether all together hold few numbers."""
        arrays = (self._head.values, self._head.pmf, self._head.edges)
        per_row = sum(array.size for array in arrays if array.ndim > 1)
        return len(self) * per_row <= MAX_KEPT

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the arrays: what reads them stays behind."""
        read = self.all()
        arrays = (read.values, read.pmf, read.edges, read.clipped)
        return PiecewiseUniform, (*arrays, read.is_even)


class Source(Protocol):
    """What PredictiveDistribution asks of its arrays, read or not."""

    def __len__(self) -> int:
        """Return the number of rows."""

    def take(self, index: Index | slice) -> Source:
        """Return some of the distributions."""

    def blocks(self) -> Iterator[tuple[slice, PiecewiseUniform]]:
        """Yield all distributions, some at a time, and where they are."""

    def head(self) -> PiecewiseUniform:
        """Return one distribution at most, for what all share."""

    def all(self) -> PiecewiseUniform:
        """Return all distributions as arrays."""


def lazy_source(read: Read, n_rows: int) -> Source:
    """Return what `read` answers, read right away if it is small."""
    index = np.arange(n_rows)
    first = checked_read(read, index[:FIRST])
    if n_rows <= FIRST:
        return first
    head = first.take(slice(1))
    lazy = LazyPiecewise(read, index, head)
    if not lazy.is_small():
        return lazy
    return concatenated([first, LazyPiecewise(read, index[FIRST:], head).all()])


def mapped(source: Source, function: Map) -> Source:
    """Return a source whose distributions went through a function, block by block."""
    if isinstance(source, PiecewiseUniform):
        return function(source)
    return lazy_source(lambda index: function(source.take(index).all()), len(source))


def checked_read(read: Read, index: Index) -> PiecewiseUniform:
    """Return what `read` answers; refuse another number of rows."""
    answer = read(index)
    if len(answer) != len(index):
        raise ValueError(f"{len(index)} rows were asked for; got {len(answer)}.")
    return answer


def concatenated(blocks: list[PiecewiseUniform]) -> PiecewiseUniform:
    """Join distributions of as many numbers."""

    def join(name: str) -> Array:
        arrays = [getattr(block, name) for block in blocks]
        is_shared = arrays[0].ndim == 1 and name != "clipped"
        return arrays[0] if is_shared else np.concatenate(arrays)

    is_even = all(block.is_even for block in blocks)
    arrays = (join("values"), join("pmf"), join("edges"), join("clipped"))
    return PiecewiseUniform(*arrays, is_even)
