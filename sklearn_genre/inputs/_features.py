"""Columns to arrays: numeric scaling, category codes, missing values."""

from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtri
from sklearn.base import BaseEstimator
from sklearn.preprocessing import OrdinalEncoder
from sklearn.utils import check_array

from sklearn_genre._checks import too_large
from sklearn_genre.inputs._columns import Columns, ColumnSpec

# Levels of a category beyond the most frequent ones share one code.
MAX_CATEGORIES = 256
# Standardised values are squashed into (-SQUASH, SQUASH), smoothly.
SQUASH = 3.0
# Values whose normal scores are learned, at most; the scores between are interpolated.
MAX_KNOTS = 1_000
# Largest size of a normal score.
LARGEST_SCORE = 3.0


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
        try:
            frame = nw.from_native(X)
        except nw.exceptions.DuplicateError as error:
            raise ValueError(f"Columns must have distinct names: {error}") from error
        names = list(frame.columns)
        if isinstance(categorical_features, str):
            kinds = (nw.String, nw.Categorical, nw.Enum)
            return np.array([dtype in kinds for dtype in frame.schema.dtypes()])
    shape = np.asarray(X).shape if names is None else (0, len(names))
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
            f"categorical_features has names that are not columns of X: {unknown}. "
            f"The columns are {names}."
        )
    mask[[names.index(name) for name in columns.tolist()]] = True
    return mask


