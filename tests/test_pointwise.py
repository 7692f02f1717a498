"""PointwiseRegressor: a number, and the heads that read it from a digit decoder."""

import math
import pickle
from functools import cache

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.base import clone
from sklearn.datasets import make_friedman1
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score
from sklearn.preprocessing import FunctionTransformer
from small_models import DECODER, ENCODER

from sklearn_genre import (
    DecodingRegressor,
    PointwiseRegressor,
    PredictiveDistribution,
    RiemannRegressor,
)
from sklearn_genre.losses import SquaredError
from sklearn_genre.networks import HEADS, DigitHead
from sklearn_genre.outputs import PointDistribution
from sklearn_genre.outputs._scalar import normal_bins

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 3))
Y = 50 + 3 * X[:, 0] + 0.5 * RNG.normal(size=200)
every_head = pytest.mark.parametrize("head", HEADS)
both_starts = pytest.mark.parametrize("pretraining_epochs", [0, 2])
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


def short(**parameters):
    """Return a regressor that fits in a few hundredths of a second."""
    defaults = {"encoder": ENCODER, "max_epochs": 3, "random_state": 0}
    return PointwiseRegressor(**(defaults | parameters))


@cache
def fitted():
    """Return a fitted model, which no test may change."""
    return short(max_epochs=10).fit(X, Y)


# The distribution -------------------------------------------------------------


def test_bins_of_the_normal_distribution():
    numbers, masses = (part.numpy() for part in normal_bins())
    assert_array_equal(numbers, -numbers[::-1])
    assert_array_equal(masses, masses[::-1])
    assert (masses > 0).all()
    assert_allclose((masses * numbers**2).sum(), 1, atol=1e-3)
    ends = (numbers[1:] + numbers[:-1]) / 2
    assert_allclose(np.cumsum(masses)[:-1], stats.norm.cdf(ends), atol=1e-12)


def test_the_distribution_is_normal():
    point = PointDistribution(torch.tensor([2.0]), torch.tensor(3.0))
    support = point.support()
    dist = PredictiveDistribution(support.values.numpy(), support.probs.numpy())
    normal = stats.norm(2, 3)
    levels = np.linspace(0.001, 0.999, 101)
    assert_allclose(dist.ppf([levels])[0], normal.ppf(levels), atol=0.03)
    assert_allclose(dist.cdf([normal.ppf(levels)])[0], levels, atol=1e-3)
    assert_allclose(dist.std(), 3, rtol=1e-3)
    assert_allclose(dist.mode(), 2, rtol=1e-12)
    assert_allclose(dist.entropy(), normal.entropy(), atol=1e-3)
    assert_allclose(support.entropy, normal.entropy(), rtol=1e-6)


# The estimator ----------------------------------------------------------------


def test_it_learns():
    features, y = make_friedman1(900, noise=1.0, random_state=0)
    model = PointwiseRegressor(encoder="mlp", learning_rate=5e-3, max_epochs=40)
    model.fit(features[:600], y[:600])
    assert r2_score(y[600:], model.predict(features[600:])) > 0.8


@pytest.mark.parametrize("model", [PointwiseRegressor(), RiemannRegressor(32)])
def test_intervals_cover_where_the_noise_is_normal_and_the_same(model):
    generator = np.random.default_rng(1)
    features = generator.normal(size=(3000, 2))
    y = features @ [2.0, -1.0] + generator.normal(size=3000)
    model = clone(model).set_params(encoder=ENCODER, max_epochs=30, random_state=0)
    model.set_params(learning_rate=1e-2).fit(features[:1500], y[:1500])
    for coverage in (0.5, 0.8, 0.9):
        low, high = model.predict_interval(features[1500:], coverage).T
        found = np.mean((low <= y[1500:]) & (y[1500:] <= high))
        assert abs(found - coverage) < 0.05


@pytest.mark.parametrize("encoder", [ENCODER, "tabular"])
def test_outputs_agree_with_the_distribution(encoder):
    model = short(encoder=encoder).fit(X, Y)
    dist = model.predict_distribution(X)
    assert_allclose(model.predict(X), dist.mean(), rtol=1e-12)
    for output in ("median", "mode", "std"):
        expected = getattr(dist, output)()
        assert_array_equal(model.predict(X, output_type=output), expected)
    levels = np.linspace(0.01, 0.99, 25)
    assert_array_equal(model.predict_quantiles(X, levels), dist.ppf([levels]))
    alone = np.concatenate([model.predict(X[i : i + 1]) for i in range(5)])
    assert_array_equal(model.predict(X[:100])[:5], alone)
    # Large tables pass through the network in larger blocks.
    assert_allclose(model.predict(X)[:5], alone, rtol=1e-6)
    copy = pickle.loads(pickle.dumps(model))
    assert_array_equal(copy.predict_interval(X), model.predict_interval(X))
    again = clone(model).fit(X, Y)
    assert_array_equal(again.predict(X), model.predict(X))


