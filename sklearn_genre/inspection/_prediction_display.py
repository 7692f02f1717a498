"""The base of the pictures made of true targets and their predictions."""

from __future__ import annotations

from typing import Any, Self

from numpy.typing import ArrayLike

from sklearn_genre.distributions import PredictiveDistribution
from sklearn_genre.inspection._model import predict_distribution


class PredictionDisplay:
    """A picture made from true targets and their predictive distributions."""

    @classmethod
    def from_predictions(
        cls, y_true: Any, dist: PredictiveDistribution, **options: Any
    ) -> Self:
        """Draw from true targets and their predictive distributions."""
        raise NotImplementedError

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: ArrayLike, **options: Any
    ) -> Self:
        """Draw from a fitted estimator and held-out data.

        Parameters
        ----------
        estimator : estimator
            Fitted, one of this package, a ``Pipeline`` that ends in one or a search
            over either.
        X : array-like or data frame of shape (n, n_features)
            Rows to predict.
        y : array-like of shape (n,)
            True targets.
        **options : dict
            Options of ``from_predictions``, including `ax`.

        Returns
        -------
        display : Display
            The picture, drawn.

        Raises
        ------
        TypeError
            If the estimator does not predict distributions.
        """
        return cls.from_predictions(y, predict_distribution(estimator, X), **options)
