"""The comparison method that predicts a histogram."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sklearn_genre._sklearn import StrOptions
from sklearn_genre.encoders import ENCODERS
from sklearn_genre.estimators._base import BaseDistributionRegressor
from sklearn_genre.estimators._parameters import (
    EPOCHS,
    RATE,
    SHARED,
    TEMPERATURE,
    Constraints,
    documented,
    factory,
    integer,
)
from sklearn_genre.estimators._partial_fit import PartialFitMixin
from sklearn_genre.inputs import Data
from sklearn_genre.losses import HISTOGRAM_LOSSES
from sklearn_genre.networks import HistogramNetwork, build_encoder
from sklearn_genre.outputs import bins_around
from sklearn_genre.training import Stage

Array = NDArray[np.float64]


@documented
class RiemannRegressor(PartialFitMixin):
    r"""Regression by a histogram: a softmax over bins of the target.

    The head of prior-fitted networks [1]_ and of distributional regression [2]_: a
    network encodes a sample as :class:`DecodingRegressor` does, and one linear layer
    returns one logit per bin.

    All but two bins surround points of the training target, quantiles or an even grid,
    and reach halfway to the next; tied quantiles are merged, so that there may be fewer
    bins. The two outer bins are half-normal tails, half of whose mass lies within the
    width of the neighbouring bin, so that every number has a density. With :math:`w_k`
    the width and :math:`p_k` the mass of the bin of y, the density is :math:`p_k /
    w_k`, and in a tail :math:`p_k` times that of the half-normal distribution.

    The mean is the sum of masses times numbers: the point that a bin is built around,
    and in a tail its mean, 1.183 widths from its border. So values that recur are
    predicted as they are; the bins reach halfway to the next, which quantiles show
    on targets of few distinct values. The predictive distribution holds the bins as
    they are and each tail as 64 pieces over eight deviations; there ``cdf``, ``ppf``
    and ``crps`` are right to 1e-3 of its mass and deviation, and ``logpdf`` is that of
    the mean density of a piece, and minus infinity beyond.

    Parameters
    ----------
    n_bins : int, default=256
        Bins, the two tails included; at least three. Take fewer, such as 32, below
        some thousand samples: the logits are free and overfit bins of few samples.
    edges : {"quantile", "uniform"}, default="quantile"
        Where the points of the bins lie: at training quantiles from the smallest to the
        largest target, so that bins hold about equally many samples, or in even steps
        between the two, which suits targets without long tails.
    loss : {"nll", "hl_gauss", "crps"}, default="nll"
        Negative log-density; cross-entropy to a normal distribution of three quarters
        of a bin around the target [2]_, by which neighbouring bins learn from each
        other; or the exact continuous ranked probability score.
    <encoder>
    <data>
    max_epochs : int, default=100
        Passes over the training set, at most.
    learning_rate : float, default=1.5e-3
        Peak learning rate of AdamW, after a short warm-up and before a cosine decay to
        a tenth.
    <training>
    <scoring>
    <temperature>
    <running>

    Attributes
    ----------
    points_ : array of shape (n_bins_fitted - 2,)
        Numbers of the inner bins, ascending, on the scale of the network;
        ``target_scaler_.inverse_transform`` maps them to the units of the target.
    <temperature_>
    <learned>
    <columns_>

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

    _parameter_constraints: ClassVar[Constraints] = {
        **SHARED,
        **TEMPERATURE,
        "n_bins": [integer(3)],
        "edges": [StrOptions({"quantile", "uniform"})],
        "loss": [StrOptions(set(HISTOGRAM_LOSSES))],
        "max_epochs": EPOCHS,
        "learning_rate": RATE,
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
        encoder: Any = "tabular",
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
        self.n_bins = n_bins
        self.edges = edges
        self.loss = loss
        self.encoder = encoder
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
        """Return the only stage."""
        loss = HISTOGRAM_LOSSES[self.loss]()
        return [
            Stage(
                "training", loss, self.max_epochs, self.learning_rate, keep_start=False
            )
        ]

    def _learn_head(self, data: Data, z: Array) -> None:
        """Learn the points of the bins."""
        self.points_ = bin_points(z, data.weight, self.n_bins - 2, self.edges)

    def _new_network(self) -> HistogramNetwork:
        """Return encoder and histogram head with fresh weights."""
        encoder = factory(self._architecture["encoder"], ENCODERS)
        return HistogramNetwork(
            build_encoder(encoder, self.feature_encoder_.spec_),
            bins_around(self.points_),
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
    >>> from sklearn_genre.estimators._riemann import bin_points
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
