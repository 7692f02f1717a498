"""Inference rules on fitted models of digits: sampled numbers and scored grids."""

from functools import cache

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import FunctionTransformer
from small_models import DECODER, ENCODER

from sklearn_genre import DecodingRegressor, RAFTRegressor
from sklearn_genre.decoders import DECODERS
from sklearn_genre.estimators._digits import sample_levels
from sklearn_genre.losses import RAFT
from sklearn_genre.networks import N_AT_ONCE
from sklearn_genre.networks._predictor import N_TOGETHER, numbers_at
from sklearn_genre.tokenizers import (
    TOKENIZERS,
    IEEETokenizer,
    NormalizedTokenizer,
    P10Tokenizer,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
Y = 10 + 3 * X[:, 0] + RNG.normal(size=60)
LOW, HIGH = Y.min(), Y.max()
FEW = X[:6]
FIVE = np.linspace(LOW, HIGH, 5)
FORMATS = {  # small enough to list one by one; a new one: its defaults
    **{name: tokenizer() for name, tokenizer in TOKENIZERS.items()},
    "normalized": NormalizedTokenizer(3, 3),
    "ieee": IEEETokenizer(2, 1, 3),
    "p10": P10Tokenizer(1, 1),
}
every_format = pytest.mark.parametrize("name", FORMATS)


def fit(tokenizer, decoder=None, n_epochs=5, **parameters):
    """Return a quickly fitted model, in float64."""
    return DecodingRegressor(
        tokenizer,
        encoder=ENCODER,
        decoder=decoder or DECODER,
        fine_tuning=None,
        pretraining_epochs=n_epochs,
        dtype="float64",
        random_state=0,
        **parameters,
    ).fit(X, Y)


@cache
def fitted(name):
    """Return a fitted model of a format, which no test may change."""
    return fit(FORMATS[name])


def raft(objective, **parameters):
    """Return a fitted RAFTRegressor."""
    return RAFTRegressor(
        NormalizedTokenizer(3, 3),
        encoder=ENCODER,
        decoder=DECODER,
        fine_tuning=objective,
        pretraining_epochs=2,
        fine_tuning_epochs=2,
        dtype="float64",
        random_state=0,
        **parameters,
    ).fit(X, Y)


def sharpened(model):
    """Make every digit of a model certain, and return the model."""
    decoder = model.network_.decoder
    mask = decoder.mask
    decoder.mask = lambda logits, *position: mask(1e8 * logits, *position)
    return model


@torch.no_grad()
def output_of(model, rows):
    """Return the distributions of samples as the network gives them."""
    return model.network_(model._encode(rows))


@torch.no_grad()
def listed(model, rows):
    """Return the number of every sequence, scaled, and its mass for each sample."""
    tokenizer, dist = model.tokenizer_, output_of(model, rows)
    numbers = tokenizer.decode(tokenizer.grid())
    return numbers, dist.decoder.leaf_log_probs(dist.context).exp()


def brute_force(model, rows, grid, normalize):
    """Return expected numbers over a grid, whose masses are looked up in the list."""
    tokenizer = model.tokenizer_
    wanted = tokenizer.encode(model.target_scaler_.transform(grid))
    found = (tokenizer.grid() == wanted[:, None]).all(-1).int().argmax(1)
    masses = listed(model, rows)[1][:, found].numpy()
    if normalize:
        return masses @ grid / masses.sum(1)
    return masses @ grid + (1 - masses.sum(1)) * LOW


# Sampled numbers --------------------------------------------------------------


@every_format
def test_samples_of_a_certain_model_are_its_greedy_number(name):
    model = sharpened(fit(FORMATS[name], learning_rate=0.02, n_epochs=20))
    greedy = model.predict(X, output_type="greedy")
    assert len(np.unique(greedy)) > 1
    for n_samples, aggregate in ((1, "mean"), (2, "median"), (N_TOGETHER + 1, "mean")):
        drawn = model.predict_from_samples(X, n_samples, aggregate=aggregate)
        assert_allclose(drawn, greedy, rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "decoder"),
    [(name, None) for name in FORMATS] + [("normalized", name) for name in DECODERS],
)
def test_sequences_are_drawn_as_often_as_they_are_likely(name, decoder):
    model, n = fit(FORMATS[name], decoder), 4 * N_TOGETHER
    levels = torch.from_numpy(sample_levels(FEW, n, seed=0))
    with torch.no_grad():
        drawn = numbers_at(output_of(model, FEW), levels)
    numbers, masses = listed(model, FEW)
    numbers = numbers.clamp(*model.tokenizer_.clip_range)
    for y in numbers.unique():
        mass = masses[:, numbers == y].sum(1)
        often = (drawn == y).double().mean(1)
        assert ((often - mass).abs() < 5 * (mass / n).sqrt() + 1 / n).all()


