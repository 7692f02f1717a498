"""Predictive distributions in the units of the target: numpy only, picklable."""

from __future__ import annotations

import copy
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import entr
from sklearn.utils import check_random_state, check_scalar

from sklearn_genre.distributions._cells import (
    LARGEST,
    Array,
    cell_edges,
    count,
    piecewise_crps,
    root_mean_square,
    smallest_of,
    sorted_rows,
    strictly_increasing,
    take,
)


class PredictiveDistribution:
    """Rows of predictions, each a law over numbers in the units of y.

    A row is a list of numbers with a mass each, and a cell around each number.
    There are two readings, and every method says which one it takes. The *numbers*
    carry the mass in `mean`, `var`, `std`, `mode` and `best_at_k`. The mass is
    spread uniformly over its *cell* in `cdf`, `ppf`, `pdf`, `logpdf`, `interval`,
    `median`, `sample`, `entropy` and `crps`, so that the law is continuous and
    invertible.

    Parameters
    ----------
    values : array-like of shape (K,) or (n, K)
        Non-decreasing numbers, shared by all rows or given for each row.

    pmf : array-like of shape (n, K)
        Non-negative masses; rows are normalised to sum to one.

    edges : array-like of shape (K + 1,) or (n, K + 1), default=None
        Non-decreasing edges of the cells; a flat piece is widened by a few float64
        spacings. None means `cell_edges(values)`. Give them where the cells are
        known, as those of a histogram are.

    clipped : array-like of shape (n,), default=None
        Fraction of each row's mass that an unbounded number format had outside the
        range it was clipped to. None means zero.

    Attributes
    ----------
    clipped : ndarray of shape (n,)
        As given.

    Raises
    ------
    ValueError
        If shapes disagree, a number is not finite, the numbers decrease, or a row
        has a negative mass or no mass at all.

    Examples
    --------
    >>> from sklearn_genre.distributions._predictive import PredictiveDistribution
    >>> dist = PredictiveDistribution([0.0, 1.0, 2.0], [[1, 2, 1], [0, 1, 0]])
    >>> dist
    PredictiveDistribution(n_rows=2, n_values=3)
    >>> dist.mean()
    array([1., 1.])
    >>> dist.interval(0.5)
    array([[0.5 , 1.5 ],
           [0.75, 1.25]])
    >>> len(dist[:1])
    1
    """

    def __init__(
        self,
        values: ArrayLike,
        pmf: ArrayLike,
        *,
        edges: ArrayLike | None = None,
        clipped: ArrayLike | None = None,
    ) -> None:
        self._pmf = _normalised(pmf)
        n_rows, n_values = self._pmf.shape
        self._values = sorted_rows(values, "values")
        _check_shape(self._values, n_rows, n_values, "values")
        if edges is None:
            self._edges = cell_edges(self._values)
        else:
            self._edges = strictly_increasing(sorted_rows(edges, "edges"))
            _check_shape(self._edges, n_rows, n_values + 1, "edges")
        self.clipped = _fractions(clipped, n_rows)

    # -- what it holds ------------------------------------------------------

    @property
    def support(self) -> Array:
        """The numbers, of shape (K,) when shared by all rows, otherwise (n, K)."""
        return self._values

    @property
    def edges(self) -> Array:
        """The edges of the cells, of shape (K + 1,) or (n, K + 1)."""
        return self._edges

    def pmf(self) -> Array:
        """Return the mass of each number, which is that of its cell.

        Returns
        -------
        pmf : ndarray of shape (n, K)
            Rows sum to one. A read-only view.
        """
        view = self._pmf.view()
        view.flags.writeable = False
        return view

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._pmf.shape[0]

    def __getitem__(self, index: Any) -> PredictiveDistribution:
        """Return the chosen rows as a distribution.

        Parameters
        ----------
        index : int, slice, array-like of int or of bool
            Rows to keep; an integer gives a distribution of one row.

        Returns
        -------
        dist : PredictiveDistribution

        Raises
        ------
        IndexError
            If a row does not exist, or `index` selects along another axis.
        """
        rows = np.atleast_1d(np.arange(len(self))[index])
        if rows.ndim > 1:
            raise IndexError(
                f"Rows are chosen by an integer, a slice, indices or a mask in one "
                f"dimension; got {index!r}."
            )
        chosen = copy.copy(self)
        chosen._pmf = self._pmf[rows]
        chosen.clipped = self.clipped[rows]
        if self._values.ndim > 1:
            chosen._values = self._values[rows]
        if self._edges.ndim > 1:
            chosen._edges = self._edges[rows]
        return chosen

    def __repr__(self) -> str:
        """Return the number of rows and of numbers in each."""
        n_rows, n_values = self._pmf.shape
        return f"PredictiveDistribution(n_rows={n_rows}, n_values={n_values})"

    # -- the numbers carry the mass -----------------------------------------

    def mean(self) -> Array:
        """Return the mean of the numbers.

        Returns
        -------
        mean : ndarray of shape (n,)
        """
        centre, deviation = self._centred()
        return centre + (self._pmf * deviation).sum(axis=1)

    def var(self) -> Array:
        """Return the variance of the numbers; the width of the cells adds nothing.

        Returns
        -------
        var : ndarray of shape (n,)
        """
        return self.std() ** 2

    def std(self) -> Array:
        """Return the standard deviation of the numbers.

        Returns
        -------
        std : ndarray of shape (n,)
        """
        _, deviation = self._centred()
        deviation -= (self._pmf * deviation).sum(axis=1, keepdims=True)
        return root_mean_square(deviation, self._pmf)

    def mode(self) -> Array:
        """Return the number with the largest mass.

        Among equal masses the one in the narrowest cell, where the density is
        highest, is taken; among equal cells the smallest number.

        Returns
        -------
        mode : ndarray of shape (n,)
        """
        largest = self._pmf.max(axis=1, keepdims=True)
        width = np.where(self._pmf == largest, np.diff(self._edges, axis=-1), np.inf)
        return self._column(self._values, width.argmin(axis=1))

    def best_at_k(self, y: ArrayLike, k: int) -> Array:
        """Return the expected smallest squared error among k independent draws.

        The draws are of the numbers, not from their cells, and the expectation is
        exact. With `k=1` it is the variance plus the squared error of the mean.

        Parameters
        ----------
        y : float or array-like of shape (n,)
            The truth.

        k : int
            Number of draws, at least 1.

        Returns
        -------
        error : ndarray of shape (n,)

        Raises
        ------
        ValueError
            If `y` is not finite or has another shape, or `k` is below 1.
        """
        check_scalar(k, "k", Integral, min_val=1)
        distance = np.abs(self._values - self._truth(y)[:, None])
        return smallest_of(distance, self._pmf, k) ** 2

    # -- the mass is uniform inside each cell -------------------------------

    def median(self) -> Array:
        """Return the median of the law with mass uniform inside each cell.

        Returns
        -------
        median : ndarray of shape (n,)
        """
        return self.ppf(0.5)

    def cdf(self, y: ArrayLike) -> Array:
        """Return the probability of at most y, with mass uniform inside each cell.

        Parameters
        ----------
        y : float or array-like of shape (n,) or (n, k)
            One number for all rows, one for each row, or k for each row.

        Returns
        -------
        probability : ndarray of shape (n,) or (n, k)

        Raises
        ------
        ValueError
            If `y` has NaN or another shape.
        """
        queries, shape = self._queries(y)
        cell, share = self._locate(queries)
        cumulative = self._cumulative()
        start, stop = take(cumulative, cell), take(cumulative, cell + 1)
        return (start + (stop - start) * share).reshape(shape)

    def pdf(self, y: ArrayLike) -> Array:
        """Return the density at y, with mass uniform inside each cell.

        Parameters
        ----------
        y : float or array-like of shape (n,) or (n, k)
            One number for all rows, one for each row, or k for each row.

        Returns
        -------
        density : ndarray of shape (n,) or (n, k)
            Mass over width of the cell of y; zero outside all cells.

        Raises
        ------
        ValueError
            If `y` has NaN or another shape.
        """
        return np.exp(self.logpdf(y))

    def logpdf(self, y: ArrayLike) -> Array:
        """Return the logarithm of the density, with mass uniform inside each cell.

        Parameters
        ----------
        y : float or array-like of shape (n,) or (n, k)
            One number for all rows, one for each row, or k for each row.

        Returns
        -------
        log_density : ndarray of shape (n,) or (n, k)
            Minus infinity outside all cells and in cells without mass.

        Raises
        ------
        ValueError
            If `y` has NaN or another shape.
        """
        queries, shape = self._queries(y)
        cell, _ = self._locate(queries)
        edges = self._rows(self._edges)
        width = take(edges, cell + 1) - take(edges, cell)
        outside = (queries < edges[:, :1]) | (queries > edges[:, -1:])
        mass = np.where(outside, 0.0, take(self._pmf, cell))
        with np.errstate(divide="ignore"):
            return (np.log(mass) - np.log(width)).reshape(shape)

    def ppf(self, q: ArrayLike) -> Array:
        """Return quantiles of the law with mass uniform inside each cell.

        Parameters
        ----------
        q : float or array-like of shape (k,) or (n, k)
            Levels inside (0, 1): one, k for all rows, or k for each row.

        Returns
        -------
        quantiles : ndarray of shape (n,) or (n, k)
            In the order asked; they never cross.

        Raises
        ------
        ValueError
            If a level is not inside (0, 1), or `q` has another shape.
        """
        levels, shape = self._levels(q)
        return self._quantiles(levels).reshape(shape)

    def interval(self, coverage: float = 0.9) -> Array:
        """Return the central interval, with mass uniform inside each cell.

        Parameters
        ----------
        coverage : float, default=0.9
            Probability of the interval, inside (0, 1); equal tails on both sides.

        Returns
        -------
        interval : ndarray of shape (n, 2)
            Lower and upper end.

        Raises
        ------
        ValueError
            If `coverage` is not inside (0, 1).
        """
        check_scalar(
            coverage,
            "coverage",
            Real,
            min_val=0,
            max_val=1,
            include_boundaries="neither",
        )
        tail = (1 - coverage) / 2
        return self.ppf([tail, 1 - tail])

    def sample(
        self,
        n_samples: int = 1,
        random_state: int | np.random.RandomState | None = None,
    ) -> Array:
        """Draw from the law with mass uniform inside each cell.

        Parameters
        ----------
        n_samples : int, default=1
            Draws for each row.

        random_state : int, RandomState instance or None, default=None
            Give an int for the same draws at every call.

        Returns
        -------
        draws : ndarray of shape (n, n_samples)

        Raises
        ------
        ValueError
            If `n_samples` is below 1.
        """
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        generator = check_random_state(random_state)
        tiny = np.finfo(np.float64).tiny  # keeps the level 0 out
        return self._quantiles(generator.uniform(tiny, 1.0, (len(self), n_samples)))

    def entropy(self) -> Array:
        """Return the differential entropy, with mass uniform inside each cell.

        Returns
        -------
        entropy : ndarray of shape (n,)
            In nats: minus the expected `logpdf`.
        """
        log_width = np.log(np.diff(self._edges, axis=-1))
        return (entr(self._pmf) + self._pmf * log_width).sum(axis=1)

    def crps(self, y: ArrayLike) -> Array:
        """Return the continuous ranked probability score; smaller is better.

        The integral of `(cdf(t) - (t >= y)) ** 2` over t is exact for the law with
        mass uniform inside each cell, whether y is inside the cells or not.

        Parameters
        ----------
        y : float or array-like of shape (n,)
            The truth.

        Returns
        -------
        score : ndarray of shape (n,)
            In the units of y.

        Raises
        ------
        ValueError
            If `y` is not finite or has another shape.

        References
        ----------
        Gneiting and Raftery (2007). Strictly proper scoring rules, prediction, and
        estimation. Journal of the American Statistical Association 102(477).
        """
        return piecewise_crps(
            self._rows(self._edges), self._cumulative(), self._truth(y)
        )

    # -- shared steps -------------------------------------------------------

    def _rows(self, array: Array) -> Array:
        """Return a shared or per-row array with one row for each prediction."""
        return np.broadcast_to(array, (len(self), array.shape[-1]))

    def _column(self, array: Array, index: NDArray[np.intp]) -> Array:
        """Return one entry of each row."""
        return take(self._rows(array), index[:, None])[:, 0]

    def _centred(self) -> tuple[Array, Array]:
        """Return the heaviest number of each row and all numbers less that one."""
        centre = self._column(self._values, self._pmf.argmax(axis=1))
        return centre, self._values - centre[:, None]

    def _cumulative(self) -> Array:
        """Return the cumulative probability at the edges, from 0 to 1."""
        cumulative = np.zeros((len(self), self._pmf.shape[1] + 1))  # (n, K + 1)
        np.cumsum(self._pmf, axis=1, out=cumulative[:, 1:])
        cumulative /= cumulative[:, -1:]
        return cumulative

    def _locate(self, queries: Array) -> tuple[NDArray[np.intp], Array]:
        """Return the cell of each query and the share of that cell below it."""
        edges = self._rows(self._edges)
        cell = count(edges[:, 1:-1], queries, np.less_equal)
        left, right = take(edges, cell), take(edges, cell + 1)
        return cell, (np.clip(queries, left, right) - left) / (right - left)

    def _quantiles(self, levels: Array) -> Array:
        """Invert the cumulative probability at levels (n, k)."""
        cumulative, edges = self._cumulative(), self._rows(self._edges)
        cell = count(cumulative[:, 1:-1], levels, np.less)
        start, stop = take(cumulative, cell), take(cumulative, cell + 1)
        left, right = take(edges, cell), take(edges, cell + 1)
        share = (levels - start) / (stop - start)
        return np.minimum(left + (right - left) * share, right)

    def _queries(self, y: ArrayLike) -> tuple[Array, tuple[int, ...]]:
        """Return y as (n, k) and the shape of the answer."""
        queries = np.asarray(y, dtype=np.float64)
        if np.isnan(queries).any():
            raise ValueError("y contains NaN; drop or impute those rows first.")
        n_rows = len(self)
        if queries.ndim == 0:
            queries = np.full(n_rows, queries)
        if queries.ndim > 2 or queries.shape[0] != n_rows:
            raise ValueError(
                f"y must be a number or have shape ({n_rows},) or ({n_rows}, k), "
                f"one row for each prediction; got shape {queries.shape}."
            )
        return queries.reshape(n_rows, *(queries.shape[1:] or (1,))), queries.shape

    def _truth(self, y: ArrayLike) -> Array:
        """Return finite y of shape (n,)."""
        queries, shape = self._queries(y)
        if len(shape) != 1:
            raise ValueError(
                f"y must be a number or have shape ({len(self)},); got shape {shape}."
            )
        valid = np.abs(queries) <= LARGEST
        if not valid.all():
            raise ValueError(
                f"y must be finite and at most {LARGEST:.3g} in size; "
                f"got {queries[~valid][0]}."
            )
        return queries[:, 0]

    def _levels(self, q: ArrayLike) -> tuple[Array, tuple[int, ...]]:
        """Return q as (n, k) and the shape of the answer."""
        levels = np.asarray(q, dtype=np.float64)
        inside = (levels > 0) & (levels < 1)
        if not inside.all():
            raise ValueError(
                f"Quantile levels must lie strictly between 0 and 1; "
                f"got {levels[~inside][0]}."
            )
        n_rows = len(self)
        if levels.ndim > 2 or (levels.ndim == 2 and levels.shape[0] != n_rows):
            raise ValueError(
                f"q must be a number or have shape (k,) or ({n_rows}, k); "
                f"got shape {levels.shape}."
            )
        shape = (n_rows, *levels.shape[-1:])
        return np.broadcast_to(levels, (n_rows, *(shape[1:] or (1,)))), shape


