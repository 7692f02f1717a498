"""Properties and closed forms of PredictiveDistribution."""

import itertools
import pickle
import sys
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import quad
from scipy.stats import kstest

from sklearn_genre.distributions import (
    PredictiveDistribution,
    _lazy,
    _rows,
    cell_edges,
    mapped_cells,
)
from sklearn_genre.metrics import log_score

PER_ROW = {
    "mean": lambda d, y: d.mean(),
    "var": lambda d, y: d.var(),
    "std": lambda d, y: d.std(),
    "median": lambda d, y: d.median(),
    "mode": lambda d, y: d.mode(),
    "cdf": lambda d, y: d.cdf(y),
    "pdf": lambda d, y: d.pdf(y),
    "logpdf": lambda d, y: d.logpdf(y),
    "ppf": lambda d, y: d.ppf([0.9, 0.1]),
    "interval": lambda d, y: d.interval(0.8),
    "entropy": lambda d, y: d.entropy(),
    "crps": lambda d, y: d.crps(y),
    "best_at_k": lambda d, y: d.best_at_k(y, 3),
    "mean_at_k": lambda d, y: d.mean_at_k(y, 3),
    "median_at_k": lambda d, y: d.median_at_k(y, 4),
    "wasserstein1": lambda d, y: d.wasserstein1(y),
    "bounds": lambda d, y: d.bounds,
    "pmf": lambda d, y: d.pmf(),
    "clipped": lambda d, y: d.clipped,
}


def random_distribution(n_rows=6, n_values=8, seed=0):
    rng = np.random.default_rng(seed)
    values = np.sort(rng.normal(size=(n_rows, n_values)), axis=1)
    pmf = rng.dirichlet(np.ones(n_values), size=n_rows)
    return PredictiveDistribution(values, pmf, clipped=rng.uniform(size=n_rows))


def uniform_distribution(n_rows=1):
    """The uniform distribution on (0, 1), in four cells."""
    return PredictiveDistribution(
        [0.125, 0.375, 0.625, 0.875], np.ones((n_rows, 4)), edges=np.linspace(0, 1, 5)
    )


@st.composite
def distributions(draw):
    """One row with well resolved cells, at any scale, some without mass."""
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


# -- cells -------------------------------------------------------------------


def test_cells_are_voronoi_cells_with_symmetric_ends():
    assert_allclose(
        cell_edges([[0.0, 1, 3], [1, 2, 3]]), [[-0.5, 0.5, 2, 4], [0.5, 1.5, 2.5, 3.5]]
    )


def test_small_cells_beside_large_ones_are_kept():
    values = np.array([1e-20, 2e-20, 4e-20, 1e10])
    assert_allclose(cell_edges(values)[:3], [0.5e-20, 1.5e-20, 3e-20], rtol=1e-12)


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
def test_cells_always_have_finite_positive_width(values):
    edges = cell_edges(values)
    assert np.isfinite(edges).all()
    assert (np.diff(edges) > 0).all()
    largest = np.abs(values).max()
    assert_allclose(
        edges[1:-1], cell_middles(values), atol=1e-12 * (largest or 1) + 1e-320
    )


def cell_middles(values):
    values = np.asarray(values)
    return values[:-1] / 2 + values[1:] / 2


def test_ties_in_one_row_leave_the_others_alone():
    rows = np.array([[0.0, 1e-20, 1e10], [1.0, 1.0, 1.0]])
    edges = cell_edges(rows)
    assert_array_equal(edges[0], cell_edges(rows[0]))
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


def test_cells_that_a_map_makes_flat_become_one():
    rng = np.random.default_rng(0)
    z, mass = np.arange(12.0), rng.dirichlet(np.ones(12), 3)
    values, masses, edges = mapped_cells(
        np.clip(z, 3, 8), mass, np.clip(cell_edges(z), 3, 8)
    )
    assert_array_equal(values, [3, 3, 4, 5, 6, 7, 8, 8])
    assert_array_equal(edges, [3, 3, 3.5, 4.5, 5.5, 6.5, 7.5, 8, 8])
    assert_allclose(masses[:, 0], mass[:, :3].sum(axis=1))
    assert_allclose(masses[:, -1], mass[:, 9:].sum(axis=1))
    assert_array_equal(masses[:, 1:-1], mass[:, 3:9])


