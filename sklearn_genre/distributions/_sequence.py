"""A sequence of distributions: what it holds, and how it is indexed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NoReturn, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_genre._checks import check_integer, shown
from sklearn_genre.distributions._bins import Array
from sklearn_genre.distributions._construction import checked_arrays
from sklearn_genre.distributions._lazy import Source, lazy_source
from sklearn_genre.distributions._piecewise import PiecewiseUniform


class DistributionSequence:
    """One distribution for each prediction, as arrays that all share or that each has.

    Parameters
    ----------
    values : array-like of shape (K,) or (n, K)

    pmf : array-like of shape (n, K)

    edges : array-like of shape (K + 1,) or (n, K + 1), default=None

    clipped : array-like of shape (n,), default=None
    """

    def __init__(
        self,
        values: ArrayLike,
        pmf: ArrayLike,
        *,
        edges: ArrayLike | None = None,
        clipped: ArrayLike | None = None,
    ) -> None:
        self._source: Source = checked_arrays(values, pmf, edges, clipped)

    @classmethod
    def lazy(cls, n_rows: int, read: Callable[[NDArray[np.intp]], Self]) -> Self:
        """Return a distribution of rows that are read when a method needs them.

        Every method reads all rows, some at a time, and forgets them, so that
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
        TypeError
            If `read` is not callable, or returns no PredictiveDistribution.

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
        if not callable(read):
            raise TypeError(f"read must be callable; got {type(read).__name__}.")
        return cls._of(lazy_source(lambda index: rows_of(read(index)), n_rows))

    # -- what it holds ------------------------------------------------------

    @property
    def support(self) -> Array:
        """The numbers, (K,) when shared by all rows, otherwise (n, K); read-only."""
        shared = self._source.head().values
        return read_only(shared if shared.ndim == 1 else self._source.all().values)

    @property
    def edges(self) -> Array:
        """The edges of the bins, of shape (K + 1,) or (n, K + 1); read-only."""
        shared = self._source.head().edges
        return read_only(shared if shared.ndim == 1 else self._source.all().edges)

    @property
    def bounds(self) -> Array:
        """The outermost edges, beyond which there is no mass, of shape (n, 2)."""
        shared = self._source.head().edges
        if shared.ndim == 1:
            return np.tile(shared[[0, -1]], (len(self), 1))
        return self._map(PiecewiseUniform.bounds)

    @property
    def clipped(self) -> Array:
        """Fraction of the mass that was outside the clip range, of shape (n,)."""
        return read_only(self._map(lambda block: block.clipped))

    def pmf(self) -> Array:
        """Return the mass of each bin.

        Returns
        -------
        pmf : ndarray of shape (n, K)
            Rows sum to one. A read-only view.
        """
        return read_only(self._source.all().pmf)

    # -- how it is indexed --------------------------------------------------

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._source)

    def __getitem__(self, index: Any) -> Self:
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
                "Rows are chosen by an integer, a slice, indices or a mask in one "
                f"dimension; got {shown(index, repr)}."
            )
        if isinstance(index, slice) and not rows.size:
            self._check_start(index.start)
        return self._of(self._source.take(rows))

    def __iter__(self) -> Iterator[Self]:
        """Yield each row as a distribution of one row."""
        for _, block in self._source.blocks():
            for row in range(len(block)):
                yield self._of(block.take(slice(row, row + 1)))

    def __repr__(self) -> str:
        """Return the number of rows and of numbers in each."""
        n_values = self._source.head().pmf.shape[1]
        return f"{type(self).__name__}(n_rows={len(self)}, n_values={n_values})"

    # -- what it is not -----------------------------------------------------

    def __array__(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse to be an array."""
        raise TypeError(
            f"a {type(self).__name__} is not an array of numbers; use predict(X) or "
            "dist.mean() for one number per row, or dist.ppf(q) for quantiles."
        )

    def __array_function__(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse numpy's functions, which would take it for an array."""
        self.__array__()

    def __array_ufunc__(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse numpy's arithmetic, which would take it for an array."""
        self.__array__()

    @property
    def ndim(self) -> NoReturn:
        """Say that it has none, to what would map its numbers one by one."""
        raise AttributeError(
            f"a {type(self).__name__} is not an array and has no ndim. "
            "TransformedTargetRegressor cannot map a distribution back: give "
            "target_transform=... to the estimator itself, and use that alone."
        )

    # -- shared steps -------------------------------------------------------

    @classmethod
    def _of(cls, source: Source) -> Self:
        """Return a sequence of checked arrays."""
        dist = cls.__new__(cls)
        dist._source = source
        return dist

    def _map(self, function: Callable[..., Array], *arguments: NDArray[Any]) -> Array:
        """Apply a function to the rows and their arguments, some at a time."""
        return np.concatenate(
            [
                function(block, *(argument[place] for argument in arguments))
                for place, block in self._source.blocks()
            ]
        )

    def _check_start(self, start: int | None) -> None:
        """Refuse a slice that begins beyond the last row."""
        if start is not None and start >= len(self) > 0:
            raise IndexError(
                f"There are {len(self)} rows; a slice from row {start} has none."
            )


def read_only(array: Array) -> Array:
    """Return a view that cannot be written to: what it shows stays as it is."""
    view = array.view()
    view.flags.writeable = False
    return view


def rows_of(dist: Any) -> PiecewiseUniform:
    """Return the arrays of what a function has read."""
    if not isinstance(dist, DistributionSequence):
        raise TypeError(
            f"read must return a PredictiveDistribution; got {shown(dist, repr)}."
        )
    return dist._source.all()
