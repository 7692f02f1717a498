"""Draws of a fit are its own: whatever the process and other threads do."""

import multiprocessing
import pickle
import random
import threading
from contextlib import contextmanager
from functools import cache, partial

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.base import clone
from torch import nn

from sklearn_genre import (
    DecodingRegressor,
    PointwiseRegressor,
    RAFTRegressor,
    RiemannRegressor,
)
from sklearn_genre.decoders import MLPDecoder, TransformerDecoder
from sklearn_genre.encoders import MLPEncoder, OneHot, TabularEncoder
from sklearn_genre.networks import DigitHead
from sklearn_genre.tokenizers import NormalizedTokenizer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 2))
Y = X[:, 0] + 0.1 * RNG.normal(size=80)
LONG = 60  # seconds after which a thread or a process hangs


class WithDropout(nn.Module):
    """An encoder of a user's, made of torch's own layers."""

    def __init__(self, columns):
        super().__init__()
        self.width = 8
        self.inputs = OneHot(columns)
        self.layers = nn.Sequential(
            nn.Linear(self.inputs.width, 8), nn.Dropout(0.2), nn.ReLU()
        )

    def forward(self, columns):
        return self.layers(self.inputs(columns))


class DrawsLate(WithDropout):
    """Draws in every other step alone, so not in the first of an epoch."""

    n_calls = 0

    def forward(self, columns):
        context = super().forward(columns)
        self.n_calls += self.training
        draws = self.training and self.n_calls % 2 == 0
        return context + 0.1 * torch.rand(8) if draws else context


class Waiting(MLPEncoder):
    """Waits in training until it may go on."""

    entered, may_go_on = threading.Event(), threading.Event()

    def __init__(self, columns):
        super().__init__(columns, hidden_layer_sizes=(8,), dropout=0.1)

    def forward(self, columns):
        if self.training:
            self.entered.set()
            assert self.may_go_on.wait(LONG)
        return super().forward(columns)


TABULAR = partial(TabularEncoder, hidden_layer_sizes=(8,), n_members=2, dropout=0.1)
MLP = partial(MLPEncoder, hidden_layer_sizes=(8,), dropout=0.1)
SHORT = NormalizedTokenizer(4, 3)
DIGITS = {"pretraining_epochs": 2, "fine_tuning_epochs": 1}
MODELS = {
    "digits": DecodingRegressor(SHORT, TABULAR, fine_tuning="remax", **DIGITS),
    "mlp": DecodingRegressor(
        "ieee", MLP, partial(MLPDecoder, hidden_size=8), "cross_entropy", "remax"
    ).set_params(**DIGITS),
    "transformer": DecodingRegressor(
        SHORT,
        MLP,
        partial(TransformerDecoder, hidden_size=8, n_heads=2, dropout=0.1),
        **DIGITS,
    ),
    "raft": RAFTRegressor(SHORT, TABULAR, **DIGITS),
    "pointwise": PointwiseRegressor(TABULAR, max_epochs=2),
    "digit_head": PointwiseRegressor(MLP, DigitHead("mlp", tokenizer=SHORT)).set_params(
        max_epochs=2
    ),
    "riemann": RiemannRegressor(16, encoder=TABULAR, max_epochs=2),
}
WITH_USERS = {
    **MODELS,
    "user": DecodingRegressor(SHORT, WithDropout, fine_tuning="remax", **DIGITS),
    "user_late": DecodingRegressor(
        SHORT, DrawsLate, fine_tuning=None, batch_size=20, **DIGITS
    ),
    "user_riemann": RiemannRegressor(16, encoder=WithDropout, max_epochs=2),
}
every_model = pytest.mark.parametrize("name", MODELS)
every_model_and_users = pytest.mark.parametrize("name", WITH_USERS)


def make(name):
    """Return an unfitted model with a seed."""
    return clone(WITH_USERS[name]).set_params(random_state=0)


@cache
def alone(name):
    """Return a model that was fitted in peace, which no test may change."""
    return make(name).fit(X, Y)


def outputs(model):
    """Return what a model predicts."""
    dist = model.predict_distribution(X)
    return [model.predict(X), dist.pmf(), dist.support, model.sample_y(X, 2)]


def assert_same(model, other):
    """Two models have the same weights and predictions, bit for bit."""
    states = [m.network_.state_dict() for m in (model, other)]
    for before, after in zip(*(state.values() for state in states), strict=True):
        assert torch.equal(before, after)
    for before, after in zip(outputs(model), outputs(other), strict=True):
        assert_array_equal(before, after)


@contextmanager
def fitting(model):
    """Leave a fit in another thread waiting in its first step."""
    Waiting.entered.clear()
    Waiting.may_go_on.clear()
    thread = threading.Thread(target=model.fit, args=(X, Y))
    thread.start()
    try:
        assert Waiting.entered.wait(LONG)
        yield
    finally:
        Waiting.may_go_on.set()
        thread.join(LONG)


