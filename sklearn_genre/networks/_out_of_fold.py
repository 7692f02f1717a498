"""A network of which each sample meets the members that have left it out."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from sklearn_genre.decoders import by_fold
from sklearn_genre.inputs import FoldedInputs
from sklearn_genre.networks._network import Network
from sklearn_genre.outputs import Grid, Output


class OutOfFold(Network):
    """What a network would predict for its training samples, had it not seen them.

    It looks like a network of as many members as leave out the same fold.

    Parameters
    ----------
    network : Network
        It `takes_folds`.
    n_folds : int
    """

    def __init__(self, network: Network, n_folds: int) -> None:
        super().__init__()
        self.network = network
        self.n_folds = n_folds
        self.n_members = network.n_members // n_folds

    @property
    def residual_scale(self) -> Tensor:  # type: ignore[override]
        """Standard deviation of the distribution around a predicted number."""
        return self.network.residual_scale

    @property
    def rule(self) -> Grid | None:  # type: ignore[override]
        """Where the prediction is read from, if not the mean of the distribution."""
        return getattr(self.network, "rule", None)

    @property
    def predicts_number(self) -> bool:
        """Whether a number is predicted, with a `residual_scale` to be measured."""
        return self.network.predicts_number

    def forward(self, inputs: FoldedInputs) -> Output:
        """Return the prediction of samples by the members that have left them out."""
        return self.network.out_of_fold(inputs)

    def members(self, inputs: Any) -> Output:
        """Return what is trained: the members of the network itself."""
        return self.network.members(inputs)

    def choose_line(self, inputs: Any) -> None:
        """Choose how finely predictions are read, by the prediction of all."""
        self.network.choose_line(inputs)

    def member_errors(self, inputs: FoldedInputs, z: Tensor) -> Tensor:
        """Return the errors of those that have left a sample out, (members, n, ...)."""
        read, index = inputs.of_members(self.network.n_members)
        errors = self.network.member_errors(read, z[index])
        return by_fold(errors, self.n_folds)[inputs.slots[1]].movedim(1, 0)
