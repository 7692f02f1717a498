"""Distributions by few numbers: the mean and other moments, the mode, the entropy."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from sklearn_genre._checks import check_integer
from sklearn_genre.distributions._bins import Array
from sklearn_genre.distributions._moments import expectation_of, moment_of
from sklearn_genre.distributions._piecewise import PiecewiseUniform
from sklearn_genre.distributions._scored import ScoredDistributions


class SummarisedDistributions(ScoredDistributions):
    """Distributions that are summarised by few numbers."""

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
            Infinite where it is beyond the range of float64; `std` is not.
        """
        with np.errstate(over="ignore"):
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

    def moment(self, order: int) -> Array:
        """Return the mean of a power of the number, exact for the density.

        Parameters
        ----------
        order : int
            The exponent, at least 1; 1 gives the mean, 2 the mean square.

        Returns
        -------
        moment : ndarray of shape (n,)
            About zero, as in `scipy.stats`. Infinite where it is beyond the range of
            float64.

        Raises
        ------
        TypeError
            If `order` is no integer.
        ValueError
            If `order` is below 1.

        Examples
        --------
        >>> from sklearn_genre import PredictiveDistribution
        >>> dist = PredictiveDistribution([1.0], [[1.0]], edges=[0.0, 2.0])
        >>> dist.moment(2).round(6)
        array([1.333333])
        """
        order = check_integer(order, "order", 1)
        return self._map(partial(moment_of, order=order))

    def expect(self, func: Callable[[Array], Any]) -> Array:
        """Return the mean of a function of the number.

        Eight Gauss-Legendre nodes in each half of a bin: exact up to rounding for
        polynomials of degree 15, and close for functions that are smooth within a
        bin. The error of a jump is at most its height times the mass of the half bin
        that it is in; `cdf` and `sf` are exact probabilities.

        Parameters
        ----------
        func : callable
            Maps an array of numbers, shape (m,), to one of the same shape, or to one
            number.

        Returns
        -------
        mean : ndarray of shape (n,)

        Raises
        ------
        ValueError
            If `func` returns another shape.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_genre import PredictiveDistribution
        >>> dist = PredictiveDistribution([1.0], [[1.0]], edges=[0.0, 2.0])
        >>> dist.expect(np.exp).round(6)  # (e**2 - 1) / 2
        array([3.194528])
        """
        return self._map(partial(expectation_of, function=func))
