"""Language models: what a fit keeps, and what a later call may change."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sklearn_genre import LanguageModelRegressor
from sklearn_genre.networks import N_AT_ONCE

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
