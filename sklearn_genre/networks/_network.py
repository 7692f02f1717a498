"""Networks: their protocol, the one that writes digits, and how they are built."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from sklearn_genre._checks import shown
from sklearn_genre._device import BORN
from sklearn_genre.decoders import DigitDecoder, Line, line_of
from sklearn_genre.inputs import Columns, ColumnSpec, FoldedInputs, n_samples_of
from sklearn_genre.outputs import Grid, Leaves, Output, TokenDistribution, leaves_of
from sklearn_genre.tokenizers import Tokenizer


class Network(nn.Module, ABC):
    """Inputs to a predictive distribution for each sample.

    Attributes
    ----------
    n_members : int
        Ensemble members that are trained each on its own loss.
    residual_scale : Tensor of shape ()
        Standard deviation of the distribution around a predicted number.
    rule : Grid or None
        Where the prediction is read from, if not the mean of the distribution.
    n_folds : int
        Beyond 1, the members are those of one of so many folds: see `OutOfFold`.
    is_small : bool
        Whether its matrices are too small to be worth several cores.
    """

    n_folds = 1
    is_small = True
    n_members: int
    residual_scale: Tensor
    rule: Grid | None

    @abstractmethod
    def forward(self, inputs: Any) -> Output:
        """Return the prediction: the mixture of the members, which count alike."""

    @abstractmethod
    def members(self, inputs: Any) -> Output:
        """Return what is trained: n_members * batch samples, member after member."""

    def member_errors(self, inputs: Any, z: Tensor) -> Tensor:
        """Return errors whose mean square is that of the prediction, once averaged.

        Parameters
        ----------
        inputs : Inputs
        z : float64 Tensor of shape (batch,) or (n_members, batch)
            Standardised targets.

        Returns
        -------
        errors : Tensor of shape (n_members, batch, n)
            Of the number, or of the distribution function.
        """
        raise NotImplementedError

    @property
    def predicts_number(self) -> bool:
        """Whether a number is predicted, with a `residual_scale` to be measured."""
        return False

    @property
    def takes_folds(self) -> bool:
        """Whether members may read samples of their own: there is `out_of_fold`."""
        return False

    def out_of_fold(self, inputs: FoldedInputs) -> Output:
        """Return the prediction of samples by the members that have left them out."""
        raise NotImplementedError

    def remember(self, inputs: Any) -> Any:
        """Return inputs with what need not be computed anew in each epoch."""
        return inputs

    def begin_stage(self, name: str) -> None:
        """Make the network ready for a stage of training."""

    def choose_line(self, inputs: Any) -> None:
        """Choose how finely predictions are read, once training has ended."""


class EncodedNetwork(Network):
    """A network that begins with an encoder of a user's choice.

    Parameters
    ----------
    encoder : nn.Module
        Returns contexts of shape (batch, width), or (n_members, batch, width).
    """

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.width: int = getattr(encoder, "width", 0)
        has_members = hasattr(encoder, "n_members")
        self.members_shape = (n_members_of(encoder),) if has_members else ()

    @property
    def takes_folds(self) -> bool:
        """Whether there are members, and the encoder gives each its own samples."""
        return self.n_members > 1 and getattr(self.encoder, "takes_folds", False)

    def encode(self, inputs: Columns) -> Tensor:
        """Return the contexts, (batch, width) or (n_members, batch, width)."""
        context: Tensor = self.encoder(inputs)
        shape = (*self.members_shape, n_samples_of(inputs), self.width)
        if context.shape != shape:
            raise ValueError(
                f"encoder={type(self.encoder).__name__} returned a context of shape "
                f"{tuple(context.shape)}, and its attributes promise {shape}: check "
                "width, and n_members if it is an ensemble."
            )
        return context


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
        self._lines: dict[tuple[torch.device, int], Line] = {}

    @property
    def n_members(self) -> int:  # type: ignore[override]
        """Members of the ensemble that are trained each on its own loss."""
        return self.decoder.n_members

    def forward(self, inputs: Columns) -> TokenDistribution:
        """Return the predictive distributions of a batch."""
        context = self.decoder.read(self.encode(inputs))
        return self._distribution(context, n_samples_of(inputs), inputs.device)

    def members(self, inputs: Columns) -> TokenDistribution:
        """Return the distributions of each member, member after member."""
        context = self.decoder.read_members(self.encode(inputs))
        size = self.n_members * n_samples_of(inputs)
        return self._distribution(context, size, inputs.device)

    def member_errors(self, inputs: Columns, z: Tensor) -> Tensor:
        """Return errors of each distribution function, (n_members, batch, n_edges)."""
        return self.decoder.member_errors(self.encode(inputs), z)

    @torch.inference_mode()
    def choose_line(self, inputs: Columns) -> None:
        """Let the decoder choose how finely its predictions are read."""
        if self.decoder.knows_line:
            self.decoder.choose_line(self.decoder.read(self.encode(inputs)))

    @property
    def takes_folds(self) -> bool:
        """Whether encoder and decoder can give each member its own samples."""
        return super().takes_folds and self.decoder.reads_folds

    def out_of_fold(self, inputs: FoldedInputs) -> TokenDistribution:
        """Return the prediction of samples by the members that have left them out."""
        read, _ = inputs.of_members(self.n_members)
        context = self.decoder.read_folds(
            self.encode(read), inputs.n_folds, inputs.slots[1]
        )
        return self._distribution(context, len(inputs), inputs.device)

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
            line=self._line(device),
        )

    def _line(self, device: torch.device) -> Line | None:
        """Return the line that predictions are read from, if the decoder knows it."""
        leaves = self._leaves[device]
        if not (self.decoder.knows_line and leaves and leaves.is_plain):
            return None
        key = device, self.decoder.n_parts
        if key not in self._lines:
            with torch.inference_mode(False):
                self._lines[key] = line_of(leaves.values, self.decoder.n_parts)
        return self._lines[key]


class MemberLinear(nn.Module):
    """One linear layer for each member of an ensemble.

    Parameters
    ----------
    n_members, n_inputs, n_outputs : int
    """

    def __init__(self, n_members: int, n_inputs: int, n_outputs: int) -> None:
        super().__init__()
        bound = n_inputs**-0.5
        weight = torch.empty(n_members, n_outputs, n_inputs, **BORN)
        bias = torch.empty(n_members, 1, n_outputs, **BORN)
        self.weight = nn.Parameter(weight.uniform_(-bound, bound))
        self.bias = nn.Parameter(bias.uniform_(-bound, bound))

    def forward(self, context: Tensor) -> Tensor:
        """Return the outputs, (n_members, batch, n_outputs)."""
        members = context if context.ndim == 3 else context[None]
        return torch.baddbmm(self.bias, members, self.weight.mT)


def context_width(encoder: nn.Module) -> int:
    """Return the size of the context of each member."""
    width = encoder.width
    assert isinstance(width, int)
    return width


def n_members_of(encoder: nn.Module) -> int:
    """Return how many members an encoder has."""
    n_members: int = getattr(encoder, "n_members", 1)
    return n_members


def build_encoder(
    encoder: Callable[[ColumnSpec], nn.Module], columns: ColumnSpec
) -> nn.Module:
    """Build an encoder from its factory.

    Raises
    ------
    TypeError
        If ``encoder`` is no factory, refuses its arguments or returns something else.
    """
    module = _built("encoder", encoder, columns)
    width = getattr(module, "width", None)
    if not (isinstance(module, nn.Module) and isinstance(width, int)):
        raise TypeError(
            "encoder(columns) must return a torch module with an integer attribute "
            f"width, got {shown(module, repr)}."
        )
    return module


def build_decoder(
    decoder: Callable[..., DigitDecoder], encoder: nn.Module, tokenizer: Tokenizer
) -> DigitDecoder:
    """Build a decoder from its factory.

    Raises
    ------
    TypeError
        If ``decoder`` is no factory, refuses its arguments or returns something else.
    ValueError
        If the decoder cannot write the numbers of the tokenizer.
    """
    n_members = n_members_of(encoder)
    members = {"n_members": n_members} if n_members > 1 else {}
    width = context_width(encoder)
    module = _built("decoder", decoder, width, tokenizer, **members)
    if not isinstance(module, DigitDecoder):
        raise TypeError(
            "decoder(width, tokenizer) must return a DigitDecoder, got "
            f"{shown(module, repr)}."
        )
    return module


def _built(name: str, factory: Any, *arguments: Any, **options: Any) -> Any:
    """Call a factory; say which parameter it was if it cannot be called so."""
    if isinstance(factory, nn.Module):
        raise TypeError(
            f"{name} must be a factory, because sizes are known in fit alone, got the "
            f"module {shown(factory, repr)}. Give its class or a functools.partial."
        )
    try:
        return factory(*arguments, **options)
    except TypeError as error:
        given = ", ".join(
            [*map(repr, arguments), *(f"{k}={v}" for k, v in options.items())]
        )
        raise TypeError(
            f"{name}={shown(factory, repr)} failed for ({given}): {error}"
        ) from error