@pytest.mark.parametrize("shared", [True, False])
def test_cells_that_a_map_leaves_apart_stay(shared):
    values, mass = np.array([0.0, 1.0, 3.0]), np.full((2, 3), 1 / 3)
    if not shared:
        values = np.stack([values, values - 1])
    for before, after in zip(
        (values, mass, cell_edges(values)),
        mapped_cells(values, mass, cell_edges(values)),
        strict=True,
    ):
        assert_array_equal(after, before)


def test_edges_that_a_map_moves_beyond_a_number_go_back_to_it():
    values, edges = np.array([[1.0, 1, 2]]), np.array([[-5.0, 0.5, 1e9, 2e9]])
    _, _, moved = mapped_cells(values, np.ones((1, 3)), edges)
    assert_array_equal(moved, [[-5.0, 1, 2, 2e9]])


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e300])
def test_a_distribution_can_be_made_of_what_it_holds(shared, scale):
    values = scale * np.array([0.0, 0, 0, 1, 1, 1, 1, 2])
    if not shared:
        values = np.stack([values, values[::-1] * -1])
    dist = PredictiveDistribution(values, np.ones((2, 8)))
    again = PredictiveDistribution(dist.support, dist.pmf(), edges=dist.edges)
    assert_array_equal(again.edges, dist.edges)


def test_rounding_noise_in_the_order_is_forgiven():
    below = np.nextafter(1.0, 0.0)
    dist = PredictiveDistribution([1.0, below, 2.0], np.ones((1, 3)))
    assert (np.diff(dist.support) >= 0).all()
    assert_allclose(dist.support, [1, 1, 2], rtol=1e-15)


# -- closed forms ------------------------------------------------------------


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
    assert_array_equal(dist.var(), 0)
    assert_allclose(dist.median(), value, **near)
    assert_allclose(dist.interval(), [[value, value]], **near)
    assert_allclose(dist.crps(value), 0, atol=1e-12 * abs(value) or 1e-20)
    assert_allclose(
        dist.crps(value + 1.0), abs(value + 1.0 - value), atol=1e-12 * abs(value)
    )
    assert_array_equal(dist.best_at_k(value, 4), 0)
    assert np.isfinite(dist.entropy()).all()


def test_a_mass_on_one_number_scores_zero_there():
    dist = PredictiveDistribution(
        [-1e30, 7.0, 1e30], [[0, 1, 0]], edges=[-2e30, 7 - 1e-12, 7 + 1e-12, 2e30]
    )
    assert dist.var() == 0
    assert_allclose(dist.crps(7.0), 0, atol=1e-12)
    assert_allclose(dist.crps(9.0), 2.0)


def test_two_points():
    dist = PredictiveDistribution([0.0, 1.0], [[1.0, 3.0]])
    assert_allclose(dist.mean(), 0.75)
    assert_allclose(dist.var(), 0.1875)
    assert_allclose(dist.std(), 0.1875**0.5)
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


# -- independent computations ------------------------------------------------


@pytest.mark.parametrize("y", [-5.0, -0.4, 0.0, 1.1, 6.0])
def test_crps_is_the_integral(y):
    dist = random_distribution(n_rows=2)
    for row, score in zip(dist, dist.crps(y), strict=True):
        ends = np.r_[row.edges[0, [0, -1]], y]
        integral, _ = quad(
            lambda t, row=row: (row.cdf(t)[0] - (t >= y)) ** 2,
            ends.min(),
            ends.max(),
            points=np.r_[row.edges[0], y],
            limit=100,
        )
        assert_allclose(score, integral, rtol=1e-7)


def test_crps_is_the_energy_score_of_samples():
    dist, y = random_distribution(n_rows=3), 0.2
    x = dist.sample(200_000, random_state=0)
    a, b = x[:, ::2], x[:, 1::2]
    energy = np.abs(x - y).mean(axis=1) - np.abs(a - b).mean(axis=1) / 2
    assert_allclose(dist.crps(y), energy, atol=0.01)


def test_entropy_is_the_mean_of_minus_logpdf():
    dist = random_distribution(n_rows=3)
    draws = dist.sample(100_000, random_state=0)
    assert_allclose(dist.entropy(), -dist.logpdf(draws).mean(axis=1), atol=0.02)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
