"""Random arguments: plain ones, ones at the edge, and ones that make no sense."""

from __future__ import annotations

from typing import Any

import numpy as np

from random_calls.call import Given, edge, one_of, wrong

Rng = np.random.Generator

SCALES = (1.0, 1.0, 1.0, 1e-3, 1e6, 1e-12, 1e12)
EXTREME_SCALES = (1e150, 1e299, 1e-150, 1e-300, 5e-324)
OFFSETS = (0.0, 0.0, 0.0, 1.0, -1e3, 1e8)
LARGEST = 1e306  # beyond it numbers may be refused
HUGE = 10**400


def numbers(rng: Rng, shape: Any) -> np.ndarray:
    """Return numbers of one of many sizes, sometimes with duplicates."""
    extreme = rng.random() < 0.15
    scale = one_of(rng, EXTREME_SCALES if extreme else SCALES)
    offset = 0.0 if extreme else one_of(rng, OFFSETS)
    shares = rng.normal(size=shape)
    if rng.random() < 0.2:
        shares = shares.round()
    return offset + scale * shares


def dressed(rng: Rng, array: np.ndarray) -> Any:
    """Return the same numbers as another type or memory layout."""
    if not array.size:
        return array
    dresses = [
        np.ndarray.tolist,
        np.asfortranarray,
        np.ndarray.astype,
        lambda a: np.repeat(a, 2, axis=0)[::2],
        lambda a: a[::-1].copy()[::-1] if a.ndim else a,
        read_only,
    ]
    dress = one_of(rng, dresses)
    if dress is np.ndarray.astype:
        return array.astype(one_of(rng, [object, np.longdouble, ">f8"]))
    return dress(array) if array.ndim or dress is np.ndarray.tolist else array


def read_only(array: np.ndarray) -> np.ndarray:
    """Return a copy that refuses to be written to."""
    array = array.copy()
    array.flags.writeable = False
    return array


def spoiled(rng: Rng, array: np.ndarray, *names: str) -> Given:
    """Return an array with something that is no finite number, or no array at all."""
    array = np.array(array, dtype=np.float64) if np.size(array) else np.zeros(3)
    options = [
        lambda: wrong(replaced(rng, array, np.nan), *names),
        lambda: wrong(replaced(rng, array.astype(object), "abc"), *names),
        lambda: wrong(replaced(rng, array.astype(object), HUGE), *names),
        lambda: wrong(replaced(rng, array.astype(object), -HUGE).tolist(), *names),
        lambda: wrong(replaced(rng, array.astype(object), object()), *names),
        lambda: wrong(array + 1j, *names),
        lambda: wrong({"a": 1}, *names),
        lambda: wrong(object(), *names),
        lambda: wrong("abc", *names),
        lambda: wrong(array.reshape(1, 1, 1, *array.shape), *names),
    ]
    return one_of(rng, options)()


def replaced(rng: Rng, array: np.ndarray, value: Any) -> np.ndarray:
    """Return a copy with one entry replaced; an array without any gets one."""
    array = array.copy() if array.size else np.zeros(3, dtype=array.dtype)
    if array.ndim == 0:
        return np.array(value, dtype=array.dtype)
    array.flat[rng.integers(array.size)] = value
    return array


def asked(rng: Rng, n_rows: int, size: Any) -> tuple[np.ndarray, tuple[int, ...]]:
    """Return numbers in a shape that a distribution takes, and that of the answer."""
    k = int(rng.integers(1, 5))
    shapes = [((), (n_rows,)), ((n_rows,), (n_rows,))]
    shapes += [((n_rows, k), (n_rows, k)), ((1, k), (n_rows, k))]
    shape, answer = one_of(rng, shapes)
    return np.asarray(size(shape)), answer


def levels(rng: Rng, shape: Any) -> np.ndarray:
    """Return levels of quantiles strictly inside (0, 1), some of them extreme."""
    q = rng.uniform(1e-6, 1 - 1e-6, shape)
    extreme = rng.choice([1e-300, 1e-16, 0.5, 1 - 1e-16], np.shape(q))
    return np.where(rng.random(np.shape(q)) < 0.1, extreme, q)


def weights(rng: Rng, n: int) -> Given:
    """Return weights of samples, None among them."""
    names = ("weight",)
    plain = rng.uniform(0.1, 2.0, n)
    options = [
        lambda: Given(None),
        lambda: Given(None),
        lambda: Given(np.ones(n)),
        lambda: Given(dressed(rng, plain)),
        lambda: Given(rng.integers(1, 5, n)),
        lambda: Given(plain / 2 * one_of(rng, [1e308, 1e160, 1e-110, 1e-170, 1e-305])),
        lambda: Given(np.append(plain[1:], 0.0) if n > 1 else plain),
        lambda: edge(np.full(n, 5e-324), *names),
        lambda: edge(np.ones(n, dtype=bool), *names),
        lambda: wrong(np.zeros(n), *names),
        lambda: wrong(-plain, *names),
        lambda: wrong(replaced(rng, plain, np.inf), *names),
        lambda: wrong(plain[:, None].repeat(2, 1), *names),
        lambda: wrong(np.append(plain, 1.0), *names, "inconsistent"),
        lambda: spoiled(rng, plain, *names),
    ]
    return one_of(rng, options)()


def no_integer(rng: Rng, *names: str) -> Given:
    """Return what must not pass for a positive integer."""
    values = [0, -1, 1.5, True, "2", None, np.nan, HUGE, -HUGE, 2j, [2.5], np.inf]
    return wrong(one_of(rng, values), *names)


def no_share(rng: Rng, *names: str) -> Given:
    """Return what must not pass for a number inside (0, 1)."""
    values = [-0.1, 1.1, None, np.nan, HUGE, 2j, np.inf, {}, "x"]
    return wrong(one_of(rng, values), *names)
