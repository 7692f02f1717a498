"""Data at the door: checked once, or refused with a reason."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.validation import validate_data

from sklearn_genre._checks import too_large
from sklearn_genre._sklearn import _check_sample_weight
from sklearn_genre.inputs import Data, categorical_columns

# Largest size of a target: sums of many stay finite.
LARGEST_TARGET = 1e300


def checked_data(
    estimator: Any, X: Any, y: Any, sample_weight: Any, *, reset: bool
) -> Data:
    """Return checked samples without those of weight zero.

    Parameters
    ----------
    estimator : estimator
        It takes note of the columns if `reset`, and else compares them.
    X, y, sample_weight : array-like
    reset : bool

    Raises
    ------
    ValueError
        If the data are not valid.
    """
    X = estimator._check_features(X, reset=reset)
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is "
            "None."
        )
    y = column_or_1d(as_floats(y, "y", ensure_2d=False), warn=True)
    if np.abs(y).max() > LARGEST_TARGET:
        raise ValueError(
            f"y must be at most {LARGEST_TARGET:g} in size, got "
            f"{y[np.abs(y).argmax()]:g}. Divide it by a constant."
        )
    check_consistent_length(X, y)
    try:
        weight = _check_sample_weight(
            sample_weight, X, dtype=np.float64, ensure_non_negative=True
        )
    except OverflowError:
        raise too_large("sample_weight") from None
    data = Data(X, y, weight)
    return data if weight.all() else data.take(np.flatnonzero(weight))


def checked_features(estimator: Any, X: Any, *, reset: bool) -> Any:
    """Return a float64 array, or the input as it is if there are categories."""
    if reset:
        estimator._is_categorical = categorical_columns(
            X, estimator.categorical_features
        )
    if estimator._is_categorical.any():
        validate_data(estimator, X, reset=reset, skip_check_array=True)
        X = X if hasattr(X, "shape") else np.asarray(X, dtype=object)
        if X.shape[0] == 0:
            raise ValueError(
                f"Found 0 sample(s) (shape={X.shape}), a minimum of 1 is required."
            )
        return X
    try:
        return validate_data(
            estimator, X, reset=reset, dtype=np.float64, ensure_all_finite="allow-nan"
        )
    except OverflowError:
        raise too_large("X") from None


def as_floats(values: ArrayLike, name: str, **options: Any) -> Any:
    """Return a float64 array, checked by scikit-learn."""
    try:
        return check_array(values, dtype=np.float64, input_name=name, **options)
    except OverflowError:
        raise too_large(name) from None


def check_output(
    model: Any,
    numbers: Iterable[str],
    output_type: str,
    quantiles: ArrayLike | None,
    return_std: bool,
) -> None:
    """Refuse what ``predict`` cannot return."""
    allowed = [*numbers, "quantiles", "distribution"]
    if output_type not in allowed:
        raise ValueError(
            f"output_type must be one of {allowed} for {type(model).__name__}, got "
            f"{output_type!r}."
        )
    if quantiles is not None and output_type != "quantiles":
        raise ValueError(
            "quantiles are for output_type='quantiles', got output_type="
            f"{output_type!r}."
        )
    if return_std and output_type != "mean":
        raise ValueError(
            f"return_std is for output_type='mean', got output_type={output_type!r}."
        )
