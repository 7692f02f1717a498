"""PredictiveDistribution at extreme scales."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from predictive_examples import PER_ROW, random_distribution

from sklearn_genre.distributions import PredictiveDistribution


@pytest.mark.parametrize("scale", [1e-200, 1e-30, 1e30, 1e200])
def test_extreme_scales_keep_relative_accuracy(scale):
    dist = random_distribution()
    scaled = PredictiveDistribution(dist.support * scale, dist.pmf())
    y = np.linspace(-3, 3, 6)
    for name in ("mean", "std", "median", "mode"):
        assert_allclose(getattr(scaled, name)() / scale, getattr(dist, name)())
    assert_allclose(scaled.crps(y * scale) / scale, dist.crps(y))
    assert_allclose(scaled.cdf(y * scale), dist.cdf(y))
    assert_allclose(
        scaled.logpdf(dist.median() * scale) + np.log(scale), dist.logpdf(dist.median())
    )


def test_a_small_spread_far_from_zero_does_not_cancel():
    steps, pmf = np.arange(5) * 2.0**-20, np.array([[1, 2, 3, 2, 2]])
    near, far = (PredictiveDistribution(steps + c, pmf) for c in (0.0, 2.0**30))
    assert_allclose(far.var(), near.var(), rtol=1e-12)
    truth = 1.5 * 2.0**-20
    assert_allclose(far.crps(2.0**30 + truth), near.crps(truth), rtol=1e-12)


def test_a_spread_below_the_spacing_is_finite():
    dist = PredictiveDistribution(1e6 + np.linspace(0, 1e-12, 64), np.ones((2, 64)))
    for method in PER_ROW.values():
        assert np.isfinite(method(dist, np.full(2, dist.median()[0]))).all()
    assert_allclose(dist.mean(), 1e6, rtol=1e-12)
    assert_allclose(dist.crps(1e6), 0, atol=1e-6)


def test_numbers_without_mass_do_not_matter():
    inner = PredictiveDistribution([1.0, 2.0], [[1, 1]])
    edges = np.r_[-1.5e300, inner.edges, 1.5e300]
    outer = PredictiveDistribution(
        [-1e300, 1.0, 2.0, 1e300], [[0, 1, 1, 0]], edges=edges
    )
    for k in (1, 2, 5):
        for name in ("best_at_k", "mean_at_k", "median_at_k"):
            expected = getattr(inner, name)(1.2, k)
            assert_allclose(getattr(outer, name)(1.2, k), expected)
    for name in ("mean", "std", "entropy"):
        assert_allclose(getattr(outer, name)(), getattr(inner, name)())


def test_masses_are_normalised_at_any_scale():
    masses = np.array([[1.0, 3.0]])
    for scale in (1e-300, 1.0, 5e307):
        dist = PredictiveDistribution([0, 1], masses * scale)
        assert_allclose(dist.pmf(), [[0.25, 0.75]])
