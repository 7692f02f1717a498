"""Cross-entropy on digits, then a reward for the whole number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from sklearn_genre._objective import Objective
from sklearn_genre._sklearn import StrOptions
from sklearn_genre.estimators._digits import DigitRegressor, check_stages
from sklearn_genre.estimators._parameters import (
    EPOCHS,
    RATE,
    Constraints,
    documented,
    resolve,
)
from sklearn_genre.estimators._partial_fit import PartialFitMixin
from sklearn_genre.losses import LOSSES
from sklearn_genre.policy_gradients import POLICY_GRADIENTS, PolicyGradient
from sklearn_genre.training import Stage

OBJECTIVES: dict[str, type[Objective]] = {**LOSSES, **POLICY_GRADIENTS}


@documented
class DecodingRegressor(PartialFitMixin, DigitRegressor):
    r"""Regression that writes its prediction digit by digit.

    A network encodes a sample and a decoder emits the digits of the target, most
    significant first. The probabilities of all token sequences are the predictive
    distribution, so one fit yields mean, median, any quantile, intervals and samples.

    Training has two stages, each named by its objective. Pretraining fits the digits
    by a differentiable loss, by default cross-entropy. Fine-tuning reads the whole
    number, by default by the continuous ranked probability score, which keeps the
    distribution calibrated. ReMax [1]_ and the other policy gradients reward sampled
    numbers; with the squared error their expected loss is

    .. math:: -E[R] = E\bigl[(y - \hat y)^2\bigr] = (y - E[\hat y])^2 +
        \operatorname{Var}[\hat y].

    They sharpen the distribution: points and modes improve, at the cost of calibration.
    With ``fine_tuning=None`` the model is the cross-entropy base model. Each stage
    keeps the state with the best validation score, and the state before fine-tuning is
    a candidate.

    The default encoder is an ensemble. Each member is trained on its own loss, in
    parallel, and the prediction is their mixture, in which all count alike.

    By default the digits are *anchored*: the probability of each is the mass of its
    interval under a mixture that the network predicts. ``decoder="mlp"`` or
    ``"transformer"`` with ``encoder="mlp"`` have the free digits of the papers.

    The inference rules of the papers have names here. Standard decoding is
    ``predict(X, output_type="greedy")``, the likeliest digit one after the other, or
    ``output_type="mode"``, the likeliest number. RAIL [2]_, the mean, is ``predict(X)``
    (exact for formats of at most 4,096 token sequences), :meth:`predict_from_samples`
    or :meth:`predict_from_grid`. GenRe takes the mean or median of sampled numbers.
    ``fine_tuning=RAFT(...)`` brings an inference rule of its own, by which
    ``predict(X)`` then predicts.

    Parameters
    ----------
    <tokenizer>
    <encoder>
    <decoder>
    pretraining : str or Objective, default="cross_entropy"
        Objective of the first stage. ``"cross_entropy"`` is the negative log-likelihood
        of the digits. ``"ntl_was"``, ``"ntl_mse"`` and ``"dist"`` add how far each
        digit is from the true one. ``"crps"``, a proper score, ``"expected_error"``,
        the exact limit of ReMax, and ``"raft"`` read the whole number: exactly for
        formats of at most 4,096 token sequences, otherwise by samples or on a grid,
        which takes ``fine_tuning=None`` or the same. Policy gradients are for
        `fine_tuning` and refused here.
    fine_tuning : str, Objective or None, default="crps"
        Objective of the second stage: a policy gradient (``"remax"``, ``"grpo"``,
        ``"rloo"``), a loss as in `pretraining`, or None. Options travel with it, as in
        ``fine_tuning=ReMax(n_rollouts=32)``. Policy gradients and ``"expected_error"``
        narrow the intervals; None and ``"crps"`` keep about those of pretraining.
    <data>
    pretraining_epochs, fine_tuning_epochs : int, default=100 and 30
        Passes over the training set, at most.
    learning_rate, fine_tuning_learning_rate : float, default=1.5e-3 and 5e-4
        Peak learning rate of AdamW in each stage, after a short warm-up and before a
        cosine decay to a tenth.
    <training>
    <scoring>
    <temperature>
    <running>

    Attributes
    ----------
    <tokenizer_>
    <temperature_>
    <learned>
    <columns_>

    References
    ----------
    .. [1] "Beyond Token-level Supervision: Unlocking the Potential of Decoding-based
           Regression via Reinforcement Learning" (GenRe), arXiv:2512.06533.
    .. [2] Lukasik et al., "Regression-aware Inference with LLMs" (RAIL), Findings of
           EMNLP 2024, arXiv:2403.04182.

    Examples
    --------
    >>> from sklearn.datasets import make_regression
    >>> from sklearn_genre import DecodingRegressor
    >>> X, y = make_regression(300, 5, noise=10.0, random_state=0)
    >>> model = DecodingRegressor(fine_tuning=None, random_state=0)
    >>> model.fit(X, y).predict(X[:2]).shape
    (2,)
    >>> model.predict_interval(X[:2], coverage=0.8).shape
    (2, 2)
    >>> model.predict_distribution(X)
    PredictiveDistribution(n_rows=300, n_values=310)
    """

    _parameter_constraints: ClassVar[Constraints] = {
        **DigitRegressor._parameter_constraints,
        "pretraining": [StrOptions(set(LOSSES)), Objective],
        "fine_tuning": [StrOptions(set(OBJECTIVES)), Objective, None],
        "pretraining_epochs": EPOCHS,
        "fine_tuning_epochs": EPOCHS,
        "learning_rate": RATE,
        "fine_tuning_learning_rate": RATE,
    }

    def __init__(
        self,
        tokenizer: Any = "auto",
        encoder: Any = "tabular",
        decoder: Any = "auto",
        pretraining: Any = "cross_entropy",
        fine_tuning: Any = "crps",
        *,
        target_transform: Any = "standard",
        target_range: Any = None,
        categorical_features: Any = "from_dtype",
        normal_scores: bool = True,
        pretraining_epochs: int = 100,
        fine_tuning_epochs: int = 30,
        learning_rate: float = 1.5e-3,
        fine_tuning_learning_rate: float = 5e-4,
        batch_size: Any = "auto",
        weight_decay: float = 0.01,
        ema_decay: float = 0.99,
        early_stopping: Any = "auto",
        cv: Any = "auto",
        validation_fraction: float = 0.1,
        n_iter_no_change: int | None = 12,
        max_fit_seconds: float | None = None,
        scoring: str = "crps",
        temperature: Any = 1.0,
        checkpoint: Any = None,
        distributed: bool = False,
        warm_start: bool = False,
        device: str = "auto",
        dtype: str = "float32",
        diagnostics: Sequence[str] = (),
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.tokenizer = tokenizer
        self.encoder = encoder
        self.decoder = decoder
        self.pretraining = pretraining
        self.fine_tuning = fine_tuning
        self.target_transform = target_transform
        self.target_range = target_range
        self.categorical_features = categorical_features
        self.normal_scores = normal_scores
        self.pretraining_epochs = pretraining_epochs
        self.fine_tuning_epochs = fine_tuning_epochs
        self.learning_rate = learning_rate
        self.fine_tuning_learning_rate = fine_tuning_learning_rate
        self.batch_size = batch_size
        self.weight_decay = weight_decay
        self.ema_decay = ema_decay
        self.early_stopping = early_stopping
        self.cv = cv
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.max_fit_seconds = max_fit_seconds
        self.scoring = scoring
        self.temperature = temperature
        self.checkpoint = checkpoint
        self.distributed = distributed
        self.warm_start = warm_start
        self.device = device
        self.dtype = dtype
        self.diagnostics = diagnostics
        self.random_state = random_state
        self.verbose = verbose

    def _stages(self) -> list[Stage]:
        """Return pretraining, and fine-tuning unless it is None."""
        stages = [
            Stage(
                "pretraining",
                resolve(self.pretraining, LOSSES),
                self.pretraining_epochs,
                self.learning_rate,
                keep_start=False,
            )
        ]
        if self.fine_tuning is not None:
            stages.append(
                Stage(
                    "fine_tuning",
                    resolve(self.fine_tuning, OBJECTIVES),
                    self.fine_tuning_epochs,
                    self.fine_tuning_learning_rate,
                    keep_start=True,
                )
            )
        check_stages(stages, self.tokenizer_)
        if isinstance(stages[0].objective, PolicyGradient):
            raise ValueError(
                f"pretraining={stages[0].objective} is a policy gradient, which learns "
                "from numbers that a pretrained model draws. Give it as fine_tuning, "
                "or use pretraining='expected_error', the expected squared error."
            )
        return stages
