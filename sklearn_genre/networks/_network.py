"""Encoder and decoder together."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from sklearn_genre.distributions import Leaves, TokenDistribution, leaves_of
from sklearn_genre.networks._decoder import DigitDecoder
from sklearn_genre.networks._grid import Grid
from sklearn_genre.tokenizers import Tokenizer


class OneHot(nn.Module):
    """Numeric columns as they are, category codes as indicator columns.

    A code of -1, a level that training has not seen, gives zeros.
    """

    def __init__(self, n_numeric: int, cardinalities: Sequence[int]) -> None:
        super().__init__()
        self.n_numeric = n_numeric
        self.cardinalities = list(cardinalities)
        self.width = n_numeric + sum(self.cardinalities)

    def forward(self, X: Tensor) -> Tensor:
        """Map (batch, n_numeric + n_categorical) to (batch, width)."""
        if not self.cardinalities:
            return X
        numeric, codes = X.tensor_split([self.n_numeric], dim=1)
        indicators = [
            functional.one_hot(code.long() + 1, size + 1)[:, 1:]
            for code, size in zip(codes.T, self.cardinalities, strict=True)
        ]
        return torch.cat([numeric, *indicators], 1)


class DecodingNetwork(nn.Module):
    """Features to a distribution over numbers, written as digits.

    Parameters
    ----------
    inputs : OneHot
    encoder : nn.Module
        Maps (batch, n_features) to (batch, width).
    decoder : DigitDecoder
    tokenizer : Tokenizer
        Fitted.

    Attributes
    ----------
    grid : Grid or None
        Strings that the expected number is read from, None at first: all of them. It
        is attached after construction because it stays float64.
    """

    def __init__(
        self,
        inputs: OneHot,
        encoder: nn.Module,
        decoder: DigitDecoder,
        tokenizer: Tokenizer,
    ) -> None:
        super().__init__()
        self.inputs = inputs
        self.encoder = encoder
        self.decoder = decoder
        self.tokenizer = tokenizer
        self.grid: Grid | None = None
        self._leaves: dict[torch.device, Leaves | None] = {}

    @property
    def n_copies(self) -> int:
        """How often a row comes back: in training, once for each member."""
        return self.decoder.n_members if self.training else 1

    def context(self, X: Tensor) -> Tensor:
        """Return what the decoder reads of a batch of rows, (batch, width)."""
        context: Tensor = self.encoder(self.inputs(X))
        return context

    def forward(self, X: Tensor) -> TokenDistribution:
        """Return the predictive distributions of a batch of rows, or of each member."""
        if X.device not in self._leaves:
            with torch.inference_mode(False):  # so that they may be trained with
                self._leaves[X.device] = leaves_of(self.tokenizer, X.device)
        context = self.context(X)
        if self.training:
            context = self.decoder.separated(context)
        return TokenDistribution(
            self.decoder,
            context,
            self.tokenizer,
            self._leaves[X.device],
            grid=self.grid,
        )


def encoding_modules(
    encoder: Callable[..., nn.Module],
    n_numeric: int,
    cardinalities: Sequence[int] = (),
) -> tuple[OneHot, nn.Module]:
    """Build what every network begins with.

    Parameters
    ----------
    encoder : callable
        ``encoder(n_features)`` returns a module with the attribute ``width``. If it has
        a parameter ``n_numeric``, that is given too.
    n_numeric : int
        Numeric columns of the input, which come first.
    cardinalities : sequence of int
        Levels of each category column.

    Returns
    -------
    inputs : OneHot
    encoder : nn.Module

    Raises
    ------
    TypeError
        If ``encoder`` is no factory or returns something else.
    """
    _check_factory("encoder", encoder)
    inputs = OneHot(n_numeric, cardinalities)
    module = encoder(inputs.width, **_wanted(encoder, {"n_numeric": n_numeric}))
    if not hasattr(module, "width"):
        raise TypeError(
            "encoder(n_features) must return a torch module with the attribute width, "
            f"got {module!r}."
        )
    return inputs, module


def _check_factory(name: str, given: Any) -> None:
    """Refuse a module where its factory is wanted."""
    if isinstance(given, nn.Module):
        raise TypeError(
            f"{name} must be a factory, because the sizes are known in fit alone, "
            f"got the module {given!r}. Give its class or a functools.partial."
        )


def decoding_network(
    encoder: Callable[..., nn.Module],
    decoder: Callable[..., DigitDecoder],
    tokenizer: Tokenizer,
    n_numeric: int,
    cardinalities: Sequence[int] = (),
) -> DecodingNetwork:
    """Build a network from factories.

    Parameters
    ----------
    encoder : callable
        ``encoder(n_features)`` returns a module with the attribute ``width``.
    decoder : callable
        ``decoder(width, allowed_tokens)`` returns a digit decoder.
    tokenizer : Tokenizer
        Fitted.
    n_numeric : int
        Numeric columns of the input, which come first.
    cardinalities : sequence of int
        Levels of each category column.

    Raises
    ------
    TypeError
        If a factory returns something else.
    ValueError
        If the decoder cannot write the numbers of the tokenizer.
    """
    _check_factory("decoder", decoder)
    inputs, encoder_module = encoding_modules(encoder, n_numeric, cardinalities)
    width: Any = encoder_module.width
    members = {"n_members": getattr(encoder_module, "n_members", 1)}
    options = _wanted(decoder, members)
    decoder_module = decoder(width, tokenizer.allowed_tokens, **options)
    if not isinstance(decoder_module, DigitDecoder):
        raise TypeError(
            "decoder(width, allowed_tokens) must return a DigitDecoder, got "
            f"{decoder_module!r}."
        )
    decoder_module.anchor(tokenizer)
    return DecodingNetwork(inputs, encoder_module, decoder_module, tokenizer)


def _wanted(factory: Callable[..., Any], known: dict[str, Any]) -> dict[str, Any]:
    """Return the options that a factory has a parameter for."""
    wanted = inspect.signature(factory).parameters
    return {name: value for name, value in known.items() if name in wanted}
