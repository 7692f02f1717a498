"""A limit on the time of a fit: stages share it, and each keeps its best state."""

import time
import warnings
from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sklearn_genre import (
    DecodingRegressor,
    PointwiseRegressor,
    RAFTRegressor,
    RiemannRegressor,
)
from sklearn_genre.calibration import best_temperature
from sklearn_genre.encoders import MLPEncoder
from sklearn_genre.networks import DigitHead
from sklearn_genre.training._engine import Engine

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 2))
Y = X[:, 0] + 0.3 * RNG.normal(size=120)
N_BATCHES = 3
MODELS = {
    "decoding": partial(DecodingRegressor, pretraining_epochs=40),
    "raft": partial(RAFTRegressor, pretraining_epochs=40),
    "pointwise": partial(PointwiseRegressor, max_epochs=40),
    "head": partial(
        PointwiseRegressor, head=DigitHead(pretraining_epochs=40), max_epochs=40
    ),
    "riemann": partial(RiemannRegressor, n_bins=8, max_epochs=40),
}
each_model = pytest.mark.parametrize("name", MODELS)


def small(name, **options):
    """Return a regressor of three batches an epoch."""
    encoder = partial(MLPEncoder, hidden_layer_sizes=(8,))
    shared = {"encoder": encoder, "batch_size": 40, "random_state": 0}
    return MODELS[name](**shared, **options)


@pytest.fixture
def n_steps(monkeypatch):
    """Let a second pass in each step and at no other time; count the steps."""
    steps = []
    update = Engine._update

    def counted(self, loss):
        loss = update(self, loss)
        steps.append(self.stage.name)
        return loss

    monkeypatch.setattr(Engine, "_update", counted)
    monkeypatch.setattr(time, "perf_counter", lambda: float(len(steps)))
    return steps


@each_model
@pytest.mark.parametrize("early_stopping", [True, False])
def test_all_stages_together_keep_to_the_limit(name, early_stopping, n_steps):
    model = small(name, max_fit_seconds=20, early_stopping=early_stopping).fit(X, Y)
    assert len(n_steps) == 20
    stages = dict.fromkeys(row["stage"] for row in model.history_)
    assert len(stages) == len(model._stages())
    for stage in stages:
        rows = [row for row in model.history_ if row["stage"] == stage]
        epochs = [row["epoch"] for row in rows]
        assert epochs == list(range(epochs[0], epochs[0] + len(rows)))
        assert np.isfinite([row["train_loss"] for row in rows if row["epoch"]]).all()
        assert max(epochs) == -(-n_steps.count(stage) // N_BATCHES)
        (kept,) = [row for row in rows if row["selected"]]
        if early_stopping:
            score = "validation_rmse" if name == "raft" else "validation_crps"
            assert kept[score] == min(row[score] for row in rows)
    assert model.n_iter_ == sum(row["epoch"] > 0 for row in model.history_)
    assert np.isfinite(model.predict(X)).all()


def test_stages_share_the_time_by_their_epochs(n_steps):
    small("decoding", fine_tuning_epochs=10, max_fit_seconds=50).fit(X, Y)
    assert n_steps.count("pretraining") == 40
    assert n_steps.count("fine_tuning") == 10


@each_model
def test_the_shortest_limit_leaves_a_model_without_a_word(name):
    model = small(name, max_fit_seconds=1e-9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, Y)
    assert [row["epoch"] for row in model.history_] == [1] * len(model.history_)
    stages = {row["stage"] for row in model.history_}
    assert stages == ({"pretraining", "training"} if name == "head" else stages)
    assert np.isfinite(model.predict(X)).all()
    assert model.predict_interval(X).shape == (120, 2)


@each_model
def test_a_limit_that_is_not_reached_changes_nothing(name):
    epochs = {key: 2 for key in small(name).get_params() if key.endswith("epochs")}
    epochs.pop("head__pretraining_epochs", None)
    expected = small(name, **epochs).fit(X, Y).predict(X)
    limited = small(name, max_fit_seconds=1e6).set_params(**epochs)
    assert_array_equal(limited.fit(X, Y).predict(X), expected)


def test_a_limit_holds_for_each_warm_start(n_steps):
    model = small("riemann", max_fit_seconds=5, warm_start=True)
    for n_fits in (1, 2, 3):
        assert len(model.fit(X, Y).history_) > 0
        assert len(n_steps) == 5 * n_fits


def test_a_temperature_is_searched_within_the_limit(monkeypatch):
    tried = []

    def score(temperature):
        tried.append(temperature)
        return abs(temperature - 8)

    monkeypatch.setattr(time, "perf_counter", lambda: float(len(tried)))
    assert best_temperature(score, deadline=0) == 1
    assert tried == [1]
    assert best_temperature(score, deadline=5) in tried
    assert len(tried) == 5


@pytest.mark.parametrize("limit", [0, -1.0, np.nan, np.inf, "10", True])
def test_other_limits_are_refused(limit):
    with pytest.raises(ValueError, match="max_fit_seconds"):
        small("riemann", max_fit_seconds=limit).fit(X, Y)
