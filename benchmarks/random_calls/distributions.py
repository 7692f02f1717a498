"""Calls of the methods of a predictive distribution."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from random_calls import values
from random_calls.call import Call, Code, Given, Trust, edge, nothing, one_of, wrong
from random_calls.checks import (
    check_draws,
    check_error,
    check_interval,
    check_masses,
    check_moment,
    check_not_nan,
    check_probability,
    check_quantiles,
)
from random_calls.models import MODELS, N_FEATURES, model
from sklearn_genre import PredictiveDistribution

Rng = np.random.Generator
# Numbers of this size may be refused as a truth.
LARGEST_TRUTH = np.finfo(float).max / 8


# -- distributions ---------------------------------------------------------------


def arrays(rng: Rng) -> dict[str, Any]:
    """Return the arguments of a valid distribution."""
    n, k = one_of(rng, [1, 1, 2, 3, 6]), one_of(rng, [1, 2, 3, 9, 33])
    shape = one_of(rng, [(k,), (n, k)])
    numbers = np.sort(values.numbers(rng, shape), axis=-1)
    given: dict[str, Any] = {"values": numbers, "pmf": masses(rng, n, k)}
    if rng.random() < 0.4:
        edges = np.sort(values.numbers(rng, (*shape[:-1], k + 1)), axis=-1)
        share = rng.uniform(-0.2, 1.2, shape).clip(0, 1)
        given["edges"] = edges
        given["values"] = (1 - share) * edges[..., :-1] + share * edges[..., 1:]
        given["values"] = given["values"].clip(edges[..., :-1], edges[..., 1:])
    if rng.random() < 0.2:
        given["clipped"] = rng.uniform(size=n)
    return given


def masses(rng: Rng, n: int, k: int) -> np.ndarray:
    """Return masses, some zero, of any size."""
    pmf = rng.dirichlet(np.full(k, one_of(rng, [0.05, 1.0, 50.0])), size=n)
    if rng.random() < 0.3:
        pmf[rng.random((n, k)) < 0.5] = 0
    if rng.random() < 0.2:
        pmf = np.eye(k)[rng.integers(k, size=n)]
    empty = pmf.max(axis=1) <= 0
    pmf[empty, 0] = 1
    pmf /= pmf.max(axis=1, keepdims=True)
    return pmf * one_of(rng, [1.0, 1.0, 1e307, 1e-300, 3.0])


def distribution(rng: Rng) -> tuple[PredictiveDistribution, Code]:
    """Return a distribution, and code that makes it."""
    if rng.random() < 0.2:
        name, n = one_of(rng, MODELS), one_of(rng, [1, 2, 5])
        X = rng.normal(size=(n, N_FEATURES))
        code = Code(f"model({name!r}).predict_distribution(", X, ")")
        return model(name).predict_distribution(X), code
    given = arrays(rng)
    dist = PredictiveDistribution(**given)
    words = (piece for name in given for piece in (f"{name}=", given[name], ", "))
    code = Code("PredictiveDistribution(", *words, ")")
    if rng.random() < 0.05:
        return dist[:0], Code(code, "[:0]")
    if rng.random() < 0.1:
        return pickle.loads(pickle.dumps(dist)), code
    return dist, code


def near(rng: Rng, dist: PredictiveDistribution, shape: Any) -> np.ndarray:
    """Return numbers inside and around the bins; at edges and numbers, some."""
    low, high = dist.bounds.min(initial=0.0), dist.bounds.max(initial=0.0)
    y = rng.uniform(-0.2, 1.2, shape)
    y = (1 - y) * low + y * high
    points = np.concatenate([dist.support.ravel(), dist.edges.ravel(), [0.0]])
    return np.where(rng.random(shape) < 0.3, rng.choice(points, shape), y)


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
        bad = [-1, 2**32, "x", 1.5, np.random.default_rng(0), values.HUGE, [1.5]]
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
}


def draw(rng: Rng) -> Call:
    """Return a random call of a distribution."""
    if rng.random() < 0.05:
        return construction(rng)
    name = one_of(
        rng, [name for name in METHODS if hasattr(PredictiveDistribution, name)]
    )
    return METHODS[name](rng, *distribution(rng), name)