@pytest.mark.parametrize("temperature", [1.0, 0.2])
@every_format
def test_the_mean_of_many_samples_is_the_mean(name, temperature):
    model, n = fit(FORMATS[name], temperature=temperature), 8 * N_TOGETHER
    error = model.predict_from_samples(FEW, n) - model.predict(FEW)
    spread = model.predict(FEW, output_type="std")
    assert (np.abs(error) < 4 * spread / np.sqrt(n)).all()
    assert (np.abs(error) > 0).all()


@every_format
def test_the_median_of_many_samples_is_the_median(name):
    model, n = fitted(name), 8 * N_TOGETHER
    median = model.predict_from_samples(FEW, n, aggregate="median")
    dist = model.predict_distribution(FEW)
    step = 1e-9 * (HIGH - LOW)
    slack = 4 * 0.5 / np.sqrt(n)
    below = (dist.pmf() * (dist.support < median[:, None] - step)).sum(1)
    above = (dist.pmf() * (dist.support > median[:, None] + step)).sum(1)
    assert (below < 0.5 + slack).all()
    assert (above < 0.5 + slack).all()


def test_the_median_is_numpys_and_resists_outliers():
    model = fitted("normalized")
    draws = [model.predict_from_samples(FEW, n) for n in (1, 2)]
    second = 2 * draws[1] - draws[0]
    median = model.predict_from_samples(FEW, 3, aggregate="median")
    third = 3 * model.predict_from_samples(FEW, 3) - draws[0] - second
    assert_allclose(median, np.median([draws[0], second, third], axis=0), rtol=1e-9)


def test_samples_of_a_large_format_are_near_its_mean():
    model = fit(NormalizedTokenizer(10, 6))
    error = model.predict_from_samples(FEW, 4 * N_TOGETHER) - model.predict(FEW)
    spread = model.predict(FEW, output_type="std")
    assert (np.abs(error) < 5 * spread / np.sqrt(4 * N_TOGETHER)).all()


def test_samples_are_clipped():
    tokenizer = IEEETokenizer(10, 1, 2)
    prediction = fit(tokenizer, learning_rate=1e-9).predict_from_samples(X, 1)
    margin = 0.1 * (HIGH - LOW)
    assert prediction.min() >= LOW - margin - 1e-9
    assert prediction.max() <= HIGH + margin + 1e-9
    assert np.isclose(prediction, HIGH + margin).any()  # most strings are far outside


def test_samples_are_averaged_in_the_units_of_the_target():
    model = fit(
        NormalizedTokenizer(2, 1), target_transform=FunctionTransformer(np.log, np.exp)
    )
    share = (model.predict_from_samples(FEW, 64) - LOW) / (HIGH - LOW) * 64
    assert_allclose(share, share.round(), atol=1e-9)  # a number of draws of the largest


