"""PointwiseRegressor and RiemannRegressor, and the laws and losses behind them."""

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
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score
from sklearn.preprocessing import FunctionTransformer

from sklearn_genre import DecodingRegressor, PointwiseRegressor, RiemannRegressor
from sklearn_genre._baselines import bin_points
from sklearn_genre.distributions import (
    HistogramDistribution,
    PointDistribution,
    PredictiveDistribution,
    bins_around,
)
from sklearn_genre.distributions._histogram import HALF_MASS, half_normal_cells
from sklearn_genre.distributions._point import normal_cells
from sklearn_genre.encoders import MLPEncoder
from sklearn_genre.losses import (
    HISTOGRAM_LOSSES,
    CrossEntropy,
    HistogramCRPS,
    HLGauss,
    SquaredError,
)
from sklearn_genre.losses._histogram import SIGMA, normal_masses
from sklearn_genre.metrics import coverage_score, pit_values
from sklearn_genre.networks import HEADS, MLPDecoder
from sklearn_genre.tokenizers import NormalizedTokenizer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 3))
Y = 50 + 3 * X[:, 0] + 0.5 * RNG.normal(size=200)
MODELS = {
    "pointwise": PointwiseRegressor(),
    **{
        f"{loss}_{edges}": RiemannRegressor(32, edges, loss)
        for loss in HISTOGRAM_LOSSES
        for edges in ("quantile", "uniform")
    },
}
every_model = pytest.mark.parametrize("name", MODELS)
every_loss = pytest.mark.parametrize("name", HISTOGRAM_LOSSES)
every_head = pytest.mark.parametrize("head", HEADS)
SMALL_DECODER = partial(MLPDecoder, hidden_size=32)
every_start = pytest.mark.parametrize("pretraining_epochs", [0, 2])

POINTS = [-1.0, -0.2, 0.1, 2.0]
BINS = bins_around(POINTS)
# Numbers in every bin, on both sides of all borders and far out.
PROBES = [-40.0, -3.0, -1.6, -1.3, -0.5, 0.0, 0.9, 1.2, 2.5, 2.96, 4.0, 30.0]
LAST = len(POINTS) + 1
TAIL_MEAN = math.sqrt(2 / math.pi) / stats.norm.ppf(0.75)  # in widths
# Targets that break scales and edges.
TARGETS = {
    "constant": np.full(60, 7.0),
    "two_values": np.where(X[:60, 0] > 0, 3.0, -1.0),
    "two_values_far_out": np.where(X[:60, 0] > 0, 1e6 + 1e-3, 1e6),
    "integers": np.round(2 * X[:60, 0]),
    "heavy_tails": RNG.standard_cauchy(60) ** 3,
    "one_outlier": np.where(np.arange(60) == 5, 1e30, X[:60, 0]),
    "huge": 1e30 * X[:60, 0],
    "tiny": 1e-12 * X[:60, 0],
}
every_target = pytest.mark.parametrize("target", TARGETS)


def short(model, **parameters):
    """Return a clone that fits in a few hundredths of a second."""
    defaults = {
        "encoder": partial(MLPEncoder, hidden_layer_sizes=(16,)),
        "max_epochs": 3,
        "random_state": 0,
    }
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
    atoms = dist.atoms()
    return PredictiveDistribution(
        atoms.values.numpy(), atoms.probs.detach().numpy(), edges=BINS.edges.numpy()
    )


def repeated(dist, n):
    """Return the law of the first row, n times."""
    return HistogramDistribution(dist.log_masses[:1].expand(n, -1), BINS)


def density(dist, y):
    """Return the density of a histogram of one row at a number."""
    with torch.no_grad():
        return dist.log_prob(torch.tensor([y], dtype=torch.float64)).exp().item()


# Cells ----------------------------------------------------------------------


def test_cells_of_the_half_normal_law():
    edges, share, mean = (part.numpy() for part in half_normal_cells())
    assert_allclose(share, np.diff(stats.halfnorm.cdf(edges)), atol=1e-14)
    assert ((edges[:-1] <= mean) & (mean <= edges[1:])).all()
    assert_allclose((share * mean).sum(), math.sqrt(2 / math.pi), rtol=1e-12)


def test_cells_of_the_normal_law():
    numbers, masses = (part.numpy() for part in normal_cells())
    assert_array_equal(numbers, -numbers[::-1])
    assert_array_equal(masses, masses[::-1])
    assert (masses > 0).all()
    assert_allclose((masses * numbers**2).sum(), 1, atol=1e-3)
    ends = (numbers[1:] + numbers[:-1]) / 2
    assert_allclose(np.cumsum(masses)[:-1], stats.norm.cdf(ends), atol=1e-12)


