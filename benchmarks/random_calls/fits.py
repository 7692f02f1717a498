"""Calls of `fit`, and of every method that predicts."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import clone

from random_calls import values
from random_calls.call import Call, Given, Trust, edge, nothing, one_of, wrong
from random_calls.checks import check_moment, check_numbers
from random_calls.models import (
    ENSEMBLE,
    FREE,
    MODELS,
    N_FEATURES,
    digits,
    histogram,
    model,
    points,
    raft,
)
from sklearn_genre import PredictiveDistribution
from sklearn_genre.losses import HISTOGRAM_LOSSES, LOSSES
from sklearn_genre.networks import HEADS
from sklearn_genre.policy_gradients import POLICY_GRADIENTS
from sklearn_genre.tokenizers import IEEETokenizer, NormalizedTokenizer, P10Tokenizer

Rng = np.random.Generator

ESTIMATORS = {
    "DecodingRegressor": digits,
    "RAFTRegressor": raft,
    "PointwiseRegressor": points,
    "RiemannRegressor": histogram,
}
TOKENIZERS = [
    NormalizedTokenizer(2, 5),
    NormalizedTokenizer(10, 2),
    IEEETokenizer(2, 1, 2),
    P10Tokenizer(1, 1),
]
# Valid values of parameters, by name.
VALID: dict[str, list[Any]] = {
    "batch_size": [1, 7, 64, "auto", 10**6],
    "decoder": ["auto", FREE],
    "diagnostics": [(), ("wasserstein1",), ["best_at_k", "string_entropy"]],
    "dtype": ["float32", "float64"],
    "early_stopping": [True, False, "auto"],
    "ema_decay": [0, 0.5, 0.99],
    "encoder": [ENSEMBLE, "identity"],
    "fine_tuning": [None, *LOSSES, *POLICY_GRADIENTS],
    "fine_tuning_epochs": [1, 2],
    "head": list(HEADS),
    "learning_rate": [1e-3, 0.1, 10],
    "loss": list(HISTOGRAM_LOSSES),
    "n_bins": [3, 5, 64],
    "n_iter_no_change": [None, 1, 5],
    "normal_scores": [True, False],
    "pretraining": ["cross_entropy", "crps", "ntl_was"],
    "pretraining_epochs": [1, 2],
    "scoring": ["rmse", "crps", "expected_error"],
    "target_transform": ["standard", "quantile"],
    "temperature": [0.5, 3, "validation"],
    "tokenizer": TOKENIZERS,
    "validation_fraction": [0.1, 0.5],
    "warm_start": [True, False],
    "weight_decay": [0, 0.1],
}
NONSENSE = [
    "nonsense",
    -1,
    np.nan,
    np.inf,
    values.HUGE,
    2.5j,
    object(),
    [object()],
    {"a": 1},
    b"x",
]


# -- arguments -------------------------------------------------------------------


def features(rng: Rng, n: int, p: int) -> Given:
    """Return features: numbers of any size, with missing ones, of any type."""
    X = np.column_stack([values.numbers(rng, n) for _ in range(p)])
    if rng.random() < 0.3:
        X[rng.random(X.shape) < 0.2] = np.nan
    if rng.random() < 0.1:
        X[:, 0] = one_of(rng, [0.0, 1e300, np.nan, -1.0])
    whole = rng.integers(-5, 5, X.shape)
    options: list[Callable[[], Given]] = [
        *[lambda: Given(X)] * 4,
        lambda: Given(values.dressed(rng, X)),
        lambda: Given(whole.astype(one_of(rng, ["i1", "u4", "i8", "?", "f4", "f2"]))),
        lambda: Given(np.full((n, p), 1.0)),
        lambda: Given(np.sign(whole) * np.finfo(float).max),
    ]
    return one_of(rng, options)()


def bad_features(rng: Rng, n: int, p: int) -> Given:
    """Return what is no table of numbers."""
    X = rng.normal(size=(n, p))
    infinite = values.replaced(rng, X, one_of(rng, [np.inf, -np.inf]))
    objects = values.replaced(rng, X.astype(object), object())
    options = [
        wrong(infinite),
        wrong(X[:, 0]),
        wrong(X[None]),
        wrong(X[:0], "sample", "row"),
        wrong(X[:, :0], "feature"),
        wrong(X + 1j),
        wrong(sparse.csr_array(X), "sparse"),
        wrong(objects),
        wrong(values.replaced(rng, X.astype(object), values.HUGE)),
        wrong(np.full((n, p), "text")),
        wrong(X.astype("datetime64[s]")),
        wrong(None),
        wrong({"a": X}),
        wrong("text"),
        wrong(1.0),
        edge(np.ma.masked_array(X, X > 1)),
    ]
    return one_of(rng, options)


def targets(rng: Rng, n: int) -> Given:
    """Return targets: numbers of any size."""
    y = values.numbers(rng, n)
    options: list[Callable[[], Given]] = [
        *[lambda: Given(y)] * 4,
        lambda: Given(values.dressed(rng, y)),
        lambda: Given(rng.integers(-3, 3, n)),
        lambda: Given(np.full(n, one_of(rng, [0.0, 1e300, -7.5, 5e-324]))),
        lambda: Given(np.append(np.zeros(n - 1), 5e-324)),
        lambda: Given(rng.exponential(size=n).astype("f4")),
        lambda: Given(y[:, None]),
    ]
    return one_of(rng, options)()


def bad_targets(rng: Rng, n: int) -> Given:
    """Return what are no targets."""
    y = rng.normal(size=n)
    options = [
        wrong(values.replaced(rng, y, one_of(rng, [np.inf, np.nan, 1e305]))),
        wrong(np.append(y, 0.0), "inconsistent"),
        wrong(y[:-1], "inconsistent"),
        wrong(np.column_stack([y, y])),
        wrong(y.astype("datetime64[s]")),
        wrong(y.astype("timedelta64[s]")),
        wrong(np.ma.masked_array(y, y >= y.mean())),
        wrong(y + 1j),
        wrong(None),
        wrong(0.0),
        wrong(np.full(n, "text")),
        wrong(values.replaced(rng, y.astype(object), values.HUGE)),
        wrong(values.replaced(rng, y.astype(object), object())),
        edge(y > 0),
        edge(np.array([str(number) for number in y])),
    ]
    return one_of(rng, options)


# -- fits ------------------------------------------------------------------------


def draw_fit(rng: Rng) -> Call:
    """Return a fit, with at most one argument that makes no sense."""
    name = one_of(rng, ESTIMATORS)
    make = ESTIMATORS[name]
    n, p = int(rng.choice([1, 2, 20, 45, 60])), int(rng.choice([1, 3]))
    allowed = [key for key in VALID if key in make().get_params(deep=False)]
    if name == "RAFTRegressor":
        allowed.remove("fine_tuning")  # by an instance of RAFT alone
    chosen = rng.choice(allowed, rng.integers(0, 4), replace=False).tolist()
    arguments = {key: Given(one_of(rng, VALID[key])) for key in chosen}
    arguments |= {"X": features(rng, n, p), "y": targets(rng, n)}
    chance = rng.random()
    if chance < 0.15:
        key = one_of(rng, [key for key in allowed if key != "warm_start"])
        arguments[key] = edge(one_of(rng, NONSENSE))
    elif chance < 0.25:
        arguments["X"] = bad_features(rng, n, p)
    elif chance < 0.35:
        arguments["y"] = bad_targets(rng, n)
    elif chance < 0.55:
        arguments["sample_weight"] = values.weights(rng, n)
    elif chance < 0.7:
        m = int(rng.choice([1, 5, 20]))
        X, y, weight = features(rng, m, p), targets(rng, m), values.weights(rng, m)
        arguments |= {"X_val": X, "y_val": y, "sample_weight_val": weight}
    elif chance < 0.8:
        arguments["learning_rate"] = Given(one_of(rng, [1e300, 1e30, 1e4, 5e-324]))
    check = partial(check_fitted, rng.random())
    unstable = 0.7 <= chance < 0.8 or "temperature" in arguments
    return Call(
        f"fit of {name}",
        partial(fitted, make),
        arguments,
        check,
        repeatable=False,
        may_fail=unstable,
    )


def fitted(make: Callable[..., Any], X: Any, y: Any, **options: Any) -> Any:
    """Return a fitted estimator and what it was fitted with."""
    names = ("sample_weight", "X_val", "y_val", "sample_weight_val")
    given = {name: options.pop(name) for name in names if name in options}
    return make(**options).fit(X, y, **given), X, y, given


def check_fitted(chance: float, result: Any) -> None:
    """Expect predictions that make sense, and the same bits from a copy."""
    estimator, X, y, given = result
    dist = estimator.predict_distribution(X)
    check_distribution(dist)
    mean = estimator.predict(X)
    assert mean.dtype == np.float64, f"dtype {mean.dtype}"
    assert np.isfinite(mean).all(), "not finite"
    if chance < 0.1:
        other = pickle.loads(pickle.dumps(estimator))
    elif chance < 0.2:
        other = clone(estimator).fit(X, y, **given)
    elif chance < 0.3 and not estimator.warm_start:
        other = estimator.fit(X, y, **given)
    else:
        return
    assert np.array_equal(other.predict(X), mean), "other bits of a copy or a refit"


def check_distribution(dist: PredictiveDistribution) -> None:
    """Expect moments, quantiles and intervals that make sense."""
    for name in ("mean", "std", "median"):
        check_moment(dist, name, getattr(dist, name)())
    ends = dist.interval(0.9)
    assert (ends[:, 0] <= ends[:, 1]).all(), "ends of intervals swapped"


# -- predictions -----------------------------------------------------------------


def draw_predict(rng: Rng) -> Call:
    """Return the call of a fitted estimator."""
    key, n = one_of(rng, MODELS), int(rng.choice([1, 1, 2, 7, 30]))
    estimator = model(key)
    way = one_of(rng, WAYS)
    arguments, check = WAYS[way](rng, n)
    arguments = {"X": features(rng, n, N_FEATURES), **arguments}
    if rng.random() < 0.15:
        width = one_of(rng, [N_FEATURES, N_FEATURES, N_FEATURES - 1, N_FEATURES + 1])
        arguments["X"] = bad_features(rng, n, width)
        if arguments["X"].trust is Trust.EDGE and width != N_FEATURES:
            arguments["X"] = wrong(arguments["X"].value)
    if any(given.trust is not Trust.FINE for given in arguments.values()):
        check = nothing
    return Call(f"model({key!r}).{way}", getattr(estimator, way), arguments, check)


Prediction = tuple[dict[str, Given], Callable[[Any], None]]


def predict(rng: Rng, n: int) -> Prediction:
    """Return one number for each row."""
    kinds = ["mean", "median", "mode", "std"]
    arguments = {"output_type": Given(one_of(rng, kinds))}
    if rng.random() < 0.1:
        arguments["output_type"] = wrong(one_of(rng, ["x", "", None, 1, "Mean", [1]]))
    elif rng.random() < 0.1:
        arguments["quantiles"] = wrong([0.5])
    return arguments, partial(check_numbers, shape=(n,), infinite=False)


def distribution(rng: Rng, n: int) -> Prediction:
    """Return a distribution."""

    def check(dist: Any) -> None:
        assert len(dist) == n, f"{len(dist)} rows"
        check_distribution(dist)

    return {}, check


def quantiles(rng: Rng, n: int) -> Prediction:
    """Return quantiles, in order."""
    q = np.sort(values.levels(rng, int(rng.integers(1, 6))))
    arguments = {"quantiles": Given(values.dressed(rng, q))}
    if rng.random() < 0.2:
        arguments["quantiles"] = values.spoiled(rng, q, "level")

    def check(result: Any) -> None:
        check_numbers(result, (n, len(q)), infinite=False)
        assert (np.diff(result, axis=1) >= 0).all(), "quantiles cross"

    return arguments, check


def interval(rng: Rng, n: int) -> Prediction:
    """Return intervals, in order."""
    arguments = {"coverage": Given(float(rng.uniform(0.01, 0.99)))}
    if rng.random() < 0.2:
        arguments["coverage"] = values.no_share(rng)

    def check(result: Any) -> None:
        check_numbers(result, (n, 2), infinite=False)
        assert (result[:, 0] <= result[:, 1]).all(), "ends of intervals swapped"

    return arguments, check


def sample(rng: Rng, n: int) -> Prediction:
    """Return draws."""
    k = int(rng.integers(1, 5))
    arguments = {"n_samples": Given(k), "random_state": Given(int(rng.integers(99)))}
    if rng.random() < 0.2:
        arguments["n_samples"] = values.no_integer(rng)
    elif rng.random() < 0.2:
        arguments["random_state"] = wrong(one_of(rng, [-1, "x", 1.5, 2**32]))
    return arguments, partial(check_numbers, shape=(n, k), infinite=False)


def diagnose(rng: Rng, n: int) -> Prediction:
    """Return diagnostics of targets."""
    names = ["digit_entropy", "string_entropy", "wasserstein1", "outlier_rate"]
    names += ["best_at_k", "mean_at_k", "median_at_k"]
    chosen = rng.choice(names, 2, replace=False).tolist()
    arguments = {"y": Given(rng.exponential(size=n)), "diagnostics": Given(chosen)}
    if rng.random() < 0.2:
        arguments["y"] = bad_targets(rng, n)
    elif rng.random() < 0.3:
        arguments["sample_weight"] = values.weights(rng, n)
    elif rng.random() < 0.2:
        arguments["diagnostics"] = wrong(one_of(rng, [["x"], "x", 1, [1], [None]]))

    def check(result: Any) -> None:
        assert all(np.isfinite(list(result.values()))), "not finite"

    return arguments, check


WAYS: dict[str, Callable[[Rng, int], Prediction]] = {
    "predict": predict,
    "predict_distribution": distribution,
    "predict_quantiles": quantiles,
    "predict_interval": interval,
    "sample_y": sample,
    "diagnose": diagnose,
}
