"""Distributions of the training samples from a fit that left each of them out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sklearn_genre.distributions import PredictiveDistribution
from sklearn_genre.estimators import check_own
from sklearn_genre.inputs import FoldedInputs
from sklearn_genre.networks import OutOfFold


def out_of_fold_distribution(estimator: Any, X: Any) -> PredictiveDistribution:
    """Predict each training sample by the ensemble members that left it out.

    For an estimator that was fitted with ``cv=``, it costs one prediction and no fit:
    residuals, calibration pictures and stacking on all training samples. The members of
    one fold predict a sample, all members a new one, so that the errors here are
    somewhat larger than those to come.

    Parameters
    ----------
    estimator : estimator
        One of this package, fitted with ``cv=``.

    X : array-like or data frame of shape (n_samples, n_features)
        The training samples in the order of ``fit``, less those of weight zero.

    Returns
    -------
    dist : PredictiveDistribution
        Of the samples in the order of X.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    ValueError
        If it was fitted without folds, or by a warm start on other samples or folds
        than before, or X has another number of samples.

    Examples
    --------
    >>> from sklearn.datasets import make_regression
    >>> from sklearn_genre import RiemannRegressor
    >>> from sklearn_genre.metrics import crps_score
    >>> from sklearn_genre.model_selection import out_of_fold_distribution
    >>> X, y = make_regression(100, 3, noise=10.0, random_state=0)
    >>> model = RiemannRegressor(cv=2, max_epochs=2).fit(X, y)
    >>> dist = out_of_fold_distribution(model, X)
    >>> len(dist), crps_score(y, dist) > 0
    (100, True)
    """
    check_own(estimator)
    fitted = estimator._view()
    folds = getattr(fitted, "_folds", None)
    if folds is None:
        raise ValueError(
            f"{type(fitted).__name__} was fitted without folds. Give it cv=, such as "
            "cv=8, and no X_val, and let early_stopping be True."
        )
    if getattr(fitted, "_held_out", None) is None:
        raise ValueError(
            f"{type(fitted).__name__} was fitted by a warm start on other samples or "
            "folds than before, and may have trained on those that it leaves out now. "
            "Fit with warm_start=False."
        )
    X = fitted._check_features(X, reset=False)
    if X.shape[0] != len(folds.fold):
        raise ValueError(
            f"X must hold the {len(folds.fold)} training samples in their order, got "
            f"{X.shape[0]} samples."
        )
    with fitted._own_defaults():
        inputs = fitted._encode(X)
    fold = torch.from_numpy(folds.fold).to(inputs.device)
    folded = FoldedInputs(
        inputs, torch.arange(len(fold), device=fold.device), fold, folds.n_folds
    )
    network = OutOfFold(fitted._network, folds.n_folds).eval()
    predictor = replace(fitted._predictor(len(fold)), network=network)

    def look_up(index: NDArray[np.intp]) -> PredictiveDistribution:
        with fitted._own_defaults():
            some = folded[torch.from_numpy(index).to(fold.device)]
            return predictor.distribution(some)

    return PredictiveDistribution.lazy(len(fold), look_up)
