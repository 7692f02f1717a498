"""Expectations under a piecewise uniform density."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sklearn_genre._checks import as_floats, shown
from sklearn_genre.distributions._bins import Array
from sklearn_genre.distributions._piecewise import PiecewiseUniform

# Gauss-Legendre nodes and weights on (0, 1), exact for polynomials of degree 15.
NODES, WEIGHTS = np.polynomial.legendre.leggauss(8)
NODES, WEIGHTS = (NODES + 1) / 2, WEIGHTS / 2
# An exponent below that of any number.
LEAST = -(2**30)


def moment_of(block: PiecewiseUniform, order: int) -> Array:
    """Return the mean of a power of the number, shape (n,).

    Over a piece from a to b it is the mean of ``a**i * b**(order - i)``. Each piece is
    scaled by a power of two, and what it adds by another, so that only the result may
    overflow.
    """
    knots, mass = block.pieces()
    low, high = knots[..., :-1], knots[..., 1:]
    _, size = np.frexp(np.maximum(np.abs(low), np.abs(high)))
    with np.errstate(over="ignore", under="ignore"):
        low, high = np.ldexp(low, -size), np.ldexp(high, -size)
        mean, power = np.ones_like(low), np.ones_like(high)
        for _ in range(order):
            power = power * high
            mean = mean * low + power
        part, exponent = np.frexp(mass * mean / (order + 1))
        exponent = np.where(part != 0, exponent + order * size, LEAST)
        largest = exponent.max(axis=1)
        total = np.ldexp(part, exponent - largest[:, None]).sum(axis=1)
        return np.ldexp(total, largest)


def expectation_of(block: PiecewiseUniform, function: Callable[[Array], Any]) -> Array:
    """Return the mean of a function of the number, shape (n,)."""
    if not callable(function):
        raise TypeError(f"func must be callable; got {shown(function, repr)}.")
    knots, mass = block.pieces()
    low, width = knots[..., :-1], np.diff(knots, axis=-1)
    total = np.zeros(len(block))
    for node, weight in zip(NODES, WEIGHTS, strict=True):
        answer = _answers(function, low + width * node)
        counted = np.where(mass > 0, answer, 0.0)  # zero times infinity is nan
        total += weight * (mass * counted).sum(axis=1)
    return total


def _answers(function: Callable[[Array], Any], numbers: Array) -> Array:
    """Return what a function makes of numbers, refused where it is no number each."""
    flat = numbers.ravel()
    answer = as_floats(function(flat), "what func returned")
    if answer.shape not in {(), flat.shape}:
        raise ValueError(
            "func must map an array of numbers to one of the same shape; got shape "
            f"{answer.shape} for {flat.shape}."
        )
    return np.broadcast_to(answer, flat.shape).reshape(numbers.shape)
