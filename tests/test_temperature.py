"""The temperature of the predictions, given or fitted on the validation set."""

import pickle
from functools import cache, partial

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from sklearn_genre import DecodingRegressor, RAFTRegressor, RiemannRegressor
from sklearn_genre.calibration import best_temperature, fit_temperature
from sklearn_genre.decoders import MLPDecoder
from sklearn_genre.encoders import MLPEncoder
from sklearn_genre.estimators._parameters import HIGHEST, LOWEST
from sklearn_genre.inputs import Data
from sklearn_genre.losses import RAFT
from sklearn_genre.networks import Predictor
from sklearn_genre.outputs import HistogramDistribution, bins_around
from sklearn_genre.tokenizers import IEEETokenizer, NormalizedTokenizer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 2))
MEAN = 20 + 3 * X[:, 0]
Y = MEAN + RNG.normal(size=120)
X_VAL = RNG.normal(size=(60, 2))
Y_VAL = 20 + 3 * X_VAL[:, 0] + RNG.normal(size=60)

ENCODER = partial(MLPEncoder, hidden_layer_sizes=(16,))
DIGITS = {
    "encoder": ENCODER,
    "decoder": partial(MLPDecoder, hidden_size=16),
    "pretraining_epochs": 2,
    "fine_tuning_epochs": 1,
    "random_state": 0,
}
FOUR = NormalizedTokenizer(4, 3)  # 64 strings
MODELS = {
    "digits": DecodingRegressor(FOUR, **DIGITS),
    "ieee": DecodingRegressor(IEEETokenizer(mantissa_digits=3), **DIGITS),
    "raft": RAFTRegressor(FOUR, **DIGITS),
    "raft_grid": RAFTRegressor(FOUR, fine_tuning=RAFT([18.0, 20.0, 22.0]), **DIGITS),
    "riemann": RiemannRegressor(16, encoder=ENCODER, max_epochs=3, random_state=0),
}
every_model = pytest.mark.parametrize("name", MODELS)
each_estimator = pytest.mark.parametrize("name", ["digits", "raft", "riemann"])


def fit(name, **parameters):
    """Return a model fitted with a given validation set."""
    model = clone(MODELS[name]).set_params(**parameters)
    return model.fit(X, Y, X_val=X_VAL, y_val=Y_VAL)


@cache
def fitted(name, temperature=1.0):
    """Return a fitted model, which no test may change."""
    return fit(name, temperature=temperature)


def crps(model, temperature):
    """Return the validation score of a model at a temperature."""
    other = pickle.loads(pickle.dumps(model))
    other.temperature_ = temperature
    return other.predict_distribution(X_VAL).crps(Y_VAL).mean()


def covered(model, x, y):
    """Return the share of targets inside the intervals that should hold nine tenths."""
    low, high = model.predict_interval(x).T
    return np.mean((low <= y) & (y <= high))


# The search -----------------------------------------------------------------


@pytest.mark.parametrize("best", [0.2, 0.7, 1.0, 1.3, 5.0])
def test_the_search_finds_the_lowest_point(best):
    found = best_temperature(lambda t: np.log(t / best) ** 2)
    assert_allclose(found, best, rtol=2e-3)


@pytest.mark.parametrize(("sign", "end"), [(1, 1 / 8), (-1, 8)])
def test_the_search_stays_in_its_range(sign, end):
    assert_allclose(best_temperature(lambda t: sign * t), end)


def test_one_wins_where_nothing_is_better():
    assert best_temperature(lambda t: 0.0) == 1
    assert best_temperature(lambda t: float(t != 1)) == 1


def test_the_search_is_short_and_keeps_the_best_it_saw():
    seen = {}

    def score(temperature):
        seen[temperature] = np.sin(20 * np.log(temperature)) + np.log(temperature) ** 2
        return seen[temperature]

    assert seen[best_temperature(score)] == min(seen.values()) <= seen[1.0]
    assert len(seen) <= 25
    assert min(seen) >= 1 / 8
    assert max(seen) <= 8


# What it does ---------------------------------------------------------------


def test_a_histogram_is_raised_to_a_power():
    logits = torch.from_numpy(RNG.normal(size=(5, 5)))
    dist = HistogramDistribution(logits, bins_around([-1.0, 0.0, 2.0]))
    assert dist.at_temperature(1.0) is dist
    power = dist.log_masses.exp() ** (1 / 2.5)
    assert_allclose(
        dist.at_temperature(2.5).log_masses.exp(), power / power.sum(-1, keepdim=True)
    )


