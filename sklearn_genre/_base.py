"""What the estimators share: validation, scaling, stages, predictions."""

import copy
import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin, _fit_context
from sklearn.utils import (
    _safe_indexing,
    check_array,
    check_consistent_length,
    check_random_state,
    column_or_1d,
    gen_batches,
)
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    validate_data,
)
from torch import Tensor, nn

from sklearn_genre._callbacks import CallbackSupportMixin, Monitor
from sklearn_genre._device import resolve_device, seeded
from sklearn_genre._diagnostics import (
    Column,
    DiagnosticsMixin,
    Part,
    averages,
    diagnostic_columns,
    string_entropy,
)
from sklearn_genre._doc_link import DocLinkMixin
from sklearn_genre._features import FeatureEncoder, categorical_columns
from sklearn_genre._targets import TargetScaler
from sklearn_genre._training import (
    VALIDATION,
    Row,
    Selection,
    Stage,
    TrainingData,
    resolve_batch_size,
    train,
)
from sklearn_genre.distributions import (
    Atoms,
    PredictiveDistribution,
    atoms_of,
    cell_edges,
    mapped_cells,
)
from sklearn_genre.encoders import ENCODERS

# Rows that pass through the network together while predicting. The shape is always the
# same, padded if need be, so that a prediction does not depend on its neighbours.
BLOCK = 64
# Rows whose distributions exist at once while predicting.
CHUNK = 16 * BLOCK
# Largest size of a target: sums of many stay finite.
LARGEST_TARGET = 1e300
# Levels at which formats of more than 4,096 strings are decoded for validation.
VALIDATION_LEVELS = 64
# Fewest training rows of which early_stopping="auto" sets a part aside.
MIN_ROWS_TO_SPLIT = 40

POINTS: dict[str, Callable[[PredictiveDistribution], NDArray[np.float64]]] = {
    "median": PredictiveDistribution.median,
    "mode": PredictiveDistribution.mode,
    "std": PredictiveDistribution.std,
}


class Rows(NamedTuple):
    """Validated rows."""

    X: Any  # float64 array, or what the user gave when there are categories
    y: NDArray[np.float64]  # (n_samples,)
    weight: NDArray[np.float64]  # (n_samples,), positive

    def take(self, index: NDArray[np.intp]) -> "Rows":
        """Return some of the rows."""
        return Rows(_safe_indexing(self.X, index), self.y[index], self.weight[index])


