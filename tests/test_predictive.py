"""The density of PredictiveDistribution: closed forms, samples and integrals."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from predictive_examples import PER_ROW, random_distribution, uneven_distribution
from scipy.integrate import quad
from scipy.stats import kstest, norm

from sklearn_genre.distributions import PredictiveDistribution


def knots_of(dist):
    """Return the edges and the numbers of one row, ascending."""
    return np.unique(np.r_[np.ravel(dist.edges), np.ravel(dist.support)])


def integral(function, knots):
    """Integrate a function that is smooth between the knots."""
    return sum(
        quad(function, a, b, epsabs=1e-13)[0]
        for a, b in itertools.pairwise(knots)
        if b - a > 1e-12
    )


def uniform_distribution(n_rows=1):
    """The uniform distribution on (0, 1), in four bins."""
    return PredictiveDistribution(
        [0.125, 0.375, 0.625, 0.875], np.ones((n_rows, 4)), edges=np.linspace(0, 1, 5)
    )


@st.composite
def distributions(draw):
    """One row with well resolved bins, at any scale, some without mass."""
    gaps = draw(st.lists(st.integers(1, 9), min_size=2, max_size=12))
    masses = draw(
        st.lists(st.integers(0, 5), min_size=len(gaps), max_size=len(gaps)).filter(any)
    )
    scale = 10.0 ** draw(st.integers(-30, 30))
    values = (np.cumsum(gaps) - draw(st.integers(0, 50))) * scale
    return PredictiveDistribution(values, [masses])


LEVELS = st.lists(
    st.floats(1e-6, 1 - 1e-6), min_size=2, max_size=8, unique=True
).filter(lambda q: np.diff(np.sort(q)).min() > 1e-6)


# -- closed forms -------------------------------------------------------------


def test_uniform():
    dist = uniform_distribution(5)
    y = np.array([-1.0, 0.0, 0.3, 1.0, 2.5])
    assert_allclose(dist.cdf(y), np.clip(y, 0, 1))
    assert_allclose(dist.pdf(y), [0, 1, 1, 1, 0])
    assert_array_equal(dist.logpdf(y), [-np.inf, 0, 0, 0, -np.inf])
    inside = np.clip(y, 0, 1)
    expected = (inside**3 + (1 - inside) ** 3) / 3 + np.abs(y - inside)
    assert_allclose(dist.crps(y), expected)
    assert_allclose(dist.entropy(), 0, atol=1e-15)
    assert_allclose(dist.median(), 0.5)
    assert_allclose(dist.interval(0.9), [[0.05, 0.95]] * 5)


@pytest.mark.parametrize("value", [0.0, 3.0, -1e30, 1e-300, 1e300])
@pytest.mark.parametrize("n_values", [1, 5])
def test_point_mass(value, n_values):
    dist = PredictiveDistribution(np.full(n_values, value), np.ones((1, n_values)))
    near = {"rtol": 1e-12, "atol": 1e-20 * (value == 0)}
    assert_array_equal(dist.mean(), value)
    assert_array_equal(dist.mode(), value)
    assert_allclose(dist.std(), 0, atol=1e-12 * abs(value) or 1e-20)
    assert_allclose(dist.median(), value, **near)
    assert_allclose(dist.interval(), [[value, value]], **near)
    assert_allclose(dist.crps(value), 0, atol=1e-12 * abs(value) or 1e-20)
    assert_allclose(
        dist.crps(value + 1.0), abs(value + 1.0 - value), atol=1e-12 * abs(value)
    )
    if abs(value) < 1e100:  # squares overflow
        assert_allclose(dist.best_at_k(value, 4), 0, atol=1e-24 * value**2 or 1e-40)
    assert np.isfinite(dist.entropy()).all()


def test_a_mass_on_one_number_scores_zero_there():
    dist = PredictiveDistribution(
        [-1e30, 7.0, 1e30], [[0, 1, 0]], edges=[-2e30, 7 - 1e-12, 7 + 1e-12, 2e30]
    )
    assert_allclose(dist.std(), 0, atol=1e-11)
    assert_allclose(dist.crps(7.0), 0, atol=1e-12)
    assert_allclose(dist.crps(9.0), 2.0)


def test_two_points():
    dist = PredictiveDistribution([0.0, 1.0], [[1.0, 3.0]])
    assert_allclose(dist.mean(), 0.75)
    assert_allclose(dist.var(), 0.1875 + 1 / 12)
    assert_array_equal(dist.mode(), 1.0)
    assert_allclose(
        dist.cdf([[-0.5, 0.0, 0.5, 1.0, 1.5]]), [[0, 0.125, 0.25, 0.625, 1]]
    )
    assert_allclose(dist.entropy(), -0.25 * np.log(0.25) - 0.75 * np.log(0.75))


def test_mode_ties_go_to_the_highest_density():
    dist = PredictiveDistribution(
        [0.0, 1.0, 1.7], [[2, 2, 1], [2, 1, 2], [1, 1, 1]], edges=[-9, 0.5, 1.5, 1.8]
    )
    assert_array_equal(dist.mode(), [1.0, 1.7, 1.7])


# -- one density --------------------------------------------------------------


def test_every_method_is_that_of_the_samples():
    dist, n = uneven_distribution(), 100_000
    y = np.random.default_rng(1).normal(size=len(dist))
    draws = dist.sample(n, random_state=0)
    error = np.abs(draws - y[:, None])
    pairs = np.abs(draws[:, ::2] - draws[:, 1::2]) / 2
    inside = dist[dist.pmf()[:, 1] > 0]
    expected = [
        (dist.mean(), draws),
        (dist.var(), (draws - dist.mean()[:, None]) ** 2),
        (dist.wasserstein1(y), error),
        (dist.crps(y), error[:, ::2] - pairs),
        (dist.cdf(y), (draws <= y[:, None]).astype(float)),
        (np.full(len(inside), 0.3), inside.sample(n, 0) <= inside.ppf([[0.3]])),
    ]
    for k in (1, 2, 3, 8, 9, 64):
        errors = draws[:, : n // k * k].reshape(len(dist), -1, k) - y[:, None, None]
        expected += [
            (dist.best_at_k(y, k), np.min(errors**2, axis=2)),
            (dist.mean_at_k(y, k), np.mean(errors, axis=2) ** 2),
            (dist.median_at_k(y, k), np.median(errors, axis=2) ** 2),
        ]
    smooth = random_distribution()  # draws at an edge of a bin have a coarse density
    densities = smooth.logpdf(smooth.sample(n, random_state=0))
    expected.append((smooth.entropy(), -densities))
    for answer, terms in expected:
        noise = terms.std(axis=1) / terms.shape[1] ** 0.5
        assert (np.abs(answer - terms.mean(axis=1)) < 5 * noise + 1e-12).all()


@pytest.mark.parametrize("y", [-5.0, 0.1, 6.0])
def test_integrals_of_the_density(y):
    dist = uneven_distribution(n_rows=3)
    for one in dist:
        knots = knots_of(one)
        beyond = np.unique(np.r_[knots, y])
        gap = integral(lambda t, one=one: (one.cdf(t)[0] - (t >= y)) ** 2, beyond)
        assert_allclose(one.crps(y), gap, rtol=1e-6)
        assert_allclose(
            one.best_at_k(y, 3),
            integral(
                lambda t, one=one: (
                    2 * t * (1 - one.cdf(y + t)[0] + one.cdf(y - t)[0]) ** 3
                ),
                np.unique(np.r_[0.0, np.abs(knots - y)]),
            ),
            rtol=1e-6,
        )
        middles = np.sort(np.r_[knots, (knots[1:] + knots[:-1]) / 2])
        levels = np.r_[0, one.cdf([middles])[0], 1]
        median = integral(
            lambda u, one=one: 30 * (u * (1 - u)) ** 2 * (one.ppf(u)[0] - y) ** 2,
            np.unique(levels),
        )
        assert_allclose(one.median_at_k(y, 5), median, rtol=1e-6)


def test_density_integrates_to_the_masses_and_the_mean_of_a_bin_is_its_number():
    dist = uneven_distribution(n_rows=40)
    low, high = dist.edges[:, :-1], dist.edges[:, 1:]
    left, right = dist.support - low, high - dist.support
    resolved = np.minimum(left, right) > 1e-6 * (high - low)  # not at an edge
    below = dist.pdf((low + dist.support) / 2) * left
    above = dist.pdf((high + dist.support) / 2) * right
    assert resolved.mean() > 0.5
    assert_allclose((below + above)[resolved], dist.pmf()[resolved])
    moment = below * -left / 2 + above * right / 2  # around the number
    assert_allclose(moment[resolved], 0, atol=1e-12)


def test_one_draw_has_the_variance_and_the_squared_error_of_the_mean():
    for dist in (uneven_distribution(), uniform_distribution(6)):
        y = np.linspace(-2, 2, 6)
        expected = dist.var() + (dist.mean() - y) ** 2
        for method in (dist.best_at_k, dist.mean_at_k, dist.median_at_k):
            assert_allclose(method(y, 1), expected, rtol=1e-10)


def test_two_draws_have_their_mean_as_median():
    dist, y = uneven_distribution(), np.linspace(-2, 2, 6)
    assert_allclose(dist.median_at_k(y, 2), dist.mean_at_k(y, 2), rtol=1e-10)


@pytest.mark.parametrize("edge", [1, 2])
@pytest.mark.parametrize("wide", [1e-3, 1.0, 1e6])
def test_a_number_at_an_edge_is_a_point_mass(edge, wide):
    edges = np.array([1.0, 1 + wide])
    number = edges[edge - 1]
    dist = PredictiveDistribution([number], [[1.0]], edges=edges)
    width = edges[1] - edges[0]
    assert_allclose(dist.mean(), number, rtol=1e-15)
    assert_allclose(dist.sample(100, random_state=0), number, rtol=1e-9)
    assert_allclose(dist.std(), 0, atol=1e-6 * (1 + width))
    for y in (edges[0], 1 + wide / 2, edges[1]):
        for name in set(PER_ROW) - {"logcdf", "logsf"}:
            assert np.isfinite(PER_ROW[name](dist, np.array([y]))).all()
        assert_allclose(dist.wasserstein1(y), abs(y - number), atol=1e-8 * (1 + width))
        assert_allclose(dist.crps(y), abs(y - number), atol=1e-8 * (1 + width))


def test_bins_around_even_numbers_are_uniform_wherever_rounding_puts_them():
    pmf = np.random.default_rng(0).dirichlet(np.ones(50), 3)
    y = np.linspace(-1, 8, 3)
    exact = PredictiveDistribution(np.arange(50) / 8, pmf)
    rounded = PredictiveDistribution(
        exact.support * (1 + 1e-15), pmf, edges=exact.edges
    )
    for method in PER_ROW.values():
        assert_allclose(method(rounded, y), method(exact, y), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("k", [10**6, 10**6 + 1, 10**12, 10**16, 10**16 + 1, 10**18])
def test_errors_of_very_many_draws_are_those_of_large_samples(k):
    edges = np.linspace(-8, 8, 2001)
    middles = (edges[1:] + edges[:-1]) / 2
    normal = PredictiveDistribution(middles, [np.diff(norm.cdf(edges))], edges=edges)
    assert_allclose(normal.median_at_k(0.0, k) * k, np.pi / 2, rtol=1e-4)
    assert_allclose(normal.median_at_k(1.0, k), 1.0, rtol=1e-5)
    # The nearest of k is twice exponential: E[t**2] = 2 / (k * 2 * pdf) ** 2.
    assert_allclose(normal.best_at_k(0.0, k) * k**2, np.pi, rtol=1e-3)
    spikes = [-1e-9, 1e-9, 2 - 1e-9, 2 + 1e-9]
    tossed = PredictiveDistribution([0.0, 1.0, 2.0], [[1, 0, 1]], edges=spikes)
    tie = np.sqrt(2 / np.pi / k) * (k % 2 == 0)  # as many heads as tails
    assert_allclose(tossed.median_at_k(0.0, k), 2 - tie, rtol=1e-3)


@pytest.mark.parametrize("name", ["best_at_k", "mean_at_k", "median_at_k"])
def test_numbers_of_draws_for_each_row(name):
    dist, y = uneven_distribution(n_rows=4), np.linspace(-1, 1, 4)
    method, k = getattr(dist, name), [1, 2, 5, 8]
    expected = [getattr(dist[i], name)(y[i], k[i])[0] for i in range(4)]
    assert_allclose(method(y, k), expected, rtol=1e-12)
    assert_array_equal(method(y, 3), method(y, np.full(4, 3, dtype=np.uint8)))
    assert_array_equal(method(y, np.uint8(255)), method(y, 255))


def test_more_draws_have_a_nearer_best():
    dist, y = uneven_distribution(), np.linspace(-2, 2, 6)
    curve = np.stack([dist.best_at_k(y, k) for k in (1, 2, 3, 8, 99, 10**6)])
    assert (np.diff(curve, axis=0) < 0).all()


@settings(max_examples=60, deadline=None)
@given(distributions(), LEVELS)
def test_ppf_inverts_cdf_and_increases(dist, levels):
    quantiles = dist.ppf([levels])
    assert_allclose(dist.cdf(quantiles), [levels], rtol=0, atol=1e-9)
    assert (np.diff(quantiles[0][np.argsort(levels)]) > 0).all()
    assert_array_equal(dist.ppf([levels[::-1]]), quantiles[:, ::-1])


@settings(max_examples=60, deadline=None)
@given(distributions(), st.floats(-100, 100), st.floats(0.01, 100))
def test_scale_moves_through(dist, shift, factor):
    unit = np.abs(dist.support).max() or 1.0
    y = shift * unit
    scaled = PredictiveDistribution(
        dist.support * factor, dist.pmf(), edges=dist.edges * factor
    )
    assert_allclose(scaled.mean(), dist.mean() * factor, atol=1e-12 * unit * factor)
    assert_allclose(scaled.std(), dist.std() * factor, atol=1e-12 * unit * factor)
    assert_allclose(scaled.crps(y * factor), dist.crps(y) * factor)
    assert_allclose(scaled.entropy(), dist.entropy() + np.log(factor), atol=1e-9)
    assert dist.crps(y) >= 0


def test_quantiles_never_cross_in_the_narrowest_bins():
    dist = PredictiveDistribution([-1.0, 1 / 3, 1 / 3, 1 / 3], np.ones((1, 4)))
    quantiles = dist.ppf(np.linspace(0.001, 0.999, 9999)[None])
    assert (np.diff(quantiles) >= 0).all()
    assert quantiles.max() <= dist.edges[-1]


def test_between_two_bins():
    dist = PredictiveDistribution([0.0, 1.0, 2.0], [[1, 0, 1], [1, 2, 5]])
    assert_array_equal(dist.median()[0], 0.5)  # the lower end of the gap
    assert_array_equal(dist.pdf(1.5)[1], 5 / 8)  # an edge belongs to the bin above
    assert_array_equal(dist.pdf(2.5)[1], 5 / 8)


def test_samples_follow_the_distribution():
    dist = random_distribution(n_rows=1)
    draws = dist.sample(5_000, random_state=0)
    assert kstest(dist.cdf(draws)[0], "uniform").pvalue > 0.01
    lower, upper = dist.interval(0.9)[0]
    assert_allclose(np.mean((lower <= draws) & (draws <= upper)), 0.9, atol=0.01)


def test_samples_repeat_with_the_seed_and_leave_the_global_generator_alone():
    dist = random_distribution()
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    draws = dist.sample(3, random_state=1)
    assert draws.shape == (6, 3)
    assert_array_equal(draws, dist.sample(3, random_state=1))
    assert (draws != dist.sample(3, random_state=2)).all()
    assert_array_equal(state, np.random.get_state()[1])  # noqa: NPY002


def test_a_draw_of_the_lowest_level_has_mass():
    class Lowest(np.random.RandomState):
        def uniform(self, low, high, size):
            return np.full(size, low)

    dist = PredictiveDistribution([0.0, 1.0], [[0, 1]])
    assert_allclose(dist.sample(random_state=Lowest()), 0.5)


@pytest.mark.parametrize("k", [10**9, 10**16, 10**17, 2**62 - 2])
def test_medians_of_very_many_draws_are_alike(k):
    """One more draw changes nothing, whichever way the masses are rounded."""
    rng = np.random.default_rng(0)
    for n, m in rng.integers(2, 9, (40, 2)):
        mass = np.r_[rng.dirichlet(np.ones(n)), 0, rng.dirichlet(np.ones(m))]
        dist = PredictiveDistribution([0.0] * n + [0.2] + [1.0] * m, [mass])
        expected = dist.median_at_k(0.2, k + 1)
        assert_allclose(dist.median_at_k(0.2, k), expected, rtol=10 / k**0.5 + 1e-6)
        assert_allclose(expected, (0.2**2 + 0.8**2) / 2, rtol=1e-3)


def test_errors_of_draws_agree_far_from_zero():
    """One draw is its own mean, median and best, and numbers keep their digits."""
    far = PredictiveDistribution([1e9, 1e9 + 1e-3], [[1, 2]])
    y = 1e9 + 6e-4
    expected = far.best_at_k(y, 1)
    assert_allclose(far.mean_at_k(y, 1), expected, rtol=1e-9)
    assert_allclose(far.median_at_k(y, 1), expected, rtol=1e-9)
