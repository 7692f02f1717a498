"""What is read of the predictive distributions of samples."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import gen_batches

from sklearn_genre._checks import shown
from sklearn_genre._device import spread
from sklearn_genre._sklearn import _safe_indexing
from sklearn_genre.calibration import HeldOut, conformal_interval
from sklearn_genre.distributions import PredictiveDistribution
from sklearn_genre.inputs import Inputs
from sklearn_genre.networks import N_AT_ONCE, Predictor

# Levels of predicted quantiles, unless others are asked for.
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)

Array = NDArray[np.float64]
Read = Callable[[Predictor, Inputs], Any]


def in_parts(estimator: Any, predictor: Predictor, X: Any, function: Read) -> list[Any]:
    """Apply a function to many samples, some at a time, in several threads of a CPU."""

    def read(some: slice) -> Any:
        with estimator._own_defaults():
            inputs = estimator._encode(_safe_indexing(X, some))
            return function(predictor, inputs)

    network, places = predictor.network, [*gen_batches(X.shape[0], N_AT_ONCE)]
    if network.is_small and next(network.parameters()).device.type == "cpu":
        return spread(read, places)
    return [read(some) for some in places]


def put_back(parts: list[Any], order: NDArray[np.intp]) -> Any:
    """Return what was read of reordered samples, joined, for the samples as they were.

    Parameters
    ----------
    parts : list of array, or of tuple of array
        One for some samples each.
    order : int array of shape (n_samples,)
        The places that the samples had before.
    """
    places = np.argsort(order)
    if isinstance(parts[0], tuple):
        return tuple(np.concatenate(each)[places] for each in zip(*parts, strict=True))
    return np.concatenate(parts)[places]


def of_distribution(method: Callable[..., Array], *arguments: Any) -> Read:
    """Return what reads numbers off the distribution of each sample."""
    return lambda predictor, inputs: method(predictor.distribution(inputs), *arguments)


def interval_by(method: str, coverage: float, held_out: Any) -> Read:
    """Return what reads an interval for each sample."""
    if method == "distribution":
        return of_distribution(PredictiveDistribution.interval, coverage)
    if method != "conformal":
        raise ValueError(
            f"method must be 'distribution' or 'conformal', got {shown(method, repr)}."
        )
    if held_out is None:
        raise ValueError(
            "method='conformal' needs samples that were held out, and the fit had no "
            "validation set, or a warm start had trained on it before. Fit with "
            "early_stopping=True, with cv=, or with X_val."
        )
    return partial(conformal_interval, HeldOut(*held_out), coverage)


# What ``predict`` can read of every network, one number for each sample.
READ: dict[str, Read] = {
    "mean": Predictor.mean,
    "median": of_distribution(PredictiveDistribution.median),
    "mode": of_distribution(PredictiveDistribution.mode),
    "std": of_distribution(PredictiveDistribution.std),
}