@pytest.mark.parametrize("scoring", ["crps", "rmse"])
def test_history_has_one_stage(scoring):
    model = short(max_epochs=10, scoring=scoring).fit(X, Y)
    assert {row["stage"] for row in model.history_} == {"training"}
    assert len(model.history_) == model.n_iter_ <= 10
    column = f"validation_{scoring}"
    selected = [row[column] for row in model.history_ if row["selected"]]
    assert selected == [min(row[column] for row in model.history_)]
    for row in model.history_:
        assert np.isfinite([row["reward"], row["entropy"], row[column]]).all()


@every_target
@pytest.mark.parametrize(
    "model",
    [PointwiseRegressor(), RiemannRegressor(), RiemannRegressor(edges="uniform")],
    ids=["pointwise", "quantile", "uniform"],
)
def test_odd_targets(model, target):
    y = TARGETS[target]
    model = clone(model).set_params(encoder=ENCODER, max_epochs=2, random_state=0)
    model.fit(X[:60], y)
    dist = model.predict_distribution(X[:60])
    spread = np.ptp(y) or abs(y[0])
    for prediction in (dist.mean(), dist.median(), dist.mode(), dist.std()):
        assert np.isfinite(prediction).all()
        assert np.abs(prediction).max() <= np.abs(y).max() + 100 * spread
    assert np.isfinite(dist.crps(y)).all()
    assert np.isfinite(dist.logpdf(dist.median())).all()
    assert (np.diff(dist.ppf([[0.05, 0.5, 0.95]]), axis=1) >= 0).all()


@every_head
@pytest.mark.parametrize("constant", [0.0, 1e-5, -7.1, 1e200])
def test_a_constant_is_predicted(head, constant):
    model = short(head=head, max_epochs=1).fit(X[:60], np.full(60, constant))
    assert_allclose(model.predict(X), constant, rtol=1e-12, atol=1e-20)
    assert model.residual_scale_ > 0
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.predict(X), model.predict(X))


@pytest.mark.parametrize("encoder", [ENCODER, "tabular"])
def test_the_mean_is_the_mean_output_of_the_members(encoder):
    model = short(encoder=encoder).fit(X, Y)
    network = model.network_
    with torch.no_grad():
        numbers = network.members(model._encode(X[:64])).mean
    members = numbers.double().numpy().reshape(network.n_members, 64)
    expected = model.target_scaler_.inverse_transform(members.mean(0))
    assert_allclose(model.predict(X[:64]), expected, rtol=1e-6)


def test_the_scale_is_that_of_validation_residuals():
    model = short().fit(X, Y, X_val=X[:50], y_val=Y[:50] + 2.0)
    residuals = model.predict(X[:50]) - Y[:50] - 2.0
    expected = math.sqrt(np.mean(residuals**2)) / model.target_scaler_.unit_
    assert_allclose(model.residual_scale_, expected, rtol=1e-5)


def test_without_a_validation_set_the_scale_is_that_of_training_residuals():
    weight = RNG.uniform(0.5, 2, size=200)
    model = short(early_stopping=False).fit(X, Y, weight)
    residuals = (model.predict(X) - Y) / model.target_scaler_.unit_
    expected = math.sqrt(np.average(residuals**2, weights=weight))
    assert_allclose(model.residual_scale_, expected, rtol=1e-5)


def test_a_falling_transform_keeps_the_ends_of_intervals():
    decreasing = FunctionTransformer(np.negative, np.negative)
    for transform in ("quantile", decreasing):
        model = short(target_transform=transform).fit(X, np.exp(X[:, 0]))
        low, high = model.predict_interval(X).T
        assert (low < high).all()
        assert np.isfinite(model.predict(X)).all()


def test_warm_start_goes_on():
    model = short(warm_start=True).fit(X, Y)
    first = list(model.history_)
    model.fit(X, Y)
    assert model.history_[: len(first)] == first
    assert model.history_[len(first)]["epoch"] == 0  # the old state is a candidate


