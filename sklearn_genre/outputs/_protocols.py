"""Where networks and objectives meet: what a predictive distribution answers.

A network returns an output, an objective reads it, and neither knows the other. All
tensors are on the scale of the network: standardised targets, float64 numbers.
"""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from sklearn_genre.outputs._histogram import Bins
from sklearn_genre.outputs._support import Support
from sklearn_genre.outputs._tokens import Leaves
from sklearn_genre.tokenizers import Tokenizer


class Output(Protocol):
    """One predictive distribution for each sample of a batch."""

    def support(self, n_levels: int | None = None) -> Support:
        """Return numbers and probabilities; large formats at so many levels."""

    def reading(self, n_levels: int | None = None) -> Support:
        """Return what users are given: the support, and tails where they are known."""

    def expectation(self) -> Tensor:
        """Return the differentiable prediction of each sample, (batch,), float64."""

    def log_prob(self, y: Tensor) -> Tensor:
        """Return the log-probability or log-density at each target, (batch,)."""

    def at_temperature(self, temperature: float) -> Output:
        """Return the same with logits divided by a temperature."""


class DigitOutput(Output, Protocol):
    """A distribution over the token sequences of a tokenizer."""

    tokenizer: Tokenizer
    leaves: Leaves | None

    def log_probs(self, tokens: Tensor) -> Tensor:
        """Return log-probabilities of each next token, (n, batch, length, vocab)."""

    def token_log_probs(self, tokens: Tensor) -> Tensor:
        """Return those of the given tokens alone, (n, batch, length)."""

    def numbers(self, tokens: Tensor) -> Tensor:
        """Return what token sequences (..., length) stand for, clipped."""

    def rollout(self, n: int) -> tuple[Tensor, Tensor]:
        """Sample token sequences (n, batch, length); also their log-probabilities."""

    @property
    def knows_sequences(self) -> bool:
        """Whether whole sequences are scored and drawn faster than their tokens."""

    def sample(self, n: int) -> Tensor:
        """Sample token sequences (n, batch, length), where sequences are known."""

    def sequence_log_probs(self, tokens: Tensor) -> Tensor:
        """Return the log-probabilities of sequences (n, batch, length), (n, batch)."""

    def greedy(self) -> Tensor:
        """Return the tokens that are the likeliest one by one, (batch, length)."""

    def cumulative(self) -> Tensor:
        """Return the distribution function at all leaves but the last, (batch, n)."""

    def at_temperature(self, temperature: float) -> DigitOutput:
        """Return the same with logits divided by a temperature."""


class HistogramOutput(Output, Protocol):
    """A distribution over bins."""

    bins: Bins
    log_masses: Tensor  # (batch, n_bins)

    @property
    def half_masses(self) -> Tensor:
        """Mass of each piece below and above its number, (batch, 2 * n_pieces)."""
