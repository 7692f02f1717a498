"""A causal language model that reads a prompt and writes a number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from sklearn_genre.decoders import Spelling, spell
from sklearn_genre.estimators._digits import DigitRegressor, check_stages
from sklearn_genre.estimators._language_network import language_network, same_digest
from sklearn_genre.estimators._language_settings import (
    CONSTRAINTS,
    cache_folder,
    keep_config,
    numbers_tokenizer,
    placed,
    prompt_encoder,
    resolved_precision,
    stages_of,
)
from sklearn_genre.estimators._parameters import Constraints, documented, resolve
from sklearn_genre.estimators._pretrained import Pretrained, digest
from sklearn_genre.estimators._reads import READ, Read, put_back
from sklearn_genre.inputs import Data
from sklearn_genre.networks import Network
from sklearn_genre.tokenizers import TOKENIZERS
from sklearn_genre.training import Encoded, Settings, Stage


class Tokenized(NamedTuple):
    """Samples that have been read already."""

    ids: NDArray[np.object_]


@documented
class LanguageModelRegressor(DigitRegressor):
    r"""Regression by a causal language model that writes its prediction.

    Each sample becomes a prompt, and the model writes a number after it, digit by
    digit. Restricted to the tokens that write digits, its next-token probabilities are
    a distribution over all numbers of the format: exact, read off the whole tree of
    digits in one pass together with the prompt. So every objective and every inference
    rule of the package works as it does for tables: cross-entropy, RAFT [1]_, CRPS,
    ReMax and the other policy gradients of GenRe [2]_, RAIL, greedy decoding.

    Training begins with the rows of the output matrix that write digits, on states of
    the untouched model: seconds, and often most of the gain. The last blocks, or LoRA
    adapters, follow if `trainable` says so. What lies below the first trained block is
    computed once.

    Parameters
    ----------
    model : str, default=None
        A local folder with model and tokenizer, a file in GGUF format, or a name of the
        Hugging Face hub that is in the local cache.
    prompt : str or callable, default="{}"
        Template of a prompt: ``{}`` for a text, ``{0}`` for columns of an array,
        ``{name}`` for those of a data frame; or a function of the sample that returns a
        str. It ends where the number begins, with a space if the model has one there.
    numbers : str or Tokenizer, default="d.d"
        How numbers are written: a ``d`` for each digit, ``+`` for a sign, anything else
        as it is (see :class:`~sklearn_genre.tokenizers.DecimalTokenizer`). Targets that
        fit are written as they are, rounded; others are mapped to the range of the
        format, with a warning. Each digit must be one token of the model. About a
        hundred prefixes are read in one pass; longer numbers cost more.
    objective : str or Objective, default="crps"
        What is minimised: ``"cross_entropy"``, ``"raft"``, ``"expected_error"`` or
        another loss; or a policy gradient, ``"remax"``, ``"grpo"`` or ``"rloo"``, after
        `pretraining`. With a `head` it is the squared error.
    pretraining : str, Objective or None, default=None
        Loss of a stage before, ``"cross_entropy"`` say.
    head : str or None, default=None
        Read a number from the states of the prompt in place of writing it, as the
        methods that RAFT is compared with: ``"linear"``, ``"special_token"``, ``"mlp"``
        (on the logits of the first digit), ``"pooled_mean"``, ``"pooled_min"``,
        ``"pooled_max"`` (of the states of the prompt) or ``"projection"`` (of the
        probabilities of the first digit).
    trainable : int, "all" or peft config, default=12
        The last so many blocks, all of them if there are fewer; 0 trains the rows of
        digits alone, in seconds. A ``peft.LoraConfig`` adds adapters and trains those.
    start : {"pretrained", "random"}, default="pretrained"
        Whether the weights of the model are read; random ones are for comparison.
    attention : {"causal", "bidirectional"}, default="causal"
        Whether tokens of the prompt see only what is before them.
    warm_start_rows : {"fit", None}, default="fit"
        Whether the rows of digits, or the head, are trained first, by L-BFGS on all
        samples at once, with a penalty that the validation set chooses; where there is
        none, five folds of the samples do. None is the start of the papers.
        Formats that are too long for one pass start without.
    cache : "auto", False, str or path, default="auto"
        Where states below the first trained block are kept during a fit: in memory, two
        bytes (in bfloat16) or four for each unit of each token; in a folder, where
        other fits and predictions on the same prompts find them; or nowhere.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Of matrix products. ``"auto"`` is bfloat16 where this machine is faster so.
        Weights stay float32.
    truncation : {"error", "left", "right"}, default="error"
        What happens to prompts that are longer than the window of the model: an error
        that names the sample, or tokens are left out at the beginning, or before the
        fixed end of the template.
    max_length : int or None, default=None
        Tokens of prompt and number together, at most; None is the window of the model.
    local_files_only : bool, default=True
        Whether nothing may be downloaded.
    revision : str or None, default=None
        Of a model on the hub.
    <target_transform>
    <target_range>
    max_epochs : int, default=10
        Passes over the training set in each stage, at most. 0 leaves the blocks as they
        are, and without `warm_start_rows` the whole model.
    learning_rate : float, default=5e-5
        Peak learning rate of AdamW. Where all samples get the same first digit, it is
        halved, with a warning, and training goes on from the best state.
    batch_size : int, default=16
        Samples that pass through the model together.
    accumulate : int, default=1
        Batches for each step.
    <weight_decay>
    <ema_decay>
    <early_stopping>
    <validation_fraction>
    n_iter_no_change : int or None, default=3
        Patience in epochs; None never stops early.
    <max_fit_seconds>
    scoring : {"rmse", "crps", "expected_error"}, default="rmse"
        Validation score that selects the state: of the mean, or of the distribution.
    <temperature>
    <checkpoint>
    <warm_start>
    <device>
    <diagnostics>
    <random_state>
    <verbose>

    Attributes
    ----------
    tokenizer_ : Tokenizer
        Fitted on the scaled targets.
    precision_ : str
        Of matrix products.
    <temperature_>
    <learned>

    Notes
    -----
    What is stored is what was trained. The frozen weights are named by `model` and
    checked by their sha256: a model that was saved loads where the same folder is, or
    where the environment variable ``SKLEARN_GENRE_MODELS`` names the folder around it.

    References
    ----------
    .. [1] Lukasik et al., "Better Autoregressive Regression with LLMs via
           Regression-Aware Fine-Tuning" (RAFT), ICLR 2025.
    .. [2] "Beyond Token-level Supervision: Unlocking the Potential of Decoding-based
           Regression via Reinforcement Learning" (GenRe), arXiv:2512.06533.

    Examples
    --------
    >>> from sklearn_genre import LanguageModelRegressor
    >>> LanguageModelRegressor("models/smollm2", "{a} | {b} | 0 to 5: ", trainable=0)
    LanguageModelRegressor(model='models/smollm2', prompt='{a} | {b} | 0 to 5: ',
                           trainable=0)
    """

    _reads_blocks: ClassVar[bool] = False
    _parameter_constraints: ClassVar[Constraints] = CONSTRAINTS
    _structural: ClassVar[tuple[str, ...]] = tuple(
        "model revision prompt numbers head trainable attention "
        "start precision truncation max_length target_transform target_range".split()
    )
    _architectural: ClassVar[tuple[str, ...]] = tuple(
        "model revision local_files_only start head trainable attention".split()
    )

    feature_encoder_: Any
    precision_: str
    _spelling: tuple[list[list[int]], list[list[int]]]
    _digest: str | None
    _splits: bool

    def __init__(
        self,
        model: Any = None,
        prompt: Any = "{}",
        numbers: Any = "d.d",
        objective: Any = "crps",
        *,
        pretraining: Any = None,
        head: str | None = None,
        trainable: Any = 12,
        start: str = "pretrained",
        attention: str = "causal",
        warm_start_rows: str | None = "fit",
        cache: Any = "auto",
        precision: str = "auto",
        truncation: str = "error",
        max_length: int | None = None,
        local_files_only: bool = True,
        revision: str | None = None,
        target_transform: Any = "standard",
        target_range: Any = None,
        max_epochs: int = 10,
        learning_rate: float = 5e-5,
        batch_size: int = 16,
        accumulate: int = 1,
        weight_decay: float = 0.01,
        ema_decay: float = 0.99,
        early_stopping: Any = "auto",
        validation_fraction: float = 0.1,
        n_iter_no_change: int | None = 3,
        max_fit_seconds: float | None = None,
        scoring: str = "rmse",
        temperature: Any = 1.0,
        checkpoint: Any = None,
        warm_start: bool = False,
        device: str = "auto",
        diagnostics: Sequence[str] = (),
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.model = model
        self.prompt = prompt
        self.numbers = numbers
        self.objective = objective
        self.pretraining = pretraining
        self.head = head
        self.trainable = trainable
        self.start = start
        self.attention = attention
        self.warm_start_rows = warm_start_rows
        self.cache = cache
        self.precision = precision
        self.truncation = truncation
        self.max_length = max_length
        self.local_files_only = local_files_only
        self.revision = revision
        self.target_transform = target_transform
        self.target_range = target_range
        self.max_epochs = max_epochs
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.accumulate = accumulate
        self.weight_decay = weight_decay
        self.ema_decay = ema_decay
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.max_fit_seconds = max_fit_seconds
        self.scoring = scoring
        self.temperature = temperature
        self.checkpoint = checkpoint
        self.warm_start = warm_start
        self.device = device
        self.diagnostics = diagnostics
        self.random_state = random_state
        self.verbose = verbose

    @property
    def _read(self) -> dict[str, Read]:  # type: ignore[override]
        """What ``predict`` can read: a head writes no digits."""
        return dict(READ) if self._fitted_head else dict(DigitRegressor._read)

    @property
    def _fitted_head(self) -> Any:
        """The head of the fit, or that of the next one."""
        return getattr(self, "_architecture", vars(self))["head"]

    # The path of a fit ------------------------------------------------------------

    def _check_features(self, X: Any, *, reset: bool) -> NDArray[np.object_]:
        """Return the token ids of the prompts."""
        if isinstance(X, Tokenized):
            return X.ids
        if reset:
            options = (self._pretrained(), self.max_length, self.truncation)
            self.feature_encoder_ = prompt_encoder(self.prompt, self.numbers, *options)
        return self.feature_encoder_.read(X)

    def _pretrained(self) -> Pretrained:
        """Return where the language model is."""
        return Pretrained.of(self.model, self.revision, self.local_files_only)

    def _learn_features(self, data: Data) -> None:
        """Learn nothing: prompts are read already."""

    def _learn_head(self, data: Data, z: NDArray[np.float64]) -> None:
        """Learn the number format, and how the language model spells it."""
        tokenizer = resolve(numbers_tokenizer(self.numbers), TOKENIZERS)
        warns = self.head is None  # a head writes nothing
        tokenizer = placed(tokenizer, data.y, z, self.target_scaler_, warns)
        self.tokenizer_ = tokenizer.fit(z)
        pretrained = self._pretrained()
        spelling = spell(
            self.tokenizer_, pretrained.offsets, self.feature_encoder_.examples_
        )
        self._spelling = (spelling.ids.tolist(), spelling.literals)
        self.feature_encoder_.after = spelling.literals[0]
        self.precision_ = resolved_precision(self.precision, self.device)

    def _check_warm_start(self, data: Data) -> None:
        """Keep the scales of a head; warn if the digits do not reach the targets."""
        if self._fitted_head is None:
            super()._check_warm_start(data)
        else:
            network: Any = self._network
            network.head.learns_scales = False

    def _new_network(self) -> Network:
        """Return the language model, and what reads numbers off it."""
        keep_config(self._architecture, self._structure)
        pretrained = Pretrained.of(*(self._architecture[name] for name in SOURCE))
        self.feature_encoder_.tokenize([])  # refuses another tokenizer
        is_random = self._architecture["start"] == "random"
        model = pretrained.load(is_random=is_random)
        sha256 = None if is_random else digest(model)
        self._digest = same_digest(pretrained, sha256, getattr(self, "_digest", sha256))
        ids, literals = self._spelling
        spelling = Spelling(torch.tensor(ids, device="cpu"), literals)
        return language_network(
            model,
            spelling,
            self.tokenizer_,
            source=None if is_random else pretrained.name,
            precision=self.precision_,
            **{name: self._architecture[name] for name in BUILT_FROM},
        )

    def _stages(self) -> list[Stage]:
        """Return the readout, pretraining and training."""
        stages = stages_of(self, self.tokenizer_, self._spelling[1])
        return check_stages(stages, self.tokenizer_)

    def _train(
        self, stages: list[Stage], data: Data, validation: Any, **options: Any
    ) -> None:
        """Run the stages, on validation samples of like lengths together."""
        network: Any = self._network
        backbone = network.decoder.backbone
        first, nodes = super()._encode(data.X[: self.batch_size]), network.decoder.nodes
        backbone.folder = None
        self._splits = bool(self.cache) and backbone.can_be_split(first, nodes)
        backbone.can_split = self._splits
        if validation is None:
            stages = [stage._replace(by_folds=True) for stage in stages]
        else:
            lengths = np.array([len(ids) for ids in validation.X])
            validation = validation.take(np.argsort(lengths, kind="stable"))
        super()._train(stages, data, validation, **options)

    def _encode(self, X: NDArray[np.object_]) -> Any:
        """Return prompts as the network reads them, with states that are in files."""
        network: Any = self._network
        backbone = network.decoder.backbone
        backbone.folder = cache_folder(self.cache, self._digest)
        if backbone.folder is None:
            return super()._encode(X)
        backbone.can_split = self._splits  # not stored with the weights
        return network.remember(super()._encode(X))

    def _settings(self, training: Encoded) -> Settings:
        """Return how every stage is trained."""
        own: dict[str, Any] = {"accumulate": self.accumulate}
        own["watches_collapse"] = self.head is None
        return super()._settings(training)._replace(**own)

    # Predictions ------------------------------------------------------------------

    def _check_writes(self) -> None:
        """Refuse what is read of digits where a head writes none."""
        if head := self._fitted_head:
            raise ValueError(
                f"head={head!r} writes no digits. Draw from the distributions with "
                "sample_y, or fit with head=None."
            )

    def _map(self, X: Any, function: Read) -> list[Any]:
        """Apply a function to samples, those of like lengths together."""
        ids = self._view()._check_features(X, reset=False)
        order = np.argsort([len(text) for text in ids], kind="stable")
        parts = super()._map(Tokenized(ids[order]), function)
        return parts if len(ids) == 1 else [put_back(parts, order)]

    def __sklearn_tags__(self) -> Any:
        """Declare that samples are texts."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.input_tags.categorical = tags.input_tags.allow_nan = False
        return tags


# Parameters that say where the language model is, and what is built on it.
SOURCE = ("model", "revision", "local_files_only")
BUILT_FROM = ("head", "trainable", "attention")
