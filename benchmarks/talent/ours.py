"""Estimators of sklearn_genre as methods, imported only when a job makes one."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from talent.datasets import Array, Part, joined
from talent.predictions import Prediction, rmse

# Parameters that say what a job is and not what the method is.
OF_THE_JOB = {"categorical_features", "random_state", "verbose", "device"}
# What a first fit would import: torch does so in the first step of an optimizer.
IMPORTS = ("sklearn_genre.estimators", "torch._dynamo")
N_SAMPLES = 32
# Of the default, and fits of a bag.
N_FOLDS = 8
# Numbers of RAIL's grid, in even steps over the training targets.
GRID = 9
# Of the epochs of pretraining, how many share one line of a kept history.
EVERY = 10


class Task(NamedTuple):
    """What a method must know of a job."""

    seed: int
    threads: int
    categories: list[int]


class New:
    """An object of sklearn_genre to be, by its name and its options.

    Options that are callable are functions of the training target; those that are
    `New` are objects themselves.
    """

    def __init__(self, name: str, **options: Any) -> None:
        self.name = name
        self.options = options

    def __call__(self, y: Array, **more: Any) -> Any:
        """Return the object."""
        module, _, name = f"sklearn_genre.{self.name}".rpartition(".")
        options = {
            key: value(y) if callable(value) else value
            for key, value in self.options.items()
        }
        return getattr(importlib.import_module(module), name)(**options, **more)

    def changed(self, **options: Any) -> New:
        """Return the same with other options."""
        return New(self.name, **{**self.options, **options})


# More facts of a row: of a fitted estimator, the validation set and a unit of length.
Facts = Callable[[Any, Part, float], dict[str, Any]]


class Ours:
    """An estimator of sklearn_genre in a job, with more facts if there are some."""

    def __init__(self, new: New, task: Task, facts: Facts | None = None) -> None:
        self.new = new
        self.task = task
        self.facts = facts
        for name in IMPORTS:  # before the clock of a job starts, as those of a peer
            importlib.import_module(name)

    def fit(self, train: Part, val: Part) -> None:
        """Train, and select by the validation part."""
        self.make(train.y, val)
        self.estimator.fit(train.X, train.y, X_val=val.X, y_val=val.y)

    def make(self, y: Array, val: Part) -> None:
        """Make the estimator for some targets."""
        self.val = val
        self.grid = np.linspace(y.min(), y.max(), GRID)
        self.estimator = self.new(
            y, categorical_features=self.task.categories, random_state=self.task.seed
        )

    def predict(self, X: NDArray[Any]) -> Prediction:
        """Return the prediction and the distribution of each row."""
        return Prediction(
            self.estimator.predict(X), self.estimator.predict_distribution(X)
        )

    def parameters(self) -> dict[str, Any]:
        """Return the estimator and all its parameters, as JSON can say them."""
        given = self.estimator.get_params(deep=False)
        said = {name: sayable(given[name]) for name in given if name not in OF_THE_JOB}
        return {"estimator": type(self.estimator).__name__, **said}

    def extras(self, X: NDArray[Any], y: Array, unit: float) -> dict[str, Any]:
        """Return other inference rules, entropies of the digits and the training."""
        model = self.estimator
        names = ["digit_entropy", "string_entropy", "outlier_rate"]
        row = {
            **model.diagnose(X, y, diagnostics=names),
            "epochs": model.n_iter_,
            "chosen_epoch": {
                row["stage"]: row["epoch"] for row in model.history_ if row["selected"]
            },
        }
        if hasattr(model, "predict_from_samples"):
            points = {
                "greedy": model.predict(X, output_type="greedy"),
                "mean_of_32": model.predict_from_samples(X, N_SAMPLES),
                "median_of_32": model.predict_from_samples(
                    X, N_SAMPLES, aggregate="median"
                ),
                f"grid_of_{GRID}": model.predict_from_grid(X, self.grid),
            }
            row |= {f"rmse_{name}": rmse(points[name], y, unit) for name in points}
        if model.diagnostics:
            row["history"] = kept_history(model.history_)
        if self.facts is not None:
            row |= self.facts(model, self.val, unit)
        return row


class Alone(Ours):
    """An estimator as users call it, ``fit(X, y)``: it finds samples to select by."""

    def fit(self, train: Part, val: Part) -> None:
        """Train on both parts."""
        X, y = joined(train, val)
        self.make(y, val)
        self.estimator.fit(X, y)

    def extras(self, X: NDArray[Any], y: Array, unit: float) -> dict[str, Any]:
        """Add the coverage of conformal intervals, where there are any."""
        row = super().extras(X, y, unit)
        low, high = self.estimator.predict_interval(X, 0.9, method="conformal").T
        return {**row, "conformal_90": float(np.mean((low <= y) & (y <= high)))}


class Bag(Ours):
    """As many fits as folds, each of which selects on one and trains on the others."""

    def fit(self, train: Part, val: Part) -> None:
        """Train on both parts, fold after fold."""
        from sklearn.base import clone
        from sklearn.model_selection import KFold

        X, y = joined(train, val)
        self.make(y, val)
        folds = KFold(N_FOLDS, shuffle=True, random_state=self.task.seed).split(X)
        self.estimators = [
            clone(self.estimator)
            .set_params(random_state=self.task.seed + number)
            .fit(X[rest], y[rest], X_val=X[out], y_val=y[out])
            for number, (rest, out) in enumerate(folds)
        ]

    def predict(self, X: NDArray[Any]) -> Prediction:
        """Return the mean of the means and the mixture of the distributions."""
        from sklearn_genre import PredictiveDistribution

        means = [each.predict(X) for each in self.estimators]
        dists = [each.predict_distribution(X) for each in self.estimators]
        return Prediction(np.mean(means, 0), PredictiveDistribution.mixture(dists))

    def extras(self, X: NDArray[Any], y: Array, unit: float) -> dict[str, Any]:
        """Return how long the fits were."""
        return {"epochs": sum(each.n_iter_ for each in self.estimators)}


def policy_facts(model: Any, val: Part, unit: float) -> dict[str, Any]:
    """Return what fine-tuning did to the reward and to errors on the validation set.

    `reward` and `rmse` are those before it, at the selected and at the last epoch; they
    are missing without fine-tuning. `rmse_mode` and `rmse_mean` are of the final model.
    """
    policy: dict[str, Any] = {
        f"rmse_{point}": rmse(model.predict(val.X, output_type=point), val.y, unit)
        for point in ("mode", "mean")
    }
    epochs = [row for row in model.history_ if row["stage"] == "fine_tuning"]
    if epochs:
        (selected,) = [row for row in epochs if row["selected"]]
        moments = {"before": epochs[0], "selected": selected, "last": epochs[-1]}
        policy["reward"] = {name: row["reward"] for name, row in moments.items()}
        policy["rmse"] = {
            name: row["validation_rmse"] / unit for name, row in moments.items()
        }
    return {"policy": policy}


def sayable(value: Any) -> Any:
    """Return a value as it is if JSON has it, and as text if not."""
    from sklearn_genre.estimators import description

    if isinstance(value, np.ndarray):
        value = value.tolist()
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        # a function's repr has its address
        return description(value) if callable(value) else repr(value)
    return value


def kept_history(history: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Return the columns of a history, of pretraining each tenth epoch alone."""
    rows = [
        row
        for row in history
        if row["stage"] != "pretraining" or row["epoch"] % EVERY == 0 or row["selected"]
    ]
    return {name: [row.get(name) for row in rows] for name in rows[0]}