def test_each_digit_is_raised_to_a_power():
    def next_digits(model):
        """Return the probabilities of the last digit given the first two."""
        pmf = model.predict_distribution(X_VAL).pmf().reshape(-1, 4, 4, 4)
        return pmf / pmf.sum(-1, keepdims=True)

    power = next_digits(fitted("digits")) ** (1 / 2.5)
    assert_allclose(
        next_digits(fitted("digits", 2.5)),
        power / power.sum(-1, keepdims=True),
        rtol=1e-4,
    )


@every_model
def test_it_changes_predictions_and_not_the_training(name):
    plain, hot = fitted(name), fitted(name, 3.0)
    assert plain.temperature_ == 1
    assert hot.temperature_ == 3
    for before, after in zip(plain.history_, hot.history_, strict=True):
        assert before | {"seconds": 0} == after | {"seconds": 0}
    states = [model.network_.state_dict().values() for model in (plain, hot)]
    for before, after in zip(*states, strict=True):
        assert torch.equal(before, after)
    entropies = [
        model.diagnose(X, Y, diagnostics=["string_entropy"])["string_entropy"]
        for model in (plain, hot)
    ]
    assert entropies[0] < entropies[1]


@every_model
def test_every_output_is_of_the_same_distribution(name):
    model = fitted(name, 3.0)
    dist = model.predict_distribution(X)
    assert_array_equal(model.predict(X, output_type="median"), dist.median())
    assert_array_equal(model.predict(X, output_type="std"), dist.std())
    assert_array_equal(model.predict_interval(X, 0.8), dist.interval(0.8))
    assert_array_equal(model.sample_y(X, 3), dist.sample(3, 0))
    if not name.startswith("raft"):
        assert_array_equal(model.predict(X), dist.mean())
        assert not np.array_equal(model.predict(X), fitted(name).predict(X))


@pytest.mark.parametrize("name", ["raft", "raft_grid"])
def test_the_trained_expectation_stays_at_one(name):
    assert_array_equal(fitted(name, 3.0).predict(X), fitted(name).predict(X))
    assert_array_equal(fitted("raft", 3.0).predict(X), fitted("raft").predict(X))
    means = [fitted(name, t).predict_distribution(X).mean() for t in (1.0, 3.0)]
    assert not np.allclose(*means)


@every_model
@pytest.mark.parametrize("temperature", [LOWEST, HIGHEST])
def test_extremes_are_finite(name, temperature):
    model = fitted(name, temperature)
    dist = model.predict_distribution(X)
    assert np.isfinite(dist.pmf()).all()
    assert np.isfinite(dist.support).all()
    assert np.isfinite(list(model.diagnose(X, Y).values())).all()
    if name != "riemann":
        assert np.isfinite(model.predict_from_samples(X, 4)).all()


# Fitted ---------------------------------------------------------------------


@every_model
def test_it_is_the_best_on_the_validation_set(name):
    model = fitted(name, "validation")
    assert type(model.temperature_) is float
    assert 1 / 8 <= model.temperature_ <= 8
    chosen = crps(model, model.temperature_)
    assert chosen == model.predict_distribution(X_VAL).crps(Y_VAL).mean()
    others = (1 / 8, 0.9 * model.temperature_, 1.1 * model.temperature_, 8)
    assert all(chosen <= crps(model, other) for other in others)
    assert chosen < crps(model, 1)


def test_weights_of_the_validation_set_count():
    weight = np.where(np.arange(60) < 40, 1.0, 0.0)
    model = clone(MODELS["digits"]).set_params(temperature="validation")
    weighted = clone(model).fit(
        X, Y, X_val=X_VAL, y_val=Y_VAL, sample_weight_val=weight
    )
    half = clone(model).fit(X, Y, X_val=X_VAL[:40], y_val=Y_VAL[:40])
    assert weighted.temperature_ == half.temperature_ != fitted("digits").temperature_


def test_it_widens_the_intervals_of_a_model_that_is_too_sure():
    model = clone(MODELS["digits"]).set_params(
        pretraining_epochs=100,
        learning_rate=1e-2,
        normal_scores=False,
        scoring="rmse",
        temperature="validation",
    )
    model.fit(X, MEAN, X_val=X_VAL, y_val=Y_VAL)  # it sees noise in validation alone
    assert model.temperature_ > 1.2
    x = RNG.normal(size=(400, 2))
    y = 20 + 3 * x[:, 0] + RNG.normal(size=400)
    wide = covered(model, x, y)
    model.temperature_ = 1.0
    assert covered(model, x, y) < wide - 0.05 < 0.9


