"""Predictive distributions in the units of the target: numpy only, picklable."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from sklearn_genre._checks import check_generator, check_integer
from sklearn_genre.distributions._arguments import shares
from sklearn_genre.distributions._bins import Array
from sklearn_genre.distributions._clipping import limits, moved_inside
from sklearn_genre.distributions._construction import with_columns
from sklearn_genre.distributions._functions import DistributionFunctions
from sklearn_genre.distributions._lazy import Source, mapped
from sklearn_genre.distributions._mixing import joined, mixed
from sklearn_genre.distributions._piecewise import PiecewiseUniform
from sklearn_genre.distributions._tables import frame_of, html_of


class PredictiveDistribution(DistributionFunctions):
    """Rows of predictions, each a distribution over numbers in the units of y.

    A row is a list of numbers with a mass each, and a bin around each number. It is
    read as one density in which the mean of each bin is its number: the density is
    constant below the number and constant above it, on ``[a, v]`` with the share
    ``(b - v) / (b - a)`` of the mass of the bin ``[a, b]`` of the number `v`, and on
    ``[v, b]`` with the rest. Where the number is the middle of its bin, as that of even
    steps is, the density is uniform over the bin. Every method is that of this density:
    `mean`, the errors of draws and the CRPS agree with one another and with `sample`.

    The distribution is continuous and invertible: ``cdf(ppf(q))`` is `q`. It is so up
    to rounding, which is coarse where a bin is but a few float64 spacings wide, as
    those of a point mass are: its quantiles are among the few floats inside. A number
    at an edge of its bin is read as a point mass, a few spacings inside.

    What is asked of it is matched with the n rows by one rule, in `cdf`, `sf`, `pdf`,
    their logarithms, `ppf`, `isf`, `quantile` and `interval` alike: a number is for all
    rows, shape (n,) is one for each row, (n, k) is k for each row, and (1, k) is always
    k for all rows. The answer has the shape (n,) or (n, k); `interval` adds an axis for
    its two ends.

    Parameters
    ----------
    values : array-like of shape (K,) or (n, K)
        Non-decreasing numbers, shared by all rows or given for each row.

    pmf : array-like of shape (n, K)
        Non-negative masses; rows are normalised to sum to one.

    edges : array-like of shape (K + 1,) or (n, K + 1), default=None
        Non-decreasing edges of the bins, each number between its two; tied ones are
        spread around where they are by a few float64 spacings. None means
        `bin_edges(values)`. Give them where the bins are known, as those of a
        histogram are.

    clipped : array-like of shape (n,), default=None
        Fraction of each row's mass that an unbounded number format had outside the
        range it was clipped to. None means zero.

    Raises
    ------
    ValueError
        If shapes disagree, a number is not finite or outside of its bin, the
        numbers decrease, or a row has a negative mass or no mass at all.

    Examples
    --------
    >>> from sklearn_genre import PredictiveDistribution
    >>> dist = PredictiveDistribution([0.0, 1.0, 2.0], [[1, 2, 1], [0, 1, 0]])
    >>> dist
    PredictiveDistribution(n_rows=2, n_values=3)
    >>> dist.mean()
    array([1., 1.])
    >>> dist.interval(0.5)
    array([[0.5 , 1.5 ],
           [0.75, 1.25]])
    >>> dist.ppf([0.5, 0.9])  # one for each row
    array([1. , 1.4])
    >>> dist.ppf([[0.1, 0.5, 0.9]])  # three for all rows
    array([[-0.1,  1. ,  2.1],
           [ 0.6,  1. ,  1.4]])
    >>> len(dist[:1])
    1
    """

    # -- draws and other distributions ----------------------------------------

    def sample(
        self,
        n_samples: int = 1,
        random_state: int | np.random.RandomState | None = None,
    ) -> Array:
        """Draw from the distribution.

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
        generator = check_generator(random_state)
        tiny = np.finfo(np.float64).tiny  # keeps the level 0 out
        uniform = generator.uniform(tiny, 1.0, (len(self), n_samples))
        return self._map(PiecewiseUniform.ppf, uniform)

    def clip(self, low: float | None = None, high: float | None = None) -> Self:
        """Return the distribution with its numbers clipped to a range.

        Numbers and edges beyond an end are moved to it and keep their mass, so that
        every quantile, draw and mean lies inside: for counts and prices, which cannot
        be negative. The density has no jump to represent the mass at an end, which
        is spread over a few float64 spacings inside.

        Parameters
        ----------
        low, high : float or None, default=None
            Ends of the range; None for no end.

        Returns
        -------
        dist : PredictiveDistribution

        Raises
        ------
        TypeError
            If an end is no number.
        ValueError
            If an end is not finite, or `low` is not below `high`.

        Examples
        --------
        >>> from sklearn_genre import PredictiveDistribution
        >>> dist = PredictiveDistribution([0.0, 1.0, 2.0], [[1, 2, 1]])
        >>> dist.ppf(0.1), dist.clip(low=0).ppf(0.1).round(9)
        (array([-0.1]), array([0.]))
        >>> dist.clip(0, 1).support
        array([0., 1., 1.])
        """
        start, stop = limits(low, high)
        return self._of(
            mapped(self._source, partial(moved_inside, low=start, high=stop))
        )

    @classmethod
    def concatenate(cls, dists: Iterable[Self]) -> Self:
        """Return the rows of several distributions, one after the other.

        Numbers and bins may differ, and how many there are: rows with fewer bins get
        empty ones, a few float64 spacings wide, inside their widest bin.

        Parameters
        ----------
        dists : iterable of PredictiveDistribution
            At least one.

        Returns
        -------
        dist : PredictiveDistribution
            Read when needed if it is large, as of `lazy`.

        Raises
        ------
        TypeError
            If one is no PredictiveDistribution.
        ValueError
            If there is none.

        Examples
        --------
        >>> from sklearn_genre import PredictiveDistribution
        >>> a = PredictiveDistribution([0.0, 1.0], [[1, 1]])
        >>> b = PredictiveDistribution([5.0, 6.0, 7.0], [[1, 2, 1], [2, 1, 1]])
        >>> PredictiveDistribution.concatenate([a, b]).mean()
        array([0.5 , 6.  , 5.75])
        """
        return cls._of(joined(_sources(dists, "concatenate")))

    @classmethod
    def mixture(cls, dists: Iterable[Self], weights: ArrayLike | None = None) -> Self:
        """Return the mixture of several distributions of each row.

        A draw of it is a draw of one of them: its density and cumulative probability
        are the weighted means of theirs, exactly, over the bins between all their
        edges and numbers. Where all have the same bins, it has those.

        Parameters
        ----------
        dists : iterable of PredictiveDistribution
            At least one, of as many rows each: those of models with several seeds, of
            several folds.

        weights : array-like of shape (n_dists,), default=None
            Non-negative; divided by their sum. None means equal weights.

        Returns
        -------
        dist : PredictiveDistribution
            Read when needed if it is large, as of `lazy`.

        Raises
        ------
        TypeError
            If one is no PredictiveDistribution.
        ValueError
            If there is none, they have different numbers of rows, or the weights are
            invalid.

        Examples
        --------
        >>> from sklearn_genre import PredictiveDistribution
        >>> a = PredictiveDistribution([0.5], [[1]], edges=[0.0, 1.0])
        >>> b = PredictiveDistribution([1.0], [[1]], edges=[0.0, 2.0])
        >>> PredictiveDistribution.mixture([a, b]).cdf(1.0)
        array([0.75])
        """
        sources = _sources(dists, "mixture")
        lengths = sorted({len(source) for source in sources})
        if len(lengths) > 1:
            raise ValueError(
                f"mixture needs distributions of as many rows each; got {lengths}."
            )
        return cls._of(mixed(sources, shares(weights, len(sources))))

    # -- tables -------------------------------------------------------------

    def _repr_html_(self) -> str:
        """Return the first rows as a table for notebooks."""
        return html_of(self)

    def to_frame(self, quantiles: ArrayLike = (0.05, 0.95), index: Any = None) -> Any:
        """Return a pandas data frame: mean, std, median and quantiles of each row.

        Parameters
        ----------
        quantiles : array-like of shape (k,), default=(0.05, 0.95)
            Levels in [0, 1]; empty for none.

        index : array-like of shape (n,), default=None
            Labels of the rows, such as ``X.index``; None means 0, 1, 2 and so on.

        Returns
        -------
        frame : pandas.DataFrame of shape (n, 3 + k)
            Columns "mean", "std", "median" and one such as "5%" for each level, in
            the order asked.

        Raises
        ------
        ImportError
            If pandas is not installed.
        TypeError
            If `index` has no length.
        ValueError
            If a level is not in [0, 1], or `quantiles` or `index` has another shape.

        Examples
        --------
        >>> from sklearn_genre import PredictiveDistribution
        >>> dist = PredictiveDistribution([0.0, 1.0, 2.0], [[1, 2, 1], [0, 1, 0]])
        >>> dist.to_frame(quantiles=[0.25, 0.75]).round(3)
           mean    std  median   25%   75%
        0   1.0  0.764     1.0  0.50  1.50
        1   1.0  0.289     1.0  0.75  1.25
        """
        return frame_of(self, quantiles, index)

    def to_dict(self) -> dict[str, list[Any]]:
        """Return all arrays as lists, for JSON and the like.

        Returns
        -------
        data : dict
            The arguments of `PredictiveDistribution`: "values", "pmf", "edges" and
            "clipped". `from_dict` makes the same distribution of it, bit for bit.
        """
        arrays = self._source.all()
        names = ("values", "pmf", "edges", "clipped")
        return {name: getattr(arrays, name).tolist() for name in names}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the distribution that `to_dict` was called on.

        Parameters
        ----------
        data : mapping
            "values" and "pmf", and "edges" and "clipped" if they are known: lists or
            arrays.

        Returns
        -------
        dist : PredictiveDistribution

        Raises
        ------
        TypeError
            If `data` is no mapping.
        ValueError
            If a name is missing or unknown, or the arrays are not valid.

        Examples
        --------
        >>> import json
        >>> from sklearn_genre import PredictiveDistribution
        >>> dist = PredictiveDistribution([0.0, 1.0, 2.0], [[1, 2, 1]])
        >>> text = json.dumps(dist.to_dict())
        >>> PredictiveDistribution.from_dict(json.loads(text))
        PredictiveDistribution(n_rows=1, n_values=3)
        """
        if not isinstance(data, Mapping):
            raise TypeError(f"data must be a mapping; got {type(data).__name__}.")
        needed, known = {"values", "pmf"}, {"values", "pmf", "edges", "clipped"}
        if not needed <= set(data) <= known:
            raise ValueError(
                "data must hold 'values' and 'pmf', and may hold 'edges' and "
                f"'clipped'; got {sorted(map(str, data))}."
            )
        return cls(**with_columns(data))


def _sources(dists: Iterable[DistributionFunctions], name: str) -> list[Source]:
    """Return what distributions are read from; refuse other things, and none."""
    if not np.iterable(dists):
        raise TypeError(f"{name} takes a list of PredictiveDistribution; got {dists}.")
    dists = list(dists)
    for dist in dists:
        if not isinstance(dist, PredictiveDistribution):
            raise TypeError(
                f"{name} takes a list of PredictiveDistribution; got "
                f"{type(dist).__name__}."
            )
    if not dists:
        raise ValueError(f"{name} needs at least one distribution; got none.")
    return [dist._source for dist in dists]
