"""The protocol that every loss and every policy gradient follows."""

import math
from abc import ABC, abstractmethod
from numbers import Integral, Real
from typing import Any

from sklearn.base import BaseEstimator
from torch import Tensor


class Objective(BaseEstimator, ABC):
    """Maps a predictive distribution and a target to one loss per row.

    An objective never sees a network: a distribution is only an argument. The training
    engine calls :meth:`start` once per stage, :meth:`prepare` once per batch without
    gradient, then :meth:`loss` with gradient ``n_updates`` times, each time on the
    distribution of the updated network.

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

    def start(self, y: Tensor, weight: Tensor) -> None:
        """Learn from the training targets of the stage; by default nothing.

        The objective of a stage is a fresh clone: what is learned goes into attributes
        with a trailing underscore.

        Parameters
        ----------
        y : Tensor of shape (n_samples,)
            Standardised targets, float64.
        weight : Tensor of shape (n_samples,)
            Positive.
        """

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
    bounds = f"{'>' if exclusive else '>='} {low}"
    bounds += f" and <= {high}" if math.isfinite(high) else " and finite"
    if not isinstance(value, Real):
        raise TypeError(_wrong_type(value, name, "float", bounds))
    number = float(value)
    above = low < number if exclusive else low <= number
    if not (above and number <= high and math.isfinite(number)):
        raise ValueError(f"{name} == {value}, must be {bounds}.")


def check_integer(value: Any, name: str, low: int) -> None:
    """Raise unless the value is an integer from low."""
    if not isinstance(value, Integral):
        raise TypeError(_wrong_type(value, name, "int", f">= {low}"))
    if value < low:
        raise ValueError(f"{name} == {value}, must be >= {low}.")


def _wrong_type(value: Any, name: str, kind: str, bounds: str) -> str:
    """Say what a parameter is and what it must be."""
    return (
        f"{name} must be an instance of {kind}, not {type(value).__name__}: got "
        f"{value!r}, must be {bounds}."
    )
