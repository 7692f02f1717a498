"""Cross-entropy on digits, then a reward for the whole number."""

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, ClassVar

from sklearn_genre._base import (
    BaseDistributionRegressor,
    Interval,
    StrOptions,
)
from sklearn_genre._digits import DigitsMixin
from sklearn_genre._objective import Objective
from sklearn_genre._registry import resolve
from sklearn_genre._temperature import TemperatureMixin
from sklearn_genre._training import Stage
from sklearn_genre.distributions import MAX_LEAVES
from sklearn_genre.losses import LOSSES, ExpectedNumberLoss
from sklearn_genre.policy_gradients import POLICY_GRADIENTS, PolicyGradient
from sklearn_genre.tokenizers import Tokenizer

OBJECTIVES: dict[str, type[Objective]] = {**LOSSES, **POLICY_GRADIENTS}


class DecodingRegressor(TemperatureMixin, DigitsMixin, BaseDistributionRegressor):
    r"""Regression that writes its prediction digit by digit.

    A network encodes a row and a decoder emits the digits of the target, most
    significant first. The probabilities of all digit strings are the predictive
    distribution, so one fit yields mean, median, any quantile, intervals and samples.

    Training has two stages, each named by its objective. Pretraining fits the digits
    by a differentiable loss, by default cross-entropy. Fine-tuning reads the whole
    number, by default by the continuous ranked probability score, which keeps the
    distribution calibrated. ReMax [1]_ and the other policy gradients reward sampled
    numbers; with the squared error their expected loss is

    .. math:: -E[R] = E\bigl[(y - \hat y)^2\bigr] = (y - E[\hat y])^2 +
        \operatorname{Var}[\hat y].

    They sharpen the distribution: points and modes gain, calibration pays. With
    ``fine_tuning=None`` the model is the cross-entropy base model. Each stage keeps
    the state with the best validation score, and the state before fine-tuning is a
    candidate.

    The default encoder is an ensemble, whose members are trained one by one. After each
    epoch they get the weights with which their mixture has the lowest CRPS on the
    validation part, drawn towards equal ones; without one they count alike.

    By default the digits are *anchored*: the probability of each is the mass of its
    interval under a mixture that the network predicts. ``decoder="mlp"`` or
    ``"transformer"`` with ``encoder="mlp"`` have the free digits of the papers.

    The inference rules of the papers have names here. Standard decoding is
    ``predict(X, output_type="greedy")``, the likeliest digit one after the other, or
    ``output_type="mode"``, the likeliest number. RAIL [2]_, the mean, is ``predict(X)``
    (exact for formats of at most 4,096 strings), :meth:`predict_from_samples` or
    :meth:`predict_from_grid`. GenRe takes the mean or median of sampled numbers.

    Parameters
    ----------
    tokenizer : {"normalized", "ieee", "p10"} or Tokenizer, default="normalized"
        How numbers are written. ``NormalizedTokenizer(base, length)`` spends its digits
        on the training range; formats of at most 4,096 strings are exact.
    encoder : {"mlp", "tabular"} or callable, default="tabular"
        ``encoder(n_features)`` returns a torch module from (batch, n_features) to
        (batch, ``width``). Options go in by ``functools.partial(MLPEncoder, ...)``.
        ``"tabular"`` adds learned cosines and scales of the columns to ``"mlp"``, and
        is an ensemble of eight; see :class:`~sklearn_genre.encoders.TabularEncoder`.
    decoder : {"auto", "anchored", "mlp", "transformer"} or callable, default="auto"
        ``decoder(width, allowed_tokens)`` returns a digit decoder. ``"anchored"`` knows
        that neighbouring numbers are alike and needs fewer rows; it writes the numbers
        of ``"normalized"`` alone. ``"mlp"`` has free digits; the transformer is that of
        the papers and costs several times more. ``"auto"`` is ``"anchored"`` for
        numbers in even steps, else ``"mlp"``.
    pretraining : str or Objective, default="cross_entropy"
        Objective of the first stage. ``"cross_entropy"`` is the negative log-likelihood
        of the digits. ``"ntl_was"``, ``"ntl_mse"`` and ``"dist"`` add to
        cross-entropy how far each digit is from the true one. ``"crps"``, a proper
        score, and ``"expected_error"``, the exact limit of ReMax, read the whole
        number: exactly for formats of at most 4,096 strings, otherwise by samples.
        Policy gradients are for `fine_tuning` and refused here.
    fine_tuning : str, Objective or None, default="crps"
        Objective of the second stage: a policy gradient (``"remax"``, ``"grpo"``,
        ``"rloo"``), a loss as in `pretraining`, or None. Options travel with it, as in
        ``fine_tuning=ReMax(n_rollouts=32)``. Policy gradients and ``"expected_error"``
        narrow the intervals; None and ``"crps"`` keep about those of pretraining.
    target_transform : {"standard", "quantile"} or transformer, default="standard"
        What is done to the target before it is standardised and written. ``"quantile"``
        maps it to a normal distribution, for heavy tails. Any monotone transformer with
        ``inverse_transform`` will do. Distributions stay in the units of the target.
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Boolean mask, indices or names of the category columns. ``"from_dtype"`` takes
        the string, categorical and enum columns of a data frame.
    normal_scores : bool, default=True
        Whether the network also reads each number as a normal score, the quantile of
        the normal distribution at its rank among the training rows: what helps with
        skewed columns. False halves the numeric inputs.
    pretraining_epochs, fine_tuning_epochs : int, default=100 and 30
        Passes over the training rows, at most.
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
    n_iter_no_change : int or None, default=20
        Patience in epochs; None never stops early.
    scoring : {"rmse", "crps"}, default="crps"
        Validation score that selects the state: error of the mean, or of the whole
        distribution, both exact and in units of the target. The latter is less at the
        mercy of outliers in a small validation part.
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
        Seed of weights, batches, rollouts and split. The same seed gives the same bits
        on the same machine; no global generator is touched.
    verbose : int, default=0
        Above zero, a progress bar on standard error if that is a terminal.

    Attributes
    ----------
    tokenizer_ : Tokenizer
        Fitted on the scaled targets.
    target_scaler_ : TargetScaler
        Targets to the scale of the network and back.
    feature_encoder_ : FeatureEncoder
        Columns to the array the network reads.
    history_ : list of dict
        A row per epoch: stage, epoch (0: before fine-tuning), train_loss,
        validation_rmse, validation_crps, reward and entropy (of a sampled
        number on the validation part: minus its expected squared error, scaled, and
        the nats of its digits), seconds, selected, and the columns of `diagnostics`.
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
    PredictiveDistribution(n_rows=300, n_values=256)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **DigitsMixin._parameter_constraints,
        **TemperatureMixin._parameter_constraints,
        "pretraining": [StrOptions(set(LOSSES)), Objective],
        "fine_tuning": [StrOptions(set(OBJECTIVES)), Objective, None],
        "pretraining_epochs": [Interval(Integral, 1, None, closed="left")],
        "fine_tuning_epochs": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "fine_tuning_learning_rate": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        tokenizer: Any = "normalized",
        encoder: Any = "tabular",
        decoder: Any = "auto",
        pretraining: Any = "cross_entropy",
        fine_tuning: Any = "crps",
        *,
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
        n_iter_no_change: int | None = 20,
        scoring: str = "crps",
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
        self.pretraining = pretraining
        self.fine_tuning = fine_tuning
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
        return stages

    def _check_stages(self, stages: list[Stage]) -> None:
        """Raise ``ValueError`` if an objective is unfit for its stage or tokenizer."""
        super()._check_stages(stages)
        if isinstance(stages[0].objective, PolicyGradient):
            raise ValueError(
                f"pretraining={stages[0].objective} is a policy gradient, which learns "
                "from numbers that a pretrained model draws. Give it as fine_tuning, "
                "or use pretraining='expected_error', the expected squared error."
            )
        for stage in stages:
            check_expectation(stage.objective, self.tokenizer_)


def check_expectation(objective: Objective, tokenizer: Tokenizer) -> None:
    """Raise ``ValueError`` if the exact expected number is wanted of a large format."""
    n_strings = tokenizer.n_strings
    if isinstance(objective, ExpectedNumberLoss) and n_strings > MAX_LEAVES:
        raise ValueError(
            f"{objective} reads the expected number, which is exact for at most "
            f"{MAX_LEAVES} strings; {tokenizer} has {n_strings}. Use "
            "ExpectedError(alpha=0), which samples, RAFTRegressor(grid='quantiles'), "
            "or fewer or shorter digits."
        )
