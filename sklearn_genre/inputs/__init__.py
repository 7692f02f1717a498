"""What networks read: checked data, and columns as tensors."""

from sklearn_genre.inputs._columns import (
    Columns,
    ColumnSpec,
    FeatureEncoder,
    Inputs,
    padded_blocks,
)
from sklearn_genre.inputs._data import Data, categorical_columns, split

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
