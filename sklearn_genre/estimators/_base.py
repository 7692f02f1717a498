"""The path of a fit: samples, scales, network, stages, state."""

from __future__ import annotations

import math
import time
from abc import abstractmethod
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from sklearn_genre._checks import shown, tidy
from sklearn_genre._device import fitting, resolve_device
from sklearn_genre._sklearn import _fit_context
from sklearn_genre.calibration import fit_temperature, held_out_values
from sklearn_genre.estimators._checks import checked_data, checked_validation
from sklearn_genre.estimators._parameters import SHARED, Constraints
from sklearn_genre.estimators._predicting import PredictingRegressor
from sklearn_genre.estimators._set_aside import are_unseen, group_codes, set_aside
from sklearn_genre.estimators._state import (
    check_rule,
    check_structure,
    fingerprint,
    fit_contents,
    fit_identity,
    is_learned,
    new_rule,
)
from sklearn_genre.estimators._stored import checked_samples
from sklearn_genre.estimators._warnings import (
    not_finite,
    temperature_without,
    warn_of_validation,
)
from sklearn_genre.inputs import (
    MEMORY_ROWS,
    Data,
    FeatureEncoder,
    Folds,
    StoredData,
)
from sklearn_genre.networks import N_AT_ONCE, OutOfFold
from sklearn_genre.targets import TargetScaler
from sklearn_genre.training import (
    ALONE,
    CallbackSupportMixin,
    Checkpoint,
    Encoded,
    Monitor,
    NoValidation,
    Processes,
    Row,
    Scores,
    Settings,
    SharedScores,
    Stage,
    StoredEncoded,
    Validation,
    calibrate,
    encoded,
    launched_processes,
    run_stages,
    working_copy,
)

# Share of a time limit for the stages, where a temperature is searched after them.
TRAINING_SHARE = 0.8


