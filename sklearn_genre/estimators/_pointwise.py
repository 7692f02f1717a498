"""The comparison method that predicts one number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import nn

from sklearn_genre._device import kept_state
from sklearn_genre._sklearn import StrOptions
from sklearn_genre.encoders import ENCODERS
from sklearn_genre.estimators._base import BaseDistributionRegressor
from sklearn_genre.estimators._digits import new_decoding_network
from sklearn_genre.estimators._parameters import (
    EPOCHS,
    RATE,
    SHARED,
    Constraints,
    documented,
    factory,
    new_tokenizer,
)
from sklearn_genre.estimators._partial_fit import PartialFitMixin
from sklearn_genre.inputs import Data
from sklearn_genre.losses import CrossEntropy, SquaredError
from sklearn_genre.networks import (
    HEADS,
    DigitHead,
    HeadNetwork,
    PointNetwork,
    build_encoder,
)
from sklearn_genre.training import Stage


@documented
class PointwiseRegressor(PartialFitMixin):
    r"""Regression by squared error, with one normal distribution around each number.

    The conventional head: a network encodes a sample as :class:`DecodingRegressor`
    does, and one linear layer returns one number. It minimises the squared error of the
    scaled target. Other heads, those that the RAFT paper [1]_ compares itself with,
    read the number from the states and logits of a digit decoder, whose digits may be
    pretrained by cross-entropy: :class:`~sklearn_genre.networks.DigitHead`. With
    context c, state :math:`s_t` of the decoder at position t of L, logits
    :math:`f_t = V s_t + v` and learned b, w and MLP:

    ================  ======================================  ========================
    ``head``          prediction                              in the paper
    ================  ======================================  ========================
    "linear"          :math:`b + w^\top c`                    conventional head
    "special_token"   :math:`b + w^\top s_1`                  special-token logit
    "mlp"             :math:`b + \mathrm{MLP}(f_1, .., f_L)`  two-layer MLP on logits
    "pooled_mean"     :math:`b + w^\top \mathrm{mean}_t s_t`  pooled output embeddings
    "pooled_min"      :math:`b + w^\top \min_t s_t`           pooled output embeddings
    "pooled_max"      :math:`b + w^\top \max_t s_t`           pooled output embeddings
    "projection"      :math:`b + w^\top (p_1, .., p_L)`,      probability projection
                      :math:`p_t = \mathrm{softmax}(f_t)`
    ================  ======================================  ========================

    The paper reads the last position of a prompt, whose logits are those of the first
    digit. A sample has no prompt but its context, so :math:`s_1` is that position, and
    w of "special_token" a fresh row of V: one more token, which is never written. In
    base 2 the first digit has two logits alone, so "mlp" and "projection" read those of
    all positions, for tokens that are allowed there. Later positions need digits before
    them: those of the mean target, the same for all samples, so that nothing is decoded
    and predictions are continuous, as they are not along the likeliest digits of each.
    The MLP has one layer of sigmoid units, as many as a state has.

    All weights are trained in both stages. The state before the second is no candidate,
    because its head is untrained. Should a callback or the user stop the fit in
    pretraining, or the user before the first epoch of the head ends, the model predicts
    by the distribution of the digits.

    The predictive distribution is normal, with the prediction as its mean and one
    standard deviation for all samples: the root mean square of the residuals on the
    validation set, or on the training set if there is none, where it is too small once
    the network overfits. So intervals have the same width everywhere (on the scale of
    the network): right where the noise is normal and homoscedastic, and only there. The
    distribution is held as 257 bins over eight deviations on both sides; ``cdf`` is
    right to 1e-3, and ``logpdf`` is that of the mean density of a bin.

    Parameters
    ----------
    <encoder>
    head : str or DigitHead, default="linear"
        What the number is read from; the table has the names. All but ``"linear"`` are
        there for comparison. A :class:`~sklearn_genre.networks.DigitHead` has options:
        tokenizer, decoder, and pretraining of the digits.
    <data>
    max_epochs : int, default=100
        Passes over the training set, at most.
    learning_rate : float, default=1.5e-3
        Peak learning rate of AdamW, after a short warm-up and before a cosine decay to
        a tenth.
    <training>
    <scoring>
    <running>

    Attributes
    ----------
    tokenizer_ : Tokenizer
        Fitted on the scaled targets; only where there is a decoder.
    residual_scale_ : float
        Standard deviation of the predictive distribution on the scale of the network:
        a share of the spread of the targets for ``target_transform="standard"``.
    <learned>
    <columns_>

    References
    ----------
    .. [1] Lukasik et al., "Better Autoregressive Regression with LLMs via
           Regression-Aware Fine-Tuning" (RAFT), ICLR 2025, table 2.

    Examples
    --------
    >>> from sklearn.datasets import make_regression
    >>> from sklearn_genre import PointwiseRegressor
    >>> from sklearn_genre.networks import DigitHead
    >>> X, y = make_regression(300, 5, noise=10.0, random_state=0)
    >>> model = PointwiseRegressor(random_state=0).fit(X, y)
    >>> model.predict(X[:2]).shape
    (2,)
    >>> model.predict_interval(X[:2], coverage=0.8).shape
    (2, 2)
    >>> head = DigitHead("pooled_mean", pretraining_epochs=2)
    >>> pooled = PointwiseRegressor(head=head, max_epochs=2, random_state=0)
    >>> pooled.fit(X, y).tokenizer_
    NormalizedTokenizer(margin=0.1)
    """

    _parameter_constraints: ClassVar[Constraints] = {
        **SHARED,
        "head": [StrOptions(set(HEADS)), DigitHead],
        "max_epochs": EPOCHS,
        "learning_rate": RATE,
    }
    _structural: ClassVar[tuple[str, ...]] = (
        "head",
        *BaseDistributionRegressor._structural,
    )
    _architectural: ClassVar[tuple[str, ...]] = (
        "head",
        *BaseDistributionRegressor._architectural,
    )

    def __init__(
        self,
        encoder: Any = "tabular",
        head: Any = "linear",
        *,
        target_transform: Any = "standard",
        target_range: Any = None,
        categorical_features: Any = "from_dtype",
        normal_scores: bool = True,
        max_epochs: int = 100,
        learning_rate: float = 1.5e-3,
        batch_size: Any = "auto",
        weight_decay: float = 0.01,
        ema_decay: float = 0.99,
        early_stopping: Any = "auto",
        cv: Any = "auto",
        validation_fraction: float = 0.1,
        n_iter_no_change: int | None = 12,
        max_fit_seconds: float | None = None,
        scoring: str = "crps",
        checkpoint: Any = None,
        distributed: bool = False,
        warm_start: bool = False,
        device: str = "auto",
        dtype: str = "float32",
        diagnostics: Sequence[str] = (),
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.encoder = encoder
        self.head = head
        self.target_transform = target_transform
        self.target_range = target_range
        self.categorical_features = categorical_features
        self.normal_scores = normal_scores
        self.max_epochs = max_epochs
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.weight_decay = weight_decay
        self.ema_decay = ema_decay
        self.early_stopping = early_stopping
        self.cv = cv
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.max_fit_seconds = max_fit_seconds
        self.scoring = scoring
        self.checkpoint = checkpoint
        self.distributed = distributed
        self.warm_start = warm_start
        self.device = device
        self.dtype = dtype
        self.diagnostics = diagnostics
        self.random_state = random_state
        self.verbose = verbose

    @property
    def residual_scale_(self) -> float:
        """Standard deviation of the predictive distribution, scaled."""
        check_is_fitted(self)
        if not self._network.predicts_number:
            raise AttributeError(
                "residual_scale_ is measured once the head is trained, but the fit "
                "was stopped before its first epoch ended: it predicts by digits."
            )
        return float(self._network.residual_scale)

    def _stages(self) -> list[Stage]:
        """Return pretraining, if there is a decoder, and training."""
        training = Stage(
            "training",
            SquaredError(),
            self.max_epochs,
            self.learning_rate,
            keep_start=False,
        )
        head = digit_head(self.head)
        if head is None:
            return [training]
        pretraining = Stage(
            "pretraining",
            CrossEntropy(),
            head.pretraining_epochs,
            head.pretraining_learning_rate,
            keep_start=False,
        )
        return [pretraining, training]

    def _stream_stage(self, stages: list[Stage]) -> Stage:
        """Return the stage that trains the number, not its digits."""
        return stages[-1]

    def _learn_head(self, data: Data, z: NDArray[np.float64]) -> None:
        """Learn the number format, if there is a digit decoder."""
        head = digit_head(self.head)
        if head is not None:
            head.check()
            self.tokenizer_ = new_tokenizer(head.tokenizer)
            self.tokenizer_.fit(z)

    def _new_network(self) -> PointNetwork | HeadNetwork:
        """Return a network with fresh weights; one for a constant predicts it."""
        network = self._fresh_network()
        low, high = self.target_scaler_.range_
        if low == high:
            for parameter in network.last.parameters():
                nn.init.zeros_(parameter)
        return network

    def _fresh_network(self) -> PointNetwork | HeadNetwork:
        """Return a network with random weights."""
        head, encoder = (
            digit_head(self._architecture["head"]),
            self._architecture["encoder"],
        )
        columns = self.feature_encoder_.spec_
        if head is None:
            return PointNetwork(build_encoder(factory(encoder, ENCODERS), columns))
        digits = new_decoding_network(encoder, head.decoder, self.tokenizer_, columns)
        with kept_state():  # batches are those of digits alone
            network = HeadNetwork(digits, HEADS[head.readout])
        network.writes_digits.fill_(head.pretraining_epochs > 0)
        return network


def digit_head(head: str | DigitHead) -> DigitHead | None:
    """Return the head that reads a decoder; None for one that reads the context."""
    if isinstance(head, DigitHead):
        return head
    return None if head == "linear" else DigitHead(head)
