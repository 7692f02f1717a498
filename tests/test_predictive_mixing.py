"""Several distributions as one, and distributions as plain lists."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from predictive_examples import PER_ROW, random_distribution, uneven_distribution

from sklearn_genre.distributions import PredictiveDistribution, _lazy, _piecewise

KINDS = {
    "voronoi": lambda seed: random_distribution(seed=seed),
    "uneven": lambda seed: uneven_distribution(seed=seed),
    "few": lambda seed: random_distribution(n_values=2, seed=seed),
    "point": lambda seed: PredictiveDistribution(
        np.full((6, 1), seed), np.ones((6, 1))
    ),
    "shared": lambda seed: PredictiveDistribution(
        np.arange(5.0) + seed, random_distribution(n_values=5, seed=seed).pmf()
    ),
    "clipped": lambda seed: random_distribution(seed=seed).clip(-0.5, 0.5),
}
PAIRS = [(a, b) for a in KINDS for b in KINDS if a <= b]
ARRAYS = {"pmf"}  # of another width where there are more bins


def close(a, b):
    assert_allclose(a, b, rtol=1e-7, atol=1e-9)


# -- one after the other -------------------------------------------------------


@pytest.mark.parametrize("pair", PAIRS)
def test_concatenated_rows_are_those_of_the_parts(pair):
    parts = [KINDS[kind](seed) for seed, kind in enumerate(pair)]
    whole = PredictiveDistribution.concatenate(parts)
    y = np.linspace(-1.05, 0.97, 12)
    for name in set(PER_ROW) - ARRAYS - {"pdf", "logpdf", "entropy"}:
        method = PER_ROW[name]
        expected = [method(part, y[i * 6 :][:6]) for i, part in enumerate(parts)]
        close(method(whole, y), np.concatenate(expected))
    if "point" not in pair and "clipped" not in pair:
        density = np.concatenate([p.pdf(y[i * 6 :][:6]) for i, p in enumerate(parts)])
        close(whole.pdf(y), density)
    assert (np.diff(whole.edges, axis=-1) > 0).all()
    assert (np.diff(whole.support, axis=-1) >= 0).all()
    remade = PredictiveDistribution.from_dict(whole.to_dict())
    close(remade.mean(), whole.mean())


def test_concatenated_clipped_rows_stay_inside():
    parts = [random_distribution(seed=s, n_values=5 + s).clip(0, 0.3) for s in range(4)]
    whole = PredictiveDistribution.concatenate(parts)
    mixed = PredictiveDistribution.mixture(parts)
    for dist in (whole, mixed):
        for numbers in (
            dist.support,
            dist.edges,
            dist.mean(),
            dist.ppf([[0, 1e-9, 0.5, 1 - 1e-9, 1]]),
            dist.sample(99, random_state=0),
        ):
            assert numbers.min() >= 0
            assert numbers.max() <= 0.3


def test_shared_bins_stay_shared():
    dist = KINDS["shared"](0)
    whole = PredictiveDistribution.concatenate([dist[:2], dist[2:3], dist[3:]])
    assert whole.support.ndim == whole.edges.ndim == 1
    for method in PER_ROW.values():
        assert_array_equal(method(whole, np.arange(6.0)), method(dist, np.arange(6.0)))
    half = PredictiveDistribution.mixture([dist, dist[::-1]])
    assert_array_equal(half.support, dist.support)
    assert_allclose(half.pmf(), (dist.pmf() + dist.pmf()[::-1]) / 2)


def test_empty_parts_count_nothing():
    dist = random_distribution()
    whole = PredictiveDistribution.concatenate([dist[:0], dist, KINDS["few"](0)[:0]])
    assert_array_equal(whole.support, dist.support)
    assert len(PredictiveDistribution.concatenate([dist[:0], dist[:0]])) == 0
    assert len(PredictiveDistribution.mixture([dist[:0], dist[:0]])) == 0


# -- mixtures --------------------------------------------------------------------


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("weights", [None, [3.0, 1.0], [0.0, 2.0]])
def test_a_mixture_has_the_mean_probability(pair, weights):
    parts = [KINDS[kind](seed) for seed, kind in enumerate(pair)]
    mixed = PredictiveDistribution.mixture(parts, weights)
    a, b = np.full(2, 0.5) if weights is None else np.array(weights) / sum(weights)
    y = np.random.default_rng(9).normal(size=(6, 40))
    for name in ("cdf", "sf"):
        first, second = (getattr(part, name)(y) for part in parts)
        assert_allclose(getattr(mixed, name)(y), a * first + b * second, atol=1e-10)
    for order in (1, 2):
        first, second = (part.moment(order) for part in parts)
        close(mixed.moment(order), a * first + b * second)
    close(mixed.clipped, a * parts[0].clipped + b * parts[1].clipped)
    assert_allclose(mixed.pmf().sum(axis=1), 1)
    assert (np.diff(mixed.edges, axis=-1) > 0).all()
    if "point" not in pair and "clipped" not in pair:
        first, second = (part.pdf(y) for part in parts)
        close(mixed.pdf(y), a * first + b * second)


def test_the_crps_of_a_mixture_is_that_of_its_probability():
    parts = [KINDS["uneven"](0), KINDS["shared"](1), KINDS["few"](2)]
    weights = np.array([0.5, 0.3, 0.2])
    mixed = PredictiveDistribution.mixture(parts, weights)
    t, y = np.linspace(-8, 12, 200_001)[None], 0.4
    cdf = np.tensordot(weights, [part.cdf(t) for part in parts], axes=1)
    expected = ((cdf - (t >= y)) ** 2).sum(axis=1) * 1e-4
    assert_allclose(mixed.crps(y), expected, rtol=1e-3)


def test_a_point_mass_at_an_edge_stays_there_in_a_mixture():
    edges, zero = [[-0.5, 0.0, 0.5]], [[0.0, 0.0]]
    points = PredictiveDistribution(zero, [[0.4, 0.6]], edges=edges)
    wide = PredictiveDistribution([[1.0]], [[1.0]], edges=[[-1.0, 3.0]])
    mixed = PredictiveDistribution.mixture([points, wide])
    y = np.array([[-0.4, -1e-9, 1e-9, 0.3]])
    assert_allclose(mixed.cdf(y), (points.cdf(y) + wide.cdf(y)) / 2, atol=1e-9)
    assert_allclose(points.cdf(y), [[0, 0, 1, 1]], atol=1e-6)


def test_small_masses_of_a_mixture_are_kept():
    far = PredictiveDistribution([0.0, 1.0, 2.0], [[1.0, 1e-30, 1e-200]])
    near = PredictiveDistribution([0.1, 0.3], [[1.0, 1.0]])
    mixed = PredictiveDistribution.mixture([far, near])
    y = np.array([[0.7, 1.2, 1.9, 2.3]])
    assert_allclose(mixed.sf(y), (far.sf(y) + near.sf(y)) / 2, rtol=1e-12)


# -- rows that are read when needed --------------------------------------------------


@pytest.mark.parametrize("combine", ["concatenate", "mixture"])
@pytest.mark.parametrize("pair", [("voronoi", "uneven"), ("shared", "few")])
def test_rows_are_combined_when_they_are_read(combine, pair, monkeypatch):
    parts = [KINDS[kind](seed) for seed, kind in enumerate(pair)]
    whole = getattr(PredictiveDistribution, combine)(parts)
    for module, name, value in (
        (_piecewise, "N_MASSES", 32),
        (_lazy, "READ", 32),
        (_lazy, "FIRST", 1),
        (_lazy, "MAX_KEPT", 1),
    ):
        monkeypatch.setattr(module, name, value)
    n_read = []

    def reader(part):
        def read(index):
            n_read.append(len(index))
            return part[index]

        return read

    lazy = getattr(PredictiveDistribution, combine)(
        [PredictiveDistribution.lazy(6, reader(part)) for part in parts]
    )
    assert sum(n_read) <= 8
    y = np.linspace(-1, 1, len(whole))
    for method in PER_ROW.values():
        assert_allclose(method(lazy, y), method(whole, y), rtol=1e-12, atol=1e-14)
    order = np.random.default_rng(0).permutation(len(whole))
    assert_allclose(lazy[order].mean(), whole.mean()[order], rtol=1e-12)


# -- plain lists ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_lists_make_the_same_distribution(kind):
    dist, y = KINDS[kind](3), np.linspace(-1, 1, 6)
    loaded = PredictiveDistribution.from_dict(json.loads(json.dumps(dist.to_dict())))
    for method in PER_ROW.values():
        assert_array_equal(method(loaded, y), method(dist, y))
    assert_array_equal(loaded.support, dist.support)
    assert_array_equal(loaded.edges, dist.edges)


def test_lists_without_edges_and_arrays_will_do():
    dist = random_distribution()
    made = PredictiveDistribution.from_dict({"values": dist.support, "pmf": dist.pmf()})
    assert_array_equal(made.edges, dist.edges)
