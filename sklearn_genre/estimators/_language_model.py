"""A causal language model that reads a prompt and writes a number."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from sklearn_genre._objective import Objective
from sklearn_genre._sklearn import StrOptions
from sklearn_genre.decoders import (
    Backbone,
    Spelling,
    Store,
    fits_table,
    freeze,
    new_decoder,
    spell,
)
from sklearn_genre.estimators._decoding import OBJECTIVES
from sklearn_genre.estimators._digits import DigitRegressor, check_stages
from sklearn_genre.estimators._language_settings import (
    fit_identity,
    numbers_tokenizer,
    placed,
    resolved_precision,
)
from sklearn_genre.estimators._parameters import (
    EPOCHS_OR_NONE,
    RATE,
    SHARED,
    TEMPERATURE,
    Constraints,
    documented,
    integer,
    resolve,
)
from sklearn_genre.estimators._predicting import READ, Read
from sklearn_genre.estimators._pretrained import Pretrained, digest
from sklearn_genre.inputs import TRUNCATIONS, Data, PromptEncoder, fields_of
from sklearn_genre.losses import LOSSES, SquaredError
from sklearn_genre.networks import (
    PROMPT_HEADS,
    LanguageModelNetwork,
    Network,
    PromptHeadNetwork,
)
from sklearn_genre.policy_gradients import PolicyGradient
from sklearn_genre.tokenizers import TOKENIZERS, Tokenizer
from sklearn_genre.training import Checkpoint, Encoded, Settings, Stage

# Penalties of the readout that validation chooses from.
N_PENALTIES = 4


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
    model : str
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
        The last so many blocks; 0 trains the rows of digits alone, in seconds. A
        ``peft.LoraConfig`` adds adapters and trains those.
    start : {"pretrained", "random"}, default="pretrained"
        Whether the weights of the model are read; random ones are for comparison.
    attention : {"causal", "bidirectional"}, default="causal"
        Whether tokens of the prompt see only what is before them.
    warm_start_rows : {"fit", None}, default="fit"
        Whether the rows of digits, or the head, are trained first, by L-BFGS on all
        samples at once, with a penalty that the validation set chooses. None is the
        start of the papers. Formats that are too long for one pass start without.
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
    target_transform : {"standard", "quantile"} or transformer, default="standard"
        As in :class:`DecodingRegressor`; numbers then write the transformed target,
        mapped to the range of the format.
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
    <scoring>
    <temperature>
    checkpoint : str, path or None, default=None
        A file that is written after each epoch. A fit with the same data and parameters
        that finds it goes on from there, to the same result; it is deleted at the end.
        Needs an integer `random_state`.
    warm_start : bool, default=False
        Whether ``fit`` continues from the weights of the last fit, on its scales.
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
    >>> model = LanguageModelRegressor(
    ...     "models/SmolLM2-135M", "{} | {} | similarity from 0 to 5: ", trainable=0
    ... )
    >>> model.fit(pairs, scores).predict_interval(pairs)  # doctest: +SKIP
    """

    _parameter_constraints: ClassVar[Constraints] = {
        **{
            name: SHARED[name]
            for name in (
                "target_transform",
                "weight_decay",
                "ema_decay",
                "early_stopping",
                "validation_fraction",
                "n_iter_no_change",
                "scoring",
                "warm_start",
                "device",
                "diagnostics",
                "random_state",
                "verbose",
            )
        },
        **TEMPERATURE,
        "model": [object],
        "prompt": [str, callable],
        "numbers": [str, Tokenizer],
        "objective": [StrOptions(set(OBJECTIVES)), Objective],
        "pretraining": [StrOptions(set(LOSSES)), Objective, None],
        "head": [StrOptions(set(PROMPT_HEADS)), None],
        "trainable": [integer(0), StrOptions({"all"}), object],
        "start": [StrOptions({"pretrained", "random"})],
        "attention": [StrOptions({"causal", "bidirectional"})],
        "warm_start_rows": [StrOptions({"fit"}), None],
        "cache": [str, "boolean", PathLike],
        "precision": [StrOptions({"auto", "float32", "bfloat16"})],
        "truncation": [StrOptions(set(TRUNCATIONS))],
        "max_length": [integer(2), None],
        "local_files_only": ["boolean"],
        "revision": [str, None],
        "max_epochs": EPOCHS_OR_NONE,
        "learning_rate": RATE,
        "batch_size": [integer(1)],
        "accumulate": [integer(1)],
        "checkpoint": [object],
    }
    _structural: ClassVar[tuple[str, ...]] = (
        "model",
        "revision",
        "prompt",
        "numbers",
        "head",
        "trainable",
        "attention",
        "target_transform",
    )
    _architectural: ClassVar[tuple[str, ...]] = (
        "model",
        "revision",
        "local_files_only",
        "start",
        "head",
        "trainable",
        "attention",
    )

    feature_encoder_: Any
    precision_: str
    _spelling: tuple[list[list[int]], list[list[int]]]
    _digest: str | None

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
        max_epochs: int = 10,
        learning_rate: float = 5e-5,
        batch_size: int = 16,
        accumulate: int = 1,
        weight_decay: float = 0.01,
        ema_decay: float = 0.99,
        early_stopping: Any = "auto",
        validation_fraction: float = 0.1,
        n_iter_no_change: int | None = 3,
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
        self.max_epochs = max_epochs
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.accumulate = accumulate
        self.weight_decay = weight_decay
        self.ema_decay = ema_decay
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
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
        return dict(READ) if self.head else dict(DigitRegressor._read)

    # The path of a fit ------------------------------------------------------------

    def _check_features(self, X: Any, *, reset: bool) -> NDArray[np.object_]:
        """Return the token ids of the prompts."""
        if isinstance(X, Tokenized):
            return X.ids
        if reset:
            self.feature_encoder_ = self._prompt_encoder()
        return self.feature_encoder_.read(X)

    def _prompt_encoder(self) -> PromptEncoder:
        """Return what reads prompts, its parameters checked."""
        if isinstance(self.prompt, str):
            fields_of(self.prompt)
        pretrained = self._pretrained({n: getattr(self, n) for n in SOURCE})
        room = getattr(pretrained.config(), "max_position_embeddings", None) or 2**20
        room = room if self.max_length is None else min(room, self.max_length)
        tokenizer = resolve(numbers_tokenizer(self.numbers), TOKENIZERS)
        room -= 2 * tokenizer.length + sum(map(len, getattr(tokenizer, "literals", ())))
        if room < 1:
            raise ValueError(
                f"max_length={self.max_length} leaves no room for a prompt before "
                f"numbers={self.numbers!r}. Raise it."
            )
        return PromptEncoder(self.prompt, pretrained.tokenize, room, self.truncation)

    def _pretrained(self, options: dict[str, Any]) -> Pretrained:
        """Return where the language model is."""
        name, revision, local = (options[key] for key in SOURCE)
        if not isinstance(name, str):
            name = str(name) if hasattr(name, "__fspath__") else name
        if not isinstance(name, str):
            raise TypeError(
                "model must be a folder, a GGUF file or a name of the hub, got "
                f"{name!r}."
            )
        return Pretrained(name, revision, bool(local))

    def _learn_features(self, data: Data) -> None:
        """Do nothing: prompts are read already."""

    def _learn_head(self, data: Data, z: NDArray[np.float64]) -> None:
        """Learn the number format, and how the language model spells it."""
        tokenizer = resolve(numbers_tokenizer(self.numbers), TOKENIZERS)
        self.tokenizer_ = placed(tokenizer, data.y, z, self.target_scaler_).fit(z)
        pretrained = self._pretrained({n: getattr(self, n) for n in SOURCE})
        spelling = spell(
            self.tokenizer_, pretrained.offsets, self.feature_encoder_.examples_
        )
        self._spelling = (spelling.ids.tolist(), spelling.literals)
        self.feature_encoder_.after = spelling.literals[0]
        self.precision_ = resolved_precision(self.precision, self.device)

    def _new_network(self) -> Network:
        """Return the language model, and what reads numbers off it."""
        pretrained = self._pretrained(self._architecture)
        is_random = self._architecture["start"] == "random"
        model = pretrained.load(is_random=is_random)
        self._check_digest(None if is_random else digest(model))
        trainable = self._architecture["trainable"]
        if isinstance(trainable, int | np.integer | str):
            freeze(model, "all" if trainable == "all" else int(trainable))
        else:
            add_adapters(model, trainable)
        backbone = Backbone(
            model.base_model,
            None if is_random else pretrained.name,
            is_causal=self._architecture["attention"] == "causal",
            precision=getattr(torch, self.precision_),
        )
        ids, literals = self._spelling
        spelling = Spelling(torch.tensor(ids, device="cpu"), literals)
        output = model.get_output_embeddings().weight.detach()
        decoder = new_decoder(backbone, output, spelling, self.tokenizer_)
        head = self._architecture["head"]
        if head is None:
            return LanguageModelNetwork(decoder, self.tokenizer_)
        return PromptHeadNetwork(decoder, PROMPT_HEADS[head](decoder))

    def _check_digest(self, found: str | None) -> None:
        """Refuse weights that are not those of the fit; note them in a fit."""
        before = getattr(self, "_digest", found)
        if before != found:
            raise ValueError(
                f"model={self._architecture['model']!r} has other weights than those "
                f"that the fit was made with: sha256 {str(found)[:12]}, not "
                f"{str(before)[:12]}. Put the same model there."
            )
        self._digest = found

    def _stages(self) -> list[Stage]:
        """Return the readout, pretraining and training."""
        objective: Objective = resolve(self.objective, OBJECTIVES)
        before = None if self.pretraining is None else resolve(self.pretraining, LOSSES)
        if self.head is not None:
            objective, before = SquaredError(), None
        if isinstance(before, PolicyGradient):
            raise ValueError(
                f"pretraining={before} is a policy gradient. Give it as objective, and "
                "pretraining='cross_entropy'."
            )
        if isinstance(objective, PolicyGradient) and before is None:
            raise ValueError(
                f"objective={objective} learns from numbers that the model draws. "
                "Set pretraining='cross_entropy'."
            )
        if int(objective.n_updates) > 1 and self.accumulate > 1:
            raise ValueError(
                f"accumulate={self.accumulate} needs n_updates=1, got {objective}."
            )
        losses = [loss for loss in (before, objective) if loss is not None]
        first, stages = losses[0], []
        if self.warm_start_rows == "fit" and self._reads_tree():
            stages.append(Stage("readout", first, N_PENALTIES, 1.0, True, "lbfgs"))
            if self._trains_no_block():
                losses = losses[1:]  # the readout is all there is
        names = ["pretraining", "training"][2 - len(losses) :] if losses else []
        for name, loss in zip(names, losses, strict=True):
            rate = self.learning_rate
            stages.append(Stage(name, loss, self.max_epochs, rate, keep_start=True))
        return check_stages(stages, self.tokenizer_)

    def _trains_no_block(self) -> bool:
        """Return whether the language model itself stays as it is."""
        return isinstance(self.trainable, int | np.integer) and self.trainable == 0

    def _reads_tree(self) -> bool:
        """Return whether all states that a readout needs come from one pass."""
        _, literals = self._spelling
        return self.head is not None or fits_table(self.tokenizer_, literals)

    def _train(
        self,
        stages: list[Stage],
        data: Data,
        validation: Data | None,
        monitored: Any,
    ) -> None:
        """Run the stages, on validation samples of like lengths together."""
        network: Any = self._network
        backbone = network.decoder.backbone
        first = super()._encode(data.X[: self.batch_size])
        nodes = network.decoder.no_nodes if self.head else network.decoder.nodes
        backbone.can_split = self.cache is not False
        backbone.can_split = backbone.can_split and backbone.can_be_split(first, nodes)
        if validation is not None:
            lengths = np.array([len(ids) for ids in validation.X])
            validation = validation.take(np.argsort(lengths, kind="stable"))
        super()._train(stages, data, validation, monitored)

    def _caches_in_folder(self) -> bool:
        """Return whether states of frozen blocks are kept in files."""
        is_pretrained = self._architecture["start"] == "pretrained"
        return is_pretrained and self.cache not in ("auto", True, False)

    def _encode(self, X: NDArray[np.object_]) -> Any:
        """Return prompts as the network reads them, with states that are in files."""
        prompts = super()._encode(X)
        if not self._caches_in_folder():
            return prompts
        network: Any = self._network
        network.decoder.backbone.store = Store(self.cache, str(self._digest))
        return network.remember(prompts)

    def _settings(self, training: Encoded) -> Settings:
        """Return how every stage is trained."""
        checkpoint = None
        if self.checkpoint is not None:
            identity = fit_identity(self, training, self._digest)
            checkpoint = Checkpoint(self.checkpoint, identity)
        return Settings(
            self.batch_size,
            self.weight_decay,
            self.ema_decay,
            self.scoring,
            self.n_iter_no_change if self.early_stopping else None,
            accumulate=self.accumulate,
            watches_collapse=self.head is None,
            checkpoint=checkpoint,
        )

    # Predictions ------------------------------------------------------------------

    def _map(self, X: Any, function: Read) -> list[Any]:
        """Apply a function to samples, those of like lengths together."""
        fitted = self._view()
        ids = fitted._check_features(X, reset=False)
        order = np.argsort([len(text) for text in ids], kind="stable")
        parts = super()._map(Tokenized(ids[order]), function)
        return parts if len(ids) == 1 else [np.concatenate(parts)[np.argsort(order)]]

    def __sklearn_tags__(self) -> Any:
        """Declare that samples are texts."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.input_tags.allow_nan = False
        tags.no_validation = True
        return tags


# Parameters that say where the language model is.
SOURCE = ("model", "revision", "local_files_only")


def add_adapters(model: Any, config: Any) -> None:
    """Put the adapters of a peft config into a model, and let only them be trained."""
    try:
        from peft import PeftConfig, inject_adapter_in_model
    except ImportError as error:
        raise ImportError(
            "trainable=LoraConfig(...) needs peft: python -m pip install "
            "'sklearn_genre[lm]'"
        ) from error
    if not isinstance(config, PeftConfig):
        raise TypeError(
            "trainable must be a number of blocks, 'all' or a config of peft, got "
            f"{config!r}."
        )
    freeze(model, 0)
    inject_adapter_in_model(config, model)