class BaseDistributionRegressor(
    CallbackSupportMixin,
    DiagnosticsMixin,
    DocLinkMixin,
    RegressorMixin,
    BaseEstimator,
    ABC,
):
    """A network, a short list of training stages, and what they predict.

    A subclass writes ``__init__``, :meth:`_stages` and :meth:`_new_network`. What the
    network returns, an inner distribution, answers ``atoms(n_levels)`` for predictions
    and scores, and what its objectives ask of it.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "encoder": [StrOptions(set(ENCODERS)), callable],
        "target_transform": [
            StrOptions({"standard", "quantile"}),
            HasMethods(["fit", "transform", "inverse_transform"]),
        ],
        "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
        "normal_scores": ["boolean"],
        "batch_size": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "ema_decay": [Interval(Real, 0, 1, closed="left")],
        "early_stopping": ["boolean", StrOptions({"auto"})],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), None],
        "scoring": [StrOptions({"rmse", "crps"})],
        "warm_start": ["boolean"],
        "device": [str],
        "dtype": [StrOptions({"float32", "float64"})],
        "diagnostics": ["array-like", str],  # a str is refused with advice
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    # Parameters that a warm start cannot change; those that a network is built from.
    _structural: ClassVar[tuple[str, ...]] = (
        "encoder",
        "target_transform",
        "categorical_features",
        "normal_scores",
        "dtype",
    )
    _architectural: ClassVar[tuple[str, ...]] = ("encoder", "dtype")

    encoder: Any
    target_transform: Any
    categorical_features: Any
    normal_scores: bool
    batch_size: Any
    weight_decay: float
    ema_decay: float
    early_stopping: Any
    validation_fraction: float
    n_iter_no_change: int | None
    scoring: str
    warm_start: bool
    device: str
    dtype: str
    diagnostics: Sequence[str]
    random_state: Any
    verbose: int

    @abstractmethod
    def _stages(self) -> list[Stage]:
        """Return the training stages, their objectives resolved but not checked."""

    @abstractmethod
    def _new_network(self) -> nn.Module:
        """Return a network with fresh weights, from the architecture and the scales."""

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
    ) -> Self:
        """Fit the network, stage after stage.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Training rows. NaN is allowed.
        y : array-like of shape (n_samples,)
            Targets, in any unit.
        sample_weight : array-like of shape (n_samples,), default=None
            Rows of weight zero are left out. A target transformer, and the grouping
            of rare levels, do not see the weights.
        X_val, y_val, sample_weight_val : array-like, default=None
            Validation rows. If given they are used as they are, and no part of the
            training rows is set aside.

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
        """
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val must be given together.")
        if X_val is None and sample_weight_val is not None:
            raise ValueError("sample_weight_val needs X_val and y_val.")
        again = self.warm_start and hasattr(self, "_network")
        if again:
            self._check_structure()
        else:
            self.__dict__.pop("_network", None)  # it would not fit the scales to come
        rows = self._check_rows(X, y, sample_weight, reset=not again)
        validation = None
        if X_val is not None:
            validation = self._check_rows(X_val, y_val, sample_weight_val, reset=False)
        random = check_random_state(self.random_state)
        seed = int(random.randint(np.iinfo(np.int32).max))
        device = resolve_device(self.device)
        with seeded(device, seed), torch.inference_mode(False), torch.enable_grad():
            if not again:
                self._fit_scales(rows)
            stages = self._stages()
            self._check_stages(stages)
            if again:
                stages[0] = stages[0]._replace(keep_start=True)
                self._warn_out_of_range(rows.y)
            try:
                if not again:
                    self._structure = self._describe_structure()
                    self._architecture = {
                        name: getattr(self, name) for name in self._architectural
                    }
                    self._network = self._build_network(device)
                    self.history_: list[Row] = []
                    self.n_iter_ = 0
                if validation is None and self._sets_aside(len(rows.y)):
                    rows, validation = self._split(rows, random)
                self._train(stages, rows, validation)
            except BaseException:
                if not again:
                    self.__dict__.pop("_network", None)
                raise
        return self

    def predict(
        self,
        X: Any,
        *,
        output_type: str = "mean",
        quantiles: ArrayLike | None = None,
    ) -> Any:
        """Predict from the distribution of each row.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
        output_type : str, default="mean"
            ``"mean"``, ``"median"``, ``"mode"`` (the likeliest number), ``"std"``,
            ``"quantiles"`` or ``"distribution"``; models that write digits also have
            ``"greedy"`` (the likeliest digit, one after the other).
        quantiles : array-like of shape (n_quantiles,), default=None
            Levels in (0, 1) for ``output_type="quantiles"``; by default 0.05, 0.25,
            0.5, 0.75, 0.95.

        Returns
        -------
        prediction : float64 array or PredictiveDistribution
            Shape (n_samples,), or (n_samples, n_quantiles) in the order asked.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If ``output_type`` is unknown or a level is outside (0, 1).

        Notes
        -----
        ``TransformedTargetRegressor`` maps one column back, element by element: right
        for the median and wrong for the spread. Prefer ``target_transform``, which
        keeps every output right.
        """
        check_is_fitted(self)
        points = self._points()
        allowed = [*points, "quantiles", "distribution"]
        if output_type not in allowed:
            raise ValueError(
                f"output_type must be one of {allowed} for {type(self).__name__}, got "
                f"{output_type!r}."
            )
        if quantiles is not None and output_type != "quantiles":
            raise ValueError(
                "quantiles are for output_type='quantiles', got output_type="
                f"{output_type!r}."
            )
        if output_type == "quantiles":
            default = (0.05, 0.25, 0.5, 0.75, 0.95)
            return self.predict_quantiles(
                X, default if quantiles is None else quantiles
            )
        if output_type == "distribution":
            return self.predict_distribution(X)
        return np.concatenate(self._map(X, points[output_type]))

    def predict_distribution(self, X: Any) -> PredictiveDistribution:
        """Return the whole predictive distribution of each row.

        Exact for number formats of at most 4,096 strings and for histograms; for larger
        formats made of the numbers at 256 fixed levels. Rows that together hold more
        than 33,554,432 numbers are not kept: every method computes them again, some at
        a time.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)

        Returns
        -------
        distribution : PredictiveDistribution
            In the units of the target.
        """
        check_is_fitted(self)
        X = copy.deepcopy(self._check_X(X, reset=False))
        frozen = self._frozen()

        def read(index: NDArray[np.intp]) -> PredictiveDistribution:
            encoded = frozen._encode(_safe_indexing(X, index))
            return frozen._distribution(frozen._atoms(encoded))

        return PredictiveDistribution.lazy(X.shape[0], read)

    def predict_quantiles(
        self, X: Any, quantiles: ArrayLike = (0.05, 0.25, 0.5, 0.75, 0.95)
    ) -> NDArray[np.float64]:
        """Predict quantiles at any levels; they never cross.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
        quantiles : array-like of shape (n_quantiles,)
            Levels in (0, 1).

        Returns
        -------
        quantiles : array of shape (n_samples, n_quantiles)
            In the order asked.
        """
        levels = np.atleast_1d(np.asarray(quantiles, dtype=np.float64))
        if levels.ndim != 1:
            raise ValueError(f"quantiles must be 1-dimensional, got {levels.shape}.")
        return np.concatenate(
            self._map(X, lambda Z: self._distribution(self._atoms(Z)).ppf(levels))
        )

    def predict_interval(self, X: Any, coverage: float = 0.9) -> NDArray[np.float64]:
        """Predict the central interval that should hold the target.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
        coverage : float, default=0.9
            Probability inside, in (0, 1).

        Returns
        -------
        interval : array of shape (n_samples, 2)
            Lower and upper end.
        """
        return np.concatenate(
            self._map(
                X, lambda Z: self._distribution(self._atoms(Z)).interval(coverage)
            )
        )

    def sample_y(
        self, X: Any, n_samples: int = 1, random_state: Any = 0
    ) -> NDArray[np.float64]:
        """Draw targets from the predictive distributions.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples_X, n_features)
        n_samples : int, default=1
            Draws per row.
        random_state : int, RandomState instance or None, default=0
            Source of the draws.

        Returns
        -------
        y_samples : array of shape (n_samples_X, n_samples)
        """
        random = check_random_state(random_state)
        return np.concatenate(
            self._map(
                X,
                lambda Z: self._distribution(self._atoms(Z)).sample(n_samples, random),
            )
        )

    @property
    def network_(self) -> nn.Module:
        """The fitted torch module, in evaluation mode."""
        check_is_fitted(self)
        return self._network

    # Fitting ------------------------------------------------------------------

    def _describe_structure(self) -> dict[str, str]:
        """Return the parameters that a warm start cannot change."""
        return {name: description(getattr(self, name)) for name in self._structural}

    def _check_structure(self) -> None:
        """Refuse a warm start with parameters that the fitted network lacks."""
        structure = self._describe_structure()
        changed = [
            name for name in structure if structure[name] != self._structure[name]
        ]
        if changed:
            raise ValueError(
                f"warm_start=True keeps the fitted network and scales, but {changed} "
                "changed since the last fit. Set them back, or warm_start=False to "
                "start anew."
            )

    def _check_stages(self, stages: list[Stage]) -> None:
        """Raise ``ValueError`` if an objective is unfit for what has been learned."""

    def _warn_out_of_range(self, y: NDArray[np.float64]) -> None:
        """Warn if the scales of the first fit do not reach the new targets."""

    def _check_rows(self, X: Any, y: Any, sample_weight: Any, *, reset: bool) -> Rows:
        """Validate rows; leave out those of weight zero."""
        X = self._check_X(X, reset=reset)
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is "
                "None."
            )
        y = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        y = column_or_1d(y, warn=True)
        if np.abs(y).max() > LARGEST_TARGET:
            raise ValueError(
                f"y must be at most {LARGEST_TARGET:g} in size, got "
                f"{y[np.abs(y).argmax()]:g}. Divide it by a constant."
            )
        check_consistent_length(X, y)
        weight = _check_sample_weight(
            sample_weight, X, dtype=np.float64, ensure_non_negative=True
        )
        rows = Rows(X, y, weight)
        return rows if weight.all() else rows.take(np.flatnonzero(weight))

    def _check_X(self, X: Any, *, reset: bool) -> Any:
        """Validate features: a float64 array, or the input if it has categories."""
        if reset:
            self._is_categorical = categorical_columns(X, self.categorical_features)
        if self._is_categorical.any():
            validate_data(self, X, reset=reset, skip_check_array=True)
            X = X if hasattr(X, "shape") else np.asarray(X, dtype=object)
            if X.shape[0] == 0:
                raise ValueError(
                    f"Found 0 sample(s) (shape={X.shape}), a minimum of 1 is required."
                )
            return X
        return validate_data(
            self, X, reset=reset, dtype=np.float64, ensure_all_finite="allow-nan"
        )

    def _fit_scales(self, rows: Rows) -> None:
        """Learn how features and targets are scaled, and what the head needs."""
        self.feature_encoder_ = FeatureEncoder(
            self._is_categorical, normal_scores=self.normal_scores
        )
        self.feature_encoder_.fit(rows.X, rows.weight)
        self.target_scaler_ = TargetScaler(self.target_transform)
        self.target_scaler_.fit(rows.y, rows.weight)
        self._fit_head(self.target_scaler_.transform(rows.y), rows.weight)

    def _fit_head(self, z: NDArray[np.float64], weight: NDArray[np.float64]) -> None:
        """Learn from the scaled targets what the head of the network needs."""

    def _build_network(self, device: torch.device) -> Any:
        """Return a network with fresh weights on a device, in its dtype."""
        dtype = getattr(torch, self._architecture["dtype"])
        return self._new_network().to(device=device, dtype=dtype)

    def _sets_aside(self, n_samples: int) -> bool:
        """Return whether some of the training rows are set aside for validation."""
        if self.early_stopping == "auto":
            return n_samples >= MIN_ROWS_TO_SPLIT
        return bool(self.early_stopping) and n_samples > 1

    def _split(self, rows: Rows, random: Any) -> tuple[Rows, Rows]:
        """Return training and validation rows."""
        n_samples = len(rows.y)
        n_validation = math.ceil(self.validation_fraction * n_samples)
        n_validation = min(n_validation, n_samples - 1)
        order = random.permutation(n_samples)
        return rows.take(order[n_validation:]), rows.take(order[:n_validation])

    def _train(self, stages: list[Stage], rows: Rows, validation: Rows | None) -> None:
        """Run the stages and keep their histories."""
        columns = [*VALIDATION, *diagnostic_columns(self.diagnostics)]
        data = TrainingData(
            self._encode(rows.X),
            self._tensor(self.target_scaler_.transform(rows.y), torch.float64),
            self._tensor(rows.weight / rows.weight.mean()),
        )
        validate = None
        if validation is not None:
            encoded = self._encode(validation.X)
            z = self.target_scaler_.transform(validation.y)
            validate = partial(
                self._scores, encoded, z, validation.y, validation.weight
            )
        monitor = Monitor(
            self, len(stages), snapshot=self._snapshot, verbose=self.verbose
        )
        with monitor.fit():
            for stage in stages:
                selection = Selection(
                    self._network,
                    stage,
                    validate=validate,
                    scoring=f"validation_{self.scoring}",
                    patience=self.n_iter_no_change if self.early_stopping else None,
                    monitor=monitor.epoch,
                    columns=columns,
                )
                self._begin_stage(stage)
                with monitor.stage(stage.name, stage.max_epochs):
                    go_on = train(
                        self._network,
                        stage,
                        data,
                        selection,
                        batch_size=resolve_batch_size(self.batch_size, len(rows.y)),
                        weight_decay=self.weight_decay,
                        ema_decay=self.ema_decay,
                    )
                self.history_ += selection.rows
                self.n_iter_ += sum(row["epoch"] > 0 for row in selection.rows)
                if not (go_on and monitor.go_on):
                    break
            self._network.eval()
            self._after_training(rows, validation)

    def _begin_stage(self, stage: Stage) -> None:
        """Make the network ready for a stage."""

    def _after_training(self, rows: Rows, validation: Rows | None) -> None:
        """Fit what the weights must be known for."""

    def _scores(
        self,
        encoded: Tensor,
        z: NDArray[np.float64],
        y: NDArray[np.float64],
        weight: NDArray[np.float64],
    ) -> Row:
        """Return the exact scores and diagnostics of the network as it is."""
        self._network.eval()
        unit = self.target_scaler_.unit_  # squares of large targets would overflow

        def error(part: Part) -> NDArray[np.float64]:
            return ((self._mean(encoded[part.rows], part.dist) - part.y) / unit) ** 2

        def crps(part: Part) -> NDArray[np.float64]:
            return part.dist.crps(part.y)

        def reward(part: Part) -> NDArray[np.float64]:
            bias = part.atoms.mean.numpy() - z[part.rows]
            return -(bias**2 + part.atoms.variance.numpy())

        scores = [
            Column(error, is_square=True),
            Column(crps),
            Column(reward),
            Column(string_entropy),
        ]
        columns = {
            **dict(zip(VALIDATION, scores, strict=True)),
            **diagnostic_columns(self.diagnostics),
        }
        parts = self._parts(encoded, y, VALIDATION_LEVELS)
        return averages(columns, parts, weight, unit)

    def _snapshot(self) -> dict[str, Any]:
        """Return the attributes that an estimator needs to predict."""
        return {
            **{k: v for k, v in vars(self).items() if k.endswith("_") and k[0] != "_"},
            "_is_categorical": self._is_categorical,
            "_architecture": self._architecture,
            "_structure": self._structure,
            "_network": copy.deepcopy(self._network).eval(),
        }

    def _frozen(self) -> Self:
        """Return the estimator as it is now, which a later fit does not change."""
        frozen = object.__new__(type(self))
        frozen.__dict__.update(vars(self))
        frozen._network = copy.deepcopy(self._network)
        return frozen

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether there is a trained network."""
        return hasattr(self, "_network")

    # Predicting ---------------------------------------------------------------

    def _map(self, X: Any, function: Callable[[Tensor], Any]) -> list[Any]:
        """Apply a function to the encoded rows, some at a time."""
        check_is_fitted(self)
        X = self._check_X(X, reset=False)
        n_samples = X.shape[0]
        return [
            function(self._encode(_safe_indexing(X, part)))
            for part in gen_batches(n_samples, CHUNK)
        ]

    def _encode(self, X: Any) -> Tensor:
        """Return validated features as the network reads them, on its device."""
        return self._tensor(self.feature_encoder_.transform(X))

    def _tensor(
        self, values: NDArray[np.float64], dtype: torch.dtype | None = None
    ) -> Tensor:
        """Return an array as a tensor on the device, by default in its dtype."""
        like = next(self._network.parameters())
        return torch.tensor(values, dtype=dtype or like.dtype, device=like.device)

    def _blocks(self, encoded: Tensor) -> Iterator[tuple[Any, int]]:
        """Yield the distributions of a block of rows, and how many rows are real."""
        for block in encoded.split(BLOCK):
            padded = block.new_zeros(BLOCK, block.shape[1])
            padded[: len(block)] = block
            yield self._network(padded), len(block)

    @torch.inference_mode()
    def _atoms(self, encoded: Tensor, n_levels: int | None = None) -> Atoms:
        """Return numbers and probabilities of encoded rows, on the CPU."""
        return atoms_of(self._blocks(encoded), n_levels)

    def _parts(
        self, encoded: Tensor, y: NDArray[np.float64], n_levels: int | None = None
    ) -> Iterator[Part]:
        """Yield the predictions of encoded rows with known targets, some at a time."""
        for rows in gen_batches(len(y), CHUNK):
            atoms = self._atoms(encoded[rows], n_levels)
            if not atoms.probs.isfinite().all():
                raise FloatingPointError("a predicted probability is not finite")
            dist = self._distribution(atoms)
            yield Part(rows, atoms, dist, y[rows], self.target_scaler_.unit_)

    def _points(self) -> dict[str, Callable[[Tensor], NDArray[np.float64]]]:
        """Return what ``predict`` can compute from encoded rows, one number each."""

        def reader(read: Callable[[PredictiveDistribution], Any]) -> Callable[..., Any]:
            return lambda encoded: read(self._distribution(self._atoms(encoded)))

        points = {name: reader(read) for name, read in POINTS.items()}
        return {"mean": self._mean, **points}

    def _mean(
        self, encoded: Tensor, dist: PredictiveDistribution | None = None
    ) -> NDArray[np.float64]:
        """Return the mean of encoded rows, in the units of y; it is also what selects.

        Their distribution is an argument where the caller has it already.
        """
        if dist is None:
            dist = self._distribution(self._atoms(encoded))
        return dist.mean()

    def _distribution(self, atoms: Atoms) -> PredictiveDistribution:
        """Return the distribution of atoms, in the units of y."""
        values = atoms.values.numpy()
        edges = self._cell_edges(values)
        to_y = self.target_scaler_.inverse_transform
        step = 1 if self.target_scaler_.increasing_ else -1
        values, probs, edges = mapped_cells(
            to_y(values)[..., ::step],
            atoms.probs.numpy()[:, ::step],
            to_y(edges)[..., ::step],
        )
        return PredictiveDistribution(
            values, probs, edges=edges, clipped=atoms.clipped.numpy()
        )

    def _cell_edges(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the edges of the cells of scaled numbers."""
        return cell_edges(values)

    # State --------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        """Return a state of arrays and plain parameters, without torch objects."""
        state = dict(super().__getstate__())
        if (network := state.pop("_network", None)) is not None:
            state["_weights"] = {
                name: value.cpu().numpy()
                for name, value in network.state_dict().items()
            }
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Rebuild the network, on a CPU if its device is not here."""
        state = dict(state)
        weights = state.pop("_weights", None)
        super().__setstate__(state)
        if weights is not None:
            try:
                device = resolve_device(self.device)
            except ValueError as error:
                warnings.warn(f"{error} The model was loaded on the CPU.", stacklevel=2)
                device = torch.device("cpu")
            with seeded(device, 0):
                self._network = self._build_network(device)
            self._network.load_state_dict(
                {name: torch.tensor(value) for name, value in weights.items()}
            )
            self._network.eval()

    def __sklearn_tags__(self) -> Any:
        """Declare that missing values are fine."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def description(value: Any) -> str:
    """Return what a parameter is, the same for equal ones in any process.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_genre._base import description
    >>> description(np.arange(3)) == description([0.0, 1.0, 2.0])
    True
    >>> description(partial(np.interp, xp=[0, 1]))
    'partial(numpy.interp, xp=[0.0, 1.0])'
    """
    if isinstance(value, partial):
        options = [description(argument) for argument in value.args]
        options += [f"{name}={description(v)}" for name, v in value.keywords.items()]
        return f"partial({', '.join([description(value.func), *options])})"
    if isinstance(value, BaseEstimator):
        options = [f"{k}={description(v)}" for k, v in value.get_params(False).items()]
        return f"{description(type(value))}({', '.join(options)})"
    if hasattr(value, "__array__"):
        return description(np.asarray(value).tolist())
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(description, value))}]"
    if isinstance(value, Real) and not isinstance(value, bool):
        return repr(float(value))
    if hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    return repr(value)
