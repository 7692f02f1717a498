"""Samples as users bring them: made plain, or refused by the name of a column."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array

from sklearn_genre._checks import QUIET_SUMS, off_device, shown, too_large

DATES = (datetime.date, datetime.time, np.datetime64)
DURATIONS = (datetime.timedelta, np.timedelta64)
# How columns of dates and durations become numbers, by the kind of data.
FRAME_ADVICE = {
    "dates": (
        "make_pipeline(skrub.TableVectorizer(), model) reads dates; or give numbers, "
        "such as X[{name}].dt.year"
    ),
    "durations": "Give numbers: X[{name}] = X[{name}].dt.total_seconds()",
}
ARRAY_ADVICE = {
    "dates": "Give numbers, such as column.astype('datetime64[s]').astype(float)",
    "durations": "Give numbers, such as column.astype('timedelta64[s]').astype(float)",
}

SERIES_ADVICE = {
    "dates": "Give numbers, such as ({name} - {name}.min()).dt.days",
    "durations": "Give numbers: {name}.dt.total_seconds()",
}
# Values in what scikit-learn says of an array that has no two axes.
VALUES = re.compile(r":\narray=.*\nReshape", re.DOTALL)


def plain(X: Any) -> Any:
    """Return samples as they are, or with NaN in place of what is masked.

    Raises
    ------
    TypeError
        If they are no table: a dict, a list of dicts, a lazy frame, a structured array.
    """
    X = off_device(X)
    if isinstance(X, np.ma.MaskedArray):
        data = X.data if X.dtype.kind in "biuf" else X.data.astype(object)
        return np.where(np.ma.getmaskarray(X), np.nan, data)
    first = X[0] if isinstance(X, (list, tuple)) and X else None
    is_dict = isinstance(X, Mapping) and not hasattr(X, "shape")  # or sparse
    if is_dict or isinstance(first, Mapping):
        kind = "a dict" if is_dict else "a list of dicts"
        raise TypeError(f"X is {kind}. Make a table of it: pandas.DataFrame(X).")
    if isinstance(X, np.ndarray) and X.dtype.names is not None:
        raise TypeError(
            "X is a structured array. Make a table of it: pandas.DataFrame(X)."
        )
    if isinstance(X, np.matrix):
        raise TypeError("X is an np.matrix. Make an array of it: np.asarray(X).")
    if type(X).__name__ == "RecordBatch":  # of pyarrow
        raise TypeError(
            "X is a RecordBatch. Make a table of it: pyarrow.Table.from_batches([X])."
        )
    if frame_of(X) is None and _is_lazy(X):
        raise TypeError("X is a lazy frame. Read it before: X.collect().")
    return X


def _is_lazy(X: Any) -> bool:
    """Return whether samples are a frame that has not been read."""
    return isinstance(nw.from_native(X, pass_through=True), nw.LazyFrame)


def is_table(X: Any) -> bool:
    """Return whether samples have columns: a data frame, or an array of two axes."""
    if nw.dependencies.is_into_dataframe(X):
        return bool(X.shape[1])
    try:
        shape = np.asarray(X).shape
    except (TypeError, ValueError):  # of different lengths, or on a GPU
        return False
    return len(shape) == 2 and min(shape) > 0


def check_axes(X: Any, estimator: Any) -> None:
    """Refuse what is no table, whatever its values are.

    Raises
    ------
    TypeError, ValueError
        What scikit-learn says of it.
    """
    if nw.dependencies.is_into_dataframe(X) and not X.shape[1]:
        raise ValueError(
            f"Found array with 0 feature(s) (shape={X.shape}) while a minimum of 1 is "
            "required."
        )
    if is_table(X):
        return
    try:
        check_array(X, dtype=None, ensure_all_finite=False, estimator=estimator)
    except ValueError as error:  # without the values, which are lines of them
        instead = f": X has shape {np.shape(X)}. Reshape"
        text = VALUES.sub(lambda _: instead, str(error))
        raise ValueError(text) from None


def plain_numbers(values: Any, name: str) -> Any:
    """Return numbers of one column as they are, or with NaN for a missing object.

    Raises
    ------
    TypeError, ValueError
        If some are masked, or are dates or something else.
    """
    values = off_device(values)
    if isinstance(values, np.ma.MaskedArray):
        masked = np.flatnonzero(np.ma.getmaskarray(values))
        if len(masked):
            raise ValueError(
                f"{name} has {len(masked)} masked values, the first at index "
                f"{masked[0]}. Leave those samples out."
            )
        return values.data
    array = np.asarray(values)
    if array.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {name} holds complex numbers.")
    if array.dtype.kind not in "mMOUS" or array.ndim not in (1, 2):
        return values
    array = array.ravel() if array.ndim == 1 or array.shape[1] == 1 else array[:, 0]
    if (kind := _time_of(array)) is not None:
        advice = SERIES_ADVICE[kind].format(name=name)
        raise ValueError(f"{name} holds {kind}, which have no unit. {advice}.")
    if array.dtype.kind == "O":
        array = np.where(is_missing(array), np.nan, array)
    try:
        array.astype(np.float64)
    except OverflowError:
        raise too_large(name) from None
    except (TypeError, ValueError):
        value = _no_float(array)
        raise ValueError(
            f"{name} must hold numbers, and {shown(value, repr)} is none."
        ) from None
    return values if np.asarray(values).ndim == 2 else array


def frame_of(X: Any) -> nw.DataFrame[Any] | None:
    """Return a data frame, None if it is something else.

    Raises
    ------
    ValueError
        If two columns have the same name.
    """
    if not nw.dependencies.is_into_dataframe(X):
        return None
    try:
        return nw.from_native(X, eager_only=True)
    except nw.exceptions.DuplicateError:
        names = [*X.columns]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(
            f"Columns must have distinct names, and {names.count(twice)} are called "
            f"{shown(twice, repr)}. Rename them, or leave all but one out."
        ) from None


def names_of(X: Any, wanted: NDArray[np.bool_]) -> list[Any]:
    """Return the names of some columns; without names, their numbers."""
    frame, places = frame_of(X), np.flatnonzero(wanted).tolist()
    return places if frame is None else [frame.columns[j] for j in places]


def columns_of(X: Any, wanted: NDArray[np.bool_]) -> Iterator[tuple[Any, Any]]:
    """Yield the name and the values of some columns; without names, their numbers."""
    frame = frame_of(X)
    if frame is None:
        array = X if isinstance(X, np.ndarray) else np.asarray(X, dtype=object)
        for j in np.flatnonzero(wanted):
            yield int(j), array[:, j]
        return
    for j in np.flatnonzero(wanted):
        column = frame[:, int(j)]
        if column.null_count() == len(column):  # Arrow cannot take levels of no type
            yield frame.columns[j], np.full(len(column), None, dtype=object)
        else:
            yield frame.columns[j], column.to_numpy()


def check_real_columns(X: Any, is_categorical: NDArray[np.bool_] | None = None) -> None:
    """Refuse dates, durations and complex numbers among the columns of numbers.

    Raises
    ------
    ValueError
        With the name of the first, and what makes numbers of it.
    """
    if not is_table(X):
        return
    frame = frame_of(X)
    if frame is None:
        X = np.asarray(X)
        if X.dtype.kind not in "mMO":
            return
        wanted = np.ones(X.shape[1], dtype=bool)
    else:
        dtypes = frame.schema.dtypes()
        wanted = np.array([not (d.is_numeric() or d == nw.String) for d in dtypes])
    if is_categorical is not None:
        wanted &= ~is_categorical
    for name, values in columns_of(X, wanted):
        if values.dtype.kind == "c":
            raise _is_complex(name)
        kind = _time_of(values)
        if kind is not None:
            advice = (ARRAY_ADVICE if frame is None else FRAME_ADVICE)[kind]
            called = shown(name, repr)
            raise ValueError(
                f"Column {called} of X holds {kind}, which have no unit. "
                f"{advice.format(name=called)}."
            )


def _time_of(values: NDArray[Any]) -> str | None:
    """Return whether values are dates or durations, None if they are neither."""
    if values.dtype.kind in "mM":
        return "dates" if values.dtype.kind == "M" else "durations"
    if values.dtype.kind != "O":
        return None
    for kind in set(map(type, values)):
        if kind.__name__ == "NaTType":
            continue
        if issubclass(kind, DURATIONS):
            return "durations"
        if issubclass(kind, DATES) or kind.__name__ == "Period":
            return "dates"
    return None


def as_numbers(X: Any, is_categorical: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the columns that are no categories in float64, NaN where missing.

    Raises
    ------
    ValueError, TypeError
        With the name of a column that is not of numbers, or holds infinity.
    """
    wanted = ~is_categorical
    frame = frame_of(X)
    if not wanted.any():
        return np.empty((len(X), 0))
    if frame is not None:
        numeric = frame[:, np.flatnonzero(wanted).tolist()].to_native()
    else:
        numeric = (X if isinstance(X, np.ndarray) else np.asarray(X, object))[:, wanted]
    try:
        with np.errstate(**QUIET_SUMS):
            return check_array(numeric, dtype=np.float64, ensure_all_finite="allow-nan")
    except (TypeError, ValueError, OverflowError):
        return by_column(X, is_categorical)


