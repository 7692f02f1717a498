"""Language models: what a fit keeps, and what a later call may change."""

import os
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.exceptions import NotFittedError

from sklearn_genre.decoders._store import Store
from sklearn_genre.estimators import _pretrained
from sklearn_genre.networks import N_AT_ONCE
from sklearn_genre.training import _readout
from sklearn_genre.training._readout import ReadoutFit

pytest.importorskip("transformers")
from small_language_models import save_model, small_language_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("llama"))


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Stop L-BFGS early, and have few folds."""
    monkeypatch.setattr(_readout, "N_ITERATIONS", 10)
    monkeypatch.setattr(_readout, "N_CV_FOLDS", 2)


def texts_and_scores(n=12, seed=0):
    """Return texts of several lengths, with scores that they do not tell."""
    random = np.random.default_rng(seed)
    texts = [f"text {'ab' * int(k)} " for k in random.integers(0, 9, n)]
    return texts, np.round(random.uniform(0, 5, n), 1)


def make(folder, **options):
    return small_language_model(folder, "{}: ", **{"trainable": 0, **options})


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


def test_the_tokenizer_is_that_of_the_files_and_of_the_fit(tmp_path):
    X, _ = texts_and_scores()
    model = fit(save_model(tmp_path))
    predicted, ids = model.predict(X), model._check_features(X, reset=False)
    path = tmp_path / "tokenizer.json"
    before, stat = path.read_text(), path.stat()
    for old, new in (("a", "#"), ("b", "a"), ("#", "b")):
        path.write_text(path.read_text().replace(f'"{old}":', f'"{new}":'))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 10**9))
    assert path.read_text() != before
    assert_array_equal(model.predict(X), predicted)
    other = fit(str(tmp_path))
    assert other._check_features(X, reset=False).tolist() != ids.tolist()
    stored = pickle.dumps(model)
    _pretrained._KEPT.clear()
    with pytest.raises(ValueError, match="another tokenizer"):
        pickle.loads(stored)
    path.write_text(before)
    assert_array_equal(pickle.loads(stored).predict(X), predicted)


def test_a_folder_is_not_used_once_it_was_switched_off(folder, tmp_path):
    X, y = texts_and_scores()
    model = make(folder, cache=tmp_path, warm_start=True).fit(X, y)
    n_files = len(list(tmp_path.rglob("*.npy")))
    assert n_files
    model.set_params(cache=False).fit([f"{text}b" for text in X], y)
    model.predict([f"{text}c" for text in X])
    assert len(list(tmp_path.rglob("*.npy"))) == n_files


def test_threads_may_share_a_folder_of_states(tmp_path):
    texts = [[i, i + 1] for i in range(30)]
    states = [torch.full((2, 300), float(i)) for i in range(30)]

    def add(_):
        Store(tmp_path, "model", torch.float32).add(texts, states)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(80)))
    found = Store(tmp_path, "model", torch.float32).find(texts)
    assert all(map(torch.equal, found, states))
    assert not list(tmp_path.rglob("*.new"))


def test_nothing_is_predicted_before_fit(folder):
    X, _ = texts_and_scores()
    for method in ("predict", "predict_quantiles", "predict_interval", "sample_y"):
        with pytest.raises(NotFittedError):
            getattr(make(folder), method)(X)


def test_adapters_stay_those_of_the_fit(folder):
    peft = pytest.importorskip("peft")
    config = peft.LoraConfig(r=2, target_modules=["q_proj"])
    X, y = texts_and_scores()
    model = make(folder, trainable=config, warm_start=True).fit(X, y)
    predicted = model.predict(X)
    config.r = 3
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), predicted)
    with pytest.raises(ValueError, match=r"\['trainable'\] changed"):
        model.fit(X, y)


def test_a_warm_start_refuses_to_cut_prompts_in_another_way(folder):
    model = fit(folder, warm_start=True).set_params(truncation="left", max_length=60)
    with pytest.raises(ValueError, match=r"\['truncation', 'max_length'\] changed"):
        model.fit(*texts_and_scores())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trainable": "al"}, "trainable must be a number of blocks, 'all'.*'al'"),
        ({"trainable": "3"}, "trainable must be a number of blocks, 'all'.*'3'"),
        ({"numbers": "normalised"}, "Did you mean 'normalized'"),
        ({"numbers": "iee"}, "Did you mean 'ieee'"),
        ({"numbers": "standard"}, "none of them right after a letter"),
        ({"cache": __file__}, "cache=.* cannot be a folder"),
        ({"cache": "/dev/null/x"}, "cache=.* cannot be a folder"),
    ],
)
def test_options_that_are_not_meant_are_refused(folder, options, message):
    with pytest.raises(ValueError, match=message):
        fit(folder, **options)