@pytest.mark.parametrize(
    ("name", "squared_error"),
    [
        ("best_at_k", lambda draws: np.min(draws**2)),
        ("mean_at_k", lambda draws: np.mean(draws) ** 2),
        ("median_at_k", lambda draws: np.median(draws) ** 2),
    ],
)
def test_errors_of_k_draws_are_means_over_all_draws(name, squared_error, k):
    dist = random_distribution(n_rows=2, n_values=4)
    y = np.array([0.1, 3.0])
    expected = [
        sum(
            mass[list(draw)].prod() * squared_error(values[list(draw)] - truth)
            for draw in itertools.product(range(4), repeat=k)
        )
        for values, mass, truth in zip(dist.support, dist.pmf(), y, strict=True)
    ]
    assert_allclose(getattr(dist, name)(y, k), expected)


@pytest.mark.parametrize("k", [63, 64])
def test_median_of_many_draws_is_that_of_samples(k):
    dist = random_distribution(n_rows=1)
    rng = np.random.default_rng(0)
    draws = rng.choice(dist.support[0], (10_000, k), p=dist.pmf()[0])
    errors = (np.median(draws, axis=1) - 0.3) ** 2
    noise = errors.std() / len(errors) ** 0.5
    assert_allclose(dist.median_at_k(0.3, k), errors.mean(), atol=4 * noise, rtol=0)


@pytest.mark.parametrize("k", [10**4, 10**4 + 1])
def test_median_of_very_many_draws_is_the_median(k):
    dist = PredictiveDistribution([-5.0, 0.0, 7.0], [[0.4, 0.2, 0.4]])
    assert_allclose(dist.median_at_k(1.0, k), 1.0)
    tossed = PredictiveDistribution([-5.0, 7.0], [[0.5, 0.5]])
    assert 36 * 0.97 < tossed.median_at_k(1.0, k)[0] <= 36  # ties of halves are rare


@pytest.mark.parametrize("name", ["best_at_k", "mean_at_k", "median_at_k"])
def test_numbers_of_draws_for_each_row(name):
    dist, y = random_distribution(n_rows=4), np.linspace(-1, 1, 4)
    method, k = getattr(dist, name), [1, 2, 5, 8]
    expected = [getattr(dist[i], name)(y[i], k[i])[0] for i in range(4)]
    assert_allclose(method(y, k), expected, rtol=1e-12)
    assert_array_equal(method(y, 3), method(y, [3] * 4))


def test_wasserstein1_is_the_mean_absolute_error_of_a_draw():
    dist, y = random_distribution(n_rows=3), np.array([-9.0, 0.1, 9.0])
    points = PredictiveDistribution([[1.0], [2.0]], np.ones((2, 1)))
    assert_allclose(dist.wasserstein1(y)[[0, 2]], np.abs(y - dist.mean())[[0, 2]])
    assert dist.wasserstein1(y)[1] > dist.crps(y)[1]
    assert_allclose(points.wasserstein1([4.0, 0.0]), [3.0, 2.0])


def test_best_at_k_runs_from_variance_and_bias_to_the_nearest_number():
    dist, y = random_distribution(), np.linspace(-2, 2, 6)
    curve = np.stack([dist.best_at_k(y, k) for k in (1, 2, 8, 10**6)])
    assert_allclose(curve[0], dist.var() + (dist.mean() - y) ** 2)
    assert (np.diff(curve, axis=0) < 0).all()
    assert_allclose(
        curve[-1], np.min((dist.support - y[:, None]) ** 2, axis=1), rtol=1e-6
    )


def test_best_at_k_of_very_many_draws_keeps_all_mass():
    dist = random_distribution(n_rows=50, n_values=99)
    y = dist.support[:, 0] - 1.0
    assert_allclose(dist.best_at_k(y, 10**15), 1.0)


@settings(max_examples=60, deadline=None)
@given(distributions(), LEVELS)
def test_ppf_inverts_cdf_and_increases(dist, levels):
    quantiles = dist.ppf(levels)
    assert_allclose(dist.cdf(quantiles), [levels], rtol=0, atol=1e-9)
    assert (np.diff(quantiles[0][np.argsort(levels)]) > 0).all()
    assert_array_equal(dist.ppf(levels[::-1]), quantiles[:, ::-1])


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