def squash(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``z`` near zero and at most ``SQUASH`` in size, smoothly and monotone."""
    z = np.clip(z, -1e6, 1e6)
    return z / np.sqrt(1 + (z / SQUASH) ** 2)


class FeatureEncoder(BaseEstimator):
    """Turns validated columns into one numeric array.

    Numeric columns are centred at the median, divided by the interquartile range (or
    half the range, where that is zero), and squashed smoothly, all in float64. Normal
    scores, if wanted, join them: the quantile of the normal distribution at the share
    of training rows below. Missing values become zero, with an indicator column where
    training had some. Categories become codes: a missing value is a level of its own
    where training had some, levels beyond the 256 most frequent share one, unseen
    levels are -1.

    Parameters
    ----------
    is_categorical : bool array of shape (n_features,)
    normal_scores : bool, default=False
        Whether numeric columns come twice.

    Attributes
    ----------
    n_numeric_ : int
        Columns of the output before the codes.
    cardinalities_ : list of int
        Levels of each category column.
    """

    def __init__(
        self, is_categorical: NDArray[np.bool_], *, normal_scores: bool = False
    ) -> None:
        self.is_categorical = is_categorical
        self.normal_scores = normal_scores

    def fit(self, X: Any, sample_weight: NDArray[np.float64]) -> "FeatureEncoder":
        """Learn scales, missing columns and levels.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
        sample_weight : array of shape (n_samples,)
            Positive; a weight of two counts like two rows.
        """
        numeric, categorical = self._split(X)
        missing = np.isnan(numeric)
        self.missing_ = missing.any(0)
        self.centers_ = np.zeros(numeric.shape[1])
        self.scales_ = np.ones(numeric.shape[1])
        for j, column in enumerate(numeric.T):
            seen = ~missing[:, j]
            if seen.any():
                self.centers_[j], self.scales_[j] = center_and_scale(
                    column[seen], sample_weight[seen]
                )
        self.scores_: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
        if self.normal_scores:
            scaled = self._scaled(numeric)
            self.scores_ = [
                normal_scores(column[seen], sample_weight[seen])
                for column, seen in zip(scaled.T, ~missing.T, strict=True)
            ]
        self.n_numeric_ = (
            len(self.scores_) + numeric.shape[1] + int(self.missing_.sum())
        )
        self.levels_ = OrdinalEncoder(
            handle_unknown="use_encoded_value",
            unknown_value=-1,
            encoded_missing_value=-2,
            max_categories=MAX_CATEGORIES,
            dtype=np.int64,
        ).set_output(transform="default")
        self.cardinalities_: list[int] = []
        if categorical.shape[1]:
            codes = self._fit_levels(categorical)
            missing_level = (codes == -2).any(0)
            self.cardinalities_ = (codes.max(0).clip(-1) + 1 + missing_level).tolist()
        return self

    def _fit_levels(self, categories: NDArray[np.object_]) -> NDArray[np.int64]:
        """Learn the levels and return their codes."""
        try:
            return self.levels_.fit_transform(categories)
        except TypeError as error:
            mixed = [
                int(j)
                for j, column in zip(
                    np.flatnonzero(self.is_categorical), categories.T, strict=True
                )
                if len({isinstance(level, str) for level in column if level == level})
                > 1
            ]
            raise TypeError(
                f"The category columns at {mixed} mix strings with other types. "
                "Convert them to strings."
            ) from error

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Return [normal scores | numeric | missing indicators | codes], float64."""
        numeric, categorical = self._split(X)
        scaled = self._scaled(numeric)
        numbers = np.empty((len(scaled), len(self.scores_) + scaled.shape[1]))
        numbers[:, len(self.scores_) :] = scaled
        for j, (knots, scores) in enumerate(self.scores_):
            numbers[:, j] = np.interp(scaled[:, j], knots, scores)
        missing = np.isnan(numeric)[:, self.missing_]
        parts = [np.where(np.isnan(numbers), 0.0, numbers), missing]
        if categorical.shape[1]:
            codes = self.levels_.transform(categorical)
            last = np.asarray(self.cardinalities_) - 1
            parts.append(np.where(codes == -2, last, codes))
        return np.concatenate(parts, axis=1, dtype=np.float64)

    @property
    def spec_(self) -> ColumnSpec:
        """What an encoder must know of the columns."""
        return ColumnSpec(self.n_numeric_, tuple(self.cardinalities_))

    def encode(self, X: Any, dtype: torch.dtype, device: torch.device) -> Columns:
        """Return validated features as tensors on a device."""
        values = self.transform(X)
        numbers, codes = values[:, : self.n_numeric_], values[:, self.n_numeric_ :]
        return Columns(
            torch.tensor(numbers, dtype=dtype, device=device),
            torch.tensor(codes, dtype=torch.int64, device=device),
        )

    def _scaled(self, numeric: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return columns centred, scaled and squashed."""
        with np.errstate(over="ignore", invalid="ignore"):
            return squash((numeric - self.centers_) / self.scales_)

    def _split(self, X: Any) -> tuple[NDArray[np.float64], NDArray[np.object_]]:
        """Return the numeric columns in float64 and the categories as objects."""
        if not self.is_categorical.any():
            return np.asarray(X, dtype=np.float64), np.empty((len(X), 0), dtype=object)
        if nw.dependencies.is_into_dataframe(X):
            frame = nw.from_native(X)
            numeric = frame[
                :, np.flatnonzero(~self.is_categorical).tolist()
            ].to_native()
            columns = [
                frame[:, int(j)].to_numpy() for j in np.flatnonzero(self.is_categorical)
            ]
        else:
            X = np.asarray(X, dtype=object)
            numeric = X[:, ~self.is_categorical]
            columns = list(X[:, self.is_categorical].T)
        if self.is_categorical.all():
            numbers = np.empty((len(X), 0))
        else:
            numbers = _as_numbers(numeric)
        categories = np.empty((len(X), len(columns)), dtype=object)
        for j, column in enumerate(columns):
            column = column.astype(object)
            categories[:, j] = np.where(_is_missing(column), np.nan, column)
        return numbers, categories


def _as_numbers(numeric: Any) -> NDArray[np.float64]:
    """Return columns of numbers in float64."""
    try:
        return check_array(numeric, dtype=np.float64, ensure_all_finite="allow-nan")
    except OverflowError:
        raise too_large("X") from None


def center_and_scale(
    column: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[float, float]:
    """Return median and interquartile range, half the range where that is zero."""
    low, center, high = np.quantile(
        column, [0.25, 0.5, 0.75], weights=weight, method="inverted_cdf"
    )
    with np.errstate(over="ignore"):
        scale = high - low
        if scale == 0:
            scale = (column.max() - column.min()) / 2
    scale = min(float(scale), np.finfo(np.float64).max)
    return float(center), scale if scale > 0 else 1.0


def normal_scores(
    column: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return distinct values and the normal quantile at the middle of each one's rank.

    Parameters
    ----------
    column : array of shape (n,)
        Without NaN.
    weight : array of shape (n,)
        Positive; a weight of two counts like two rows.

    Returns
    -------
    values, scores : arrays of shape (n_values,)
        Ascending. Of more than ``MAX_KNOTS`` values, every so many are kept; for an
        empty column one zero.
    """
    if not column.size:
        return np.zeros(1), np.zeros(1)
    values, place = np.unique(column, return_inverse=True)
    share = np.bincount(place, weights=weight) / weight.sum()
    scores = ndtri(np.clip(share.cumsum() - share / 2, 0, 1))
    scores = scores.clip(-LARGEST_SCORE, LARGEST_SCORE)
    if len(values) > MAX_KNOTS:
        kept = np.linspace(0, len(values) - 1, MAX_KNOTS).round().astype(np.intp)
        values, scores = values[kept], scores[kept]
    return values, scores


def _is_missing(column: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Return where a column of objects holds None, NaN or a missing-value marker."""
    try:
        return np.array(column == None) | (column != column).astype(bool)  # noqa: E711
    except TypeError:  # a marker such as pandas.NA has no truth value
        pass
    return np.fromiter(
        (v is None or type(v).__name__ == "NAType" or v != v for v in column),
        dtype=bool,
        count=len(column),
    )
