"""RiemannRegressor, and the histogram and the losses behind it."""

import math
import pickle
from functools import cache, partial
from itertools import pairwise

import joblib
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from scipy.integrate import quad
from sklearn.base import clone
from sklearn.datasets import make_friedman1
from sklearn.metrics import r2_score
from sklearn.preprocessing import FunctionTransformer
from small_models import ENCODER

from sklearn_genre import DecodingRegressor, PredictiveDistribution, RiemannRegressor
from sklearn_genre.encoders import MLPEncoder
from sklearn_genre.estimators._riemann import bin_points
from sklearn_genre.losses import (
    HISTOGRAM_LOSSES,
    CrossEntropy,
    HistogramCRPS,
    HLGauss,
)
from sklearn_genre.losses._histogram import SIGMA, normal_masses
from sklearn_genre.metrics import coverage_score, pit_values
from sklearn_genre.outputs import HistogramDistribution, bins_around
from sklearn_genre.outputs._histogram import HALF_MASS, half_normal_pieces
from sklearn_genre.tokenizers import NormalizedTokenizer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 3))
Y = 50 + 3 * X[:, 0] + 0.5 * RNG.normal(size=200)
MODELS = {
    "quantile": RiemannRegressor(32),
    **{
        f"{loss}_uniform": RiemannRegressor(32, "uniform", loss)
        for loss in HISTOGRAM_LOSSES
    },
}
every_model = pytest.mark.parametrize("name", MODELS)
every_loss = pytest.mark.parametrize("name", HISTOGRAM_LOSSES)
both_edges = pytest.mark.parametrize("edges", ["quantile", "uniform"])

POINTS = [-1.0, -0.2, 0.1, 2.0]
BINS = bins_around(POINTS)
# Numbers in every bin, on both sides of all borders and far out.
PROBES = [-40.0, -3.0, -1.6, -1.3, -0.5, 0.0, 0.9, 1.2, 2.5, 2.96, 4.0, 30.0]
LAST = len(POINTS) + 1
TAIL_MEAN = math.sqrt(2 / math.pi) / stats.norm.ppf(0.75)  # in widths


def short(model, **parameters):
    """Return a clone that fits in a few hundredths of a second."""
    defaults = {"encoder": ENCODER, "max_epochs": 3, "random_state": 0}
    return clone(model).set_params(**(defaults | parameters))


@cache
def fitted(name):
    """Return a fitted model, which no test may change."""
    return short(MODELS[name], max_epochs=10).fit(X, Y)


