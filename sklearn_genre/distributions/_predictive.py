"""Predictive distributions in the units of the target: numpy only, picklable."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state

from sklearn_genre._checks import check_integer
from sklearn_genre.distributions._arguments import (
    central_levels,
    checked_rows,
    counts,
    levels,
    queries,
    truth,
)
from sklearn_genre.distributions._cells import Array
from sklearn_genre.distributions._lazy import RowSource, lazy_rows
from sklearn_genre.distributions._rows import Rows
from sklearn_genre.distributions._tables import frame_of, html_of


class PredictiveDistribution:
    """Rows of predictions, each a distribution over numbers in the units of y.

    A row is a list of numbers with a mass each, and a cell around each number.
    There are two readings, and every method says which one it takes. The *numbers*
    carry the mass in `mean`, `var`, `std`, `mode`, `wasserstein1` and the errors of
    k draws: `best_at_k`, `mean_at_k` and `median_at_k`. The mass is spread uniformly
    over its *cell* in `cdf`, `ppf`, `pdf`, `logpdf`, `interval`, `median`, `sample`,
    `entropy` and `crps`, so that the distribution is continuous and invertible:
    ``cdf(ppf(q))`` is `q`. It is so up to rounding, which is coarse where a cell is but
    a few float64 spacings wide, as those of a point mass are: its quantiles are among
    the few floats inside.

    Parameters
    ----------
    values : array-like of shape (K,) or (n, K)
        Non-decreasing numbers, shared by all rows or given for each row.

    pmf : array-like of shape (n, K)
        Non-negative masses; rows are normalised to sum to one.

    edges : array-like of shape (K + 1,) or (n, K + 1), default=None
        Non-decreasing edges of the cells, each number between its two; tied ones are
        spread around where they are by a few float64 spacings. None means
        `cell_edges(values)`. Give them where the cells are known, as those of a
        histogram are.

    clipped : array-like of shape (n,), default=None
        Fraction of each row's mass that an unbounded number format had outside the
        range it was clipped to. None means zero.

    Raises
    ------
    ValueError
        If shapes disagree, a number is not finite or outside of its cell, the
        numbers decrease, or a row has a negative mass or no mass at all.

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
        self._rows: RowSource = checked_rows(values, pmf, edges, clipped)

    @classmethod
    def lazy(
        cls, n_rows: int, read: Callable[[NDArray[np.intp]], PredictiveDistribution]
    ) -> Self:
        """Return a distribution of rows that are read when a method needs them.

        Every method reads all rows, some at a time, and forgets them again, so that
        a million rows of hundreds of masses never exist at once. Rows that together
        hold at most 33,554,432 numbers (256 MiB) are read right away and kept, and so
        are the rows of a selection of that size. :meth:`pmf`, and :attr:`support` and
        :attr:`edges` of rows that do not share them, return everything; pickling
        keeps the arrays and not `read`.

        Parameters
        ----------
        n_rows : int
            Number of rows, at least 1.

        read : callable
            Maps indices, an int array of shape (k,), to the distribution of these k
            rows. It must give the same answer each time, and all rows as many
            numbers.

        Returns
        -------
        dist : PredictiveDistribution

        Raises
        ------
        ValueError
            If `n_rows` is below 1, or `read` returns another number of rows.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_genre import PredictiveDistribution
        >>> def read(index):
        ...     return PredictiveDistribution([0.0, 1.0], np.outer(index + 1, [1, 3]))
        >>> PredictiveDistribution.lazy(1_000_000, read).mean()[-1]
        np.float64(0.75)
        """
        n_rows = check_integer(n_rows, "n_rows", 1)
        return cls._of(lazy_rows(lambda index: read(index)._rows.all(), n_rows))

    # -- what it holds ------------------------------------------------------

    @property
    def support(self) -> Array:
        """The numbers, of shape (K,) when shared by all rows, otherwise (n, K)."""
        shared = self._rows.head().values
        return shared if shared.ndim == 1 else self._rows.all().values

    @property
    def edges(self) -> Array:
        """The edges of the cells, of shape (K + 1,) or (n, K + 1)."""
        shared = self._rows.head().edges
        return shared if shared.ndim == 1 else self._rows.all().edges

    @property
    def bounds(self) -> Array:
        """The outermost edges, beyond which there is no mass, of shape (n, 2)."""
        shared = self._rows.head().edges
        if shared.ndim == 1:
            return np.tile(shared[[0, -1]], (len(self), 1))
        return self._map(Rows.bounds)

    @property
    def clipped(self) -> Array:
        """Fraction of the mass that was outside the clip range, of shape (n,)."""
        return self._map(lambda rows: rows.clipped)

    def pmf(self) -> Array:
        """Return the mass of each number, which is that of its cell.

        Returns
        -------
        pmf : ndarray of shape (n, K)
            Rows sum to one. A read-only view.
        """
        view = self._rows.all().pmf.view()
        view.flags.writeable = False
        return view

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._rows)

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
            If a row does not exist, a slice begins beyond the last row, or `index`
            selects along another axis.
        """
        rows = np.atleast_1d(np.arange(len(self))[index])
        if rows.ndim > 1:
            raise IndexError(
                f"Rows are chosen by an integer, a slice, indices or a mask in one "
                f"dimension; got {index!r}."
            )
        if isinstance(index, slice) and not rows.size:
            self._check_start(index.start)
        return self._of(self._rows.take(rows))

    def __iter__(self) -> Iterator[PredictiveDistribution]:
        """Yield each row as a distribution of one row."""
        for _, rows in self._rows.parts():
            for row in range(len(rows)):
                yield self._of(rows.take(slice(row, row + 1)))

    def __repr__(self) -> str:
        """Return the number of rows and of numbers in each."""
        n_values = self._rows.head().pmf.shape[1]
        return f"PredictiveDistribution(n_rows={len(self)}, n_values={n_values})"

    def _repr_html_(self) -> str:
        """Return the first rows as a table for notebooks."""
        return html_of(self)

    def to_frame(self, quantiles: ArrayLike = (0.05, 0.95)) -> Any:
        """Return a pandas data frame: mean, std, median and quantiles of each row.

        Parameters
        ----------
        quantiles : array-like of shape (k,), default=(0.05, 0.95)
            Levels inside (0, 1); empty for none.

        Returns
        -------
        frame : pandas.DataFrame of shape (n, 3 + k)
            Columns "mean", "std", "median" and one such as "5%" for each level, in
            the order asked. `mean` and `std` are those of the numbers; the median and
            the quantiles have mass uniform inside each cell.

        Raises
        ------
        ImportError
            If pandas is not installed.
        ValueError
            If a level is not inside (0, 1), or `quantiles` has another shape.

        Examples
        --------
        >>> from sklearn_genre import PredictiveDistribution
        >>> dist = PredictiveDistribution([0.0, 1.0, 2.0], [[1, 2, 1], [0, 1, 0]])
        >>> dist.to_frame(quantiles=[0.25, 0.75]).round(3)
           mean    std  median   25%   75%
        0   1.0  0.707     1.0  0.50  1.50
        1   1.0  0.000     1.0  0.75  1.25
        """
        return frame_of(self, quantiles)

    # -- the numbers carry the mass -----------------------------------------

    def mean(self) -> Array:
        """Return the mean of the numbers.

        Returns
        -------
        mean : ndarray of shape (n,)
        """
        return self._map(Rows.mean)

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
        return self._map(Rows.std)

    def mode(self) -> Array:
        """Return the number with the largest mass.

        Among equal masses the one in the narrowest cell, where the density is
        highest, is taken; among equal cells the smallest number.

        Returns
        -------
        mode : ndarray of shape (n,)
        """
        return self._map(Rows.mode)

    def best_at_k(self, y: ArrayLike, k: ArrayLike) -> Array:
        """Return the expected smallest squared error among k independent draws.

        The draws are of the numbers, not from their cells, and the expectation is
        exact. With `k=1` it is the variance plus the squared error of the mean.

        Parameters
        ----------
        y : float or array-like of shape (n,)
            The truth.

        k : int or array-like of shape (n,)
            Number of draws, at least 1.

        Returns
        -------
        error : ndarray of shape (n,)

        Raises
        ------
        ValueError
            If `y` is not finite or has another shape, or `k` is below 1.
        """
        return self._map(Rows.best_at_k, self._truth(y), counts(k, len(self)))

    def mean_at_k(self, y: ArrayLike, k: ArrayLike) -> Array:
        """Return the expected squared error of the mean of k independent draws.

        The draws are of the numbers, not from their cells, and the expectation is
        exact: the squared error of the mean plus the variance over k.

        Parameters
        ----------
        y : float or array-like of shape (n,)
            The truth.

        k : int or array-like of shape (n,)
            Number of draws, at least 1.

        Returns
        -------
        error : ndarray of shape (n,)

        Raises
        ------
        ValueError
            If `y` is not finite or has another shape, or `k` is below 1.
        """
        return self._map(Rows.mean_at_k, self._truth(y), counts(k, len(self)))

    def median_at_k(self, y: ArrayLike, k: ArrayLike) -> Array:
        """Return the expected squared error of the median of k independent draws.

        The draws are of the numbers, not from their cells, and the expectation is
        exact. The median of an even number of draws is the middle of the two middle
        ones, as in `numpy.median`.

        Parameters
        ----------
        y : float or array-like of shape (n,)
            The truth.

        k : int or array-like of shape (n,)
            Number of draws, at least 1.

        Returns
        -------
        error : ndarray of shape (n,)

        Raises
        ------
        ValueError
            If `y` is not finite or has another shape, or `k` is below 1.
        """
        return self._map(Rows.median_at_k, self._truth(y), counts(k, len(self)))

    def wasserstein1(self, y: ArrayLike) -> Array:
        """Return the Wasserstein distance of order 1 between the numbers and y.

        All mass has to move to y, so that it is the expected absolute error of one
        draw of the numbers.

        Parameters
        ----------
        y : float or array-like of shape (n,)
            The truth.

        Returns
        -------
        distance : ndarray of shape (n,)
            In the units of y.

        Raises
        ------
        ValueError
            If `y` is not finite or has another shape.
        """
        return self._map(Rows.wasserstein1, self._truth(y))

    # -- the mass is uniform inside each cell -------------------------------

    def median(self) -> Array:
        """Return the median of the distribution with mass uniform inside each cell.

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
        asked, shape = queries(y, len(self))
        return self._map(Rows.cdf, asked).reshape(shape)

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
        asked, shape = queries(y, len(self))
        return self._map(Rows.logpdf, asked).reshape(shape)

    def ppf(self, q: ArrayLike) -> Array:
        """Return quantiles of the distribution with mass uniform inside each cell.

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
        asked, shape = levels(q, len(self))
        return self._map(Rows.ppf, asked).reshape(shape)

    def interval(self, coverage: ArrayLike = 0.9) -> Array:
        """Return the central interval, with mass uniform inside each cell.

        Parameters
        ----------
        coverage : float or array-like of shape (n,), default=0.9
            Probability of the interval, inside (0, 1); equal tails on both sides.

        Returns
        -------
        interval : ndarray of shape (n, 2)
            Lower and upper end.

        Raises
        ------
        ValueError
            If `coverage` is not inside (0, 1), or has another shape.
        """
        return self._map(Rows.ppf, central_levels(coverage, len(self)))

    def sample(
        self,
        n_samples: int = 1,
        random_state: int | np.random.RandomState | None = None,
    ) -> Array:
        """Draw from the distribution with mass uniform inside each cell.

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
        n_samples = check_integer(n_samples, "n_samples", 1)
        generator = check_random_state(random_state)
        tiny = np.finfo(np.float64).tiny  # keeps the level 0 out
        uniform = generator.uniform(tiny, 1.0, (len(self), n_samples))
        return self._map(Rows.ppf, uniform)

    def entropy(self) -> Array:
        """Return the differential entropy, with mass uniform inside each cell.

        Returns
        -------
        entropy : ndarray of shape (n,)
            In nats: minus the expected `logpdf`.
        """
        return self._map(Rows.entropy)

    def crps(self, y: ArrayLike) -> Array:
        """Return the continuous ranked probability score; smaller is better.

        The integral of `(cdf(t) - (t >= y)) ** 2` over t is exact for the
        distribution with mass uniform inside each cell, whether y is inside the cells
        or not.

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
        return self._map(Rows.crps, self._truth(y))

    # -- shared steps -------------------------------------------------------

    @classmethod
    def _of(cls, rows: RowSource) -> Self:
        """Return a distribution of checked rows."""
        dist = cls.__new__(cls)
        dist._rows = rows
        return dist

    def _map(self, function: Callable[..., Array], *arguments: NDArray[Any]) -> Array:
        """Apply a function to the rows and their arguments, some at a time."""
        return np.concatenate(
            [
                function(rows, *(argument[part] for argument in arguments))
                for part, rows in self._rows.parts()
            ]
        )

    def _truth(self, y: ArrayLike) -> Array:
        """Return finite y of shape (n,)."""
        return truth(y, len(self))

    def _check_start(self, start: int | None) -> None:
        """Refuse a slice that begins beyond the last row."""
        if start is not None and start >= len(self) > 0:
            raise IndexError(
                f"There are {len(self)} rows; a slice from row {start} has none."
            )
