"""All that is measured at each validation, or without one at the end."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sklearn_genre.calibration._ensemble import (
    fit_ensemble_weights,
    set_ensemble_weights,
)
from sklearn_genre.calibration._residuals import fit_residual_scale
from sklearn_genre.inputs import Inputs
from sklearn_genre.networks import Predictor


def calibrate(
    predictor: Predictor, inputs: Inputs, z: Tensor, weight: NDArray[np.float64]
) -> None:
    """Fit ensemble weights, and the spread of residuals, on validation samples.

    Both are buffers of the network: part of the state that is selected and restored.
    """
    network = predictor.network
    if network.n_members > 1:
        fit_ensemble_weights(network, inputs, z, weight)
    if network.predicts_number:
        fit_residual_scale(predictor, inputs, z, weight)


def calibrate_without(
    predictor: Predictor, inputs: Inputs, z: Tensor, weight: NDArray[np.float64]
) -> None:
    """Let the members count alike; measure residuals on the training samples."""
    network = predictor.network
    if network.n_members > 1:
        n_members = network.n_members
        set_ensemble_weights(network, np.full(n_members, 1 / n_members))
    if network.predicts_number:
        fit_residual_scale(predictor, inputs, z, weight)
