"""Checked samples with their targets and weights, and which columns are categories."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray

from sklearn_genre._checks import some_of
from sklearn_genre._sklearn import _safe_indexing
from sklearn_genre.inputs._frames import frame_of


@dataclass(frozen=True)
class Data:
    """Checked samples.

    Parameters
    ----------
    X : float64 array, or what the user gave when there are categories
    y : float64 array of shape (n_samples,)
    weight : float64 array of shape (n_samples,)
        Positive.
    has_weight : bool array of shape (n_given,) or None, default=None
        Which of the samples that were given these are; None: all.
    """

    X: Any
    y: NDArray[np.float64]
    weight: NDArray[np.float64]
    has_weight: NDArray[np.bool_] | None = field(default=None, kw_only=True)

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.y)

    def take(self, index: NDArray[np.intp]) -> Data:
        """Return some of the samples."""
        return Data(_safe_indexing(self.X, index), self.y[index], self.weight[index])


def split(
    data: Data, fraction: float, random: np.random.RandomState
) -> tuple[Data, Data]:
    """Return a training set and a validation set, which holds a fraction at random.

    Samples that are read in blocks have a way of their own.
    """
    own = getattr(data, "split", None)
    if own is not None:
        return own(fraction, random)
    n_validation = min(math.ceil(fraction * len(data)), len(data) - 1)
    order = random.permutation(len(data))
    return data.take(order[n_validation:]), data.take(order[:n_validation])


def categorical_columns(X: Any, categorical_features: Any) -> NDArray[np.bool_]:
    """Return which columns are categories, shape (n_features,).

    Parameters
    ----------
    X : array-like or data frame of shape (n_samples, n_features)
    categorical_features : "from_dtype", None or array-like
        ``"from_dtype"`` finds the string, categorical and enum columns of a data frame.
        Otherwise a boolean mask, indices, or column names.

    Raises
    ------
    ValueError
        If indices, names or the length of a mask do not fit ``X``.
    """
    names = None
    if nw.dependencies.is_into_dataframe(X):
        frame = frame_of(X)
        assert frame is not None
        names = list(frame.columns)
        if isinstance(categorical_features, str):
            kinds = (nw.String, nw.Categorical, nw.Enum)
            return np.array([dtype in kinds for dtype in frame.schema.dtypes()])
    array = X if hasattr(X, "shape") else np.asarray(X, dtype=object)
    shape = array.shape if names is None else (0, len(names))
    n_features = shape[1] if len(shape) > 1 else 0
    mask = np.zeros(n_features, dtype=bool)
    if isinstance(categorical_features, str) or not n_features:
        return mask
    columns = np.asarray([] if categorical_features is None else categorical_features)
    if columns.size == 0:
        return mask
    if columns.dtype.kind == "b":
        if columns.shape != (n_features,):
            raise ValueError(
                "categorical_features as a boolean mask must have one entry per "
                f"column: got shape {columns.shape} for {n_features} columns."
            )
        return columns.copy()
    if columns.dtype.kind in "iu":
        if columns.min() < 0 or columns.max() >= n_features:
            raise ValueError(
                "categorical_features as indices must be in "
                f"[0, {n_features - 1}], got {columns.tolist()}."
            )
        mask[columns] = True
        return mask
    if names is None:
        raise ValueError(
            "categorical_features by name needs a data frame with column names, got "
            f"{type(X).__name__}. Pass indices or a boolean mask instead."
        )
    unknown = [name for name in columns.tolist() if name not in names]
    if unknown:
        raise ValueError(
            "categorical_features has names that are not columns of X: "
            f"{some_of(unknown)}. The columns are {some_of(names)}."
        )
    mask[[names.index(name) for name in columns.tolist()]] = True
    return mask
