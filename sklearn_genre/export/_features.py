"""The scaling of columns as a torch module."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sklearn_genre.inputs import Columns, FeatureEncoder
from sklearn_genre.inputs._columns import SQUASH

# Standardised values beyond are taken as this.
FARTHEST = 1e6


class FeatureModule(nn.Module):
    """What a fitted ``FeatureEncoder`` does, on a float64 tensor.

    Parameters
    ----------
    encoder : FeatureEncoder
        Fitted.
    dtype : torch.dtype
        Of the network.
    """

    numeric: Tensor
    categorical: Tensor
    missing: Tensor
    centers: Tensor
    scales: Tensor
    knots: Tensor
    scores: Tensor

    def __init__(self, encoder: FeatureEncoder, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        self.has_scores = bool(encoder.scores_)
        is_categorical = np.asarray(encoder.is_categorical)
        knots, scores = _padded(encoder.scores_)
        for name, values in {
            "numeric": np.flatnonzero(~is_categorical),
            "categorical": np.flatnonzero(is_categorical),
            "missing": np.flatnonzero(encoder.missing_),
            "centers": encoder.centers_,
            "scales": encoder.scales_,
            "knots": knots,
            "scores": scores,
        }.items():
            self.register_buffer(name, torch.tensor(values, device="cpu"))

    def forward(self, X: Tensor) -> Columns:
        """Return the columns that the network reads, of (batch, n_features)."""
        X = X.double()
        numeric = X[:, self.numeric]
        is_missing = numeric.isnan()
        z = ((numeric - self.centers) / self.scales).clamp(-FARTHEST, FARTHEST)
        z = z / (1 + (z / SQUASH) ** 2).sqrt()
        parts = [self._scores(z), z] if self.has_scores else [z]
        numbers = torch.cat(parts, 1)
        numbers = torch.where(numbers.isnan(), 0.0, numbers)
        flags = is_missing[:, self.missing].double()
        codes = X[:, self.categorical].long()
        return Columns(torch.cat([numbers, flags], 1).to(self.dtype), codes)

    def _scores(self, z: Tensor) -> Tensor:
        """Return the normal scores of scaled columns: linear between the knots."""
        n_knots = self.knots.shape[1]
        if n_knots == 1:
            return self.scores.T + 0 * z
        columns = z.T.contiguous()  # (n_columns, batch)
        place = n_below(self.knots, columns).clamp(1, n_knots - 1)
        low, high = self.knots.gather(1, place - 1), self.knots.gather(1, place)
        start, stop = self.scores.gather(1, place - 1), self.scores.gather(1, place)
        width = high - low
        slope = (stop - start) / torch.where(width > 0, width, 1.0)
        inside = torch.minimum(torch.maximum(columns, low), high)
        return (start + slope * (inside - low)).T


def n_below(knots: Tensor, x: Tensor) -> Tensor:
    """Return how many knots are below each number; bisection, which ONNX can write.

    Parameters
    ----------
    knots : Tensor of shape (n_columns, n_knots)
        Ascending.
    x : Tensor of shape (n_columns, batch)

    Returns
    -------
    n_below : int64 Tensor of shape (n_columns, batch)
    """
    n_knots = knots.shape[1]
    place = torch.zeros_like(x, dtype=torch.int64)
    for power in reversed(range(n_knots.bit_length())):
        further = (place + 2**power).clamp(max=n_knots)
        place = torch.where(knots.gather(1, further - 1) < x, further, place)
    return place


def _padded(scores: list[tuple[Any, Any]]) -> tuple[Any, Any]:
    """Return knots and scores of all columns, the last repeated where there are few."""
    size = max((len(knots) for knots, _ in scores), default=0)
    padded = [
        [np.pad(values, (0, size - len(values)), mode="edge") for values in each]
        for each in scores
    ]
    both = np.array(padded, dtype=np.float64).reshape(len(scores), 2, size)
    return both[:, 0].copy(), both[:, 1].copy()
