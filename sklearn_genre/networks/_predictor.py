"""The way from inputs to predictions in the units of y."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sklearn_genre.distributions import (
    PiecewiseUniform,
    PredictiveDistribution,
    bin_edges,
    mapped_bins,
    moved_inside,
    piecewise,
)
from sklearn_genre.inputs import Inputs
from sklearn_genre.networks._network import Network
from sklearn_genre.outputs import (
    Support,
    TokenDistribution,
    expected_number,
)
from sklearn_genre.targets import TargetScaler

# Samples that pass through the network together while predicting. The shape is always
# the same, so that a prediction does not depend on its neighbours, but for rounding:
# there is one for few samples, which are soon predicted, and one for many.
BLOCK_SIZE, LARGE_BLOCK_SIZE = 16, 128
# Samples whose distributions exist at once while predicting, in each thread.
N_AT_ONCE = 1024
# Levels at which token sequences of a sample are decoded together.
N_TOGETHER = 256

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Predictor:
    """A network, and the scale on which it predicts.

    Parameters
    ----------
    network : Network
        In evaluation mode.
    scaler : TargetScaler
        Fitted.
    temperature : float, default=1.0
        Of the distributions.
    n_samples : int or None, default=None
        Of the whole table; None if what is given is all there is.
    """

    network: Network
    scaler: TargetScaler
    temperature: float = 1.0
    n_samples: int | None = None

    def outputs(self, inputs: Inputs) -> Iterator[tuple[Any, int]]:
        """Yield the outputs of blocks of samples, and how many of each are real."""
        n_samples = self.n_samples or len(inputs)
        few = inputs.device.type == "cpu" and n_samples < LARGE_BLOCK_SIZE
        size = BLOCK_SIZE if few else LARGE_BLOCK_SIZE
        for block, n_real in inputs.blocks(size):
            yield self.network(block).at_temperature(self.temperature), n_real

    @torch.inference_mode()
    def support(self, inputs: Inputs, n_levels: int | None = None) -> Support:
        """Return numbers and probabilities of samples, scaled, on the CPU."""
        return joined_support(self.outputs(inputs), n_levels)

    def distribution(self, inputs: Inputs) -> PredictiveDistribution:
        """Return the distributions of samples, in the units of y."""
        return PredictiveDistribution._of(self.pieces(self.support(inputs)))

    def mean(self, inputs: Inputs, pieces: PiecewiseUniform | None = None) -> Array:
        """Return the prediction of samples: the mean, or what a rule makes of it.

        Their distribution is an argument where the caller has it already. What a rule
        makes of it was trained at temperature 1 and without limits, and so it is read.
        """
        rule, limits = getattr(self.network, "rule", None), self.scaler.limits_
        if rule is not None and limits is not None:
            free = replace(self, scaler=self.scaler.without_limits(), temperature=1.0)
            return free.mean(inputs).clip(*limits)
        trained = self if rule is None else replace(self, temperature=1.0)
        if rule is None or rule.is_mean:
            if pieces is None or self.temperature != trained.temperature:
                pieces = trained.pieces(trained.support(inputs))
            return pieces.mean()
        numbers = self.scaler.inverse_transform(rule.weights.detach().cpu().numpy())
        return trained.expected(inputs, rule.low, numbers, rule.probs)

    @torch.inference_mode()
    def expected(
        self, inputs: Inputs, low: float, numbers: Array, probs: Callable[[Any], Any]
    ) -> Array:
        """Return expected numbers in the units of y; what is missing counts as low."""
        (lowest,) = self.scaler.inverse_transform(np.array([low]))
        expected = np.concatenate(
            [
                expected_number(probs(dist)[:n].cpu().numpy(), numbers, lowest)
                for dist, n in self.outputs(inputs)
            ]
        )
        limits = self.scaler.limits_
        return expected if limits is None else np.clip(expected, *limits)

    @torch.inference_mode()
    def greedy(self, inputs: Inputs) -> Array:
        """Return the numbers of the likeliest digits, one after the other."""
        numbers = [
            dist.numbers(dist.greedy())[:n].cpu() for dist, n in self.outputs(inputs)
        ]
        return self.scaler.inverse_transform(torch.cat(numbers).numpy())

    @torch.inference_mode()
    def sampled(self, inputs: Inputs, levels: Array) -> Array:
        """Return numbers at levels of each sample, in the units of y.

        Parameters
        ----------
        inputs : Inputs
        levels : array of shape (n_samples, n_levels)
            In [0, 1).
        """
        blocks, start = [], 0
        for dist, n in self.outputs(inputs):
            padded = np.zeros((dist.batch_size, levels.shape[1]))
            padded[:n] = levels[start : start + n]
            numbers = numbers_at(dist, torch.tensor(padded, device=inputs.device))
            blocks.append(numbers[:n].cpu().numpy())
            start += n
        return self.scaler.inverse_transform(np.concatenate(blocks))

    def pieces(self, support: Support) -> PiecewiseUniform:
        """Return the densities of scaled support points, in the units of y."""
        values, to_y = support.values.numpy(), self.scaler.inverse_transform
        edges = bin_edges(values) if support.edges is None else support.edges.numpy()
        step = 1 if self.scaler.increasing_ else -1
        values, probs, edges = mapped_bins(
            to_y(values)[..., ::step],
            support.probs.numpy()[:, ::step],
            to_y(edges)[..., ::step],
        )
        pieces = piecewise(values, probs, edges, support.clipped.numpy())
        limits = self.scaler.limits_
        return pieces if limits is None else moved_inside(pieces, *limits)


def joined_support(
    outputs: Iterator[tuple[Any, int]], n_levels: int | None = None
) -> Support:
    """Return the support of the first samples of each output, on the CPU.

    Raises
    ------
    FloatingPointError
        If a probability or a number is not finite.
    """
    blocks = [(output.reading(n_levels), n) for output, n in outputs]
    first = blocks[0][0]

    def join(name: str) -> Tensor:
        return torch.cat([getattr(block, name)[:n] for block, n in blocks]).cpu()

    support = Support(
        first.values.cpu() if first.values.ndim == 1 else join("values"),
        join("probs"),
        join("clipped"),
        join("entropy"),
        join("digit_entropy"),
        None if first.edges is None else first.edges.cpu(),
    )
    if not (support.probs.isfinite().all() and support.values.isfinite().all()):
        raise FloatingPointError("a predicted probability or number is not finite")
    return support


def numbers_at(dist: TokenDistribution, levels: Tensor) -> Tensor:
    """Return the scaled numbers of samples at levels of their own, both (batch, n)."""
    return torch.cat(
        [dist.numbers(dist.at_levels(some)[0]) for some in levels.split(N_TOGETHER, 1)]
    ).T
