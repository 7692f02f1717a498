"""Pictures of predictive distributions and of training.

Matplotlib is imported when a picture is drawn.
"""

from sklearn_genre.inspection._best_at_k import BestAtKDisplay
from sklearn_genre.inspection._calibration import CalibrationDisplay
from sklearn_genre.inspection._digit_tree import DigitTreeDisplay
from sklearn_genre.inspection._interval_coverage import IntervalCoverageDisplay
from sklearn_genre.inspection._pit_histogram import PITHistogramDisplay
from sklearn_genre.inspection._predictive_distribution import (
    PredictiveDistributionDisplay,
)
from sklearn_genre.inspection._training_history import TrainingHistoryDisplay

__all__ = [
    "BestAtKDisplay",
    "CalibrationDisplay",
    "DigitTreeDisplay",
    "IntervalCoverageDisplay",
    "PITHistogramDisplay",
    "PredictiveDistributionDisplay",
    "TrainingHistoryDisplay",
]
