"""Bad parameters and bad samples: refused in one line, before anything is trained."""

from functools import partial
from numbers import Integral

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.base import clone
from small_models import X, Y, small

from sklearn_genre import (
    DecodingRegressor,
    PointwiseRegressor,
    RAFTRegressor,
    RiemannRegressor,
)
from sklearn_genre._sklearn import Interval
from sklearn_genre.estimators import _base
from sklearn_genre.losses import (
    HISTOGRAM_LOSSES,
    LOSSES,
    RAFT,
    DigitLoss,
    ExpectedNumberLoss,
    HistogramLoss,
    LogLoss,
    SquaredError,
)
from sklearn_genre.policy_gradients import (
    GRPO,
    POLICY_GRADIENTS,
    RLOO,
    PolicyGradient,
    ReMax,
)
from sklearn_genre.tokenizers import TOKENIZERS, NormalizedTokenizer

HUGE = 10**400
ESTIMATORS = [DecodingRegressor, RAFTRegressor, PointwiseRegressor, RiemannRegressor]
INTERVALS = [
    (estimator, name, constraint)
    for estimator in ESTIMATORS
    for name, constraints in estimator._parameter_constraints.items()
    for constraint in constraints
    if isinstance(constraint, Interval)
]


@pytest.fixture(scope="module")
def fitted():
    """A fitted regressor that no test may change."""
    return small().fit(X, Y)


def refused(message, function, *args, **kwargs):
    """Check that a call raises ValueError, in one line."""
    with pytest.raises(ValueError, match=message) as caught:
        function(*args, **kwargs)
    assert "\n" not in str(caught.value)


# Parameters -------------------------------------------------------------------


@pytest.mark.parametrize(("estimator", "name", "constraint"), INTERVALS)
def test_numbers_are_no_bools_and_have_a_float(estimator, name, constraint):
    message = f"'{name}' parameter of {estimator.__name__} must be"
    values = [True, HUGE, -HUGE, np.nan, np.inf, 2**63]
    if constraint.type is Integral:
        values += [2.0, constraint.left - 1]
    else:
        values.remove(2**63)
    for value in values:
        refused(message, estimator(**{name: value}).fit, X, Y)


BAD_PARAMETERS = {
    "tokenizer": ("octal", "'tokenizer' parameter .*'normalized'"),
    "encoder": ("cnn", "'encoder' parameter .*'mlp'"),
    "decoder": ("rnn", "'decoder' parameter .*'transformer'"),
    "pretraining": ("remax", "'pretraining' parameter .*'cross_entropy'"),
    "fine_tuning": (NormalizedTokenizer(), "'fine_tuning' parameter .*Objective"),
    "target_transform": ("log", "'target_transform' parameter .*'quantile'"),
    "scoring": ("r2", "'scoring' parameter .*'crps'"),
    "dtype": ("float16", "'dtype' parameter .*'float64'"),
    "device": ("abacus", "device='abacus' is not a torch device"),
}


@pytest.mark.parametrize("name", BAD_PARAMETERS)
def test_bad_parameters(name):
    value, message = BAD_PARAMETERS[name]
    refused(message, small(**{name: value}).fit, X, Y)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (RLOO(n_rollouts=1), r"RLOO.n_rollouts == 1, must be >= 2"),
        (ReMax(n_rollouts=0), r"ReMax.n_rollouts == 0, must be >= 1"),
        (ReMax(reward="profit"), "ReMax.reward must be one of .* got 'profit'"),
        (GRPO(clip_range=0.0), r"GRPO.clip_range == 0.0, must be > 0"),
        (NormalizedTokenizer(1, 8), r"base == 1, must be >= 2"),
    ],
    ids=repr,
)
def test_bad_options_of_an_object(option, message):
    name = "tokenizer" if hasattr(option, "encode") else "fine_tuning"
    refused(message, small(**{name: option}).fit, X, Y)


def test_device_without_float64():
    with pytest.raises(ValueError, match="device='mps' has no float64"):
        small(device="mps").fit(X, Y)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_missing_device():
    with pytest.raises(ValueError, match=r"device='cuda' is not available .* 0\s+CUDA"):
        small(device="cuda").fit(X, Y)


