"""Calls of the scores, and of the scorers made from them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from random_calls import values
from random_calls.call import Call, Given, edge, one_of, wrong
from random_calls.models import MODELS, N_FEATURES, model
from random_calls.predictive import distribution, near
from sklearn_genre import PredictiveDistribution, metrics

Rng = np.random.Generator
# Squares of larger numbers are infinite.
LARGE = 1e150
# Smallest and largest possible value, in any units.
RANGES = {
    "coverage_score": (0.0, 1.0),
    "spearman_score": (-1.0, 1.0),
    "log_score": (-math.inf, math.inf),
}
SQUARES = ("best_at_k_score", "mean_at_k_score", "median_at_k_score")

Arguments = dict[str, Given]


# -- arguments -------------------------------------------------------------------


def targets(rng: Rng, y: np.ndarray) -> Given:
    """Return true targets: as they are in most calls."""
    chance = rng.random()
    if np.abs(y).max(initial=0.0) > values.LARGEST:
        return edge(y, "y")
    if chance < 0.08:
        return values.spoiled(rng, y, "y")
    if chance < 0.12:
        return wrong(values.replaced(rng, y, np.inf), "y")
    if chance < 0.16:
        return wrong(np.append(y, [0.0, 1.0]), "inconsistent")
    return Given(values.dressed(rng, y))


def draws_of(rng: Rng, y: np.ndarray) -> Given:
    """Return draws of shape (n, m) around the targets."""
    draws = y[:, None] + values.numbers(rng, (len(y), 5)) * one_of(rng, [0.0, 1.0])
    if rng.random() < 0.1:
        return values.spoiled(rng, draws, "draws")
    return Given(draws)


def intervals_of(rng: Rng, y: np.ndarray) -> Given:
    """Return intervals of shape (n, 2) around the targets; swapped ones are wrong."""
    ends = np.sort(y[:, None] + values.numbers(rng, (len(y), 2)), axis=1)
    chance = rng.random()
    if chance < 0.1:
        return values.spoiled(rng, ends, "interval", "end")
    if chance < 0.2 and (ends[:, 0] < ends[:, 1]).any():
        return wrong(ends[:, ::-1], "interval", "end", "lower")
    return Given(ends)


def coverage(rng: Rng) -> Arguments:
    """Return a coverage, or the default."""
    if rng.random() < 0.5:
        return {}
    if rng.random() < 0.2:
        return {"coverage": values.no_share(rng)}
    return {"coverage": Given(float(rng.uniform(0.01, 0.99)))}


def tail(rng: Rng) -> Arguments:
    """Return a share of the tails, or the default."""
    if rng.random() < 0.5:
        return {}
    if rng.random() < 0.2:
        return {"tail": values.no_share(rng)}
    return {"tail": Given(one_of(rng, [1e-3, 0.5, 1e-12]))}


def count(rng: Rng, most: int) -> Arguments:
    """Return a number of draws."""
    if rng.random() < 0.15:
        return {"k": values.no_integer(rng)}
    return {"k": Given(int(rng.integers(1, most + 1)))}


# -- what must hold --------------------------------------------------------------


def check_score(
    function: Callable[..., Any], given: Mapping[str, Any], result: Any
) -> None:
    """Expect one finite number in its range, whatever the size of the weights."""
    name = function.__name__
    assert isinstance(result, float), f"a {type(result).__name__}, no float"
    assert not math.isnan(result), "nan"
    large = any(
        np.abs(bounds(given[key])).max(initial=0.0) > LARGE
        for key in ("y_true", "dist", "y_pred")
        if key in given
    )
    may_overflow = (large and name in SQUARES) or "y_train" in given
    assert math.isfinite(result) or may_overflow, "infinite"
    low, high = RANGES.get(name, (0.0, math.inf))
    assert low <= result <= high, f"{result} is not from {low} to {high}"
    weight = given.get("sample_weight")
    if weight is not None and math.isfinite(result):
        weight = np.asarray(weight, dtype=np.float64)
        scaled = {**given, "sample_weight": weight / weight.max()}
        other = function(**scaled)
        assert np.isclose(other, result, rtol=1e-6, atol=0), (
            f"{result} with these weights, {other} with weights / their maximum"
        )


def bounds(value: Any) -> np.ndarray:
    """Return numbers as an array: of a distribution its outermost edges."""
    if isinstance(value, PredictiveDistribution):
        return value.bounds
    return np.asarray(value, dtype=np.float64)


def check_levels(n: int, result: Any) -> None:
    """Expect one probability for each row."""
    assert result.shape == (n,), f"shape {result.shape}"
    assert ((result >= 0) & (result <= 1)).all(), "no probability"


# -- the scores ------------------------------------------------------------------


def of_distribution(rng: Rng, name: str) -> Call:
    """Return the call of a score of distributions, or of draws or intervals."""
    dist, code = distribution(rng)
    y, given = near(rng, dist, (len(dist),)), Given(dist, text=code)
    options: Arguments = {}
    if name in SQUARES:
        given = draws_of(rng, y) if rng.random() < 0.5 else given
        options = count(rng, 5)
    elif name in ("interval_score", "coverage_score", "interval_width"):
        given = intervals_of(rng, y) if rng.random() < 0.5 else given
        options = coverage(rng)
    elif name == "log_score":
        options = tail(rng)
    if not len(dist):
        given = edge(given.value, "row", "sample")
    elif rng.random() < 0.05:
        given = wrong(one_of(rng, [None, "x", 1.0, y, {}, np.ones((len(y), 3, 2))]))
    arguments = {"y_true": targets(rng, y), "dist": given, **options}
    if name == "interval_width":
        del arguments["y_true"]
    if name == "pit_values":
        check: Callable[[Any], None] = partial(check_levels, len(y))
        return Call("pit_values", metrics.pit_values, arguments, check)
    if name != "pit_values" and rng.random() < 0.6:
        arguments["sample_weight"] = values.weights(rng, len(y))
    return scored(name, arguments)


def of_numbers(rng: Rng, name: str) -> Call:
    """Return the call of a score of predicted numbers."""
    n = int(rng.choice([1, 2, 3, 10]))
    y = values.numbers(rng, (n,))
    y_pred = y if rng.random() < 0.1 else values.numbers(rng, (n,))
    arguments = {"y_true": targets(rng, y), "y_pred": Given(y_pred)}
    if rng.random() < 0.1:
        arguments["y_pred"] = values.spoiled(rng, y_pred)
    if rng.random() < 0.6:
        arguments["sample_weight"] = values.weights(rng, n)
    if name == "rmse_score" and rng.random() < 0.4:
        train = values.numbers(rng, (5,))
        flat = not np.ptp(train)
        arguments["y_train"] = edge(train) if flat else Given(train)
    return scored(name, arguments)


def scored(name: str, arguments: Arguments) -> Call:
    """Return the call of a score."""
    function = getattr(metrics, name)
    given = {key: argument.value for key, argument in arguments.items()}
    check = partial(check_score, function, given)
    return Call(name, function, arguments, check)


def of_model(rng: Rng, name: str) -> Call:
    """Return the call of a scorer with a fitted estimator."""
    scorer, key, n = (
        getattr(metrics, name),
        one_of(rng, MODELS),
        int(rng.integers(1, 9)),
    )
    y = rng.exponential(size=n)
    arguments = {
        "estimator": Given(model(key), text=f"model({key!r})"),
        "X": Given(rng.normal(size=(n, N_FEATURES))),
        "y": targets(rng, y),
    }
    if rng.random() < 0.6:
        arguments["sample_weight"] = values.weights(rng, n)

    def check(result: Any) -> None:
        assert isinstance(result, float), f"a {type(result).__name__}, no float"
        assert math.isfinite(result), "not finite"

    return Call(name, scorer, arguments, check)


SCORERS = sorted(name for name in metrics.__all__ if name.endswith("_scorer"))
SCORERS.remove("make_distribution_scorer")
OF_NUMBERS = ("rmse_score", "spearman_score")
OF_DISTRIBUTIONS = sorted({*metrics.__all__} - {*OF_NUMBERS, *SCORERS})
OF_DISTRIBUTIONS.remove("make_distribution_scorer")


def draw(rng: Rng) -> Call:
    """Return a random call of a score."""
    if rng.random() < 0.05:
        return of_model(rng, one_of(rng, SCORERS))
    if rng.random() < 0.25:
        return of_numbers(rng, one_of(rng, OF_NUMBERS))
    return of_distribution(rng, one_of(rng, OF_DISTRIBUTIONS))
