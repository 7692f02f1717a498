"""Cross-entropy on digits, then squared error of the expected number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from sklearn_genre._sklearn import StrOptions
from sklearn_genre.estimators._digits import DigitRegressor, check_stages
from sklearn_genre.estimators._parameters import (
    EPOCHS_OR_NONE,
    RATE,
    Constraints,
    documented,
    resolve,
)
from sklearn_genre.estimators._partial_fit import PartialFitMixin
from sklearn_genre.losses import RAFT, CrossEntropy
from sklearn_genre.training import Stage


@documented
class RAFTRegressor(PartialFitMixin, DigitRegressor):
    r"""Regression-aware fine-tuning of a digit decoder: the mean is what is trained.

    A network writes the target digit by digit, as in :class:`DecodingRegressor`, and is
    pretrained by cross-entropy. Fine-tuning by :class:`~sklearn_genre.losses.RAFT` [1]_
    then minimises the squared error of the expected number, which is also the
    prediction (RAIL [2]_, Eq. 5 of [1]_). ``DecodingRegressor(fine_tuning=RAFT())`` is
    the same network, selected by another score.

    At the start of fine-tuning the model predicts what RAIL on the pretrained model
    predicts, and that state is a candidate: each stage keeps the state with the best
    validation score. The loss asks for the mean alone and leaves the spread of the
    digits free, so intervals are those of pretraining, more or less.

    ``predict(X)`` and the validation error are the trained expectation. The median,
    mode, quantiles, standard deviation and ``predict_distribution`` are those of the
    digits, whose own mean is ``predict(X)`` for ``RAFT(grid="tree")`` with the numbers
    of the format, and need not be otherwise. Standard decoding, as the papers have it,
    is ``output_type="greedy"`` (the likeliest digit, one after the other) or ``"mode"``
    (the likeliest number); :meth:`predict_from_samples` and :meth:`predict_from_grid`
    are the other forms of RAIL, for any grid.

    Parameters
    ----------
    <tokenizer>
    <encoder>
    <decoder>
    fine_tuning : "raft" or RAFT, default="raft"
        The objective of the second stage. Options travel with it: a grid for large
        formats, as in ``RAFT(grid="quantiles")``, or learned numbers.
    <data>
    pretraining_epochs, fine_tuning_epochs : int, default=100 and 30
        Passes over the training set, at most. 0 leaves a stage out: a random start, or
        RAIL on the cross-entropy model. Raise the second with a random start.
    learning_rate, fine_tuning_learning_rate : float, default=1.5e-3 and 5e-4
        Peak learning rate of AdamW in each stage, after a short warm-up and before a
        cosine decay to a tenth.
    <training>
    scoring : {"rmse", "crps", "expected_error"}, default="rmse"
        Validation score that selects the state of each stage: the error of the
        prediction, or two of the distribution of the digits, which RAFT does not train.
    <temperature>
    <running>

    Attributes
    ----------
    grid_ : array of shape (n_grid,)
        Numbers of the grid's token sequences, in the units of the target: for an array
        in its order, else in the order of the scaled numbers.
    token_values_ : array of shape (n_grid,)
        What the sequences stand for after training, in the units of the target.
    <tokenizer_>
    <temperature_>
    <learned>
    <columns_>

    References
    ----------
    .. [1] Lukasik et al., "Better Autoregressive Regression with LLMs via
           Regression-Aware Fine-Tuning" (RAFT), ICLR 2025.
    .. [2] Lukasik et al., "Regression-aware Inference with LLMs" (RAIL), Findings of
           EMNLP 2024, arXiv:2403.04182.

    Examples
    --------
    >>> from sklearn.datasets import make_regression
    >>> from sklearn_genre import RAFTRegressor
    >>> from sklearn_genre.losses import RAFT
    >>> X, y = make_regression(300, 5, noise=10.0, random_state=0)
    >>> model = RAFTRegressor(pretraining_epochs=50, random_state=0).fit(X, y)
    >>> model.predict(X[:2]).shape
    (2,)
    >>> few = RAFTRegressor("ieee", fine_tuning=RAFT(grid="quantiles"))
    >>> few.set_params(pretraining_epochs=2, fine_tuning_epochs=1)
    RAFTRegressor(...)
    >>> few.fit(X, y).grid_.shape
    (64,)
    """

    _parameter_constraints: ClassVar[Constraints] = {
        **DigitRegressor._parameter_constraints,
        "fine_tuning": [StrOptions({"raft"}), RAFT],
        "pretraining_epochs": EPOCHS_OR_NONE,
        "fine_tuning_epochs": EPOCHS_OR_NONE,
        "learning_rate": RATE,
        "fine_tuning_learning_rate": RATE,
    }
    _structural: ClassVar[tuple[str, ...]] = (
        *DigitRegressor._structural,
        "fine_tuning",
    )

    def __init__(
        self,
        tokenizer: Any = "auto",
        encoder: Any = "tabular",
        decoder: Any = "auto",
        fine_tuning: Any = "raft",
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
        scoring: str = "rmse",
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

    @property
    def grid_(self) -> NDArray[np.float64]:
        """Numbers of the grid, in the units of y."""
        return self._of_rule("numbers")

    @property
    def token_values_(self) -> NDArray[np.float64]:
        """What the sequences of the grid stand for, in the units of y."""
        return self._of_rule("weights")

    def _of_rule(self, name: str) -> NDArray[np.float64]:
        """Return numbers of the inference rule, in the units of y."""
        check_is_fitted(self)
        numbers = getattr(self._network.rule, name).detach().cpu().numpy()
        return self.target_scaler_.inverse_transform(numbers)

    def _stages(self) -> list[Stage]:
        """Return both stages."""
        if not self.pretraining_epochs + self.fine_tuning_epochs:
            raise ValueError(
                "pretraining_epochs == 0 and fine_tuning_epochs == 0: nothing would be "
                "trained. Set one of them to at least 1."
            )
        stages = [
            Stage(
                "pretraining",
                CrossEntropy(),
                self.pretraining_epochs,
                self.learning_rate,
                keep_start=False,
            ),
            Stage(
                "fine_tuning",
                resolve(self.fine_tuning, {"raft": RAFT}),
                self.fine_tuning_epochs,
                self.fine_tuning_learning_rate,
                keep_start=self.pretraining_epochs > 0,
            ),
        ]
        return check_stages(stages, self.tokenizer_)