def test_greedy_is_for_digits():
    with pytest.raises(ValueError, match=r"'mean', 'median', 'mode', 'std'.*'greedy'"):
        fitted().predict(X, output_type="greedy")


# Heads on a digit decoder ----------------------------------------------------


def with_head(readout, pretraining_epochs=2, *, tokenizer="auto", **parameters):
    """Return a regressor with a head that fits in a few hundredths of a second."""
    head = DigitHead(
        readout,
        tokenizer=tokenizer,
        decoder=parameters.pop("decoder", DECODER),
        pretraining_epochs=pretraining_epochs,
    )
    return short(head=head, **parameters)


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


@both_starts
@every_head
def test_heads_have_a_stage_for_digits_and_one_for_the_number(head, pretraining_epochs):
    model = fitted_head(head, pretraining_epochs)
    stages = ["pretraining"] * pretraining_epochs + ["training"] * 3
    assert [row["stage"] for row in model.history_] == stages
    for stage in set(stages):
        rows = [row for row in model.history_ if row["stage"] == stage]
        best = min(row["validation_crps"] for row in rows)
        assert [row["validation_crps"] for row in rows if row["selected"]] == [best]
    assert model.n_iter_ == len(stages)
    assert model.residual_scale_ > 0
    assert model.tokenizer_.n_strings == 256


@both_starts
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


@both_starts
@every_head
def test_heads_round_trip_and_repeat(head, pretraining_epochs):
    model = fitted_head(head, pretraining_epochs)
    dumped = pickle.dumps(model)
    assert b"torch" not in dumped
    again = with_head(head, pretraining_epochs).fit(X, Y)
    for copy in (pickle.loads(dumped), again):
        assert_array_equal(copy.predict(X), model.predict(X))
    again.set_params(head="linear")
    copy = pickle.loads(pickle.dumps(again))  # parameters of the next fit
    assert_array_equal(copy.predict(X), model.predict(X))


@every_head
def test_pretraining_is_that_of_digits(head):
    """The same numbers from the same seed where no batch is drawn."""
    model = with_head(head, batch_size=1000).fit(X, Y)
    digits = DecodingRegressor(
        encoder=model.encoder,
        decoder=DECODER,
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
    model = with_head("mlp", 1, tokenizer=tokenizer, decoder=decoder, max_epochs=1)
    model.fit(X[:60], Y[:60])
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
    loss = SquaredError.losses

    def interrupt(self, dist, target):
        if hasattr(self, "stepped"):
            raise KeyboardInterrupt
        self.stepped = True  # the weights move once before
        return loss(self, dist, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SquaredError, "losses", interrupt)
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


@both_starts
def test_warm_start_of_a_head(pretraining_epochs):
    model = with_head("pooled_mean", pretraining_epochs, warm_start=True).fit(X, Y)
    first = len(model.history_)
    rows = model.fit(X, Y).history_[first:]
    stages = ["pretraining"] * (pretraining_epochs + 1) * (pretraining_epochs > 0)
    n_training = 3 if stages else 4  # the start of the first stage is a candidate
    assert [row["stage"] for row in rows] == stages + ["training"] * n_training
    assert rows[0]["epoch"] == 0
    with pytest.raises(ValueError, match=r"\['head'\]"):
        model.set_params(head="mlp").fit(X, Y)


def test_no_decoder_leaves_nothing_of_the_last():
    model = with_head("mlp").fit(X, Y)
    model.set_params(head="linear").fit(X, Y)
    assert not hasattr(model, "tokenizer_")
    plain = short().fit(X, Y)
    assert_array_equal(model.predict(X), plain.predict(X))


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("cls", "'head' parameter of PointwiseRegressor must be"),
        (DigitHead("cls"), "DigitHead.readout must be one of .* got 'cls'"),
        (DigitHead(pretraining_epochs=-1), "DigitHead.pretraining_epochs == -1"),
        (DigitHead(pretraining_learning_rate=0.0), "DigitHead.pretraining_learning_ra"),
        (DigitHead(tokenizer="roman"), "DigitHead.tokenizer must be one of"),
        (DigitHead(decoder="lstm"), "DigitHead.decoder must be one of"),
    ],
    ids=repr,
)
def test_bad_heads(head, message):
    with pytest.raises(ValueError, match=message):
        short(head=head).fit(X, Y)