def histogram(n_rows=1, seed=0):
    """Return a random histogram over the bins."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(n_rows, LAST + 1, generator=generator, dtype=torch.float64)
    return HistogramDistribution(logits.requires_grad_(), BINS)


def predictive(dist):
    """Return the histogram as users receive it."""
    support = dist.support()
    return PredictiveDistribution(
        support.values.numpy(), support.probs.detach().numpy(), edges=BINS.edges.numpy()
    )


def repeated(dist, n):
    """Return the distribution of the first sample, n times."""
    return HistogramDistribution(dist.log_masses[:1].expand(n, -1), BINS)


def density(dist, y):
    """Return the density of a histogram of one sample at a number."""
    with torch.no_grad():
        return dist.log_prob(torch.tensor([y], dtype=torch.float64)).exp().item()


# Bins and their pieces -------------------------------------------------------


def test_pieces_of_the_half_normal_distribution():
    edges, share, mean = (part.numpy() for part in half_normal_pieces())
    assert_allclose(share, np.diff(stats.halfnorm.cdf(edges)), atol=1e-14)
    assert ((edges[:-1] <= mean) & (mean <= edges[1:])).all()
    assert_allclose((share * mean).sum(), math.sqrt(2 / math.pi), rtol=1e-12)


def test_bins_surround_points_with_a_tail_on_each_side():
    borders = BINS.borders.numpy()
    assert_allclose(borders, [-1.4, -0.6, -0.05, 1.05, 2.95])
    assert_allclose(BINS.width, [0.8, 0.8, 0.55, 1.1, 1.9, 1.9])
    assert (BINS.edges.diff() > 0).all()
    inside = (BINS.edges[:-1] <= BINS.values) & (BINS.values <= BINS.edges[1:])
    assert inside.all()
    share = torch.zeros(LAST + 1).double().index_add(0, BINS.column, BINS.share)
    assert_allclose(share, 1)
    for border in borders:
        assert border in BINS.edges


def test_bin_of_a_number():
    y = torch.tensor(PROBES, dtype=torch.float64)
    expected = [0, 0, 0, 1, 2, 3, 3, 4, 4, 5, 5, 5]
    assert BINS.bin_of(y).tolist() == expected


@pytest.mark.parametrize("side", [0, LAST])
def test_half_of_a_tail_is_within_the_width_of_its_neighbour(side):
    logits = torch.full((1, LAST + 1), -1e9).double()
    logits[0, side] = 0.0
    dist = predictive(HistogramDistribution(logits, BINS))
    sign = -1 if side == 0 else 1
    border, width = BINS.borders[-1 if side else 0].item(), BINS.width[side].item()
    middle = dist.cdf(border + sign * width)
    assert_allclose(middle, 0.5, atol=1e-3)
    assert_allclose(dist.mean(), border + sign * TAIL_MEAN * width, rtol=1e-6)
    tail = stats.halfnorm(scale=width / HALF_MASS)
    probes = np.linspace(0.01, 0.999, 50)
    found = dist.cdf((border + sign * tail.ppf(probes))[None])[0]
    assert_allclose(found if side else 1 - found, probes, atol=1e-3)


# Density and losses ----------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_density_integrates_to_one_and_to_the_cumulative_distribution(seed):
    dist = histogram(seed=seed)
    borders = BINS.borders.tolist()
    ends = [-np.inf, *borders, np.inf]
    masses = [
        quad(partial(density, dist), low, high)[0] for low, high in pairwise(ends)
    ]
    assert_allclose(sum(masses), 1, rtol=1e-7)
    cdf = predictive(dist).cdf([borders])[0]
    assert_allclose(np.cumsum(masses)[:-1], cdf, rtol=1e-7)


def test_negative_log_likelihood_is_that_of_the_predictive_distribution():
    dist = repeated(histogram(), len(PROBES))
    y = torch.tensor(PROBES, dtype=torch.float64)
    loss = CrossEntropy().losses(dist, y).detach().numpy()
    found = -predictive(dist).logpdf(PROBES)
    inner = [i for i, k in enumerate(BINS.bin_of(y).tolist()) if 0 < k < LAST]
    assert_allclose(loss[inner], found[inner], rtol=1e-10)
    near = [PROBES.index(probe) for probe in (-3.0, -1.6, 2.96, 4.0)]
    assert_allclose(loss[near], found[near], atol=0.2)  # mean density of a piece
    assert np.isfinite(loss).all()


def test_crps_is_the_integral_and_that_of_the_predictive_distribution():
    dist = repeated(histogram(), len(PROBES))
    y = torch.tensor(PROBES, dtype=torch.float64)
    loss = HistogramCRPS().losses(dist, y).detach().numpy()
    users = predictive(dist)
    assert_allclose(loss, users.crps(PROBES), rtol=1e-9)
    low, high = min(BINS.edges[0].item(), -41), max(BINS.edges[-1].item(), 31)
    t = np.linspace(low, high, 400_001)
    cdf = users[:1].cdf(t[None])[0]
    for probe, score in zip(PROBES, loss, strict=True):
        integral = np.trapezoid((cdf - (t >= probe)) ** 2, t)
        assert_allclose(score, integral, atol=1e-3)


def test_crps_with_tails_is_that_of_the_density():
    """Against the half-normal tails themselves, by quadrature."""
    dist = histogram()
    users = predictive(dist)
    t = np.linspace(-60, 60, 120_001)
    with torch.no_grad():
        pdf = repeated(dist, len(t)).log_prob(torch.tensor(t)).exp().numpy()
    cdf = np.cumsum(pdf) * (t[1] - t[0])
    for probe in (-3.0, 0.3, 4.0):
        integral = np.trapezoid((cdf - (t >= probe)) ** 2, t)
        assert_allclose(users.crps(probe), integral, atol=3e-3)


def test_soft_target_sums_to_one_and_ends_in_one_bin():
    y = torch.tensor(PROBES, dtype=torch.float64)
    for sigma in (10.0, 1.0, 1e-3):
        soft = normal_masses(y, BINS.borders, torch.full_like(y, sigma))
        assert (soft >= 0).all()
        assert_allclose(soft.sum(-1), 1, rtol=1e-12)
    one_hot = torch.nn.functional.one_hot(BINS.bin_of(y), LAST + 1)
    assert_allclose(soft, one_hot, atol=1e-12)


def test_soft_target_is_the_normal_distribution():
    y, sigma = 0.3, SIGMA * BINS.width[BINS.bin_of(torch.tensor([0.3]).double())].item()
    dist = histogram()
    below = stats.norm.cdf(BINS.borders.numpy(), y, sigma)
    soft = np.diff(below, prepend=0, append=1)
    expected = -(soft * dist.log_masses.detach().numpy()).sum(-1)
    loss = HLGauss().losses(dist, torch.tensor([y], dtype=torch.float64))
    assert_allclose(loss.detach(), expected, rtol=1e-10)


@every_loss
def test_losses_have_the_gradient_of_their_differences(name):
    objective = HISTOGRAM_LOSSES[name]()
    y = torch.tensor(PROBES, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(len(y), LAST + 1, generator=generator, dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda t: objective.losses(HistogramDistribution(t, BINS), y),
        logits.requires_grad_(),
    )


@every_loss
def test_losses_fall_towards_the_bin_of_the_target(name):
    y = torch.tensor([0.1], dtype=torch.float64)
    logits = torch.zeros(1, LAST + 1, dtype=torch.float64)
    before, after = logits.clone(), logits.clone()
    after[0, BINS.bin_of(y)] = 1.0
    objective = HISTOGRAM_LOSSES[name]()
    losses = [
        objective.losses(HistogramDistribution(t, BINS), y) for t in (before, after)
    ]
    assert losses[1] < losses[0]


def test_expectation_is_the_sum_of_masses_times_numbers():
    dist = histogram(n_rows=5)
    tails = [BINS.borders[0] - TAIL_MEAN * 0.8, BINS.borders[-1] + TAIL_MEAN * 1.9]
    numbers = torch.tensor([tails[0], *POINTS, tails[1]], dtype=torch.float64)
    expected = (dist.log_masses.exp() * numbers).sum(-1)
    assert_allclose(dist.expectation().detach(), expected.detach(), rtol=1e-6)


# Points of the bins ----------------------------------------------------------


def test_quantile_points_hold_alike_many_samples():
    z = RNG.normal(size=2000)
    points = bin_points(z, np.ones_like(z), 20, "quantile")
    assert_array_equal(points[[0, -1]], [z.min(), z.max()])
    index = bins_around(points).bin_of(torch.tensor(z))
    counts = np.bincount(index)[2:-2]
    assert_allclose(counts, 2000 / 19, rtol=0.3)


def test_uniform_points_are_even():
    z = RNG.exponential(size=100)
    points = bin_points(z, np.ones_like(z), 11, "uniform")
    assert_allclose(points, np.linspace(z.min(), z.max(), 11))


@both_edges
@pytest.mark.parametrize("z", [[0.0], [0.0, 0.0, 0.0], [1.0, 5.0], [0.0, 1.0, 1.0]])
def test_points_are_distinct(edges, z):
    points = bin_points(np.array(z), np.ones(len(z)), 3, edges)
    assert (np.diff(points) > 0).all()
    assert set(z) <= set(points)


def test_weights_count_samples():
    z, weight = RNG.normal(size=50), RNG.integers(1, 4, size=50)
    points = bin_points(z, weight.astype(float), 12, "quantile")
    repeats = np.repeat(z, weight)
    assert_array_equal(
        points, bin_points(repeats, np.ones(len(repeats)), 12, "quantile")
    )


# The estimator --------------------------------------------------------------


@every_loss
def test_it_learns(name):
    features, y = make_friedman1(900, noise=1.0, random_state=0)
    encoder = partial(MLPEncoder, hidden_layer_sizes=(64, 64))
    model = RiemannRegressor(64, loss=name, encoder=encoder, random_state=0)
    model.set_params(learning_rate=5e-3, max_epochs=40).fit(features[:600], y[:600])
    assert r2_score(y[600:], model.predict(features[600:])) > 0.8


@every_model
def test_outputs_agree_with_the_distribution(name):
    model = fitted(name)
    dist = model.predict_distribution(X)
    levels = np.linspace(0.01, 0.99, 25)
    assert_allclose(model.predict(X), dist.mean(), rtol=1e-12)
    for output in ("median", "mode", "std"):
        expected = getattr(dist, output)()
        assert_array_equal(model.predict(X, output_type=output), expected)
    quantiles = model.predict_quantiles(X, levels)
    assert_array_equal(quantiles, dist.ppf([levels]))
    assert (np.diff(quantiles, axis=1) >= 0).all()
    assert model.sample_y(X, 3).shape == (len(X), 3)
    assert_allclose(dist.cdf(quantiles), np.tile(levels, (len(X), 1)), atol=1e-9)


@every_model
def test_predictions_do_not_depend_on_the_batch(name):
    model = fitted(name)
    alone = np.concatenate([model.predict(X[i : i + 1]) for i in range(5)])
    assert_array_equal(model.predict(X)[:5], alone)


@every_model
def test_round_trips_and_same_bits(name, tmp_path):
    model = fitted(name)
    joblib.dump(model, tmp_path / "model.joblib")
    again = short(MODELS[name], max_epochs=10).fit(X, Y)
    copies = [joblib.load(tmp_path / "model.joblib"), again]
    assert b"torch" not in pickle.dumps(model)
    for copy in copies:
        assert_array_equal(copy.predict(X), model.predict(X))
        assert_array_equal(copy.predict_interval(X), model.predict_interval(X))


@every_model
def test_warm_start_goes_on(name):
    model = short(MODELS[name], warm_start=True).fit(X, Y)
    first = list(model.history_)
    model.fit(X, Y)
    assert model.history_[: len(first)] == first
    assert model.history_[len(first)]["epoch"] == 0  # the old state is a candidate
    with pytest.raises(ValueError, match=r"\['n_bins'\] changed"):
        model.set_params(n_bins=20).fit(X, Y)


@every_loss
@both_edges
def test_a_constant_is_predicted_as_it_is(name, edges):
    model = short(RiemannRegressor(edges=edges, loss=name)).fit(X, np.full(200, 7.0))
    assert_allclose(model.predict(X), 7.0, rtol=1e-12)
    assert_allclose(model.predict_interval(X), 7.0, rtol=1e-12)


RECURRING = {
    "three_values": np.tile([0.0, 1.0, 2.0], 20),
    "with_a_negative": np.tile([-1.0, 0.0, 0.3], 20),
    "constant": np.full(60, 7.0),
    "zero": np.zeros(60),
}
DIGITS = {"fine_tuning": None, "pretraining_epochs": 2, "random_state": 0}
READERS = {
    "digits": DecodingRegressor(NormalizedTokenizer(2, 5), "mlp", "mlp", **DIGITS),
    "levels": DecodingRegressor("p10", "mlp", "mlp", **DIGITS),
    "histogram": RiemannRegressor(16, encoder="mlp", max_epochs=2, random_state=0),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("target", RECURRING)
def test_recurring_values_are_inside_their_bins(reader, target):
    y = RECURRING[target]
    model = clone(READERS[reader]).set_params(target_transform="quantile")
    dist = model.fit(X[:60], y).predict_distribution(X[:60])
    assert coverage_score(y, dist, 0.99) > 0.98
    level = pit_values(y, dist)
    assert_allclose(level.mean(), 0.5, atol=0.12)
    if len(np.unique(y)) == 1:
        assert_allclose(level, 0.5, atol=1e-6)


@both_edges
def test_two_values_are_predicted_as_they_are(edges):
    y = np.where(X[:, 0] > 0, 3.0, -1.0)
    model = short(RiemannRegressor(edges=edges), max_epochs=40, learning_rate=0.03)
    clear = np.abs(X[:, 0]) > 0.5
    prediction = model.fit(X, y).predict(X[clear])
    assert_allclose(prediction, y[clear], atol=0.5)


@every_model
def test_transformed_targets(name):
    y = np.exp(X[:, 0])
    decreasing = FunctionTransformer(np.negative, np.negative)
    for transform in ("quantile", decreasing):
        model = short(MODELS[name], target_transform=transform).fit(X, y)
        low, high = model.predict_interval(X).T
        assert (low < high).all()
        assert np.isfinite(model.predict(X)).all()


@every_model
def test_category_columns_and_missing_values(name):
    features = np.column_stack([RNG.integers(0, 3, size=200), X])
    features[::7, 2] = np.nan
    model = short(MODELS[name], categorical_features=[0]).fit(features, Y)
    assert np.isfinite(model.predict(features)).all()


@every_model
def test_greedy_is_for_digits(name):
    with pytest.raises(ValueError, match=r"'mean', 'median', 'mode', 'std'.*'greedy'"):
        fitted(name).predict(X, output_type="greedy")


@pytest.mark.parametrize(
    "parameters", [{"n_bins": 2}, {"edges": "linear"}, {"loss": "mse"}]
)
def test_bad_parameters(parameters):
    (name,) = parameters
    with pytest.raises(ValueError, match=f"'{name}' parameter"):
        RiemannRegressor(**parameters).fit(X, Y)
