"""Transformers that make columns for the estimators."""

from sklearn_genre.preprocessing._pair_features import PairFeatures
from sklearn_genre.preprocessing._table_reader import TableReader

__all__ = ["PairFeatures", "TableReader"]
