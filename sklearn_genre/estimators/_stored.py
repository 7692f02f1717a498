"""Files and large tables at the door: read in blocks, each checked as it comes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_genre._checks import shown
from sklearn_genre._sklearn import _safe_indexing
from sklearn_genre.estimators._checks import (
    checked_data,
    checked_numbers,
    refuse_names,
    same_weights,
)
from sklearn_genre.inputs import (
    MEMORY_ROWS,
    MEMORY_VALUES,
    Data,
    SlicedSource,
    Source,
    StoredData,
    column_values,
    rows_at,
    source_of,
    stored,
    with_columns,
    without_columns,
)


def checked_samples(
    estimator: Any, X: Any, y: Any, sample_weight: Any, *, reset: bool
) -> Data | StoredData:
    """Return checked samples: in memory if they are few, else read in blocks.

    Parameters
    ----------
    estimator : estimator
        It takes note of the columns if `reset`, and else compares them.
    X : array-like, data frame, path, dataset, or object with `len` and slices
    y, sample_weight : array-like, or the name of a column of what is read
    reset : bool
    """
    if not estimator._reads_blocks:
        return checked_data(estimator, X, y, sample_weight, reset=reset)
    source = source_of(X)
    is_file = source is not None
    if source is None:
        shape = getattr(X, "shape", ())
        if len(shape) != 2 or not _is_large(*shape) or _is_sparse(X):
            return checked_data(estimator, X, y, sample_weight, reset=reset)
        if not isinstance(getattr(estimator, "cv", "auto"), str | None):  # in memory
            return checked_data(estimator, X, y, sample_weight, reset=reset)
        source = SlicedSource(X)
    given = {"y": y, "sample_weight": sample_weight}
    named = {key: each for key, each in given.items() if isinstance(each, str)}
    if not is_file and named:
        refuse_names(**named)
    if not len(source):
        raise ValueError(
            "Found 0 sample(s): X holds none, and a minimum of 1 is required."
        )
    source, taken = without_columns(source, named)
    targets = {
        key: taken.get(key, each) for key, each in given.items() if each is not None
    }
    if isinstance(sample_weight, Real):
        targets["sample_weight"] = same_weights(sample_weight, len(source))
    for key, each in targets.items():
        if not hasattr(each, "__len__") or getattr(each, "ndim", 1) == 0:
            raise ValueError(f"{key} must hold a number for each sample, got one.")
        if len(each) != len(source):
            raise ValueError(
                f"X holds {len(source)} samples and {key} {len(each)}: they must be as "
                "many."
            )
    n_columns = _n_columns(source)
    reader = Reader(estimator, source, targets)
    if not _is_large(len(source), n_columns):
        X = source[0 : len(source)]
        y, weight = (reader.values(key, 0, len(source)) for key in given)
        return checked_data(estimator, X, y, weight, reset=reset)
    if not isinstance(getattr(estimator, "cv", None), str | None):
        raise ValueError(
            f"cv={shown(estimator.cv, repr)} needs samples in memory, and X holds "
            f"{len(source)}, which are read in blocks. Use cv=None."
        )
    reader.reset = reset
    return stored(reader.read, len(source), n_columns)


class Reader:
    """Reads samples and checks them.

    Parameters
    ----------
    estimator : estimator
    source : Source
    targets : dict of str to Source or array
        ``"y"``, and ``"sample_weight"`` if there is one.
    """

    def __init__(self, estimator: Any, source: Source, targets: dict[str, Any]) -> None:
        self.estimator, self.source, self.targets = estimator, source, targets
        self.reset = False
        self.checker: Any = estimator

    def values(self, key: str, start: int, stop: int) -> Any:
        """Return some targets or weights, None if there are none."""
        if key not in self.targets:
            return None
        return column_values(self.targets[key], slice(start, stop))

    def read(self, start: int, stop: int, is_first: bool) -> Data:
        """Return consecutive samples; those of weight zero are not left out.

        Raises
        ------
        ValueError
            If they are not valid; the error says which samples they are.
        """
        reset = is_first and self.reset
        X, y = self.source[start:stop], self.values("y", start, stop)
        if len(X) != stop - start:
            raise ValueError(
                f"X[{start}:{stop}] holds {len(X)} samples, must hold {stop - start}."
            )
        try:
            data = checked_data(self.checker, X, y, None, reset=reset)
        except (TypeError, ValueError) as error:
            place = f"In the samples {start} to {stop - 1}: {error}"
            raise type(error)(place) from None
        if reset:
            self.checker = self.estimator._view()
        weight = self.values("sample_weight", start, stop)
        if weight is None:
            return data
        return Data(data.X, data.y, _checked_weight(weight))


def _checked_weight(weight: Any) -> NDArray[np.float64]:
    """Return weights that are numbers and not negative."""
    weight = checked_numbers(weight, "sample_weight", ensure_2d=False)
    if weight.ndim != 1:
        raise ValueError(
            "sample_weight must be one number for each sample, got an array of "
            f"{weight.ndim} axes."
        )
    if (weight < 0).any():
        raise ValueError(
            f"Negative values in data passed to sample_weight: {weight.min():g}."
        )
    return weight


def _n_columns(source: Source) -> int:
    """Return the number of columns of a table."""
    shape = np.shape(source[0:1])
    if len(shape) != 2:
        raise ValueError(
            f"Slices of X must be data frames or arrays of two axes, got shape {shape}"
        )
    return int(shape[1])


def _is_large(n_rows: int, n_columns: int) -> bool:
    """Return whether a table is read in blocks."""
    return n_rows > MEMORY_ROWS or n_rows * n_columns > MEMORY_VALUES


def _is_sparse(X: Any) -> bool:
    """Return whether samples have no rows to slice as an array."""
    return hasattr(X, "tocsr") or hasattr(X, "todense")


def source_to_predict(estimator: Any, X: Any) -> Source | None:
    """Return the rows of a file, with the columns of training; None: in memory.

    Raises
    ------
    ValueError
        If a column of training is missing, or there are no rows.
    """
    is_array = hasattr(X, "shape") and not isinstance(X, np.memmap)
    if is_array or not estimator._reads_blocks:
        return None
    source = source_of(X)
    if source is None:
        return None
    if not len(source):
        raise ValueError(
            "Found 0 sample(s): X holds none, and a minimum of 1 is required."
        )
    names = getattr(estimator, "feature_names_in_", None)
    return source if names is None else with_columns(source, [*names])


def rows_to_predict(
    estimator: Any, X: Any
) -> tuple[int, Callable[[NDArray[np.intp]], Any]]:
    """Return the number of samples, and what returns checked ones by an index.

    Those in memory are copied, those of a file read when they are needed.
    """
    source = source_to_predict(estimator, X)
    if source is None:
        X = copy.deepcopy(estimator._check_features(X, reset=False))
        return X.shape[0], partial(_safe_indexing, X)

    def take(index: NDArray[np.intp]) -> Any:
        return estimator._check_features(rows_at(source, index), reset=False)

    take(np.array([0]))
    return len(source), take
