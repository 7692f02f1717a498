"""Scorers inside scikit-learn's tools."""

import pickle

import matplotlib.pyplot as plt
import numpy as np
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyRegressor
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.inspection import permutation_importance
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    LearningCurveDisplay,
    ValidationCurveDisplay,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from sklearn_genre import PredictiveDistribution, RiemannRegressor, metrics
from sklearn_genre.metrics import (
    best_at_k_score,
    coverage_scorer,
    crps_score,
    interval_score,
    log_score,
    make_distribution_scorer,
    neg_crps_scorer,
    neg_interval_score_scorer,
    neg_log_score_scorer,
    neg_wasserstein1_scorer,
    wasserstein1_score,
)

SCORERS = {
    "neg_crps_scorer": (neg_crps_scorer, crps_score),
    "neg_log_score_scorer": (neg_log_score_scorer, log_score),
    "neg_interval_score_scorer": (neg_interval_score_scorer, interval_score),
    "neg_wasserstein1_scorer": (neg_wasserstein1_scorer, wasserstein1_score),
    "coverage_scorer": (coverage_scorer, metrics.coverage_score),
}


class Linear(RegressorMixin, BaseEstimator):
    """The first feature, with a spread that is a parameter."""

    def __init__(self, spread=0.2):
        self.spread = spread

    def fit(self, X, y):
        self.offset_ = float(np.mean(y - X[:, 0]))
        return self

    def predict(self, X, output_type="mean"):
        check_is_fitted(self)
        mean = X[:, :1] + self.offset_
        dist = PredictiveDistribution(
            mean + self.spread * np.linspace(-2, 2, 9), np.ones((len(X), 9))
        )
        return dist if output_type == "distribution" else dist.mean()


def data(n_rows=120):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, 3))
    return X, X[:, 0] + 0.3 * rng.normal(size=n_rows)


def pipeline():
    return make_pipeline(StandardScaler(), Linear())


def test_every_scorer_is_tested():
    assert {name for name in metrics.__all__ if name.endswith("_scorer")} == {
        *SCORERS,
        "make_distribution_scorer",
    }


@pytest.mark.parametrize("name", SCORERS)
def test_a_scorer_is_its_score(name):
    scorer, score = SCORERS[name]
    X, y = data()
    model, weight = pipeline().fit(X, y), np.arange(len(y))
    expected = score(
        y, model.predict(X, output_type="distribution"), sample_weight=weight
    )
    sign = -1 if name.startswith("neg_") else 1
    assert_allclose(scorer(model, X, y, sample_weight=weight), sign * expected)
    assert scorer(model, X, y) != scorer(model, X, y, weight)
    assert scorer(model, X, y[:, None]) == scorer(model, X, y)  # as fit takes it


@pytest.mark.parametrize("name", SCORERS)
def test_scorers_can_be_pickled_and_read(name):
    scorer, score = SCORERS[name]
    X, y = data()
    model = Linear().fit(X, y)
    loaded = pickle.loads(pickle.dumps(scorer))
    assert loaded(model, X, y) == scorer(model, X, y)
    assert repr(loaded) == (
        f"make_distribution_scorer({score.__name__}, "
        f"greater_is_better={not name.startswith('neg_')})"
    )


@pytest.mark.parametrize("name", SCORERS)
def test_cross_val_score(name):
    X, y = data()
    scores = cross_val_score(pipeline(), X, y, scoring=SCORERS[name][0], cv=3)
    assert scores.shape == (3,)
    assert np.isfinite(scores).all()


def test_cross_validate_with_several_in_two_processes():
    X, y = data()
    scoring = {**{name: scorer for name, (scorer, _) in SCORERS.items()}, "r2": "r2"}
    one = cross_validate(pipeline(), X, y, scoring=scoring, cv=2)
    with parallel_config(backend="multiprocessing", n_jobs=2):
        two = cross_validate(pipeline(), X, y, scoring=scoring, cv=2)
    for name in scoring:
        assert_allclose(two[f"test_{name}"], one[f"test_{name}"])


def test_an_estimator_of_the_package():
    X, y = data()
    model = make_pipeline(StandardScaler(), RiemannRegressor(max_epochs=1))
    scores = cross_val_score(model, X, y, scoring=neg_crps_scorer, cv=2)
    assert (scores < 0).all()


@pytest.mark.parametrize("search", [GridSearchCV, HalvingGridSearchCV])
@pytest.mark.parametrize(
    "scorer", [neg_crps_scorer, neg_log_score_scorer, neg_interval_score_scorer]
)
def test_searches_find_the_spread(search, scorer):
    X, y = data(400)
    grid = {"linear__spread": [0.01, 0.25, 5.0]}
    found = search(pipeline(), grid, scoring=scorer, cv=3).fit(X, y)
    assert found.best_params_ == {"linear__spread": 0.25}
    assert_allclose(
        scorer(found, X, y), scorer(found.best_estimator_, X, y)
    )  # of the refitted model, so that searches can be nested


def test_permutation_importance_finds_the_feature():
    X, y = data()
    model = pipeline().fit(X, y)
    for weight in (None, np.ones(len(y))):
        importance = permutation_importance(
            model, X, y, scoring=neg_crps_scorer, random_state=0, sample_weight=weight
        ).importances_mean
        assert importance[0] > 0.1
        assert_allclose(importance[1:], 0)


