"""Distributions and a truth: the errors of draws, and the CRPS."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from sklearn_genre.distributions._arguments import counts, truth
from sklearn_genre.distributions._bins import Array
from sklearn_genre.distributions._piecewise import PiecewiseUniform
from sklearn_genre.distributions._sequence import DistributionSequence


class ScoredDistributions(DistributionSequence):
    """A sequence of distributions that are compared with the truth."""

    def best_at_k(self, y: ArrayLike, k: ArrayLike) -> Array:
        """Return the expected smallest squared error among k independent draws.

        The draws are those of `sample`, and the expectation is exact. With `k=1` it is
        the variance plus the squared error of the mean.

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
        TypeError
            If `k` is no integer.
        ValueError
            If `y` is not finite or has another shape, or `k` is below 1.
        """
        return self._at_k(PiecewiseUniform.best_at_k, y, k)

    def mean_at_k(self, y: ArrayLike, k: ArrayLike) -> Array:
        """Return the expected squared error of the mean of k independent draws.

        The draws are those of `sample`, and the expectation is exact: the squared
        error of the mean plus the variance over k.

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
        TypeError
            If `k` is no integer.
        ValueError
            If `y` is not finite or has another shape, or `k` is below 1.
        """
        return self._at_k(PiecewiseUniform.mean_at_k, y, k)

    def median_at_k(self, y: ArrayLike, k: ArrayLike) -> Array:
        """Return the expected squared error of the median of k independent draws.

        The draws are those of `sample`. The median of an even number of them is the
        middle of the two middle ones, as in `numpy.median`. The expectation is a sum
        of closed forms, accurate to 1e-8 or better.

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
        TypeError
            If `k` is no integer.
        ValueError
            If `y` is not finite or has another shape, or `k` is below 1.
        """
        return self._at_k(PiecewiseUniform.median_at_k, y, k)

    def wasserstein1(self, y: ArrayLike) -> Array:
        """Return the Wasserstein distance of order 1 between the distribution and y.

        All mass has to move to y, so that it is the expected absolute error of one
        draw.

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
        return self._map(PiecewiseUniform.wasserstein1, truth(y, len(self)))

    def crps(self, y: ArrayLike) -> Array:
        """Return the continuous ranked probability score; smaller is better.

        It is the integral of `(cdf(t) - (t >= y)) ** 2` over t and is exact, whether y
        is inside the bins or not.

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
        return self._map(PiecewiseUniform.crps, truth(y, len(self)))

    def _at_k(
        self, function: Callable[..., Array], y: ArrayLike, k: ArrayLike
    ) -> Array:
        """Return an error of k draws of each row."""
        with np.errstate(over="ignore"):  # squares beyond the range of float64
            return self._map(function, truth(y, len(self)), counts(k, len(self)))
