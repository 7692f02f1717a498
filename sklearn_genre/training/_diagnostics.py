"""Diagnostics of predictive distributions, in training and afterwards."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_genre._checks import shown
from sklearn_genre.distributions import (
    PiecewiseUniform,
    PredictiveDistribution,
    piecewise,
)
from sklearn_genre.inputs import Inputs
from sklearn_genre.outputs import Support

# Numbers of draws k of best@k, mean@k and median@k.
DRAWS = (1, 2, 4, 8, 16, 32, 64, 128)

# Largest error that is squared, in the unit of y: sums of squares stay finite.
LARGEST_ERROR = 1e140

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Predicted:
    """Some samples with a known target and what is predicted for them.

    Parameters
    ----------
    inputs : Inputs
    support : Support
        The prediction on the scale of the network.
    pieces : PiecewiseUniform
        The same in the units of y.
    y : array of shape (n,)
    z : array of shape (n,)
        Standardised.
    unit : float
        Spread of the training target.
    """

    inputs: Inputs
    support: Support
    pieces: PiecewiseUniform
    y: Array
    z: Array
    unit: float

    @property
    def dist(self) -> PredictiveDistribution:
        """What users receive, in the units of y."""
        return PredictiveDistribution._of(self.pieces)

    @cached_property
    def in_units(self) -> tuple[PredictiveDistribution, Array]:
        """Numbers and targets over the spread: squares of them stay finite."""
        pieces = piecewise(
            self.pieces.values / self.unit,
            self.pieces.pmf,
            self.pieces.edges / self.unit,
            self.pieces.clipped,
        )
        with np.errstate(over="ignore"):
            y = self.y / self.unit
        y = np.clip(y, -LARGEST_ERROR, LARGEST_ERROR)
        return PredictiveDistribution._of(pieces), y


class Column(NamedTuple):
    """A number of each sample and how it is averaged."""

    values: Callable[[Predicted], Array]
    is_square: bool = False  # of an error over the unit: the root is taken at the end

    def average(self, values: Array, weight: Array, unit: float) -> float:
        """Return the mean, or the root mean square in the units of y."""
        mean = float(np.average(values, weights=weight))
        return unit * math.sqrt(mean) if self.is_square else mean


def digit_entropy(some: Predicted) -> Array:
    """Return the nats per digit; a bin or a number counts as one digit."""
    return some.support.digit_entropy.numpy()


def sequence_entropy(some: Predicted) -> Array:
    """Return the nats of the token sequence, the bin or the number."""
    return some.support.entropy.numpy()


def wasserstein1(some: Predicted) -> Array:
    """Return the expected absolute error of a sampled number."""
    return some.dist.wasserstein1(some.y)


def outlier_rate(some: Predicted) -> Array:
    """Return the mass on numbers that were clipped."""
    return some.dist.clipped


def error_at_k(method: Callable[..., Array], k: int, some: Predicted) -> Array:
    """Return an expected squared error of k draws, over the unit."""
    dist, y = some.in_units
    return method(dist, y, k)


def _at_k(name: str, method: Callable[..., Array]) -> dict[str, Column]:
    """Return a column for each number of draws."""
    return {
        f"{name}_{k}": Column(partial(error_at_k, method, k), is_square=True)
        for k in DRAWS
    }


# The columns of each diagnostic.
DIAGNOSTICS: dict[str, dict[str, Column]] = {
    "digit_entropy": {"digit_entropy": Column(digit_entropy)},
    "string_entropy": {"string_entropy": Column(sequence_entropy)},
    "wasserstein1": {"wasserstein1": Column(wasserstein1)},
    "outlier_rate": {"outlier_rate": Column(outlier_rate)},
    "best_at_k": _at_k("best_at", PredictiveDistribution.best_at_k),
    "mean_at_k": _at_k("mean_at", PredictiveDistribution.mean_at_k),
    "median_at_k": _at_k("median_at", PredictiveDistribution.median_at_k),
}


def diagnostic_columns(names: Iterable[str]) -> dict[str, Column]:
    """Return the columns of some diagnostics.

    Raises
    ------
    TypeError
        If `names` is no list.
    ValueError
        If there is no diagnostic of a name, or `names` is a string.

    Examples
    --------
    >>> from sklearn_genre.training._diagnostics import diagnostic_columns
    >>> list(diagnostic_columns(["outlier_rate", "digit_entropy"]))
    ['outlier_rate', 'digit_entropy']
    """
    if isinstance(names, str):
        raise ValueError(
            "diagnostics must be a list of names, got the string "
            f"{shown(names, repr)}. Use [{shown(names, repr)}]."
        )
    if not isinstance(names, Iterable):
        raise TypeError(f"diagnostics must be a list of names, got {shown(names)}.")
    names = list(names)
    if unknown := [name for name in names if name not in DIAGNOSTICS]:
        raise ValueError(
            f"diagnostics holds {shown(unknown[0], repr)}, must be among "
            f"{list(DIAGNOSTICS)}."
        )
    return {column: how for name in names for column, how in DIAGNOSTICS[name].items()}


def averages(
    columns: dict[str, Column],
    predictions: Iterable[Predicted],
    weight: Array,
    unit: float,
) -> dict[str, float]:
    """Return the average of each column over all samples."""
    values = [
        [column.values(some) for column in columns.values()] for some in predictions
    ]
    return {
        name: column.average(np.concatenate(of_samples), weight, unit)
        for (name, column), of_samples in zip(
            columns.items(), zip(*values, strict=True), strict=True
        )
    }
