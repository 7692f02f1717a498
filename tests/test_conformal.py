"""Conformal intervals: their definition, and how often they hold the target."""

import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import make_friedman1
from small_models import small

from sklearn_genre import DecodingRegressor
from sklearn_genre.calibration._conformal import HeldOut, of_each_fold
from sklearn_genre.encoders import TabularEncoder
from sklearn_genre.model_selection import out_of_fold_distribution

X, Y = make_friedman1(2400, 5, noise=1.0, random_state=0)
TRAIN, NEW = slice(400), slice(400, None)
N_NEW = 2000


def members(columns, n_folds=1):
    """Return an ensemble of two small members a fold."""
    return TabularEncoder(columns, n_folds=n_folds, hidden_layer_sizes=(16,))


@pytest.fixture(scope="module")
def folded():
    """Return a model whose folds agree; CV+ holds more where they do not."""
    model = DecodingRegressor(
        encoder=members, cv=4, pretraining_epochs=60, fine_tuning=None, random_state=0
    )
    return model.fit(X[TRAIN], Y[TRAIN])


@pytest.fixture(scope="module")
def split():
    model = small(fine_tuning=None, pretraining_epochs=20, validation_fraction=0.4)
    return model.fit(X[TRAIN], Y[TRAIN])


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9])
@pytest.mark.parametrize("name", ["folded", "split"])
def test_the_interval_holds_as_many_targets_as_it_should(name, coverage, request):
    model = request.getfixturevalue(name)
    low, high = model.predict_interval(X[NEW], coverage, method="conformal").T
    n_held_out = len(model._held_out[0])
    # of held-out and of new samples: four standard deviations
    deviation = np.sqrt(coverage * (1 - coverage) * (1 / n_held_out + 1 / N_NEW))
    share = ((low <= Y[NEW]) & (Y[NEW] <= high)).mean()
    assert abs(share - coverage) < 4 * deviation
    assert (low < high).all()


def test_an_interval_has_the_ends_that_its_definition_gives(folded):
    rows = X[NEW][:5]
    held_out = HeldOut(*folded._held_out)
    inputs = folded._encode(folded._check_features(rows, reset=False))
    with torch.inference_mode():
        dists = of_each_fold(folded._predictor(), inputs, held_out)
    low, high = folded.predict_interval(rows, 0.8, method="conformal").T
    n = len(held_out.pit)
    for end, rank in ((low, int(0.1 * (n + 1))), (high, np.ceil(0.9 * (n + 1)))):
        # as many held-out targets lie as low as a target at the end would
        n_below = sum(
            (
                held_out.pit[None, held_out.fold == fold]
                <= dist.cdf(end)[:, None] + 1e-9
            ).sum(axis=1)
            for fold, dist in enumerate(dists)
        )
        assert_array_equal(n_below, rank)


def test_one_fold_is_a_quantile_at_a_held_out_level(split):
    pit, *_ = split._held_out
    rank = int(0.05 * (len(pit) + 1))
    low, _ = split.predict_interval(X[NEW], method="conformal").T
    expected = split.predict_distribution(X[NEW]).ppf(pit[rank - 1])
    assert_allclose(low, expected)


WITHOUT_TAILS = {
    "anchored": {},
    "free_digits": {"encoder": "mlp", "decoder": "mlp"},
    "quantiles": {"target_transform": "quantile"},
}


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.95])
@pytest.mark.parametrize("name", WITHOUT_TAILS)
def test_held_out_samples_are_in_their_own_intervals(name, coverage):
    random = np.random.default_rng(1)
    options = {"encoder": members, **WITHOUT_TAILS[name]}
    model = DecodingRegressor(
        **options, pretraining_epochs=1, fine_tuning=None, random_state=0
    )
    # targets beyond those of training, and targets that repeat
    for y, y_val in (
        (random.normal(size=30), random.standard_t(2, size=400)),
        (random.integers(0, 10, 200) * 0.37, random.integers(0, 10, 399) * 0.37),
    ):
        X_val = np.zeros((len(y_val), 1))
        model.fit(np.zeros((len(y), 1)), y, X_val=X_val, y_val=y_val)
        low, high = model.predict_interval(X_val, coverage, method="conformal").T
        assert ((low <= y_val) & (y_val <= high)).mean() >= coverage


def test_too_few_held_out_samples_give_infinite_ends(split):
    low, high = split.predict_interval(X[NEW][:3], 0.999, method="conformal").T
    assert (low == -np.inf).all()
    assert (high == np.inf).all()


def test_the_range_of_targets_ends_an_interval():
    model = small(target_range=(0, None), fine_tuning=None).fit(X[TRAIN], abs(Y[TRAIN]))
    low, high = model.predict_interval(X[:3], 0.999, method="conformal").T
    assert (low == 0).all()
    assert (high == np.inf).all()


def test_a_stored_model_has_the_same_intervals(folded):
    loaded = pickle.loads(pickle.dumps(folded))
    assert_array_equal(
        loaded.predict_interval(X[:9], method="conformal"),
        folded.predict_interval(X[:9], method="conformal"),
    )


def test_without_held_out_samples_there_is_no_conformal_interval():
    model = small(early_stopping=False, fine_tuning=None).fit(X[:50], Y[:50])
    with pytest.raises(ValueError, match="no validation set"):
        model.predict_interval(X[:3], method="conformal")
    with pytest.raises(ValueError, match="method must be"):
        model.predict_interval(X[:3], method="jackknife")


def test_what_a_stream_has_trained_on_is_not_held_out_by_the_next_fit():
    model = small(fine_tuning=None, validation_fraction=0.4, warm_start=True)
    model.fit(X[:60], Y[:60]).fit(X[:60], Y[:60])  # the same are held out
    assert model._held_out is not None
    model.partial_fit(X[:60], Y[:60])
    with pytest.warns(UserWarning, match="validates on other samples"):
        model.fit(X[:60], Y[:60])
    assert model._held_out is None


@pytest.mark.parametrize(
    "how", ["stream", "validation_set", "no_validation", "other_samples"]
)
def test_samples_that_were_trained_on_later_are_held_out_no_more(how):
    model = DecodingRegressor(
        encoder=members, cv=2, pretraining_epochs=1, fine_tuning=None, random_state=0
    ).fit(X[:60], Y[:60])
    if how == "stream":
        model.partial_fit(X[:60], Y[:60])
    elif how == "other_samples":
        with pytest.warns(UserWarning, match="validates on other samples"):
            model.set_params(warm_start=True).fit(X[5:65], Y[5:65])
    elif how == "validation_set":
        model.set_params(warm_start=True).fit(
            X[:60], Y[:60], X_val=X[60:90], y_val=Y[60:90]
        )
        assert len(model._held_out[0]) == 30
    else:
        model.set_params(warm_start=True, early_stopping=False).fit(X[:60], Y[:60])
    with pytest.raises(ValueError, match=r"without folds|warm start on other"):
        out_of_fold_distribution(model, X[5:65])
    if how != "validation_set":
        with pytest.raises(ValueError, match="no validation set"):
            model.predict_interval(X[:3], method="conformal")