def test_draws_depend_on_the_seed_and_the_sample_alone():
    model = fitted("normalized")
    drawn = model.predict_from_samples(X)
    assert_array_equal(model.predict_from_samples(X), drawn)
    order = RNG.permutation(len(X))
    assert_allclose(model.predict_from_samples(X[order]), drawn[order], rtol=1e-12)
    alone = np.concatenate([model.predict_from_samples(row[None]) for row in X[:5]])
    assert_allclose(alone, drawn[:5], rtol=1e-12)
    many = np.tile(X, (N_AT_ONCE // len(X) + 2, 1))
    assert_allclose(
        model.predict_from_samples(many), np.resize(drawn, len(many)), rtol=1e-12
    )


def test_zeros_of_either_sign_are_one_number():
    rows = np.array([[0.0, 1.0], [-0.0, 1.0]])
    assert_array_equal(*sample_levels(rows, 5, seed=0))


def test_random_state_as_elsewhere():
    def drawn(random_state):
        return fitted("normalized").predict_from_samples(X, random_state=random_state)

    assert_array_equal(drawn(0), fitted("normalized").predict_from_samples(X))
    assert (drawn(0) != drawn(1)).any()
    assert (drawn(None) != drawn(None)).any()
    state = np.random.RandomState(0)
    first = drawn(state)
    assert_array_equal(first, drawn(0))
    assert (first != drawn(state)).any()


def test_levels_of_samples_are_uniform_and_unrelated():
    rows = np.arange(200.0)[:, None] / 1e6
    levels = sample_levels(rows, 50, seed=0)
    assert levels.shape == (200, 50)
    assert 0 <= levels.min() and levels.max() < 1
    assert len(np.unique(levels)) == levels.size
    assert levels.mean() == pytest.approx(0.5, abs=5 / np.sqrt(12 * levels.size))
    neighbours = np.corrcoef(levels[1:].ravel(), levels[:-1].ravel())[0, 1]
    assert abs(neighbours) < 5 / np.sqrt(levels.size)
    assert (levels != sample_levels(rows, 50, seed=1)).all()
    assert_array_equal(sample_levels(rows, 60, seed=0)[:, :50], levels)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_samples": 0}, ValueError, "n_samples == 0, must be >= 1"),
        ({"n_samples": 2.5}, TypeError, "n_samples must be an instance of"),
        ({"aggregate": "mode"}, ValueError, r"\['mean', 'median'\], got 'mode'"),
        ({"aggregate": []}, ValueError, r"aggregate must be one of .* got \[\]"),
        ({"random_state": "x"}, ValueError, "random_state must be an integer.*'x'"),
    ],
)
def test_bad_options_of_samples(options, error, message):
    with pytest.raises(error, match=message):
        fitted("normalized").predict_from_samples(X, **options)


# Scored grids -----------------------------------------------------------------


@pytest.mark.parametrize("normalize", [False, True])
@every_format
def test_a_grid_is_the_sum_over_its_sequences(name, normalize):
    model = fitted(name)
    for grid in (FIVE[[0, 4]], FIVE[[3, 1]], FIVE):
        expected = brute_force(model, FEW, grid, normalize)
        prediction = model.predict_from_grid(FEW, grid, normalize=normalize)
        assert prediction.shape == (6,)
        assert_allclose(prediction, expected, rtol=1e-9)


@pytest.mark.parametrize(
    "options", [{}, {"target_transform": "quantile"}, {"temperature": 3.0}]
)
@pytest.mark.parametrize("normalize", [False, True])
def test_the_grid_of_all_numbers_gives_the_mean(normalize, options):
    model = fit(NormalizedTokenizer(7, 3), **options)
    grid = model.predict_distribution(X).support
    assert len(grid) > N_TOGETHER
    prediction = model.predict_from_grid(X, grid, normalize=normalize)
    assert_allclose(prediction, model.predict(X), rtol=1e-9)
    backwards = model.predict_from_grid(X, grid[::-1], normalize=normalize)
    assert_allclose(backwards, prediction, rtol=1e-9)


