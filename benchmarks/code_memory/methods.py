"""The methods that predict the logarithm of peak memory.

A method is a line of `METHODS`. One that reads text takes the feature "code".
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
from papers.recipe import BASE, objective
from scipy import sparse
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import RidgeCV
from talent.ours import N_SAMPLES, New

from code_memory.features import Array

TABLE = ("svd", "sentence")  # the features that are tables without zeros
REMAX = "policy_gradients.ReMax"
# Fits an estimator to (X, y), with (X, y) of the validation set.
Fit = Callable[[Any, Any, Array, Any, Array], Any]


def with_validation(model: Any, X: Any, y: Array, X_val: Any, y_val: Array) -> Any:
    """Select by the validation set."""
    return model.fit(X, y, X_val=X_val, y_val=y_val)


def with_eval_set(model: Any, X: Any, y: Array, X_val: Any, y_val: Array) -> Any:
    """Select by the validation set, as CatBoost takes it."""
    return model.fit(X, y, eval_set=(X_val, y_val))


def on_both(model: Any, X: Any, y: Array, X_val: Any, y_val: Array) -> Any:
    """Train on the validation set too, where nothing is selected by it."""
    stack = sparse.vstack if sparse.issparse(X) else np.concatenate
    return model.fit(stack([X, X_val]), np.concatenate([y, y_val]))


class Method(NamedTuple):
    """An estimator by its seed and targets, what it reads, and how it is fitted."""

    new: Callable[[int, Array], Any]
    features: tuple[str, ...] = TABLE
    fit: Fit = with_validation
    package: str = "sklearn_genre"

    @property
    def is_there(self) -> bool:
        """Return whether its package is installed."""
        return find_spec(self.package) is not None


def ours(new: New) -> Method:
    """Return an estimator of sklearn_genre as a method."""
    return Method(lambda seed, y: new(y, random_state=seed))


def boosting(seed: int, y: Array) -> Any:
    """Return scikit-learn's boosting, stopped by the validation set."""
    return HistGradientBoostingRegressor(early_stopping=True, random_state=seed)


def catboost(seed: int, y: Array) -> Any:
    """Return CatBoost, stopped by the validation set."""
    return import_module("catboost").CatBoostRegressor(
        random_seed=seed,
        thread_count=1,
        early_stopping_rounds=50,
        allow_writing_files=False,
        verbose=False,
    )


METHODS: dict[str, Method] = {
    "constant": Method(
        lambda seed, y: DummyRegressor(), ("svd",), fit=on_both, package="sklearn"
    ),
    "ridge": Method(
        lambda seed, y: RidgeCV(np.logspace(-3, 3, 13)),
        ("tokens", *TABLE),
        fit=on_both,
        package="sklearn",
    ),
    "hist_gradient_boosting": Method(boosting, package="sklearn"),
    "catboost": Method(catboost, fit=with_eval_set, package="catboost"),
    # the defaults of the package, and what one parameter changes
    "base": ours(New("DecodingRegressor", fine_tuning=None)),
    "remax": ours(
        New("DecodingRegressor", fine_tuning=New(REMAX, reward_scale="quantile"))
    ),
    "default": ours(New("DecodingRegressor")),
    "quantile": ours(New("DecodingRegressor", target_transform="quantile")),
    "raft": ours(New("RAFTRegressor")),
    # the papers' networks, IEEE digits and rewards in the space of quantiles
    "genre_base": ours(BASE.changed(tokenizer="ieee")),
    "genre_remax": ours(
        objective(REMAX, reward_scale="quantile").changed(tokenizer="ieee")
    ),
}


def points(model: Any, X: Any) -> dict[str, Array]:
    """Return the predictions of a fitted model by the rule that reads them."""
    if not hasattr(model, "predict_from_samples"):
        return {"mean": model.predict(X)}
    return {
        "mean": model.predict(X),
        f"median_of_{N_SAMPLES}": model.predict_from_samples(
            X, N_SAMPLES, aggregate="median"
        ),
    }
