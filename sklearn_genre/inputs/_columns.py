"""Columns of a table: their scales and codes, and the tensors that a network reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtri
from sklearn.base import BaseEstimator, clone
from sklearn.preprocessing import OrdinalEncoder
from torch import Tensor

from sklearn_genre._checks import some_of
from sklearn_genre.inputs._frames import as_numbers, columns_of, is_missing, names_of
from sklearn_genre.inputs._levels import (
    Writings,
    all_unseen,
    check_levels,
    matched,
    writings_of,
)

# Levels of a category beyond the most frequent ones share one code.
MAX_CATEGORIES = 256
# Levels of all columns together: each is an input of a network. Beyond, each column has
# its share of them, or a few.
MAX_LEVELS, FEW_LEVELS = 2**15, 16
# Standardised values are squashed into (-SQUASH, SQUASH), smoothly.
SQUASH = 3.0
# Values whose normal scores are learned, at most; the scores between are interpolated.
MAX_KNOTS = 1_000
# Largest size of a normal score.
LARGEST_SCORE = 3.0


class Inputs(Protocol):
    """Samples that a network reads: columns, token ids, or whatever it understands."""

    def __len__(self) -> int:
        """Return the number of samples."""

    def __getitem__(self, index: Tensor | slice) -> Self:
        """Return some of the samples."""

    def to(self, device: torch.device) -> Self:
        """Return the same on a device."""

    @property
    def device(self) -> torch.device:
        """Where the samples are."""

    def blocks(self, size: int) -> Iterator[tuple[Self, int]]:
        """Yield the samples in blocks to predict, and how many of each are real."""

    def grouped(self, order: Tensor, batch_size: int) -> Tensor:
        """Return the order of an epoch, changed so that batches suit the network."""


class ColumnSpec(NamedTuple):
    """What an encoder must know of the columns before it sees any.

    Attributes
    ----------
    n_numeric : int
        Columns of numbers.
    cardinalities : tuple of int
        Levels of each category column.
    n_scores : int
        How many of the numbers are normal scores; they come first.
    """

    n_numeric: int
    cardinalities: tuple[int, ...] = ()
    n_scores: int = 0

    @property
    def one_hot_width(self) -> int:
        """Columns once each category has become an indicator for each level."""
        return self.n_numeric + sum(self.cardinalities)


@dataclass(frozen=True)
class Columns:
    """Samples of a table as tensors: numbers, and the codes of categories.

    Parameters
    ----------
    numbers : Tensor of shape (n_samples, n_numeric)
        Scaled, without missing values. With an axis in front, (n_members, n_samples,
        n_numeric), each ensemble member has samples of its own.
    codes : int64 Tensor of shape (n_samples, n_categorical)
        From 0 to the cardinality less one; -1 for a level that was not in training.

    Examples
    --------
    >>> import torch
    >>> from sklearn_genre.inputs import Columns
    >>> columns = Columns(torch.zeros(4, 3), torch.zeros(4, 0, dtype=torch.int64))
    >>> len(columns[:2])
    2
    """

    numbers: Tensor
    codes: Tensor

    def __len__(self) -> int:
        """Return the number of samples, of each member if they have their own."""
        return self.numbers.shape[-2]

    def __getitem__(self, index: Tensor | slice) -> Columns:
        """Return some of the samples."""
        return Columns(self.numbers[index], self.codes[index])

    def to(self, device: torch.device) -> Columns:
        """Return the same on a device."""
        return Columns(self.numbers.to(device), self.codes.to(device))

    @property
    def device(self) -> torch.device:
        """Where the tensors are."""
        return self.numbers.device

    def blocks(self, size: int) -> Iterator[tuple[Columns, int]]:
        """Yield blocks of exactly `size` samples, and how many of them are real.

        The first sample of a block fills up the last one: a network that always sees
        the same shape gives a sample the same prediction whatever its neighbours are.
        """
        steps = torch.arange(size, device=self.device)
        for start in range(0, len(self), size):
            n_real = min(size, len(self) - start)
            index = torch.where(steps < n_real, start + steps, start)
            yield self[index], n_real

    def grouped(self, order: Tensor, batch_size: int) -> Tensor:
        """Return the order as it is: all samples have the same columns."""
        return order

    def joined(self) -> Tensor:
        """Return numbers and codes side by side, float64."""
        return torch.cat([self.numbers.double(), self.codes.double()], 1)


def n_samples_of(inputs: Any) -> int:
    """Return the number of samples, which for columns torch can trace: no `len`."""
    is_columns = isinstance(inputs, Columns)
    return inputs.numbers.shape[-2] if is_columns else len(inputs)


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
    training had some. A column that was constant or empty in training is zero whatever
    it holds. Categories become codes: a missing value is a level of its own where
    training had some, levels beyond the 256 most frequent share one, unseen levels are
    -1, unless they differ in their type alone.

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

    def fit(self, X: Any, sample_weight: NDArray[np.float64]) -> FeatureEncoder:
        """Learn scales, missing columns and levels.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
        sample_weight : array of shape (n_samples,)
            Positive; a weight of two counts like two rows.
        """
        numeric = self.numbers(X)
        missing = np.isnan(numeric)
        self.missing_ = missing.any(0) & ~missing.all(0)
        self.centers_ = np.zeros(numeric.shape[1])
        self.scales_ = np.full(numeric.shape[1], np.inf)
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
                scores_by_rank(column[seen], sample_weight[seen])
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
        self.writings_: list[Writings] = []
        if self.is_categorical.any():
            codes = self._fit_levels(X)
            missing_level = (codes == -2).any(0)
            self.cardinalities_ = (codes.max(0).clip(-1) + 1 + missing_level).tolist()
            self.writings_ = [*map(writings_of, self.levels_.categories_)]
        return self

    def _fit_levels(self, X: Any) -> NDArray[np.int64]:
        """Learn the levels and return their codes."""
        categories = self._categories(X)
        try:
            codes = self.levels_.fit_transform(categories)
            if (codes.max(0) + 1).sum() > MAX_LEVELS:
                share = max(MAX_LEVELS // categories.shape[1], FEW_LEVELS)
                self.levels_.set_params(max_categories=min(share, MAX_CATEGORIES))
                codes = self.levels_.fit_transform(categories)
            return codes
        except TypeError as error:
            raise TypeError(
                "Category columns of X mix strings with other types, or hold values "
                f"without an order: {some_of(self._without_order(X, categories))}. "
                "Convert them to strings."
            ) from error

    def _without_order(self, X: Any, categories: NDArray[np.object_]) -> list[Any]:
        """Return the names of the category columns whose levels cannot be sorted."""
        culprits = []
        names = names_of(X, self.is_categorical)
        for name, column in zip(names, categories.T, strict=True):
            try:
                clone(self.levels_).fit(column[:, None])
            except TypeError:
                culprits.append(name)
        return culprits

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Return [normal scores | numeric | missing indicators | codes], float64."""
        numeric = self.numbers(X)
        n_scores, n_columns = len(self.scores_), numeric.shape[1]
        values = np.empty((len(numeric), self.n_numeric_ + len(self.cardinalities_)))
        scaled = values[:, n_scores : n_scores + n_columns]
        scaled[:] = self._scaled(numeric)
        for j, (knots, scores) in enumerate(self.scores_):
            values[:, j] = np.interp(scaled[:, j], knots, scores)
        numbers = values[:, : n_scores + n_columns]
        numbers[np.isnan(numbers)] = 0
        indicators = values[:, n_scores + n_columns : self.n_numeric_]
        indicators[:] = np.isnan(numeric[:, self.missing_])
        if self.is_categorical.any():
            values[:, self.n_numeric_ :] = self._codes(self._categories(X))
        return values

    def _codes(self, categories: NDArray[np.object_]) -> NDArray[np.int64]:
        """Return the codes of levels, -1 for one that is not like any of training."""
        codes = self.levels_.transform(categories)
        unknown = codes == -1
        if unknown.any():
            columns = zip(categories.T, unknown.T, self.writings_, strict=True)
            categories = np.stack([matched(*column) for column in columns], axis=1)
            codes = self.levels_.transform(categories)
        last = np.asarray(self.cardinalities_) - 1
        codes = np.where(codes == -2, last, codes)
        return np.where(last == 0, 0, codes)  # a column of one level is a constant

    def unseen(self, X: Any) -> dict[Any, tuple[list[Any], list[Any]]]:
        """Return category columns without a level of training: theirs, and those."""
        return {
            name: (levels, [*known])
            for name, column, known, writings, size in zip(
                names_of(X, self.is_categorical),
                self._categories(X).T,
                self.levels_.categories_,
                self.writings_,
                self.cardinalities_,
                strict=True,
            )
            if size > 1 and (levels := all_unseen(column, known, writings))
        }

    @property
    def spec_(self) -> ColumnSpec:
        """What an encoder must know of the columns."""
        return ColumnSpec(
            self.n_numeric_, tuple(self.cardinalities_), len(self.scores_)
        )

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

    def numbers(self, X: Any) -> NDArray[np.float64]:
        """Return the columns of numbers in float64."""
        if not self.is_categorical.any():
            return np.asarray(X, dtype=np.float64)
        return as_numbers(X, self.is_categorical)

    def _categories(self, X: Any) -> NDArray[np.object_]:
        """Return the category columns as objects, NaN where missing."""
        categories = np.empty((len(X), int(self.is_categorical.sum())), dtype=object)
        for j, (name, column) in enumerate(columns_of(X, self.is_categorical)):
            check_levels(name, column)
            missing = is_missing(values := column.astype(object))
            if column.dtype.kind in "mM":  # of any unit
                values = (
                    column.astype(f"{column.dtype.kind}8[us]")
                    .astype(str)
                    .astype(object)
                )
            categories[:, j] = np.where(missing, np.nan, values)
        return categories


def center_and_scale(
    column: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[float, float]:
    """Return median and interquartile range, half the range where that is zero.

    The scale of a constant is infinite, so that no value of its column counts.
    """
    low, center, high = np.quantile(
        column, [0.25, 0.5, 0.75], weights=weight, method="inverted_cdf"
    )
    with np.errstate(over="ignore"):
        scale = high - low
        if scale == 0:
            scale = (column.max() - column.min()) / 2 or column.max() - column.min()
    scale = min(float(scale), np.finfo(np.float64).max)
    return float(center), scale if scale > 0 else np.inf


def scores_by_rank(
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
