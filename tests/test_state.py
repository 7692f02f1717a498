"""What a warm start compares, what copies of a network share, and what is stored."""

import pickle
from functools import partial

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.preprocessing import FunctionTransformer
from torch import nn

from sklearn_genre import (
    DecodingRegressor,
    PointwiseRegressor,
    RAFTRegressor,
    RiemannRegressor,
)
from sklearn_genre.decoders import MLPDecoder
from sklearn_genre.encoders import MLPEncoder
from sklearn_genre.networks import DigitHead
from sklearn_genre.training._averaging import trained_state, working_copy

cloudpickle = pytest.importorskip("cloudpickle")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 2))
Y = X[:, 0] + 0.1 * RNG.normal(size=60)
ENCODER = partial(MLPEncoder, hidden_layer_sizes=(8,))
MODELS = {
    "digits": DecodingRegressor(pretraining_epochs=2, fine_tuning=None),
    "raft": RAFTRegressor(pretraining_epochs=2, fine_tuning_epochs=1),
    "pointwise": PointwiseRegressor(max_epochs=2),
    "digit_head": PointwiseRegressor(head=DigitHead("mlp"), max_epochs=2),
    "riemann": RiemannRegressor(16, max_epochs=2),
}
every_model = pytest.mark.parametrize("name", MODELS)


def make(name="digits", **options):
    """Return an unfitted model with a small encoder."""
    return clone(MODELS[name]).set_params(
        **({"encoder": ENCODER, "random_state": 0} | options)
    )


# What a warm start compares ----------------------------------------------------


def a_lambda():
    return lambda columns: MLPEncoder(columns, hidden_layer_sizes=(8,))


def a_function():
    def encoder(columns):
        return MLPEncoder(columns, hidden_layer_sizes=(8,))

    return encoder


def a_class():
    class Encoder(MLPEncoder):
        def __init__(self, columns):
            super().__init__(columns, hidden_layer_sizes=(8,))

    return Encoder


def a_partial():
    return partial(a_function())


def a_transformer():
    return FunctionTransformer(lambda y: 2 * y, lambda t: t / 2)


def a_class_of_transformers():
    class Doubled:
        def fit(self, y):
            return self

        def transform(self, y):
            return 2 * y

        def inverse_transform(self, t):
            return t / 2

        def get_params(self, deep=False):
            return {}

    return Doubled()


FACTORIES = {
    "lambda": ("encoder", a_lambda),
    "function": ("encoder", a_function),
    "class": ("encoder", a_class),
    "partial": ("encoder", a_partial),
    "transformer": ("target_transform", a_transformer),
    "class_of_transformers": ("target_transform", a_class_of_transformers),
}


@pytest.mark.parametrize("kind", FACTORIES)
def test_a_warm_start_refuses_what_it_cannot_compare(kind):
    name, factory = FACTORIES[kind]
    model = make(warm_start=True, **{name: factory()}).fit(X, Y)
    copy = cloudpickle.loads(cloudpickle.dumps(model))
    for same in (model, copy):
        n_epochs = same.n_iter_
        same.fit(X, Y)
        assert same.n_iter_ == 2 * n_epochs
        with pytest.raises(ValueError, match=rf"warm_start=True.*{name}"):
            same.set_params(**{name: factory()}).fit(X, Y)
        assert same.n_iter_ == 2 * n_epochs
    assert_array_equal(copy.predict(X), model.predict(X))


def test_a_warm_start_accepts_equal_parameters():
    model = make(target_transform=FunctionTransformer(np.cbrt, np.square))
    model.set_params(target_transform=FunctionTransformer(), warm_start=True).fit(X, Y)
    equal = {
        "encoder": partial(MLPEncoder, hidden_layer_sizes=[8]),
        "target_transform": FunctionTransformer(),
    }
    assert model.set_params(**equal).fit(X, Y).n_iter_ == 4
    wider = partial(MLPEncoder, hidden_layer_sizes=(9,))
    with pytest.raises(ValueError, match="encoder"):
        model.set_params(encoder=wider).fit(X, Y)


# What copies share ----------------------------------------------------------


class Frozen(MLPEncoder):
    """Holds weights that are not trained."""

    def __init__(self, columns):
        super().__init__(columns, hidden_layer_sizes=(8,))
        self.layers[0].requires_grad_(False)
        self.register_buffer("n_calls", torch.zeros((), dtype=torch.int64))

    def forward(self, columns):
        self.n_calls += self.training
        return super().forward(columns)


@every_model
def test_copies_share_what_is_frozen_and_nothing_else(name):
    network = make(name, encoder=Frozen).fit(X, Y).network_
    copied = dict(working_copy(network).named_parameters())
    state = trained_state(network)
    n_frozen = 0
    for key, parameter in network.named_parameters():
        assert (copied[key] is parameter) is not parameter.requires_grad
        assert (key in state) is parameter.requires_grad
        n_frozen += not parameter.requires_grad
    assert n_frozen == 2
    assert {key for key, _ in network.named_buffers()} >= {
        key for key in state if key not in copied
    }
    assert any(key.endswith("n_calls") for key in state)


@pytest.mark.parametrize("ema_decay", [0.0, 0.99])
def test_what_is_frozen_stays_and_is_stored(ema_decay):
    start = make(encoder=Frozen, learning_rate=1e-12, ema_decay=ema_decay).fit(X, Y)
    model = make(encoder=Frozen, learning_rate=1e-1, ema_decay=ema_decay).fit(X, Y)
    loaded = pickle.loads(pickle.dumps(model))
    layers = [m.network_.encoder.layers[0][0].weight for m in (start, model, loaded)]
    assert torch.equal(layers[0], layers[1])
    assert torch.equal(layers[1], layers[2])
    assert_array_equal(loaded.predict(X), model.predict(X))


# What is stored -------------------------------------------------------------


class Half(nn.Linear):
    """A layer in bfloat16, whatever the network is moved to."""

    def _apply(self, fn, recurse=True):
        return super()._apply(lambda tensor: fn(tensor).bfloat16(), recurse)

    def forward(self, x):
        return super().forward(x.bfloat16()).to(x)


class WithHalf(MLPEncoder):
    """An encoder that ends in a layer of bfloat16."""

    def __init__(self, columns, *, is_trained=True):
        super().__init__(columns, hidden_layer_sizes=(8,))
        self.last = Half(8, 8).requires_grad_(is_trained)

    def forward(self, columns):
        return self.last(super().forward(columns))


@pytest.mark.parametrize("is_trained", [True, False])
@every_model
def test_layers_of_bfloat16_come_back(name, is_trained):
    model = make(name, encoder=partial(WithHalf, is_trained=is_trained)).fit(X, Y)
    loaded = pickle.loads(pickle.dumps(model))
    states = [m.network_.state_dict() for m in (model, loaded)]
    assert torch.bfloat16 in {value.dtype for value in states[0].values()}
    for before, after in zip(*(state.values() for state in states), strict=True):
        assert before.dtype == after.dtype
        assert torch.equal(before, after)
    assert_array_equal(loaded.predict(X), model.predict(X))


@every_model
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_file_is_hardly_larger_than_the_weights(name, dtype):
    wide = partial(MLPEncoder, hidden_layer_sizes=(256, 256))
    options = {"decoder": partial(MLPDecoder, hidden_size=64)}
    model = make(name, encoder=wide, dtype=dtype)
    if "decoder" in model.get_params():
        model.set_params(**options)
    state = model.fit(X, Y).network_.state_dict().values()
    n_bytes = sum(value.numel() * value.element_size() for value in state)
    assert len(pickle.dumps(model)) < 1.2 * n_bytes
