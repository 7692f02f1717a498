"""Rows of a predictive distribution that are read when they are needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np

from sklearn_genre.distributions._cells import Array
from sklearn_genre.distributions._rows import Index, Rows, slices

# Rows of which the first look at a source tells how many numbers a row holds.
FIRST = 64
# Rows that together hold at most this many numbers are read once and kept.
MAX_KEPT = 2**25


class LazyRows:
    """Rows that are read again by every method, because together they are too large.

    Parameters
    ----------
    read : callable
        Maps indices of shape (k,) to the `Rows` there, all of as many numbers and with
        the same ones where they are shared.
    index : int array of shape (n,)
        Which rows, at least one.
    head : Rows
        One of the rows.
    """

    def __init__(self, read: Callable[[Index], Rows], index: Index, head: Rows) -> None:
        self._read = read
        self._index = index
        self._head = head

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._index)

    def take(self, index: Index | slice) -> RowSource:
        """Return some of the rows, as arrays if they are few."""
        chosen = self._index[index]
        if not len(chosen):
            return self._head.take(slice(0))
        rows = LazyRows(self._read, chosen, self._head)
        return rows.all() if rows.is_small() else rows

    def parts(self) -> Iterator[tuple[slice, Rows]]:
        """Yield all rows, some at a time, and where they are."""
        for part in slices(len(self), self._head.pmf.shape[1]):
            yield part, checked_read(self._read, self._index[part])

    def head(self) -> Rows:
        """Return one row, for what all rows share."""
        return self._head

    def all(self) -> Rows:
        """Return all rows as arrays."""
        return concatenate_rows([rows for _, rows in self.parts()])

    def is_small(self) -> bool:
        """Return whether all rows together hold few numbers."""
        arrays = (self._head.values, self._head.pmf, self._head.edges)
        per_row = sum(array.size for array in arrays if array.ndim > 1)
        return len(self) * per_row <= MAX_KEPT

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the arrays: what reads them stays behind."""
        rows = self.all()
        return Rows, (rows.values, rows.pmf, rows.edges, rows.clipped)


class RowSource(Protocol):
    """What a predictive distribution asks of its rows."""

    def __len__(self) -> int:
        """Return the number of rows."""

    def take(self, index: Index | slice) -> RowSource:
        """Return some of the rows."""

    def parts(self) -> Iterator[tuple[slice, Rows]]:
        """Yield all rows, some at a time, and where they are."""

    def head(self) -> Rows:
        """Return one row at most, for what all rows share."""

    def all(self) -> Rows:
        """Return all rows as arrays."""


def lazy_rows(read: Callable[[Index], Rows], n_rows: int) -> RowSource:
    """Return the rows that `read` answers, read right away if they are small."""
    index = np.arange(n_rows)
    first = checked_read(read, index[:FIRST])
    if n_rows <= FIRST:
        return first
    head = first.take(slice(1))
    rows = LazyRows(read, index, head)
    if not rows.is_small():
        return rows
    return concatenate_rows([first, LazyRows(read, index[FIRST:], head).all()])


def checked_read(read: Callable[[Index], Rows], index: Index) -> Rows:
    """Return the rows that `read` answers; refuse another number of rows."""
    rows = read(index)
    if len(rows) != len(index):
        raise ValueError(f"{len(index)} rows were asked for; got {len(rows)}.")
    return rows


def concatenate_rows(parts: list[Rows]) -> Rows:
    """Join rows of as many numbers."""

    def join(name: str) -> Array:
        arrays = [getattr(rows, name) for rows in parts]
        is_shared = arrays[0].ndim == 1 and name != "clipped"
        return arrays[0] if is_shared else np.concatenate(arrays)

    return Rows(join("values"), join("pmf"), join("edges"), join("clipped"))
