"""Fitting: warm starts, validation sets, weights, and what a failure leaves."""

from functools import partial

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from small_models import ENCODER, RNG, X, Y, small

from sklearn_genre.distributions import _lazy
from sklearn_genre.encoders import MLPEncoder
from sklearn_genre.estimators import _base, description
from sklearn_genre.estimators._state import fingerprint
from sklearn_genre.tokenizers import NormalizedTokenizer

# Warm start -------------------------------------------------------------------


def test_warm_start_continues():
    cold = small(fine_tuning=None, early_stopping=False).fit(X, Y)
    warm = clone(cold).set_params(warm_start=True).fit(X, Y)
    assert_array_equal(warm.predict(X), cold.predict(X))
    warm.fit(X, Y)
    assert warm.n_iter_ == 6
    assert [row["epoch"] for row in warm.history_] == [1, 2, 3, 0, 1, 2, 3]
    assert warm.history_[4]["train_loss"] < warm.history_[0]["train_loss"]
    cold.fit(X, Y)
    assert cold.n_iter_ == len(cold.history_) == 3


def test_warm_start_keeps_a_better_state():
    model = small(fine_tuning=None, warm_start=True, pretraining_epochs=20)
    model.fit(X, Y, X_val=X, y_val=Y)
    before = model.predict(X)
    model.set_params(pretraining_epochs=1, learning_rate=1.0).fit(
        X, Y, X_val=X, y_val=Y
    )
    assert_array_equal(model.predict(X), before)


def test_warm_start_refuses_another_structure():
    model = small(warm_start=True).fit(X, Y)
    with pytest.raises(ValueError, match=r"3 features, but .* expecting 4"):
        model.fit(X[:, :3], Y)
    model.set_params(decoder="transformer", tokenizer="ieee")
    with pytest.raises(ValueError, match=r"\['tokenizer', 'decoder'\] changed since"):
        model.fit(X, Y)


def test_warm_start_warns_of_targets_out_of_range():
    model = small(warm_start=True).fit(X, Y)
    with pytest.warns(UserWarning, match="of the new targets lie outside"):
        model.fit(X, 100 * Y)


def own_function(values):
    """Return the logarithm; its repr is an address."""
    return np.log(values)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ([1, 2, 3], np.array([1.0, 2.0, 3.0]), True),
        (np.arange(2000.0), np.arange(2000) + (np.arange(2000) == 1000), False),
        (np.log1p, np.log1p, True),
        (np.log1p, np.expm1, False),
        (partial(MLPEncoder, hidden_layer_sizes=(8,)), MLPEncoder, False),
        (partial(small, width=[1]), partial(small, width=np.ones(1)), True),
        (NormalizedTokenizer(2, 3), NormalizedTokenizer(2, 3), True),
        (NormalizedTokenizer(2, 3), NormalizedTokenizer(2, 4), False),
        (None, "None", False),
    ],
)
def test_structures_are_compared_by_what_they_are(one, other, same):
    assert (fingerprint(one) == fingerprint(other)) == same


def test_a_description_holds_no_address():
    text = description(partial(own_function, 8, inner=[own_function]))
    assert text.count(f"{__name__}.own_function") == 2
    assert " at 0x" not in text


# A fit and the one before -----------------------------------------------------


@pytest.mark.parametrize("warm_start", [False, True])
def test_a_failed_fit_leaves_the_one_before(warm_start):
    model = small(warm_start=warm_start).fit(X, Y)
    before, history = model.predict(X), list(model.history_)
    model.set_params(temperature="validation", early_stopping=False)
    with pytest.raises(ValueError, match="temperature='validation' needs"):
        model.fit(X, Y)
    with pytest.raises(ValueError, match="contains NaN"):
        model.fit(X, np.full(300, np.nan))
    assert_array_equal(model.predict(X), before)
    assert model.history_ == history


def test_predictions_during_a_fit_are_those_of_the_one_before(monkeypatch):
    model = small().fit(X, Y)
    before, during = model.predict(X), []
    run_stages = _base.run_stages

    def watched(*args, **kwargs):
        result = run_stages(*args, **kwargs)
        during.append(model.predict(X))
        return result

    monkeypatch.setattr(_base, "run_stages", watched)
    model.set_params(random_state=1).fit(X, Y)
    assert_array_equal(during[0], before)
    assert (model.predict(X) != before).any()


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_a_lazy_distribution_does_not_see_a_later_fit(temperature, monkeypatch):
    monkeypatch.setattr(_lazy, "MAX_KEPT", 0)
    model = small(tokenizer="ieee", temperature=temperature, warm_start=True).fit(X, Y)
    dist = model.predict_distribution(X)
    before = model.predict(X)
    model.set_params(temperature=0.5).fit(X, Y)
    assert (model.predict(X) != before).any()
    assert_array_equal(dist.mean(), before)


