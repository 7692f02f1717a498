"""What must hold of the numbers that distributions answer with."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_genre import PredictiveDistribution

TOLERANCE = 1e-7
# Squares of numbers of this size may be infinite.
LARGE = 1e150
# Bins of this width may have an infinite density.
NARROW = 1e-300


def size_of(dist: PredictiveDistribution) -> float:
    """Return the size of the largest edge, 0 without rows."""
    return float(np.abs(dist.bounds).max(initial=0.0))


def check_numbers(result: Any, shape: tuple[int, ...], *, infinite: bool) -> None:
    """Expect float64 numbers, finite unless that cannot be."""
    assert isinstance(result, np.ndarray), f"a {type(result).__name__}, no array"
    assert result.dtype == np.float64, f"dtype {result.dtype}"
    assert result.shape == shape, f"shape {result.shape}, not {shape}"
    assert not np.isnan(result).any(), "nan"
    assert infinite or np.isfinite(result).all(), "infinite"


def rounding(dist: PredictiveDistribution) -> np.ndarray:
    """Return some spacings of the largest edge of each row, (n, 1)."""
    size = np.abs(dist.bounds).max(axis=1, keepdims=True)
    return 64 * np.spacing(np.maximum(size, 2.0**-30))


def columns_of(result: np.ndarray) -> np.ndarray:
    """Return an answer for each row as (n, k)."""
    return result[:, None] if result.ndim == 1 else result


def check_inside(dist: PredictiveDistribution, result: np.ndarray) -> None:
    """Expect numbers inside the bins."""
    low, high = dist.bounds.T[..., None]
    numbers, slack = columns_of(result), rounding(dist)
    assert (numbers >= low - slack).all(), "below all bins"
    assert (numbers <= high + slack).all(), "above all bins"


def check_moment(dist: PredictiveDistribution, name: str, result: Any) -> None:
    """Expect means inside the bins, spreads of at least zero, means of the density."""
    infinite = name == "var" and size_of(dist) > LARGE
    check_numbers(result, (len(dist),), infinite=infinite)
    if name in ("mean", "median", "mode"):
        check_inside(dist, result)
    if name in ("var", "std"):
        assert (result >= 0).all(), "negative"


def check_equal(dist: PredictiveDistribution, result: Any, mean: Any) -> None:
    """Expect what is the mean, computed otherwise."""
    slack = 1e-9 * size_of(dist) + 1e-320
    assert (np.abs(result - mean) <= slack).all(), "another mean"


def check_masses(dist: PredictiveDistribution, name: str, result: Any) -> None:
    """Expect rows of masses that sum to one."""
    assert (result >= 0).all(), "negative"
    assert np.allclose(result.sum(axis=1), 1), "masses do not sum to one"


def check_probability(
    dist: PredictiveDistribution, name: str, shape: tuple[int, ...], result: Any
) -> None:
    """Expect probabilities in [0, 1], their logarithms, or a density."""
    narrow = np.diff(dist.edges).min(initial=1.0) < NARROW
    is_log = name.startswith("log")
    check_numbers(result, shape, infinite=is_log or (narrow and name == "pdf"))
    if name in ("cdf", "sf"):
        assert ((result >= 0) & (result <= 1)).all(), "no probability"
    if name in ("logcdf", "logsf"):
        assert (result <= 0).all(), "no logarithm of a probability"
    if name == "pdf":
        assert (result >= 0).all(), "negative"
    if name == "logpdf":
        assert narrow or (result < np.inf).all(), "infinite"


def check_quantiles(
    dist: PredictiveDistribution,
    name: str,
    q: np.ndarray,
    shape: tuple[int, ...],
    result: Any,
) -> None:
    """Expect quantiles inside the bins, in order, with their level below them."""
    check_numbers(result, shape, infinite=False)
    check_inside(dist, result)
    x = columns_of(result)
    q = q[:, None] if q.ndim == 1 else q
    q = np.broadcast_to(1 - q if name == "isf" else q, x.shape)
    check_order(np.take_along_axis(x, np.argsort(q, axis=1), axis=1))
    step = 8 * np.spacing(np.abs(dist.bounds).max(axis=1, keepdims=True))
    assert (dist.cdf(x - step) <= q + TOLERANCE).all(), "cdf(ppf(q)) > q"
    assert (dist.cdf(x + step) >= q - TOLERANCE).all(), "cdf(ppf(q)) < q"


def check_order(numbers: np.ndarray) -> None:
    """Expect rows that never fall."""
    assert (numbers[:, 1:] >= numbers[:, :-1]).all(), "quantiles cross"


def check_interval(dist: PredictiveDistribution, result: Any) -> None:
    """Expect a lower and an upper end, inside the bins."""
    check_numbers(result, (len(dist), 2), infinite=False)
    check_order(result)
    check_inside(dist, result)


def check_error(
    dist: PredictiveDistribution, name: str, y: np.ndarray, result: Any
) -> None:
    """Expect errors of at least zero, and the CRPS at most the absolute error."""
    large = max(size_of(dist), float(np.abs(y).max(initial=0.0))) > LARGE
    check_numbers(result, (len(dist),), infinite=large and "at_k" in name)
    assert (result >= 0).all(), "negative"
    if name == "crps":
        slack = rounding(dist)[:, 0] + 1e-9 * result + 64 * np.spacing(np.abs(y))
        assert (result <= dist.wasserstein1(y) + slack).all(), "above wasserstein1"


def check_draws(dist: PredictiveDistribution, n_samples: int, result: Any) -> None:
    """Expect so many draws of each row, inside the bins."""
    check_numbers(result, (len(dist), n_samples), infinite=False)
    check_inside(dist, result)


def check_not_nan(result: Any) -> None:
    """Expect no nan."""
    assert not np.isnan(result).any(), "nan"
