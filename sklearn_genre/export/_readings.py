"""Means and quantiles of what a network returns, as torch modules."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sklearn_genre.distributions import bin_edges, piecewise
from sklearn_genre.distributions._bins import half_widths
from sklearn_genre.networks import Predictor
from sklearn_genre.outputs import Support, expected_number
from sklearn_genre.outputs._scalar import normal_bins

Array = NDArray[np.float64]


class NormalReading(nn.Module):
    """Reads a normal distribution around a number, on a linear scale of the target."""

    deviations: Tensor

    def __init__(self, predictor: Predictor, levels: Array) -> None:
        super().__init__()
        scaler = predictor.scaler
        if scaler.transformer_ is not None:
            raise ValueError(
                "A head predicts a normal distribution on the transformed scale, which "
                "has no export: fit with target_transform='standard', got "
                f"{scaler.transformer!r}."
            )
        self.center, self.scale = float(scaler.mean_), float(scaler.scale_)
        numbers, masses = (part.numpy() for part in normal_bins())
        normal = piecewise(numbers, masses[None], bin_edges(numbers), np.zeros(1))
        self.register_buffer("deviations", torch.tensor(normal.ppf(levels[None])[0]))

    def forward(self, output: Any) -> tuple[Tensor, Tensor]:
        """Return means and quantiles, in the units of the target."""
        quantiles = output.mean[:, None] + output.scale * self.deviations
        return (
            output.mean * self.scale + self.center,
            quantiles * self.scale + self.center,
        )


class SharedReading(nn.Module):
    """Reads masses of bins that all samples share.

    Parameters
    ----------
    predictor : Predictor
    output : TokenDistribution or HistogramDistribution
        Of any sample.
    levels : array of shape (n_quantiles,)
    """

    group: Tensor
    levels: Tensor
    values: Tensor
    low: Tensor
    left: Tensor
    right: Tensor

    def __init__(self, predictor: Predictor, output: Any, levels: Array) -> None:
        super().__init__()
        if getattr(output, "leaves", output) is None:
            raise ValueError(
                f"{output.tokenizer} writes {output.tokenizer.n_strings} numbers, more "
                f"than the {output.decoder.max_strings} that an export enumerates. Use "
                "fewer or shorter digits."
            )
        self.temperature = predictor.temperature
        pieces, group = _bins_of(predictor, output)
        self.n_bins = pieces.pmf.shape[1]
        self.is_identity = np.array_equal(group, np.arange(self.n_bins))
        left, right = half_widths(pieces.values, pieces.edges)
        for name, values in {
            "group": group,
            "levels": levels[None, :, None],
            "values": pieces.values,
            "low": pieces.edges[:-1],
            "left": left,
            "right": right,
        }.items():
            self.register_buffer(name, torch.tensor(values))
        self.rule = getattr(predictor.network, "rule", None)
        if self.rule is not None and not self.rule.is_mean:
            to_y = predictor.scaler.inverse_transform
            self.numbers = torch.tensor(to_y(self.rule.weights.detach().numpy()))
            (self.lowest,) = to_y(np.array([self.rule.low])).tolist()

    def forward(self, output: Any) -> tuple[Tensor, Tensor]:
        """Return means and quantiles, in the units of the target."""
        masses = self._masses(output.at_temperature(self.temperature))
        return self._mean(output, masses), self._quantiles(masses)

    def _masses(self, output: Any) -> Tensor:
        """Return the masses of the bins, (batch, n_bins), in ascending order."""
        masses: Tensor = output.reading().probs
        if self.is_identity:
            return masses
        merged = masses.new_zeros(masses.shape[0], self.n_bins)
        return merged.index_add(1, self.group, masses)

    def _mean(self, output: Any, masses: Tensor) -> Tensor:
        """Return the prediction: the mean, or what a rule makes of the output."""
        if self.rule is None:
            return (masses * self.values).sum(-1)
        if self.rule.is_mean:
            return (self._masses(output) * self.values).sum(-1)
        mean: Tensor = expected_number(
            self.rule.probs(output), self.numbers, self.lowest
        )
        return mean

    def _quantiles(self, masses: Tensor) -> Tensor:
        """Invert the cumulative probability: linear below and above each number."""
        sums = masses.cumsum(-1)
        sums = sums / sums[:, -1:]
        place = (sums[:, None, :-1] < self.levels).sum(-1)  # (batch, n_quantiles)
        stop = sums.gather(1, place)
        start = torch.where(place > 0, sums.gather(1, (place - 1).clamp(0)), 0.0)
        share = ((self.levels[..., 0] - start) / (stop - start)).clamp(0, 1)
        left, right = self.left[place], self.right[place]
        below = right / (left + right)
        inside = torch.where(
            share < below,
            left * (share / below),
            left + right * (1 - (1 - share) / (1 - below)),
        )
        return self.low[place] + inside


def _bins_of(predictor: Predictor, output: Any) -> tuple[Any, Any]:
    """Return the bins in the units of the target, and the bin of each support point."""
    support: Support = output.reading()
    n_values = support.probs.shape[1]
    zeros = torch.zeros(n_values, dtype=torch.float64)
    each = torch.eye(n_values, dtype=torch.float64)  # all mass on one number
    pieces = predictor.pieces(
        Support(support.values, each, zeros, zeros, zeros, support.edges)
    )
    return pieces, pieces.pmf.argmax(1)
