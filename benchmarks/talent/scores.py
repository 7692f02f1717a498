"""Scores of predictions on the scale where the training target has unit variance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from talent.datasets import Array
from talent.predictions import Prediction, rmse

if TYPE_CHECKING:
    from sklearn_genre import PredictiveDistribution

# Numbers of draws k of best@k, mean@k and median@k.
DRAWS = (1, 2, 4, 8, 16, 32, 64, 128)
COVERAGE = 0.9
# Bins of a histogram of probability integral transforms.
N_PIT = 10
# What a distribution is scored by; the names of the row, null where there is none.
DISTRIBUTION_SCORES = (
    "rmse_median",
    "rmse_mode",
    "crps",
    "log_score",
    "coverage_90",
    "width_90",
    "pit",
    "entropy",
    "w1",
    "w1_pooled",
    "best_at_k",
    "mean_at_k",
    "median_at_k",
)


def scores(prediction: Prediction, y: Array, unit: float) -> dict[str, Any]:
    """Return the scores of a prediction; None for what it does not have."""
    if not np.isfinite(prediction.mean).all():
        raise ValueError("The method predicts numbers that are not finite.")
    row = {
        **point_scores(prediction.mean, y, unit),
        **dict.fromkeys(DISTRIBUTION_SCORES),
    }
    if prediction.dist is not None:
        row |= distribution_scores(prediction.dist, y, unit)
        if prediction.has_density:
            row |= density_scores(prediction.dist, y, unit)
    return row


def point_scores(predicted: Array, y: Array, unit: float) -> dict[str, float]:
    """Return the scores of single numbers."""
    error = (predicted - y) / unit
    spread = np.sum(((y - y.mean()) / unit) ** 2)
    ranks = 0.0
    if np.ptp(predicted) > 0 and np.ptp(y) > 0:
        ranks = float(stats.spearmanr(y, predicted).statistic)
    return {
        "rmse_mean": rmse(predicted, y, unit),
        "mae": float(np.mean(np.abs(error))),
        "r2": float(1 - np.sum(error**2) / spread) if spread > 0 else 0.0,
        "spearman": ranks,
    }


def distribution_scores(
    dist: PredictiveDistribution, y: Array, unit: float
) -> dict[str, Any]:
    """Return the scores that need no density."""
    from sklearn_genre.metrics import (
        coverage_score,
        crps_score,
        interval_width,
        wasserstein1_score,
    )

    at_k = {
        name: [float(np.sqrt(np.mean(method(y, k)))) / unit for k in DRAWS]
        for name, method in {
            "best_at_k": dist.best_at_k,
            "mean_at_k": dist.mean_at_k,
            "median_at_k": dist.median_at_k,
        }.items()
    }
    return {
        "rmse_median": rmse(dist.median(), y, unit),
        "crps": crps_score(y, dist) / unit,
        "coverage_90": coverage_score(y, dist, COVERAGE),
        "width_90": interval_width(dist, COVERAGE) / unit,
        "pit": np.histogram(dist.cdf(y[:, None]), N_PIT, (0, 1))[0].tolist(),
        "w1": wasserstein1_score(y, dist) / unit,
        "w1_pooled": pooled_distance(dist, y) / unit,
        **at_k,
    }


def density_scores(
    dist: PredictiveDistribution, y: Array, unit: float
) -> dict[str, float]:
    """Return the scores that read a density, in nats of the scaled target."""
    from sklearn_genre.metrics import log_score

    return {
        "rmse_mode": rmse(dist.mode(), y, unit),
        "log_score": log_score(y, dist) - float(np.log(unit)),
        "entropy": float(np.mean(dist.entropy())) - float(np.log(unit)),
    }


def pooled_distance(dist: PredictiveDistribution, y: Array) -> float:
    """Return the Wasserstein distance from the pooled predictions to the targets."""
    mass = dist.pmf()
    numbers = dist.support
    if numbers.ndim == 1:
        mass = mass.mean(axis=0)
    return float(stats.wasserstein_distance(numbers.ravel(), y, u_weights=mass.ravel()))
