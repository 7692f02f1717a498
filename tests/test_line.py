"""Predictions of the anchored decoder on the whole line."""

import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.integrate import quad
from sklearn.datasets import make_regression
from small_models import X, Y

from sklearn_genre import DecodingRegressor
from sklearn_genre.decoders import AnchoredDecoder, line_of
from sklearn_genre.encoders import MLPEncoder
from sklearn_genre.outputs import TokenDistribution, leaves_of
from sklearn_genre.tokenizers import NormalizedTokenizer

CPU = torch.device("cpu")
OUTSIDE = 5.0  # of a range from -1 to 1
NOISY = Y + np.random.default_rng(0).normal(size=len(Y))


def members(columns):
    """Return a small encoder."""
    return MLPEncoder(columns, hidden_layer_sizes=(16,))


def fit(y=NOISY, **options):
    """Return a small model with the anchored decoder."""
    options = {"pretraining_epochs": 4, "fine_tuning": None, **options}
    return DecodingRegressor(encoder=members, random_state=0, **options).fit(X, y)


def output(n_parts, temperature=1.0):
    """Return distributions of random contexts, and their mixtures."""
    torch.manual_seed(0)
    tokenizer = NormalizedTokenizer(base=2, length=4).fit([-1.0, 1.0])
    decoder = AnchoredDecoder(8, tokenizer).double()
    mixture = decoder.read(torch.randn(6, 8, dtype=torch.float64))
    leaves = leaves_of(tokenizer, CPU, 100)
    line = line_of(leaves.values, n_parts)
    return TokenDistribution(
        decoder, mixture, 6, CPU, tokenizer, leaves, temperature, line=line
    )


@pytest.mark.parametrize("n_parts", [1, 2, 5])
@torch.no_grad()
def test_masses_are_those_of_the_mixture(n_parts):
    dist = output(n_parts)
    reading = dist.reading()
    cumulative = dist.decoder._cumulative(dist.context, reading.edges[1:-1])
    assert_allclose(reading.probs.cumsum(-1)[:, :-1], cumulative, atol=1e-8)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
@torch.no_grad()
def test_the_bins_of_a_number_have_its_probability(temperature):
    dist = output(3, temperature)
    reading, support = dist.reading(), dist.support()
    whole = torch.zeros_like(support.probs).index_add(1, dist.line.leaf, reading.probs)
    assert_allclose(whole, support.probs, atol=1e-8)
    middle = reading.values[dist.line.n_tail + 1 : -dist.line.n_tail : 3]
    assert_allclose(middle, support.values, atol=1e-12)


def test_no_finite_target_is_impossible():
    dist = fit().predict_distribution(X[:5])
    far = np.array([[-1e12, -1e3, -20.0, 20.0, 1e3, 1e12]])
    log_density = dist.logpdf(far)
    assert np.isfinite(log_density).all()
    assert (np.diff(log_density[:, :3]) > 0).all()
    assert (np.diff(log_density[:, 3:]) < 0).all()


def test_the_score_of_a_far_target_is_the_integral_of_its_definition():
    dist = fit().predict_distribution(X[:1])
    y = NOISY.max() + 1.0

    def squared(t):
        return (dist.cdf(t)[0] - (t >= y)) ** 2

    points = [*dist.edges[np.abs(dist.edges) < 60], y]
    expected = sum(
        quad(squared, low, high)[0]
        for low, high in zip(np.sort(points)[:-1], np.sort(points)[1:], strict=True)
    )
    assert_allclose(dist.crps([y]), expected, rtol=1e-5)


def test_quantiles_go_beyond_the_training_range_and_come_back():
    dist = fit().predict_distribution(X[np.argsort(NOISY)[-5:]])
    levels = np.array([[1e-4, 0.01, 0.5, 0.99, 0.9999]])
    ends = dist.ppf(levels)
    assert (ends[:, -1] > NOISY.max()).all()
    assert_allclose(dist.cdf(ends), np.broadcast_to(levels, ends.shape), atol=1e-9)
    assert_allclose(dist.isf(1 - levels), ends, rtol=1e-6)


def test_draws_follow_the_tails():
    dist = fit().predict_distribution(X[:1])
    draws = dist.sample(20_000, random_state=0)[0]
    level = dist.cdf(dist.ppf(0.995))[0]
    share = (draws > dist.ppf(level)[0]).mean()
    assert abs(share - 0.005) < 4 * np.sqrt(0.005 / 20_000)


def test_numbers_are_divided_where_there_is_little_noise():
    rows, exact = make_regression(300, 4, n_informative=1, random_state=0)
    model = DecodingRegressor(
        encoder=members, learning_rate=0.02, pretraining_epochs=60, random_state=0
    ).fit(rows, exact)
    assert model.network_.decoder.n_parts > 1
    assert fit().network_.decoder.n_parts == 1
    loaded = pickle.loads(pickle.dumps(model))
    assert_allclose(loaded.predict(rows[:9]), model.predict(rows[:9]))
    assert loaded.predict_distribution(rows[:2]).pmf().shape[1] > 256


def test_a_range_of_targets_ends_the_tails():
    model = fit(np.exp(NOISY / 4), target_range=(0, None))
    dist = model.predict_distribution(X[:9])
    assert (dist.ppf(1e-9) >= 0).all()
    assert_allclose(dist.cdf(-1e-9), 0)