def test_bins_are_cells_around_points_with_a_tail_on_each_side():
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
    law = HistogramDistribution(logits, BINS)
    dist = predictive(law)
    sign = -1 if side == 0 else 1
    border, width = BINS.borders[-1 if side else 0].item(), BINS.width[side].item()
    middle = dist.cdf(border + sign * width)
    assert_allclose(middle, 0.5, atol=1e-3)
    assert_allclose(dist.mean(), border + sign * TAIL_MEAN * width, rtol=1e-6)
    tail = stats.halfnorm(scale=width / HALF_MASS)
    probes = np.linspace(0.01, 0.999, 50)
    found = dist.cdf((border + sign * tail.ppf(probes))[None])[0]
    assert_allclose(found if side else 1 - found, probes, atol=1e-3)


# The histogram's density and losses -----------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_density_integrates_to_one_and_to_the_cumulative_law(seed):
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
    loss = CrossEntropy().loss(dist, y).detach().numpy()
    found = -predictive(dist).logpdf(PROBES)
    inner = [i for i, k in enumerate(BINS.bin_of(y).tolist()) if 0 < k < LAST]
    assert_allclose(loss[inner], found[inner], rtol=1e-10)
    near = [PROBES.index(probe) for probe in (-3.0, -1.6, 2.96, 4.0)]
    assert_allclose(loss[near], found[near], atol=0.2)  # mean density of a cell
    assert np.isfinite(loss).all()


def test_crps_is_the_integral_and_that_of_the_predictive_distribution():
    dist = repeated(histogram(), len(PROBES))
    y = torch.tensor(PROBES, dtype=torch.float64)
    loss = HistogramCRPS().loss(dist, y).detach().numpy()
    law = predictive(dist)
    assert_allclose(loss, law.crps(PROBES), rtol=1e-9)
    low, high = min(BINS.edges[0].item(), -41), max(BINS.edges[-1].item(), 31)
    t = np.linspace(low, high, 400_001)
    cdf = law[:1].cdf(t[None])[0]
    for probe, score in zip(PROBES, loss, strict=True):
        integral = np.trapezoid((cdf - (t >= probe)) ** 2, t)
        assert_allclose(score, integral, atol=1e-3)


def test_crps_with_tails_is_that_of_the_density():
    """Against the half-normal tails themselves, by quadrature."""
    dist = histogram()
    law = predictive(dist)
    t = np.linspace(-60, 60, 120_001)
    with torch.no_grad():
        pdf = repeated(dist, len(t)).log_prob(torch.tensor(t)).exp().numpy()
    cdf = np.cumsum(pdf) * (t[1] - t[0])
    for probe in (-3.0, 0.3, 4.0):
        integral = np.trapezoid((cdf - (t >= probe)) ** 2, t)
        assert_allclose(law.crps(probe), integral, atol=3e-3)


def test_soft_target_sums_to_one_and_ends_in_one_bin():
    y = torch.tensor(PROBES, dtype=torch.float64)
    for sigma in (10.0, 1.0, 1e-3):
        soft = normal_masses(y, BINS.borders, torch.full_like(y, sigma))
        assert (soft >= 0).all()
        assert_allclose(soft.sum(-1), 1, rtol=1e-12)
    one_hot = torch.nn.functional.one_hot(BINS.bin_of(y), LAST + 1)
    assert_allclose(soft, one_hot, atol=1e-12)


def test_soft_target_is_the_normal_law():
    y, sigma = 0.3, SIGMA * BINS.width[BINS.bin_of(torch.tensor([0.3]).double())].item()
    dist = histogram()
    below = stats.norm.cdf(BINS.borders.numpy(), y, sigma)
    soft = np.diff(below, prepend=0, append=1)
    expected = -(soft * dist.log_masses.detach().numpy()).sum(-1)
    loss = HLGauss().loss(dist, torch.tensor([y], dtype=torch.float64))
    assert_allclose(loss.detach(), expected, rtol=1e-10)


