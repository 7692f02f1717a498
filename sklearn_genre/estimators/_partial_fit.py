"""Estimators of tables that learn from a stream."""

from __future__ import annotations

import time
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from sklearn_genre._device import fitting, resolve_device
from sklearn_genre._sklearn import _fit_context
from sklearn_genre.estimators._base import BaseDistributionRegressor
from sklearn_genre.estimators._checks import checked_data
from sklearn_genre.estimators._state import check_rule
from sklearn_genre.inputs import Data
from sklearn_genre.networks import N_AT_ONCE
from sklearn_genre.training import (
    NoValidation,
    Stage,
    calibrate,
    train_on,
    working_copy,
)


class PartialFitMixin(BaseDistributionRegressor):
    """Adds ``partial_fit``: one pass over each part of a stream."""

    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Train for one pass over some samples of a stream.

        The first call of an estimator that is not fitted learns, from its samples, the
        scales, the levels of categories and the range of the numbers, and builds the
        network; later calls keep them. After ``fit`` it goes on from the fitted
        network, with its scales: fit a sample of the stream first if a part of it is
        too small to learn scales from.

        Each call is one epoch of the first stage, in batches of `batch_size`, at the
        learning rate of that stage after its warm-up; there is no decay, validation or
        fine-tuning. The optimizer and the average of the weights go on from call to
        call, through ``pickle`` too. ``fit`` with ``warm_start=True`` fine-tunes what a
        stream has taught.

        An exception leaves the estimator as it was before.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Samples. NaN is allowed, but a column without NaN in the first call has no
            indicator of missing values.
        y : array-like of shape (n_samples,)
            Targets. Those beyond the range of the first call are trained as its ends.
        sample_weight : array-like of shape (n_samples,), default=None
            Samples of weight zero are left out. Only the weights within a call are
            compared.

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError
            If the input is not valid, a parameter is out of range, or a loss is not
            finite.

        Examples
        --------
        >>> from sklearn.datasets import make_regression
        >>> from sklearn_genre import DecodingRegressor
        >>> X, y = make_regression(600, 3, random_state=0)
        >>> model = DecodingRegressor(random_state=0)
        >>> for start in range(0, 600, 200):
        ...     part = slice(start, start + 200)
        ...     model = model.partial_fit(X[part], y[part])
        >>> model.predict(X[:2]).shape
        (2,)
        """
        begun = time.perf_counter()
        if self.distributed:
            raise ValueError(
                "partial_fit trains in one process: set distributed=False, or call fit."
            )
        goes_on = hasattr(self, "_network")
        if goes_on:  # which scikit-learn leaves out
            self._validate_params()
        stream = getattr(self, "_stream", None)
        draft = self._draft(goes_on)
        data = checked_data(draft, X, y, sample_weight, reset=not goes_on)
        if goes_on:
            device = next(self._network.parameters()).device
        else:
            device = resolve_device(self.device)
        random = check_random_state(self.random_state)
        seed = int(random.randint(np.iinfo(np.int32).max))
        with fitting(seed, device):
            if goes_on:
                draft._network = working_copy(self._network)
                draft.target_scaler_.check_inside(data.y, "y")
                draft._check_warm_start(data)
            else:
                draft._learn_scales(data)
            stages = draft._stages()
            if goes_on:
                check_rule(draft, stages, data)
            else:
                draft._start_network(stages, data, device)
            draft._take_temperature()
            # from now on all members see all samples, and none is left out
            draft._folds = draft._left_out = None
            stage = draft._stream_stage([each for each in stages if each.max_epochs])
            try:
                draft._train_on(stage, data, stream, begun=begun)
            except FloatingPointError as error:
                raise ValueError(
                    f"The loss of partial_fit was not finite ({error}); the model is "
                    "as it was. Lower the learning rate, or check the features and "
                    "targets for outliers."
                ) from error
        self.__dict__ = {**vars(draft)}  # at once, and whole
        return self

    def _take_temperature(self) -> None:
        """Set the temperature that the user gave, or keep the one that was found."""
        temperature = getattr(self, "temperature", None)
        if isinstance(temperature, str):
            if not hasattr(self, "temperature_"):
                raise ValueError(
                    f"temperature={temperature!r} needs a validation set, and "
                    "partial_fit has none. Give a number, or call fit first."
                )
        elif temperature is not None:
            self.temperature_ = float(temperature)

    def _stream_stage(self, stages: list[Stage]) -> Stage:
        """Return the stage of the objective that a stream is trained by."""
        return stages[0]

    def _train_on(
        self,
        stage: Stage,
        data: Data,
        stream: dict[str, Any] | None,
        *,
        begun: float,
    ) -> None:
        """Train for one pass, and add a row to the history."""
        network, training = self._network, self._encoded(data)
        row, self._stream = train_on(
            network, stage, training, self._settings(training), stream
        )
        predictor = self._predictor()
        network.choose_line(training.inputs[:N_AT_ONCE])
        calibrate(predictor, training)
        scores = NoValidation(predictor, training, self.diagnostics)()
        seconds = time.perf_counter() - begun
        self.history_.append(
            {"stage": "stream", **row, **scores, "seconds": seconds, "selected": True}
        )
        self.n_iter_ += 1
