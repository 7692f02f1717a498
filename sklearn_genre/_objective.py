"""The protocol that every loss and every policy gradient follows."""

import math
from abc import ABC, abstractmethod
from numbers import Real
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.utils import check_scalar
from torch import Tensor


class Objective(BaseEstimator, ABC):
    """Maps a predictive distribution and a target to one loss per row.

    An objective never sees a network: a distribution is only an argument. The training
    engine calls :meth:`prepare` once per batch without gradient, then :meth:`loss` with
    gradient ``n_updates`` times, each time on the distribution of the updated network.

    A new objective is a file in ``losses/`` or ``policy_gradients/`` and a line in that
    folder's dict. It writes :meth:`loss`; its options are ``__init__`` parameters, so
    that ``clone``, ``set_params`` and nested searches work.

    Attributes
    ----------
    n_updates : int
        Gradient steps taken on each prepared batch.
    uses_dropout : bool
        Whether the network is in training mode while the loss is computed.
    """

    n_updates: int = 1
    uses_dropout: bool = True

    @property
    def needs_reference(self) -> bool:
        """Whether :meth:`prepare` wants the distribution at the start of the stage."""
        return False

    def check(self, tokenizer: Any) -> None:
        """Raise ``ValueError`` if the options are wrong or unfit for the tokenizer."""

    def prepare(self, dist: Any, y: Tensor, reference: Any = None) -> Any:
        """Return what :meth:`loss` needs beside the distribution, without gradient.

        Parameters
        ----------
        dist : TokenDistribution
            Predictive distributions of a batch.
        y : Tensor of shape (batch,)
            Standardised targets, float64.
        reference : TokenDistribution or None
            The same rows under the network at the start of the stage, given when
            ``needs_reference``.

        Returns
        -------
        target : object
            By default ``y``.
        """
        return y

    @abstractmethod
    def loss(self, dist: Any, target: Any) -> Tensor:
        """Return the differentiable loss of each row, shape (batch,)."""


def check_real(
    value: Any,
    name: str,
    low: float,
    high: float = math.inf,
    *,
    exclusive: bool = False,
) -> None:
    """Raise unless the value is a finite real number from low (or above it) to high."""
    check_scalar(value, name, Real)
    above = low < value if exclusive else low <= value
    if not (above and value <= high and math.isfinite(value)):
        bounds = f"{'>' if exclusive else '>='} {low}"
        bounds += f" and <= {high}" if math.isfinite(high) else " and finite"
        raise ValueError(f"{name} == {value}, must be {bounds}.")
