"""Distributions of samples that their model has not seen."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.model_selection import cross_val_predict
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import get_routing_for_object

from sklearn_genre.distributions import PredictiveDistribution
from sklearn_genre.metrics._scorers import predicted_distribution


def cross_val_predict_distribution(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    cv: Any = None,
    n_jobs: int | None = None,
    params: dict[str, Any] | None = None,
) -> PredictiveDistribution:
    """Predict the distribution of each sample by a model that was not fitted to it.

    It is scikit-learn's `cross_val_predict` for distributions: for calibration
    pictures, conformal intervals and stacking on all samples of a training set.

    Parameters
    ----------
    estimator : estimator
        One of this package, a pipeline that ends in one, or a search over either; it is
        cloned for each fold.

    X : array-like or data frame of shape (n_samples, n_features)

    y : array-like of shape (n_samples,)

    groups : array-like of shape (n_samples,), default=None
        Groups for a splitter such as `GroupKFold`; with metadata routing enabled they
        are passed by `params`.

    cv : int, splitter or iterable of splits, default=None
        As of `cross_val_predict`: five folds by default. Each sample must be predicted
        once.

    n_jobs : int, default=None
        Number of processes that fit folds.

    params : dict, default=None
        Arguments of `fit`; those of the length of X, such as `sample_weight`, are split
        with it. With metadata routing enabled they go to what requests them.

    Returns
    -------
    dist : PredictiveDistribution
        Of the samples in the order of X. Numbers and bins are those of each fold.

    Raises
    ------
    TypeError
        If the estimator does not predict distributions.
    ValueError
        If `cv` is no partition, or lengths differ.

    Examples
    --------
    >>> from sklearn.datasets import make_regression
    >>> from sklearn_genre import RiemannRegressor
    >>> from sklearn_genre.metrics import crps_score
    >>> from sklearn_genre.model_selection import cross_val_predict_distribution
    >>> X, y = make_regression(100, 3, noise=10.0, random_state=0)
    >>> model = RiemannRegressor(max_epochs=2)
    >>> dist = cross_val_predict_distribution(model, X, y, cv=2)
    >>> len(dist), crps_score(y, dist) > 0
    (100, True)
    """
    entries = cross_val_predict(
        _Entries(estimator),
        X,
        y,
        groups=groups,
        cv=cv,
        n_jobs=n_jobs,
        params=params,
    )
    parts = {id(dist): dist for dist, _ in entries}
    starts, start = {}, 0
    for key, dist in parts.items():
        starts[key], start = start, start + len(dist)
    order = [starts[id(dist)] + row for dist, row in entries]
    return PredictiveDistribution.concatenate(parts.values())[np.array(order)]


class _Entries(RegressorMixin, BaseEstimator):
    """An estimator that predicts, for each sample, a distribution and a row of it."""

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: ArrayLike, **params: Any) -> Self:
        """Fit a clone of the estimator."""
        self.estimator_ = clone(self.estimator).fit(X, y, **params)
        return self

    def predict(self, X: Any) -> NDArray[np.object_]:
        """Return pairs, which numpy joins and brings into order."""
        dist = predicted_distribution(self.estimator_, X)
        entries = np.empty(len(dist), dtype=object)
        entries[:] = [(dist, row) for row in range(len(dist))]
        return entries

    def get_metadata_routing(self) -> Any:
        """Return what the estimator asks for."""
        return get_routing_for_object(self.estimator)

    def __sklearn_tags__(self) -> Any:
        """Return the tags of the estimator."""
        return get_tags(self.estimator)
