"""What is fitted to a trained network on samples whose targets are known."""

from sklearn_genre.calibration._conformal import (
    HeldOut,
    conformal_interval,
    held_out_values,
)
from sklearn_genre.calibration._ensemble import (
    share_of_all_folds,
    whole_share,
)
from sklearn_genre.calibration._residuals import fit_residual_scale
from sklearn_genre.calibration._temperature import best_temperature, fit_temperature

__all__ = [
    "HeldOut",
    "best_temperature",
    "conformal_interval",
    "fit_residual_scale",
    "fit_temperature",
    "held_out_values",
    "share_of_all_folds",
    "whole_share",
]
