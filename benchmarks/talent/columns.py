"""What methods of other packages read: columns as numbers, codes or strings."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from talent.datasets import Array

# Levels of a category beyond the most frequent ones share one code.
MAX_LEVELS = 250
MAX_ONE_HOT = 100
# Imported before the clock of a job starts.
COLUMN_MODULES = ("sklearn.compose", "sklearn.impute", "sklearn.pipeline")


def transformer(
    X: NDArray[Any], categories: list[int], numbers: Any, strings: Any
) -> Any:
    """Return a transformer to float64, numeric columns first, fitted to X."""
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    numeric = [j for j in range(X.shape[1]) if j not in set(categories)]
    to_float = FunctionTransformer(as_float)
    both = [("n", make_pipeline(to_float, *numbers), numeric)]
    both += [("c", make_pipeline(*strings), categories)]
    used = [part for part in both if len(part[2])]
    return ColumnTransformer(used, sparse_threshold=0).fit(X)


def as_float(X: NDArray[Any]) -> Array:
    """Return numbers that may have come as objects."""
    return X.astype(np.float64)


def one_hot(X: NDArray[Any], categories: list[int]) -> Any:
    """Means for missing numbers, standardised; a column for each category."""
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    encoder = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        max_categories=MAX_ONE_HOT,
        sparse_output=False,
    )
    numbers = [SimpleImputer(keep_empty_features=True), StandardScaler()]
    return transformer(X, categories, numbers, [encoder])


def ordinal() -> Any:
    """Return an encoder of categories as numbers, NaN if missing or unknown."""
    from sklearn.preprocessing import OrdinalEncoder

    return OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
        max_categories=MAX_LEVELS,
    )


def codes(X: NDArray[Any], categories: list[int]) -> Any:
    """Numbers as they are; categories as codes; NaN for what is missing."""
    return transformer(X, categories, [], [ordinal()])


def filled_codes(X: NDArray[Any], categories: list[int]) -> Any:
    """Means for missing numbers; categories as codes, -1 for a missing one."""
    from sklearn.impute import SimpleImputer

    none = SimpleImputer(strategy="constant", fill_value=-1.0, keep_empty_features=True)
    numbers = [SimpleImputer(keep_empty_features=True)]
    return transformer(X, categories, numbers, [ordinal(), none])


class Strings:
    """Numbers as they are or filled by means; categories as strings."""

    def __init__(self, X: NDArray[Any], categories: list[int], *, fill: bool) -> None:
        self.categories = categories
        self.numeric = [j for j in range(X.shape[1]) if j not in set(categories)]
        self.means = np.full(len(self.numeric), np.nan)
        if fill:
            numbers = as_float(X[:, self.numeric])
            counts = np.isfinite(numbers).sum(axis=0).clip(1)
            self.means = np.nansum(numbers, axis=0) / counts

    def transform(self, X: NDArray[Any]) -> Any:
        """Return a data frame, numeric columns first."""
        import pandas as pd

        numbers = as_float(X[:, self.numeric])
        numbers = np.where(np.isnan(numbers), self.means, numbers)
        frame = pd.DataFrame(numbers, columns=[f"n{j}" for j in self.numeric])
        for j in self.categories:
            frame[f"c{j}"] = ["missing" if v is None else str(v) for v in X[:, j]]
        return frame


def strings(X: NDArray[Any], categories: list[int]) -> Strings:
    """Numbers as they are, categories as strings, in a data frame."""
    return Strings(X, categories, fill=False)


def filled_strings(X: NDArray[Any], categories: list[int]) -> Strings:
    """Means for missing numbers, categories as strings, in a data frame."""
    return Strings(X, categories, fill=True)
