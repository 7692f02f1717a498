"""Diagnostics: columns of the history, and diagnose on a fitted estimator."""

from functools import cache, partial

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import FunctionTransformer
from small_models import DECODER, ENCODER

from sklearn_genre import (
    DecodingRegressor,
    PointwiseRegressor,
    RAFTRegressor,
    RiemannRegressor,
)
from sklearn_genre.losses import RAFT
from sklearn_genre.tokenizers import IEEETokenizer, NormalizedTokenizer
from sklearn_genre.training import DIAGNOSTICS, diagnostic_columns
from sklearn_genre.training._diagnostics import DRAWS

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 3))
Y = 50 + 3 * X[:, 0] + RNG.normal(size=90)
X_VAL = RNG.normal(size=(30, 3))
Y_VAL = 50 + 3 * X_VAL[:, 0] + RNG.normal(size=30)
WEIGHT_VAL = RNG.uniform(0.5, 2, size=30)

DIGITS = {
    "encoder": ENCODER,
    "decoder": DECODER,
    "pretraining_epochs": 2,
    "fine_tuning_epochs": 1,
    "random_state": 0,
}
HEAD = {"encoder": ENCODER, "max_epochs": 3, "random_state": 0}
FOUR = NormalizedTokenizer(4, 3)  # 64 token sequences
MODELS = {
    "digits": DecodingRegressor(FOUR, **DIGITS),
    "ieee": DecodingRegressor("ieee", **DIGITS),
    "raft": RAFTRegressor(FOUR, **DIGITS),
    "raft_grid": RAFTRegressor("ieee", fine_tuning=RAFT("quantiles"), **DIGITS),
    "riemann": RiemannRegressor(16, **HEAD),
    "pointwise": PointwiseRegressor(**HEAD),
}
EXACT = ["digits", "raft", "riemann", "pointwise"]
COLUMNS = list(diagnostic_columns(DIAGNOSTICS))
every_model = pytest.mark.parametrize("name", MODELS)


@cache
def fitted(name):
    """Return a model with all diagnostics, which no test may change."""
    model = clone(MODELS[name]).set_params(diagnostics=tuple(DIAGNOSTICS))
    return model.fit(X, Y, X_val=X_VAL, y_val=Y_VAL, sample_weight_val=WEIGHT_VAL)


# In the history -------------------------------------------------------------


@every_model
def test_every_epoch_has_every_column(name):
    rows = fitted(name).history_
    assert name in ("riemann", "pointwise") or 0 in [row["epoch"] for row in rows]
    for row in rows:
        assert set(COLUMNS) <= set(row)
        assert all(np.isfinite(row[column]) for column in COLUMNS)


@pytest.mark.parametrize("name", ["digits", "pointwise"])
def test_columns_are_those_asked_for(name):
    model = clone(MODELS[name]).set_params(diagnostics=["best_at_k", "outlier_rate"])
    (*_, row) = model.fit(X, Y).history_
    asked = [*(f"best_at_{k}" for k in DRAWS), "outlier_rate"]
    assert [column for column in row if column in COLUMNS] == asked
    (*_, row) = clone(MODELS[name]).fit(X, Y).history_
    assert not set(COLUMNS) & set(row)


def test_columns_are_none_without_validation():
    model = clone(MODELS["digits"]).set_params(
        diagnostics=tuple(DIAGNOSTICS), early_stopping=False
    )
    for row in model.fit(X, Y).history_:
        assert [row[column] for column in COLUMNS] == [None] * len(COLUMNS)


@pytest.mark.parametrize("name", ["digits", "ieee", "pointwise"])
def test_diagnostics_change_no_prediction(name):
    plain = clone(MODELS[name]).fit(
        X, Y, X_val=X_VAL, y_val=Y_VAL, sample_weight_val=WEIGHT_VAL
    )
    np.testing.assert_array_equal(plain.predict(X), fitted(name).predict(X))


@pytest.mark.parametrize("name", EXACT)
def test_the_selected_row_is_what_diagnose_says_of_the_same_samples(name):
    model = clone(MODELS[name]).set_params(diagnostics=tuple(DIAGNOSTICS))
    model.fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    row = [row for row in model.history_ if row["selected"]][-1]
    numbers = model.diagnose(X_VAL, Y_VAL)
    assert_allclose([row[column] for column in COLUMNS], list(numbers.values()))


