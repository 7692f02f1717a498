"""Predictive distributions in the units of the target: numpy only, picklable."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from sklearn_genre._checks import check_integer
from sklearn_genre.distributions._arguments import central_levels, levels, queries
from sklearn_genre.distributions._bins import Array
from sklearn_genre.distributions._clipping import limits, moved_inside
from sklearn_genre.distributions._lazy import mapped
from sklearn_genre.distributions._piecewise import PiecewiseUniform
from sklearn_genre.distributions._scored import ScoredDistributions
from sklearn_genre.distributions._tables import frame_of, html_of


class PredictiveDistribution(ScoredDistributions):
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
    >>> len(dist[:1])
    1
    """

    # -- moments and the mode -----------------------------------------------

    def mean(self) -> Array:
        """Return the mean.

        Returns
        -------
        mean : ndarray of shape (n,)
        """
        return self._map(PiecewiseUniform.mean)

    def var(self) -> Array:
        """Return the variance, that inside the bins included.

        Returns
        -------
        var : ndarray of shape (n,)
        """
        return self.std() ** 2

    def std(self) -> Array:
        """Return the standard deviation.

        Returns
        -------
        std : ndarray of shape (n,)
        """
        return self._map(PiecewiseUniform.std)

    def mode(self) -> Array:
        """Return the number of the bin with the largest mass.

        Among equal masses it is the one in the narrowest bin, where the density is
        highest; among equal bins, the smallest.

        Returns
        -------
        mode : ndarray of shape (n,)
        """
        return self._map(PiecewiseUniform.mode)

    def entropy(self) -> Array:
        """Return the differential entropy.

        Returns
        -------
        entropy : ndarray of shape (n,)
            In nats: minus the expected `logpdf`.
        """
        return self._map(PiecewiseUniform.entropy)

    # -- the density and its integral ---------------------------------------

    def cdf(self, y: ArrayLike) -> Array:
        """Return the probability of at most y.

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
        return self._map(PiecewiseUniform.cdf, asked).reshape(shape)

    def pdf(self, y: ArrayLike) -> Array:
        """Return the density at y.

        Parameters
        ----------
        y : float or array-like of shape (n,) or (n, k)
            One number for all rows, one for each row, or k for each row.

        Returns
        -------
        density : ndarray of shape (n,) or (n, k)
            Zero outside all bins.

        Raises
        ------
        ValueError
            If `y` has NaN or another shape.
        """
        return np.exp(self.logpdf(y))

    def logpdf(self, y: ArrayLike) -> Array:
        """Return the logarithm of the density at y.

        Parameters
        ----------
        y : float or array-like of shape (n,) or (n, k)
            One number for all rows, one for each row, or k for each row.

        Returns
        -------
        log_density : ndarray of shape (n,) or (n, k)
            Minus infinity outside all bins and in bins without mass.

        Raises
        ------
        ValueError
            If `y` has NaN or another shape.
        """
        asked, shape = queries(y, len(self))
        return self._map(PiecewiseUniform.logpdf, asked).reshape(shape)

    def ppf(self, q: ArrayLike) -> Array:
        """Return quantiles.

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
        return self._map(PiecewiseUniform.ppf, asked).reshape(shape)

    def median(self) -> Array:
        """Return the median.

        Returns
        -------
        median : ndarray of shape (n,)
        """
        return self.ppf(0.5)

    def interval(self, coverage: ArrayLike = 0.9) -> Array:
        """Return the central interval.

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
        return self._map(PiecewiseUniform.ppf, central_levels(coverage, len(self)))

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
        generator = check_random_state(random_state)
        tiny = np.finfo(np.float64).tiny  # keeps the level 0 out
        uniform = generator.uniform(tiny, 1.0, (len(self), n_samples))
        return self._map(PiecewiseUniform.ppf, uniform)

    # -- other distributions -------------------------------------------------

    def clip(
        self, low: float | None = None, high: float | None = None
    ) -> PredictiveDistribution:
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

    # -- tables -------------------------------------------------------------

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
            the order asked.

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
        0   1.0  0.764     1.0  0.50  1.50
        1   1.0  0.289     1.0  0.75  1.25
        """
        return frame_of(self, quantiles)
