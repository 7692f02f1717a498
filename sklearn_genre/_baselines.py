"""Comparison methods: a scalar and a histogram on the same features and engine."""

import math
from collections.abc import Sequence
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
from sklearn_genre._digits import DigitsMixin, new_decoding_network
from sklearn_genre._objective import Objective
from sklearn_genre._registry import factory, resolve
from sklearn_genre._temperature import TemperatureMixin
from sklearn_genre._training import Row, Stage
from sklearn_genre.distributions import bins_around
from sklearn_genre.encoders import ENCODERS
from sklearn_genre.losses import HISTOGRAM_LOSSES, CrossEntropy, SquaredError
from sklearn_genre.networks import (
    HEADS,
    HeadNetwork,
    HistogramNetwork,
    OneHot,
    PointNetwork,
    encoding_modules,
)
from sklearn_genre.tokenizers import TOKENIZERS

# Smallest standard deviation of a prediction, as a share of that of the targets.
MIN_SCALE = 1e-9

Array = NDArray[np.float64]

# Constraints of the parameters that both have.
COMMON: dict[str, list[Any]] = {
    **BaseDistributionRegressor._parameter_constraints,
    "max_epochs": [Interval(Integral, 1, None, closed="left")],
    "learning_rate": [Interval(Real, 0, None, closed="neither")],
}


