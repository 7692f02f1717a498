"""Networks whose inputs are the prompts of a language model."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn

from sklearn_genre._device import BORN
from sklearn_genre.decoders import LanguageModelDecoder, last_states
from sklearn_genre.inputs import Prompts
from sklearn_genre.networks._network import DecodingNetwork, Network, equal_weights
from sklearn_genre.outputs import PointDistribution
from sklearn_genre.tokenizers import Tokenizer


class LanguageModelNetwork(DecodingNetwork):
    """Prompts to a distribution over numbers, which the language model writes.

    Parameters
    ----------
    decoder : LanguageModelDecoder
    tokenizer : Tokenizer
        Fitted.
    """

    decoder: LanguageModelDecoder

    def __init__(self, decoder: LanguageModelDecoder, tokenizer: Tokenizer) -> None:
        super().__init__(nn.Identity(), decoder, tokenizer)

    def encode(self, inputs: Prompts) -> Prompts:  # type: ignore[override]
        """Return the prompts: the decoder reads them."""
        return inputs

    def remember(self, inputs: Prompts, level: int | None = None) -> Prompts:
        """Return prompts with their states below the first trained block."""
        decoder = self.decoder
        return decoder.backbone.remember(inputs, decoder.nodes, level)

    @property
    def readout(self) -> nn.Module:
        """What reads the last states: the rows that write digits."""
        return self.decoder.out


class PromptHead(nn.Module):
    """One number from the states of a prompt.

    Parameters
    ----------
    decoder : LanguageModelDecoder
        Its rows and states are read; it is not kept.
    """

    def __init__(self, decoder: LanguageModelDecoder) -> None:
        super().__init__()
        self.out = nn.Linear(decoder.hidden_size, 1, **BORN)
        nn.init.zeros_(self.out.weight)

    def forward(
        self, states: Tensor, is_real: Tensor, decoder: LanguageModelDecoder
    ) -> Tensor:
        """Return the number of each sample, (batch,).

        Parameters
        ----------
        states : Tensor of shape (batch, n_longest, hidden_size)
        is_real : bool Tensor of shape (batch, n_longest)
        decoder : LanguageModelDecoder
        """
        return self.out(self.pooled(states, is_real))[:, 0]

    def pooled(self, states: Tensor, is_real: Tensor) -> Tensor:
        """Return what the number is linear in: here, the last state."""
        return last_states(states, is_real)


class SpecialTokenHead(PromptHead):
    """Logit of one more token after the prompt, without a bias."""

    def __init__(self, decoder: LanguageModelDecoder) -> None:
        super().__init__(decoder)
        self.out = nn.Linear(decoder.hidden_size, 1, bias=False, **BORN)
        nn.init.zeros_(self.out.weight)


class PooledHead(PromptHead):
    """Linear in the states of the whole prompt, pooled."""

    empty: ClassVar[float]
    pool: ClassVar[Callable[..., Tensor]]

    def pooled(self, states: Tensor, is_real: Tensor) -> Tensor:
        """Return the pooled states of real tokens."""
        return self.pool(states.masked_fill(~is_real[..., None], self.empty), 1)


class PooledMinHead(PooledHead):
    """Linear in the smallest of each unit over the prompt."""

    empty = torch.inf
    pool = staticmethod(torch.amin)


class PooledMaxHead(PooledHead):
    """Linear in the largest of each unit over the prompt."""

    empty = -torch.inf
    pool = staticmethod(torch.amax)


class PooledMeanHead(PromptHead):
    """Linear in the mean state of the prompt."""

    def pooled(self, states: Tensor, is_real: Tensor) -> Tensor:
        """Return the mean over real tokens."""
        kept = states.masked_fill(~is_real[..., None], 0)
        return kept.sum(1) / is_real.sum(1, keepdim=True)


class LogitMLPHead(PromptHead):
    """Two-layer perceptron, sigmoid between, on the logits of the first digit."""

    def __init__(self, decoder: LanguageModelDecoder) -> None:
        super().__init__(decoder)
        size = decoder.hidden_size
        self.hidden = nn.Linear(decoder.vocab_size, size, **BORN)
        self.allowed = decoder.choices[0]

    def forward(
        self, states: Tensor, is_real: Tensor, decoder: LanguageModelDecoder
    ) -> Tensor:
        """Return the number of each sample, (batch,)."""
        logits = decoder.out(last_states(states, is_real))[:, decoder.places[0]]
        return self.out(self.hidden(logits).sigmoid())[:, 0]


class ProjectionHead(PromptHead):
    """Linear in the probabilities of the first digit."""

    def __init__(self, decoder: LanguageModelDecoder) -> None:
        super().__init__(decoder)
        self.out = nn.Linear(decoder.vocab_size, 1, **BORN)
        nn.init.zeros_(self.out.weight)

    def forward(
        self, states: Tensor, is_real: Tensor, decoder: LanguageModelDecoder
    ) -> Tensor:
        """Return the number of each sample, (batch,)."""
        logits = decoder.mask(decoder.out(last_states(states, is_real)), 0)
        return self.out(logits.softmax(-1))[:, 0]


PROMPT_HEADS: dict[str, type[PromptHead]] = {
    "linear": PromptHead,
    "special_token": SpecialTokenHead,
    "mlp": LogitMLPHead,
    "pooled_mean": PooledMeanHead,
    "pooled_min": PooledMinHead,
    "pooled_max": PooledMaxHead,
    "projection": ProjectionHead,
}


class PromptHeadNetwork(Network):
    """Prompts to one number, which a head reads from their states.

    Parameters
    ----------
    decoder : LanguageModelDecoder
    head : PromptHead

    Attributes
    ----------
    residual_scale : Tensor of shape ()
        Standard deviation of the distribution around the number; measured, not trained.
    """

    residual_scale: Tensor
    n_members = 1
    rule = None

    def __init__(self, decoder: LanguageModelDecoder, head: PromptHead) -> None:
        super().__init__()
        self.decoder = decoder
        self.head = head
        self.register_buffer("member_weight", equal_weights(1))
        self.register_buffer("residual_scale", torch.ones((), **BORN))

    @property
    def predicts_number(self) -> bool:
        """Whether a number is predicted: always."""
        return True

    @property
    def readout(self) -> nn.Module:
        """What reads the last states: the head, and the rows that it may read."""
        return nn.ModuleList([self.head, self.decoder.out])

    def remember(self, inputs: Prompts, level: int | None = None) -> Prompts:
        """Return prompts with their states below the first trained block."""
        decoder = self.decoder
        return decoder.backbone.remember(inputs, decoder.no_nodes, level)

    def forward(self, inputs: Prompts) -> PointDistribution:
        """Return normal distributions around the numbers that are read."""
        decoder = self.decoder
        states, is_real, _ = decoder.backbone(inputs, decoder.no_nodes)
        number = self.head(states, is_real, decoder)
        return PointDistribution(number, self.residual_scale)

    def members(self, inputs: Prompts) -> PointDistribution:
        """Return the same: there is one member."""
        return self(inputs)