@pytest.mark.parametrize(
    "transform", ["standard", "quantile", FunctionTransformer(np.negative, np.negative)]
)
@pytest.mark.parametrize("normalize", [False, True])
def test_the_grid_of_a_raft_model_gives_its_prediction(normalize, transform):
    model = raft(RAFT(FIVE, normalize=normalize), target_transform=transform)
    prediction = model.predict_from_grid(X, FIVE, normalize=normalize)
    assert_array_equal(prediction, model.predict(X))
    tree = raft(RAFT(), target_transform=transform)
    every = tree.predict_from_grid(X, tree.grid_, normalize=normalize)
    assert_allclose(every, tree.predict(X), rtol=1e-9)


def test_a_raft_model_takes_another_grid():
    model = raft(RAFT(FIVE, values=FIVE[::-1]))
    grid = FIVE[[0, 2, 4]]
    expected = brute_force(model, FEW, grid, normalize=False)
    assert_allclose(model.predict_from_grid(FEW, grid), expected, rtol=1e-9)


@every_format
def test_the_largest_number_alone_spans_the_range(name):
    model = fitted(name)
    prediction = model.predict_from_grid(X, [HIGH])
    assert ((prediction > LOW) & (prediction < HIGH)).all()
    assert len(np.unique(prediction)) > 1
    with pytest.raises(
        ValueError, match=r"predicts .* for every sample.*Do not normal"
    ):
        model.predict_from_grid(X, [HIGH], normalize=True)


def test_the_smallest_number_alone_is_the_prediction():
    assert_allclose(fitted("normalized").predict_from_grid(X, [LOW]), LOW)


def test_masses_that_vanish_still_have_a_mean():
    model = sharpened(fit(NormalizedTokenizer(3, 3)))
    greedy = model.predict(FEW, output_type="greedy")
    grid = np.setdiff1d(np.round(model.predict_distribution(X[:1]).support, 9), greedy)
    grid = grid[[np.abs(greedy - y).min() > 1e-6 for y in grid]][1:-1]
    assert_allclose(model.predict_from_grid(FEW, grid), LOW, rtol=1e-9)
    mean = model.predict_from_grid(FEW, grid, normalize=True)
    assert ((mean >= grid[0]) & (mean <= grid[-1])).all()


def test_grids_do_not_depend_on_the_batch():
    model = fitted("p10")
    prediction = model.predict_from_grid(X, FIVE)
    alone = np.concatenate([model.predict_from_grid(x[None], FIVE) for x in X[:5]])
    assert_allclose(alone, prediction[:5], rtol=1e-12)


@pytest.mark.parametrize(
    ("grid", "options", "error", "message"),
    [
        ([10.0, HIGH + 1], {}, ValueError, f"{HIGH + 1}, outside .* works is {HIGH}"),
        ([LOW - 1, 10.0], {}, ValueError, f"{LOW - 1}, outside .* works is {LOW}"),
        ([10.0, 10.01], {}, ValueError, "10.0 and 10.01, which .* writes alike"),
        ([10.0, np.nan], {}, ValueError, "grid must be finite, got nan"),
        (["a", "b"], {}, ValueError, r"grid must hold numbers, got \['a', 'b'\]"),
        ([], {}, ValueError, r"at least one number .* got shape \(0,\)"),
        (10.0, {}, ValueError, r"one dimension, got shape \(\)"),
        ([LOW], {"normalize": True}, ValueError, "probability divided by itself is 1"),
        (FIVE, {"normalize": "yes"}, TypeError, "normalize must be an instance of"),
    ],
)
def test_bad_grids(grid, options, error, message):
    with pytest.raises(error, match=message):
        fitted("normalized").predict_from_grid(X, grid, **options)


@pytest.mark.parametrize("model", [DecodingRegressor(), RAFTRegressor()], ids=repr)
def test_not_fitted(model):
    with pytest.raises(NotFittedError):
        model.predict_from_samples(X)
    with pytest.raises(NotFittedError):
        model.predict_from_grid(X, FIVE)