def by_column(
    X: Any, is_categorical: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """Return columns of numbers in float64, or say which of them is the culprit."""
    if is_categorical is None:
        X = X if hasattr(X, "shape") else np.asarray(X, dtype=object)
        is_categorical = np.zeros(X.shape[1], dtype=bool)
    columns = [
        _column_of_numbers(name, values)
        for name, values in columns_of(X, ~is_categorical)
    ]
    with np.errstate(**QUIET_SUMS):
        return check_array(
            np.column_stack(columns), dtype=np.float64, ensure_all_finite="allow-nan"
        )


def _column_of_numbers(name: Any, values: NDArray[Any]) -> NDArray[np.float64]:
    """Return a column in float64, NaN where missing."""
    called = f"column {shown(name, repr)} of X"
    if values.ndim > 1:  # such as a struct of polars
        raise TypeError(f"{called} holds several values a sample. Take them apart.")
    if values.dtype.kind == "c":
        raise _is_complex(name)
    if values.dtype.kind == "O":
        values = np.where(is_missing(values), np.nan, values)
    try:
        numbers = values.astype(np.float64)
    except OverflowError:
        raise too_large("X", f", in column {shown(name, repr)}") from None
    except (TypeError, ValueError):
        raise _no_number(called, name, values) from None
    if np.isinf(numbers).any():
        raise ValueError(
            f"Input X contains infinity or a value too large for dtype('float64'): "
            f"{called} holds {numbers[np.isinf(numbers)][0]}. Put NaN there, or leave "
            "the samples out."
        )
    return numbers


def _is_complex(name: Any) -> ValueError:
    """Return the error for a column of complex numbers."""
    return ValueError(
        f"Complex data not supported: column {shown(name, repr)} of X holds complex "
        "numbers. Give their real and imaginary parts."
    )


def _no_number(called: str, name: Any, values: NDArray[Any]) -> Exception:
    """Return the error for a column that is not of numbers, with the first culprit."""
    value = _no_float(values)
    if isinstance(value, (str, bytes)):
        word = value if isinstance(value, bytes) else str(value)
        return ValueError(
            f"could not convert string to float: {shown(word, repr)} in {called}. If "
            f"it is a category, categorical_features=[{shown(name, repr)}] says so "
            "(with the other categories); if it is text, encode it before."
        )
    return TypeError(
        f"float() argument must be a string or a real number, not "
        f"{type(value).__name__!r}: {called} holds {shown(value, repr)}. Leave it out, "
        "or encode it before."
    )


def _no_float(values: NDArray[Any]) -> Any:
    """Return the first value that is not a number."""
    for value in values:
        try:
            float(value)
        except (TypeError, ValueError):
            return value
    return None


def is_missing(column: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Return where a column of objects holds None, NaN or a missing-value marker."""
    try:
        return np.array(column == None) | (column != column).astype(bool)  # noqa: E711
    except (TypeError, ValueError):  # a marker without truth value, or an array
        pass
    return np.fromiter(map(_is_missing, column), dtype=bool, count=len(column))


def _is_missing(value: Any) -> bool:
    """Return whether a value is None, NaN or a missing-value marker."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, (float, np.floating)) and bool(value != value)
