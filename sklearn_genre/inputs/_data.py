"""Checked samples with their targets and weights."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_genre._sklearn import _safe_indexing


@dataclass(frozen=True)
class Data:
    """Checked samples.

    Parameters
    ----------
    X : float64 array, or what the user gave when there are categories
    y : float64 array of shape (n_samples,)
    weight : float64 array of shape (n_samples,)
        Positive.
    """

    X: Any
    y: NDArray[np.float64]
    weight: NDArray[np.float64]

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.y)

    def take(self, index: NDArray[np.intp]) -> Data:
        """Return some of the samples."""
        return Data(_safe_indexing(self.X, index), self.y[index], self.weight[index])


def split(
    data: Data, fraction: float, random: np.random.RandomState
) -> tuple[Data, Data]:
    """Return a training set and a validation set, which holds a fraction at random."""
    n_validation = min(math.ceil(fraction * len(data)), len(data) - 1)
    order = random.permutation(len(data))
    return data.take(order[n_validation:]), data.take(order[:n_validation])