class BaseDistributionRegressor(CallbackSupportMixin, PredictingRegressor):
    """A network, a short list of training stages, and what they predict.

    ``fit`` reads from top to bottom: check the samples, learn the scales, build the
    network, run the stages, keep the state. A subclass writes ``__init__`` and these
    hooks:

    ``_check_features(X, reset)``
        Return checked samples.
    ``_learn_features(data)``
        Learn from checked samples how the network reads them.
    ``_learn_head(data, z)``
        Learn from the scaled targets what the head of the network needs.
    ``_new_network()``
        Return a network with fresh weights, from `_architecture` and the scales.
    ``_stages()``
        Return the training stages, their objectives checked.
    ``_check_warm_start(data)``
        Refuse, or warn of, what a warm start cannot do.

    Parameters that a warm start may not change stand in ``_structural``; those a
    network is built from in ``_architectural``.
    """

    _parameter_constraints: ClassVar[Constraints] = SHARED
    _structural: ClassVar[tuple[str, ...]] = (
        "encoder",
        "target_transform",
        "target_range",
        "categorical_features",
        "normal_scores",
        "dtype",
    )

    # What pipelines hand on, without a request, once metadata routing is enabled.
    __metadata_request__predict: ClassVar[dict[str, bool]] = {
        "output_type": True,
        "quantiles": True,
        "return_std": True,
    }

    distributed = False  # a parameter of the estimators of tables
    history_: list[Row]
    n_iter_: int
    n_features_in_: int
    _folds: Folds | None
    _held_out: tuple[Any, ...] | None
    _stream: dict[str, Any] | None

    @abstractmethod
    def _stages(self) -> list[Stage]:
        """Return the training stages, their objectives checked."""

    def _learn_head(self, data: Data, z: Any) -> None:
        """Learn from the scaled targets what the head of the network needs."""

    def _check_warm_start(self, data: Data) -> None:
        """Refuse, or warn of, what a warm start cannot do."""

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: Any = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Fit the network, stage after stage.

        An exception leaves the estimator as it was before; until the end, other threads
        predict from the former fit.

        Parameters
        ----------
        X : array-like, data frame, path or dataset of shape (n_samples, n_features)
            Training samples. NaN is allowed. A memory map, the path of a ``.npy`` or a
            parquet file or of a folder of these, a pyarrow dataset, or an object with
            ``len`` whose slices are arrays or frames is read in blocks, and so is a
            table of more than 262,144 rows. A language model reads texts, or columns
            without missing values, in memory.
        y : array-like of shape (n_samples,), or str
            Targets, in any unit; of a file or dataset the name of their column, too.
        sample_weight : array-like of shape (n_samples,), default=None
            Samples of weight zero are left out. A target transformer, and the grouping
            of rare levels, do not see the weights.
        X_val, y_val, sample_weight_val : array-like, default=None
            Validation set. If given it is used as it is, and none of the training
            samples is held out.
        groups : array-like of shape (n_samples,), default=None
            Samples of a group are in the same fold, or are held out together.

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError
            If the input is not valid, a parameter is out of range, or the loss is not
            finite in the very first step.

        Warns
        -----
        ConvergenceWarning
            If a loss is not finite later on, or the user interrupts: the best state
            so far is kept.
        UserWarning
            If a warm start validates on samples that a former fit may have trained on.
        """
        begun = time.perf_counter()
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val must be given together.")
        if X_val is None and sample_weight_val is not None:
            raise ValueError("sample_weight_val needs X_val and y_val.")
        is_warm = self.warm_start and hasattr(self, "_network")
        draft = self._draft(is_warm)
        is_small = type(X) is np.ndarray and X.size <= MEMORY_ROWS
        checked = checked_data if is_small else checked_samples
        data = checked(draft, X, y, sample_weight, reset=not is_warm)
        codes = group_codes(groups, data)
        validation = None
        if X_val is not None:
            validation = checked_validation(draft, X_val, y_val, sample_weight_val)
        random = check_random_state(self.random_state)
        device = resolve_device(self.device)
        processes = ALONE
        if self.distributed:
            processes, device = launched_processes(device)
            processes.check_same(fit_contents(self, data, validation, codes))
            random.set_state(processes.of_first(random.get_state))
        seed = int(random.randint(np.iinfo(np.int32).max))
        processes = replace(processes, seed=seed)
        with fitting(seed, device):
            if is_warm:
                draft._network = working_copy(self._network)
                draft.target_scaler_.check_inside(data.y, "y")
                draft._check_warm_start(data)
            else:
                draft._learn_scales(data)
            stages = draft._stages()
            if is_warm:
                check_rule(draft, stages, data)
            else:
                draft._start_network(stages, data, device)
            if validation is not None:
                draft.target_scaler_.check_inside(validation.y, "y_val")
                if not is_warm:
                    warn_of_validation(draft, data.X, validation.X)
            stages = [stage for stage in stages if stage.max_epochs]
            if is_warm and stages:
                stages[0] = stages[0]._replace(keep_start=True)
            held_out: Data | Folds | None = validation
            if validation is None:
                data, held_out = set_aside(draft, data, codes, random)
            draft._folds = held_out if isinstance(held_out, Folds) else None
            are_new = are_unseen(draft, data, held_out, validation, is_warm=is_warm)
            try:
                draft._train(
                    stages,
                    data,
                    held_out,
                    monitored=self,
                    begun=begun,
                    processes=processes,
                )
            except FloatingPointError as error:
                raise not_finite(error) from error
        if not are_new:
            draft._held_out = None
        kept = {k: v for k, v in vars(self).items() if not is_learned(k)}
        self.__dict__ = {**kept, **vars(draft)}  # at once, and whole
        return self

    def _validate_params(self) -> None:
        """Let scikit-learn check the parameters; cut long values in what it says."""
        try:
            super()._validate_params()
        except ValueError as error:
            must, got, value = str(error).rpartition(" Got ")
            text = f"{must}{got}{shown(value.removesuffix(' instead.'))} instead."
            raise type(error)(text if got else tidy(value)) from None

    def _draft(self, is_warm: bool) -> Self:
        """Return the estimator that a fit works on, in place of this one."""
        draft = self._view()
        if is_warm:
            check_structure(self)
            draft.history_ = list(self.history_)
        else:
            draft.__dict__ = {k: v for k, v in vars(self).items() if not is_learned(k)}
            draft.history_, draft.n_iter_ = [], 0
            draft._folds = None
        draft._stream = draft._held_out = None
        return draft

    def _learn_scales(self, data: Data) -> None:
        """Learn how features and targets are scaled, and what the head needs."""
        self._learn_features(data)
        limits = getattr(self, "target_range", None)
        self.target_scaler_ = TargetScaler(self.target_transform, limits)
        self.target_scaler_.fit(data.y, data.weight)
        self._learn_head(data, self.target_scaler_.transform(data.y))

    def _learn_features(self, data: Data) -> None:
        """Learn from checked samples how the network reads them."""
        self.feature_encoder_ = FeatureEncoder(
            self._is_categorical, normal_scores=self.normal_scores
        )
        self.feature_encoder_.fit(data.X, data.weight)

    def _start_network(
        self, stages: list[Stage], data: Data, device: torch.device
    ) -> None:
        """Build the network, and give it the inference rule of the last objective."""
        self._structure = {
            name: fingerprint(getattr(self, name)) for name in self._structural
        }
        self._architecture = {name: getattr(self, name) for name in self._architectural}
        self._rule = new_rule(self, stages, data)
        self._network = self._build_network(device)

    def _train(
        self,
        stages: list[Stage],
        data: Data,
        validation: Data | Folds | None,
        *,
        monitored: Any,
        begun: float,
        processes: Processes,
    ) -> None:
        """Run the stages, then calibrate what the weights must be known for."""
        temperature = getattr(self, "temperature", 1.0)
        if temperature == "validation" and validation is None:
            temperature = temperature_without(self, len(data))
        if hasattr(self, "temperature"):
            self.temperature_ = 1.0  # in training
        predictor, training = self._predictor(), self._encoded(data)
        if isinstance(data, StoredData):
            encode = partial(self._encoded, mean_weight=data.mean_weight)
            training = StoredEncoded(**vars(training), stored=data, encode=encode)
        held_out = None
        if isinstance(validation, Folds):
            n_members = self._network.n_members
            training = replace(training, folds=validation, n_members=n_members)
            held_out = training.out_of_fold()
            network = OutOfFold(self._network, validation.n_folds)
            predictor = replace(predictor, network=network)
        elif validation is not None:
            held_out = self._encoded(validation)
        scores: Scores = (
            NoValidation(predictor, training, self.diagnostics)
            if held_out is None
            else Validation(predictor, held_out, self.diagnostics)
        )
        if processes.n > 1:
            scores = SharedScores(scores, processes, self._network)
        is_first = processes.rank == 0
        settings = self._settings(training)._replace(processes=processes)
        limit = math.inf if self.max_fit_seconds is None else self.max_fit_seconds
        share = TRAINING_SHARE if temperature == "validation" else 1.0
        settings = settings._replace(deadline=begun + share * limit)
        if self.checkpoint is not None:
            identity = fit_identity(self, training, held_out)
            checkpoint = Checkpoint(self.checkpoint, identity)
            settings = settings._replace(checkpoint=checkpoint if is_first else None)
        monitor = Monitor(
            monitored,
            len(stages),
            snapshot=self._snapshot,
            verbose=self.verbose if is_first else 0,
        )
        with monitor.fit():
            history = run_stages(
                self._network, stages, training, scores, settings, monitor
            )
            self.history_ += history
            self.n_iter_ += sum(row["epoch"] > 0 for row in history)
            if held_out is None:
                calibrate(predictor, training)
            elif not history:  # interrupted before the first epoch had ended
                calibrate(predictor, held_out)
            predictor.network.choose_line(training.inputs[:N_AT_ONCE])
            if held_out is not None and temperature == "validation":
                of_scores = (held_out.inputs, held_out.y, held_out.sample_weight)
                search = partial(fit_temperature, predictor, *of_scores, begun + limit)
                temperature = processes.of_first(search)
            if hasattr(self, "temperature"):
                self.temperature_ = float(temperature)
            if held_out is not None:
                predictor = replace(predictor, temperature=float(temperature))
                self._held_out = tuple(held_out_values(predictor, held_out))
        if settings.checkpoint and settings.checkpoint.is_done:
            settings.checkpoint.remove()

    def _settings(self, training: Encoded) -> Settings:
        """Return how every stage is trained."""
        return Settings(
            self.batch_size,
            self.weight_decay,
            self.ema_decay,
            self.scoring,
            self.n_iter_no_change if self.early_stopping else None,
        )

    def _encoded(self, data: Data, mean_weight: float | None = None) -> Encoded:
        """Return samples as the training loop reads them."""
        dtype = next(self._network.parameters()).dtype
        inputs = self._network.remember(self._encode(data.X))
        return encoded(data, inputs, self.target_scaler_, dtype, mean_weight)

    def _snapshot(self) -> dict[str, Any]:
        """Return the attributes that an estimator needs to predict."""
        learned = {k: v for k, v in vars(self).items() if is_learned(k)}
        return {**learned, "_network": working_copy(self._network).eval()}