def test_quantiles_never_cross_in_the_narrowest_cells():
    dist = PredictiveDistribution([-1.0, 1 / 3, 1 / 3, 1 / 3], np.ones((1, 4)))
    quantiles = dist.ppf(np.linspace(0.001, 0.999, 9999))
    assert (np.diff(quantiles) >= 0).all()
    assert quantiles.max() <= dist.edges[-1]


def test_between_two_cells():
    dist = PredictiveDistribution([0.0, 1.0, 2.0], [[1, 0, 1], [1, 2, 5]])
    assert_array_equal(dist.median()[0], 0.5)  # the lower end of the gap
    assert_array_equal(dist.pdf(1.5)[1], 5 / 8)  # an edge belongs to the cell above
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


# -- arithmetic --------------------------------------------------------------


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
    dist = PredictiveDistribution([-1e300, 1.0, 2.0, 1e300], [[0, 1, 1, 0]])
    assert_allclose(dist.mean(), 1.5)
    assert_allclose(dist.var(), 0.25)
    assert_allclose(dist.best_at_k(1.0, 2), 0.25)


def test_masses_are_normalised_at_any_scale():
    masses = np.array([[1.0, 3.0]])
    for scale in (1e-300, 1.0, 5e307):
        dist = PredictiveDistribution([0, 1], masses * scale)
        assert_allclose(dist.pmf(), [[0.25, 0.75]])


# -- shapes and rows ---------------------------------------------------------


@pytest.mark.parametrize("name", PER_ROW)
def test_shared_and_per_row_numbers_agree(name):
    rng = np.random.default_rng(0)
    values, pmf, y = np.arange(5.0), rng.dirichlet(np.ones(5), 3), rng.normal(size=3)
    shared = PredictiveDistribution(values, pmf)
    per_row = PredictiveDistribution(np.tile(values, (3, 1)), pmf)
    assert_array_equal(PER_ROW[name](shared, y), PER_ROW[name](per_row, y))


@pytest.mark.parametrize("name", PER_ROW)
def test_memory_order_does_not_matter(name):
    dist, y = random_distribution(n_rows=50, n_values=99), np.linspace(-1, 1, 50)
    rows, columns = (
        PredictiveDistribution(
            np.array(dist.support, order=order),
            np.array(dist.pmf(), order=order),
            edges=np.array(dist.edges, order=order),
        )
        for order in "CF"
    )
    assert_array_equal(PER_ROW[name](columns, y), PER_ROW[name](rows, y))


@pytest.mark.parametrize("name", PER_ROW)
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize(
    "index", [slice(1, 4), [5, 0, 0], np.arange(6) % 2 == 0, slice(None, None, -1)]
)
def test_rows_do_not_depend_on_their_neighbours(name, shared, index):
    dist, y = random_distribution(), np.linspace(-1, 1, 6)
    if shared:
        dist = PredictiveDistribution(dist.support[0], dist.pmf(), clipped=dist.clipped)
    method = PER_ROW[name]
    assert_array_equal(method(dist[index], y[index]), method(dist, y)[index])


def test_an_integer_gives_one_row():
    dist = random_distribution()
    assert len(dist[-1]) == 1
    assert_array_equal(dist[-1].mean(), dist.mean()[-1:])
    assert [row.mean()[0] for row in dist] == list(dist.mean())
    assert len(dist[[]]) == 0
    assert dist[[]].interval().shape == (0, 2)


@pytest.mark.parametrize("method", ["cdf", "pdf", "logpdf"])
def test_shapes_of_y(method):
    evaluate = getattr(random_distribution(n_rows=3), method)
    y = np.array([[0.0, 0.5], [0.1, 0.6], [0.2, 0.7]])
    assert_array_equal(evaluate(y)[:, 1], evaluate(y[:, 1]))
    assert_array_equal(evaluate(0.3), evaluate([0.3] * 3))


def test_shapes_of_q():
    dist = random_distribution(n_rows=3)
    assert_array_equal(dist.ppf(0.2), dist.ppf([0.7, 0.2])[:, 1])
    levels = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]])
    assert_array_equal(dist.ppf(levels)[1], dist[1].ppf([0.3, 0.4])[0])


