"""Data at the door: checked once, or refused with a reason."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from numbers import Real
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.validation import check_is_fitted

from sklearn_genre._checks import QUIET_SUMS, check_real, shown, tidy, too_large
from sklearn_genre._sklearn import _check_sample_weight, validate_data
from sklearn_genre.estimators._warnings import warn_of_unseen
from sklearn_genre.inputs import (
    Data,
    by_column,
    categorical_columns,
    check_axes,
    check_real_columns,
    plain,
    plain_numbers,
)

# Largest size of a target: sums of many stay finite.
LARGEST_TARGET = 1e300
# What numpy says of objects that are no numbers, without the name of an argument.
OF_OBJECTS = re.compile(
    "could not convert|float\\(\\) argument|setting an array|Input should|"
    "Found array with"
)


def check_own(estimator: Any) -> None:
    """Refuse what is no estimator of the package itself, such as a pipeline.

    Raises
    ------
    TypeError
        If it is another, or holds one.
    NotFittedError
        If it is not fitted.
    """
    if not hasattr(estimator, "_own_defaults"):
        raise TypeError(
            "estimator must be one of this package itself, got "
            f"{shown(estimator, repr)}. Of a pipeline give pipeline[-1], and as X what "
            "pipeline[:-1].transform(X) returns; of a search its best_estimator_."
        )
    check_is_fitted(estimator)


def checked_data(
    estimator: Any, X: Any, y: Any, sample_weight: Any, *, reset: bool
) -> Data:
    """Return checked samples without those of weight zero.

    Parameters
    ----------
    estimator : estimator
        It takes note of the columns if `reset`, and else compares them.
    X, y, sample_weight : array-like
        The weights are divided by a power of two near the largest of them.
    reset : bool

    Raises
    ------
    ValueError
        If the data are not valid.
    """
    if isinstance(y, str) or isinstance(sample_weight, str):
        refuse_names(y=y, sample_weight=sample_weight)
    X = estimator._check_features(X, reset=reset)
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is "
            "None."
        )
    y = column_or_1d(checked_numbers(y, "y", ensure_2d=False), warn=True)
    if np.abs(y).max() > LARGEST_TARGET:
        raise ValueError(
            f"y must be at most {LARGEST_TARGET:g} in size, got "
            f"{y[np.abs(y).argmax()]:g}. Divide it by a constant."
        )
    check_consistent_length(X, y)
    if isinstance(sample_weight, Real):
        sample_weight = same_weights(sample_weight, len(y))
    elif sample_weight is not None:
        sample_weight = checked_numbers(sample_weight, "sample_weight", ensure_2d=False)
    weight = _check_sample_weight(
        sample_weight, X, dtype=np.float64, ensure_non_negative=True
    )
    if not (largest := weight.max()) > 0:
        raise ValueError("sample_weight must hold a positive number: all are zero.")
    if weight.min() == largest:
        return Data(X, y, np.ones_like(weight))
    # divided by a power of two: whole numbers stay exact, and two is as good as twice
    data = Data(X, y, np.ldexp(weight, -np.frexp(largest)[1]))
    if data.weight.all():
        return data
    has_weight = data.weight > 0
    return replace(data.take(np.flatnonzero(has_weight)), has_weight=has_weight)


def refuse_names(**given: Any) -> None:
    """Refuse names of columns for a table that is in memory."""
    for key, name in given.items():
        if isinstance(name, str):
            raise ValueError(
                f"{key}={shown(name, repr)} names a column, which is for files and "
                f"datasets. Of a table in memory give {key} as an array, and X without "
                "that column."
            )


def same_weights(weight: Real, n_samples: int) -> NDArray[np.float64]:
    """Return one weight for each sample, not negative."""
    number = check_real(weight, "sample_weight", 0.0)
    return np.broadcast_to(np.float64(number), n_samples)


def checked_validation(
    estimator: Any, X_val: Any, y_val: Any, sample_weight_val: Any
) -> Data:
    """Return checked samples of a validation set; errors say that they are of it."""
    try:
        return checked_data(estimator, X_val, y_val, sample_weight_val, reset=False)
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        where = "In the validation set (X_val, y_val, sample_weight_val): "
        raise kind(f"{where}{error}") from None


def checked_features(estimator: Any, X: Any, *, reset: bool) -> Any:
    """Return a float64 array, or the input as it is if there are categories."""
    is_plain = type(X) is np.ndarray and X.dtype.kind in "biuf"
    if isinstance(X, (str, PathLike)):
        raise TypeError(
            f"X={shown(str(X), repr)} is a path, and samples in memory are needed "
            "here. Read it first, such as by numpy.load or pandas.read_parquet."
        )
    if not is_plain:
        X = plain(X)
    if reset:
        estimator._is_categorical = categorical_columns(
            X, estimator.categorical_features
        )
    if not (is_plain or estimator._is_categorical.any()):
        check_real_columns(X)
    try:
        if estimator._is_categorical.any():
            return _with_categories(estimator, X, reset=reset)
        with np.errstate(**QUIET_SUMS):
            return validate_data(
                estimator,
                X,
                reset=reset,
                dtype=np.float64,
                ensure_all_finite="allow-nan",
            )
    except (TypeError, ValueError, OverflowError) as error:
        return _explained(estimator, X, error, reset=reset)


def _with_categories(estimator: Any, X: Any, *, reset: bool) -> Any:
    """Return samples with categories as they are, once their columns are known."""
    X = X if hasattr(X, "shape") else np.asarray(X, dtype=object)
    check_axes(X, estimator)
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    if X.shape[0] == 0:
        raise ValueError(
            f"Found 0 sample(s) (shape={X.shape}), a minimum of 1 is required."
        )
    check_real_columns(X, estimator._is_categorical)
    encoder = getattr(estimator, "feature_encoder_", None)
    if encoder is not None and not reset:
        warn_of_unseen(encoder, X)
    return X


def _explained(estimator: Any, X: Any, error: Exception, *, reset: bool) -> Any:
    """Return samples read column by column, or say in which column the error is."""
    by_columns = not estimator._is_categorical.any()
    if by_columns:
        try:
            check_axes(X, estimator)
        except (TypeError, ValueError) as of_axes:
            error, by_columns = of_axes, False
    if not by_columns:
        text = tidy(str(error))
        if OF_OBJECTS.match(text):
            text = f"X must be a table of numbers: {text}"
        raise (error if text == str(error) else type(error)(text)) from None
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    return by_column(X)


def checked_numbers(values: ArrayLike, name: str, **options: Any) -> Any:
    """Return a float64 array, checked by scikit-learn."""
    try:
        if not (type(values) is np.ndarray and values.dtype.kind in "biuf"):
            values = plain_numbers(values, name)
        with np.errstate(**QUIET_SUMS):
            return check_array(values, dtype=np.float64, input_name=name, **options)
    except OverflowError:
        raise too_large(name) from None
    except (TypeError, ValueError) as error:
        if not OF_OBJECTS.match(text := tidy(str(error))):
            raise
        raise type(error)(f"{name} must hold numbers: {text}") from None


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
            f"{shown(output_type, repr)}."
        )
    if quantiles is not None and output_type != "quantiles":
        raise ValueError(
            "quantiles are for output_type='quantiles', got output_type="
            f"{shown(output_type, repr)}."
        )
    if return_std and output_type != "mean":
        raise ValueError(
            "return_std is for output_type='mean', got "
            f"output_type={shown(output_type, repr)}."
        )
