"""Targets of every scale and shape come back finite, in their units, and right."""

from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, logit
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    PowerTransformer,
    QuantileTransformer,
)

from sklearn_genre import DecodingRegressor
from sklearn_genre.decoders import MLPDecoder
from sklearn_genre.encoders import MLPEncoder
from sklearn_genre.targets import TargetScaler
from sklearn_genre.tokenizers import TOKENIZERS

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 2))
NORMAL = X[:, 0] + 0.1 * RNG.normal(size=60)
TARGETS = {
    "constant": np.full(60, 7.5),
    "tiny_constant": np.full(60, -1e-300),
    "zero": np.zeros(60),
    "two_values": np.where(NORMAL > 0, 3.0, -1.0),
    "integers": np.round(5 * NORMAL),
    "small_spread": 1e6 + 1e-9 * NORMAL,  # a few float64 spacings
    "spread_at_zero": 1e-12 * NORMAL,
    "large": 1e30 * NORMAL,
    "cauchy": np.tan(np.pi * (RNG.random(60) - 0.5)) + NORMAL,
    "normal": NORMAL,
}
DECREASING = FunctionTransformer(np.negative, np.negative)
TRANSFORMS = {
    "standard": "standard",
    "quantile": "quantile",
    "decreasing": DECREASING,
}
POSITIVE = {
    "log1p": FunctionTransformer(np.log1p, np.expm1),
    "box_cox": PowerTransformer(method="box-cox"),
    "yeo_johnson": PowerTransformer(),
    "uniform_quantiles": QuantileTransformer(n_quantiles=30),
    "sqrt": FunctionTransformer(np.sqrt, np.square),
    "reciprocal": FunctionTransformer(np.reciprocal, np.reciprocal),
}
every_target = pytest.mark.parametrize("target", TARGETS)
every_tokenizer = pytest.mark.parametrize("tokenizer", TOKENIZERS)


def small(**parameters):
    """Return a regressor that fits in a few hundredths of a second."""
    defaults = {
        "encoder": partial(MLPEncoder, hidden_layer_sizes=(16,)),
        "decoder": partial(MLPDecoder, hidden_size=16),
        "fine_tuning": None,
        "pretraining_epochs": 2,
        "random_state": 0,
    }
    return DecodingRegressor(**(defaults | parameters))


def scaler(y, transformer="standard", weight=None):
    """Return a fitted scaler."""
    y = np.asarray(y, dtype=np.float64)
    return TargetScaler(transformer).fit(
        y, np.ones(len(y)) if weight is None else weight
    )


def assert_sound(model, y):
    """Every output is finite, ordered, and within a little of the training range."""
    margin = 0.2 * np.ptp(y) + 1e-6 * np.abs(y).max()
    margin = margin if np.ptp(y) else margin + 1e-20  # a constant has no unit
    for output in ("mean", "median", "mode", "greedy"):
        prediction = model.predict(X, output_type=output)
        assert np.isfinite(prediction).all()
        assert (prediction >= y.min() - margin).all()
        assert (prediction <= y.max() + margin).all()
    assert np.isfinite(model.predict(X, output_type="std")).all()
    levels = np.linspace(0.01, 0.99, 33)
    assert (np.diff(model.predict_quantiles(X, levels), axis=1) >= 0).all()
    dist = model.predict_distribution(X)
    assert np.isfinite(dist.crps(y)).all()
    assert np.isfinite(dist.logpdf(dist.median())).all()
    assert np.isfinite(model.sample_y(X, 2)).all()


# TargetScaler ---------------------------------------------------------------


@every_target
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_scaled_targets_come_back(target, transform):
    y = TARGETS[target]
    fitted = scaler(y, TRANSFORMS[transform])
    z = fitted.transform(y)
    assert z.dtype == np.float64
    assert np.isfinite(z).all()
    tolerance = 1e-9 * np.ptp(y) + 2 * np.spacing(np.abs(y).max())
    assert_allclose(fitted.inverse_transform(z), y, rtol=0, atol=tolerance)


@every_target
def test_standardised_targets_have_mean_zero_and_deviation_one(target):
    y = TARGETS[target]
    z = scaler(y).transform(y)
    assert_allclose(z.mean(), 0, atol=1e-6 if np.ptp(y) > 1e-8 else 0.2)
    assert_allclose(z.std(), 1 if np.ptp(y) else 0, rtol=0.05)


def test_range_is_that_of_the_scaled_training_targets():
    fitted = scaler(NORMAL)
    z = fitted.transform(NORMAL)
    assert fitted.range_ == (z.min(), z.max())


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_direction_of_the_transformer_is_found(transform):
    fitted = scaler(NORMAL, TRANSFORMS[transform])
    assert fitted.increasing_ is (transform != "decreasing")


