"""Samples that are read in blocks: too many to be copied, or not in memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.random import sample_without_replacement

from sklearn_genre.inputs._data import Data
from sklearn_genre.inputs._sources import joined

# A table with more rows, or more values, is read in blocks.
MEMORY_ROWS, MEMORY_VALUES = 2**18, 2**26
# Values that scales are learned from, at most, and rows, at least: with 16,384 rows a
# share of a column is known to 0.016 with a probability of 0.999, with 80,000 to 0.007.
SAMPLE_VALUES, SAMPLE_ROWS = 2**22, 2**14
# Values of a block, and of how many pieces from all over the table it is made.
BLOCK_VALUES, N_PIECES = 2**20, 8
# Samples that are held out for validation, at most.
MAX_VALIDATION = 2**15

Index = NDArray[np.intp]


@dataclass(frozen=True)
class StoredData(Data):
    """Samples that are read in blocks, and those that scales are learned from.

    Parameters
    ----------
    X, y, weight
        What scales are learned from: all samples if they are few, else some at random,
        with those of the smallest and of the largest target.
    read : callable
        ``read(start, stop)`` returns consecutive samples, checked.
    n_rows, n_columns : int
    mean_weight : float
        Of all samples.
    held_out : int array
        Samples that are not among these, ascending.
    """

    read: Callable[[int, int], Data]
    n_rows: int
    n_columns: int
    mean_weight: float
    held_out: Index

    def __len__(self) -> int:
        """Return the number of samples."""
        return self.n_rows - len(self.held_out)

    def split(
        self, fraction: float, random: np.random.RandomState
    ) -> tuple[StoredData, Data]:
        """Return the samples without some at random, and those, in memory."""
        most = min(MAX_VALIDATION, max(SAMPLE_VALUES // self.n_columns, SAMPLE_ROWS))
        n_validation = min(math.ceil(fraction * self.n_rows), self.n_rows - 1, most)
        index = sample_without_replacement(
            self.n_rows, n_validation, random_state=random
        )
        held_out = np.sort(index)
        return replace(self, held_out=held_out), self.rows(held_out)

    def rows(self, index: Index) -> Data:
        """Return some samples, by an ascending index."""
        size = rows_of_block(self.n_columns)
        parts = []
        for start in range(0, self.n_rows, size):
            stop = min(start + size, self.n_rows)
            first, last = np.searchsorted(index, [start, stop])
            if first < last:
                low, high = int(index[first]), int(index[last - 1]) + 1
                parts.append(self.read(low, high).take(index[first:last] - low))
        return joined_data(parts)

    def blocks(
        self, batch_size: int, generator: torch.Generator | None
    ) -> Iterator[list[tuple[int, int]]]:
        """Yield, for each block of an epoch, ranges of these samples, shuffled.

        All blocks but the last one have the same size, which whole batches fill.
        """
        size = rows_of_block(self.n_columns)
        return shuffled_blocks(len(self), size, batch_size, generator)

    def taken(self, ranges: list[tuple[int, int]]) -> Data:
        """Return the samples of some ranges, which do not count those held out."""
        return joined_data([self._between(start, stop) for start, stop in ranges])

    def _between(self, start: int, stop: int) -> Data:
        """Return consecutive samples, without those held out among them."""
        before = self.held_out - np.arange(len(self.held_out))
        first, last = np.searchsorted(before, [start, stop - 1], "right")
        low, high = start + int(first), stop + int(last)
        data = self.read(low, high)
        if first == last:
            return data
        return data.take(
            np.delete(np.arange(high - low), self.held_out[first:last] - low)
        )


def rows_of_block(n_columns: int) -> int:
    """Return how many rows are read together."""
    return max(BLOCK_VALUES // max(n_columns, 1), 1)


def shuffled_blocks(
    n_samples: int, size: int, batch_size: int, generator: torch.Generator | None
) -> Iterator[list[tuple[int, int]]]:
    """Yield the ranges of samples that make up each block of an epoch.

    The samples are cut into pieces, which are put in a random order; a block takes as
    many of them as it holds, cutting the last one.

    Examples
    --------
    >>> from sklearn_genre.inputs._stored import shuffled_blocks
    >>> list(shuffled_blocks(10, 100, 4, None))
    [[(0, 10)]]
    >>> blocks = list(shuffled_blocks(10, 5, 4, None))
    >>> [sum(stop - start for start, stop in block) for block in blocks]
    [4, 4, 2]
    """
    if n_samples <= size:
        yield [(0, n_samples)]
        return
    size = max(size // batch_size, 1) * batch_size
    piece = max(size // N_PIECES, 1)
    n_pieces = -(-n_samples // piece)
    order = torch.randperm(n_pieces, generator=generator, device="cpu").tolist()
    block, left = [], size
    for number in order:
        start, stop = number * piece, min((number + 1) * piece, n_samples)
        while start < stop:
            end = min(start + left, stop)
            block.append((start, end))
            left -= end - start
            start = end
            if not left:
                yield block
                block, left = [], size
    if block:
        yield block


def joined_data(parts: list[Data]) -> Data:
    """Return samples one after the other."""
    if len(parts) == 1:
        return parts[0]
    return Data(
        joined([part.X for part in parts]),
        np.concatenate([part.y for part in parts]),
        np.concatenate([part.weight for part in parts]),
    )


def stored(
    read: Callable[[int, int, bool], Data], n_rows: int, n_columns: int
) -> StoredData:
    """Return samples that are read in blocks, once all have been read and checked.

    Parameters
    ----------
    read : callable
        ``read(start, stop, is_first)`` returns consecutive samples.
    n_rows, n_columns : int
    """
    wanted = np.arange(n_rows)
    n_wanted = max(SAMPLE_VALUES // max(n_columns, 1), SAMPLE_ROWS)
    if n_rows > n_wanted:
        wanted = np.sort(sample_without_replacement(n_rows, n_wanted, random_state=0))
    size, parts, total = rows_of_block(n_columns), [], 0.0
    ends: list[Data | None] = [None, None]
    for start in range(0, n_rows, size):
        stop = min(start + size, n_rows)
        data = read(start, stop, start == 0)
        total += float(data.weight.sum())
        first, last = np.searchsorted(wanted, [start, stop])
        if first < last:
            parts.append(data.take(wanted[first:last] - start))
        for place, sign in enumerate((1, -1)):
            far, known = (sign * data.y).argmin(), ends[place]
            if known is None or sign * data.y[far] < sign * known.y[0]:
                ends[place] = data.take(np.array([far]))
    sample = joined_data(parts)
    more = [end for end in ends if end is not None and end.y[0] not in sample.y]
    sample = joined_data([sample, *more])
    if not sample.weight.any():
        raise ValueError("sample_weight must hold a positive number: all are zero.")
    sample = sample.take(np.flatnonzero(sample.weight))
    return StoredData(
        sample.X,
        sample.y,
        sample.weight,
        lambda start, stop: read(start, stop, False),
        n_rows,
        n_columns,
        total / n_rows,
        np.empty(0, dtype=np.intp),
    )
