"""Rows of a predictive distribution as arrays, and the mathematics of each method."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from sklearn_genre.distributions._cells import Array, count, piecewise_crps, take
from sklearn_genre.distributions._draws import (
    Counts,
    best_of_masses,
    median_of_masses,
    root_mean_square,
)

Index = NDArray[np.intp]

# Masses that are worked on at once.
PART = 2**20


@dataclass(frozen=True, eq=False)
class Rows:
    """Checked arrays, and what is computed from them row by row."""

    values: Array  # (K,) or (n, K), non-decreasing
    pmf: Array  # (n, K), rows sum to one
    edges: Array  # (K + 1,) or (n, K + 1), increasing
    clipped: Array  # (n,)

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.pmf.shape[0]

    def take(self, index: Index | slice) -> Rows:
        """Return some of the rows."""
        return Rows(
            self.values if self.values.ndim == 1 else self.values[index],
            self.pmf[index],
            self.edges if self.edges.ndim == 1 else self.edges[index],
            self.clipped[index],
        )

    def parts(self) -> Iterator[tuple[slice, Rows]]:
        """Yield all rows, some at a time, and where they are."""
        for part in slices(len(self), self.pmf.shape[1]):
            yield part, self.take(part)

    def head(self) -> Rows:
        """Return one row at most, for what all rows share."""
        return self.take(slice(1))

    def all(self) -> Rows:
        """Return all rows."""
        return self

    # -- the numbers carry the mass -----------------------------------------

    def mean(self) -> Array:
        """Return the mean, shape (n,)."""
        centre, deviation = self._centred()
        return centre + (self.pmf * deviation).sum(axis=1)

    def std(self) -> Array:
        """Return the standard deviation, shape (n,)."""
        _, deviation = self._centred()
        deviation -= (self.pmf * deviation).sum(axis=1, keepdims=True)
        return root_mean_square(deviation, self.pmf)

    def mode(self) -> Array:
        """Return the likeliest number, in the narrowest cell among equals, (n,)."""
        largest = self.pmf.max(axis=1, keepdims=True)
        width = np.where(self.pmf == largest, np.diff(self.edges, axis=-1), np.inf)
        return self._column(self.values, width.argmin(axis=1))

    def best_at_k(self, y: Array, k: Counts) -> Array:
        """Return the mean squared error of the best of k draws, shape (n,)."""
        return best_of_masses(np.abs(self.values - y[:, None]), self.pmf, k[:, None])

    def mean_at_k(self, y: Array, k: Counts) -> Array:
        """Return the mean squared error of the mean of k draws, shape (n,)."""
        return (self.mean() - y) ** 2 + self.std() ** 2 / k

    def median_at_k(self, y: Array, k: Counts) -> Array:
        """Return the mean squared error of the median of k draws, shape (n,)."""
        return median_of_masses(self.values - y[:, None], self.pmf, k[:, None])

    def wasserstein1(self, y: Array) -> Array:
        """Return the mean absolute error of a draw, shape (n,)."""
        return (self.pmf * np.abs(self.values - y[:, None])).sum(axis=1)

    # -- the mass is uniform inside each cell -------------------------------

    def bounds(self) -> Array:
        """Return the outermost edges, shape (n, 2)."""
        return self._spread(self.edges[..., [0, -1]])

    def cdf(self, queries: Array) -> Array:
        """Return the cumulative probability at queries (n, k)."""
        cell, share = self._locate(queries)
        cumulative = self._cumulative()
        start, stop = take(cumulative, cell), take(cumulative, cell + 1)
        return start + (stop - start) * share

    def logpdf(self, queries: Array) -> Array:
        """Return the log-density at queries (n, k)."""
        cell, _ = self._locate(queries)
        edges = self._spread(self.edges)
        width = take(edges, cell + 1) - take(edges, cell)
        outside = (queries < edges[:, :1]) | (queries > edges[:, -1:])
        mass = np.where(outside, 0.0, take(self.pmf, cell))
        with np.errstate(divide="ignore"):
            return np.log(mass) - np.log(width)

    def ppf(self, levels: Array) -> Array:
        """Invert the cumulative probability at levels (n, k)."""
        cumulative, edges = self._cumulative(), self._spread(self.edges)
        cell = count(cumulative[:, 1:-1], levels, np.less)
        start, stop = take(cumulative, cell), take(cumulative, cell + 1)
        left, right = take(edges, cell), take(edges, cell + 1)
        share = (levels - start) / (stop - start)
        return np.minimum(left + (right - left) * share, right)

    def entropy(self) -> Array:
        """Return the differential entropy, shape (n,)."""
        log_width = np.log(np.diff(self.edges, axis=-1))
        return (entr(self.pmf) + self.pmf * log_width).sum(axis=1)

    def crps(self, y: Array) -> Array:
        """Return the continuous ranked probability score, shape (n,)."""
        return piecewise_crps(self._spread(self.edges), self._cumulative(), y)

    # -- shared steps -------------------------------------------------------

    def _spread(self, array: Array) -> Array:
        """Return a shared or per-row array with one row for each prediction."""
        return np.broadcast_to(array, (len(self), array.shape[-1]))

    def _column(self, array: Array, index: Index) -> Array:
        """Return one entry of each row."""
        return take(self._spread(array), index[:, None])[:, 0]

    def _centred(self) -> tuple[Array, Array]:
        """Return the heaviest number of each row and all numbers less that one."""
        centre = self._column(self.values, self.pmf.argmax(axis=1))
        return centre, self.values - centre[:, None]

    def _cumulative(self) -> Array:
        """Return the cumulative probability at the edges, from 0 to 1."""
        cumulative = np.zeros((len(self), self.pmf.shape[1] + 1))  # (n, K + 1)
        np.cumsum(self.pmf, axis=1, out=cumulative[:, 1:])
        cumulative /= cumulative[:, -1:]
        return cumulative

    def _locate(self, queries: Array) -> tuple[Index, Array]:
        """Return the cell of each query and the share of that cell below it."""
        edges = self._spread(self.edges)
        cell = count(edges[:, 1:-1], queries, np.less_equal)
        left, right = take(edges, cell), take(edges, cell + 1)
        return cell, (np.clip(queries, left, right) - left) / (right - left)


def slices(n_rows: int, n_values: int) -> Iterator[slice]:
    """Yield slices of about PART masses; one slice where there is no row."""
    size = max(PART // n_values, 1)
    for start in range(0, max(n_rows, 1), size):
        yield slice(start, min(start + size, n_rows))