def test_weights_count_samples():
    weight = RNG.integers(1, 4, size=60)
    weighted = scaler(NORMAL, weight=weight.astype(float))
    repeated = scaler(np.repeat(NORMAL, weight))
    assert_allclose(weighted.mean_, repeated.mean_, rtol=1e-12)
    assert_allclose(weighted.scale_, repeated.scale_, rtol=1e-12)


def test_any_shape_goes_through():
    fitted = scaler(NORMAL, "quantile")
    z = fitted.transform(NORMAL)
    assert_array_equal(
        fitted.inverse_transform(z.reshape(5, 12)),
        fitted.inverse_transform(z).reshape(5, 12),
    )


@pytest.mark.parametrize("name", POSITIVE)
def test_inverse_is_finite_and_monotone_far_beyond_the_training_range(name):
    y = np.exp(2 * NORMAL)
    fitted = scaler(y, POSITIVE[name])
    low, high = fitted.range_
    margin = 0.1 * (high - low)
    beyond = fitted.inverse_transform(np.linspace(low - margin, high + margin, 500))
    assert np.isfinite(beyond).all()
    step = np.diff(beyond) * (1 if fitted.increasing_ else -1)
    assert (step >= 0).all()


def test_the_given_transformer_is_not_fitted_itself():
    transformer = QuantileTransformer(n_quantiles=10)
    scaler(NORMAL, transformer)
    assert not hasattr(transformer, "quantiles_")


def test_transformer_without_inverse_is_an_error():
    class OneWay:
        def fit(self, X):
            return self

        def transform(self, X):
            return X

    with pytest.raises(TypeError, match="with inverse_transform, got"):
        scaler(NORMAL, OneWay())


def test_target_outside_the_domain_is_an_error():
    log = FunctionTransformer(np.log, np.exp)
    with pytest.raises(ValueError, match=r"maps the target .*-1\.0.* not finite"):
        scaler([1.0, -1.0, 2.0], log)


def test_transformer_that_cannot_be_inverted_on_the_targets_is_an_error():
    # tanh(30) is 1 in float64, of which there is no inverse
    tanh = FunctionTransformer(np.tanh, np.arctanh, check_inverse=False)
    with pytest.raises(ValueError, match="target_transform"):
        small(target_transform=tanh).fit(X, 30 * NORMAL).predict(X)


# In the estimator -----------------------------------------------------------


@pytest.mark.parametrize(
    ("tokenizer", "target"),
    [
        *[("normalized", target) for target in TARGETS],
        *[
            (name, target)
            for name in TOKENIZERS
            if name != "normalized"
            for target in ("tiny_constant", "small_spread", "large", "cauchy")
        ],
    ],
)
def test_every_target_and_format_is_sound(target, tokenizer):
    y = TARGETS[target]
    assert_sound(small(tokenizer=tokenizer).fit(X, y), y)


@pytest.mark.parametrize("transform", ["quantile", "decreasing"])
@every_target
def test_every_target_and_transform_is_sound(target, transform):
    y = TARGETS[target]
    assert_sound(small(target_transform=TRANSFORMS[transform]).fit(X, y), y)


@every_tokenizer
@pytest.mark.parametrize("name", POSITIVE)
def test_nonlinear_transformers_are_sound(name, tokenizer):
    y = np.exp(2 * NORMAL)
    model = small(target_transform=POSITIVE[name], tokenizer=tokenizer).fit(X, y)
    for output in ("mean", "median", "mode", "greedy", "std"):
        assert np.isfinite(model.predict(X, output_type=output)).all()
    quantiles = model.predict_quantiles(X, np.linspace(0.01, 0.99, 33))
    assert (np.diff(quantiles, axis=1) >= 0).all()


@pytest.mark.parametrize("target", ["constant", "tiny_constant", "zero"])
@every_tokenizer
def test_a_constant_target_is_predicted_as_it_is(tokenizer, target):
    y = TARGETS[target]
    model = small(tokenizer=tokenizer, fine_tuning="remax", fine_tuning_epochs=1)
    assert_allclose(model.fit(X, y).predict(X), y[0], rtol=1e-9, atol=1e-20)
    atol = 1e-9 * abs(y[0]) + 1e-20
    assert_allclose(model.predict(X, output_type="std"), 0, atol=atol)


def test_two_values_are_both_learnt():
    y = TARGETS["two_values"]
    model = small(pretraining_epochs=60, learning_rate=1e-2).fit(X, y)
    mode = model.predict(X, output_type="mode")
    assert set(mode) == {-1.0, 3.0}
    assert (mode == y).mean() > 0.9


@pytest.mark.parametrize(
    ("shift", "scale", "transform"),
    [
        (0, 1e30, "standard"),
        (1e6, 1e-8, "quantile"),
        (-5, 1e-12, "standard"),
        (1e6, 1e-9, "standard"),
    ],
)
def test_any_unit_is_learnt_alike(shift, scale, transform):
    y = shift + scale * NORMAL
    model = small(
        target_transform=transform, pretraining_epochs=60, learning_rate=1e-2
    ).fit(X, y)
    prediction = model.predict(X)
    assert prediction.dtype == np.float64
    residual = (prediction - y) / (np.ptp(y) / np.ptp(NORMAL))
    assert 1 - residual.var() / NORMAL.var() > 0.8


