"""The wrapper for AutoGluon, against a stub of its base class."""

import importlib
import sys
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_array_equal

RNG = np.random.default_rng(0)
X = pd.DataFrame(
    {"a": RNG.normal(size=80), "c": pd.Categorical(RNG.choice(["u", "v"], 80))}
)
Y = pd.Series(X.a + (X.c == "u") + 0.1 * RNG.normal(size=80))


class AbstractModel:
    """What the wrapper uses of AutoGluon's class of this name."""

    def __init__(self, problem_type, quantile_levels=None, **params):
        assert problem_type in self.supported_problem_types()
        self.problem_type = problem_type
        self.quantile_levels = quantile_levels
        self.params = params

    def _get_model_params(self):
        return dict(self.params)

    def preprocess(self, X, is_train=False, **kwargs):
        self.columns = list(X) if is_train else self.columns
        return X[self.columns]

    def fit(self, **kwargs):
        self.fitted_threads = torch.get_num_threads()
        self._fit(**kwargs)
        return self

    def predict_proba(self, X, **kwargs):
        return self._predict_proba(X, **kwargs)


@pytest.fixture
def wrapper(monkeypatch):
    """Return the class, made on the stub."""
    models = ModuleType("autogluon.core.models")
    models.AbstractModel = AbstractModel
    for name in ("autogluon", "autogluon.core"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "autogluon.core.models", models)
    monkeypatch.delitem(sys.modules, "autogluon_model", raising=False)
    yield importlib.import_module("autogluon_model").DecodingModel
    sys.modules.pop("autogluon_model")


OPTIONS = {"encoder": "mlp", "pretraining_epochs": 3, "fine_tuning_epochs": 1}


@pytest.mark.parametrize("held_out", [True, False])
def test_means(wrapper, held_out):
    given = {"X_val": X[60:], "y_val": Y[60:]} if held_out else {}
    threads = torch.get_num_threads()
    model = wrapper("regression", random_state=0, **OPTIONS)
    model.fit(X=X[:60], y=Y[:60], time_limit=600, num_cpus=1, num_gpus=0, **given)
    assert torch.get_num_threads() == threads
    assert model.model.max_fit_seconds < 600
    assert_array_equal(model.predict_proba(X[["c", "a"]]), model.model.predict(X))


def test_quantiles(wrapper):
    levels = [0.1, 0.5, 0.9]
    model = wrapper("quantile", levels, random_state=0, **OPTIONS).fit(X=X, y=Y)
    assert model.model.max_fit_seconds is None
    predicted = model.predict_proba(X)
    assert_array_equal(predicted, model.model.predict_quantiles(X, levels))
    assert (np.diff(predicted, axis=1) >= 0).all()


def test_no_time_at_all_leaves_a_model(wrapper):
    model = wrapper("regression", random_state=0).fit(X=X, y=Y, time_limit=0)
    assert model.model.n_iter_ == 1
    assert np.isfinite(model.predict_proba(X)).all()