def _normalised(pmf: ArrayLike) -> Array:
    """Return masses (n, K) whose rows sum to one."""
    mass = np.array(pmf, dtype=np.float64, order="C")
    if mass.ndim != 2 or mass.shape[1] == 0:
        raise ValueError(
            f"pmf must have shape (n, K) with K at least 1; got shape {mass.shape}."
        )
    valid = (mass >= 0) & (mass < np.inf)
    if not valid.all():
        raise ValueError(
            f"pmf must be finite and non-negative; got {mass[~valid][0]} in row "
            f"{np.argwhere(~valid)[0][0]}."
        )
    largest = mass.max(axis=1, keepdims=True)
    if (largest == 0).any():
        raise ValueError(
            f"Each row of pmf needs some mass; row {largest.argmin()} is all zero."
        )
    mass /= largest
    mass /= mass.sum(axis=1, keepdims=True)
    return mass


def _check_shape(array: Array, n_rows: int, n_columns: int, name: str) -> None:
    """Refuse an array that is neither shared by the rows nor given for each."""
    if array.shape not in {(n_columns,), (n_rows, n_columns)}:
        raise ValueError(
            f"{name} must have shape ({n_columns},) or ({n_rows}, {n_columns}) to "
            f"agree with pmf; got shape {array.shape}."
        )


def _fractions(clipped: ArrayLike | None, n_rows: int) -> Array:
    """Return the clipped fraction of each row, zero by default."""
    if clipped is None:
        return np.zeros(n_rows)
    fractions = np.asarray(clipped, dtype=np.float64)
    if fractions.shape != (n_rows,):
        raise ValueError(
            f"clipped must have shape ({n_rows},); got shape {fractions.shape}."
        )
    valid = (fractions >= 0) & (fractions <= 1)
    if not valid.all():
        raise ValueError(
            f"clipped must lie between 0 and 1; got {fractions[~valid][0]}."
        )
    return fractions
