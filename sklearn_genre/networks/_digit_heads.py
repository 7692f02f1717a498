"""Heads that read one number from a digit decoder."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn

from sklearn_genre.distributions import TokenDistribution
from sklearn_genre.networks._decoder import DigitDecoder


class DigitHead(nn.Module, ABC):
    """One number from the states or logits of a digit decoder.

    What concerns all positions is read after :func:`middle_string`: like the prompt of
    a language model it is the same for all rows, and no digit is decoded. The decoder
    comes with the distribution, so that its weights stay with the network. A new head
    is a class that writes :meth:`forward`, and a line in ``HEADS``.
    """

    @abstractmethod
    def forward(self, dist: TokenDistribution) -> Tensor:
        """Return the number of each row, shape (batch,)."""


class LinearHead(DigitHead):
    """Linear read-out of the context; the decoder is not read.

    Parameters
    ----------
    decoder : DigitDecoder
    """

    def __init__(self, decoder: DigitDecoder) -> None:
        super().__init__()
        self.out = nn.Linear(decoder.width, 1)

    def forward(self, dist: TokenDistribution) -> Tensor:
        """Return the number of each row, shape (batch,)."""
        return self.out(dist.context)[:, 0]


class SpecialTokenHead(DigitHead):
    """Logit of one more token at the first position, plus a bias.

    Parameters
    ----------
    decoder : DigitDecoder
    """

    def __init__(self, decoder: DigitDecoder) -> None:
        super().__init__()
        self.out = nn.Linear(decoder.hidden_size, 1)

    def forward(self, dist: TokenDistribution) -> Tensor:
        """Return the number of each row, shape (batch,)."""
        first = torch.zeros_like(dist.context[None, :, :1], dtype=torch.int64)
        states = dist.decoder.states(dist.context, first)  # (1, batch, 1, hidden_size)
        return self.out(states[0, :, 0])[:, 0]


class LogitMLPHead(DigitHead):
    """Two-layer perceptron, sigmoid between, on the logits of all positions.

    Parameters
    ----------
    decoder : DigitDecoder
    """

    allowed: Tensor

    def __init__(self, decoder: DigitDecoder) -> None:
        super().__init__()
        size = decoder.hidden_size
        self.register_buffer("allowed", allowed_places(decoder), persistent=False)
        self.out = nn.Sequential(
            nn.Linear(len(self.allowed), size), nn.Sigmoid(), nn.Linear(size, 1)
        )

    def forward(self, dist: TokenDistribution) -> Tensor:
        """Return the number of each row, shape (batch,)."""
        logits = dist.decoder(dist.context, middle_string(dist))[0].flatten(1)
        return self.out(logits[:, self.allowed])[:, 0]


class ProjectionHead(DigitHead):
    """Linear read-out of the next-token probabilities of all positions.

    Parameters
    ----------
    decoder : DigitDecoder
    """

    allowed: Tensor

    def __init__(self, decoder: DigitDecoder) -> None:
        super().__init__()
        self.register_buffer("allowed", allowed_places(decoder), persistent=False)
        self.out = nn.Linear(len(self.allowed), 1)

    def forward(self, dist: TokenDistribution) -> Tensor:
        """Return the number of each row, shape (batch,)."""
        probs = dist.log_probs(middle_string(dist))[0].exp().flatten(1)
        return self.out(probs[:, self.allowed])[:, 0]


class PooledHead(DigitHead):
    """Linear read-out of the states of all positions, pooled.

    Parameters
    ----------
    decoder : DigitDecoder
    """

    pool: ClassVar[Callable[..., Tensor]]

    def __init__(self, decoder: DigitDecoder) -> None:
        super().__init__()
        self.out = nn.Linear(decoder.hidden_size, 1)

    def forward(self, dist: TokenDistribution) -> Tensor:
        """Return the number of each row, shape (batch,)."""
        states = dist.decoder.states(dist.context, middle_string(dist))[0]
        return self.out(self.pool(states, 1))[:, 0]


class PooledMeanHead(PooledHead):
    """Linear read-out of the mean of the states over positions."""

    pool = staticmethod(torch.mean)


class PooledMinHead(PooledHead):
    """Linear read-out of the smallest of each unit over positions."""

    pool = staticmethod(torch.amin)


class PooledMaxHead(PooledHead):
    """Linear read-out of the largest of each unit over positions."""

    pool = staticmethod(torch.amax)


def allowed_places(decoder: DigitDecoder) -> Tensor:
    """Return the places of allowed tokens among all logits of a string, flattened."""
    return torch.tensor(
        [
            position * decoder.vocab_size + token
            for position, choices in enumerate(decoder.choices)
            for token in choices
        ]
    )


def middle_string(dist: TokenDistribution) -> Tensor:
    """Return the string of the mean target, of zero, for each row, (1, batch, length).

    One string for all rows: what is read is a continuous function of the context.
    """
    zero = torch.zeros(1, 1, dtype=torch.float64, device=dist.context.device)
    return dist.tokenizer.encode(zero).expand(-1, len(dist.context), -1)
