"""Fitted estimators that are stored, copied, and loaded elsewhere."""

import importlib
import pickle
import threading
from functools import partial

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from small_models import X, Y, assert_same_predictions, small, weights_of

from sklearn_genre import (
    DecodingRegressor,
    PointwiseRegressor,
    ProgressBar,
    RAFTRegressor,
    RiemannRegressor,
)
from sklearn_genre.decoders import DECODERS
from sklearn_genre.encoders import MLPEncoder
from sklearn_genre.export import trusted_types
from sklearn_genre.losses import RAFT
from sklearn_genre.networks import DigitHead
from sklearn_genre.policy_gradients import ReMax
from sklearn_genre.preprocessing import TableReader
from sklearn_genre.tokenizers import NormalizedTokenizer

MLP = partial(MLPEncoder, hidden_layer_sizes=(8,))
EPOCHS = {"pretraining_epochs": 1, "fine_tuning_epochs": 1}
SPECS = {
    "partial": {},
    "default": {"encoder": "tabular", "decoder": "auto", "fine_tuning": "crps"},
    "transformer": {"decoder": "transformer"},
    "quantile": {"target_transform": "quantile"},
    "ieee": {"tokenizer": "ieee"},
    "float64": {"dtype": "float64"},
    "raft": {"fine_tuning": RAFT(learnable=True)},
}


@pytest.mark.parametrize("spec", SPECS)
def test_round_trips_hold_no_torch_object(spec, tmp_path):
    skops_io = pytest.importorskip("skops.io")
    model = small(**{"pretraining_epochs": 1, **SPECS[spec]}).fit(X, Y)
    stored = pickle.dumps(model)
    assert b"torch" not in stored
    assert_same_predictions(model, pickle.loads(stored), X[:20])
    joblib.dump(model, tmp_path / "model.joblib")
    assert_same_predictions(model, joblib.load(tmp_path / "model.joblib"), X[:20])
    data = skops_io.dumps(model)
    loaded = skops_io.loads(data, trusted=trusted_types())
    assert_same_predictions(model, loaded, X[:20])


@pytest.mark.parametrize(
    "model",
    [
        RAFTRegressor(encoder="mlp", **EPOCHS),
        PointwiseRegressor(encoder="mlp", head=DigitHead("mlp"), max_epochs=1),
        RiemannRegressor(8, encoder="mlp", max_epochs=1),
        make_pipeline(StandardScaler(), DecodingRegressor(encoder=MLP, **EPOCHS)),
        DecodingRegressor(encoder=MLP, **EPOCHS).set_callbacks(ProgressBar()),
    ],
    ids=["raft", "pointwise", "riemann", "pipeline", "callback"],
)
def test_skops_loads_what_trusted_types_names(model):
    skops_io = pytest.importorskip("skops.io")
    model = model.fit(X[:60], Y[:60])
    loaded = skops_io.loads(skops_io.dumps(model), trusted=trusted_types())
    assert_array_equal(loaded.predict(X), model.predict(X))
    untrusted = skops_io.get_untrusted_types(data=skops_io.dumps(model))
    assert set(untrusted) <= set(trusted_types())


def test_skops_loads_a_pipeline_that_reads_frames():
    skops_io = pytest.importorskip("skops.io")
    frame = pd.DataFrame({"a": X[:60, 0], "b": ["u", "v", None] * 20, "c": [1, 0] * 30})
    reader = TableReader(kinds=("number", "category"))
    model = make_pipeline(reader, DecodingRegressor(encoder=MLP, **EPOCHS))
    model.fit(frame, Y[:60])
    loaded = skops_io.loads(skops_io.dumps(model), trusted=trusted_types())
    assert_array_equal(loaded.predict(frame), model.predict(frame))
    assert loaded[0].table_.equals(model[0].table_)


def test_trusted_types_are_there_and_not_those_of_torch():
    for name in trusted_types():
        module, _, attribute = name.rpartition(".")
        assert isinstance(getattr(importlib.import_module(module), attribute), type)
        assert not module.startswith(("torch", "sklearn."))


def test_a_callback_that_does_not_pickle_is_named_by_it(tmp_path):
    model = small().set_callbacks(Locked())
    with pytest.raises(TypeError, match="lock"):
        pickle.dumps(model)
    pickle.dumps(model.set_callbacks())


class Locked(ProgressBar):
    """A callback that holds what does not pickle."""

    def __init__(self):
        super().__init__()
        self.lock = threading.Lock()


def test_round_trip_with_categories_and_missing_values():
    frame = pd.DataFrame({"x": X[:, 0], "c": np.where(X[:, 1] > 0, "a", "b")})
    frame.loc[::9, "x"] = np.nan
    frame.loc[::7, "c"] = None
    model = small().fit(frame, Y)
    assert_same_predictions(model, pickle.loads(pickle.dumps(model)), frame)


def test_pickle_is_hardly_larger_than_the_weights():
    model = DecodingRegressor(pretraining_epochs=1, fine_tuning_epochs=1)
    model.fit(*load_diabetes(return_X_y=True))
    assert len(pickle.dumps(model)) <= 1.2 * weights_of(model).nbytes


@pytest.mark.parametrize(
    "later", [{"decoder": "transformer"}, {"dtype": "float64"}, {"encoder": "mlp"}]
)
def test_parameters_that_are_set_after_fit_do_not_break_the_pickle(later):
    model = small().fit(X, Y).set_params(**later)
    assert_same_predictions(model, pickle.loads(pickle.dumps(model)), X[:20])


def test_an_unfitted_estimator_round_trips():
    model = pickle.loads(pickle.dumps(small()))
    assert model.fit(X, Y).n_iter_ == 4


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_model_of_a_device_that_is_missing_loads_on_the_cpu():
    model = small().fit(X, Y)
    expected = model.predict(X)
    data = pickle.dumps(model.set_params(device="cuda"))
    with pytest.warns(UserWarning, match="loaded on the CPU"):
        loaded = pickle.loads(data)
    assert_array_equal(loaded.predict(X), expected)


def test_a_warm_start_continues_after_loading():
    model = small(warm_start=True).fit(X, Y)
    loaded = pickle.loads(pickle.dumps(model)).fit(X, Y)
    assert_array_equal(loaded.predict(X), model.fit(X, Y).predict(X))


def test_clone_keeps_parameters_and_nothing_else():
    model = small().fit(X, Y)
    copy = clone(model)
    assert repr(copy.get_params(deep=True)) == repr(model.get_params(deep=True))
    assert not [name for name in vars(copy) if name.endswith("_")]
    assert vars(copy).keys() == copy.get_params(deep=False).keys()


def test_parameters_of_the_given_objects_are_left_alone():
    tokenizer, objective = NormalizedTokenizer(3, 4), ReMax(n_rollouts=2)
    model = small(tokenizer=tokenizer, fine_tuning=objective).fit(X, Y)
    assert model.tokenizer is tokenizer
    assert model.tokenizer_ is not tokenizer
    assert not hasattr(tokenizer, "low_")
    assert model.tokenizer_.get_params() == tokenizer.get_params()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("decoder", DECODERS)
def test_a_model_from_a_gpu_predicts_alike_on_a_cpu(decoder):
    model = DecodingRegressor(
        decoder=decoder, pretraining_epochs=3, fine_tuning_epochs=1, device="cuda"
    ).fit(X, Y)
    on_gpu = model.predict(X)
    on_cpu = pickle.loads(pickle.dumps(model.set_params(device="cpu")))
    assert_allclose(on_cpu.predict(X), on_gpu, rtol=1e-3, atol=1e-3)
