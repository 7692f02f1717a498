"""Cross-validated distributions, in scikit-learn's ways of splitting."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn import config_context
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.dummy import DummyRegressor
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    ShuffleSplit,
    cross_val_predict,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_genre import PredictiveDistribution, RiemannRegressor
from sklearn_genre.metrics import crps_score, neg_crps_scorer
from sklearn_genre.model_selection import cross_val_predict_distribution


class Targets(RegressorMixin, BaseEstimator):
    """Predicts the training targets, as many numbers as there are, with weights."""

    def __init__(self, shift=0.0):
        self.shift = shift

    def fit(self, X, y, sample_weight=None):
        order = np.argsort(y)
        self.values_ = np.asarray(y)[order]
        weight = np.ones(len(y)) if sample_weight is None else sample_weight
        self.pmf_ = np.asarray(weight)[order]
        return self

    def predict(self, X, output_type="mean"):
        moved = np.asarray(X)[:, 0] + self.shift
        dist = PredictiveDistribution(
            self.values_ + moved[:, None], np.tile(self.pmf_, (len(moved), 1))
        )
        return dist if output_type == "distribution" else dist.mean()


def data(n=47):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 2)), rng.normal(size=n), rng.integers(0, 6, n)


def by_hand(model, X, y, splits, **params):
    """Return the mean and the CRPS of each sample, fold by fold."""
    mean, crps = np.full(len(y), np.nan), np.full(len(y), np.nan)
    for train, test in splits:
        own = {name: value[train] for name, value in params.items()}
        fitted = clone(model).fit(X[train], y[train], **own)
        dist = fitted.predict(X[test], output_type="distribution")
        mean[test], crps[test] = dist.mean(), dist.crps(y[test])
    return mean, crps


@pytest.mark.parametrize(
    "cv", [None, 3, KFold(4, shuffle=True, random_state=1), GroupKFold(3)]
)
def test_each_sample_has_the_distribution_of_its_fold(cv):
    X, y, groups = data()
    splitter = KFold(5) if cv is None else KFold(cv) if cv == 3 else cv
    dist = cross_val_predict_distribution(Targets(), X, y, cv=cv, groups=groups)
    mean, crps = by_hand(Targets(), X, y, splitter.split(X, y, groups))
    assert_allclose(dist.mean(), mean)
    assert_allclose(dist.crps(y), crps, rtol=1e-9)
    expected = cross_val_predict(Targets(), X, y, cv=cv, groups=groups)
    assert_allclose(dist.mean(), expected)


def test_arguments_of_fit_are_split():
    X, y, _ = data()
    weight = np.random.default_rng(1).uniform(0.1, 1, len(y))
    mean, _ = by_hand(Targets(), X, y, KFold(5).split(X), sample_weight=weight)
    params = {"sample_weight": weight}
    dist = cross_val_predict_distribution(Targets(), X, y, params=params)
    assert_allclose(dist.mean(), mean)
    with config_context(enable_metadata_routing=True):
        wanted = Targets().set_fit_request(sample_weight=True)
        for model in (wanted, make_pipeline("passthrough", wanted)):
            routed = cross_val_predict_distribution(model, X, y, params=params)
            assert_allclose(routed.mean(), mean)
        with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
            cross_val_predict_distribution(Targets(), X, y, params=params)


def test_frames_pipelines_and_searches_in_two_processes():
    X, y, _ = data()
    frame = pd.DataFrame(X, columns=["a", "b"], index=np.arange(len(y))[::-1])
    search = GridSearchCV(Targets(), {"shift": [0.0, 9.0]}, scoring=neg_crps_scorer)
    for model in (make_pipeline(StandardScaler(), Targets()), search):
        one = cross_val_predict_distribution(model, frame, pd.Series(y), cv=3)
        two = cross_val_predict_distribution(model, X, y, cv=3, n_jobs=2)
        assert_allclose(two.mean(), one.mean(), rtol=1e-9)
        assert_allclose(two.ppf([[0.1, 0.9]]), one.ppf([[0.1, 0.9]]), rtol=1e-9)


def test_a_model_of_the_package():
    X, y, _ = data()
    model = RiemannRegressor(encoder="mlp", max_epochs=1, random_state=0)
    dist = cross_val_predict_distribution(model, X, y, cv=2)
    first, second = np.array_split(np.arange(len(y)), 2)
    for train, test in ((second, first), (first, second)):
        expected = clone(model).fit(X[train], y[train]).predict_distribution(X[test])
        assert_allclose(dist[test].mean(), expected.mean(), rtol=1e-9)
        assert_allclose(crps_score(y[test], dist[test]), expected.crps(y[test]).mean())
    assert not hasattr(model, "history_")


def test_what_cannot_be_cross_validated():
    X, y, _ = data()
    with pytest.raises(TypeError, match="DummyRegressor does not predict distrib"):
        cross_val_predict_distribution(DummyRegressor(), X, y)
    with pytest.raises(ValueError, match="only works for partitions"):
        cross_val_predict_distribution(Targets(), X, y, cv=ShuffleSplit(2))
    with pytest.raises(ValueError, match="inconsistent numbers"):
        cross_val_predict_distribution(Targets(), X, y[1:])
