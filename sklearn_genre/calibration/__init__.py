"""What is fitted to a trained network on samples whose targets are known."""

from sklearn_genre.calibration._conformal import (
    HeldOut,
    conformal_interval,
    held_out_values,
)
from sklearn_genre.calibration._ensemble import (
    ensemble_weights,
    fit_ensemble_weights,
    of_all_folds,
    products_of_errors,
)
from sklearn_genre.calibration._residuals import fit_residual_scale
from sklearn_genre.calibration._temperature import best_temperature, fit_temperature

__all__ = [
    "HeldOut",
    "best_temperature",
    "conformal_interval",
    "ensemble_weights",
    "fit_ensemble_weights",
    "fit_residual_scale",
    "fit_temperature",
    "held_out_values",
    "of_all_folds",
    "products_of_errors",
]
