"""Cross-entropy on digits, then squared error of the expected number."""

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from sklearn_genre._base import (
    BaseDistributionRegressor,
    Interval,
    Rows,
    StrOptions,
)
from sklearn_genre._digits import DigitsMixin, check_grid, finite_numbers
from sklearn_genre._objective import Objective
from sklearn_genre._temperature import TemperatureMixin, at_temperature
from sklearn_genre._training import Stage
from sklearn_genre.distributions import (
    MAX_LEAVES,
    PredictiveDistribution,
    atoms_of,
    leaves_of,
)
from sklearn_genre.losses import CrossEntropy, LogLoss, SquaredError
from sklearn_genre.networks import DecodingNetwork, Grid
from sklearn_genre.tokenizers import Tokenizer

# Levels of the training target whose quantiles make grid="quantiles".
N_QUANTILES = 64

Array = NDArray[np.float64]


class RAFTRegressor(TemperatureMixin, DigitsMixin, BaseDistributionRegressor):
    r"""Regression-aware fine-tuning of a digit decoder: the mean is what is trained.

    A network writes the target digit by digit, as in :class:`DecodingRegressor`, and is
    pretrained by cross-entropy. Fine-tuning (RAFT [1]_) then minimises the squared
    error of the expected number, which is also the prediction (RAIL [2]_, Eq. 5 of
    [1]_):

    .. math:: \min_p \sum_i \bigl(y_i - \hat y(x_i)\bigr)^2, \qquad
        \hat y(x) = a + \sum_{j} p(\operatorname{str}(y_j) \mid x)\,(w_j - a),
        \qquad w_j = y_j.

    The sum runs over all strings or over a grid of numbers, scored by teacher forcing.
    Mass outside the grid counts as `a`, the smallest training target: in the paper,
    whose numbers start near 0, it counts as 0, the low end of its unit. A grid that
    holds the smallest and the largest target can express every conditional mean
    (Lemma 3 of the paper), and so can the largest alone.

    At the start of fine-tuning the model predicts what RAIL on the pretrained model
    predicts, and that state is a candidate: each stage keeps the state with the best
    validation score. The loss asks for the mean alone and leaves the spread of the
    digits free, so intervals are those of pretraining, more or less.

    ``predict(X)`` and the validation error are the trained expectation. The median,
    mode, quantiles, standard deviation and ``predict_distribution`` are those of the
    digit strings, whose own mean is ``predict(X)`` with ``grid="tree"`` and numbers
    neither learned nor given, and need not be otherwise. Standard decoding, as the
    papers have it, is ``output_type="greedy"`` (the likeliest digit, one after the
    other) or ``"mode"`` (the likeliest number); :meth:`predict_from_samples` and
    :meth:`predict_from_grid` are the other forms of RAIL, for any grid.

    Parameters
    ----------
    tokenizer : {"normalized", "ieee", "p10"} or Tokenizer, default="normalized"
        How numbers are written. ``NormalizedTokenizer(base, length)`` spends its digits
        on the training range; the other two need a grid.
    encoder : {"mlp", "tabular"} or callable, default="mlp"
        ``encoder(n_features)`` returns a torch module from (batch, n_features) to
        (batch, ``width``). Options go in by ``functools.partial(MLPEncoder, ...)``.
        ``"tabular"`` adds learned cosines and scales of the columns.
    decoder : {"mlp", "transformer", "anchored"} or callable, default="mlp"
        ``decoder(width, allowed_tokens)`` returns a digit decoder. The transformer is
        that of the papers and costs several times more.
    grid : {"tree", "quantiles"} or array-like of shape (n_grid,), default="tree"
        Strings the expectation is read from. ``"tree"``: all, for formats of at most
        4,096 strings. ``"quantiles"``: the training targets at 64 levels, both ends
        included, for larger formats. An array: these numbers, in the units of the
        target; one string each, so fewer are faster. All must lie within the range of
        the training target, and a fold of a cross-validation may lack the very ends of
        `y`: there take ``"quantiles"`` or inner numbers.
    normalize_grid : bool, default=False
        Whether the probabilities on the grid are divided by their sum, so that mass
        outside it counts as the mean of the rest. A single number would then be the
        prediction whatever the row, and is refused. Without effect on the tree.
    learnable_weights : bool, default=False
        Whether the numbers w are trained in fine-tuning, from the numbers of the grid;
        weight decay pulls them there. The paper finds no gain.
    loss : {"squared_error", "log"}, default="squared_error"
        What fine-tuning minimises. ``"log"``: the cross-entropy of the mean, scaled to
        [0, 1] by the training range; errors near both ends weigh more.
    token_values : array-like of shape (n_grid,), default=None
        Numbers w that the strings of the grid stand for in place of their own, in the
        units of the target and the order of `grid_`: reversed or arbitrary ones show
        what the order of the digits is worth.
    target_transform : {"standard", "quantile"} or transformer, default="standard"
        What is done to the target before it is standardised and written. ``"quantile"``
        maps it to a normal distribution, for heavy tails. Any monotone transformer with
        ``inverse_transform`` will do. The loss is on the transformed scale; numbers are
        mapped back before their mean is predicted.
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Boolean mask, indices or names of the category columns. ``"from_dtype"`` takes
        the string, categorical and enum columns of a data frame.
    normal_scores : bool, default=True
        Whether the network also reads each number as a normal score, the quantile of
        the normal distribution at its rank among the training rows: what helps with
        skewed columns. False halves the numeric inputs.
    pretraining_epochs, fine_tuning_epochs : int, default=100 and 30
        Passes over the training rows, at most. 0 leaves a stage out: a random start, or
        RAIL on the cross-entropy model. Raise the second with a random start.
    learning_rate, fine_tuning_learning_rate : float, default=1.5e-3 and 5e-4
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
        ``"auto"`` does so from 40 rows on. Without a validation part each stage keeps
        its last state.
    validation_fraction : float, default=0.1
        Share of the training rows that is set aside.
    n_iter_no_change : int or None, default=30
        Patience in epochs; None never stops early.
    scoring : {"rmse", "crps"}, default="rmse"
        Validation score that selects the state: error of the prediction, or of the
        whole distribution of the digits, in units of the target.
    temperature : float or "validation", default=1.0
        Divides the logits of the trained network in predictions: above 1 they get
        wider, below 1 narrower. ``"validation"`` searches 1/8 to 8 for the lowest CRPS
        on the validation part: take it if intervals matter after a stage that narrowed
        them. Training and `history_` are at 1.
        ``predict(X)``, the trained expectation, stays at 1 as well.
    warm_start : bool, default=False
        Whether ``fit`` continues from the last fit's weights, on its scales and grid.
    device : str, default="auto"
        ``"auto"`` (CUDA if there is one), ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
    dtype : {"float32", "float64"}, default="float32"
        Precision of the network. Targets and the numbers w are always float64.
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
    grid_ : array of shape (n_grid,)
        Numbers of the grid's strings, in the units of the target: for an array in its
        order, else in the order of the scaled numbers.
    token_values_ : array of shape (n_grid,)
        Numbers w as they are after training, in the units of the target.
    tokenizer_ : Tokenizer
        Fitted on the scaled targets.
    target_scaler_ : TargetScaler
        Targets to the scale of the network and back.
    feature_encoder_ : FeatureEncoder
        Columns to the array the network reads.
    history_ : list of dict
        A row per epoch: stage, epoch (0: before fine-tuning), train_loss,
        validation_rmse (of the prediction), validation_crps, reward and entropy (of the
        digits, on the validation part), seconds, selected, and the columns of
        `diagnostics`.
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
    .. [1] Lukasik et al., "Better Autoregressive Regression with LLMs via
           Regression-Aware Fine-Tuning" (RAFT), ICLR 2025.
    .. [2] Lukasik et al., "Regression-aware Inference with LLMs" (RAIL), Findings of
           EMNLP 2024, arXiv:2403.04182.

    Examples
    --------
    >>> from sklearn.datasets import make_regression
    >>> from sklearn_genre import RAFTRegressor
    >>> X, y = make_regression(300, 5, noise=10.0, random_state=0)
    >>> model = RAFTRegressor(pretraining_epochs=50, random_state=0).fit(X, y)
    >>> model.predict(X[:2]).shape
    (2,)
    >>> few = RAFTRegressor(
    ...     "ieee", grid="quantiles", pretraining_epochs=2, fine_tuning_epochs=1
    ... )
    >>> few.fit(X, y).grid_.shape
    (64,)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **DigitsMixin._parameter_constraints,
        **TemperatureMixin._parameter_constraints,
        "grid": ["array-like", StrOptions({"tree", "quantiles"})],
        "normalize_grid": ["boolean"],
        "learnable_weights": ["boolean"],
        "loss": [StrOptions({"squared_error", "log"})],
        "token_values": ["array-like", None],
        "pretraining_epochs": [Interval(Integral, 0, None, closed="left")],
        "fine_tuning_epochs": [Interval(Integral, 0, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "fine_tuning_learning_rate": [Interval(Real, 0, None, closed="neither")],
    }

    _structural: ClassVar[tuple[str, ...]] = (
        *DigitsMixin._structural,
        "grid",
        "normalize_grid",
        "learnable_weights",
        "token_values",
    )

    def __init__(
        self,
        tokenizer: Any = "normalized",
        encoder: Any = "mlp",
        decoder: Any = "mlp",
        grid: Any = "tree",
        *,
        normalize_grid: bool = False,
        learnable_weights: bool = False,
        loss: str = "squared_error",
        token_values: ArrayLike | None = None,
        target_transform: Any = "standard",
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
        self.tokenizer = tokenizer
        self.encoder = encoder
        self.decoder = decoder
        self.grid = grid
        self.normalize_grid = normalize_grid
        self.learnable_weights = learnable_weights
        self.loss = loss
        self.token_values = token_values
        self.target_transform = target_transform
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

    @property
    def token_values_(self) -> Array:
        """Numbers that the strings of the grid stand for, in the units of y."""
        check_is_fitted(self)
        grid = self._network.grid
        if grid is None:
            return self.grid_
        weights = grid.weights.detach().cpu().numpy()
        return self.target_scaler_.inverse_transform(weights)

    def _stages(self) -> list[Stage]:
        """Return the stages that have epochs."""
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
                self._objective(),
                self.fine_tuning_epochs,
                self.fine_tuning_learning_rate,
                keep_start=self.pretraining_epochs > 0,
            ),
        ]
        stages = [stage for stage in stages if stage.max_epochs]
        if not stages:
            raise ValueError(
                "pretraining_epochs == 0 and fine_tuning_epochs == 0: nothing would be "
                "trained. Set one of them to at least 1."
            )
        return stages

    def _objective(self) -> Objective:
        """Return the objective of fine-tuning."""
        if self.loss == "squared_error":
            return SquaredError()
        return LogLoss(*self.target_scaler_.range_)

    def _fit_scales(self, rows: Rows) -> None:
        """Learn the scales and the grid."""
        super()._fit_scales(rows)
        scaler = self.target_scaler_
        tokens, z = self._strings(rows)
        self.grid_ = scaler.inverse_transform(z)
        self._grid: dict[str, Any] | None = None
        if tokens is None and self.token_values is None and not self.learnable_weights:
            return  # all leaves with their own numbers: the mean of the distribution
        if self.token_values is not None:
            z = scaler.transform(check_token_values(self.token_values, len(z)))
        self._grid = {
            "tokens": tokens,
            "numbers": z,
            "low": self._lowest,
            "normalize": bool(self.normalize_grid),
            "learnable": bool(self.learnable_weights),
        }

    def _strings(self, rows: Rows) -> tuple[NDArray[np.int64] | None, Array]:
        """Return the strings of the grid, None for all, and their scaled numbers."""
        tokenizer, scaler = self.tokenizer_, self.target_scaler_
        if not isinstance(self.grid, str):
            normalize = bool(self.normalize_grid)
            grid = check_grid(self.grid, tokenizer, scaler, normalize=normalize)
            z = scaler.transform(grid)
            return tokenizer.encode(z).numpy(), z
        if self.grid == "tree":
            return None, tree_numbers(tokenizer)
        levels = np.linspace(0, 1, N_QUANTILES)
        y = np.quantile(rows.y, levels, weights=rows.weight, method="inverted_cdf")
        strings = tokenizer.encode(scaler.transform(y)).unique(dim=0)
        numbers, order = tokenizer.decode(strings).sort()
        return strings[order].numpy(), numbers.numpy()

    def _build_network(self, device: torch.device) -> DecodingNetwork:
        """Return a network with fresh weights and the grid, if there is one."""
        network = super()._build_network(device)
        if self._grid is not None:
            network.grid = Grid(**self._grid).to(device)
        return network

    def _mean(
        self, encoded: Tensor, dist: PredictiveDistribution | None = None
    ) -> Array:
        """Return the expectation over the grid, in the units of y."""
        grid = self._network.grid
        if grid is not None:
            return self._expected(
                encoded,
                self.token_values_,
                lambda dist: grid.probs(dist.at_temperature(1.0)),
            )
        if dist is None:
            dist = self._trained_distribution(encoded)
        return dist.mean()

    @torch.inference_mode()
    def _trained_distribution(self, encoded: Tensor) -> PredictiveDistribution:
        """Return the distribution of encoded rows at temperature 1."""
        return self._distribution(atoms_of(at_temperature(self._blocks(encoded), 1.0)))

    def _snapshot(self) -> dict[str, Any]:
        """Return the attributes that an estimator needs to predict."""
        return {**super()._snapshot(), "_grid": self._grid}


def tree_numbers(tokenizer: Tokenizer) -> Array:
    """Return all numbers of a format, ascending, or say that there are too many."""
    leaves = leaves_of(tokenizer, torch.device("cpu"))
    if leaves is None:
        raise ValueError(
            f"grid='tree' sums over all strings, at most {MAX_LEAVES}; {tokenizer} has "
            f"{tokenizer.n_strings}. Use grid='quantiles', an array of numbers, or "
            "fewer or shorter digits."
        )
    return leaves.values.numpy()


def check_token_values(values: ArrayLike, n_grid: int) -> Array:
    """Return the numbers attached to a grid, one for each string.

    Raises
    ------
    ValueError
        If they are not 1-dimensional, not finite, or not as many as the grid has.
    """
    numbers = finite_numbers(values, "token_values")
    if len(numbers) != n_grid:
        raise ValueError(
            f"token_values has {len(numbers)} numbers, the grid has {n_grid}. Give one "
            "number for each entry of grid_."
        )
    return numbers
