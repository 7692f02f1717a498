"""What networks read: checked data, and columns as tensors."""

from sklearn_genre.inputs._columns import Columns, ColumnSpec, Inputs, padded_blocks
from sklearn_genre.inputs._data import Data, split
from sklearn_genre.inputs._features import FeatureEncoder, categorical_columns

__all__ = [
    "ColumnSpec",
    "Columns",
    "Data",
    "FeatureEncoder",
    "Inputs",
    "categorical_columns",
    "padded_blocks",
    "split",
]
