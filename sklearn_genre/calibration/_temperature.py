"""One temperature for the predictions of a trained network."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from sklearn_genre.inputs import Inputs
from sklearn_genre.networks import N_AT_ONCE, Predictor, joined_support

# Binary logarithms of the temperatures that are tried first; how many more are tried
# around the best of them.
TRIED = (0, -3, -2, -1, 1, 2, 3)
N_REFINEMENTS = 16


@torch.inference_mode()
def fit_temperature(
    predictor: Predictor,
    inputs: Inputs,
    y: NDArray[np.float64],
    weight: NDArray[np.float64],
    deadline: float = math.inf,
) -> float:
    """Return the temperature of the lowest CRPS; the encoder runs only once.

    Parameters
    ----------
    predictor : Predictor
        At temperature 1.
    inputs : Inputs
    y, weight : float64 array of shape (n_samples,)
        Targets in their units.
    deadline : float, default=inf
        By ``time.perf_counter``.
    """
    groups = [
        (group, list(predictor.outputs(inputs[group])))
        for group in (
            slice(start, start + N_AT_ONCE) for start in range(0, len(y), N_AT_ONCE)
        )
    ]

    def crps(temperature: float) -> float:
        scores = [
            predictor.pieces(
                joined_support(
                    (out.at_temperature(temperature), n) for out, n in outputs
                )
            ).crps(y[group])
            for group, outputs in groups
        ]
        return float(np.average(np.concatenate(scores), weights=weight))

    return best_temperature(crps, deadline)


def best_temperature(
    score: Callable[[float], float], deadline: float = math.inf
) -> float:
    """Return the temperature of the lowest score among those tried, 1 if in doubt.

    A coarse grid from 1/8 to 8 that holds 1, then a bounded search around its best.

    Parameters
    ----------
    score : callable
        Maps a temperature to a number; lower is better.
    deadline : float, default=inf
        By ``time.perf_counter``: from then on no more are tried, after the first.

    Returns
    -------
    temperature : float

    Examples
    --------
    >>> from sklearn_genre.calibration import best_temperature
    >>> round(best_temperature(lambda t: (t - 3.0) ** 2), 2)
    3.0
    >>> best_temperature(lambda t: 0.0)
    1.0
    """
    scores: dict[float, float] = {}

    def tried(exponent: float) -> float:
        temperature = float(2.0**exponent)
        if temperature not in scores:
            if scores and time.perf_counter() >= deadline:
                return math.inf
            scores[temperature] = score(temperature)
        return scores[temperature]

    best = min(TRIED, key=tried)
    minimize_scalar(
        tried,
        bounds=(max(best - 1, min(TRIED)), min(best + 1, max(TRIED))),
        method="bounded",
        options={"maxiter": N_REFINEMENTS, "xatol": 1e-3},
    )
    return min(scores, key=scores.__getitem__)
