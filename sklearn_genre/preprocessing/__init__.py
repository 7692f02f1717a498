"""Transformers that make columns for the estimators."""

from sklearn_genre.preprocessing._pair_features import PairFeatures

__all__ = ["PairFeatures"]