@every_loss
def test_losses_have_the_gradient_of_their_differences(name):
    objective = HISTOGRAM_LOSSES[name]()
    y = torch.tensor(PROBES, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(len(y), LAST + 1, generator=generator, dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda t: objective.loss(HistogramDistribution(t, BINS), y),
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
        objective.loss(HistogramDistribution(t, BINS), y) for t in (before, after)
    ]
    assert losses[1] < losses[0]


def test_expectation_is_the_sum_of_masses_times_numbers():
    dist = histogram(n_rows=5)
    tails = [BINS.borders[0] - TAIL_MEAN * 0.8, BINS.borders[-1] + TAIL_MEAN * 1.9]
    numbers = torch.tensor([tails[0], *POINTS, tails[1]], dtype=torch.float64)
    expected = (dist.log_masses.exp() * numbers).sum(-1)
    assert_allclose(dist.expectation().detach(), expected.detach(), rtol=1e-6)


# Points of the bins ---------------------------------------------------------


def test_quantile_points_hold_alike_many_rows():
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


@pytest.mark.parametrize("edges", ["quantile", "uniform"])
@pytest.mark.parametrize("z", [[0.0], [0.0, 0.0, 0.0], [1.0, 5.0], [0.0, 1.0, 1.0]])
def test_points_are_distinct(edges, z):
    points = bin_points(np.array(z), np.ones(len(z)), 3, edges)
    assert (np.diff(points) > 0).all()
    assert set(z) <= set(points)


def test_weights_count_rows():
    z, weight = RNG.normal(size=50), RNG.integers(1, 4, size=50)
    points = bin_points(z, weight.astype(float), 12, "quantile")
    repeats = np.repeat(z, weight)
    assert_array_equal(
        points, bin_points(repeats, np.ones(len(repeats)), 12, "quantile")
    )


# The estimators -------------------------------------------------------------


@pytest.mark.parametrize("name", ["pointwise", *HISTOGRAM_LOSSES])
def test_learns(name):
    model = PointwiseRegressor()
    if name != "pointwise":
        model = RiemannRegressor(64, loss=name)
    features, y = make_friedman1(900, noise=1.0, random_state=0)
    encoder = partial(MLPEncoder, hidden_layer_sizes=(64, 64))
    model = short(model, encoder=encoder, learning_rate=5e-3, max_epochs=40)
    model.fit(features[:600], y[:600])
    assert r2_score(y[600:], model.predict(features[600:])) > 0.8


@pytest.mark.parametrize("model", [PointwiseRegressor(), RiemannRegressor(32)])
def test_intervals_cover_where_the_noise_is_normal_and_the_same(model):
    generator = np.random.default_rng(1)
    features = generator.normal(size=(3000, 2))
    y = features @ [2.0, -1.0] + generator.normal(size=3000)
    encoder = partial(MLPEncoder, hidden_layer_sizes=(32,))
    model = short(model, encoder=encoder, max_epochs=30, learning_rate=1e-2)
    model.set_params(scoring="crps").fit(features[:1500], y[:1500])
    for coverage in (0.5, 0.8, 0.9):
        low, high = model.predict_interval(features[1500:], coverage).T
        found = np.mean((low <= y[1500:]) & (y[1500:] <= high))
        assert abs(found - coverage) < 0.05


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
    assert_array_equal(quantiles, dist.ppf(levels))
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
def test_history_has_one_stage(name):
    model = fitted(name)
    assert {row["stage"] for row in model.history_} == {"training"}
    assert len(model.history_) == model.n_iter_ <= 10
    for row in model.history_:
        scores = [row[f"validation_{score}"] for score in ("rmse", "crps")]
        assert np.isfinite([*scores, row["reward"], row["entropy"]]).all()
    selected = [row["validation_rmse"] for row in model.history_ if row["selected"]]
    assert selected == [min(row["validation_rmse"] for row in model.history_)]


@every_model
def test_warm_start_goes_on(name):
    model = short(MODELS[name], warm_start=True).fit(X, Y)
    first = list(model.history_)
    model.fit(X, Y)
    assert model.history_[: len(first)] == first
    assert model.history_[len(first)]["epoch"] == 0  # the old state is a candidate
    if name != "pointwise":
        with pytest.raises(ValueError, match="n_bins"):
            model.set_params(n_bins=20).fit(X, Y)


@every_target
@pytest.mark.parametrize(
    "model",
    [PointwiseRegressor(), RiemannRegressor(), RiemannRegressor(edges="uniform")],
    ids=["pointwise", "quantile", "uniform"],
)
def test_odd_targets(model, target):
    y = TARGETS[target]
    model = short(model, max_epochs=2).fit(X[:60], y)
    dist = model.predict_distribution(X[:60])
    spread = np.ptp(y) or abs(y[0])
    for prediction in (dist.mean(), dist.median(), dist.mode(), dist.std()):
        assert np.isfinite(prediction).all()
        assert np.abs(prediction).max() <= np.abs(y).max() + 100 * spread
    assert np.isfinite(dist.crps(y)).all()
    assert np.isfinite(dist.logpdf(dist.median())).all()
    assert (np.diff(dist.ppf([0.05, 0.5, 0.95]), axis=1) >= 0).all()


@every_loss
@pytest.mark.parametrize("edges", ["quantile", "uniform"])
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
    "levels": DecodingRegressor("p10", **DIGITS),
    "histogram": RiemannRegressor(16, max_epochs=2, random_state=0),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("target", RECURRING)
def test_recurring_values_are_inside_their_cells(reader, target):
    y = RECURRING[target]
    model = clone(READERS[reader]).set_params(target_transform="quantile")
    dist = model.fit(X[:60], y).predict_distribution(X[:60])
    assert coverage_score(y, dist, 0.99) > 0.98
    level = pit_values(y, dist)
    assert_allclose(level.mean(), 0.5, atol=0.12)
    if len(np.unique(y)) == 1:
        assert_allclose(level, 0.5, atol=1e-6)


def test_pointwise_on_a_constant():
    model = short(PointwiseRegressor(), max_epochs=30, learning_rate=1e-2)
    model.fit(X, np.full(200, 7.0))
    assert_allclose(model.predict(X), 7.0, atol=0.2)
    assert model.residual_scale_ > 0


@pytest.mark.parametrize("edges", ["quantile", "uniform"])
def test_two_values_are_predicted_as_they_are(edges):
    y = np.where(X[:, 0] > 0, 3.0, -1.0)
    model = short(RiemannRegressor(edges=edges), max_epochs=40, learning_rate=0.03)
    clear = np.abs(X[:, 0]) > 0.5
    prediction = model.fit(X, y).predict(X[clear])
    assert_allclose(prediction, y[clear], atol=0.5)


# PointwiseRegressor ---------------------------------------------------------


def test_the_mean_is_the_output_of_the_head():
    model = fitted("pointwise")
    with torch.no_grad():
        encoded = torch.tensor(model.feature_encoder_.transform(X[:64])).float()
        network = model.network_
        head = network.head(network.encoder(network.inputs(encoded)))[:, 0]
    expected = model.target_scaler_.inverse_transform(head.double().numpy())
    assert_allclose(model.predict(X[:64]), expected, rtol=1e-9)


def test_the_scale_is_that_of_validation_residuals():
    model = short(PointwiseRegressor()).fit(X, Y, X_val=X[:50], y_val=Y[:50] + 2.0)
    residuals = model.predict(X[:50]) - Y[:50] - 2.0
    expected = math.sqrt(np.mean(residuals**2)) / model.target_scaler_.unit_
    assert_allclose(model.residual_scale_, expected, rtol=1e-5)


def test_without_a_validation_part_the_scale_is_that_of_training_residuals():
    weight = RNG.uniform(0.5, 2, size=200)
    model = short(PointwiseRegressor(), early_stopping=False).fit(X, Y, weight)
    residuals = (model.predict(X) - Y) / model.target_scaler_.unit_
    expected = math.sqrt(np.average(residuals**2, weights=weight))
    assert_allclose(model.residual_scale_, expected, rtol=1e-5)


def test_the_law_is_normal():
    law = PointDistribution(torch.tensor([2.0]), torch.tensor(3.0))
    atoms = law.atoms()
    dist = PredictiveDistribution(atoms.values.numpy(), atoms.probs.numpy())
    normal = stats.norm(2, 3)
    levels = np.linspace(0.001, 0.999, 101)
    assert_allclose(dist.ppf(levels)[0], normal.ppf(levels), atol=0.03)
    assert_allclose(dist.cdf([normal.ppf(levels)])[0], levels, atol=1e-3)
    assert_allclose(dist.std(), 3, rtol=1e-3)
    assert_allclose(dist.mode(), 2, rtol=1e-12)
    assert_allclose(dist.entropy(), normal.entropy(), atol=1e-3)
    assert_allclose(atoms.entropy, normal.entropy(), rtol=1e-6)


# Heads on a digit decoder ----------------------------------------------------


def with_head(head, pretraining_epochs=2, **parameters):
    """Return a regressor with a head that fits in a few hundredths of a second."""
    return short(
        PointwiseRegressor(head=head, pretraining_epochs=pretraining_epochs),
        **({"decoder": SMALL_DECODER} | parameters),
    )


@cache
def fitted_head(head, pretraining_epochs):
    """Return a fitted model, which no test may change."""
    return with_head(head, pretraining_epochs).fit(X, Y)


class StopAt:
    """Scikit-learn callback that ends the fit with a stage."""

    def __init__(self, stage):
        self.stage = stage

    def setup(self, estimator, context):
        """Do nothing."""

    def teardown(self, estimator, context):
        """Do nothing."""

    def on_fit_task_begin(self, estimator, context):
        """Do nothing."""

    def on_fit_task_end(self, estimator, context):
        """Say whether to stop."""
        return context.task_name == self.stage


@every_start
@every_head
def test_heads_have_a_stage_for_digits_and_one_for_the_number(head, pretraining_epochs):
    model = fitted_head(head, pretraining_epochs)
    stages = ["pretraining"] * pretraining_epochs + ["training"] * 3
    assert [row["stage"] for row in model.history_] == stages
    for stage in set(stages):
        rows = [row for row in model.history_ if row["stage"] == stage]
        best = min(row["validation_rmse"] for row in rows)
        assert [row["validation_rmse"] for row in rows if row["selected"]] == [best]
    assert model.n_iter_ == len(stages)
    assert model.residual_scale_ > 0
    assert hasattr(model, "tokenizer_") == (head != "linear" or pretraining_epochs > 0)


@every_start
@every_head
def test_heads_predict_a_normal_distribution(head, pretraining_epochs):
    model = fitted_head(head, pretraining_epochs)
    dist = model.predict_distribution(X[:20])
    assert len(np.unique(dist.mean())) == 20
    scale = model.residual_scale_ * model.target_scaler_.unit_
    assert_allclose(dist.std(), scale, rtol=1e-3)
    alone = np.concatenate([model.predict(X[i : i + 1]) for i in range(3)])
    assert_array_equal(model.predict(X)[:3], alone)
    with pytest.raises(ValueError, match="'greedy'"):
        model.predict(X, output_type="greedy")


@every_start
@every_head
def test_heads_round_trip_and_repeat(head, pretraining_epochs):
    model = fitted_head(head, pretraining_epochs)
    dumped = pickle.dumps(model)
    assert b"torch" not in dumped
    again = with_head(head, pretraining_epochs).fit(X, Y)
    for copy in (pickle.loads(dumped), again):
        assert_array_equal(copy.predict(X), model.predict(X))
    again.set_params(head="linear", decoder="mlp", pretraining_epochs=0)
    copy = pickle.loads(pickle.dumps(again))  # parameters of the next fit
    assert_array_equal(copy.predict(X), model.predict(X))


@every_head
def test_pretraining_is_that_of_digits(head):
    """The same numbers from the same seed where no batch is drawn."""
    model = with_head(head, batch_size=1000).fit(X, Y)
    digits = DecodingRegressor(
        encoder=model.encoder,
        decoder=SMALL_DECODER,
        fine_tuning=None,
        pretraining_epochs=2,
        batch_size=1000,
        random_state=0,
    )
    scores = [
        [row["train_loss"], row["validation_rmse"], row["validation_crps"]]
        for fit in (model, digits.fit(X, Y))
        for row in fit.history_[:2]
    ]
    assert_array_equal(scores[:2], scores[2:])


@every_head
def test_heads_learn(head):
    model = with_head(head, 0, max_epochs=20, learning_rate=0.03, dtype="float64")
    model.fit(X[:150], Y[:150])
    assert r2_score(Y[150:], model.predict(X[150:])) > 0.7


@pytest.mark.parametrize("decoder", ["mlp", "transformer"])
@pytest.mark.parametrize("tokenizer", ["ieee", "p10"])
def test_heads_read_formats_too_large_to_enumerate(tokenizer, decoder):
    model = with_head("mlp", 1, tokenizer=tokenizer, max_epochs=1)
    model.set_params(decoder=decoder).fit(X[:60], Y[:60])
    assert np.isfinite(model.predict(X)).all()


@every_head
def test_a_fit_that_ends_in_pretraining_predicts_by_digits(head):
    model = with_head(head).set_callbacks(StopAt("pretraining")).fit(X, Y)
    assert {row["stage"] for row in model.history_} == {"pretraining"}
    dist = model.predict_distribution(X)
    assert_array_equal(
        dist.support[0] if dist.support.ndim == 2 else dist.support,
        model.target_scaler_.inverse_transform(
            model.tokenizer_.decode(model.tokenizer_.grid()).numpy()
        ),
    )
    restored = pickle.loads(pickle.dumps(model))
    assert_array_equal(restored.predict(X), model.predict(X))
    with pytest.raises(AttributeError, match="stopped before its first"):
        _ = model.residual_scale_


def interrupted(head, pretraining_epochs):
    """Return a model whose head the user interrupts in its first epoch."""
    model = with_head(head, pretraining_epochs)
    loss = SquaredError.loss

    def interrupt(self, dist, target):
        if hasattr(self, "stepped"):
            raise KeyboardInterrupt
        self.stepped = True  # the weights move once before
        return loss(self, dist, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SquaredError, "loss", interrupt)
        with pytest.warns(ConvergenceWarning, match="after 0 epochs; its start was"):
            return model.fit(X, Y)


def test_an_interrupt_in_the_first_epoch_of_a_head_keeps_the_digits():
    model = interrupted("mlp", 2)
    digits = with_head("mlp").set_callbacks(StopAt("pretraining")).fit(X, Y)
    assert_array_equal(model.predict(X), digits.predict(X))
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), digits.predict(X))
    with pytest.raises(AttributeError, match="stopped before its first epoch ended"):
        _ = model.residual_scale_


