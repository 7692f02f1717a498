"""The protocol that every loss and every policy gradient follows."""

from abc import ABC, abstractmethod
from typing import Any

from sklearn.base import BaseEstimator
from torch import Tensor


class Objective(BaseEstimator, ABC):
    """Maps a predictive distribution and a target to one loss per sample.

    An objective never sees a network: a distribution is only an argument. Before
    training it may give the network a :meth:`rule` to predict by. The training loop
    calls :meth:`start` once per stage, :meth:`prepare` once per batch without
    gradient, then :meth:`losses` with gradient ``n_updates`` times, each time on the
    distribution of the updated network.

    A new objective is a file in ``losses/`` or ``policy_gradients/`` and a line in that
    folder's dict. It writes :meth:`losses`; its options are ``__init__`` parameters, so
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
    def scoring(self) -> str | None:
        """Validation score that selects the state; None leaves it to the estimator."""
        return None

    @property
    def needs_reference(self) -> bool:
        """Whether :meth:`prepare` wants the distribution at the start of the stage."""
        return False

    def check(self, tokenizer: Any) -> None:
        """Raise ``ValueError`` if the options are wrong or unfit for the tokenizer."""

    def rule(self, tokenizer: Any, scaler: Any, data: Any) -> Any:
        """Return how the prediction is read off a distribution; None for its mean.

        Parameters
        ----------
        tokenizer : Tokenizer
        scaler : TargetScaler
            Both fitted.
        data : Data
            Training targets ``y``, in their units, and ``weight``.

        Returns
        -------
        rule : Grid or None
        """

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
        """Return what :meth:`losses` needs beside the distribution, without gradient.

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
    def losses(self, dist: Any, target: Any) -> Tensor:
        """Return the differentiable loss of each sample, shape (batch,)."""