def test_own_scorers_with_arguments():
    X, y = data()
    scorer = make_distribution_scorer(best_at_k_score, greater_is_better=False, k=8)
    model = Linear().fit(X, y)
    dist = model.predict(X, output_type="distribution")
    assert scorer(model, X, y) == -best_at_k_score(y, dist, 8)
    assert repr(scorer).endswith("(best_at_k_score, greater_is_better=False, k=8)")


def test_weights_reach_the_score_by_metadata_routing():
    X, y = data()
    weight = np.random.default_rng(0).uniform(size=len(y)) ** 4
    model = Linear()
    scorer = make_distribution_scorer(crps_score, greater_is_better=False)
    with config_context(enable_metadata_routing=True):

        def scores(scorer, **params):
            return cross_val_score(model, X, y, scoring=scorer, cv=2, params=params)

        with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
            scores(scorer, sample_weight=weight)
        for scoring in (neg_crps_scorer, {"crps": scorer}):
            with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
                cross_validate(
                    model, X, y, scoring=scoring, params={"sample_weight": weight}
                )
        without = scores(scorer)
        scorer.set_score_request(sample_weight=True)
        loaded = pickle.loads(pickle.dumps(clone(scorer, safe=False)))
        half = len(y) // 2
        for wanted in (scorer, loaded):
            weighted = scores(wanted, sample_weight=weight)
            fitted = Linear().fit(X[:half], y[:half])
            expected = scorer(fitted, X[half:], y[half:], sample_weight=weight[half:])
            assert_allclose(weighted[1], expected)
            assert (weighted != without).all()
        named = scores(scorer.set_score_request(sample_weight="w"), w=weight)
        assert_array_equal(named, weighted)
        scorer.set_score_request(sample_weight=False)
        with pytest.raises(TypeError, match="not routed to any object"):
            scores(scorer, sample_weight=weight)
        with pytest.raises(TypeError, match=r"'weights'; neg_crps_score takes"):
            scorer.set_score_request(weights=True)
    with pytest.raises(RuntimeError, match="enable_metadata_routing=True"):
        scorer.set_score_request(sample_weight=True)


def test_searches_hand_weights_on_by_metadata_routing():
    X, y = data()
    weight = np.r_[np.zeros(60), np.ones(60)]
    with config_context(enable_metadata_routing=True):
        scorer = make_distribution_scorer(crps_score, greater_is_better=False)
        scorer.set_score_request(sample_weight=True)
        grid = GridSearchCV(Linear(), {"spread": [0.1, 0.3]}, scoring=scorer, cv=2)
        grid.fit(X[::-1], y[::-1], sample_weight=np.r_[weight[::2], weight[1::2]])
        assert np.isfinite(grid.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize("name", SCORERS)
def test_displays_name_a_scorer(name):
    scorer, score = SCORERS[name]
    assert scorer.__name__.removeprefix("neg_") == score.__name__
    X, y = data()
    display = LearningCurveDisplay.from_estimator(
        Linear(), X, y, scoring=scorer, cv=2, train_sizes=[0.5, 1.0]
    )
    assert score.__name__.split("_")[0] in display.ax_.get_ylabel().lower()
    plt.close(display.figure_)
    ValidationCurveDisplay.from_estimator(
        Linear(), X, y, scoring=scorer, cv=2, param_name="spread", param_range=[0.1, 1]
    )
    plt.close("all")


def half_width(y_true, dist):
    """Return a number of distributions alone; it takes no weights."""
    return float(np.diff(dist.interval()).mean() / 2)


def test_scores_without_weights():
    X, y = data()
    model, scorer = Linear().fit(X, y), make_distribution_scorer(half_width)
    assert scorer(model, X, y) == half_width(
        y, model.predict(X, output_type="distribution")
    )
    with pytest.raises(TypeError, match="sample_weight"):
        scorer(model, X, y, sample_weight=np.ones(len(y)))


class Other(Linear):
    """Its distributions are of another kind."""

    def predict(self, X, output_type="mean"):
        return super().predict(X)


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (DummyRegressor(), "DummyRegressor does not predict"),
        (
            make_pipeline(StandardScaler(), DummyRegressor()),
            "Pipeline does not predict",
        ),
        (Other(), "Other does not predict .* Got ndarray"),
        (
            TransformedTargetRegressor(Linear(), func=np.exp, inverse_func=np.log),
            "Transf.* does not predict",
        ),
    ],
)
def test_an_estimator_without_distributions_is_refused(model, name):
    X, y = data(20)
    with pytest.raises(TypeError, match=name):
        neg_crps_scorer(model.fit(X, y), X, y)


def test_errors_of_the_estimator_come_through():
    class Broken(Linear):
        def predict(self, X, output_type="mean"):
            return len(3)

    X, y = data(20)
    with pytest.raises(TypeError, match="has no len"):
        neg_crps_scorer(Broken().fit(X, y), X, y)


@pytest.mark.parametrize(
    ("score_func", "options", "message"),
    [
        ("crps", {}, "score_func must be a callable"),
        (interval_score, {"level": 0.5}, "level"),
        (lambda dist: 0.0, {}, "too many positional arguments"),
        (crps_score, {"greater_is_better": "no"}, "greater_is_better .* 'no'"),
    ],
)
def test_a_scorer_that_could_not_score_is_refused(score_func, options, message):
    with pytest.raises(TypeError, match=message):
        make_distribution_scorer(score_func, **options)
