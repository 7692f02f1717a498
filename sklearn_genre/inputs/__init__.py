"""What networks read: checked data, and columns as tensors."""

from sklearn_genre.inputs._columns import (
    Columns,
    ColumnSpec,
    FeatureEncoder,
    Inputs,
    n_samples_of,
)
from sklearn_genre.inputs._data import Data, categorical_columns, split
from sklearn_genre.inputs._folds import FoldedInputs, Folds, folds_of
from sklearn_genre.inputs._frames import (
    by_column,
    check_axes,
    check_real_columns,
    is_table,
    plain,
    plain_numbers,
)
from sklearn_genre.inputs._levels import Writings
from sklearn_genre.inputs._prompt_encoder import TRUNCATIONS, PromptEncoder, fields_of
from sklearn_genre.inputs._prompts import Memory, Prompts
from sklearn_genre.inputs._sources import (
    SlicedSource,
    Source,
    column_values,
    rows_at,
    source_of,
    with_columns,
    without_columns,
)
from sklearn_genre.inputs._stored import (
    MEMORY_ROWS,
    MEMORY_VALUES,
    StoredData,
    rows_of_block,
    stored,
)

__all__ = [
    "MEMORY_ROWS",
    "MEMORY_VALUES",
    "TRUNCATIONS",
    "ColumnSpec",
    "Columns",
    "Data",
    "FeatureEncoder",
    "FoldedInputs",
    "Folds",
    "Inputs",
    "Memory",
    "PromptEncoder",
    "Prompts",
    "SlicedSource",
    "Source",
    "StoredData",
    "Writings",
    "by_column",
    "categorical_columns",
    "check_axes",
    "check_real_columns",
    "column_values",
    "fields_of",
    "folds_of",
    "is_table",
    "n_samples_of",
    "plain",
    "plain_numbers",
    "rows_at",
    "rows_of_block",
    "source_of",
    "split",
    "stored",
    "with_columns",
    "without_columns",
]
