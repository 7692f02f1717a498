"""Predictive distributions of every kind, and numbers to ask them about."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np

from random_calls import values
from random_calls.call import Code, one_of
from random_calls.models import MODELS, N_FEATURES, model
from sklearn_genre import PredictiveDistribution

Rng = np.random.Generator


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
    if rng.random() < 0.08:
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
