"""The estimators: one a file."""

from sklearn_genre.estimators._checks import check_own
from sklearn_genre.estimators._decoding import OBJECTIVES, DecodingRegressor
from sklearn_genre.estimators._language_model import LanguageModelRegressor
from sklearn_genre.estimators._pointwise import PointwiseRegressor
from sklearn_genre.estimators._raft import RAFTRegressor
from sklearn_genre.estimators._riemann import RiemannRegressor
from sklearn_genre.estimators._state import description

__all__ = [
    "OBJECTIVES",
    "DecodingRegressor",
    "LanguageModelRegressor",
    "PointwiseRegressor",
    "RAFTRegressor",
    "RiemannRegressor",
    "check_own",
    "description",
]
