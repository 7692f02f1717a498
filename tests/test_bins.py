"""Bins around numbers: their edges, and maps of them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_genre.distributions import (
    PredictiveDistribution,
    bin_edges,
    mapped_bins,
)


def test_bins_are_voronoi_bins_with_symmetric_ends():
    assert_allclose(
        bin_edges([[0.0, 1, 3], [1, 2, 3]]), [[-0.5, 0.5, 2, 4], [0.5, 1.5, 2.5, 3.5]]
    )


def test_small_bins_beside_large_ones_are_kept():
    values = np.array([1e-20, 2e-20, 4e-20, 1e10])
    assert_allclose(bin_edges(values)[:3], [0.5e-20, 1.5e-20, 3e-20], rtol=1e-12)


@pytest.mark.parametrize(
    "values",
    [
        [5.0],
        [0.0],
        [0.0, 0.0, 0.0],
        [-0.0, 0.0, 1.0],
        [0.0, 0.0, 1e10],
        [-1e300, 0.0, 0.0, 0.0, 1e300],
        [1e300] * 300,
        [-1e-300] * 300,
        [5e-324, 5e-324, 1e-323],
        [1e6 + i * 1e-12 for i in range(50)],
        [1.0, np.nextafter(1.0, 2.0), 2.0],
        [-2e307, 2e307],
    ],
)
def test_bins_always_have_finite_positive_width(values):
    edges = bin_edges(values)
    assert np.isfinite(edges).all()
    assert (np.diff(edges) > 0).all()
    largest = np.abs(values).max()
    assert_allclose(edges[1:-1], middles(values), atol=1e-12 * (largest or 1) + 1e-320)


def middles(values):
    values = np.asarray(values)
    return values[:-1] / 2 + values[1:] / 2


def test_ties_in_one_row_leave_the_others_alone():
    rows = np.array([[0.0, 1e-20, 1e10], [1.0, 1.0, 1.0]])
    edges = bin_edges(rows)
    assert_array_equal(edges[0], bin_edges(rows[0]))
    assert_allclose(edges[1], 1.0, atol=1e-14)


def test_flat_edges_are_repaired_next_to_where_they_are_flat():
    given_edges = np.array([0.0, 1.0, 1.0, 1.0, 2.0])
    edges = PredictiveDistribution(
        [0.5, 1.0, 1.0, 1.5], np.ones((1, 4)), edges=given_edges
    ).edges
    assert (np.diff(edges) > 0).all()
    assert_array_equal(edges[[0, 2, 4]], [0, 1, 2])
    assert_allclose(edges, given_edges, atol=1e-14)


@pytest.mark.parametrize("number", [7.0, -7.0, 0.0, 1e300, -1e-300])
@pytest.mark.parametrize("n_values", [1, 4, 5])
def test_flat_edges_are_spread_evenly_around_their_number(number, n_values):
    edges = np.full(n_values + 1, number)
    dist = PredictiveDistribution(edges[1:], np.ones((1, n_values)), edges=edges)
    assert_allclose(number - dist.edges[0], dist.edges[-1] - number, rtol=1e-12)
    assert_allclose(dist.cdf(number), 0.5, atol=1e-12)
    ((low, high),) = dist.interval()
    assert low < number < high


def test_bins_that_a_map_makes_flat_become_one():
    rng = np.random.default_rng(0)
    z, mass = np.arange(12.0), rng.dirichlet(np.ones(12), 3)
    values, masses, edges = mapped_bins(
        np.clip(z, 3, 8), mass, np.clip(bin_edges(z), 3, 8)
    )
    assert_array_equal(values, [3, 3, 4, 5, 6, 7, 8, 8])
    assert_array_equal(edges, [3, 3, 3.5, 4.5, 5.5, 6.5, 7.5, 8, 8])
    assert_allclose(masses[:, 0], mass[:, :3].sum(axis=1))
    assert_allclose(masses[:, -1], mass[:, 9:].sum(axis=1))
    assert_array_equal(masses[:, 1:-1], mass[:, 3:9])


@pytest.mark.parametrize("shared", [True, False])
def test_bins_that_a_map_leaves_apart_stay(shared):
    values, mass = np.array([0.0, 1.0, 3.0]), np.full((2, 3), 1 / 3)
    if not shared:
        values = np.stack([values, values - 1])
    for before, after in zip(
        (values, mass, bin_edges(values)),
        mapped_bins(values, mass, bin_edges(values)),
        strict=True,
    ):
        assert_array_equal(after, before)


def test_edges_that_a_map_moves_beyond_a_number_go_back_to_it():
    values, edges = np.array([[1.0, 1, 2]]), np.array([[-5.0, 0.5, 1e9, 2e9]])
    _, _, moved = mapped_bins(values, np.ones((1, 3)), edges)
    assert_array_equal(moved, [[-5.0, 1, 2, 2e9]])


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e300])
def test_a_distribution_can_be_made_of_what_it_holds(shared, scale):
    values = scale * np.array([0.0, 0, 0, 1, 1, 1, 1, 2])
    if not shared:
        values = np.stack([values, values[::-1] * -1])
    dist = PredictiveDistribution(values, np.ones((2, 8)))
    remade = PredictiveDistribution(dist.support, dist.pmf(), edges=dist.edges)
    assert_array_equal(remade.edges, dist.edges)


def test_rounding_noise_in_the_order_is_forgiven():
    below = np.nextafter(1.0, 0.0)
    dist = PredictiveDistribution([1.0, below, 2.0], np.ones((1, 3)))
    assert (np.diff(dist.support) >= 0).all()
    assert_allclose(dist.support, [1, 1, 2], rtol=1e-15)
