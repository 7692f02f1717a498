"""Calls that make one predictive distribution of others."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

from random_calls import values
from random_calls.call import Call, Code, Given, Trust, edge, nothing, one_of, wrong
from random_calls.checks import check_inside, columns_of, rounding, size_of
from random_calls.predictive import arrays, near
from sklearn_genre import PredictiveDistribution

Rng = np.random.Generator


def rows(rng: Rng, dist: PredictiveDistribution, code: Code, name: str) -> Call:
    """Return a selection of rows: a method of them answers as for all."""
    n = len(dist)
    index = one_of(
        rng,
        [
            slice(None, None, -1),
            slice(int(rng.integers(0, n + 1)), None),
            rng.integers(0, n, 4) if n else [],
            rng.random(n) < 0.5,
            int(rng.integers(-n, n)) if n else slice(0),
            list(range(n)),
        ],
    )
    given = Given(index)
    if isinstance(index, slice) and index.start == n:
        given = edge(index, "slice")
    elif rng.random() < 0.2:
        bad = [
            n,
            -n - 1,
            [0, n],
            None,
            0.5,
            "a",
            np.ones(n + 1, bool),
            (0, 1),
            values.HUGE,
        ]
        given = edge(one_of(rng, bad), "index", "indices", "row", "shape", "Rows")

    def check(result: Any) -> None:
        chosen = np.atleast_1d(np.arange(n)[index])
        for method in ("mean", "std", "median"):
            whole = getattr(dist, method)()[chosen]
            assert np.array_equal(getattr(result, method)(), whole), f"{method} differs"

    if given.trust is Trust.EDGE:
        check = nothing
    return Call(
        Code(code, ".__getitem__"), lambda index: dist[index], {"index": given}, check
    )


def copy(rng: Rng, dist: PredictiveDistribution, code: Code, name: str) -> Call:
    """Return a copy by pickle, or by its own ways: the same bits."""
    ways: dict[str, Callable[[], Any]] = {
        "pickle": lambda: pickle.loads(pickle.dumps(dist)),
        "iteration": lambda: next(iter(dist)) if len(dist) == 1 else dist,
    }
    if hasattr(dist, "to_dict"):
        ways["to_dict"] = lambda: type(dist).from_dict(dist.to_dict())
    if hasattr(dist, "concatenate") and len(dist) > 1:
        ways["concatenate"] = lambda: type(dist).concatenate([dist[:1], dist[1:]])
    way = one_of(rng, ways)

    def check(result: Any) -> None:
        for method in ("mean", "std", "median"):
            same = np.array_equal(getattr(result, method)(), getattr(dist, method)())
            assert same, f"{method} differs"

    return Call(Code(f"{way} of ", code), ways[way], {}, check)


def construction(rng: Rng) -> Call:
    """Return the construction of a distribution with one argument that is wrong."""
    given = {name: Given(value) for name, value in arrays(rng).items()}
    name = one_of(rng, given)
    value = given[name].value
    if rng.random() < 0.5:
        given[name] = values.spoiled(rng, value, "row")
    elif name == "pmf":
        given[name] = wrong(value * -1.0)
    elif rng.random() < 0.5:
        given[name] = wrong(np.append(value.ravel(), value.ravel()[:3]))
    else:
        given[name] = edge(value[..., ::-1], "values", "edges")
    return Call("PredictiveDistribution", PredictiveDistribution, given)


def clip(rng: Rng, dist: PredictiveDistribution, code: Code, name: str) -> Call:
    """Return the call of `clip`: quantiles and means lie inside the range."""
    low, high = np.sort(near(rng, dist, (2,))).tolist()
    given = {"low": Given(low), "high": Given(high)}
    chance = rng.random()
    if low == high or chance < 0.1:
        given["low"] = wrong(high)
    elif high - low < 64 * np.spacing(max(abs(low), abs(high))):
        given["low"] = edge(low)  # no room for bins
    elif chance < 0.3:
        side = one_of(rng, ["low", "high"])
        bad = [np.nan, "x", [1.0], 2j, values.HUGE, True]
        given[side] = wrong(one_of(rng, bad)) if chance < 0.2 else Given(None)

    def check(result: Any) -> None:
        slack = rounding(dist) + 64 * np.spacing(max(abs(low), abs(high)))
        for numbers in (result.mean(), result.interval(0.999)):
            numbers = columns_of(numbers)
            if given["low"].value is not None:
                assert (numbers >= low - slack).all(), "below the range"
            if given["high"].value is not None:
                assert (numbers <= high + slack).all(), "above the range"

    return Call(Code(code, ".clip"), dist.clip, given, check)


def mixture(rng: Rng, dist: PredictiveDistribution, code: Code, name: str) -> Call:
    """Return a mixture with a distribution of other bins: a mean of probabilities."""
    other, weights = dist[::-1], rng.dirichlet(np.ones(2))
    arguments = {"weights": Given(weights * one_of(rng, [1, 1e300, 1e-300]))}
    chance = rng.random()
    if chance < 0.1:
        arguments["weights"] = values.spoiled(rng, weights)
    elif chance < 0.2:
        arguments["weights"] = wrong(one_of(rng, [[0, 0], [1, -1], [1], [1, np.inf]]))
    y = near(rng, dist, (1, 5))
    # ties are spread over some spacings for each bin
    step = 32 * dist.edges.shape[-1] * np.spacing(max(size_of(dist), np.abs(y).max()))

    def check(result: Any) -> None:
        assert len(result) == len(dist), f"{len(result)} rows"
        check_inside(result, result.mean())
        below, above = (
            weights[0] * dist.cdf(y + side) + weights[1] * other.cdf(y + side)
            for side in (-step, step)
        )
        cdf = result.cdf(y)
        assert (cdf >= below - 1e-7).all(), "too little probability"
        assert (cdf <= above + 1e-7).all(), "too much probability"

    def mixed(weights: Any) -> Any:
        return type(dist).mixture([dist, other], weights)

    return Call(Code("mixture with its reverse of ", code), mixed, arguments, check)
