"""Language models: what a fit keeps, and what a later call may change."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sklearn_genre import LanguageModelRegressor
from sklearn_genre.networks import N_AT_ONCE
from sklearn_genre.training._readout import ReadoutFit

pytest.importorskip("transformers")
from small_language_models import save_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("llama"))


def texts_and_scores(n=12, seed=0):
    """Return texts of several lengths, with scores that they do not tell."""
    random = np.random.default_rng(seed)
    texts = [f"text {'ab' * int(k)} " for k in random.integers(0, 9, n)]
    return texts, np.round(random.uniform(0, 5, n), 1)


def make(folder, **options):
    options = {
        "trainable": 0,
        "max_epochs": 1,
        "precision": "float32",
        "random_state": 0,
        **options,
    }
    return LanguageModelRegressor(folder, "{}: ", **options)


def fit(folder, **options):
    return make(folder, **options).fit(*texts_and_scores())


@pytest.mark.parametrize("n", [1, 2, 3, N_AT_ONCE + 3])
def test_the_mean_and_the_standard_deviation_are_in_the_order_of_samples(folder, n):
    model = fit(folder)
    X, _ = texts_and_scores(n, seed=1)
    mean, std = model.predict(X, return_std=True)
    assert_array_equal(mean, model.predict(X))
    assert_array_equal(std, model.predict(X, output_type="std"))


@pytest.mark.parametrize("head", ["linear", "mlp"])
@pytest.mark.filterwarnings("error")
def test_a_warm_start_continues_from_the_fitted_model(folder, head):
    options = {"warm_start": True, "early_stopping": False, "head": head}
    model = fit(folder, **options)
    others = [f"{text * 2}b zz" for text in texts_and_scores()[0]]
    y = model.predict(others)
    model.fit(others, y, X_val=others, y_val=y)
    start = next(row for row in model.history_ if row["validation_rmse"] is not None)
    assert start["epoch"] == 0
    assert start["validation_rmse"] == pytest.approx(0, abs=1e-5)


@pytest.mark.filterwarnings("error")
def test_a_head_neither_writes_digits_nor_maps_targets(folder):
    X, y = texts_and_scores()
    model = make(folder, head="linear").fit(X, 1000 * y)
    for call in (model.predict_from_samples, lambda X: model.predict_from_grid(X, [1])):
        with pytest.raises(ValueError, match="writes no digits"):
            call(X)


def test_what_can_be_read_is_told_by_the_fit(folder):
    X, _ = texts_and_scores()
    model = fit(folder)
    greedy = model.predict(X, output_type="greedy")
    draws = model.predict_from_samples(X)
    model.set_params(head="linear")
    assert_array_equal(model.predict(X, output_type="greedy"), greedy)
    assert_array_equal(model.predict_from_samples(X), draws)


@pytest.mark.parametrize("head", [None, "linear"])
def test_noise_is_not_learned_where_there_is_no_validation_set(
    folder, head, monkeypatch
):
    X, y = texts_and_scores(30)
    X = [f"{text}{i:03d} " for i, text in enumerate(X)]
    chosen, last = make(folder, head=head), make(folder, head=head)
    chosen.fit(X[:15], y[:15])
    monkeypatch.setattr(ReadoutFit, "_best_by_folds", lambda fit: len(fit.penalties))
    last.fit(X[:15], y[:15])
    errors = [
        np.mean((model.predict(X[15:]) - y[15:]) ** 2) for model in (chosen, last)
    ]
    assert errors[0] < 0.9 * errors[1]
