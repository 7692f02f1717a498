"""What DecodingRegressor predicts: consistent, reproducible, and learned."""

import random
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from small_models import NUMBERS, RNG, X, Y, small, weights_of

from sklearn_genre import DecodingRegressor, PredictiveDistribution
from sklearn_genre.decoders import DECODERS
from sklearn_genre.encoders import ENCODERS, MLPEncoder
from sklearn_genre.networks import N_AT_ONCE
from sklearn_genre.networks._predictor import BLOCK_SIZE
from sklearn_genre.policy_gradients import POLICY_GRADIENTS, ReMax
from sklearn_genre.tokenizers import TOKENIZERS, IEEETokenizer, NormalizedTokenizer

FORMATS = {
    **{name: tokenizer() for name, tokenizer in TOKENIZERS.items()},
    "as_many_numbers_as_samples_in_a_block": NormalizedTokenizer(
        2, int(np.log2(BLOCK_SIZE))
    ),
    "large": NormalizedTokenizer(10, 5),
    "large_ieee": IEEETokenizer(10, 2, 6),
}
FEW = X[: BLOCK_SIZE + 9]  # more than a block
every_format = pytest.mark.parametrize("name", FORMATS)


@pytest.fixture(scope="module")
def fitted():
    """A fitted regressor that no test may change."""
    return small(pretraining_epochs=20).fit(X, Y)


@cache
def fitted_with(name):
    """Return a fitted regressor of a number format, which no test may change."""
    return small(tokenizer=FORMATS[name]).fit(X[:100], Y[:100])


# Consistency ------------------------------------------------------------------


@every_format
def test_predictions_are_those_of_the_distribution(name):
    model = fitted_with(name)
    dist = model.predict_distribution(FEW)
    assert isinstance(dist, PredictiveDistribution)
    assert_allclose(dist.pmf().sum(1), 1)
    for output in NUMBERS:
        prediction = model.predict(FEW, output_type=output)
        assert prediction.shape == (len(FEW),)
        assert prediction.dtype == np.float64
        assert np.isfinite(prediction).all()
        if output != "greedy":
            assert_allclose(prediction, getattr(dist, output)(), rtol=1e-12)
    levels = [0.7, 0.2]  # in the order asked
    quantiles = model.predict_quantiles(FEW, levels)
    assert_allclose(quantiles, dist.ppf([levels]), rtol=1e-12)
    assert_allclose(model.predict_interval(FEW, 0.8), dist.interval(0.8), rtol=1e-12)
    assert_array_equal(
        model.predict(FEW, output_type="quantiles", quantiles=levels), quantiles
    )
    assert len(model.predict(FEW[:7], output_type="distribution")) == 7


def test_quantiles_have_default_levels(fitted):
    expected = fitted.predict_quantiles(X, [0.05, 0.25, 0.5, 0.75, 0.95])
    assert_array_equal(fitted.predict_quantiles(X), expected)
    assert_array_equal(fitted.predict(X, output_type="quantiles"), expected)
    assert_array_equal(fitted.predict_quantiles(X, 0.5)[:, 0], expected[:, 2])


@every_format
def test_quantiles_never_cross(name):
    levels = np.concatenate([[1e-9], np.linspace(0.001, 0.999, 999), [1 - 1e-9]])
    quantiles = fitted_with(name).predict_quantiles(FEW, levels)
    assert np.isfinite(quantiles).all()
    assert (np.diff(quantiles, axis=1) >= 0).all()


def test_greedy_takes_the_likeliest_first_digit(fitted):
    """With one digit greedy is the mode; with more it stays among the numbers."""
    one_digit = small(tokenizer=NormalizedTokenizer(10, 1)).fit(X, Y)
    assert_allclose(
        one_digit.predict(X, output_type="greedy"),
        one_digit.predict(X, output_type="mode"),
    )
    support = fitted.predict_distribution(X).support
    greedy = fitted.predict(X, output_type="greedy")
    distance = np.abs(greedy[:, None] - support).min(1)
    assert_allclose(distance, 0, atol=1e-9)
    middle = (support[127] + support[128]) / 2  # numbers below start with a zero
    upper_half = fitted.predict_distribution(X).pmf()[:, 128:].sum(1) > 0.5
    assert_array_equal(greedy > middle, upper_half)