def test_validation_weights_count():
    row = [row for row in fitted("digits").history_ if row["selected"]][-1]
    distance = fitted("digits").predict_distribution(X_VAL).wasserstein1(Y_VAL)
    assert_allclose(row["wasserstein1"], np.average(distance, weights=WEIGHT_VAL))


# By hand --------------------------------------------------------------------


@every_model
def test_errors_are_what_samples_say(name):
    model = fitted(name)
    numbers = model.diagnose(X_VAL, Y_VAL)
    assert list(numbers) == COLUMNS
    dist = model.predict_distribution(X_VAL)
    assert_allclose(numbers["outlier_rate"], dist.clipped.mean())
    error = dist.sample(16_000, random_state=1) - Y_VAL[:, None]
    assert_allclose(numbers["wasserstein1"], abs(error).mean(), rtol=0.02)
    for k in (1, 8):
        draws = error.reshape(len(error), -1, k)
        for of, errors in [
            ("best", np.min(draws**2, axis=2)),
            ("mean", np.mean(draws, axis=2) ** 2),
            ("median", np.median(draws, axis=2) ** 2),
        ]:
            assert_allclose(numbers[f"{of}_at_{k}"], errors.mean() ** 0.5, rtol=0.03)


@every_model
def test_more_draws_are_better(name):
    numbers = fitted(name).diagnose(X_VAL, Y_VAL)
    for of in ("best_at", "mean_at"):
        assert (np.diff([numbers[f"{of}_{k}"] for k in DRAWS]) < 0).all()
    assert numbers["best_at_1"] == pytest.approx(numbers["mean_at_1"])
    assert numbers["best_at_1"] == pytest.approx(numbers["median_at_1"])
    mean = fitted(name).predict_distribution(X_VAL).mean()
    limit = np.sqrt(np.mean((mean - Y_VAL) ** 2))
    assert limit < numbers["mean_at_128"] < np.hypot(limit, numbers["mean_at_1"] / 11)


def test_entropies_by_hand_along_the_tree():
    model = fitted("digits")
    pmf = model.predict_distribution(X_VAL).pmf().reshape(-1, 4, 4, 4)
    entropies = []
    for position in range(3):
        last = tuple(range(position + 2, 4))
        prefix = pmf.sum(last)  # (n, 4, ...), one axis per digit so far
        given = prefix / prefix.sum(-1, keepdims=True)
        entropies.append(-(prefix * np.log(given)).reshape(len(pmf), -1).sum(1))
    numbers = model.diagnose(X_VAL, Y_VAL)
    assert_allclose(numbers["digit_entropy"], np.mean(entropies), rtol=1e-5)
    assert_allclose(numbers["string_entropy"], 3 * np.mean(entropies), rtol=1e-5)


def test_entropies_of_large_formats_are_what_rollouts_say():
    model = fitted("ieee")
    with torch.random.fork_rng([]), torch.inference_mode():
        torch.manual_seed(0)
        dist = model.network_(model._encode(X_VAL))
        _, log_probs = dist.rollout(1000)
    numbers = model.diagnose(X_VAL, Y_VAL)
    length = model.tokenizer_.length
    assert_allclose(numbers["digit_entropy"], -float(log_probs.mean()), rtol=0.02)
    assert_allclose(numbers["string_entropy"], length * numbers["digit_entropy"])


@pytest.mark.parametrize("name", ["riemann", "pointwise"])
def test_a_bin_counts_as_one_digit(name):
    numbers = fitted(name).diagnose(X_VAL, Y_VAL)
    assert numbers["digit_entropy"] == numbers["string_entropy"]


def test_outliers_are_what_an_unbounded_format_writes_beyond():
    assert fitted("digits").diagnose(X, Y)["outlier_rate"] == 0
    assert 0 < fitted("ieee").diagnose(X, Y)["outlier_rate"] < 1


# Any samples, any units --------------------------------------------------------


