"""Regression with a full predictive distribution, written as digits."""

from sklearn_genre._baselines import PointwiseRegressor, RiemannRegressor
from sklearn_genre._callbacks import ProgressBar
from sklearn_genre._decoding import DecodingRegressor
from sklearn_genre._raft import RAFTRegressor
from sklearn_genre.distributions import PredictiveDistribution

__version__ = "0.1.0"

__all__ = [
    "DecodingRegressor",
    "PointwiseRegressor",
    "PredictiveDistribution",
    "ProgressBar",
    "RAFTRegressor",
    "RiemannRegressor",
    "__version__",
]
