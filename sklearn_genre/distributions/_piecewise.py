"""Distributions of piecewise uniform density: arrays, and what follows from them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from sklearn_genre.distributions._best import best_of_pieces
from sklearn_genre.distributions._bins import (
    SMALLEST,
    Array,
    are_middles,
    half_widths,
    strictly_increasing,
)
from sklearn_genre.distributions._median import median_of_pieces
from sklearn_genre.distributions._search import Index, count, take
from sklearn_genre.distributions._squares import root_mean_square

Counts = NDArray[np.int64]

# Masses that are worked on at once: their arrays fit into a processor's cache.
N_MASSES = 2**17


@dataclass(frozen=True, eq=False)
class PiecewiseUniform:
    """Checked arrays of a block of distributions, and the mathematics of each.

    In a bin, the density is constant below the number and constant above it, such that
    the mean is the number. Where all numbers are the middles of their bins, the two
    halves of each are one.
    """

    values: Array  # (K,) or (n, K), non-decreasing
    pmf: Array  # (n, K), rows sum to one
    edges: Array  # (K + 1,) or (n, K + 1), increasing
    clipped: Array  # (n,)
    is_even: bool  # whether all numbers are the middles of their bins

    def __len__(self) -> int:
        """Return the number of distributions."""
        return self.pmf.shape[0]

    def take(self, index: Index | slice) -> PiecewiseUniform:
        """Return some of the distributions."""
        return PiecewiseUniform(
            self.values if self.values.ndim == 1 else self.values[index],
            self.pmf[index],
            self.edges if self.edges.ndim == 1 else self.edges[index],
            self.clipped[index],
            self.is_even,
        )

    def blocks(self) -> Iterator[tuple[slice, PiecewiseUniform]]:
        """Yield all distributions, some at a time, and where they are."""
        for place in slices(len(self), max(N_MASSES // self.pmf.shape[1], 1)):
            yield place, self.take(place)

    def head(self) -> PiecewiseUniform:
        """Return one distribution at most, for what all share."""
        return self.take(slice(1))

    def all(self) -> PiecewiseUniform:
        """Return all distributions."""
        return self

    def bounds(self) -> Array:
        """Return the outermost edges, shape (n, 2)."""
        return self._for_each_row(self.edges)[:, [0, -1]]

    # -- moments and the mode -----------------------------------------------

    def mean(self) -> Array:
        """Return the mean, shape (n,)."""
        centre, deviation = self._centred()
        mean = centre + (self.pmf * deviation).sum(axis=1)
        return np.clip(mean, self.values[..., 0], self.values[..., -1])

    def std(self) -> Array:
        """Return the standard deviation, shape (n,)."""
        _, deviation = self._centred()
        deviation -= (self.pmf * deviation).sum(axis=1, keepdims=True)
        left, right = half_widths(self.values, self.edges)
        inside = np.sqrt(left) * np.sqrt(right / 3)  # standard deviation in each bin
        return np.hypot(
            root_mean_square(deviation, self.pmf), root_mean_square(inside, self.pmf)
        )

    def mode(self) -> Array:
        """Return the likeliest number, in the narrowest bin among equals, (n,)."""
        largest = self.pmf.max(axis=1, keepdims=True)
        width = np.where(self.pmf == largest, np.diff(self.edges, axis=-1), np.inf)
        return self._column(self.values, width.argmin(axis=1))

    def entropy(self) -> Array:
        """Return the differential entropy, shape (n,)."""
        log_width = np.log(np.diff(self.edges, axis=-1))
        if not self.is_even:
            left, right = half_widths(self.values, self.edges)
            log_width += (left - right) / (left + right) * np.log(right / left)
        return (entr(self.pmf) + self.pmf * log_width).sum(axis=1)

    # -- errors -------------------------------------------------------------

    def wasserstein1(self, y: Array) -> Array:
        """Return the mean absolute error of a draw, shape (n,).

        A bin that does not hold y counts as its number would; the bin of y adds what
        its density has on the other side of y than the number.
        """
        bin_of_y, offset, *_ = self._locate(y[:, None])
        left, right = self._halves(bin_of_y)
        rest = np.maximum(left + right - offset, 0.0)
        width = left + right
        below = right / width * offset * (np.minimum(offset, left) / left)
        above = left / width * rest * (np.minimum(rest, right) / right)
        excess = np.where(offset < left, below, above) * take(self.pmf, bin_of_y)
        return (self.pmf * np.abs(self.values - y[:, None])).sum(axis=1) + excess[:, 0]

    def crps(self, y: Array) -> Array:
        """Return the continuous ranked probability score, shape (n,)."""
        knots, width, mass = self._pieces()
        knots, width = self._for_each_row(knots), np.broadcast_to(width, mass.shape)
        cumulative = cumulative_sums(mass)
        place = count(knots[:, 1:-1], y[:, None], np.less)  # the piece of y
        is_above = np.arange(knots.shape[1]) > place
        height = np.where(is_above, 1 - cumulative, cumulative)
        whole = mean_square(height[:, :-1], height[:, 1:])  # but for the piece of y
        start, stop = take(cumulative, place), take(cumulative, place + 1)
        size = take(width, place)
        share = np.clip(y[:, None] - take(knots, place), 0.0, size) / size
        middle = start + (stop - start) * share
        below = share * mean_square(start, middle)
        above = (1 - share) * mean_square(1 - middle, 1 - stop)
        np.put_along_axis(whole, place, below + above, axis=1)
        first, last = self.bounds().T
        outside = np.maximum(first - y, 0.0) + np.maximum(y - last, 0.0)
        return outside + (whole * width).sum(axis=1)

    def best_at_k(self, y: Array, k: Counts) -> Array:
        """Return the mean squared error of the best of k draws, shape (n,)."""
        knots, _, mass = self._pieces()
        number = k[:, None].astype(np.float64)
        return best_of_pieces(self._for_each_row(knots), mass, y, number)

    def mean_at_k(self, y: Array, k: Counts) -> Array:
        """Return the mean squared error of the mean of k draws, shape (n,)."""
        centre, deviation = self._centred()  # both near y, where all is far from zero
        bias = (self.pmf * deviation).sum(axis=1) + (centre - y)
        return bias**2 + self.std() ** 2 / k

    def median_at_k(self, y: Array, k: Counts) -> Array:
        """Return the mean squared error of the median of k draws, shape (n,)."""
        knots, _, mass = self._pieces()
        return median_of_pieces(self._for_each_row(knots), mass, y, k[:, None])

    # -- the density and its integral ---------------------------------------

    def cdf(self, queries: Array) -> Array:
        """Return the cumulative probability at queries (n, k)."""
        place, below, above = self._shares(queries)
        return _summed(cumulative_sums(self.pmf), place, below, above)

    def sf(self, queries: Array) -> Array:
        """Return the probability above queries (n, k), accurate where it is small."""
        place, below, above = self._shares(queries)
        place = self.pmf.shape[1] - 1 - place
        return _summed(cumulative_sums(self.pmf[:, ::-1]), place, above, below)

    def logcdf(self, queries: Array) -> Array:
        """Return the logarithm of the cumulative probability at queries (n, k)."""
        return _log(self.cdf(queries), self.sf(queries))

    def logsf(self, queries: Array) -> Array:
        """Return the logarithm of the probability above queries (n, k)."""
        return _log(self.sf(queries), self.cdf(queries))

    def logpdf(self, queries: Array) -> Array:
        """Return the log-density at queries (n, k)."""
        place, offset, rest, width = self._locate(queries)
        bounds = self.bounds()
        outside = (queries < bounds[:, :1]) | (queries > bounds[:, 1:])
        mass = np.where(outside, 0.0, take(self.pmf, place))
        with np.errstate(divide="ignore"):
            density = np.log(mass) - np.log(width)
        if self.is_even:
            return density
        left, right = self._halves(place)
        ratio = np.log(right) - np.log(left)  # of the density below the number
        is_below = np.where(left <= right, offset < left, rest > right)
        return density + np.where(is_below, ratio, -ratio)

    def ppf(self, levels: Array) -> Array:
        """Invert the cumulative probability at levels (n, k)."""
        cumulative, edges = cumulative_sums(self.pmf), self._for_each_row(self.edges)
        above = np.maximum(levels, SMALLEST)  # the level 0 begins where there is mass
        place = count(cumulative[:, 1:-1], above, np.less)
        start, stop = take(cumulative, place), take(cumulative, place + 1)
        low, high = take(edges, place), take(edges, place + 1)
        share = (levels - start) / (stop - start)
        if self.is_even:
            inside = np.minimum(low + (high - low) * share, high)
        else:
            left, right = self._halves(place)
            below, above = right / (left + right), left / (left + right)
            rest = (stop - levels) / (stop - start)
            inside = np.where(
                share < below,
                low + left * np.minimum(share / below, 1.0),
                high - right * np.minimum(rest / above, 1.0),
            )
            inside = np.clip(inside, low, high)
        if levels.max(initial=0.0) < 1:
            return inside
        n_empty = (self.pmf[:, ::-1] > 0).argmax(axis=1)  # bins above all mass
        end = self._column(self.edges, edges.shape[1] - 1 - n_empty)
        return np.where(levels < 1, inside, end[:, None])

    def isf(self, levels: Array) -> Array:
        """Return what is exceeded with probabilities (n, k)."""
        return -self.mirrored().ppf(levels)

    def mirrored(self) -> PiecewiseUniform:
        """Return the distributions of the negative numbers."""
        return PiecewiseUniform(
            -self.values[..., ::-1],
            self.pmf[:, ::-1],
            -self.edges[..., ::-1],
            self.clipped,
            self.is_even,
        )

    def pieces(self) -> tuple[Array, Array]:
        """Return knots (M + 1,) or (n, M + 1), and the masses (n, M) between them."""
        knots, _, mass = self._pieces()
        return knots, mass

    def halves(self) -> tuple[Array, Array]:
        """Return knots and masses of both halves of each bin, even ones too."""
        knots, _, mass = replace(self, is_even=False)._pieces()
        return knots, mass

    # -- shared steps -------------------------------------------------------

    def _for_each_row(self, array: Array) -> Array:
        """Return a shared or per-row array with one row for each distribution."""
        return np.broadcast_to(array, (len(self), array.shape[-1]))

    def _column(self, array: Array, index: Index) -> Array:
        """Return one entry of each row."""
        return self._for_each_row(array)[np.arange(len(self)), index]

    def _centred(self) -> tuple[Array, Array]:
        """Return the heaviest number of each row and all numbers less that one."""
        centre = self._column(self.values, self.pmf.argmax(axis=1))
        return centre, self.values - centre[:, None]

    def _locate(self, queries: Array) -> tuple[Index, Array, Array, Array]:
        """Return the bin of each query, its distances from both edges, the width."""
        edges = self._for_each_row(self.edges)
        place = count(edges[:, 1:-1], queries, np.less_equal)
        low, high = take(edges, place), take(edges, place + 1)
        inside = np.clip(queries, low, high)
        return place, inside - low, high - inside, high - low

    def _shares(self, queries: Array) -> tuple[Index, Array, Array]:
        """Return the bin of each query, and the shares of its mass on both sides.

        Distances are measured from the edge that the number is nearer to.
        """
        place, offset, rest, width = self._locate(queries)
        if self.is_even:
            return place, offset / width, rest / width
        left, right = self._halves(place)
        lower, upper = right / (left + right), left / (left + right)
        beyond = np.where(left <= right, offset - left, right - rest)  # the number
        after = np.clip(beyond / right, 0.0, 1.0)
        before = np.clip(-beyond / left, 0.0, 1.0)
        is_below = beyond < 0
        below = lower * np.minimum(offset / left, 1.0)
        above = upper * np.minimum(rest / right, 1.0)
        return (
            place,
            np.where(is_below, below, lower + upper * after),
            np.where(is_below, upper + lower * before, above),
        )

    def _halves(self, place: Index) -> tuple[Array, Array]:
        """Return the widths of the bins at a place, below and above the number."""
        edges = self._for_each_row(self.edges)
        ends = np.stack([take(edges, place), take(edges, place + 1)], axis=-1)
        values = take(self._for_each_row(self.values), place)[..., None]
        left, right = half_widths(values, ends)
        return left[..., 0], right[..., 0]

    def _pieces(self) -> tuple[Array, Array, Array]:
        """Return knots, widths and masses (n, N) of the pieces of uniform density."""
        if self.is_even:
            return self.edges, np.diff(self.edges, axis=-1), self.pmf
        left, right = half_widths(self.values, self.edges)
        share = right / (left + right)
        low, high = self.edges[..., :-1], self.edges[..., 1:]
        middle = np.where(left <= right, low + left, high - right)
        middle = np.clip(middle, low, high)
        return (
            np.concatenate([interleaved(low, middle), self.edges[..., -1:]], axis=-1),
            interleaved(left, right),
            interleaved(self.pmf * share, self.pmf * (left / (left + right))),
        )


def piecewise(
    values: Array, pmf: Array, edges: Array, clipped: Array
) -> PiecewiseUniform:
    """Return distributions of arrays that need no check but for tied edges."""
    edges = strictly_increasing(edges)
    return PiecewiseUniform(values, pmf, edges, clipped, are_middles(values, edges))


def slices(n_rows: int, size: int) -> Iterator[slice]:
    """Yield slices of some rows; one slice where there is no row."""
    for start in range(0, max(n_rows, 1), size):
        yield slice(start, min(start + size, n_rows))


def interleaved(first: Array, second: Array) -> Array:
    """Return two arrays (..., K) as one (..., 2K) that takes from each in turn."""
    pairs = np.stack(np.broadcast_arrays(first, second), axis=-1)
    return pairs.reshape(*pairs.shape[:-2], 2 * pairs.shape[-2])


def cumulative_sums(mass: Array) -> Array:
    """Return the sums (n, N + 1) of the masses below each knot, from 0 to 1."""
    cumulative = np.zeros((mass.shape[0], mass.shape[1] + 1))
    np.cumsum(mass, axis=1, out=cumulative[:, 1:])
    cumulative /= cumulative[:, -1:]
    return cumulative


def _summed(cumulative: Array, place: Index, inside: Array, rest: Array) -> Array:
    """Return the sum up to a share of the mass of a bin, given what is left of it."""
    start, stop = take(cumulative, place), take(cumulative, place + 1)
    mass = stop - start
    up = np.minimum(start + mass * np.minimum(inside, 1.0), stop)
    return np.where(inside < 0.5, up, stop - mass * np.minimum(rest, 1.0))


def _log(probability: Array, rest: Array) -> Array:
    """Return the log of a probability, given what is left of one."""
    with np.errstate(divide="ignore"):
        near_one = np.log1p(-np.minimum(rest, 0.5))
        return np.where(probability < 0.5, np.log(probability), near_one)


def mean_square(a: Array, b: Array) -> Array:
    """Return the mean of the square of a number that runs linearly from a to b."""
    return (a * a + a * b + b * b) / 3
