"""The distributions of a fan: average predictions as one feature varies."""

from __future__ import annotations

from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray

from sklearn_genre._checks import check_integer, shown
from sklearn_genre.distributions import PredictiveDistribution
from sklearn_genre.inspection._checks import Array
from sklearn_genre.inspection._model import take_rows

# Values of a feature at which a fan is computed; rows over which it is averaged.
N_VALUES = 50
N_AVERAGED = 100


def feature_column(X: Any, feature: int | str) -> tuple[int, str, Array]:
    """Return the index, the name and the numbers of a column."""
    frame = nw.from_native(X, eager_only=True, pass_through=True)
    is_frame = isinstance(frame, nw.DataFrame)
    n_features = np.shape(X)[1]
    names = frame.columns if is_frame else [f"Feature {i}" for i in range(n_features)]
    if isinstance(feature, str):
        if feature not in names:
            raise ValueError(
                f"feature must be one of {names}; got {shown(feature, repr)}."
            )
        feature = names.index(feature)
    feature = check_integer(feature, "feature", 0, n_features - 1)
    name = str(names[feature])
    column = frame[:, feature].to_numpy() if is_frame else np.asarray(X)[:, feature]
    try:
        return feature, name, column.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"feature must be a numeric column; {name!r} holds {column.tolist()[0]!r}."
        ) from error


def feature_values(column: Array, name: str) -> Array:
    """Return the distinct numbers of a column, or a grid if there are many."""
    values = np.unique(column[np.isfinite(column)])
    if len(values) < 2:
        raise ValueError(f"feature must vary; {name!r} holds only {values.tolist()}.")
    if len(values) <= N_VALUES:
        return values
    return np.linspace(values[0], values[-1], N_VALUES)


def averaged_rows(X: Any) -> NDArray[np.intp]:
    """Return the evenly spaced rows that a fan is averaged over."""
    n_rows, n_features = np.shape(X)
    if n_features == 1:
        return np.zeros(1, dtype=np.intp)
    rows = np.linspace(0, n_rows - 1, min(n_rows, N_AVERAGED)).round()
    return rows.astype(np.intp)


def with_feature(X: Any, index: int, rows: NDArray[np.intp], values: Array) -> Any:
    """Return rows of X with new values in one column."""
    frame = nw.from_native(X, eager_only=True, pass_through=True)
    if not isinstance(frame, nw.DataFrame):
        changed = take_rows(X, rows)
        if changed.dtype.kind in "iub":
            changed = changed.astype(np.float64)
        changed[:, index] = values
        return changed
    column = nw.new_series(
        frame.columns[index], values, nw.Float64, backend=frame.implementation
    )
    return frame[rows.tolist()].with_columns(column).to_native()


def average(dist: PredictiveDistribution, n_each: int) -> PredictiveDistribution:
    """Return the equal mixture of every `n_each` consecutive rows.

    Rows with bins of their own keep their numbers and masses, in bins that end halfway
    between the numbers; the exact mixture takes far longer to draw.
    """
    if n_each == 1:
        return dist
    mass = dist.pmf()
    n_mixtures = len(dist) // n_each
    if dist.support.ndim == 1 and dist.edges.ndim == 1:
        mean = mass.reshape(n_mixtures, n_each, -1).mean(axis=1)
        return PredictiveDistribution(dist.support, mean, edges=dist.edges)
    values = np.broadcast_to(dist.support, mass.shape).reshape(n_mixtures, -1)
    order = np.argsort(values, axis=1, kind="stable")
    mass = mass.reshape(n_mixtures, -1)
    return PredictiveDistribution(
        np.take_along_axis(values, order, axis=1),
        np.take_along_axis(mass, order, axis=1),
    )