@cache
def trained(name):
    """Return a model whose distributions are not flat, and samples drawn from it."""
    epochs = "max_epochs" if name == "riemann" else "pretraining_epochs"
    model = fit(name, **{epochs: 20, "learning_rate": 1e-2})
    x = RNG.normal(size=(1000, 2))
    return model, Data(x, model.sample_y(x, random_state=0)[:, 0], np.ones(1000))


@pytest.mark.parametrize(
    ("name", "sharper"),
    [("digits", 1.0), ("digits", 3.0), ("riemann", 3.0), ("riemann", 0.5)],
)
def test_it_undoes_what_was_done_to_the_logits(name, sharper):
    model, data = trained(name)
    model = pickle.loads(pickle.dumps(model))
    network = model.network_
    layer = network.head if name == "riemann" else network.decoder.out
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.mul_(sharper)
    before = covered(model, data.X, data.y)
    model.temperature_ = fit_temperature(
        Predictor(network, model.target_scaler_),
        model._encode(data.X),
        data.y,
        data.weight,
    )
    assert_allclose(model.temperature_, sharper, rtol=0.15)
    after = covered(model, data.X, data.y)
    assert abs(after - 0.9) < 0.03
    assert sharper == 1 or abs(before - 0.9) > 2 * abs(after - 0.9)


# State ----------------------------------------------------------------------


@each_estimator
def test_refits_and_copies_have_the_same_bits(name):
    model = fitted(name, "validation")
    assert fit(name, temperature="validation").temperature_ == model.temperature_
    loaded = pickle.loads(pickle.dumps(model))
    assert loaded.temperature_ == model.temperature_
    assert_array_equal(
        loaded.predict(X, output_type="median"), model.predict(X, output_type="median")
    )
    assert clone(model).temperature == "validation"


@each_estimator
def test_a_warm_start_trains_at_one(name):
    model = fit(name, temperature="validation", warm_start=True)
    before = crps(model, 1.0)
    n_epochs = len(model.history_)
    model.set_params(temperature=1.0).fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    start = model.history_[n_epochs]
    assert start["epoch"] == 0
    assert_allclose(start["validation_crps"], before)
    assert model.temperature_ == 1


def test_callbacks_see_one_in_training_and_the_temperature_at_the_end():
    seen = []

    class Recorder:
        """Notes the temperature of what is fitted so far."""

        def setup(self, estimator, context):
            pass

        def teardown(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context, *, metadata, fitted_estimator):
            seen.append(fitted_estimator.temperature_)

    model = clone(MODELS["digits"]).set_params(temperature=2.0)
    model.set_callbacks(Recorder()).fit(X, Y)
    assert seen == [1.0] * (len(seen) - 1) + [2.0]


def test_a_grid_search_over_temperatures():
    search = GridSearchCV(
        clone(MODELS["digits"]),
        {"temperature": [8.0, 1.0, "validation"]},
        scoring=lambda model, x, y: -model.predict_distribution(x).crps(y).mean(),
        cv=2,
    ).fit(X, Y)
    scores = search.cv_results_["mean_test_score"]
    assert scores[0] < min(scores[1:])
    assert (
        search.best_estimator_.temperature == [1.0, "validation"][scores[1:].argmax()]
    )


# Bad input ------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [0, -1.0, np.nan, np.inf, 1e9, "auto", None])
def test_other_temperatures_are_refused(temperature):
    with pytest.raises(ValueError, match="temperature"):
        fit("digits", temperature=temperature)


@each_estimator
def test_without_validation_it_says_what_to_do(name):
    model = clone(MODELS[name]).set_params(temperature="validation")
    with pytest.raises(ValueError, match=r"early_stopping=False.*120 .*X_val"):
        model.set_params(early_stopping=False).fit(X, Y)
    assert not hasattr(model, "temperature_")
    model.set_params(early_stopping="auto")
    with pytest.warns(UserWarning, match=r"early_stopping='auto'.*30 .*X_val"):
        assert model.fit(X[:30], Y[:30]).temperature_ == 1
    assert model.set_params(early_stopping=True).fit(X[:30], Y[:30]).temperature_ > 0
