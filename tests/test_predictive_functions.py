"""Tails, ends and moments of PredictiveDistribution."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from predictive_examples import random_distribution, uneven_distribution
from scipy.stats import norm

from sklearn_genre.distributions import PredictiveDistribution, bin_edges


def integers(n_rows=3):
    rng = np.random.default_rng(1)
    mass = rng.dirichlet(np.ones(9), n_rows)
    mass[:, [0, 4, 8]] = 0  # no mass at the ends and in the middle
    return PredictiveDistribution(np.arange(9.0) - 3, mass)


def point_masses():
    return PredictiveDistribution([[0.0] * 4, [7.0] * 4], np.ones((2, 4)))


DISTRIBUTIONS = {
    "voronoi": random_distribution(),
    "uneven": uneven_distribution(),
    "integers": integers(),
    "clipped": random_distribution().clip(-0.5, 0.5),
    "points": point_masses(),
}


@pytest.fixture(params=DISTRIBUTIONS)
def dist(request):
    return DISTRIBUTIONS[request.param]


def places(dist):
    """Return numbers below, at, between and above the edges, and within the mass."""
    edges = np.broadcast_to(dist.edges, (len(dist), dist.edges.shape[-1]))
    middles = edges[:, 1:] / 2 + edges[:, :-1] / 2
    beyond = edges[:, [0]] - 1, edges[:, [-1]] + 1
    within = dist.ppf(np.linspace(0, 1, 41)[None])
    return np.concatenate([edges, middles, *beyond, within], axis=1)


def test_the_functions_of_a_number_agree(dist):
    y = places(dist)
    assert_allclose(dist.sf(y), 1 - dist.cdf(y), atol=1e-14)
    assert_allclose(np.exp(dist.logcdf(y)), dist.cdf(y), atol=1e-14)
    assert_allclose(np.exp(dist.logsf(y)), dist.sf(y), atol=1e-14)
    assert (np.diff(dist.cdf(np.sort(y, axis=1)), axis=1) >= 0).all()
    assert (np.diff(dist.sf(np.sort(y, axis=1)), axis=1) <= 0).all()


def test_the_functions_of_a_level_agree(dist):
    levels = np.array([[0.0, 1e-6, 0.1, 0.5, 0.75, 1 - 1e-6, 1.0]])
    assert_array_equal(dist.quantile(levels), dist.ppf(levels))
    size = np.abs(dist.edges).max()
    assert_allclose(dist.isf(levels), dist.ppf(1 - levels), atol=1e-9 * size)
    assert (np.diff(dist.ppf(levels), axis=1) >= 0).all()
    if dist in (DISTRIBUTIONS["voronoi"], DISTRIBUTIONS["integers"]):
        again = np.tile(levels, (len(dist), 1))
        assert_allclose(dist.cdf(dist.ppf(levels)), again, atol=1e-9)
        assert_allclose(dist.sf(dist.isf(levels)), again, atol=1e-9)


def test_the_levels_0_and_1_are_the_ends_of_the_mass(dist):
    has_mass = dist.pmf() > 0
    edges = np.broadcast_to(dist.edges, (len(dist), dist.edges.shape[-1]))
    first = [edges[i, has.argmax()] for i, has in enumerate(has_mass)]
    last = [edges[i, np.flatnonzero(has).max() + 1] for i, has in enumerate(has_mass)]
    assert_array_equal(dist.ppf(0), first)
    assert_array_equal(dist.isf(1), first)
    assert_array_equal(dist.ppf(1), last)
    assert_array_equal(dist.isf(0), last)
    assert_array_equal(dist.interval(1), np.column_stack([first, last]))
    assert_array_equal(dist.cdf(first), 0)
    assert_array_equal(dist.sf(last), 0)


def test_the_ends_hold_the_smallest_masses():
    mass = [[1e-300, 0.5, 0.5, 1e-300]]
    dist = PredictiveDistribution([0.0, 1.0, 2.0, 3.0], mass)
    assert_array_equal(dist.interval(1), [[-0.5, 3.5]])


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("uneven", [False, True])
def test_tails_are_accurate_where_they_are_small(sign, uneven):
    """Masses fall by 1e-20 from bin to bin; sums of the farthest are exact."""
    n_values = 12
    mass = 10.0 ** (-20 * np.arange(n_values))
    values = np.arange(float(n_values))
    edges = bin_edges(values)
    if uneven:
        values = values + 0.3
    tail = PredictiveDistribution(values, [mass], edges=edges)
    if sign < 0:
        tail = PredictiveDistribution(-values[::-1], [mass[::-1]], edges=-edges[::-1])
    probability, log, inverse = (
        (tail.sf, tail.logsf, tail.isf)
        if sign > 0
        else (tail.cdf, tail.logcdf, tail.ppf)
    )
    beyond = np.cumsum(mass[::-1])[::-1] / mass.sum()
    assert_allclose(probability(sign * edges[None, :-1])[0], beyond, rtol=1e-12)
    assert_allclose(log(sign * edges[None, :-1])[0], np.log(beyond), rtol=1e-12)
    assert_allclose(inverse(beyond[None, 1:])[0], sign * edges[1:-1], atol=1e-9)
    y = sign * np.linspace(2.4, 11.4, 91)[None]
    expected = [
        sum(
            m / mass.sum() * (a if sign > 0 else b)
            for m, (a, b) in zip(mass, shares(values, edges, abs(t)), strict=True)
        )
        for t in y[0]
    ]
    if sign > 0:
        assert_allclose(probability(y)[0], expected, rtol=1e-12)
        assert_allclose(log(y)[0], np.log(expected), rtol=1e-12)


def shares(values, edges, t):
    """Yield the share of each bin that is above and below a number."""
    for v, (a, b) in zip(values, itertools.pairwise(edges), strict=True):
        lower = (b - v) / (b - a)
        below = lower * np.clip((t - a) / (v - a), 0, 1)
        below += (1 - lower) * np.clip((t - v) / (b - v), 0, 1)
        yield 1 - below, below


def test_tails_of_the_normal_distribution():
    edges = np.linspace(-12, 12, 2401)
    mass = np.where(edges[1:] <= 0, np.diff(norm.cdf(edges)), -np.diff(norm.sf(edges)))
    dist = PredictiveDistribution((edges[1:] + edges[:-1]) / 2, [mass], edges=edges)
    y = np.array([[-9.0, -5.0, 0.0, 5.0, 9.0]])
    assert_allclose(dist.logsf(y)[0], norm.logsf(y[0]), rtol=1e-9)
    assert_allclose(dist.logcdf(y)[0], norm.logcdf(y[0]), rtol=1e-9)
    assert_allclose(dist.isf(norm.sf(y))[0, 1:], y[0, 1:], atol=1e-9)
    assert_allclose(dist.ppf(norm.cdf(y))[0, :-1], y[0, :-1], atol=1e-9)


@pytest.mark.parametrize("order", [1, 2, 3, 6])
def test_moments_are_integrals(dist, order):
    moment = dist.moment(order)
    assert_allclose(dist.expect(lambda y: y**order), moment, rtol=1e-9, atol=1e-12)
    levels = (np.arange(20_000)[None] + 0.5) / 20_000
    total = (dist.ppf(levels) ** order).mean(axis=1)
    assert_allclose(total, moment, rtol=1e-4, atol=1e-5)


def test_the_first_two_moments_are_the_mean_and_the_variance(dist):
    assert_allclose(dist.moment(1), dist.mean(), atol=1e-12)
    assert_allclose(dist.moment(2) - dist.mean() ** 2, dist.var(), atol=1e-12)


@pytest.mark.parametrize("scale", [1e-200, 1e200, 1e300])
def test_moments_may_overflow_and_nothing_else_does(scale):
    small = random_distribution()
    dist = PredictiveDistribution(small.support * scale, small.pmf())
    assert_allclose(dist.moment(1), small.moment(1) * scale)
    assert_allclose(dist.std(), small.std() * scale)
    squares = dist.moment(2), dist.var(), dist.best_at_k(0.0, 2), dist.mean_at_k(0, 2)
    for square in squares:
        assert_array_equal(square, 0.0 if scale < 1 else np.inf)
    assert (dist.median_at_k(0.0, 2) == (0.0 if scale < 1 else np.inf)).all()
    with np.errstate(all="raise"):
        assert_array_equal(np.isfinite(dist.logpdf(dist.median())), True)


def test_a_density_beyond_float64_is_infinite_and_its_logarithm_is_not():
    dist = PredictiveDistribution([1e-310, 2e-310], [[1.0, 1.0]])
    assert_array_equal(dist.pdf(1.2e-310), np.inf)
    assert_allclose(dist.logpdf(1.2e-310), -np.log(2e-310), rtol=1e-6)


def test_expectations_are_those_of_draws():
    dist = uneven_distribution()
    draws = dist.sample(200_000, random_state=0)
    for function in (np.exp, np.cos, np.abs, lambda y: 1 / (1 + y**2)):
        mean, error = function(draws).mean(axis=1), function(draws).std(axis=1) / 447
        assert (np.abs(dist.expect(function) - mean) < 5 * error).all()
    assert_allclose(dist.expect(lambda y: 1.0), 1.0)


def test_expectations_do_not_look_where_there_is_no_mass():
    dist = PredictiveDistribution([0.0, 1.0, 2.0], [[0, 1, 1]])
    with np.errstate(divide="ignore", invalid="ignore"):
        assert np.isfinite(dist.expect(lambda y: np.log(y - 0.4))).all()


@pytest.mark.parametrize("order", [17, 40, 50])
def test_moments_are_those_of_the_bins_with_mass(order):
    far = PredictiveDistribution([0.5, 1e6], [[1.0, 0.0]], edges=[0.0, 1.0, 2e6])
    assert_allclose(far.moment(order), 1 / (order + 1))
    wide = PredictiveDistribution([5e-6, 5e5], [[0.5, 0.5]], edges=[0.0, 1e-5, 1e6])
    expected = (1e6 ** (order + 1) - 1e-5 ** (order + 1)) / (order + 1) / (1e6 - 1e-5)
    assert_allclose(wide.moment(order) / 1e270, expected / 2 / 1e270, rtol=1e-9)
