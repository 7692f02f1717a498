"""Streams: a pass for each call, on the scales of the first."""

import pickle
from functools import partial

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from sklearn_genre import (
    DecodingRegressor,
    PointwiseRegressor,
    RAFTRegressor,
    RiemannRegressor,
)
from sklearn_genre.encoders import MLPEncoder
from sklearn_genre.losses import RAFT
from sklearn_genre.networks import DigitHead

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 2))
Y = X[:, 0] + 0.2 * RNG.normal(size=400)
PARTS = [slice(start, start + 100) for start in range(0, 400, 100)]
MODELS = {
    "decoding": DecodingRegressor,
    "raft": RAFTRegressor,
    "pointwise": PointwiseRegressor,
    "head": partial(PointwiseRegressor, head=DigitHead("mlp", pretraining_epochs=3)),
    "riemann": partial(RiemannRegressor, n_bins=32),
}
pytestmark = pytest.mark.filterwarnings("ignore:The range of the first fit")
each_model = pytest.mark.parametrize("name", MODELS)


def small(name, **options):
    """Return a regressor of a small network, in batches of 25."""
    encoder = partial(MLPEncoder, hidden_layer_sizes=(16,))
    options = {"learning_rate": 1e-2, **options}
    return MODELS[name](encoder=encoder, batch_size=25, random_state=0, **options)


def error(model):
    """Return the root mean squared error."""
    return np.mean((model.predict(X) - Y) ** 2) ** 0.5


def weights(model):
    """Return all weights as one array."""
    state = model.network_.state_dict().values()
    return np.concatenate([value.double().numpy().ravel() for value in state])


@each_model
def test_a_stream_is_learned_on_the_scales_of_the_first_call(name):
    model = small(name)
    model.partial_fit(X[PARTS[0]], Y[PARTS[0]])
    scaler, encoder, first = model.target_scaler_, model.feature_encoder_, error(model)
    for _ in range(5):
        for part in PARTS[1:]:
            model.partial_fit(X[part], Y[part])
    assert model.target_scaler_ is scaler
    assert model.feature_encoder_ is encoder
    assert error(model) < min(0.8, first)
    assert model.n_iter_ == len(model.history_) == 16


@each_model
def test_a_stream_goes_on_from_fit(name):
    epochs = {
        key: 3 for key in MODELS[name]().get_params(False) if key.endswith("epochs")
    }
    model = small(name, **epochs).fit(X, Y)
    scaler, before = model.target_scaler_, weights(model)
    model.partial_fit(X[:50] + 1, Y[:50] + 1)
    assert model.target_scaler_ is scaler
    assert not np.array_equal(weights(model), before)
    model.set_params(warm_start=True).fit(X, Y)  # and fit from a stream
    assert np.isfinite(model.predict(X)).all()


def test_a_pickled_stream_goes_on_with_the_same_bits():
    model = small("decoding").partial_fit(X[PARTS[0]], Y[PARTS[0]])
    copied = pickle.loads(pickle.dumps(model))
    for part in PARTS[1:]:
        model.partial_fit(X[part], Y[part])
        copied.partial_fit(X[part], Y[part])
    assert_array_equal(weights(model), weights(copied))


@pytest.mark.parametrize(
    "bad", [(X[:9], Y[:8]), (X[:9, :1], Y[:9]), (X[:9], np.full(9, np.nan))]
)
def test_a_call_that_fails_leaves_the_model_as_it_was(bad):
    model = small("decoding").partial_fit(X, Y)
    before = pickle.dumps(model)
    with pytest.raises(ValueError):
        model.partial_fit(*bad)
    assert pickle.dumps(model) == before


def test_a_first_call_that_fails_leaves_nothing():
    model = small("decoding")
    before = {**vars(model)}
    with pytest.raises(ValueError):
        model.partial_fit(X[:9], Y[:8])
    assert vars(model) == before


def test_a_loss_that_is_not_finite_leaves_the_model_as_it_was():
    model = small("decoding").partial_fit(X, Y)
    before = weights(model)
    model.set_params(learning_rate=1e30)
    with pytest.raises(ValueError, match="as it was"):
        model.partial_fit(X, Y)
    assert_array_equal(weights(model), before)


def test_levels_and_numbers_that_the_first_call_lacks_are_read():
    frame = pd.DataFrame({"a": X[:, 0], "b": np.where(X[:, 1] > 0, "x", "y")})
    model = small("decoding").partial_fit(frame[:100], Y[:100])
    later = frame[100:].assign(b="z")
    with pytest.warns(UserWarning):
        model.partial_fit(later, 10 * Y[100:])
    assert np.isfinite(model.predict(later)).all()


def test_parameters_of_the_network_cannot_change_in_a_stream():
    model = small("decoding").partial_fit(X, Y)
    model.set_params(target_transform="quantile")
    with pytest.raises(ValueError, match="target_transform"):
        model.partial_fit(X, Y)


def stream(model, *changes):
    """Return the predictions after a part for each change of the parameters."""
    for part, change in zip(PARTS, changes, strict=False):
        model.set_params(**change).partial_fit(X[part], Y[part])
    return model.predict(X)


@pytest.mark.parametrize("decays", [(0.0, 0.9), (0.9, 0.0)])
def test_the_average_may_begin_and_end_in_a_stream(decays):
    changes = [{"ema_decay": decay} for decay in decays]
    both = stream(small("pointwise"), *changes)
    assert np.isfinite(both).all()
    assert (both != stream(small("pointwise"), changes[0], changes[0])).any()


def test_a_stream_takes_another_weight_decay():
    kept = stream(small("pointwise", weight_decay=0.0), {}, {})
    changed = stream(small("pointwise", weight_decay=0.0), {}, {"weight_decay": 50.0})
    assert np.abs(changed).mean() < np.abs(kept).mean()


def test_a_stream_goes_on_by_the_rule_of_a_fit_without_fine_tuning():
    model = small("raft", fine_tuning=RAFT("quantiles"), fine_tuning_epochs=0)
    model.set_params(pretraining_epochs=1).fit(X, Y)
    grid = model.grid_
    assert_array_equal(model.partial_fit(X, Y).grid_, grid)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pretraining": "foo"}, "pretraining"),
        ({"pretraining": None}, "pretraining"),
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": 2.5}, "batch_size"),
        ({"learning_rate": "a"}, "learning_rate"),
        ({"ema_decay": 2.0}, "ema_decay"),
        ({"temperature": -1}, "temperature"),
    ],
)
def test_each_call_checks_the_parameters(options, message):
    model = small("decoding").partial_fit(X, Y)
    with pytest.raises(ValueError, match=f"'{message}' parameter"):
        model.set_params(**options).partial_fit(X, Y)


def test_a_stream_takes_the_temperature():
    model = small("decoding", temperature=2.0).partial_fit(X, Y)
    assert model.temperature_ == 2
    assert model.set_params(temperature=3.0).partial_fit(X, Y).temperature_ == 3
    with pytest.raises(ValueError, match="partial_fit has none"):
        small("decoding", temperature="validation").partial_fit(X, Y)