def test_coverage_for_each_row():
    dist = random_distribution(n_rows=3)
    expected = [dist[i].interval(c)[0] for i, c in enumerate([0.5, 0.8, 0.9])]
    assert_array_equal(dist.interval([0.5, 0.8, 0.9]), expected)


def test_infinite_y_is_beyond_all_cells():
    dist = random_distribution(n_rows=50, n_values=99)
    assert_array_equal(dist.cdf([[-np.inf, np.inf]] * 50), [[0, 1]] * 50)
    assert_array_equal(dist.logpdf(np.inf), -np.inf)


def test_what_it_holds():
    dist = PredictiveDistribution([1, 2], [[1, 1]])
    assert repr(dist) == "PredictiveDistribution(n_rows=1, n_values=2)"
    assert_array_equal(dist.support, [1, 2])
    assert_array_equal(dist.edges, [0.5, 1.5, 2.5])
    assert_array_equal(dist.clipped, [0])


@pytest.mark.parametrize("name", PER_ROW)
def test_pickling_keeps_everything(name):
    dist, y = random_distribution(), np.zeros(6)
    loaded = pickle.loads(pickle.dumps(dist))
    assert_array_equal(PER_ROW[name](loaded, y), PER_ROW[name](dist, y))


# -- rows that are read when needed ------------------------------------------


class Source:
    """Rows of a distribution, and which of them were read."""

    def __init__(self, dist):
        self.dist = dist
        self.read = []

    def __call__(self, index):
        self.read.append(index)
        return self.dist[index]


@pytest.fixture
def small_parts(monkeypatch):
    """Parts of four rows of eight numbers; nothing beyond a row is kept."""
    monkeypatch.setattr(_rows, "PART", 32)
    monkeypatch.setattr(_lazy, "FIRST", 1)
    monkeypatch.setattr(_lazy, "MAX_KEPT", 30)


def lazy_pair(shared, n_rows=10):
    """Return a distribution, the same read lazily, and its source."""
    dist = random_distribution(n_rows)
    if shared:
        dist = PredictiveDistribution(dist.support[0], dist.pmf(), clipped=dist.clipped)
    source = Source(dist)
    return dist, PredictiveDistribution.lazy(n_rows, source), source


@pytest.mark.parametrize("name", PER_ROW)
@pytest.mark.parametrize("shared", [True, False])
def test_lazy_rows_answer_the_same(name, shared, small_parts):
    dist, lazy, source = lazy_pair(shared)
    y, method = np.linspace(-1, 1, 10), PER_ROW[name]
    assert_array_equal(method(lazy, y), method(dist, y))
    assert_array_equal(
        method(lazy[[7, 0, 0]], y[[7, 0, 0]]), method(dist, y)[[7, 0, 0]]
    )
    assert max(len(index) for index in source.read) <= 4


@pytest.mark.parametrize("shared", [True, False])
def test_lazy_rows_look_the_same(shared, small_parts):
    dist, lazy, _ = lazy_pair(shared)
    assert (len(lazy), repr(lazy)) == (len(dist), repr(dist))
    assert lazy._repr_html_() == dist._repr_html_()
    assert_array_equal(lazy.support, dist.support)
    assert_array_equal(lazy.edges, dist.edges)
    assert_array_equal(lazy.sample(2, random_state=0), dist.sample(2, random_state=0))
    assert [row.mean()[0] for row in lazy] == list(dist.mean())
    assert lazy[[]].interval().shape == (0, 2)


def test_lazy_rows_are_read_by_each_method_and_kept_by_pickles(small_parts):
    dist, lazy, source = lazy_pair(shared=True)
    before = len(source.read)
    lazy.mean()
    lazy.mean()
    assert len(source.read) == before + 6
    loaded = pickle.loads(pickle.dumps(lazy))
    before = len(source.read)
    assert_array_equal(loaded.mean(), dist.mean())
    assert len(source.read) == before


def n_reads(source, call):
    """Return how often a source is read while something is called."""
    before = len(source.read)
    call()
    return len(source.read) - before


def test_lazy_rows_are_read_no_more_than_needed(small_parts):
    _, lazy, source = lazy_pair(shared=True)
    one_pass = n_reads(source, lazy.mean)
    assert one_pass == 3
    assert n_reads(source, lambda: lazy.bounds) == 0  # those of all rows
    assert n_reads(source, lazy.to_frame) == 3 * one_pass  # mean, std, quantiles
    assert n_reads(source, lambda: log_score(np.zeros(10), lazy)) == one_pass
    _, lazy, source = lazy_pair(shared=False)
    assert n_reads(source, lambda: log_score(np.zeros(10), lazy)) == one_pass