@every_model
def test_diagnose_is_a_mean_over_samples(name):
    of = partial(fitted(name).diagnose, diagnostics=["digit_entropy", "best_at_k"])
    every = np.array(list(of(X_VAL, Y_VAL).values()))
    parts = np.array([list(of(X_VAL[i::3], Y_VAL[i::3]).values()) for i in range(3)])
    assert_allclose(every[0], parts[:, 0].mean())
    assert_allclose(every[1:], np.sqrt((parts[:, 1:] ** 2).mean(0)))


def test_weights_count_samples():
    of = partial(fitted("digits").diagnose, diagnostics=["wasserstein1", "best_at_k"])
    weight = np.arange(len(X_VAL)) % 3
    repeated = np.repeat(np.arange(len(X_VAL)), weight)
    expected = of(X_VAL[repeated], Y_VAL[repeated])
    assert of(X_VAL, Y_VAL, weight) == pytest.approx(expected)
    assert of(X_VAL, Y_VAL, sample_weight=weight) == of(X_VAL, Y_VAL, weight)
    assert of(X_VAL, Y_VAL) != pytest.approx(expected)


@pytest.mark.parametrize("exponent", [-600, 600])
def test_squares_of_any_unit_survive(exponent):
    unit = 2.0**exponent
    model = clone(fitted("digits")).fit(X, unit * Y)
    plain = clone(fitted("digits")).fit(X, Y)
    assert_allclose(
        list(model.diagnose(X, unit * Y, diagnostics=["best_at_k"]).values()),
        unit * np.array(list(plain.diagnose(X, Y, diagnostics=["best_at_k"]).values())),
    )


def test_a_falling_transform():
    falls = FunctionTransformer(np.negative, np.negative, check_inverse=False)
    model = clone(fitted("digits")).set_params(target_transform=falls)
    numbers = model.fit(X, Y).diagnose(X_VAL, Y_VAL)
    distance = model.predict_distribution(X_VAL).wasserstein1(Y_VAL)
    assert_allclose(numbers["wasserstein1"], distance.mean())


# Bad input ------------------------------------------------------------------


def test_unknown_names_are_refused_before_training():
    model = clone(MODELS["digits"]).set_params(diagnostics=["best_at_8"])
    with pytest.raises(ValueError, match=r"'best_at_8'.*'best_at_k'"):
        model.fit(X, Y)
    with pytest.raises(NotFittedError):
        model.predict(X)
    with pytest.raises(ValueError, match=r"'nothing'.*'digit_entropy'"):
        fitted("digits").diagnose(X, Y, diagnostics=["nothing"])


@pytest.mark.parametrize("diagnostics", ["best_at_k", None, 3])
def test_diagnostics_is_a_sequence(diagnostics):
    model = clone(MODELS["digits"]).set_params(diagnostics=diagnostics)
    with pytest.raises(ValueError, match="diagnostics"):
        model.fit(X, Y)


def test_one_name_goes_into_a_list():
    advice = r"got the string 'digit_entropy'\. Use \['digit_entropy'\]"
    with pytest.raises(ValueError, match=advice):
        fitted("digits").diagnose(X, Y, diagnostics="digit_entropy")
    with pytest.raises(ValueError, match=advice):
        clone(MODELS["digits"]).set_params(diagnostics="digit_entropy").fit(X, Y)


def test_diagnose_checks_its_input():
    with pytest.raises(NotFittedError):
        clone(MODELS["digits"]).diagnose(X, Y)
    with pytest.raises(ValueError, match="NaN"):
        fitted("digits").diagnose(X, np.full(len(X), np.nan))
    with pytest.raises(ValueError, match="inconsistent"):
        fitted("digits").diagnose(X, Y[1:])
    with pytest.raises(ValueError, match="Negative"):
        fitted("digits").diagnose(X, Y, -np.ones(len(X)))
    with pytest.raises(ValueError, match="features"):
        fitted("digits").diagnose(X[:, 1:], Y)


def test_clipped_mass_is_counted_for_a_small_unbounded_format():
    tokenizer = IEEETokenizer(base=2, exponent_digits=2, mantissa_digits=3)
    model = clone(MODELS["digits"]).set_params(tokenizer=tokenizer).fit(X, Y)
    assert model.tokenizer_.n_strings <= 4096
    dist = model.predict_distribution(X)
    numbers = model.diagnose(X, Y, diagnostics=["outlier_rate"])
    assert 0 < numbers["outlier_rate"] == pytest.approx(dist.clipped.mean())