@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_an_interrupt_in_the_first_epoch_still_measures_residuals(head):
    model = interrupted(head, 0)
    assert model.history_ == []
    residuals = model.target_scaler_.transform(Y)  # of the untrained head: about y
    assert_allclose(model.residual_scale_, residuals.std(), rtol=0.5)
    assert model.residual_scale_ != 1.0


def test_warm_start_of_a_head():
    model = with_head("pooled_mean", warm_start=True).fit(X, Y)
    first = len(model.history_)
    model.set_params(pretraining_epochs=0).fit(X, Y)  # the head alone goes on
    rows = model.history_[first:]
    assert [(row["stage"], row["epoch"]) for row in rows] == [
        ("training", epoch) for epoch in range(4)
    ]
    assert rows[0]["validation_rmse"] == min(
        row["validation_rmse"]
        for row in model.history_[:first]
        if row["stage"] == "training"
    )
    with pytest.raises(ValueError, match=r"\['head'\]"):
        model.set_params(head="mlp").fit(X, Y)


def test_a_warm_start_does_not_add_a_decoder():
    model = with_head("linear", 0, warm_start=True).fit(X, Y)
    with pytest.raises(ValueError, match="pretraining_epochs == 3 needs a digit"):
        model.set_params(pretraining_epochs=3).fit(X, Y)