def test_few_lazy_rows_are_read_once():
    dist, lazy, source = lazy_pair(shared=True, n_rows=100)
    before = len(source.read)
    assert_array_equal(lazy.mean(), dist.mean())
    assert len(source.read) == before


def test_a_source_of_another_length_is_refused():
    dist = random_distribution(n_rows=3)
    with pytest.raises(ValueError, match=r"2 rows were asked for; got 3"):
        PredictiveDistribution.lazy(2, lambda index: dist)
    with pytest.raises(ValueError, match="n_rows == 0"):
        PredictiveDistribution.lazy(0, lambda index: dist)


def test_work_on_many_rows_is_done_in_parts(monkeypatch):
    dist = random_distribution(n_rows=10)
    y = np.linspace(-1, 1, 10)
    whole = {name: method(dist, y) for name, method in PER_ROW.items()}
    monkeypatch.setattr(_rows, "PART", 32)
    for name, method in PER_ROW.items():
        assert_array_equal(method(dist, y), whole[name])


# -- tables ------------------------------------------------------------------


def test_frame():
    dist = random_distribution(n_rows=3)
    frame = dist.to_frame(quantiles=[0.975, 0.07])
    assert list(frame.columns) == ["mean", "std", "median", "97.5%", "7%"]
    assert_array_equal(frame["std"], dist.std())
    assert_array_equal(frame[["97.5%", "7%"]], dist.ppf([0.975, 0.07]))
    assert dist.to_frame(quantiles=[]).shape == (3, 3)
    assert dist[[]].to_frame().shape == (0, 5)


def test_frame_without_pandas_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"pandas is not installed.*ppf"):
        random_distribution().to_frame()


@pytest.mark.parametrize("n_rows", [0, 1, 5, 40])
def test_html_is_one_well_formed_table_of_the_first_rows(n_rows):
    dist = random_distribution(40)[:n_rows]
    page = ElementTree.fromstring(dist._repr_html_())
    body = page.findall("./table/tbody/tr")
    assert len(body) == min(n_rows, 5)
    for row, mean, q05 in zip(body, dist.mean(), dist.ppf(0.05), strict=False):
        cells = [float(cell.text) for cell in row.findall("td")]
        assert_allclose(np.take(cells, [0, 2]), [mean, q05], rtol=1e-5)
    assert page.find(".//script") is None
    assert "color:inherit" in page.find("./table").get("style")  # dark or light


# -- errors ------------------------------------------------------------------