# Objectives and number formats ------------------------------------------------


class Letters(NormalizedTokenizer):
    """A format of a user whose tokens are no numbers."""

    @property
    def digit_values(self):
        return torch.full((self.length, self.base), torch.nan)


OBJECTIVES = {
    **LOSSES,
    **POLICY_GRADIENTS,
    **{f"histogram_{name}": loss for name, loss in HISTOGRAM_LOSSES.items()},
    "squared_error": SquaredError,
    "log": partial(LogLoss, low=-100.0, high=100.0),
}
FORMATS = {
    **{name: tokenizer() for name, tokenizer in TOKENIZERS.items()},
    "letters": Letters(3, 3),
    "many_letters": Letters(10, 5),
}


def refusal(stage, objective, name):
    """Return what is said of an objective that cannot run, None if it can."""
    tokenizer = FORMATS[name]
    if isinstance(objective, HistogramLoss):
        return f"{type(objective).__name__}.* reads the bins .* writes digits"
    if isinstance(objective, DigitLoss) and isinstance(tokenizer, Letters):
        return f"{type(objective).__name__} compares .* Letters.* has none"
    if isinstance(objective, PolicyGradient) and stage == "pretraining":
        return r"is a policy gradient.* as fine_tuning, .*'expected_error'"
    if clone(tokenizer).fit([0.0, 1.0]).n_strings > 4096:
        if isinstance(objective, ExpectedNumberLoss):
            return r"at most 4096 token sequences; .* has \d+\. Use RAFT\(grid='quant"
        if isinstance(objective, RAFT):
            return r"at most 4096; .* has \d+\. Use RAFT\(grid='quantiles'\)"
    return None


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("name", FORMATS)
def test_every_pair_trains_or_is_refused_before_training(name, objective, monkeypatch):
    trained = []
    run_stages = _base.run_stages

    def watched(network, stages, *args, **kwargs):
        trained.extend(stage.name for stage in stages)
        return run_stages(network, stages, *args, **kwargs)

    monkeypatch.setattr(_base, "run_stages", watched)
    for stage in ("pretraining", "fine_tuning"):
        trained.clear()
        option = OBJECTIVES[objective]()
        model = small(tokenizer=FORMATS[name], pretraining_epochs=1, fine_tuning=None)
        model.set_params(early_stopping=False, **{stage: option})
        if message := refusal(stage, option, name):
            refused(message, model.fit, X[:20], Y[:20])
            assert not trained
        else:
            model.fit(X[:20], Y[:20])
            assert trained[-1] == stage
            assert np.isfinite(model.history_[-1]["train_loss"])


# Samples ----------------------------------------------------------------------


def with_value(array, value):
    """Return a copy with one entry changed, of objects if it has to be."""
    changed = array.astype(object if isinstance(value, int) else float)
    changed.flat[5] = value
    return changed


VALID = {"X_val": X, "y_val": Y}
BAD_SAMPLES = {
    "infinite_X": ((with_value(X, np.inf), Y), {}, "X contains infinity"),
    "huge_X": ((with_value(X, HUGE), Y), {}, "X holds an integer .*float64"),
    "nan_y": ((X, with_value(Y, np.nan)), {}, "y contains NaN"),
    "infinite_y": ((X, with_value(Y, np.inf)), {}, "y contains infinity"),
    "huge_y": ((X, with_value(Y, -HUGE)), {}, "y holds an integer .*float64"),
    "large_y": ((X, with_value(Y, 1e301)), {}, r"at most 1e\+300 in size, got 1e\+301"),
    "no_y": ((X, None), {}, "requires y to be passed, but the target y is None"),
    "three_dimensions": ((X[:, :, None], Y), {}, "Found array with dim 3"),
    "lengths": ((X, Y[:-1]), {}, "inconsistent numbers of samples"),
    "zero_weights": ((X, Y, np.zeros(300)), {}, "non-zero|are zero"),
    "negative_weights": ((X, Y, -np.ones(300)), {}, "[Nn]egative"),
    "huge_weights": ((X, Y, [HUGE] * 300), {}, "sample_weight holds an integer"),
    "X_val_alone": ((X, Y), {"X_val": X}, "X_val and y_val must be given together"),
    "y_val_alone": ((X, Y), {"y_val": Y}, "X_val and y_val must be given together"),
    "columns_val": ((X, Y), {**VALID, "X_val": X[:, :2]}, "2 features, but .*ing 4"),
    "nan_y_val": ((X, Y), {**VALID, "y_val": np.full(300, np.nan)}, "contains NaN"),
    "huge_y_val": ((X, Y), {**VALID, "y_val": with_value(Y, HUGE)}, "y holds an int"),
    "lengths_val": (
        (X, Y),
        {**VALID, "y_val": Y[:5]},
        "In the validation set .* inconsistent numbers",
    ),
    "weight_of_no_validation": (
        (X, Y),
        {"sample_weight_val": np.ones(300)},
        "sample_weight_val needs X_val",
    ),
}


