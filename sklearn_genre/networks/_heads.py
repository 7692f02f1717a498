"""Networks that predict bins or one number, for comparison with digits."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from sklearn_genre.distributions import (
    Bins,
    HistogramDistribution,
    PointDistribution,
    TokenDistribution,
)
from sklearn_genre.networks._decoder import DigitDecoder
from sklearn_genre.networks._digit_heads import DigitHead
from sklearn_genre.networks._network import DecodingNetwork, OneHot


class HistogramNetwork(nn.Module):
    """Features to a distribution over bins.

    Parameters
    ----------
    inputs : OneHot
    encoder : nn.Module
        Maps (batch, n_features) to (batch, width).
    bins : Bins
        They stay float64, whatever the weights are.
    """

    def __init__(self, inputs: OneHot, encoder: nn.Module, bins: Bins) -> None:
        super().__init__()
        self.inputs = inputs
        self.encoder = encoder
        self.head = nn.Linear(_width(encoder), len(bins.width))
        self.bins = bins
        self._placed: dict[torch.device, Bins] = {}

    def forward(self, X: Tensor) -> HistogramDistribution:
        """Return the predictive distributions of a batch of rows."""
        if X.device not in self._placed:
            with torch.inference_mode(False):  # so that they may be trained with
                self._placed[X.device] = self.bins.to(X.device)
        logits = self.head(self.encoder(self.inputs(X)))  # (batch, n_bins)
        return HistogramDistribution(logits, self._placed[X.device])


class PointNetwork(nn.Module):
    """Features to one number.

    Parameters
    ----------
    inputs : OneHot
    encoder : nn.Module
        Maps (batch, n_features) to (batch, width).

    Attributes
    ----------
    residual_scale : Tensor of shape ()
        Standard deviation of the distribution around the number; measured, not trained.
    """

    residual_scale: Tensor

    def __init__(self, inputs: OneHot, encoder: nn.Module) -> None:
        super().__init__()
        self.inputs = inputs
        self.encoder = encoder
        self.head = nn.Linear(_width(encoder), 1)
        self.register_buffer("residual_scale", torch.ones(()))

    def forward(self, X: Tensor) -> PointDistribution:
        """Return the predictive distributions of a batch of rows."""
        number = self.head(self.encoder(self.inputs(X)))[:, 0]  # (batch,)
        return PointDistribution(number, self.residual_scale)


class HeadNetwork(nn.Module):
    """Features to digits, and then to one number read from their decoder.

    Parameters
    ----------
    digits : DecodingNetwork
    head : callable
        ``head(decoder)`` returns a digit head.

    Attributes
    ----------
    writes_digits : bool Tensor of shape ()
        Whether the digits are what is returned, as while they are pretrained.
    residual_scale : Tensor of shape ()
        Standard deviation of the distribution around the number; measured, not trained.
    """

    writes_digits: Tensor
    residual_scale: Tensor

    def __init__(
        self, digits: DecodingNetwork, head: Callable[[DigitDecoder], DigitHead]
    ) -> None:
        super().__init__()
        self.digits = digits
        self.head = head(digits.decoder)
        self.register_buffer("writes_digits", torch.tensor(False))
        self.register_buffer("residual_scale", torch.ones(()))

    @property
    def n_copies(self) -> int:
        """How often a row comes back."""
        return self.digits.n_copies

    def forward(self, X: Tensor) -> TokenDistribution | PointDistribution:
        """Return the predictive distributions of a batch of rows."""
        dist = self.digits(X)
        if self.writes_digits:
            return dist
        return PointDistribution(self.head(dist), self.residual_scale)


def _width(encoder: nn.Module) -> int:
    """Return the size of the context vector."""
    width = encoder.width
    assert isinstance(width, int)
    return width
