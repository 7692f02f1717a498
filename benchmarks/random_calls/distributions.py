"""Calls of the methods of a predictive distribution."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from random_calls import values
from random_calls.call import Call, Code, Given, Trust, edge, nothing, one_of, wrong
from random_calls.checks import (
    LARGE,
    check_draws,
    check_equal,
    check_error,
    check_interval,
    check_masses,
    check_moment,
    check_not_nan,
    check_numbers,
    check_probability,
    check_quantiles,
    size_of,
)
from random_calls.derived import clip, construction, copy, mixture, rows
from random_calls.predictive import distribution, near
from sklearn_genre import PredictiveDistribution

Rng = np.random.Generator
# Numbers of this size may be refused as a truth.
LARGEST_TRUTH = np.finfo(float).max / 8


# -- the methods -----------------------------------------------------------------

Maker = Callable[[Rng, PredictiveDistribution, Code, str], Call]


def plain(rng: Rng, dist: PredictiveDistribution, code: Code, name: str) -> Call:
    """Return the call of a method without arguments."""
    check = check_masses if name == "pmf" else check_moment
    return Call(
        Code(code, ".", name), getattr(dist, name), {}, partial(check, dist, name)
    )


def at_numbers(rng: Rng, dist: PredictiveDistribution, code: Code, name: str) -> Call:
    """Return the call of a method that takes numbers of the units of y."""
    y, shape = values.asked(rng, len(dist), partial(near, rng, dist))
    given, chance = Given(values.dressed(rng, y)), rng.random()
    if chance < 0.1:
        given = Given(np.where(rng.random(y.shape) < 0.5, np.inf, -np.inf))
    elif chance < 0.2:
        given = values.spoiled(rng, y)
    elif chance < 0.3:
        given = wrong(near(rng, dist, (len(dist) + 2,)))
    elif chance < 0.35:
        given = edge(one_of(rng, [True, "1.5", [1], np.float32(2), 10**30]))
        shape = (len(dist),)
    check = partial(check_probability, dist, name, shape)
    if given.trust is Trust.EDGE:
        check = check_not_nan
    return Call(Code(code, ".", name), getattr(dist, name), {"y": given}, check)


def at_levels(rng: Rng, dist: PredictiveDistribution, code: Code, name: str) -> Call:
    """Return the call of a method that takes levels."""
    q, shape = values.asked(rng, len(dist), partial(values.levels, rng))
    given, chance = Given(values.dressed(rng, q)), rng.random()
    check: Callable[[Any], None] = partial(check_quantiles, dist, name, q, shape)
    if chance < 0.1:
        given, check = edge(one_of(rng, [0, 1, [[0.0, 1.0]], True]), "level"), nothing
    elif chance < 0.2:
        given = values.spoiled(rng, q, "level")
    elif chance < 0.3:
        given = wrong(values.levels(rng, (len(dist) + 2,)))
    elif chance < 0.4:
        given = values.no_share(rng, "level")
    return Call(Code(code, ".", name), getattr(dist, name), {"q": given}, check)


def interval(rng: Rng, dist: PredictiveDistribution, code: Code, name: str) -> Call:
    """Return the call of `interval`."""
    check: Callable[[Any], None] = partial(check_interval, dist)
    options = [
        lambda: Given(float(values.levels(rng, ()))),
        lambda: Given(float(rng.uniform(0.01, 0.99))),
        lambda: Given(rng.uniform(0.01, 0.99, len(dist))),
        lambda: edge(one_of(rng, [0, 1, 0.0, 1.0]), "confidence"),
        lambda: values.no_share(rng, "confidence"),
        lambda: wrong(rng.uniform(0.01, 0.99, len(dist) + 2), "confidence"),
    ]
    given = one_of(rng, options)()
    code = Code(code, ".interval")
    if given.trust is not Trust.FINE:
        check = nothing
    return Call(
        code, lambda coverage: dist.interval(coverage), {"coverage": given}, check
    )


def truth(rng: Rng, dist: PredictiveDistribution) -> tuple[Given, np.ndarray]:
    """Return targets, and the same as an array of shape (n,)."""
    n = len(dist)
    y = near(rng, dist, one_of(rng, [(), (n,)]))
    if np.abs(y).max(initial=0.0) > LARGEST_TRUTH:
        return edge(y), np.broadcast_to(y, (n,))
    given, chance = Given(values.dressed(rng, y)), rng.random()
    if chance < 0.1:
        given = values.spoiled(rng, y)
    elif chance < 0.15:
        given = wrong(near(rng, dist, (n + 2,)))
    elif chance < 0.2:
        given = wrong(values.replaced(rng, y, one_of(rng, [np.inf, 1e308])))
    return given, np.broadcast_to(y, (n,))


def error(rng: Rng, dist: PredictiveDistribution, code: Code, name: str) -> Call:
    """Return the call of a method that takes the truth, perhaps a number of draws."""
    y, numbers = truth(rng, dist)
    given, check = {"y": y}, partial(check_error, dist, name, numbers)
    if name.endswith("at_k"):
        counts = [1, 2, 3, 8, 101, 10**6, 10**12, 10**18]
        options = [
            lambda: Given(one_of(rng, counts)),
            lambda: Given(one_of(rng, counts)),
            lambda: Given(rng.integers(1, 9, len(dist))),
            lambda: Given(np.int8(3)),
            lambda: values.no_integer(rng),
            lambda: wrong(rng.integers(1, 9, len(dist) + 2)),
        ]
        given["k"] = one_of(rng, options)()
    return Call(Code(code, ".", name), getattr(dist, name), given, check)


def sample(rng: Rng, dist: PredictiveDistribution, code: Code, name: str) -> Call:
    """Return the call of `sample`."""
    n_samples, seed = int(rng.integers(1, 9)), int(rng.integers(2**32))
    given = {"n_samples": Given(n_samples), "random_state": Given(seed)}
    if rng.random() < 0.2:
        given["n_samples"] = values.no_integer(rng)
    elif rng.random() < 0.2:
        bad = [-1, 2**32, "x", 1.5, values.HUGE, [1.5]]
        given["random_state"] = wrong(one_of(rng, bad))
    check = partial(check_draws, dist, n_samples)
    return Call(Code(code, ".sample"), dist.sample, given, check)


def frame(rng: Rng, dist: PredictiveDistribution, code: Code, name: str) -> Call:
    """Return the call of `to_frame`."""
    k = int(rng.integers(0, 4))
    options = [
        lambda: Given(rng.uniform(0.01, 0.99, k)),
        lambda: Given(tuple(rng.uniform(0.01, 0.99, k))),
        lambda: values.spoiled(rng, rng.uniform(0.01, 0.99, k), "level"),
        lambda: wrong([0.5, 1.5], "level"),
    ]
    given = {"quantiles": one_of(rng, options)()}

    def check(result: Any) -> None:
        assert result.shape == (len(dist), 3 + k), f"shape {result.shape}"

    return Call(Code(code, ".to_frame"), dist.to_frame, given, check)


def moment(rng: Rng, dist: PredictiveDistribution, code: Code, name: str) -> Call:
    """Return the call of `moment`: the first is the mean."""
    order = int(rng.integers(1, 6))
    given = values.no_integer(rng) if rng.random() < 0.3 else Given(order)

    def check(result: Any) -> None:
        large = order * np.log10(size_of(dist) + 1) > np.log10(LARGE)
        check_numbers(result, (len(dist),), infinite=large)
        if order % 2 == 0:
            assert (result >= 0).all(), "negative"
        if order == 1:
            check_equal(dist, result, dist.mean())

    return Call(Code(code, ".moment"), dist.moment, {"order": given}, check)


def expect(rng: Rng, dist: PredictiveDistribution, code: Code, name: str) -> Call:
    """Return the call of `expect`: of the number itself it is the mean."""
    given = Given(np.positive)
    if rng.random() < 0.3:
        bad = [None, "x", 1.0, lambda y: y[:-1], lambda y: "x"]
        given = wrong(one_of(rng, bad))
        if not len(dist):
            given = edge(given.value)  # without numbers their shapes are right

    def check(result: Any) -> None:
        check_numbers(result, (len(dist),), infinite=False)
        check_equal(dist, result, dist.mean())

    return Call(Code(code, ".expect"), dist.expect, {"func": given}, check)


METHODS: dict[str, Maker] = {
    **dict.fromkeys(("mean", "var", "std", "median", "mode", "entropy", "pmf"), plain),
    **dict.fromkeys(("cdf", "pdf", "logpdf", "sf", "logcdf", "logsf"), at_numbers),
    **dict.fromkeys(("ppf", "isf", "quantile"), at_levels),
    **dict.fromkeys(("crps", "wasserstein1"), error),
    **dict.fromkeys(("best_at_k", "mean_at_k", "median_at_k"), error),
    "interval": interval,
    "sample": sample,
    "to_frame": frame,
    "__getitem__": rows,
    "__reduce__": copy,
    "moment": moment,
    "expect": expect,
    "clip": clip,
    "mixture": mixture,
}


def draw(rng: Rng) -> Call:
    """Return a random call of a distribution."""
    if rng.random() < 0.05:
        return construction(rng)
    name = one_of(
        rng, [name for name in METHODS if hasattr(PredictiveDistribution, name)]
    )
    return METHODS[name](rng, *distribution(rng), name)
