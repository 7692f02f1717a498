"""Networks whose inputs are the prompts of a language model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from sklearn_genre._device import BORN
from sklearn_genre.decoders import LanguageModelDecoder, last_states
from sklearn_genre.inputs import Prompts
from sklearn_genre.networks._network import DecodingNetwork, Network, equal_weights
from sklearn_genre.outputs import PointDistribution, TokenDistribution
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

    def remember(self, inputs: Prompts) -> Prompts:
        """Return prompts with their states below the first trained block."""
        return self.decoder.backbone.remember(inputs, self.decoder.nodes)

    def read(self, inputs: Prompts) -> Any:
        """Return what :meth:`respond` reads: all that is frozen in a readout."""
        return self.decoder.read(inputs)

    def respond(self, context: Any, batch_size: int) -> TokenDistribution:
        """Return the distributions of what has been read."""
        return self._distribution(context, batch_size, self.decoder.places.device)

    def readout_parameters(self) -> list[nn.Parameter]:
        """Return the weights that read the last states: rows that write digits."""
        return list(self.decoder.out.parameters())


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

    def pooled(self, states: Tensor, is_real: Tensor) -> Tensor:
        """Return one state of each prompt: here, that of its last token.

        Parameters
        ----------
        states : Tensor of shape (batch, n_longest, hidden_size)
        is_real : bool Tensor of shape (batch, n_longest)
        """
        return last_states(states, is_real)

    def forward(self, state: Tensor, decoder: LanguageModelDecoder) -> Tensor:
        """Return the number of each sample, (batch,), from one state of each."""
        return self.out(state)[:, 0]


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

    def forward(self, state: Tensor, decoder: LanguageModelDecoder) -> Tensor:
        """Return the number of each sample, (batch,), from one state of each."""
        logits = decoder.out(state)[:, decoder.places[0]]
        return self.out(self.hidden(logits).sigmoid())[:, 0]


class ProjectionHead(PromptHead):
    """Linear in the probabilities of the first digit."""

    def __init__(self, decoder: LanguageModelDecoder) -> None:
        super().__init__(decoder)
        self.out = nn.Linear(decoder.vocab_size, 1, **BORN)
        nn.init.zeros_(self.out.weight)

    def forward(self, state: Tensor, decoder: LanguageModelDecoder) -> Tensor:
        """Return the number of each sample, (batch,), from one state of each."""
        logits = decoder.mask(decoder.out(state), 0)
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

    def readout_parameters(self) -> list[nn.Parameter]:
        """Return the weights that read the last states: those of the head."""
        return list(self.head.parameters())

    def remember(self, inputs: Prompts) -> Prompts:
        """Return prompts with their states below the first trained block."""
        decoder, backbone = self.decoder, self.decoder.backbone
        shared = backbone.folder is not None  # with fits that write digits
        return backbone.remember(inputs, decoder.nodes if shared else decoder.no_nodes)

    def read(self, inputs: Prompts) -> Tensor:
        """Return what :meth:`respond` reads: all that is frozen in a readout."""
        states, is_real, _ = self.decoder.backbone(inputs, self.decoder.no_nodes)
        return self.head.pooled(states, is_real)

    def respond(self, context: Tensor, batch_size: int) -> PointDistribution:
        """Return normal distributions around the numbers of what has been read."""
        return PointDistribution(self.head(context, self.decoder), self.residual_scale)

    def forward(self, inputs: Prompts) -> PointDistribution:
        """Return normal distributions around the numbers that are read."""
        return self.respond(self.read(inputs), len(inputs))

    def members(self, inputs: Prompts) -> PointDistribution:
        """Return the same: there is one member."""
        return self(inputs)
