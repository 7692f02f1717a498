"""Distributions clipped to a range."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from predictive_examples import PER_ROW, random_distribution, uneven_distribution

from sklearn_genre.distributions import PredictiveDistribution, _lazy, _piecewise


def shared_distribution(n_rows=6):
    rng = np.random.default_rng(3)
    values = np.sort(rng.normal(size=30))
    return PredictiveDistribution(values, rng.dirichlet(np.ones(30), n_rows))


DISTRIBUTIONS = [random_distribution(), uneven_distribution(), shared_distribution()]
RANGES = [(0, None), (None, 0.1), (-0.3, 0.4), (5, 6), (-6.0, -5), (0.1, 0.1 + 1e-6)]


@pytest.mark.parametrize("dist", DISTRIBUTIONS)
@pytest.mark.parametrize(("low", "high"), RANGES)
def test_everything_lies_inside_the_range(dist, low, high):
    inside = dist.clip(low, high)
    levels = np.tile([1e-300, 1e-9, 0.3, 0.9, 1 - 2**-53], (len(dist), 1))
    start, stop = -np.inf if low is None else low, np.inf if high is None else high
    for numbers in (
        inside.support,
        inside.edges,
        inside.bounds,
        inside.mean(),
        inside.median(),
        inside.mode(),
        inside.ppf(levels),
        inside.sample(200, random_state=0),
    ):
        assert (numbers >= start).all()
        assert (numbers <= stop).all()
    assert (np.diff(inside.edges, axis=-1) > 0).all()


@pytest.mark.parametrize("dist", DISTRIBUTIONS)
@pytest.mark.parametrize(("low", "high"), RANGES)
def test_numbers_keep_their_mass(dist, low, high):
    expected = (dist.pmf() * np.clip(dist.support, low, high)).sum(axis=1)
    clipped = dist.clip(low, high)
    assert_allclose(clipped.mean(), expected, rtol=1e-12, atol=1e-12)
    for row, before in zip(clipped, dist, strict=True):
        edges = np.ravel(before.edges)
        inside = edges[(edges > row.bounds[0, 0]) & (edges < row.bounds[0, 1])]
        assert_allclose(row.cdf([inside]), before.cdf([inside]), rtol=1e-12)


@pytest.mark.parametrize("dist", DISTRIBUTIONS)
def test_a_range_that_holds_all_changes_nothing(dist):
    y = np.linspace(-1, 1, len(dist))
    for clipped in (dist.clip(), dist.clip(-50, 50), dist.clip(high=50)):
        for method in PER_ROW.values():
            assert_array_equal(method(clipped, y), method(dist, y))


def test_rows_read_when_needed_are_clipped_when_they_are_read(monkeypatch):
    for module, name, value in (
        (_piecewise, "N_MASSES", 32),
        (_lazy, "READ", 64),
        (_lazy, "FIRST", 1),
        (_lazy, "MAX_KEPT", 90),
    ):
        monkeypatch.setattr(module, name, value)
    for dist in DISTRIBUTIONS:
        read = []

        def rows(index, dist=dist, read=read):
            read.append(len(index))
            return dist[index]

        lazy = PredictiveDistribution.lazy(len(dist), rows).clip(low=0.0)
        assert len(read) < len(dist)
        y = np.linspace(-1, 1, len(dist))
        for method in PER_ROW.values():
            assert_array_equal(method(lazy, y), method(dist.clip(0.0), y))


@pytest.mark.parametrize("scale", [1e-290, 1.0, 1e290])
def test_a_point_mass_beyond_the_range_moves_to_its_end(scale):
    dist = PredictiveDistribution(np.full((2, 4), -scale), np.ones((2, 4)))
    assert_array_equal(dist.clip(low=0).mean(), 0)
    assert_allclose(dist.clip(low=0).sample(3, random_state=0), 0, atol=1e-20)
    assert_array_equal(dist.clip(scale, 2 * scale).mean(), scale)
    assert_allclose(dist.clip(high=-2 * scale).ppf(0.5), -2 * scale)


@pytest.mark.parametrize(
    ("ends", "message"),
    [
        ((1, 1), "low=1.0, high=1.0"),
        ((2, 1), "low must be below high"),
        ((np.nan, 1), "low == nan"),
        ((0, 10**400), "high == "),
        ((1.0, np.nextafter(1.0, 2)), "further apart"),
    ],
)
def test_a_range_that_is_none(ends, message):
    with pytest.raises(ValueError, match=message):
        shared_distribution().clip(*ends)
