"""Comparison methods: a scalar and a histogram on the same features and engine."""

import math
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from sklearn_genre._base import (
    BaseDistributionRegressor,
    Interval,
    Rows,
    StrOptions,
)
from sklearn_genre._objective import Objective
from sklearn_genre._registry import factory
from sklearn_genre._training import Row, Stage
from sklearn_genre.distributions import bins_around
from sklearn_genre.encoders import ENCODERS
from sklearn_genre.losses import HISTOGRAM_LOSSES, SquaredError
from sklearn_genre.networks import (
    HistogramNetwork,
    OneHot,
    PointNetwork,
    encoding_modules,
)

# Smallest standard deviation of a normal law, as a share of that of the targets.
MIN_SCALE = 1e-9

Array = NDArray[np.float64]

# Constraints of the parameters that both have.
COMMON: dict[str, list[Any]] = {
    **BaseDistributionRegressor._parameter_constraints,
    "max_epochs": [Interval(Integral, 1, None, closed="left")],
    "learning_rate": [Interval(Real, 0, None, closed="neither")],
}


class PointwiseRegressor(BaseDistributionRegressor):
    r"""Regression by squared error, with one normal law around every prediction.

    The conventional head: a network encodes a row as :class:`DecodingRegressor` does,
    and one linear layer returns one number. It minimises the squared error of the
    scaled target.

    The predictive distribution is normal, with the prediction as its mean and for all
    rows the same standard deviation: the root mean square of the residuals on the
    validation part, or on the training part if there is none, where it is too small
    once the network overfits. So intervals have the same width everywhere (on the
    scale of the network): right where the noise is normal and the same for all rows,
    and only there. The law is held as 257 cells over eight deviations on both sides;
    ``cdf`` is right to 1e-3, and ``logpdf`` is that of the mean density of a cell.

    Parameters
    ----------
    encoder : {"mlp"} or callable, default="mlp"
        ``encoder(n_features)`` returns a torch module from (batch, n_features) to
        (batch, ``width``). Options go in by ``functools.partial(MLPEncoder, ...)``.
    target_transform : {"standard", "quantile"} or transformer, default="standard"
        What is done to the target before it is standardised. ``"quantile"`` maps it to
        a normal law, for heavy tails. Any monotone transformer with
        ``inverse_transform`` will do. Distributions stay in the units of the target.
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Boolean mask, indices or names of the category columns. ``"from_dtype"`` takes
        the string, categorical and enum columns of a data frame.
    max_epochs : int, default=100
        Passes over the training rows, at most.
    learning_rate : float, default=1.5e-3
        Peak learning rate of AdamW, after a short warm-up and before a cosine decay to
        a tenth.
    batch_size : int or "auto", default="auto"
        Rows per step. ``"auto"`` is a power of two from 32 to 256 that grows with the
        number of rows.
    weight_decay : float, default=0.01
        Decoupled weight decay of AdamW.
    early_stopping : bool or "auto", default="auto"
        Whether to set a part of the training rows aside, unless ``fit`` is given one,
        and to stop after `n_iter_no_change` epochs without improvement. ``"auto"``
        does so from 40 rows on. Without a validation part the last state is kept.
    validation_fraction : float, default=0.1
        Share of the training rows that is set aside.
    n_iter_no_change : int or None, default=30
        Patience in epochs; None never stops early.
    scoring : {"rmse", "crps"}, default="rmse"
        Validation score that selects the state: error of the mean, or of the whole
        distribution, both in units of the target.
    warm_start : bool, default=False
        Whether ``fit`` continues from the last fit's weights, on its scales.
    device : str, default="auto"
        ``"auto"`` (CUDA if there is one), ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
    dtype : {"float32", "float64"}, default="float32"
        Precision of the network. Targets and probabilities are always float64.
    random_state : int, RandomState instance or None, default=None
        Seed of weights, batches and split. The same seed gives the same bits on the
        same machine; no global generator is touched.
    verbose : int, default=0
        Above zero, a progress bar on standard error if that is a terminal.

    Attributes
    ----------
    residual_scale_ : float
        Standard deviation of the predictive distribution on the scale of the network:
        a share of the spread of the targets for ``target_transform="standard"``.
    target_scaler_ : TargetScaler
        Targets to the scale of the network and back.
    feature_encoder_ : FeatureEncoder
        Columns to the array the network reads.
    history_ : list of dict
        A row per epoch: stage, epoch, train_loss, validation_rmse, validation_crps,
        reward and entropy (of a sampled number on the validation part: minus its
        expected squared error, scaled, and the nats of its law), seconds, selected.
    n_iter_ : int
        Epochs run.
    network_ : torch.nn.Module
        The fitted network.
    n_features_in_ : int
        Number of features seen by ``fit``.
    feature_names_in_ : array of shape (n_features_in_,)
        Names of the features, if they all are strings.

    Examples
    --------
    >>> from sklearn.datasets import make_regression
    >>> from sklearn_genre import PointwiseRegressor
    >>> X, y = make_regression(300, 5, noise=10.0, random_state=0)
    >>> model = PointwiseRegressor(random_state=0).fit(X, y)
    >>> model.predict(X[:2]).shape
    (2,)
    >>> model.predict_interval(X[:2], coverage=0.8).shape
    (2, 2)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = COMMON

    def __init__(
        self,
        encoder: Any = "mlp",
        *,
        target_transform: Any = "standard",
        categorical_features: Any = "from_dtype",
        max_epochs: int = 100,
        learning_rate: float = 1.5e-3,
        batch_size: Any = "auto",
        weight_decay: float = 0.01,
        early_stopping: Any = "auto",
        validation_fraction: float = 0.1,
        n_iter_no_change: int | None = 30,
        scoring: str = "rmse",
        warm_start: bool = False,
        device: str = "auto",
        dtype: str = "float32",
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.encoder = encoder
        self.target_transform = target_transform
        self.categorical_features = categorical_features
        self.max_epochs = max_epochs
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.weight_decay = weight_decay
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.scoring = scoring
        self.warm_start = warm_start
        self.device = device
        self.dtype = dtype
        self.random_state = random_state
        self.verbose = verbose

    @property
    def residual_scale_(self) -> float:
        """Standard deviation of the predictive distribution, scaled."""
        check_is_fitted(self)
        return float(self._network.residual_scale)

    def _stages(self) -> list[Stage]:
        """Return the only stage."""
        return _one_stage(SquaredError(), self.max_epochs, self.learning_rate)

    def _new_network(self) -> PointNetwork:
        """Return encoder and scalar head with fresh weights."""
        return PointNetwork(*_encoding_modules(self))

    def _train(self, stages: list[Stage], rows: Rows, validation: Rows | None) -> None:
        """Run the stages; without a validation part, measure the training residuals."""
        super()._train(stages, rows, validation)
        if validation is None:
            z = self.target_scaler_.transform(rows.y)
            self._measure_residuals(self._encode(rows.X), z, rows.weight)

    def _scores(self, encoded: Tensor, z: Array, y: Array, weight: Array) -> Row:
        """Measure the residuals and return the scores, both on validation rows."""
        self._network.eval()
        self._measure_residuals(encoded, z, weight)
        return super()._scores(encoded, z, y, weight)

    @torch.no_grad()
    def _measure_residuals(self, encoded: Tensor, z: Array, weight: Array) -> None:
        """Let the network hold the root mean square of its residuals."""
        means = [dist.expectation()[:n].cpu() for dist, n in self._blocks(encoded)]
        square = (torch.cat(means).numpy() - z) ** 2
        scale = math.sqrt(np.average(square, weights=weight))
        if not math.isfinite(scale):
            raise FloatingPointError("a residual is not finite: lower learning_rate")
        self._network.residual_scale.fill_(max(scale, MIN_SCALE))


class RiemannRegressor(BaseDistributionRegressor):
    r"""Regression by a histogram: a softmax over bins of the target.

    The head of prior-fitted networks [1]_ and of distributional regression [2]_: a
    network encodes a row as :class:`DecodingRegressor` does, and one linear layer
    returns one logit per bin.

    All but two bins are the Voronoi cells of points of the training target, quantiles
    or an even grid; tied quantiles are merged, so that there may be fewer bins. The
    two outer bins are half-normal tails, half of whose mass lies within the width of
    the neighbouring bin, so that every number has a density. With :math:`w_k` the width
    and :math:`p_k` the mass of the bin of y, the density is :math:`p_k / w_k`, and in a
    tail :math:`p_k` times that of the half-normal law.

    The mean is the sum of masses times numbers: the point that a bin is built around,
    and in a tail its mean, 1.183 widths from its border. So values that recur are
    predicted as they are; their cells reach halfway to the next, which quantiles show
    on targets of few distinct values. The predictive distribution holds the bins as
    they are and each tail as 64 cells over eight deviations; there ``cdf``, ``ppf``
    and ``crps`` are right to 1e-3 of its mass and deviation, and ``logpdf`` is that of
    the mean density of a cell, and minus infinity beyond.

    Parameters
    ----------
    n_bins : int, default=256
        Bins, the two tails included; at least three. Take fewer, such as 32, below
        some thousand rows: the logits are free and overfit bins of few rows.
    edges : {"quantile", "uniform"}, default="quantile"
        Where the points of the bins lie: at training quantiles from the smallest to the
        largest target, so that bins hold alike many rows, or in even steps between the
        two, which suits targets without long tails.
    loss : {"nll", "hl_gauss", "crps"}, default="nll"
        Negative log-density; cross-entropy to a normal law of three quarters of a bin
        around the target [2]_, by which neighbouring bins learn from each other; or the
        exact continuous ranked probability score.
    encoder : {"mlp"} or callable, default="mlp"
        ``encoder(n_features)`` returns a torch module from (batch, n_features) to
        (batch, ``width``). Options go in by ``functools.partial(MLPEncoder, ...)``.
    target_transform : {"standard", "quantile"} or transformer, default="standard"
        What is done to the target before it is standardised. ``"quantile"`` maps it to
        a normal law, for heavy tails. Any monotone transformer with
        ``inverse_transform`` will do. Distributions stay in the units of the target.
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Boolean mask, indices or names of the category columns. ``"from_dtype"`` takes
        the string, categorical and enum columns of a data frame.
    max_epochs : int, default=100
        Passes over the training rows, at most.
    learning_rate : float, default=1.5e-3
        Peak learning rate of AdamW, after a short warm-up and before a cosine decay to
        a tenth.
    batch_size : int or "auto", default="auto"
        Rows per step. ``"auto"`` is a power of two from 32 to 256 that grows with the
        number of rows.
    weight_decay : float, default=0.01
        Decoupled weight decay of AdamW.
    early_stopping : bool or "auto", default="auto"
        Whether to set a part of the training rows aside, unless ``fit`` is given one,
        and to stop after `n_iter_no_change` epochs without improvement. ``"auto"``
        does so from 40 rows on. Without a validation part the last state is kept.
    validation_fraction : float, default=0.1
        Share of the training rows that is set aside.
    n_iter_no_change : int or None, default=30
        Patience in epochs; None never stops early.
    scoring : {"rmse", "crps"}, default="rmse"
        Validation score that selects the state: error of the mean, or of the whole
        distribution, both in units of the target.
    warm_start : bool, default=False
        Whether ``fit`` continues from the last fit's weights, on its scales.
    device : str, default="auto"
        ``"auto"`` (CUDA if there is one), ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
    dtype : {"float32", "float64"}, default="float32"
        Precision of the network. Targets and probabilities are always float64.
    random_state : int, RandomState instance or None, default=None
        Seed of weights, batches and split. The same seed gives the same bits on the
        same machine; no global generator is touched.
    verbose : int, default=0
        Above zero, a progress bar on standard error if that is a terminal.

    Attributes
    ----------
    points_ : array of shape (n_bins_fitted - 2,)
        Numbers of the inner bins, ascending, on the scale of the network;
        ``target_scaler_.inverse_transform`` maps them to the units of the target.
    target_scaler_ : TargetScaler
        Targets to the scale of the network and back.
    feature_encoder_ : FeatureEncoder
        Columns to the array the network reads.
    history_ : list of dict
        A row per epoch: stage, epoch, train_loss, validation_rmse, validation_crps,
        reward and entropy (of a sampled number on the validation part: minus its
        expected squared error, scaled, and the nats of its bin), seconds, selected.
    n_iter_ : int
        Epochs run.
    network_ : torch.nn.Module
        The fitted network.
    n_features_in_ : int
        Number of features seen by ``fit``.
    feature_names_in_ : array of shape (n_features_in_,)
        Names of the features, if they all are strings.

    References
    ----------
    .. [1] Mueller et al., "Transformers Can Do Bayesian Inference", ICLR 2022.
    .. [2] Imani and White, "Improving Regression Performance with Distributional
           Losses", ICML 2018.

    Examples
    --------
    >>> from sklearn.datasets import make_regression
    >>> from sklearn_genre import RiemannRegressor
    >>> X, y = make_regression(300, 5, noise=10.0, random_state=0)
    >>> model = RiemannRegressor(64, random_state=0).fit(X, y)
    >>> model.points_.shape
    (62,)
    >>> model.predict_interval(X[:2], coverage=0.8).shape
    (2, 2)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **COMMON,
        "n_bins": [Interval(Integral, 3, None, closed="left")],
        "edges": [StrOptions({"quantile", "uniform"})],
        "loss": [StrOptions(set(HISTOGRAM_LOSSES))],
    }

    _structural: ClassVar[tuple[str, ...]] = (
        *BaseDistributionRegressor._structural,
        "n_bins",
        "edges",
    )

    def __init__(
        self,
        n_bins: int = 256,
        edges: str = "quantile",
        loss: str = "nll",
        encoder: Any = "mlp",
        *,
        target_transform: Any = "standard",
        categorical_features: Any = "from_dtype",
        max_epochs: int = 100,
        learning_rate: float = 1.5e-3,
        batch_size: Any = "auto",
        weight_decay: float = 0.01,
        early_stopping: Any = "auto",
        validation_fraction: float = 0.1,
        n_iter_no_change: int | None = 30,
        scoring: str = "rmse",
        warm_start: bool = False,
        device: str = "auto",
        dtype: str = "float32",
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.n_bins = n_bins
        self.edges = edges
        self.loss = loss
        self.encoder = encoder
        self.target_transform = target_transform
        self.categorical_features = categorical_features
        self.max_epochs = max_epochs
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.weight_decay = weight_decay
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.scoring = scoring
        self.warm_start = warm_start
        self.device = device
        self.dtype = dtype
        self.random_state = random_state
        self.verbose = verbose

    def _stages(self) -> list[Stage]:
        """Return the only stage."""
        loss = HISTOGRAM_LOSSES[self.loss]()
        return _one_stage(loss, self.max_epochs, self.learning_rate)

    def _fit_head(self, z: Array, weight: Array) -> None:
        """Learn the points of the bins."""
        self.points_ = bin_points(z, weight, self.n_bins - 2, self.edges)

    def _new_network(self) -> HistogramNetwork:
        """Return encoder and histogram head with fresh weights."""
        return HistogramNetwork(*_encoding_modules(self), bins_around(self.points_))

    def _cell_edges(self, values: Array) -> Array:
        """Return the edges of the bins and of the cells of the tails."""
        edges: Array = self._network.bins.edges.numpy()
        return edges


def _one_stage(objective: Objective, max_epochs: int, rate: float) -> list[Stage]:
    """Return the list of the only stage."""
    return [Stage("training", objective, max_epochs, rate, keep_start=False)]


def _encoding_modules(estimator: BaseDistributionRegressor) -> tuple[OneHot, nn.Module]:
    """Return what the network of an estimator begins with, with fresh weights."""
    return encoding_modules(
        factory(estimator._architecture["encoder"], ENCODERS),
        estimator.feature_encoder_.n_numeric_,
        estimator.feature_encoder_.cardinalities_,
    )


def bin_points(z: Array, weight: Array, n_points: int, edges: str) -> Array:
    """Return distinct, ascending points of the bins, at most as many as asked.

    Parameters
    ----------
    z, weight : array of shape (n_samples,)
        Scaled targets and their weights.
    n_points : int
        A single point is the middle: the median, or half the range.
    edges : {"quantile", "uniform"}

    Returns
    -------
    points : array of shape (n_distinct,)

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_genre._baselines import bin_points
    >>> bin_points(np.array([0.0, 1.0, 1.0, 4.0]), np.ones(4), 5, "quantile")
    array([0., 1., 4.])
    """
    levels = np.linspace(0, 1, n_points) if n_points > 1 else np.array([0.5])
    if edges == "quantile":
        points = np.quantile(z, levels, weights=weight, method="inverted_cdf")
    else:
        low, high = float(z.min()), float(z.max())
        points = low + levels * (high - low)
    return np.unique(points)
