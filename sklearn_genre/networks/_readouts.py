"""How one number is read from a digit decoder."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn

from sklearn_genre._device import BORN
from sklearn_genre.decoders import DigitDecoder
from sklearn_genre.outputs import TokenDistribution


class Readout(nn.Module, ABC):
    """One number from the states or logits of a digit decoder.

    What concerns all positions is read after :func:`middle_tokens`: like the prompt of
    a language model they are the same for all samples, and no digit is decoded. The
    decoder comes with the distribution, so that its weights stay with the network. A
    new readout is a class that writes :meth:`forward`, and a line in ``HEADS``.

    Parameters
    ----------
    decoder : DigitDecoder
    n_inputs : int
        Size of the context, of all ensemble members together.
    """

    def __init__(self, decoder: DigitDecoder, n_inputs: int) -> None:
        super().__init__()

    @abstractmethod
    def forward(self, context: Tensor, dist: TokenDistribution) -> Tensor:
        """Return the number of each sample, shape (batch,).

        Parameters
        ----------
        context : Tensor of shape (batch, n_inputs)
        dist : TokenDistribution
        """


class LinearReadout(Readout):
    """Linear read-out of the context; the decoder is not read."""

    def __init__(self, decoder: DigitDecoder, n_inputs: int) -> None:
        super().__init__(decoder, n_inputs)
        self.out = nn.Linear(n_inputs, 1, **BORN)

    def forward(self, context: Tensor, dist: TokenDistribution) -> Tensor:
        """Return the number of each sample, shape (batch,)."""
        return self.out(context)[:, 0]


class SpecialTokenReadout(Readout):
    """Logit of one more token at the first position, plus a bias."""

    def __init__(self, decoder: DigitDecoder, n_inputs: int) -> None:
        super().__init__(decoder, n_inputs)
        self.out = nn.Linear(decoder.hidden_size, 1, **BORN)

    def forward(self, context: Tensor, dist: TokenDistribution) -> Tensor:
        """Return the number of each sample, shape (batch,)."""
        first = torch.zeros(
            1, dist.batch_size, 1, dtype=torch.int64, device=dist.device
        )
        states = dist.decoder.states(dist.context, first)  # (1, batch, 1, hidden_size)
        return self.out(states[0, :, 0])[:, 0]


class LogitMLPReadout(Readout):
    """Two-layer perceptron, sigmoid between, on the logits of all positions."""

    allowed: Tensor

    def __init__(self, decoder: DigitDecoder, n_inputs: int) -> None:
        super().__init__(decoder, n_inputs)
        size = decoder.hidden_size
        self.register_buffer("allowed", allowed_places(decoder), persistent=False)
        self.out = nn.Sequential(
            nn.Linear(len(self.allowed), size, **BORN),
            nn.Sigmoid(),
            nn.Linear(size, 1, **BORN),
        )

    def forward(self, context: Tensor, dist: TokenDistribution) -> Tensor:
        """Return the number of each sample, shape (batch,)."""
        logits = dist.decoder(dist.context, middle_tokens(dist))[0].flatten(1)
        return self.out(logits[:, self.allowed])[:, 0]


class ProjectionReadout(Readout):
    """Linear read-out of the next-token probabilities of all positions."""

    allowed: Tensor

    def __init__(self, decoder: DigitDecoder, n_inputs: int) -> None:
        super().__init__(decoder, n_inputs)
        self.register_buffer("allowed", allowed_places(decoder), persistent=False)
        self.out = nn.Linear(len(self.allowed), 1, **BORN)

    def forward(self, context: Tensor, dist: TokenDistribution) -> Tensor:
        """Return the number of each sample, shape (batch,)."""
        probs = dist.log_probs(middle_tokens(dist))[0].exp().flatten(1)
        return self.out(probs[:, self.allowed])[:, 0]


class PooledReadout(Readout):
    """Linear read-out of the states of all positions, pooled."""

    pool: ClassVar[Callable[..., Tensor]]

    def __init__(self, decoder: DigitDecoder, n_inputs: int) -> None:
        super().__init__(decoder, n_inputs)
        self.out = nn.Linear(decoder.hidden_size, 1, **BORN)

    def forward(self, context: Tensor, dist: TokenDistribution) -> Tensor:
        """Return the number of each sample, shape (batch,)."""
        states = dist.decoder.states(dist.context, middle_tokens(dist))[0]
        return self.out(self.pool(states, 1))[:, 0]


class PooledMeanReadout(PooledReadout):
    """Linear read-out of the mean of the states over positions."""

    pool = staticmethod(torch.mean)


class PooledMinReadout(PooledReadout):
    """Linear read-out of the smallest of each unit over positions."""

    pool = staticmethod(torch.amin)


class PooledMaxReadout(PooledReadout):
    """Linear read-out of the largest of each unit over positions."""

    pool = staticmethod(torch.amax)


HEADS: dict[str, type[Readout]] = {
    "linear": LinearReadout,
    "special_token": SpecialTokenReadout,
    "mlp": LogitMLPReadout,
    "pooled_mean": PooledMeanReadout,
    "pooled_min": PooledMinReadout,
    "pooled_max": PooledMaxReadout,
    "projection": ProjectionReadout,
}


def allowed_places(decoder: DigitDecoder) -> Tensor:
    """Return the places of allowed tokens among all logits of a sequence, flattened."""
    return torch.tensor(
        [
            position * decoder.vocab_size + token
            for position, choices in enumerate(decoder.choices)
            for token in choices
        ],
        device="cpu",
    )


def middle_tokens(dist: TokenDistribution) -> Tensor:
    """Return the tokens of the mean target, of zero, (1, batch, length).

    The same for all samples: what is read is a continuous function of the context.
    """
    zero = torch.zeros(1, 1, dtype=torch.float64, device=dist.device)
    return dist.tokenizer.encode(zero).expand(-1, dist.batch_size, -1)
