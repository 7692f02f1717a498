"""Methods of other packages, imported only when a job makes one.

Each has the settings that its `Peer` names, and otherwise the defaults of its package;
of several settings it has those that are best on the validation part.
Targets are standardised by the training part for all of them. Boosting has up to 2,000
trees, 5,000 of CatBoost's, and stops after 50 without gain on the validation part.
Those of `ALONE_PEERS` are called ``fit(X, y)`` on both parts, with their own defaults.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talent.columns import (
    COLUMN_MODULES,
    codes,
    filled_codes,
    filled_strings,
    one_hot,
    strings,
)
from talent.datasets import Array, Part, joined
from talent.ours import Task
from talent.predictions import Prediction, from_quantiles, normal

N_TREES = 2000
PATIENCE = 50
# Levels of methods that predict quantiles: the middles of 100 equal parts.
LEVELS = (np.arange(100) + 0.5) / 100

Options = dict[str, Any]


@dataclass(frozen=True)
class Peer:
    """A regressor of another package: how it is made, fitted and read."""

    path: str  # package.module.Class
    columns: Callable[[NDArray[Any], list[int]], Any]  # returns a fitted transformer
    options: Options = field(default_factory=dict)
    # What is added to these: of several, the best on the validation part.
    settings: tuple[Options, ...] = ({},)
    seed: str | None = "random_state"
    threads: str | None = None
    # Options of the class, and of fit, that depend on the job.
    of_task: Callable[[Task, int], Options] = lambda task, n_columns: {}
    of_val: Callable[[Task, NDArray[Any], Array], Options] = lambda task, X, y: {}
    # None: single numbers, from predict.
    read: Callable[[Any, NDArray[Any]], Prediction] | None = None

    @property
    def package(self) -> str:
        """Return the package that must be there."""
        return self.path.partition(".")[0]

    def __call__(self, task: Task) -> PeerModel:
        """Return the method for a job."""
        return PeerModel(self, task)


class PeerModel:
    """A peer in a job."""

    def __init__(self, peer: Peer, task: Task) -> None:
        self.peer = peer
        self.task = task
        for name in (*COLUMN_MODULES, *(["sklearn_genre"] if peer.read else [])):
            importlib.import_module(name)
        module, _, name = peer.path.rpartition(".")
        self.kind = getattr(importlib.import_module(module), name)

    def fit(self, train: Part, val: Part) -> None:
        """Train, and stop early by the validation part where the method can."""
        peer, task = self.peer, self.task
        self.center, self.scale = train.y.mean(), train.y.std() or 1.0
        self.columns = peer.columns(train.X, task.categories)
        X, X_val = self.columns.transform(train.X), self.columns.transform(val.X)
        given = {peer.seed: task.seed} if peer.seed else {}
        if peer.threads:
            given[peer.threads] = task.threads
        given |= peer.of_task(task, X.shape[1])
        y, y_val = ((part.y - self.center) / self.scale for part in (train, val))
        best = np.inf
        for setting in peer.settings:
            estimator = self.kind(**peer.options, **setting, **given)
            estimator.fit(X, y, **peer.of_val(task, X_val, y_val))
            error = np.inf
            if len(peer.settings) > 1:
                error = np.mean((read_mean(estimator, X_val).mean - y_val) ** 2)
            if error <= best:
                best, self.estimator, self.setting = error, estimator, setting

    def predict(self, X: NDArray[Any]) -> Prediction:
        """Return the prediction of each row, with a distribution if there is one."""
        from sklearn_genre.distributions import mapped_bins

        read = self.peer.read or read_mean
        mean, dist, has_density = read(self.estimator, self.columns.transform(X))
        if dist is not None:
            values, mass, edges = mapped_bins(
                self.center + self.scale * dist.support,
                dist.pmf(),
                self.center + self.scale * dist.edges,
            )
            dist = type(dist)(values, mass, edges=edges)
        return Prediction(self.center + self.scale * mean, dist, has_density)

    def parameters(self) -> Options:
        """Return the class and the options that are not its defaults."""
        name = self.peer.columns.__name__
        options = {**self.peer.options, **self.setting}
        return {"estimator": self.peer.path, "columns": name, **options}

    def extras(self, X: NDArray[Any], y: Array, unit: float) -> Options:
        """Return nothing: a peer has no digits."""
        return {}


class WholePeerModel(PeerModel):
    """A peer that is given both parts to train on."""

    def fit(self, train: Part, val: Part) -> None:
        """Train on both parts."""
        super().fit(joined(train, val), val)


# -- what depends on the job -------------------------------------------------------


def places(task: Task, n_columns: int) -> list[int]:
    """Return the places of the codes, which come last."""
    return list(range(n_columns - len(task.categories), n_columns))


def of_hist_gradient_boosting(task: Task, n_columns: int) -> Options:
    """Name the columns of codes."""
    return {"categorical_features": places(task, n_columns)}


def of_xgboost(task: Task, n_columns: int) -> Options:
    """Name the kind of each column."""
    n_categories = len(task.categories)
    kinds = ["q"] * (n_columns - n_categories) + ["c"] * n_categories
    return {"feature_types": kinds}


def of_catboost(task: Task, n_columns: int) -> Options:
    """Name the columns of strings."""
    return {"cat_features": places(task, n_columns)}


def val_of_sklearn(task: Task, X: NDArray[Any], y: Array) -> Options:
    """Return the validation part as scikit-learn and pytabkit take it."""
    return {"X_val": X, "y_val": y}


def val_of_lightgbm(task: Task, X: NDArray[Any], y: Array) -> Options:
    """Return the validation part, the patience and the columns of codes."""
    import lightgbm

    return {
        "eval_set": [(X, y)],
        "callbacks": [lightgbm.early_stopping(PATIENCE, verbose=False)],
        **categories_of_lightgbm(task, X, y),
    }


def categories_of_lightgbm(task: Task, X: NDArray[Any], y: Array) -> Options:
    """Return the columns of codes."""
    return {"categorical_feature": places(task, X.shape[1])}


def val_of_xgboost(task: Task, X: NDArray[Any], y: Array) -> Options:
    """Return the validation part."""
    return {"eval_set": [(X, y)], "verbose": False}


def val_of_catboost(task: Task, X: NDArray[Any], y: Array) -> Options:
    """Return the validation part and the patience."""
    return {"eval_set": (X, y), "early_stopping_rounds": PATIENCE, "verbose": False}


def val_of_ngboost(task: Task, X: NDArray[Any], y: Array) -> Options:
    """Return the validation part and the patience."""
    return {"X_val": X, "Y_val": y, "early_stopping_rounds": PATIENCE}


# -- what is read ------------------------------------------------------------------


def read_mean(model: Any, X: NDArray[Any]) -> Prediction:
    """Return single numbers."""
    return Prediction(np.asarray(model.predict(X), dtype=np.float64))


def read_ngboost(model: Any, X: NDArray[Any]) -> Prediction:
    """Return the normal distributions of the best number of trees."""
    best = model.best_val_loss_itr
    dist = model.pred_dist(X, max_iter=None if best is None else best + 1)
    return Prediction(dist.loc, normal(dist.loc, dist.scale))


def read_forest(model: Any, X: NDArray[Any]) -> Prediction:
    """Return the mean and the quantiles of a forest."""
    quantiles = from_quantiles(model.predict(X, quantiles=LEVELS.tolist()))
    return Prediction(model.predict(X, quantiles="mean"), quantiles, False)


def read_quantiles(model: Any, X: NDArray[Any]) -> Prediction:
    """Return quantiles, and their mean."""
    quantiles = np.asarray(model.predict(X), dtype=np.float64)
    return Prediction(quantiles.mean(axis=1), from_quantiles(quantiles), False)


BOOSTING = {"n_estimators": N_TREES, "learning_rate": 0.05}
CATBOOST = {"iterations": N_TREES, "allow_writing_files": False}

PEERS: dict[str, Peer] = {
    "dummy": Peer("sklearn.dummy.DummyRegressor", one_hot, seed=None),
    "linear": Peer("sklearn.linear_model.LinearRegression", one_hot, seed=None),
    "ridge": Peer("sklearn.linear_model.Ridge", one_hot),
    "hist_gradient_boosting": Peer(
        "sklearn.ensemble.HistGradientBoostingRegressor",
        codes,
        {
            "max_iter": N_TREES,
            "learning_rate": 0.05,
            "early_stopping": True,
            "n_iter_no_change": PATIENCE,
        },
        of_task=of_hist_gradient_boosting,
        of_val=val_of_sklearn,
    ),
    "lightgbm": Peer(
        "lightgbm.LGBMRegressor",
        codes,
        {**BOOSTING, "verbosity": -1, "min_data_per_group": 10},
        threads="n_jobs",
        of_val=val_of_lightgbm,
    ),
    "xgboost": Peer(
        "xgboost.XGBRegressor",
        codes,
        {
            **BOOSTING,
            "early_stopping_rounds": PATIENCE,
            "tree_method": "hist",
            "enable_categorical": True,
        },
        threads="n_jobs",
        of_task=of_xgboost,
        of_val=val_of_xgboost,
    ),
    "catboost": Peer(
        "catboost.CatBoostRegressor",
        strings,
        # Chosen on the val parts of airfoil_self_noise and kin8nm, where the defaults
        # are far from the tuned figures that are published.
        {**CATBOOST, "iterations": 5000, "depth": 8, "learning_rate": 0.05},
        threads="thread_count",
        of_task=of_catboost,
        of_val=val_of_catboost,
    ),
    "catboost_tuned": Peer(
        "catboost.CatBoostRegressor",
        strings,
        {**CATBOOST, "iterations": 5000, "learning_rate": 0.05},
        tuple(
            {"depth": depth, "l2_leaf_reg": penalty}
            for depth in (4, 6, 8)
            for penalty in (1.0, 3.0)
        ),
        threads="thread_count",
        of_task=of_catboost,
        of_val=val_of_catboost,
    ),
    "catboost_quantiles": Peer(
        "catboost.CatBoostRegressor",
        strings,
        {
            **CATBOOST,
            "loss_function": "MultiQuantile:alpha="
            + ",".join(f"{level:g}" for level in LEVELS),
        },
        threads="thread_count",
        of_task=of_catboost,
        of_val=val_of_catboost,
        read=read_quantiles,
    ),
    "ngboost": Peer(
        "ngboost.NGBRegressor",
        filled_codes,
        {"n_estimators": N_TREES, "learning_rate": 0.02, "verbose": False},
        of_val=val_of_ngboost,
        read=read_ngboost,
    ),
    "quantile_forest": Peer(
        "quantile_forest.RandomForestQuantileRegressor",
        filled_codes,
        {"n_estimators": 500, "min_samples_leaf": 5},
        threads="n_jobs",
        read=read_forest,
    ),
    "realmlp": Peer(
        "pytabkit.RealMLP_TD_Regressor",
        filled_strings,
        {"device": "cpu"},
        threads="n_threads",
        of_val=val_of_sklearn,
    ),
    "tabm": Peer(
        "pytabkit.TabM_D_Regressor",
        filled_strings,
        {"device": "cpu"},
        threads="n_threads",
        of_val=val_of_sklearn,
    ),
}
# As users call them. NGBoost and forests have no categories; forests predict quantiles.
ALONE_PEERS: dict[str, Peer] = {
    "catboost_alone": Peer(
        "catboost.CatBoostRegressor",
        strings,
        {"allow_writing_files": False, "verbose": False},
        threads="thread_count",
        of_task=of_catboost,
    ),
    "lightgbm_alone": Peer(
        "lightgbm.LGBMRegressor",
        codes,
        {"verbosity": -1},
        threads="n_jobs",
        of_val=categories_of_lightgbm,
    ),
    "realmlp_alone": Peer(
        "pytabkit.RealMLP_TD_Regressor",
        filled_strings,
        {"device": "cpu"},
        threads="n_threads",
    ),
    "ngboost_alone": Peer(
        "ngboost.NGBRegressor",
        filled_codes,
        {"verbose": False},
        read=read_ngboost,
    ),
    "quantile_forest_alone": PEERS["quantile_forest"],
}