class PointwiseRegressor(BaseDistributionRegressor):
    r"""Regression by squared error, with one normal distribution around each number.

    The conventional head: a network encodes a row as :class:`DecodingRegressor` does,
    and one linear layer returns one number. It minimises the squared error of the
    scaled target. Other heads, those that the RAFT paper [1]_ compares itself with,
    read the number from the states and logits of a digit decoder, whose digits may be
    pretrained by cross-entropy. With context c, state :math:`s_t` of the decoder at
    position t of L, logits :math:`f_t = V s_t + v` and learned b, w and MLP:

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
    digit. A row has no prompt but its context, so :math:`s_1` is that position, and w
    of "special_token" a fresh row of V: one more token, which is never written. In base
    2 the first digit has two logits alone, so "mlp" and "projection" read those of all
    positions, for tokens that are allowed there. Later positions need digits before
    them: those of the mean target, the same for all rows, so that nothing is decoded
    and predictions are continuous, as they are not along each row's likeliest digits.
    The MLP has one layer of sigmoid units, as many as a state has.

    All weights are trained in both stages. The state before the second is no candidate,
    because its head is untrained. Should a callback or the user stop the fit in
    pretraining, or the user before the first epoch of the head ends, the model predicts
    by the distribution of the digits.

    The predictive distribution is normal, with the prediction as its mean and for all
    rows the same standard deviation: the root mean square of the residuals on the
    validation part, or on the training part if there is none, where it is too small
    once the network overfits. So intervals have the same width everywhere (on the
    scale of the network): right where the noise is normal and the same for all rows,
    and only there. The distribution is held as 257 cells over eight deviations on both
    sides; ``cdf`` is right to 1e-3, and ``logpdf`` is that of the mean density of a
    cell.

    Parameters
    ----------
    encoder : {"mlp", "tabular"} or callable, default="mlp"
        ``encoder(n_features)`` returns a torch module from (batch, n_features) to
        (batch, ``width``). Options go in by ``functools.partial(MLPEncoder, ...)``.
        ``"tabular"`` adds learned cosines and scales of the columns.
    head : str, default="linear"
        What the number is read from; the table has the names. All but ``"linear"`` are
        there for comparison.
    tokenizer : {"normalized", "ieee", "p10"} or Tokenizer, default="normalized"
        How the decoder writes numbers. Without effect where there is no decoder: for
        ``head="linear"`` without pretraining.
    decoder : {"mlp", "transformer"} or callable, default="mlp"
        ``decoder(width, allowed_tokens)`` returns a digit decoder. Without effect where
        there is none.
    target_transform : {"standard", "quantile"} or transformer, default="standard"
        What is done to the target before it is standardised. ``"quantile"`` maps it to
        a normal distribution, for heavy tails. Any monotone transformer with
        ``inverse_transform`` will do. Distributions stay in the units of the target.
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Boolean mask, indices or names of the category columns. ``"from_dtype"`` takes
        the string, categorical and enum columns of a data frame.
    normal_scores : bool, default=True
        Whether the network also reads each number as a normal score, the quantile of
        the normal distribution at its rank among the training rows: what helps with
        skewed columns. False halves the numeric inputs.
    pretraining_epochs : int, default=0
        Passes over the training rows, at most, in which the digits are trained by
        cross-entropy, before the head is: about 100 for a pretrained start. 0 is a
        random start. ``"linear"`` takes over the encoder alone.
    max_epochs : int, default=100
        Passes over the training rows, at most, in which the head is trained.
    pretraining_learning_rate, learning_rate : float, default=1.5e-3
        Peak learning rate of AdamW in each stage, after a short warm-up and before a
        cosine decay to a tenth.
    batch_size : int or "auto", default="auto"
        Rows per step. ``"auto"`` is a power of two from 32 to 256 that grows with the
        number of rows.
    weight_decay : float, default=0.01
        Decoupled weight decay of AdamW.
    ema_decay : float, default=0.99
        What is scored and kept are weights averaged over the training steps, with this
        decay at each step, less in the first hundred. 0 keeps the weights of the last
        step, as the papers do; larger values suit large tables.
    early_stopping : bool or "auto", default="auto"
        Whether to set a part of the training rows aside, unless ``fit`` is given one,
        and to stop a stage after `n_iter_no_change` epochs without improvement.
        ``"auto"`` does so from 40 rows on. Without a validation part the last state is
        kept.
    validation_fraction : float, default=0.1
        Share of the training rows that is set aside.
    n_iter_no_change : int or None, default=30
        Patience in epochs; None never stops early.
    scoring : {"rmse", "crps"}, default="rmse"
        Validation score that selects the state: error of the mean, or of the whole
        distribution, both in units of the target; in pretraining that of the digits.
    warm_start : bool, default=False
        Whether ``fit`` continues from the last fit's weights, on its scales.
    device : str, default="auto"
        ``"auto"`` (CUDA if there is one), ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
    dtype : {"float32", "float64"}, default="float32"
        Precision of the network. Targets and probabilities are always float64.
    diagnostics : sequence of str, default=()
        More columns of `history_`, read off the validation part after each epoch:
        ``"digit_entropy"``, ``"string_entropy"``, ``"wasserstein1"``,
        ``"outlier_rate"``, ``"best_at_k"``, ``"mean_at_k"`` and ``"median_at_k"``, as
        :meth:`diagnose` explains them and gives them for any rows. Those at k cost the
        most.
    random_state : int, RandomState instance or None, default=None
        Seed of weights, batches and split. The same seed gives the same bits on the
        same machine; no global generator is touched.
    verbose : int, default=0
        Above zero, a progress bar on standard error if that is a terminal.

    Attributes
    ----------
    tokenizer_ : Tokenizer
        Fitted on the scaled targets; only where there is a decoder.
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
        expected squared error, scaled, and the nats of its distribution), seconds,
        selected, and the columns of `diagnostics`.
    n_iter_ : int
        Epochs run.
    network_ : torch.nn.Module
        The fitted network.
    n_features_in_ : int
        Number of features seen by ``fit``.
    feature_names_in_ : array of shape (`n_features_in_`,)
        Names of the features, if they all are strings.

    References
    ----------
    .. [1] Lukasik et al., "Better Autoregressive Regression with LLMs via
           Regression-Aware Fine-Tuning" (RAFT), ICLR 2025, table 2.

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
    >>> pooled = PointwiseRegressor(head="pooled_mean", pretraining_epochs=2)
    >>> pooled.set_params(max_epochs=2, random_state=0).fit(X, y).tokenizer_
    NormalizedTokenizer()
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **COMMON,
        "head": [StrOptions(set(HEADS))],
        "tokenizer": DigitsMixin._parameter_constraints["tokenizer"],
        "decoder": DigitsMixin._parameter_constraints["decoder"],
        "pretraining_epochs": [Interval(Integral, 0, None, closed="left")],
        "pretraining_learning_rate": [Interval(Real, 0, None, closed="neither")],
    }

    _structural: ClassVar[tuple[str, ...]] = (
        "head",
        "tokenizer",
        "decoder",
        *BaseDistributionRegressor._structural,
    )
    _architectural: ClassVar[tuple[str, ...]] = (
        "head",
        "decoder",
        "pretraining_epochs",
        *BaseDistributionRegressor._architectural,
    )

    def __init__(
        self,
        encoder: Any = "mlp",
        head: str = "linear",
        *,
        tokenizer: Any = "normalized",
        decoder: Any = "mlp",
        target_transform: Any = "standard",
        categorical_features: Any = "from_dtype",
        normal_scores: bool = True,
        pretraining_epochs: int = 0,
        max_epochs: int = 100,
        pretraining_learning_rate: float = 1.5e-3,
        learning_rate: float = 1.5e-3,
        batch_size: Any = "auto",
        weight_decay: float = 0.01,
        ema_decay: float = 0.99,
        early_stopping: Any = "auto",
        validation_fraction: float = 0.1,
        n_iter_no_change: int | None = 30,
        scoring: str = "rmse",
        warm_start: bool = False,
        device: str = "auto",
        dtype: str = "float32",
        diagnostics: Sequence[str] = (),
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.encoder = encoder
        self.head = head
        self.tokenizer = tokenizer
        self.decoder = decoder
        self.target_transform = target_transform
        self.categorical_features = categorical_features
        self.normal_scores = normal_scores
        self.pretraining_epochs = pretraining_epochs
        self.max_epochs = max_epochs
        self.pretraining_learning_rate = pretraining_learning_rate
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.weight_decay = weight_decay
        self.ema_decay = ema_decay
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.scoring = scoring
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
        if self._writes_digits:
            raise AttributeError(
                "residual_scale_ is measured once the head is trained, but the fit "
                "was stopped before its first epoch ended: it predicts by digits."
            )
        return float(self._network.residual_scale)

    @property
    def _writes_digits(self) -> bool:
        """Whether the network, as it is, returns digits."""
        network = self._network
        return isinstance(network, HeadNetwork) and bool(network.writes_digits)

    def _stages(self) -> list[Stage]:
        """Return pretraining, if it has epochs, and training."""
        training = _one_stage(SquaredError(), self.max_epochs, self.learning_rate)
        if not self.pretraining_epochs:
            return training
        pretraining = Stage(
            "pretraining",
            CrossEntropy(),
            self.pretraining_epochs,
            self.pretraining_learning_rate,
            keep_start=False,
        )
        return [pretraining, *training]

    def _check_structure(self) -> None:
        """Refuse a warm start with parameters that the fitted network lacks."""
        super()._check_structure()
        if self.pretraining_epochs and not isinstance(self._network, HeadNetwork):
            raise ValueError(
                f"pretraining_epochs == {self.pretraining_epochs} needs a digit "
                "decoder, and warm_start=True keeps the fitted network, which has "
                "none. Set it back to 0, or warm_start=False to start anew."
            )

    def _fit_head(self, z: Array, weight: Array) -> None:
        """Learn the number format, if there is a digit decoder."""
        self.__dict__.pop("tokenizer_", None)
        if _has_decoder(self.head, self.pretraining_epochs):
            self.tokenizer_ = resolve(self.tokenizer, TOKENIZERS)
            self.tokenizer_.fit(z)

    def _new_network(self) -> PointNetwork | HeadNetwork:
        """Return a network with fresh weights."""
        built = self._architecture
        if not _has_decoder(built["head"], built["pretraining_epochs"]):
            return PointNetwork(*_encoding_modules(self))
        digits = new_decoding_network(self)
        with torch.random.fork_rng(devices=[]):  # batches are those of digits alone
            network = HeadNetwork(digits, HEADS[built["head"]])
        network.writes_digits.fill_(built["pretraining_epochs"] > 0)
        return network

    def _begin_stage(self, stage: Stage) -> None:
        """Turn a network with a decoder to digits or to a number."""
        if isinstance(self._network, HeadNetwork):
            self._network.writes_digits.fill_(stage.name == "pretraining")

    def _after_training(self, rows: Rows, validation: Rows | None) -> None:
        """Measure the residuals on the validation part, else on the training part."""
        super()._after_training(rows, validation)
        if not self._writes_digits:
            X, y, weight = validation or rows
            z = self.target_scaler_.transform(y)
            self._measure_residuals(self._encode(X), z, weight)

    def _scores(self, encoded: Tensor, z: Array, y: Array, weight: Array) -> Row:
        """Measure the residuals and return the scores, both on validation rows."""
        if not self._writes_digits:
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


class RiemannRegressor(TemperatureMixin, BaseDistributionRegressor):
    r"""Regression by a histogram: a softmax over bins of the target.

    The head of prior-fitted networks [1]_ and of distributional regression [2]_: a
    network encodes a row as :class:`DecodingRegressor` does, and one linear layer
    returns one logit per bin.

    All but two bins are the Voronoi cells of points of the training target, quantiles
    or an even grid; tied quantiles are merged, so that there may be fewer bins. The
    two outer bins are half-normal tails, half of whose mass lies within the width of
    the neighbouring bin, so that every number has a density. With :math:`w_k` the width
    and :math:`p_k` the mass of the bin of y, the density is :math:`p_k / w_k`, and in a
    tail :math:`p_k` times that of the half-normal distribution.

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
        Negative log-density; cross-entropy to a normal distribution of three quarters
        of a bin around the target [2]_, by which neighbouring bins learn from each
        other; or the exact continuous ranked probability score.
    encoder : {"mlp", "tabular"} or callable, default="mlp"
        ``encoder(n_features)`` returns a torch module from (batch, n_features) to
        (batch, ``width``). Options go in by ``functools.partial(MLPEncoder, ...)``.
        ``"tabular"`` adds learned cosines and scales of the columns.
    target_transform : {"standard", "quantile"} or transformer, default="standard"
        What is done to the target before it is standardised. ``"quantile"`` maps it to
        a normal distribution, for heavy tails. Any monotone transformer with
        ``inverse_transform`` will do. Distributions stay in the units of the target.
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Boolean mask, indices or names of the category columns. ``"from_dtype"`` takes
        the string, categorical and enum columns of a data frame.
    normal_scores : bool, default=True
        Whether the network also reads each number as a normal score, the quantile of
        the normal distribution at its rank among the training rows: what helps with
        skewed columns. False halves the numeric inputs.
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
    ema_decay : float, default=0.99
        What is scored and kept are weights averaged over the training steps, with this
        decay at each step, less in the first hundred. 0 keeps the weights of the last
        step, as the papers do; larger values suit large tables.
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
    temperature : float or "validation", default=1.0
        Divides the logits of the trained network in predictions: above 1 they get
        wider, below 1 narrower. ``"validation"`` searches 1/8 to 8 for the lowest CRPS
        on the validation part: take it if intervals matter after a stage that narrowed
        them. Training and `history_` are at 1.
    warm_start : bool, default=False
        Whether ``fit`` continues from the last fit's weights, on its scales.
    device : str, default="auto"
        ``"auto"`` (CUDA if there is one), ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
    dtype : {"float32", "float64"}, default="float32"
        Precision of the network. Targets and probabilities are always float64.
    diagnostics : sequence of str, default=()
        More columns of `history_`, read off the validation part after each epoch:
        ``"digit_entropy"``, ``"string_entropy"``, ``"wasserstein1"``,
        ``"outlier_rate"``, ``"best_at_k"``, ``"mean_at_k"`` and ``"median_at_k"``, as
        :meth:`diagnose` explains them and gives them for any rows. Those at k cost the
        most.
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
        expected squared error, scaled, and the nats of its bin), seconds, selected, and
        the columns of `diagnostics`.
    temperature_ : float
        Temperature of the predictions.
    n_iter_ : int
        Epochs run.
    network_ : torch.nn.Module
        The fitted network.
    n_features_in_ : int
        Number of features seen by ``fit``.
    feature_names_in_ : array of shape (`n_features_in_`,)
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
        **TemperatureMixin._parameter_constraints,
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
        normal_scores: bool = True,
        max_epochs: int = 100,
        learning_rate: float = 1.5e-3,
        batch_size: Any = "auto",
        weight_decay: float = 0.01,
        ema_decay: float = 0.99,
        early_stopping: Any = "auto",
        validation_fraction: float = 0.1,
        n_iter_no_change: int | None = 30,
        scoring: str = "rmse",
        temperature: Any = 1.0,
        warm_start: bool = False,
        device: str = "auto",
        dtype: str = "float32",
        diagnostics: Sequence[str] = (),
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.n_bins = n_bins
        self.edges = edges
        self.loss = loss
        self.encoder = encoder
        self.target_transform = target_transform
        self.categorical_features = categorical_features
        self.normal_scores = normal_scores
        self.max_epochs = max_epochs
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.weight_decay = weight_decay
        self.ema_decay = ema_decay
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.scoring = scoring
        self.temperature = temperature
        self.warm_start = warm_start
        self.device = device
        self.dtype = dtype
        self.diagnostics = diagnostics
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


def _has_decoder(head: str, pretraining_epochs: int) -> bool:
    """Return whether a head, or what precedes it, needs digits."""
    return head != "linear" or pretraining_epochs > 0


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
