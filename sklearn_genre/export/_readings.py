"""Means and quantiles of what a network returns, as torch modules."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sklearn_genre.distributions import bin_edges
from sklearn_genre.distributions._bins import half_widths
from sklearn_genre.networks import Predictor
from sklearn_genre.outputs import Support, expected_number
from sklearn_genre.outputs._scalar import normal_bins
from sklearn_genre.targets._scaler import LARGEST_RANGE

Array = NDArray[np.float64]

# Smallest number that is divided by.
TINY = 1e-300


class NormalReading(nn.Module):
    """Reads a normal distribution around a number, on a linear scale of the target."""

    numbers: Tensor
    edges: Tensor
    masses: Tensor
    levels: Tensor

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
        self.limits = scaler.limits_ or LARGEST_RANGE
        numbers, masses = (part.numpy() for part in normal_bins())
        for name, values in {
            "numbers": numbers,
            "edges": bin_edges(numbers),
            "masses": masses[None],
            "levels": levels[None, :, None],
        }.items():
            self.register_buffer(name, torch.tensor(values))

    def forward(self, output: Any) -> tuple[Tensor, Tensor]:
        """Return means and quantiles, in the units of the target."""
        values = self._in_units(output, self.numbers)
        edges = self._in_units(output, self.edges)
        low, left, right = edges[:, :-1], values - edges[:, :-1], edges[:, 1:] - values
        masses = self.masses.expand(values.shape[0], -1)
        quantiles = inverted(masses, self.levels, low, left, right)
        return (masses * values).sum(-1), quantiles

    def _in_units(self, output: Any, deviations: Tensor) -> Tensor:
        """Return numbers at deviations from the mean, (batch, n), in the limits."""
        z = output.mean[:, None] + output.scale * deviations
        return (z * self.scale + self.center).clamp(*self.limits)


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
    numbers: Tensor
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
        rule: Any = getattr(predictor.network, "rule", None)
        self.rule, self.reads_mean = rule, rule is None or rule.is_mean
        self.limits, scaler = LARGEST_RANGE, predictor.scaler
        if self.rule is not None:  # trained without limits
            self.limits = scaler.limits_ or LARGEST_RANGE
            scaler = scaler.without_limits()
            self.lowest = float(scaler.inverse_transform(np.array(rule.low)))
        numbers = output.reading().values if self.reads_mean else rule.weights
        for name, values in {
            "group": group,
            "levels": levels[None, :, None],
            "numbers": scaler.inverse_transform(numbers.detach().numpy()),
            "low": pieces.edges[:-1],
            "left": left,
            "right": right,
        }.items():
            self.register_buffer(name, torch.tensor(values))

    def forward(self, output: Any) -> tuple[Tensor, Tensor]:
        """Return means and quantiles, in the units of the target."""
        scaled = output.at_temperature(self.temperature)
        trained = scaled if self.rule is None else output
        masses = self._masses(scaled)
        shape = masses.shape
        ends = (part.expand(shape) for part in (self.low, self.left, self.right))
        return self._mean(trained), inverted(masses, self.levels, *ends)

    def _masses(self, output: Any) -> Tensor:
        """Return the masses of the bins, (batch, n_bins), in ascending order."""
        masses: Tensor = output.reading().probs
        if self.is_identity:
            return masses
        merged = masses.new_zeros(masses.shape[0], self.n_bins)
        return merged.index_add(1, self.group, masses)

    def _mean(self, output: Any) -> Tensor:
        """Return the prediction: the mean, or what a rule makes of the output."""
        if self.reads_mean:
            mean: Tensor = (output.reading().probs * self.numbers).sum(-1)
        else:
            probs = self.rule.probs(output)
            mean = expected_number(probs, self.numbers, self.lowest)
        return mean.clamp(*self.limits)


def inverted(
    masses: Tensor, levels: Tensor, low: Tensor, left: Tensor, right: Tensor
) -> Tensor:
    """Invert the cumulative probability: linear below and above each number.

    Parameters
    ----------
    masses : Tensor of shape (batch, n_bins)
    levels : Tensor of shape (1, n_quantiles, 1)
    low, left, right : Tensor of shape (batch, n_bins)
        The lower edge of each bin, and how far its number is from both edges.
    """
    sums = masses.cumsum(-1)
    sums = sums / sums[:, -1:]
    place = (sums[:, None, :-1] < levels).sum(-1)  # (batch, n_quantiles)
    stop = sums.gather(1, place)
    start = torch.where(place > 0, sums.gather(1, (place - 1).clamp(0)), 0.0)
    share = ((levels[..., 0] - start) / (stop - start)).clamp(0, 1)
    below_number, above_number = left.gather(1, place), right.gather(1, place)
    width = below_number + above_number
    below = torch.where(width > 0, above_number / width, 0.5)
    lower = below_number * share / below
    rest = (1 - share) / (1 - below).clamp(min=TINY)
    upper = below_number + above_number * (1 - rest)
    return low.gather(1, place) + torch.where(share < below, lower, upper)


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