def test_fit_works_where_gradients_are_off():
    expected = small(pretraining="crps").fit(X, Y).predict(X)
    with torch.inference_mode():
        model = small(pretraining="crps", warm_start=True).fit(X, Y)
    assert_array_equal(model.predict(X), expected)
    assert model.fit(X, Y).n_iter_ == 8  # on leaves that predict has cached


def test_fit_does_not_change_its_input():
    before, weight = (X.copy(), Y.copy()), np.ones(300)
    small().fit(X, Y, weight)
    assert_array_equal(X, before[0])
    assert_array_equal(Y, before[1])
    assert_array_equal(weight, 1)


# Validation sets --------------------------------------------------------------


def test_a_given_validation_set_is_used_and_nothing_is_split(monkeypatch):
    sizes = []
    run_stages = _base.run_stages

    def spy(network, stages, training, *args, **kwargs):
        sizes.append(len(training.y))
        return run_stages(network, stages, training, *args, **kwargs)

    monkeypatch.setattr(_base, "run_stages", spy)
    small(early_stopping=True).fit(X, Y, X_val=X[:20], y_val=Y[:20])
    small(early_stopping=False).fit(X, Y)
    small(early_stopping=True, validation_fraction=0.2).fit(X, Y)
    small(early_stopping="auto").fit(X[:39], Y[:39])
    assert sizes == [300, 300, 240, 39]


def test_a_validation_set_selects_but_does_not_train():
    settings = {"fine_tuning": None, "early_stopping": False, "n_iter_no_change": None}
    last = small(**settings).fit(X, Y)
    good = small(**settings).fit(X, Y, X_val=X[:50], y_val=Y[:50])
    bad = small(**settings).fit(X, Y, X_val=X[:50], y_val=-Y[:50])
    losses = [[row["train_loss"] for row in m.history_] for m in (last, good, bad)]
    assert losses[0] == losses[1] == losses[2]
    scores = [row["validation_crps"] for row in bad.history_]
    chosen = [row["selected"] for row in bad.history_]
    assert chosen.index(True) == int(np.argmin(scores))


@pytest.mark.parametrize("scoring", ["rmse", "crps", "expected_error"])
def test_each_stage_is_selected_by_the_scoring_it_asks_for(scoring):
    """A policy gradient asks for the expected error, whatever the estimator says."""
    columns = {
        "rmse": lambda row: row["validation_rmse"],
        "crps": lambda row: row["validation_crps"],
        "expected_error": lambda row: -row["reward"],
    }
    model = small(scoring=scoring, pretraining_epochs=4, fine_tuning_epochs=4)
    model.set_params(learning_rate=0.05, fine_tuning_learning_rate=0.05).fit(X, Y)
    for stage, score in [
        ("pretraining", columns[scoring]),
        ("fine_tuning", columns["expected_error"]),
    ]:
        rows = [row for row in model.history_ if row["stage"] == stage]
        (selected,) = (row for row in rows if row["selected"])
        assert score(selected) == min(map(score, rows))


# Weights ----------------------------------------------------------------------


def test_weight_of_zero_removes_a_sample():
    weight = RNG.integers(0, 2, size=300)
    removed = small().fit(X[weight > 0], Y[weight > 0])
    assert_array_equal(small().fit(X, Y, weight).predict(X), removed.predict(X))


def test_weights_do_not_depend_on_their_unit():
    weight = RNG.integers(1, 4, size=300)
    plain = small().fit(X, Y, weight).predict(X)
    assert_allclose(small().fit(X, Y, 1024 * weight).predict(X), plain, rtol=1e-9)


def test_weights_emphasise():
    same, y = np.zeros((200, 1)), np.tile([0.0, 1.0], 100)
    settings = {"pretraining_epochs": 40, "learning_rate": 1e-2, "fine_tuning": None}
    model = small(**settings).fit(same, y, np.where(y == 1, 9.0, 1.0))
    assert_allclose(model.predict(same[:1]), 0.9, atol=0.05)


def test_a_factory_is_asked_for_and_its_product_checked():
    for encoder, message in [
        (torch.nn.Linear(4, 4), "encoder must be a factory"),
        (lambda columns: None, "must return a torch module"),
        (ENCODER.func.__init__, "failed for"),
    ]:
        with pytest.raises(TypeError, match=message):
            small(encoder=encoder).fit(X, Y)