def test_samples_follow_the_distribution(fitted):
    samples = fitted.sample_y(X[:20], 4000, random_state=1)
    dist = fitted.predict_distribution(X[:20])
    error = dist.std() / np.sqrt(4000)
    assert (np.abs(samples.mean(1) - dist.mean()) < 5 * error).all()
    share = (samples <= dist.median()[:, None]).mean(1)
    assert_allclose(share, 0.5, atol=0.05)


def test_samples_are_reproducible(fitted, monkeypatch):
    assert_array_equal(fitted.sample_y(X, 2), fitted.sample_y(X, 2, random_state=0))
    assert (fitted.sample_y(X, 2) != fitted.sample_y(X, 2, random_state=1)).any()
    assert fitted.sample_y(X).shape == (300, 1)
    generator = np.random.RandomState(3)
    first = fitted.sample_y(X, 1, generator)
    assert (first != fitted.sample_y(X, 1, generator)).any()
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    many = np.tile(X, (12, 1))  # in several blocks
    drawn = fitted.predict_distribution(many).sample(2, 5)
    assert_array_equal(fitted.sample_y(many, 2, 5), drawn)


@pytest.mark.parametrize("method", ["predict", "predict_distribution", "sample_y"])
def test_nothing_is_predicted_before_fit(method):
    with pytest.raises(NotFittedError):
        getattr(small(), method)(X)
    assert not hasattr(small(), "network_")


# Determinism ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("networks", "fine_tuning"),
    [
        *[({}, name) for name in (None, *POLICY_GRADIENTS)],
        *[({"decoder": name}, ReMax(n_rollouts=2)) for name in DECODERS],
        ({"encoder": partial(MLPEncoder, dropout=0.2)}, "crps"),
        ({"encoder": "tabular", "decoder": "auto"}, "crps"),
    ],
)
def test_same_seed_same_bits(networks, fine_tuning):
    settings = {**networks, "fine_tuning": fine_tuning, "pretraining_epochs": 1}
    first = small(**settings).fit(X[:100], Y[:100])
    with torch.random.fork_rng([]):
        torch.manual_seed(123)  # the generator of the process has no say
        second = small(**settings).fit(X[:100], Y[:100])
    other = small(**settings, random_state=1).fit(X[:100], Y[:100])
    assert_array_equal(weights_of(first), weights_of(second))
    assert_array_equal(first.predict(X[:20]), second.predict(X[:20]))
    assert (weights_of(first) != weights_of(other)).any()


def state_of_generators():
    """Return the states of the generators of the process."""
    numpy_state = np.random.get_state()  # noqa: NPY002
    return (
        torch.get_rng_state().tolist(),
        [np.asarray(part).tolist() for part in numpy_state],
        random.getstate(),
    )


def test_global_generators_are_untouched():
    before = state_of_generators()
    model = small(target_transform="quantile", tokenizer="p10").fit(X[:60], Y[:60])
    assert state_of_generators() == before
    for output in (*NUMBERS, "quantiles", "distribution"):
        model.predict(FEW, output_type=output)
    model.sample_y(FEW, 2)
    model.predict_from_samples(FEW, 2)
    assert state_of_generators() == before


def test_fits_in_threads_have_the_same_bits_and_touch_no_generator():
    before = torch.get_rng_state()
    seeds = [0, 1, 0, 1]
    fits = Parallel(n_jobs=2, backend="threading")(
        delayed(small(random_state=seed).fit)(X, Y) for seed in seeds
    )
    assert torch.equal(torch.get_rng_state(), before)
    alone = [small(random_state=seed).fit(X, Y).predict(X) for seed in (0, 1)]
    for seed, model in zip(seeds, fits, strict=True):
        assert_array_equal(model.predict(X), alone[seed])