ONES = np.ones((2, 3))
NUMBERS = [0.0, 1.0, 2.0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"values": NUMBERS, "pmf": [1, 1, 1]}, r"pmf must have shape .* \(3,\)"),
        ({"values": NUMBERS, "pmf": np.ones((2, 0))}, r"pmf must have shape"),
        ({"values": NUMBERS, "pmf": [[1, -0.5, 1]]}, "-0.5 in row 0"),
        ({"values": NUMBERS, "pmf": [[1, 1, 1], [1, np.nan, 1]]}, "nan in row 1"),
        ({"values": NUMBERS, "pmf": [[1, np.inf, 1]]}, "got inf"),
        ({"values": NUMBERS, "pmf": [[1, 1, 1], [0, 0, 0]]}, "row 1 is all zero"),
        ({"values": [0, 1], "pmf": ONES}, r"values must have shape .* \(2,\)"),
        ({"values": np.ones((3, 3)), "pmf": ONES}, r"values must have shape"),
        ({"values": 1.0, "pmf": ONES}, "at least one number"),
        ({"values": [0, np.nan, 1], "pmf": ONES}, "values must be finite.*nan"),
        ({"values": [0, 1, 1e308], "pmf": ONES}, r"values must be finite.*1e\+308"),
        ({"values": [0, 2, 1], "pmf": ONES}, "non-decreasing.* 2.0 before 1.0"),
        ({"values": NUMBERS, "pmf": ONES, "edges": NUMBERS}, "edges must have shape"),
        (
            {"values": NUMBERS, "pmf": ONES, "edges": [0, 3, 1, 2]},
            "edges must be non-decr",
        ),
        (
            {"values": NUMBERS, "pmf": ONES, "edges": [0.0, 1, 1.5, 1.9]},
            r"values holds 2\.0 outside of its cell, .* from 1\.5 to 1\.9",
        ),
        (
            {"values": [NUMBERS, NUMBERS], "pmf": ONES, "edges": [0.5, 1, 2, 3]},
            r"values holds 0\.0 outside of its cell, .* from 0\.5 to 1\.0",
        ),
        ({"values": NUMBERS, "pmf": ONES, "clipped": [0.1]}, "clipped must have shape"),
        ({"values": NUMBERS, "pmf": ONES, "clipped": [0.1, 1.5]}, "got 1.5"),
        ({"values": NUMBERS, "pmf": ONES, "clipped": [0.1, np.nan]}, "got nan"),
    ],
)
def test_bad_construction(arguments, message):
    with pytest.raises(ValueError, match=message):
        PredictiveDistribution(**arguments)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d: d.ppf(0.0), "got 0.0"),
        (lambda d: d.ppf([0.5, 1.0]), "got 1.0"),
        (lambda d: d.ppf(np.nan), "got nan"),
        (lambda d: d.ppf(np.full((3, 2), 0.5)), r"shape \(3, 2\)"),
        (lambda d: d.interval(1.0), "coverage == 1.0"),
        (lambda d: d.interval(0), "coverage == 0"),
        (lambda d: d.interval(np.nan), "got nan"),
        (lambda d: d.cdf([0.0, np.nan]), "y contains NaN"),
        (lambda d: d.cdf([0.0, 0.0, 0.0]), r"got shape \(3,\)"),
        (lambda d: d.logpdf(np.zeros((2, 2, 2))), r"got shape \(2, 2, 2\)"),
        (lambda d: d.crps(np.nan), "y contains NaN"),
        (lambda d: d.crps([0.0, -np.inf]), "got -inf"),
        (lambda d: d.best_at_k(1e308, 2), r"got 1e\+308"),
        (lambda d: d.crps(np.zeros((2, 2))), r"got shape \(2, 2\)"),
        (lambda d: d.best_at_k(0.0, 0), "k == 0"),
        (lambda d: d.median_at_k(0.0, -1), "k == -1"),
        (lambda d: d.mean_at_k(0.0, [1, 0]), "got 0"),
        (lambda d: d.mean_at_k(0.0, [1, 2, 3]), r"got shape \(3,\)"),
        (lambda d: d.wasserstein1([np.nan, 0.0]), "y contains NaN"),
        (lambda d: d.interval([0.5, 1.5]), "got 1.5"),
        (lambda d: d.interval([0.5, 0.6, 0.7]), r"got shape \(3,\)"),
        (lambda d: d.sample(0), "n_samples == 0"),
        (lambda d: d.to_frame([0.5, 2.0]), "got 2.0"),
        (lambda d: d.to_frame([[0.5], [0.6]]), r"got shape \(2, 1\)"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call(PredictiveDistribution(NUMBERS, ONES))


@pytest.mark.parametrize(
    "call", [lambda d: d.interval("wide"), lambda d: d.best_at_k(0.0, 1.5)]
)
def test_bad_types(call):
    with pytest.raises(TypeError, match="must be an instance of"):
        call(PredictiveDistribution(NUMBERS, ONES))


def test_fractions_of_draws_are_refused():
    with pytest.raises(TypeError, match="k must be integers; got float64"):
        PredictiveDistribution(NUMBERS, ONES).best_at_k(0.0, [1.5, 2.0])


@pytest.mark.parametrize(
    "index", [2, -3, [0, 5], [True, False, True], (0, 1), [[0, 1]], None, 0.5]
)
def test_rows_that_do_not_exist(index):
    with pytest.raises(IndexError):
        PredictiveDistribution(NUMBERS, ONES)[index]


def test_the_row_that_does_not_exist_is_named():
    dist = PredictiveDistribution(NUMBERS, ONES)
    for index, value in [(7, "7"), (slice(5, 9), "5"), ([0, -3], "-3")]:
        with pytest.raises(IndexError, match=value):
            dist[index]
    assert len(dist[:9]) == 2