def test_no_decoder_leaves_nothing_of_the_last():
    model = with_head("mlp").fit(X, Y)
    model.set_params(head="linear", pretraining_epochs=0).fit(X, Y)
    assert not hasattr(model, "tokenizer_")
    plain = short(PointwiseRegressor()).fit(X, Y)
    assert_array_equal(model.predict(X), plain.predict(X))


@pytest.mark.parametrize(
    "parameters",
    [
        {"head": "cls"},
        {"head": "mlp", "tokenizer": "roman"},
        {"head": "mlp", "decoder": "lstm"},
        {"pretraining_epochs": -1},
        {"pretraining_learning_rate": 0.0},
    ],
)
def test_bad_parameters_of_heads(parameters):
    with pytest.raises(ValueError, match=next(reversed(parameters))):
        PointwiseRegressor(**parameters).fit(X, Y)


# Transformed targets, categories, bad input ---------------------------------


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


def test_digits_list_greedy():
    model = DecodingRegressor(pretraining_epochs=1, fine_tuning=None).fit(X, Y)
    assert model.predict(X, output_type="greedy").shape == (200,)
    with pytest.raises(ValueError, match=r"'greedy'.*got 'best'"):
        model.predict(X, output_type="best")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_bins": 2}, "n_bins"),
        ({"edges": "linear"}, "edges"),
        ({"loss": "mse"}, "loss"),
        ({"max_epochs": 0}, "max_epochs"),
        ({"learning_rate": 0.0}, "learning_rate"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        RiemannRegressor(**parameters).fit(X, Y)


def test_an_encoder_is_a_factory():
    with pytest.raises(TypeError, match="encoder must be a factory"):
        PointwiseRegressor(encoder=torch.nn.Linear(3, 4)).fit(X, Y)
