"""What users call of a fitted estimator, and how it is stored."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import gen_batches
from sklearn.utils.validation import check_is_fitted

from sklearn_genre._checks import as_probabilities, check_generator
from sklearn_genre._device import drawing, own_defaults, redirected, resolve_device
from sklearn_genre._doc_link import page_of
from sklearn_genre._warn import warn
from sklearn_genre.distributions import PredictiveDistribution
from sklearn_genre.estimators._checks import (
    check_output,
    checked_data,
    checked_features,
)
from sklearn_genre.estimators._overloads import overloaded
from sklearn_genre.estimators._reads import (
    LEVELS,
    READ,
    Array,
    Read,
    in_parts,
    interval_by,
    of_distribution,
)
from sklearn_genre.estimators._state import arrays_of, load_arrays
from sklearn_genre.estimators._stored import rows_to_predict, source_to_predict
from sklearn_genre.inputs import FeatureEncoder, Inputs, rows_of_block
from sklearn_genre.networks import N_AT_ONCE, Network, Predictor
from sklearn_genre.outputs import Grid
from sklearn_genre.targets import TargetScaler
from sklearn_genre.training import DIAGNOSTICS, averages, diagnostic_columns, predicted


class PredictingRegressor(RegressorMixin, BaseEstimator, ABC):
    """What a fitted network predicts, in the units of y.

    Every prediction takes one way: check the samples, encode their columns, ask the
    network for distributions, map those to the units of y.
    """

    _architectural: ClassVar[tuple[str, ...]] = ("encoder", "dtype")
    _read: ClassVar[dict[str, Read]] = READ
    # Whether samples may come from files, and large tables are not copied.
    _reads_blocks: ClassVar[bool] = True

    feature_encoder_: FeatureEncoder
    target_scaler_: TargetScaler
    _network: Network
    _architecture: dict[str, Any]
    _rule: dict[str, Any] | None

    @abstractmethod
    def _new_network(self) -> Network:
        """Return a network with fresh weights, from `_architecture` and the scales."""

    @overloaded
    def predict(
        self,
        X: Any,
        *,
        output_type: str = "mean",
        quantiles: ArrayLike | None = None,
        return_std: bool = False,
    ) -> Any:
        """Predict from the distribution of each sample.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
        output_type : str, default="mean"
            ``"mean"``, ``"median"``, ``"mode"`` (the likeliest number), ``"std"``,
            ``"quantiles"`` or ``"distribution"``; models that write digits also have
            ``"greedy"`` (the likeliest digit, one after the other).
        quantiles : array-like of shape (n_quantiles,), default=None
            Levels in [0, 1] for ``output_type="quantiles"``; by default 0.05, 0.25,
            0.5, 0.75, 0.95.
        return_std : bool, default=False
            Whether to return the pair (mean, std), as Gaussian processes do.

        Returns
        -------
        prediction : float64 array, PredictiveDistribution or pair of arrays
            Shape (n_samples,), or (n_samples, n_quantiles) in the order asked.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If ``output_type`` is unknown or a level is outside [0, 1].

        Notes
        -----
        ``TransformedTargetRegressor`` maps one column back, element by element: right
        for the median and wrong for the spread. Prefer ``target_transform``, which
        keeps every output right.
        """
        check_is_fitted(self)
        if output_type != "mean" or quantiles is not None or return_std:
            check_output(self, self._read, output_type, quantiles, return_std)
        if return_std:
            mean, std = self._read["mean"], self._read["std"]
            both = self._map(X, lambda *asked: (mean(*asked), std(*asked)))
            return tuple(map(np.concatenate, zip(*both, strict=True)))
        if output_type == "quantiles":
            return self.predict_quantiles(X, LEVELS if quantiles is None else quantiles)
        if output_type == "distribution":
            return self.predict_distribution(X)
        return np.concatenate(self._map(X, self._read[output_type]))

    def predict_distribution(self, X: Any) -> PredictiveDistribution:
        """Return the whole predictive distribution of each sample.

        Exact for number formats of at most 4,096 token sequences and for histograms;
        for larger formats made of the numbers at 256 fixed levels. Distributions that
        together hold more than 33,554,432 numbers are not kept: every method computes
        them again, some at a time.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)

        Returns
        -------
        distribution : PredictiveDistribution
            In the units of the target.
        """
        check_is_fitted(self)
        fitted = self._view()
        n_samples, rows = rows_to_predict(fitted, X)
        predictor = fitted._predictor(n_samples)

        def look_up(index: NDArray[np.intp]) -> PredictiveDistribution:
            parts = in_parts(fitted, predictor, rows(index), Predictor.distribution)
            return PredictiveDistribution.concatenate(parts)

        return PredictiveDistribution.lazy(n_samples, look_up)

    def predict_quantiles(self, X: Any, quantiles: ArrayLike = LEVELS) -> Array:
        """Predict quantiles at any levels; they never cross.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
        quantiles : array-like of shape (n_quantiles,), default=(.05, .25, .5, .75, .95)
            Levels in [0, 1], for all samples.

        Returns
        -------
        quantiles : array of shape (n_samples, n_quantiles)
            In the order asked.
        """
        check_is_fitted(self)
        levels = np.atleast_1d(as_probabilities(quantiles, "quantiles"))
        if levels.ndim != 1:
            raise ValueError(f"quantiles must be 1-dimensional, got {levels.shape}.")
        read = of_distribution(PredictiveDistribution.ppf, levels[None])
        return np.concatenate(self._map(X, read))

    def predict_interval(
        self, X: Any, coverage: float = 0.9, *, method: str = "distribution"
    ) -> Array:
        """Predict the central interval that should hold the target.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
        coverage : float, default=0.9
            Probability inside, in [0, 1].
        method : {"distribution", "conformal"}, default="distribution"
            Quantiles of the distribution, or those between which the targets of
            held-out samples (4,096 at most) lay, with folds by CV+. The guide says what
            is guaranteed. With under ``2 / (1 - coverage) - 1`` an end is infinite.

        Returns
        -------
        interval : array of shape (n_samples, 2)
            Lower and upper end.

        Raises
        ------
        ValueError
            If ``method="conformal"`` and no samples were held out, or a former fit has
            trained on them.
        """
        level = as_probabilities(coverage, "coverage")
        if level.ndim:
            raise ValueError(f"coverage must be one number, got shape {level.shape}.")
        check_is_fitted(self)
        read = interval_by(method, float(level), getattr(self, "_held_out", None))
        return np.concatenate(self._map(X, read))

    def sample_y(self, X: Any, n_samples: int = 1, random_state: Any = 0) -> Array:
        """Draw targets from the predictive distributions.

        The draws are those of ``predict_distribution(X).sample``.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples_X, n_features)
        n_samples : int, default=1
            Draws for each sample of X.
        random_state : int, RandomState instance or None, default=0
            Source of the draws.

        Returns
        -------
        y_samples : array of shape (n_samples_X, n_samples)
        """
        random = check_generator(random_state)
        return self.predict_distribution(X).sample(n_samples, random)

    def diagnose(
        self,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        diagnostics: Sequence[str] | None = None,
    ) -> dict[str, float]:
        """Diagnose the predictive distributions of samples whose target is known.

        The same numbers as the columns that the parameter `diagnostics` adds to
        `history_`, for any samples, from the distributions as they are predicted. They
        are exact for the formats and histograms of which `predict_distribution` is
        exact; larger formats are decoded at 256 fixed levels, in `history_` at 64. Of a
        ``RAFTRegressor`` they are those of the digits, whose mean need not be
        ``predict(X)``. `history_` is at temperature 1.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples; None weighs them alike.
        diagnostics : sequence of str, default=None
            Names among those below; None means all.

        Returns
        -------
        numbers : dict of str to float
            A weighted mean over the samples for each column.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If a name is unknown, or `X`, `y` or the weights are not valid.

        Notes
        -----
        ``"digit_entropy"``
            Mean entropy of the next digit along sequences drawn from the model, in
            nats: the entropy of the sequence over its length. A bin counts as one
            digit, and so does a normal distribution, whose entropy is differential, on
            the scale of the network.
        ``"string_entropy"``
            Entropy of the whole sequence, the bin or the normal distribution.
        ``"wasserstein1"``
            Expected absolute error of a sampled number: the Wasserstein-1 distance from
            the distribution to the target, in units of y.
        ``"outlier_rate"``
            Mass on numbers that the format can write but that are clipped to the
            training range plus a tenth on each side; zero for bounded formats.
        ``"best_at_k"``, ``"mean_at_k"``, ``"median_at_k"``
            Columns ``best_at_1`` to ``best_at_128`` by powers of two, and so on: root
            mean squared error, in units of y, of the best, the mean and the median of k
            sampled numbers. The expectation over the samples is exact.

        Examples
        --------
        >>> from sklearn.datasets import make_regression
        >>> from sklearn_genre import DecodingRegressor
        >>> X, y = make_regression(200, 3, noise=10.0, random_state=0)
        >>> model = DecodingRegressor(pretraining_epochs=5, fine_tuning=None)
        >>> numbers = model.fit(X, y).diagnose(X, y, diagnostics=["mean_at_k"])
        >>> list(numbers)[:3]
        ['mean_at_1', 'mean_at_2', 'mean_at_4']
        """
        check_is_fitted(self)
        columns = diagnostic_columns(
            DIAGNOSTICS if diagnostics is None else diagnostics
        )
        fitted = self._view()
        data = checked_data(fitted, X, y, sample_weight, reset=False)
        predictor = fitted._predictor()
        with fitted._own_defaults():
            predictions = predicted(predictor, fitted._encode(data.X), data.y)
            return averages(columns, predictions, data.weight, predictor.scaler.unit_)

    @property
    def network_(self) -> Network:
        """The fitted torch module, in evaluation mode."""
        check_is_fitted(self)
        return self._network

    # What every prediction passes through

    def _view(self) -> Self:
        """Return the estimator as it is now, whatever a fit in another thread does."""
        view = object.__new__(type(self))
        view.__dict__ = dict(vars(self))
        return view

    def _map(self, X: Any, function: Read) -> list[Any]:
        """Apply a function of a predictor and inputs to samples, some at a time."""
        check_is_fitted(self)
        fitted = self._view()
        is_array = type(X) is np.ndarray
        source = None if is_array else source_to_predict(fitted, X)
        if source is not None:
            places = gen_batches(len(source), rows_of_block(self.n_features_in_))
            return [p for some in places for p in fitted._map(source[some], function)]
        X = fitted._check_features(X, reset=False)
        predictor = fitted._predictor(X.shape[0])
        if X.shape[0] > N_AT_ONCE:
            return in_parts(fitted, predictor, X, function)
        with fitted._own_defaults():
            return [function(predictor, fitted._encode(X))]

    def _predictor(self, n_samples: int | None = None) -> Predictor:
        """Return the way from inputs to the units of y, for a table of some size."""
        temperature = getattr(self, "temperature_", 1.0)
        return Predictor(self._network, self.target_scaler_, temperature, n_samples)

    def _own_defaults(self) -> AbstractContextManager[None]:
        """Do without what the process has set for tensors, as in a fit."""
        return own_defaults(next(self._network.parameters()).device)

    def _encode(self, X: Any) -> Inputs:
        """Return checked features as the network reads them, on its device."""
        like = next(self._network.parameters())
        return self.feature_encoder_.encode(X, like.dtype, like.device)

    def _check_features(self, X: Any, *, reset: bool) -> Any:
        """Return checked samples; take note of their columns, or compare them."""
        return checked_features(self, X, reset=reset)

    # State ----------------------------------------------------------------------

    def _build_network(self, device: torch.device) -> Network:
        """Return a network with fresh weights, on a device, in its dtype."""
        dtype = getattr(torch, self._architecture.get("dtype", "float32"))
        with redirected(), own_defaults(device):
            network = self._new_network().to(device=device, dtype=dtype)
            if self._rule is not None:  # it stays float64
                network.rule = Grid(**self._rule).to(device)
        return network

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether there is a trained network."""
        return hasattr(self, "_network")

    def __getstate__(self) -> dict[str, Any]:
        """Return a state of arrays and plain parameters, without torch objects."""
        state = dict(super().__getstate__())
        if (network := state.pop("_network", None)) is not None:
            state["_weights"] = arrays_of(network)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Rebuild the network, on a CPU if its device is not here."""
        state = dict(state)
        weights = state.pop("_weights", None)
        super().__setstate__(state)
        if weights is None:
            return
        try:
            device = resolve_device(self.device)
        except ValueError as error:
            warn(f"{error} The model was loaded on the CPU.")
            device = torch.device("cpu")
        with drawing(0, device):
            network = self._build_network(device)
        load_arrays(network, weights)
        self._network = network.eval()

    def __sklearn_tags__(self) -> Any:
        """Declare that missing values and categories are fine."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        return tags

    def _get_doc_link(self) -> str:
        """Return the address of the page of the documentation, or nothing."""
        return page_of(self)