def test_decreasing_transformer_changes_little():
    """Negated targets are learnt as well, and quantiles change places."""
    settings = {"pretraining_epochs": 60, "learning_rate": 1e-2}
    model = small(target_transform=DECREASING, **settings).fit(X, NORMAL)
    assert model.score(X, NORMAL) > 0.8
    negated = small(**settings).fit(X, -NORMAL)
    levels = np.array([0.1, 0.4, 0.9])
    assert_allclose(model.predict(X), -negated.predict(X), atol=1e-6)
    assert_allclose(
        model.predict_quantiles(X, levels),
        -negated.predict_quantiles(X, 1 - levels),
        atol=1e-6,
    )


@pytest.mark.parametrize("name", ["log1p", "box_cox", "uniform_quantiles"])
def test_mean_is_the_mean_of_the_numbers_in_the_units_of_y(name):
    y = np.exp(2 * NORMAL)
    model = small(target_transform=POSITIVE[name]).fit(X, y)
    dist = model.predict_distribution(X)
    expected = (dist.pmf() * dist.support).sum(1)
    assert_allclose(model.predict(X), expected, rtol=1e-9)
    to_z, to_y = (
        model.target_scaler_.transform,
        model.target_scaler_.inverse_transform,
    )
    of_the_scaled = to_y((dist.pmf() * to_z(dist.support)).sum(1))
    assert (np.abs(model.predict(X) - of_the_scaled) > 0.05 * np.abs(expected)).any()


def test_numbers_are_the_inverse_transformed_strings():
    bounded = FunctionTransformer(logit, expit)
    y = expit(NORMAL)
    model = small(target_transform=bounded, tokenizer="normalized").fit(X, y)
    support = model.predict_distribution(X).support
    assert (np.diff(support) > 0).all()
    assert_allclose([support[0], support[-1]], [y.min(), y.max()], rtol=1e-9)
    steps = np.diff(logit(support))
    assert_allclose(steps, steps.mean(), rtol=1e-6)


def test_weights_count_samples_in_the_estimator():
    weight = RNG.integers(0, 3, size=60)
    settings = {"early_stopping": False, "batch_size": 1000, "dtype": "float64"}
    weighted = small(**settings).fit(X, NORMAL, sample_weight=weight)
    repeated = small(**settings).fit(
        np.repeat(X, weight, axis=0), np.repeat(NORMAL, weight)
    )
    assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-7)


def test_validation_targets_outside_the_domain_are_no_silent_nan():
    log = FunctionTransformer(np.log, np.exp)
    model = small(target_transform=log)
    try:
        model.fit(X, np.exp(NORMAL), X_val=X[:5], y_val=-np.ones(5))
    except ValueError:
        return
    for row in model.history_:
        assert np.isfinite([row["validation_rmse"], row["reward"]]).all()


@pytest.mark.parametrize(
    ("transformer", "message"),
    [
        (FunctionTransformer(np.square, np.sqrt, check_inverse=False), "back"),
        (KBinsDiscretizer(3, encode="onehot-dense"), "one column to one column"),
        (KBinsDiscretizer(3, encode="ordinal"), "back"),
    ],
)
def test_transformers_that_lose_the_target_are_refused(transformer, message):
    y = np.linspace(-2, 3, 50)
    with pytest.raises(ValueError, match=message):
        TargetScaler(transformer).fit(y, np.ones(50))


def test_the_smallest_target_among_zeros():
    y = np.where(np.arange(len(X)) == 5, 5e-324, 0.0)
    predicted = small().fit(X, y).predict_quantiles(X)
    assert (np.abs(predicted) <= 1e-320).all()


def test_huge_validation_errors_are_scores_too():
    y = np.linspace(0, 1, len(X))
    for scoring in ("rmse", "crps", "expected_error"):
        model = small(scoring=scoring, fine_tuning=None)
        model.fit(X, y, X_val=X, y_val=np.full(len(X), 1e200))
        assert len(model.history_) > 1
        assert all(np.isfinite(row["validation_rmse"]) for row in model.history_)


def test_transformer_that_jumps_is_sound():
    y = np.random.default_rng(0).normal(size=len(X))
    inverse = FunctionTransformer(np.reciprocal, np.reciprocal)
    for tokenizer in ("normalized", "ieee"):
        model = small(target_transform=inverse, tokenizer=tokenizer).fit(X, y)
        assert np.isfinite(model.predict_quantiles(X)).all()
        assert (np.diff(model.predict_quantiles(X)) >= 0).all()
