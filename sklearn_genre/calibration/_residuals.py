"""The spread of the normal distribution around predicted numbers."""

import math

import numpy as np
import torch
from numpy.typing import NDArray

from sklearn_genre.inputs import Inputs
from sklearn_genre.networks import Predictor

# Smallest standard deviation of a prediction, as a share of that of the targets.
MIN_SCALE = 1e-9


@torch.no_grad()
def fit_residual_scale(
    predictor: Predictor,
    inputs: Inputs,
    z: torch.Tensor,
    weight: NDArray[np.float64],
) -> None:
    """Let the network hold the root mean square of its residuals.

    Raises
    ------
    FloatingPointError
        If a residual is not finite.
    """
    means = [dist.expectation()[:n] for dist, n in predictor.outputs(inputs)]
    square = ((torch.cat(means) - z) ** 2).cpu().numpy()
    scale = math.sqrt(np.average(square, weights=weight))
    if not math.isfinite(scale):
        raise FloatingPointError("a residual is not finite")
    predictor.network.residual_scale.fill_(max(scale, MIN_SCALE))
