"""Scores against closed forms and against the libraries that share them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import spearmanr
from sklearn.metrics import mean_absolute_error

from sklearn_genre.distributions._predictive import PredictiveDistribution
from sklearn_genre.metrics import (
    coverage_score,
    crps_score,
    interval_width,
    spearman_score,
)

SCORES = {
    "crps_score": crps_score,
    "coverage_score": coverage_score,
    "interval_width": lambda y, dist, sample_weight=None: interval_width(
        dist, sample_weight=sample_weight
    ),
}


def data(n_rows=40):
    rng = np.random.default_rng(0)
    values = np.sort(rng.normal(size=(n_rows, 8)), axis=1)
    dist = PredictiveDistribution(values, rng.dirichlet(np.ones(8), n_rows))
    return rng.normal(size=n_rows), dist, rng.integers(0, 4, size=n_rows)


@pytest.mark.parametrize("name", SCORES)
def test_weights_count_rows(name):
    y, dist, weight = data()
    score = SCORES[name]
    repeated = np.repeat(np.arange(len(y)), weight)
    expected = score(y[repeated], dist[repeated])
    assert_allclose(score(y, dist, sample_weight=weight), expected)
    assert_allclose(score(y, dist, sample_weight=np.ones(len(y))), score(y, dist))
    assert isinstance(score(y, dist, sample_weight=weight), float)


def test_crps_of_points_is_the_mean_absolute_error():
    y, _, _ = data()
    prediction = np.linspace(-1, 1, len(y))
    points = PredictiveDistribution(prediction[:, None], np.ones((len(y), 1)))
    assert_allclose(crps_score(y, points), mean_absolute_error(y, prediction))


def test_crps_prefers_the_law_the_data_came_from():
    y, dist, _ = data()
    sharper = PredictiveDistribution(dist.support, dist.pmf() ** 4)
    wider = PredictiveDistribution(dist.support, dist.pmf() ** 0.1)
    truth = np.repeat(np.arange(len(y)), 200)
    draws = dist[truth].sample(random_state=0)[:, 0]
    scores = [crps_score(draws, d[truth]) for d in (dist, sharper, wider)]
    assert scores[0] == min(scores)


@pytest.mark.parametrize("coverage", [0.5, 0.9])
def test_coverage_of_own_samples_is_nominal(coverage):
    _, dist, _ = data()
    rows = np.repeat(np.arange(len(dist)), 500)
    draws = dist[rows].sample(random_state=0)[:, 0]
    assert_allclose(coverage_score(draws, dist[rows], coverage), coverage, atol=0.01)


def test_width_of_the_uniform_law():
    dist = PredictiveDistribution([0.5], [[1.0], [1.0]], edges=[[0, 1], [0, 3]])
    assert_allclose(interval_width(dist, coverage=0.6), 0.6 * 2)


def test_spearman_agrees_with_scipy_with_and_without_ties():
    rng = np.random.default_rng(0)
    for a, b in (rng.normal(size=(2, 30)), rng.integers(0, 4, size=(2, 30))):
        assert_allclose(spearman_score(a, b), spearmanr(a, b).statistic)


@pytest.mark.parametrize(
    ("a", "b"), [([1, 1, 1], [1, 2, 3]), ([1, 2, 3], [5, 5, 5]), ([1], [2])]
)
def test_spearman_of_a_constant_is_zero(a, b):
    assert spearman_score(a, b) == 0.0


@pytest.mark.parametrize(("b", "expected"), [([2, 4, 9], 1.0), ([9, 4, 2], -1.0)])
def test_spearman_of_monotone_data(b, expected):
    assert spearman_score([1, 2, 3], b) == expected


DIST = PredictiveDistribution([0.0, 1.0], np.ones((2, 2)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: crps_score([0.0], DIST), "inconsistent numbers of samples"),
        (lambda: coverage_score([0.0], DIST), "inconsistent numbers of samples"),
        (lambda: spearman_score([1, 2], [1, 2, 3]), "inconsistent numbers of samples"),
        (lambda: crps_score([0.0, np.nan], DIST), "y_true contains NaN"),
        (lambda: coverage_score([0.0, np.inf], DIST), "y_true contains infinity"),
        (lambda: spearman_score([0.0, 1.0], [0.0, np.nan]), "y_pred contains NaN"),
        (lambda: crps_score(np.zeros((2, 1)), DIST), r"got shape \(2, 1\)"),
        (lambda: coverage_score([0, 0], DIST, 1.5), "coverage == 1.5"),
        (lambda: interval_width(DIST, 0.0), "coverage == 0.0"),
        (lambda: interval_width(DIST[:0]), "no row"),
        (lambda: interval_width(DIST, sample_weight=[1, -1]), "minimum -1.0"),
        (lambda: interval_width(DIST, sample_weight=[0, 0]), "sum 0.0"),
        (lambda: interval_width(DIST, sample_weight=[1]), "inconsistent numbers"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
