"""Scores against closed forms and against the libraries that share them."""

import itertools

import numpy as np
import pytest
import scoringrules
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import cauchy, kstest, norm, spearmanr
from sklearn.metrics import (
    mean_absolute_error,
    mean_pinball_loss,
    root_mean_squared_error,
)

from sklearn_genre import metrics
from sklearn_genre.distributions import PredictiveDistribution
from sklearn_genre.metrics import (
    best_at_k_score,
    coverage_score,
    crps_score,
    interval_score,
    interval_width,
    log_score,
    mean_at_k_score,
    median_at_k_score,
    pit_values,
    rmse_score,
    spearman_score,
    wasserstein1_score,
)

SCORES = {
    "crps_score": crps_score,
    "log_score": log_score,
    "interval_score": interval_score,
    "coverage_score": coverage_score,
    "interval_width": lambda y, dist, sample_weight=None: interval_width(
        dist, sample_weight=sample_weight
    ),
    "wasserstein1_score": wasserstein1_score,
    "best_at_k_score": lambda y, dist, **weight: best_at_k_score(y, dist, 3, **weight),
    "mean_at_k_score": lambda y, dist, **weight: mean_at_k_score(y, dist, 3, **weight),
    "median_at_k_score": lambda y, dist, **weight: median_at_k_score(
        y, dist, 4, **weight
    ),
    "rmse_score": lambda y, dist, **weight: rmse_score(y, dist.mean(), **weight),
    "spearman_score": lambda y, dist, **weight: spearman_score(
        y, dist.mean(), **weight
    ),
}
AT_K = {
    "best": (best_at_k_score, lambda error: np.min(error**2, axis=1)),
    "mean": (mean_at_k_score, lambda error: np.mean(error, axis=1) ** 2),
    "median": (median_at_k_score, lambda error: np.median(error, axis=1) ** 2),
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


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("size", [1e308, 1e-110, 1e-170, 5e-320, np.finfo(float).max])
def test_weights_of_any_size_are_shares(name, size):
    y, dist, weight = data()
    score = SCORES[name]
    expected = score(y, dist, sample_weight=weight)
    scaled = np.array(weight) / 3 * size if size > 1 else weight * size
    assert_allclose(score(y, dist, sample_weight=scaled), expected, rtol=1e-3)
    equal = score(y, dist, sample_weight=np.full(len(y), size))
    assert_allclose(equal, score(y, dist))


def test_scores_as_large_as_float64_have_a_mean():
    far = PredictiveDistribution([0.0], np.ones((50, 1)))
    assert_allclose(crps_score(np.full(50, 2e307), far), 2e307)
    assert_allclose(rmse_score([1e308, 0.0], [-1e308, 0.0]), 1e308 * 2**0.5)
    assert_allclose(rmse_score([1e308, 0.0], [1e308, 5e-324]), 5e-324, atol=5e-324)
    ratio = rmse_score([1e308, 1e308], [0.0, 0.0], y_train=[-1e308, 1e308, 1e308])
    assert_allclose(ratio, 1 / (8 / 9) ** 0.5)


def test_crps_of_points_is_the_mean_absolute_error():
    y, _, _ = data()
    prediction = np.linspace(-1, 1, len(y))
    points = PredictiveDistribution(prediction[:, None], np.ones((len(y), 1)))
    assert_allclose(crps_score(y, points), mean_absolute_error(y, prediction))


def test_every_score_is_tested_with_weights():
    names = {name for name in metrics.__all__ if name.endswith(("score", "width"))}
    assert names == set(SCORES)


def normal(mean, std):
    """The normal distribution in fine bins."""
    edges = np.linspace(-8, 8, 2001)
    mass = np.diff(norm.cdf(edges))
    middle = (edges[1:] + edges[:-1]) / 2
    shift, scale = np.asarray(mean)[:, None], np.asarray(std)[:, None]
    return PredictiveDistribution(
        shift + scale * middle,
        np.tile(mass, (len(shift), 1)),
        edges=shift + scale * edges,
    )


def test_scores_of_normals_are_those_of_scoringrules():
    rng = np.random.default_rng(0)
    mean, std, y = rng.normal(size=20), rng.uniform(0.5, 2, 20), rng.normal(size=20)
    dist = normal(mean, std)
    expected = scoringrules.crps_normal(y, mean, std).mean()
    assert_allclose(crps_score(y, dist), expected, rtol=1e-4)
    expected = scoringrules.logs_normal(y, mean, std).mean()
    assert_allclose(log_score(y, dist, tail=0.0), expected, rtol=1e-3)
    expected = scoringrules.interval_score(y, *dist.interval(0.8).T, 0.2).mean()
    assert_allclose(interval_score(y, dist, 0.8), expected)


def test_crps_of_points_with_masses_is_that_of_the_ensemble():
    rng = np.random.default_rng(0)
    ensemble, y = np.sort(rng.normal(size=(10, 5)), axis=1), rng.normal(size=10)
    shifts = 1e-9 * np.array([-1, 1])
    edges = (ensemble[:, :, None] + shifts).reshape(10, -1)  # a tiny bin around each
    middle, mass = (edges[:, 1:] + edges[:, :-1]) / 2, np.tile([1.0, 0.0], 5)[:9]
    dist = PredictiveDistribution(middle, np.tile(mass, (10, 1)), edges=edges)
    expected = scoringrules.crps_ensemble(y, ensemble).mean()
    assert_allclose(crps_score(y, dist), expected, rtol=1e-6)


def test_interval_score_is_two_pinball_losses():
    y, dist, weight = data()
    lower, upper = dist.interval(0.8).T
    losses = [
        mean_pinball_loss(y, end, alpha=level, sample_weight=weight)
        for end, level in ((lower, 0.1), (upper, 0.9))
    ]
    expected = sum(losses) / 0.1
    assert_allclose(interval_score(y, dist, 0.8, sample_weight=weight), expected)


def test_wasserstein1_is_the_mean_absolute_error_of_draws():
    y, dist, _ = data()
    error = np.abs(dist.sample(20_000, random_state=0) - y[:, None])
    assert_allclose(wasserstein1_score(y, dist), error.mean(), rtol=0.01)


@pytest.mark.parametrize("scale", [1e-200, 1e-30, 1e200, 1e300])
def test_rmse_has_the_unit_of_y(scale):
    y, dist, weight = data()
    prediction = dist.mean()
    scaled = rmse_score(scale * y, scale * prediction, weight)
    assert_allclose(scaled, scale * rmse_score(y, prediction, weight))
    ratio = rmse_score(scale * y, scale * prediction, weight, y_train=scale * y)
    assert_allclose(ratio, rmse_score(y, prediction, weight, y_train=y))


def test_rmse_of_the_smallest_errors_is_not_zero():
    assert_allclose(rmse_score([1e-200, 0.0], [0.0, 0.0]), 1e-200 / 2**0.5)
    assert_allclose(rmse_score([1e-200, 1e200], [0, 0], [1, 0]), 1e-200)


def test_rmse_is_that_of_sklearn_over_the_training_spread():
    y, dist, weight = data()
    expected = root_mean_squared_error(y, dist.mean(), sample_weight=weight)
    assert_allclose(rmse_score(y, dist.mean(), weight), expected)
    y_train = 7 + 3 * y
    assert_allclose(
        rmse_score(y_train, 7 + 3 * dist.mean(), weight, y_train=y_train),
        expected / y.std(),
    )


# -- intervals in place of distributions ---------------------------------------

INTERVAL_SCORES = {
    name: SCORES[name] for name in ("interval_score", "coverage_score")
} | {"interval_width": lambda y, dist, **weight: interval_width(dist, **weight)}


@pytest.mark.parametrize("name", INTERVAL_SCORES)
def test_intervals_score_as_the_distributions_they_are_from(name):
    y, dist, weight = data()
    score = INTERVAL_SCORES[name]
    expected = score(y, dist, sample_weight=weight)
    assert score(y, dist.interval(0.9), sample_weight=weight) == expected
    assert score(y, dist.interval(0.9).tolist(), sample_weight=weight) == expected


def test_the_coverage_of_given_intervals_counts_in_their_score():
    y, intervals = [0.0], [[1.0, 3.0]]
    assert_allclose(interval_score(y, intervals, 0.8), 2 + 10 * 1)
    assert coverage_score(y, intervals) == coverage_score(y, intervals, 0.5) == 0.0


def test_an_end_of_a_given_interval_may_be_infinite():
    y, intervals = [0.0, 9.0], [[-np.inf, 3.0], [-np.inf, np.inf]]
    assert coverage_score(y, intervals) == 1.0
    assert interval_score(y, intervals) == interval_width(intervals) == np.inf
    with pytest.raises(ValueError, match="NaN"):
        coverage_score(y, [[np.nan, 3.0], [0.0, 1.0]])
    for end in (-np.inf, np.inf):
        with pytest.raises(ValueError, match=f"both ends at {end} in row 1"):
            interval_score(y, [[0.0, 1.0], [end, end]])


@pytest.mark.parametrize("name", sorted(set(SCORES) - {"rmse_score", "spearman_score"}))
def test_point_predictions_are_refused(name):
    y, dist, _ = data()
    message = r"dist must be a Predictive.* predict_distribution.* shape \(40,\)"
    with pytest.raises(TypeError, match=message):
        SCORES[name](y, dist.mean())
    with pytest.raises(TypeError, match=r"dist must be a Predictive.*got NoneType"):
        SCORES[name](y[:1], None)


def test_pit_values_refuse_point_predictions():
    with pytest.raises(TypeError, match=r"dist must be .* got list of shape \(2,\)"):
        pit_values([0.0, 1.0], [0.0, 1.0])


@pytest.mark.parametrize("name", INTERVAL_SCORES)
def test_arrays_that_are_no_intervals_are_refused(name):
    message = r"or intervals of shape \(n, 2\); got ndarray of shape \(2, 2, 1\)"
    with pytest.raises(TypeError, match=message):
        INTERVAL_SCORES[name]([0.0, 1.0], np.zeros((2, 2, 1)))


# -- the tail of the log score ----------------------------------------------

HALF = (0.5, 0.5)  # centre and scale
UNIT = PredictiveDistribution([0.5], [[1.0]], edges=[0.0, 1.0])


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_log_score_shifts_with_the_unit_of_y(scale):
    y, dist, _ = data()
    y[:3] = [-50, 90, 1e6]  # outside all bins
    scaled = PredictiveDistribution(dist.support * scale, dist.pmf())
    assert_allclose(log_score(y * scale, scaled), log_score(y, dist) + np.log(scale))


def test_log_score_is_finite_everywhere_and_grows_outside():
    scores = [log_score([y], UNIT) for y in (0.5, 1.5, 10.0, 1e10, 1e300)]
    assert np.isfinite(scores).all()
    assert (np.diff(scores) > 0).all()
    assert_allclose(scores[0], 0, atol=1e-3)
    assert_allclose(scores[-1] - scores[-2], 2 * np.log(1e290))
    gap = PredictiveDistribution([0.0, 1.0, 2.0], [[1, 0, 1]])
    assert np.isfinite(log_score([1.0], gap))


def test_log_score_without_tail_is_infinite_outside():
    assert log_score([2.0], UNIT, tail=0.0) == np.inf
    assert_allclose(log_score([0.2], UNIT, tail=0.0), 0)


def test_infinite_scores_of_weight_zero_do_not_count():
    rows = UNIT[[0, 0]]
    expected = log_score([0.2], UNIT, tail=0.0)
    assert log_score([0.2, 2.0], rows, 0.0, sample_weight=[1, 0]) == expected
    assert log_score([0.2, 2.0], rows, 0.0, sample_weight=[1, 1]) == np.inf


def test_scored_density_has_mass_one():
    level = (np.arange(400) + 0.5) / 400  # of the Cauchy distribution that is mixed in
    density = np.exp(
        [-log_score([y], UNIT, tail=0.1) for y in cauchy.ppf(level, *HALF)]
    )
    ratio = density / cauchy.pdf(cauchy.ppf(level, *HALF), *HALF)
    assert_allclose(ratio.mean(), 1, rtol=1e-4)
    assert_allclose(ratio[[0, -1]], 0.1)


# -- draws -------------------------------------------------------------------


@pytest.mark.parametrize("name", AT_K)
@pytest.mark.parametrize(
    ("m", "k"), [(1, 1), (2, 2), (5, 1), (5, 2), (5, 3), (6, 4), (7, 7)]
)
def test_score_of_draws_is_the_mean_over_all_subsets(name, m, k):
    score, squared_error = AT_K[name]
    rng = np.random.default_rng(0)
    draws, y = rng.normal(size=(3, m)), rng.normal(size=3)
    subsets = itertools.combinations(range(m), k)
    expected = [
        squared_error(draws[:, list(subset)] - y[:, None]) for subset in subsets
    ]
    assert_allclose(score(y, draws, k), np.mean(expected))


@pytest.mark.parametrize("name", AT_K)
@pytest.mark.parametrize("k", [1, 3, 4])
def test_score_of_draws_is_unbiased(name, k):
    score, _ = AT_K[name]
    n_rows = 20_000
    dist = PredictiveDistribution([-1.0, 0.2, 2.0], [[0.3, 0.5, 0.2]])
    draws = dist.sample(6 * n_rows, random_state=0).reshape(n_rows, 6)
    exact = score([0.7], dist, k)
    assert_allclose(score(np.full(n_rows, 0.7), draws, k), exact, rtol=0.03)


@pytest.mark.parametrize("k", [63, 64])
def test_many_draws_of_very_many(k):
    draws = np.random.default_rng(0).normal(size=(1, 1000))
    dist = PredictiveDistribution(np.sort(draws), np.ones((1, 1000)))
    for score, _ in AT_K.values():
        assert_allclose(score([0.1], draws, k), score([0.1], dist, k), rtol=0.2)


# -- calibration -------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 12), st.integers(0, 2**31), st.floats(-1e6, 1e6))
def test_own_data_is_calibrated(n_values, seed, shift):
    rng = np.random.default_rng(seed)
    values = shift + np.cumsum(rng.uniform(0.1, 1, n_values))
    pmf = rng.dirichlet(np.ones(n_values))
    dist = PredictiveDistribution(values, np.tile(pmf, (10_000, 1)))
    y = dist.sample(random_state=seed)[:, 0]
    assert kstest(pit_values(y, dist), "uniform").pvalue > 1e-6
    assert_allclose(coverage_score(y, dist, 0.9), 0.9, atol=0.018)  # 6 deviations


def test_pit_is_uniform_and_intervals_cover_at_a_fixed_seed():
    _, dist, _ = data()
    rows = dist[np.repeat(np.arange(len(dist)), 500)]
    y = rows.sample(random_state=0)[:, 0]
    assert kstest(pit_values(y, rows), "uniform").pvalue > 0.05
    assert_allclose(coverage_score(y, rows, 0.9), 0.9, atol=0.01)
    narrow = PredictiveDistribution(rows.support, rows.pmf() ** 4)
    assert kstest(pit_values(y, narrow), "uniform").pvalue < 1e-6


def test_pit_beyond_the_bins():
    assert_array_equal(pit_values([-1.0], UNIT), [0.0])
    assert_array_equal(pit_values([2.0], UNIT), [1.0])


def test_crps_prefers_the_distribution_the_data_came_from():
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


def test_width_of_the_uniform_distribution():
    edges = [[0, 1], [0, 3]]
    dist = PredictiveDistribution([[0.5], [1.5]], [[1.0], [1.0]], edges=edges)
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


def test_spearman_of_a_constant_among_the_rows_that_count_is_zero():
    weight = [0.1, 0.3, 0.7, 0.0]
    assert spearman_score([0.1, 0.1, 0.1, 5.0], [1, 2, 3, 4], weight) == 0.0


@pytest.mark.parametrize(("b", "expected"), [([2, 4, 9], 1.0), ([9, 4, 2], -1.0)])
def test_spearman_of_monotone_data(b, expected):
    assert spearman_score([1, 2, 3], b) == expected


DIST = PredictiveDistribution([0.0, 1.0], np.ones((2, 2)))


@pytest.mark.parametrize(
    ("numbers", "error", "message"),
    [
        (np.ma.array([1.0, 2.0], mask=[0, 1]), ValueError, "masked entries"),
        (np.array(["2020", "2021"], "M8[D]"), TypeError, r"got datetime64\[D\]"),
        (np.array([1, 2], "m8[s]"), TypeError, r"got timedelta64\[s\]"),
        (np.array([1j, 2]), TypeError, "got complex128"),
        ([10**400, 0], ValueError, "integer that is beyond"),
        (["a", "b"], ValueError, "real numbers: could not convert"),
        ([{}, {}], TypeError, "real numbers: .* not 'dict'"),
        ([[1.0], [1.0, 2.0]], ValueError, "real numbers: .*inhomogeneous"),
    ],
)
def test_what_is_no_number_is_named(numbers, error, message):
    y = [0.0, 0.0]
    for name, call in {
        "y_true": lambda: crps_score(numbers, DIST),
        "y_pred": lambda: rmse_score(y, numbers),
        "sample_weight": lambda: interval_width(DIST, sample_weight=numbers),
        "y_train": lambda: rmse_score(y, y, y_train=numbers),
        "y": lambda: DIST.logsf(numbers),
        "q": lambda: DIST.isf(numbers),
        "weights": lambda: DIST.mixture([DIST, DIST], numbers),
        "quantiles": lambda: DIST.to_frame(numbers),
    }.items():
        with pytest.raises(error, match=f"^{name} .*{message}"):
            call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: crps_score([0.0], DIST), "inconsistent numbers of samples"),
        (lambda: coverage_score([0.0], DIST), "inconsistent numbers of samples"),
        (lambda: spearman_score([1, 2], [1, 2, 3]), "inconsistent numbers of samples"),
        (lambda: crps_score([0.0, np.nan], DIST), "y_true contains NaN"),
        (lambda: coverage_score([0.0, np.inf], DIST), "y_true contains infinity"),
        (lambda: spearman_score([0.0, 1.0], [0.0, np.nan]), "y_pred contains NaN"),
        (lambda: crps_score(np.zeros((2, 2)), DIST), r"got shape \(2, 2\)"),
        (lambda: coverage_score([0, 0], DIST, 1.5), "coverage == 1.5"),
        (lambda: interval_width(DIST, 0.0), "coverage == 0.0"),
        (lambda: log_score([0.0, np.nan], DIST), "y_true contains NaN"),
        (lambda: log_score([0, 0], DIST, tail=1.0), "tail == 1.0"),
        (lambda: interval_score([0, 0], DIST, 1.0), "coverage == 1.0"),
        (lambda: pit_values([0.0], DIST), "inconsistent numbers of samples"),
        (lambda: wasserstein1_score([np.inf, 0], DIST), "y_true contains infinity"),
        (lambda: best_at_k_score([0, 0], DIST, 0), "k must be at least 1"),
        (
            lambda: mean_at_k_score([0, 0], [[1, 2], [3, 4]], 3),
            "k == 3, must be >= 1 and <= 2",
        ),
        (lambda: median_at_k_score([0.0], [[1.0, np.nan]], 1), "draws contains NaN"),
        (lambda: best_at_k_score([0, 0], [[1.0]], 1), "inconsistent numbers"),
        (lambda: coverage_score([0.0], [[0, 1], [0, 1]]), "inconsistent numbers"),
        (lambda: interval_width([[0.0, np.nan]]), "dist contains NaN"),
        (lambda: interval_width([[0.0, 1.0]], 1.0), "coverage == 1.0"),
        (lambda: rmse_score([0, 1], [0, 1, 2]), "inconsistent numbers of samples"),
        (lambda: rmse_score([0, 1], [0, 1], y_train=[0.1] * 3), "all of it is 0.1"),
        (
            lambda: interval_score([0.0, 0.0], [[0.0, 1.0], [5.0, 2.0]]),
            "5.0 above 2.0 in row 1",
        ),
        (lambda: coverage_score([0.0], [[1.0, -1.0]]), "1.0 above -1.0 in row 0"),
        (lambda: interval_width([[1.0, -1.0]]), "1.0 above -1.0 in row 0"),
        (lambda: interval_width(DIST[:0]), "no row"),
        (lambda: interval_width(DIST, sample_weight=[1, -1]), "minimum -1.0"),
        (lambda: interval_width(DIST, sample_weight=[0, 0]), "maximum 0.0"),
        (lambda: interval_width(DIST, sample_weight=[1]), r"got shape \(1,\)"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
