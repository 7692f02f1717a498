"""Regression with a full predictive distribution, written as digits."""

from sklearn_genre.distributions import PredictiveDistribution
from sklearn_genre.estimators import (
    DecodingRegressor,
    LanguageModelRegressor,
    PointwiseRegressor,
    RAFTRegressor,
    RiemannRegressor,
)
from sklearn_genre.training import ProgressBar

__version__ = "0.1.0"

__all__ = [
    "DecodingRegressor",
    "LanguageModelRegressor",
    "PointwiseRegressor",
    "PredictiveDistribution",
    "ProgressBar",
    "RAFTRegressor",
    "RiemannRegressor",
    "__version__",
]
