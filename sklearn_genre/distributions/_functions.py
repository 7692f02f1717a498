"""The density of distributions, its integral, and the inverse of that."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from sklearn_genre.distributions._arguments import central_levels, levels, queries
from sklearn_genre.distributions._bins import Array
from sklearn_genre.distributions._piecewise import PiecewiseUniform
from sklearn_genre.distributions._summaries import SummarisedDistributions


class DistributionFunctions(SummarisedDistributions):
    """Distributions as functions of numbers and of probabilities."""

    def cdf(self, y: ArrayLike) -> Array:
        """Return the probability of at most y.

        Parameters
        ----------
        y : float or array-like of shape (n,), (1, k) or (n, k)
            One for all rows, one for each row, k for all rows or k for each row.

        Returns
        -------
        probability : ndarray of shape (n,) or (n, k)

        Raises
        ------
        ValueError
            If `y` has NaN or another shape.
        """
        return self._of_y(PiecewiseUniform.cdf, y)

    def sf(self, y: ArrayLike) -> Array:
        """Return the probability of more than y, the survival function.

        Parameters
        ----------
        y : float or array-like of shape (n,), (1, k) or (n, k)
            One for all rows, one for each row, k for all rows or k for each row.

        Returns
        -------
        probability : ndarray of shape (n,) or (n, k)
            Accurate where it is small, as `1 - cdf(y)` is not.

        Raises
        ------
        ValueError
            If `y` has NaN or another shape.
        """
        return self._of_y(PiecewiseUniform.sf, y)

    def logcdf(self, y: ArrayLike) -> Array:
        """Return the logarithm of the probability of at most y.

        Parameters
        ----------
        y : float or array-like of shape (n,), (1, k) or (n, k)
            One for all rows, one for each row, k for all rows or k for each row.

        Returns
        -------
        log_probability : ndarray of shape (n,) or (n, k)
            Accurate where the probability is near 0 or near 1.

        Raises
        ------
        ValueError
            If `y` has NaN or another shape.
        """
        return self._of_y(PiecewiseUniform.logcdf, y)

    def logsf(self, y: ArrayLike) -> Array:
        """Return the logarithm of the probability of more than y.

        Parameters
        ----------
        y : float or array-like of shape (n,), (1, k) or (n, k)
            One for all rows, one for each row, k for all rows or k for each row.

        Returns
        -------
        log_probability : ndarray of shape (n,) or (n, k)
            Accurate where the probability is near 0 or near 1.

        Raises
        ------
        ValueError
            If `y` has NaN or another shape.
        """
        return self._of_y(PiecewiseUniform.logsf, y)

    def pdf(self, y: ArrayLike) -> Array:
        """Return the density at y.

        Parameters
        ----------
        y : float or array-like of shape (n,), (1, k) or (n, k)
            One for all rows, one for each row, k for all rows or k for each row.

        Returns
        -------
        density : ndarray of shape (n,) or (n, k)
            Zero outside all bins; infinite where it is beyond the range of float64.

        Raises
        ------
        ValueError
            If `y` has NaN or another shape.
        """
        with np.errstate(over="ignore"):
            return np.exp(self.logpdf(y))

    def logpdf(self, y: ArrayLike) -> Array:
        """Return the logarithm of the density at y.

        Parameters
        ----------
        y : float or array-like of shape (n,), (1, k) or (n, k)
            One for all rows, one for each row, k for all rows or k for each row.

        Returns
        -------
        log_density : ndarray of shape (n,) or (n, k)
            Minus infinity outside all bins and in bins without mass.

        Raises
        ------
        ValueError
            If `y` has NaN or another shape.
        """
        return self._of_y(PiecewiseUniform.logpdf, y)

    def ppf(self, q: ArrayLike) -> Array:
        """Return quantiles, the inverse of `cdf`.

        Parameters
        ----------
        q : float or array-like of shape (n,), (1, k) or (n, k)
            In [0, 1]: one for all rows, one for each row, k for all rows or k for each
            row.

        Returns
        -------
        quantiles : ndarray of shape (n,) or (n, k)
            In the order asked; they never cross. 0 and 1 give the ends of the mass.

        Raises
        ------
        ValueError
            If `q` is not in [0, 1], or has another shape.
        """
        return self._of_q(PiecewiseUniform.ppf, q)

    def quantile(self, q: ArrayLike) -> Array:
        """Return quantiles: `ppf` under numpy's name.

        Parameters
        ----------
        q : float or array-like of shape (n,), (1, k) or (n, k)
            In [0, 1]: one for all rows, one for each row, k for all rows or k for each
            row.

        Returns
        -------
        quantiles : ndarray of shape (n,) or (n, k)
            As of `ppf`.

        Raises
        ------
        ValueError
            If `q` is not in [0, 1], or has another shape.
        """
        return self.ppf(q)

    def isf(self, q: ArrayLike) -> Array:
        """Return what is exceeded with probability q, the inverse of `sf`.

        Parameters
        ----------
        q : float or array-like of shape (n,), (1, k) or (n, k)
            In [0, 1]: one for all rows, one for each row, k for all rows or k for each
            row.

        Returns
        -------
        quantiles : ndarray of shape (n,) or (n, k)
            Those of `ppf(1 - q)`, accurate where `q` is small.

        Raises
        ------
        ValueError
            If `q` is not in [0, 1], or has another shape.
        """
        return self._of_q(PiecewiseUniform.isf, q)

    def median(self) -> Array:
        """Return the median.

        Returns
        -------
        median : ndarray of shape (n,)
        """
        return self.ppf(0.5)

    def interval(
        self, confidence: ArrayLike = 0.9, *, coverage: ArrayLike | None = None
    ) -> Array:
        """Return the central interval.

        Parameters
        ----------
        confidence : float or array-like of shape (n,), (1, k) or (n, k), default=0.9
            Probability of the interval, in [0, 1], with equal tails on both sides: one
            for all rows, one for each row, k for all rows or k for each row.

        coverage : float or array-like, default=None
            The name of `confidence` in `predict_interval`, used if given.

        Returns
        -------
        interval : ndarray of shape (n, 2) or (n, k, 2)
            Lower and upper end.

        Raises
        ------
        ValueError
            If `confidence` is not in [0, 1], or has another shape.
        """
        asked = confidence if coverage is None else coverage
        ends, shape = central_levels(asked, len(self))
        return self._map(PiecewiseUniform.ppf, ends).reshape(shape)

    def _of_y(self, function: Callable[..., Array], y: ArrayLike) -> Array:
        """Return a function of numbers."""
        asked, shape = queries(y, len(self))
        return self._map(function, asked).reshape(shape)

    def _of_q(self, function: Callable[..., Array], q: ArrayLike) -> Array:
        """Return a function of probabilities."""
        asked, shape = levels(q, len(self))
        return self._map(function, asked).reshape(shape)