@pytest.mark.parametrize("name", BAD_SAMPLES)
def test_bad_samples_to_fit(name):
    positional, keywords, message = BAD_SAMPLES[name]
    with pytest.raises(ValueError, match=message):
        small().fit(*positional, **keywords)


@pytest.mark.parametrize("huge", [HUGE, -HUGE])
def test_huge_integers_beside_categories(huge):
    frame = pd.DataFrame({"c": ["a", "b"] * 150, "x": range(300)})
    bad = frame.assign(x=pd.Series([huge, *range(299)], dtype=object))
    refused("X holds an integer", small().fit, bad, Y)
    refused("X holds an integer", small().fit(frame, Y).predict, bad)
    arrays = small(categorical_features=[0])
    refused("X holds an integer", arrays.fit, bad.to_numpy(), Y)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (X[:, :3], "3 features, but .* expecting 4"),
        (X[0], "Reshape your data"),
        (X[:0], r"0 sample\(s\)"),
        (with_value(X, -np.inf), "infinity"),
        (with_value(X, HUGE), "X holds an integer"),
    ],
)
def test_bad_samples_to_predict(fitted, rows, message):
    for method in (fitted.predict, fitted.predict_distribution, fitted.sample_y):
        with pytest.raises(ValueError, match=message):
            method(rows)


@pytest.mark.parametrize(
    ("method", "keywords", "message"),
    [
        (
            "predict",
            {"output_type": "variance"},
            "'mean'.*'greedy'.* got 'var",
        ),
        ("predict", {"quantiles": [0.5]}, "quantiles are for output_type='quantiles'"),
        ("predict_quantiles", {"quantiles": [0.5, 1.1]}, "between 0 and 1.* 1.1"),
        ("predict_quantiles", {"quantiles": [np.nan]}, "between 0 and 1.* nan"),
        ("predict_quantiles", {"quantiles": [[0.5]]}, "must be 1-dimensional"),
        ("predict_quantiles", {"quantiles": [HUGE]}, "quantiles holds an integer"),
        ("predict_quantiles", {"quantiles": -HUGE}, "quantiles holds an integer"),
        ("predict_interval", {"coverage": 1.1}, "coverage must lie between 0 and 1"),
        ("predict_interval", {"coverage": [0.5]}, "coverage must be one number"),
        ("predict_interval", {"coverage": HUGE}, "coverage"),
        ("sample_y", {"n_samples": 0}, "n_samples == 0, must be >= 1"),
        (
            "predict_from_samples",
            {"random_state": -1},
            "random_state == -1, must be >= 0",
        ),
        ("sample_y", {"n_samples": HUGE}, "n_samples == 10+.* 64 bits"),
        ("predict_from_samples", {"n_samples": HUGE}, "n_samples == 10+.* 64 bits"),
        ("predict_from_grid", {"grid": [HUGE]}, "grid must hold numbers"),
        ("diagnose", {"y": with_value(Y, HUGE)}, "y holds an integer"),
    ],
)
def test_bad_options_of_a_method(fitted, method, keywords, message):
    refused(message, getattr(fitted, method), X, **keywords)


def test_feature_names_are_checked():
    frame = pd.DataFrame(X, columns=list("abcd"))
    model = small().fit(frame, Y)
    assert_array_equal(model.feature_names_in_, list("abcd"))
    with pytest.raises(ValueError, match="must be in the same order"):
        model.predict(frame[list("bacd")])
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        model.predict(X)