@every_format
def test_predictions_do_not_depend_on_the_batch(name):
    model = fitted_with(name)

    def answers(rows):
        dist = model.predict_distribution(rows)
        quantiles = dist.ppf([[0.01, 0.3, 0.99]])
        points = [dist.mean(), dist.mode(), model.predict(rows, output_type="greedy")]
        return np.column_stack([*points, quantiles])

    everything = answers(FEW)
    for n in (1, BLOCK_SIZE - 1, BLOCK_SIZE, BLOCK_SIZE + 1):
        assert_allclose(answers(FEW[-n:]), everything[-n:], rtol=1e-9, atol=1e-12)
    order = RNG.permutation(len(FEW))
    assert_allclose(answers(FEW[order]), everything[order], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["normalized", "large"])
def test_predictions_of_many_samples_are_those_of_few(name):
    model, rows = fitted_with(name), X[:50]
    times = N_AT_ONCE // 50 + 2
    many = np.tile(rows, (times, 1))  # more than exist at once
    expected = np.tile(model.predict(rows), times)
    assert_allclose(model.predict(many), expected, rtol=1e-9)
    assert_allclose(model.predict_distribution(many).mean(), expected, rtol=1e-9)
    assert len(model.predict(many, output_type="greedy")) == len(many)


# Learning -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoder", "decoder"),
    [("mlp", name) for name in DECODERS if name != "transformer"]
    + [(name, "auto") for name in ENCODERS if name not in ("mlp", "identity")]
    + [("identity", "mlp")],
)
def test_it_learns(encoder, decoder):
    model = DecodingRegressor(
        NormalizedTokenizer(4, 3),
        decoder=decoder,
        encoder=encoder,
        fine_tuning=ReMax(n_rollouts=4),
        pretraining_epochs=15,
        fine_tuning_epochs=1,
        learning_rate=5e-3,
        batch_size=32,
        random_state=0,
    ).fit(X[:200], Y[:200])
    assert model.score(X[200:], Y[200:]) > 0.8
    lower, upper = model.predict_interval(X[200:]).T
    assert 0.4 < ((lower <= Y[200:]) & (Y[200:] <= upper)).mean() < 1


@pytest.mark.parametrize("fine_tuning", [None, *POLICY_GRADIENTS, "crps"])
def test_a_handful_of_samples_is_fine(fine_tuning):
    for n, early_stopping in [(1, True), (2, True), (3, "auto")]:
        model = small(fine_tuning=fine_tuning, early_stopping=early_stopping)
        model.fit(X[:n], Y[:n])
        for output in (*NUMBERS, "quantiles"):
            assert np.isfinite(model.predict(X[:5], output_type=output)).all()


@pytest.mark.parametrize("length", [1, 2, 6, 11, 13])
def test_every_length_works(length):
    model = small(tokenizer=NormalizedTokenizer(2, length), pretraining_epochs=1)
    model.fit(X[:60], Y[:60])
    dist = model.predict_distribution(X)
    n_values = 2**length if 2**length <= 4096 else 256
    assert dist.pmf().shape == (300, n_values)
    assert_allclose(model.predict(X), dist.mean(), rtol=1e-12)


def test_threads_predict_what_one_predicts(fitted):
    many = np.random.default_rng(1).normal(size=(5000, X.shape[1]))
    before = torch.get_num_threads()
    one = fitted.predict_quantiles(many, [0.1, 0.9])
    try:
        torch.set_num_threads(3)
        assert_array_equal(fitted.predict_quantiles(many, [0.1, 0.9]), one)
        assert torch.get_num_threads() == 3
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(torch.get_num_threads).result() == 3
    finally:
        torch.set_num_threads(before)
