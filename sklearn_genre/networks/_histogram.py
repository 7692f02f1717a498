"""A network that predicts bins."""

import torch
from torch import Tensor, nn

from sklearn_genre.decoders import by_fold
from sklearn_genre.inputs import Columns, FoldedInputs
from sklearn_genre.networks._network import (
    EncodedNetwork,
    MemberLinear,
    context_width,
    n_members_of,
)
from sklearn_genre.outputs import Bins, HistogramDistribution


class HistogramNetwork(EncodedNetwork):
    """Inputs to a distribution over bins.

    Parameters
    ----------
    encoder : nn.Module
        Inputs to a context.
    bins : Bins
        They stay float64, whatever the weights are.
    """

    def __init__(self, encoder: nn.Module, bins: Bins) -> None:
        super().__init__(encoder)
        self.n_members = n_members_of(encoder)
        self.head = MemberLinear(
            self.n_members, context_width(encoder), len(bins.width)
        )
        self.bins = bins
        self._placed: dict[torch.device, Bins] = {}

    def forward(self, inputs: Columns) -> HistogramDistribution:
        """Return the predictive distributions of a batch."""
        logits = self.head(self.encode(inputs))
        if self.n_members == 1:
            return self._distribution(logits[0])
        return self._distribution(logits.log_softmax(-1).logsumexp(0))

    def out_of_fold(self, inputs: FoldedInputs) -> HistogramDistribution:
        """Return the prediction of samples by the members that have left them out."""
        read, _ = inputs.of_members(self.n_members)
        log_masses = self.head(self.encode(read)).log_softmax(-1)
        of_own = by_fold(log_masses, inputs.n_folds)[inputs.slots[1]]
        return self._distribution(of_own.logsumexp(1))

    def members(self, inputs: Columns) -> HistogramDistribution:
        """Return the distributions of each member, member after member."""
        return self._distribution(self.head(self.encode(inputs)).flatten(0, 1))

    def member_errors(self, inputs: Columns, z: Tensor) -> Tensor:
        """Return errors of each distribution function at the borders of the bins."""
        masses = self.head(self.encode(inputs)).softmax(-1)  # (n_members, batch, n)
        borders = self._distribution(masses[0]).bins.borders
        step = borders >= z[..., None]  # (batch or n_members, batch, n - 1)
        width = borders.diff(append=borders[-1:] + borders[-1:] - borders[-2:-1])
        errors: Tensor = masses.cumsum(-1)[..., :-1] - step.to(masses)
        return errors * width.sqrt().to(masses)  # an integral of squares

    def _distribution(self, logits: Tensor) -> HistogramDistribution:
        """Return the distributions of logits, (batch, n_bins)."""
        device = logits.device
        if device not in self._placed:
            with torch.inference_mode(False):  # so that they may be trained with
                self._placed[device] = self.bins.to(device)
        return HistogramDistribution(logits, self._placed[device])
