"""Encoder and digit decoder together."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sklearn_genre.decoders import DigitDecoder
from sklearn_genre.inputs import Inputs
from sklearn_genre.networks._base import EncodedNetwork
from sklearn_genre.outputs import Grid, Leaves, TokenDistribution, leaves_of
from sklearn_genre.tokenizers import Tokenizer


class DecodingNetwork(EncodedNetwork):
    """Inputs to a distribution over numbers, written as digits.

    Parameters
    ----------
    encoder : nn.Module
        Inputs to a context.
    decoder : DigitDecoder
        A context to digits.
    tokenizer : Tokenizer
        Fitted.

    Attributes
    ----------
    rule : Grid or None
        Where the prediction is read from, None at first: all token sequences. It is
        attached after construction because it stays float64.
    """

    def __init__(
        self, encoder: nn.Module, decoder: DigitDecoder, tokenizer: Tokenizer
    ) -> None:
        super().__init__(encoder)
        self.decoder = decoder
        self.tokenizer = tokenizer
        self.rule: Grid | None = None
        self._leaves: dict[torch.device, Leaves | None] = {}

    @property
    def n_members(self) -> int:  # type: ignore[override]
        """Members of the ensemble that are trained each on its own loss."""
        return self.decoder.n_members

    @property
    def member_weight(self) -> Tensor:  # type: ignore[override]
        """Weights of the members in the prediction."""
        return self.decoder.member_weight

    def forward(self, inputs: Inputs) -> TokenDistribution:
        """Return the predictive distributions of a batch."""
        context = self.decoder.read(self.encode(inputs))
        return self._distribution(context, len(inputs), inputs.device)

    def members(self, inputs: Inputs) -> TokenDistribution:
        """Return the distributions of each member, member after member."""
        context = self.decoder.read_members(self.encode(inputs))
        size = self.n_members * len(inputs)
        return self._distribution(context, size, inputs.device)

    def member_errors(self, inputs: Inputs, z: Tensor) -> Tensor:
        """Return errors of each distribution function, (n_members, batch, n_edges)."""
        return self.decoder.member_errors(self.encode(inputs), z)

    def _distribution(
        self, context: object, batch_size: int, device: torch.device
    ) -> TokenDistribution:
        """Return the distributions of contexts."""
        if device not in self._leaves:
            with torch.inference_mode(False):  # so that they may be trained with
                self._leaves[device] = leaves_of(
                    self.tokenizer, device, self.decoder.max_strings
                )
        return TokenDistribution(
            self.decoder,
            context,
            batch_size,
            device,
            self.tokenizer,
            self._leaves[device],
            rule=self.rule,
        )
