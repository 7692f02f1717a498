"""Predictive distributions of samples that were not trained on."""

from sklearn_genre.model_selection._cross_validation import (
    cross_val_predict_distribution,
)
from sklearn_genre.model_selection._out_of_fold import out_of_fold_distribution

__all__ = ["cross_val_predict_distribution", "out_of_fold_distribution"]