# Generators of the caller ---------------------------------------------------


def numpy_state():
    """Return the state of NumPy's global generator."""
    return np.random.get_state()[1]  # noqa: NPY002


@every_model_and_users
def test_generators_of_the_caller_stay_as_they_are(name):
    states = torch.get_rng_state(), numpy_state(), random.getstate()
    model = make(name).fit(X, Y)
    pickle.loads(pickle.dumps(model)).predict(X)
    model.set_params(warm_start=True).fit(X, Y)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert_array_equal(numpy_state(), states[1])
    assert random.getstate() == states[2]


@every_model_and_users
def test_generators_of_the_caller_do_not_matter(name):
    with torch.random.fork_rng([]):
        torch.manual_seed(12345)
        model = make(name).fit(X, Y)
    assert_same(model, alone(name))


# Other threads --------------------------------------------------------------


@every_model_and_users
def test_a_thread_that_draws_and_a_fit_leave_each_other_alone(name):
    expected = alone(name)  # not while the other thread draws
    stop, drawn = threading.Event(), []

    def draw():
        while not stop.is_set():
            drawn.append(torch.rand(3))
            stop.wait(1e-4)

    with torch.random.fork_rng([]):
        torch.manual_seed(7)
        thread = threading.Thread(target=draw)
        thread.start()
        try:
            model = make(name).fit(X, Y)
        finally:
            stop.set()
            thread.join(LONG)
    generator = torch.Generator().manual_seed(7)
    assert len(drawn) > 1
    for numbers in drawn:
        assert torch.equal(numbers, torch.rand(3, generator=generator))
    assert_same(model, expected)


@pytest.mark.parametrize("pair", [("digits", "user"), ("mlp", "mlp")])
def test_fits_in_two_threads_are_those_of_one_after_the_other(pair):
    models = [make(name) for name in pair]
    barrier = threading.Barrier(2)

    def fit(model):
        barrier.wait(LONG)
        model.fit(X, Y)

    threads = [threading.Thread(target=fit, args=(model,)) for model in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    for model, name in zip(models, pair, strict=True):
        assert_same(model, alone(name))


def test_loading_does_not_wait_for_a_fit_in_another_thread():
    stored = pickle.dumps(alone("mlp"))
    loaded = []
    thread = threading.Thread(target=lambda: loaded.append(pickle.loads(stored)))
    busy = make("mlp").set_params(encoder=Waiting)
    with fitting(busy):
        thread.start()
        thread.join(LONG)
        assert len(loaded) == 1
    assert_same(loaded[0], alone("mlp"))
    assert hasattr(busy, "network_")


def _loads(stored, predictions):
    """Exit well if a model that is loaded here predicts what it should."""
    assert_array_equal(pickle.loads(stored).predict(X), predictions)


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="needs fork"
)
def test_a_fork_in_the_middle_of_a_fit_can_load():
    arguments = pickle.dumps(alone("mlp")), alone("mlp").predict(X)
    with fitting(make("mlp").set_params(encoder=Waiting)):
        child = multiprocessing.get_context("fork").Process(
            target=_loads, args=arguments
        )
        child.start()
        child.join(LONG)
        is_hanging = child.is_alive()
        if is_hanging:
            child.kill()
            child.join()
    assert not is_hanging
    assert child.exitcode == 0


# Defaults of the process ----------------------------------------------------


@contextmanager
def default_dtype():
    """Let new tensors be float64."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextmanager
def default_device():
    """Let new tensors have no data."""
    torch.set_default_device("meta")
    try:
        yield
    finally:
        torch.set_default_device(None)


DEFAULTS = {
    "dtype": default_dtype,
    "device": default_device,
    "autocast": partial(torch.autocast, "cpu", torch.bfloat16),
    "inference_mode": torch.inference_mode,
}


@pytest.mark.parametrize("default", DEFAULTS)
@every_model
def test_defaults_of_the_process_do_not_matter(name, default):
    expected = alone(name)
    with DEFAULTS[default]():
        model = make(name).fit(X, Y)
        inside = outputs(model)
        loaded = outputs(pickle.loads(pickle.dumps(model)))
    for values in (inside, loaded):
        for before, after in zip(values, outputs(expected), strict=True):
            assert_array_equal(before, after)
    assert_same(model, expected)


@pytest.mark.parametrize("default", ["device", "autocast", "inference_mode"])
def test_defaults_of_the_process_do_not_matter_to_modules_of_users(default):
    expected = alone("user")
    with DEFAULTS[default]():
        model = make("user").fit(X, Y)
    assert_same(model, expected)
