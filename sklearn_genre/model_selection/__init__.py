"""Cross-validation of predictive distributions."""

from sklearn_genre.model_selection._cross_validation import (
    cross_val_predict_distribution,
)

__all__ = ["cross_val_predict_distribution"]
