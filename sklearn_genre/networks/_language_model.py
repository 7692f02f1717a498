"""Networks whose inputs are the prompts of a language model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from sklearn_genre._device import BORN
from sklearn_genre.decoders import LanguageModelDecoder, last_states
from sklearn_genre.inputs import Prompts
from sklearn_genre.networks._network import DecodingNetwork, Network
from sklearn_genre.outputs import PointDistribution, TokenDistribution
from sklearn_genre.tokenizers import Tokenizer

# Features that vary less are not magnified.
SMALLEST_SCALE = 1e-6


class LanguageModelNetwork(DecodingNetwork):
    """Prompts to a distribution over numbers, which the language model writes.

    Parameters
    ----------
    decoder : LanguageModelDecoder
    tokenizer : Tokenizer
        Fitted.
    """

    decoder: LanguageModelDecoder
    is_small = False

    def __init__(self, decoder: LanguageModelDecoder, tokenizer: Tokenizer) -> None:
        super().__init__(nn.Identity(), decoder, tokenizer)

    def forward(self, inputs: Prompts) -> TokenDistribution:  # type: ignore[override]
        """Return the predictive distributions of a batch."""
        return self.respond(self.read(inputs), len(inputs))

    def members(self, inputs: Prompts) -> TokenDistribution:  # type: ignore[override]
        """Return the same: there is one member."""
        return self.forward(inputs)

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
        """Return the weights that read the last states: rows, and learned numbers."""
        learned = [] if self.rule is None else list(self.rule.parameters())
        return [*self.decoder.out.parameters(), *learned]

    def begin_readout(self, contexts: list[Any]) -> None:
        """Do nothing: the rows begin as those of the model."""


class PromptHead(nn.Module):
    """One number from the states of a prompt.

    What it reads is standardised: units of a language model have very different sizes.

    Parameters
    ----------
    decoder : LanguageModelDecoder
        Its rows and states are read; it is not kept.

    Attributes
    ----------
    mean, scale : Tensor of shape (n_features,)
        Of the features, for the training set before training.
    learns_scales : bool
        Whether a readout learns these, as in a first fit: the weights of a trained head
        are meant for the scales that it has.
    """

    learns_scales = True

    mean: Tensor
    scale: Tensor
    has_bias: ClassVar[bool] = True

    def __init__(self, decoder: LanguageModelDecoder) -> None:
        super().__init__()
        n_features = self.n_features(decoder)
        self.register_buffer("mean", torch.zeros(n_features, **BORN))
        self.register_buffer("scale", torch.ones(n_features, **BORN))
        self.out = self.new_out(decoder)

    def n_features(self, decoder: LanguageModelDecoder) -> int:
        """Return how many numbers are read of each sample."""
        return decoder.hidden_size

    def new_out(self, decoder: LanguageModelDecoder) -> nn.Module:
        """Return what maps features to the number: linear, and zero at first."""
        out = nn.Linear(self.n_features(decoder), 1, bias=self.has_bias, **BORN)
        for parameter in out.parameters():
            nn.init.zeros_(parameter)
        return out

    def pooled(self, states: Tensor, is_real: Tensor) -> Tensor:
        """Return one state of each prompt: here, that of its last token.

        Parameters
        ----------
        states : Tensor of shape (batch, n_longest, hidden_size)
        is_real : bool Tensor of shape (batch, n_longest)
        """
        return last_states(states, is_real)

    def features(self, state: Tensor, decoder: LanguageModelDecoder) -> Tensor:
        """Return what is read, (batch, n_features), of one state of each."""
        return state

    def forward(self, state: Tensor, decoder: LanguageModelDecoder) -> Tensor:
        """Return the number of each sample, (batch,), from one state of each."""
        features = (self.features(state, decoder) - self.mean) / self.scale
        number: Tensor = self.out(features)[:, 0]
        return number


class SpecialTokenHead(PromptHead):
    """Logit of one more token after the prompt, without a bias."""

    has_bias = False


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

    def n_features(self, decoder: LanguageModelDecoder) -> int:
        """Return the number of first digits."""
        return len(decoder.choices[0])

    def new_out(self, decoder: LanguageModelDecoder) -> nn.Module:
        """Return the perceptron, with as many hidden units as a state has."""
        size = decoder.hidden_size
        return nn.Sequential(
            nn.Linear(self.n_features(decoder), size, **BORN),
            nn.Sigmoid(),
            nn.Linear(size, 1, **BORN),
        )

    def features(self, state: Tensor, decoder: LanguageModelDecoder) -> Tensor:
        """Return the logits of the first digit."""
        return decoder.out(state)[:, decoder.places[0, decoder.choices[0]]]


class ProjectionHead(LogitMLPHead):
    """Linear in the probabilities of the first digit."""

    new_out = PromptHead.new_out

    def features(self, state: Tensor, decoder: LanguageModelDecoder) -> Tensor:
        """Return the probabilities of the first digit."""
        return super().features(state, decoder).softmax(-1)


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
    is_small = False
    n_members = 1
    rule = None

    def __init__(self, decoder: LanguageModelDecoder, head: PromptHead) -> None:
        super().__init__()
        self.decoder = decoder
        self.head = head
        self.register_buffer("residual_scale", torch.ones((), **BORN))

    @property
    def predicts_number(self) -> bool:
        """Whether a number is predicted: always."""
        return True

    def readout_parameters(self) -> list[nn.Parameter]:
        """Return the weights that read the last states: those of the head."""
        return list(self.head.parameters())

    @torch.no_grad()
    def begin_readout(self, contexts: list[Tensor]) -> None:
        """Learn the scales of what the head reads, unless it has been trained on."""
        head, decoder = self.head, self.decoder
        if not head.learns_scales:
            return
        features = torch.cat([head.features(each, decoder) for each in contexts])
        head.mean.copy_(features.mean(0))
        head.scale.copy_(features.std(0, correction=0).clamp_min(SMALLEST_SCALE))

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
