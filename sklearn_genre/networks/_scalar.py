"""Networks that predict one number, from a context or from a digit decoder."""

import torch
from torch import Tensor, nn

from sklearn_genre._device import BORN
from sklearn_genre.decoders import by_fold
from sklearn_genre.decoders._base import side_by_side
from sklearn_genre.inputs import Columns, FoldedInputs, n_samples_of
from sklearn_genre.networks._network import (
    DecodingNetwork,
    EncodedNetwork,
    MemberLinear,
    Network,
    context_width,
    n_members_of,
)
from sklearn_genre.networks._readouts import Readout
from sklearn_genre.outputs import PointDistribution, TokenDistribution


class PointNetwork(EncodedNetwork):
    """Inputs to one number.

    Parameters
    ----------
    encoder : nn.Module
        Inputs to a context.

    Attributes
    ----------
    residual_scale : Tensor of shape ()
        Standard deviation of the distribution around the number; measured, not trained.
    """

    residual_scale: Tensor

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__(encoder)
        self.n_members = n_members_of(encoder)
        self.head = MemberLinear(self.n_members, context_width(encoder), 1)
        self.register_buffer("residual_scale", torch.ones((), **BORN))

    @property
    def predicts_number(self) -> bool:
        """Whether a number is predicted: always."""
        return True

    @property
    def last(self) -> nn.Module:
        """What the number is read by."""
        return self.head

    def forward(self, inputs: Columns) -> PointDistribution:
        """Return the predictive distributions of a batch."""
        return PointDistribution(self._numbers(inputs).mean(0), self.residual_scale)

    def out_of_fold(self, inputs: FoldedInputs) -> PointDistribution:
        """Return the prediction of samples by the members that have left them out."""
        read, _ = inputs.of_members(self.n_members)
        of_own = by_fold(self._numbers(read), inputs.n_folds)[inputs.slots[1]]
        return PointDistribution(of_own.mean(1), self.residual_scale)

    def members(self, inputs: Columns) -> PointDistribution:
        """Return the distributions of each member, member after member."""
        return PointDistribution(self._numbers(inputs).flatten(), self.residual_scale)

    def member_errors(self, inputs: Columns, z: Tensor) -> Tensor:
        """Return the errors of the numbers, (n_members, batch, 1)."""
        return (self._numbers(inputs) - z)[..., None]

    def _numbers(self, inputs: Columns) -> Tensor:
        """Return the number of each member, (n_members, batch)."""
        numbers: Tensor = self.head(self.encode(inputs))[..., 0]
        return numbers


class HeadNetwork(Network):
    """Inputs to digits, and then to one number read from their decoder.

    Parameters
    ----------
    digits : DecodingNetwork
    readout : callable
        ``readout(decoder, n_inputs)`` returns a readout.

    Attributes
    ----------
    writes_digits : bool Tensor of shape ()
        Whether the digits are what is returned, as while they are pretrained.
    residual_scale : Tensor of shape ()
        Standard deviation of the distribution around the number; measured, not trained.
    """

    writes_digits: Tensor
    residual_scale: Tensor

    def __init__(self, digits: DecodingNetwork, readout: type[Readout]) -> None:
        super().__init__()
        self.digits = digits
        encoder = digits.encoder
        n_inputs = n_members_of(encoder) * context_width(encoder)
        self.readout = readout(digits.decoder, n_inputs)
        self.register_buffer("writes_digits", torch.tensor(False, device="cpu"))
        self.register_buffer("residual_scale", torch.ones((), **BORN))

    @property
    def n_members(self) -> int:  # type: ignore[override]
        """Members that are trained each on its own loss: those of the digits."""
        return self.digits.n_members if self.writes_digits else 1

    @property
    def last(self) -> nn.Module:
        """What the number is read by."""
        return self.readout

    @property
    def predicts_number(self) -> bool:
        """Whether a number is predicted, and not its digits."""
        return not self.writes_digits

    def begin_stage(self, name: str) -> None:
        """Write digits in pretraining, and a number afterwards."""
        self.writes_digits.fill_(name == "pretraining")

    def forward(self, inputs: Columns) -> TokenDistribution | PointDistribution:
        """Return the predictive distributions of a batch."""
        return self.digits(inputs) if self.writes_digits else self._number(inputs)

    def members(self, inputs: Columns) -> TokenDistribution | PointDistribution:
        """Return what is trained: the digits of each member, or the number."""
        if self.writes_digits:
            return self.digits.members(inputs)
        return self._number(inputs)

    def _number(self, inputs: Columns) -> PointDistribution:
        """Return normal distributions around the numbers that are read."""
        context = self.digits.encode(inputs)
        dist = self.digits._distribution(
            self.digits.decoder.read(context), n_samples_of(inputs), inputs.device
        )
        number = self.readout(side_by_side(context), dist)  # (batch,)
        return PointDistribution(number, self.residual_scale)
