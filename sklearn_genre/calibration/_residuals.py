"""The spread of the normal distribution around predicted numbers."""

import math

import numpy as np
import torch
from numpy.typing import NDArray

from sklearn_genre.inputs import Inputs
from sklearn_genre.networks import Predictor

# Smallest standard deviation of a prediction, as a share of that of the targets.
MIN_SCALE = 1e-9
# Largest: single precision holds it.
MAX_SCALE = 1e36


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
    residual = (torch.cat(means) - z).abs().cpu().numpy()
    if not np.isfinite(residual).all():
        raise FloatingPointError("a residual is not finite")
    size = float(residual.max()) or 1.0  # its square may be beyond float64
    scale = size * math.sqrt(np.average((residual / size) ** 2, weights=weight))
    predictor.network.residual_scale.fill_(min(max(scale, MIN_SCALE), MAX_SCALE))
