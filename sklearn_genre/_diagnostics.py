"""Diagnostics of predictive distributions, in training and afterwards."""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from sklearn_genre.distributions import Atoms, PredictiveDistribution

# Numbers of draws k of best@k, mean@k and median@k.
DRAWS = (1, 2, 4, 8, 16, 32, 64, 128)

Array = NDArray[np.float64]


class Part:
    """Some rows with a known target and what is predicted for them.

    Parameters
    ----------
    rows : slice
        Which rows they are.
    atoms : Atoms
        The prediction on the scale of the network.
    dist : PredictiveDistribution
        The same in the units of y.
    y : array of shape (n,)
    unit : float
        Spread of the training target.
    """

    def __init__(
        self,
        rows: slice,
        atoms: Atoms,
        dist: PredictiveDistribution,
        y: Array,
        unit: float,
    ) -> None:
        self.rows = rows
        self.atoms = atoms
        self.dist = dist
        self.y = y
        self.unit = unit

    @cached_property
    def in_units(self) -> tuple[PredictiveDistribution, Array]:
        """Numbers and targets over the spread: squares of them stay finite."""
        dist = PredictiveDistribution(self.dist.support / self.unit, self.dist.pmf())
        return dist, self.y / self.unit


class Column(NamedTuple):
    """A number of each row and how it is averaged."""

    values: Callable[[Part], Array]
    is_square: bool = False  # of an error over the unit: the root is taken at the end

    def average(self, values: Array, weight: Array, unit: float) -> float:
        """Return the mean, or the root mean square in the units of y."""
        mean = float(np.average(values, weights=weight))
        return unit * math.sqrt(mean) if self.is_square else mean


def digit_entropy(part: Part) -> Array:
    """Return the nats per digit; a bin or a number counts as one digit."""
    return part.atoms.digit_entropy.numpy()


def string_entropy(part: Part) -> Array:
    """Return the nats of the digit string, the bin or the number."""
    return part.atoms.entropy.numpy()


def wasserstein1(part: Part) -> Array:
    """Return the expected absolute error of a sampled number."""
    return part.dist.wasserstein1(part.y)


def outlier_rate(part: Part) -> Array:
    """Return the mass on numbers that were clipped."""
    return part.dist.clipped


def error_at_k(method: Callable[..., Array], k: int, part: Part) -> Array:
    """Return an expected squared error of k draws, over the unit."""
    dist, y = part.in_units
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
    "string_entropy": {"string_entropy": Column(string_entropy)},
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
    ValueError
        If there is no diagnostic of a name, or `names` is a string.

    Examples
    --------
    >>> from sklearn_genre._diagnostics import diagnostic_columns
    >>> list(diagnostic_columns(["outlier_rate", "digit_entropy"]))
    ['outlier_rate', 'digit_entropy']
    """
    if isinstance(names, str):
        raise ValueError(
            f"diagnostics must be a list of names, got the string {names!r}. Use "
            f"[{names!r}]."
        )
    names = list(names)
    if unknown := [name for name in names if name not in DIAGNOSTICS]:
        raise ValueError(
            f"diagnostics holds {unknown[0]!r}, must be among {list(DIAGNOSTICS)}."
        )
    return {column: how for name in names for column, how in DIAGNOSTICS[name].items()}


def averages(
    columns: dict[str, Column], parts: Iterable[Part], weight: Array, unit: float
) -> dict[str, float]:
    """Return the average of each column over all rows of the parts."""
    values = [[column.values(part) for column in columns.values()] for part in parts]
    return {
        name: column.average(np.concatenate(of_rows), weight, unit)
        for (name, column), of_rows in zip(
            columns.items(), zip(*values, strict=True), strict=True
        )
    }


class DiagnosticsMixin:
    """The public door to the diagnostics."""

    _check_rows: Callable[..., Any]
    _encode: Callable[..., Any]
    _parts: Callable[..., Iterable[Part]]
    target_scaler_: Any

    def diagnose(
        self,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        diagnostics: Sequence[str] | None = None,
    ) -> dict[str, float]:
        """Diagnose the predictive distributions of rows whose target is known.

        The same numbers as the columns that the parameter `diagnostics` adds to
        `history_`, on any rows, from the distributions as they are predicted. They are
        exact for the formats and histograms of which `predict_distribution` is exact;
        larger formats are read at 256 fixed levels, in `history_` at 64. Of a
        ``RAFTRegressor`` they are those of the digits, whose mean need not be
        ``predict(X)``. `history_` is at temperature 1.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; None weighs them alike.
        diagnostics : sequence of str, default=None
            Names among those below; None means all.

        Returns
        -------
        numbers : dict of str to float
            A weighted mean over the rows for each column.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If a name is unknown, or `X`, `y` or the weights are not valid.

        Notes
        -----
        ``"digit_entropy"``
            Mean entropy of the next digit along strings drawn from the model, in nats.
            It is the entropy of the string over its length. A bin counts as one digit,
            and so does a normal distribution, whose entropy is differential, on the
            scale of the network.
        ``"string_entropy"``
            Entropy of the whole string, the bin or the normal distribution.
        ``"wasserstein1"``
            Expected absolute error of a sampled number: the Wasserstein-1 distance from
            the distribution to the target, in units of y.
        ``"outlier_rate"``
            Mass on numbers that the format can write but that are clipped to the
            training range plus a tenth on each side; zero for bounded formats.
        ``"best_at_k"``, ``"mean_at_k"``, ``"median_at_k"``
            Columns ``best_at_1`` to ``best_at_128`` by powers of two, and so on: root
            mean squared error, in units of y, of the best, the mean and the median of k
            sampled numbers. The expectation over the samples is exact.

        Examples
        --------
        >>> from sklearn.datasets import make_regression
        >>> from sklearn_genre import DecodingRegressor
        >>> X, y = make_regression(200, 3, noise=10.0, random_state=0)
        >>> model = DecodingRegressor(pretraining_epochs=5, fine_tuning=None)
        >>> numbers = model.fit(X, y).diagnose(X, y, diagnostics=["mean_at_k"])
        >>> list(numbers)[:3]
        ['mean_at_1', 'mean_at_2', 'mean_at_4']
        """
        check_is_fitted(self)
        columns = diagnostic_columns(
            DIAGNOSTICS if diagnostics is None else diagnostics
        )
        rows = self._check_rows(X, y, sample_weight, reset=False)
        return averages(
            columns,
            self._parts(self._encode(rows.X), rows.y),
            rows.weight,
            self.target_scaler_.unit_,
        )
