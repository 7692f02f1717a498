"""Parameters that the estimators share: what is allowed, and what it means."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Mapping
from numbers import Integral, Real
from os import PathLike
from typing import Any, TypeVar

from sklearn.base import clone

from sklearn_genre._checks import as_float
from sklearn_genre._sklearn import HasMethods, Interval, StrOptions
from sklearn_genre.decoders import DECODERS
from sklearn_genre.encoders import ENCODERS
from sklearn_genre.tokenizers import TOKENIZERS, NormalizedTokenizer, Tokenizer
from sklearn_genre.training import SCORING

# Temperatures beyond would overflow logits.
LOWEST, HIGHEST = 1e-6, 1e6
LARGEST_INTEGER = 2**63 - 1
# Share of the numbers beyond each end of the training range, unless a user says
# otherwise: there a network learns where its distribution has to end.
MARGIN = 0.1

Constraints = dict[str, list[Any]]


class Number(Interval):
    """An interval of numbers that a float is near to, none of them a bool."""

    def is_satisfied_by(self, val: Any) -> bool:
        """Return whether a value is such a number."""
        if isinstance(val, bool) or not isinstance(val, Real):
            return False
        return math.isfinite(as_float(val)) and bool(super().is_satisfied_by(val))


def integer(low: int) -> Number:
    """Return the constraint on an integer of 64 bits, from low on."""
    return Number(Integral, low, LARGEST_INTEGER, closed="both")


RATE: list[Any] = [Number(Real, 0, None, closed="neither")]
EPOCHS: list[Any] = [integer(1)]
EPOCHS_OR_NONE: list[Any] = [integer(0)]

SHARED: Constraints = {
    "encoder": [StrOptions(set(ENCODERS)), callable],
    "target_transform": [
        StrOptions({"standard", "quantile"}),
        HasMethods(["fit", "transform", "inverse_transform"]),
    ],
    "target_range": ["array-like", None],
    "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
    "normal_scores": ["boolean"],
    "batch_size": [StrOptions({"auto"}), integer(1)],
    "weight_decay": [Number(Real, 0, None, closed="left")],
    "ema_decay": [Number(Real, 0, 1, closed="left")],
    "early_stopping": ["boolean", StrOptions({"auto"})],
    "cv": [
        StrOptions({"auto"}),
        integer(2),
        HasMethods(["split", "get_n_splits"]),
        "array-like",
        HasMethods("__next__"),  # refused with advice
        None,
    ],
    "validation_fraction": [Number(Real, 0, 1, closed="neither")],
    "max_fit_seconds": [Number(Real, 0, None, closed="neither"), None],
    "n_iter_no_change": [integer(1), None],
    "scoring": [StrOptions(set(SCORING))],
    "checkpoint": [str, PathLike, None],
    "distributed": ["boolean"],
    "warm_start": ["boolean"],
    "device": [str],
    "dtype": [StrOptions({"float32", "float64"})],
    "diagnostics": ["array-like", str],  # a str is refused with advice
    "random_state": ["random_state"],
    "verbose": ["verbose"],
}
TEMPERATURE: Constraints = {
    "temperature": [
        Number(Real, LOWEST, HIGHEST, closed="both"),
        StrOptions({"validation"}),
    ],
}
DIGITS: Constraints = {
    "tokenizer": [StrOptions({"auto", *TOKENIZERS}), Tokenizer],
    "decoder": [StrOptions({"auto", *DECODERS}), callable],
}


def resolve(spec: Any, registry: Mapping[str, type]) -> Any:
    """Return a new object for a name of the registry, or a clone of an instance."""
    return registry[spec]() if isinstance(spec, str) else clone(spec)


def new_tokenizer(spec: Any) -> Tokenizer:
    """Return a tokenizer that is not fitted yet."""
    if isinstance(spec, str) and spec == "auto":
        return NormalizedTokenizer(margin=MARGIN)
    tokenizer: Tokenizer = resolve(spec, TOKENIZERS)
    return tokenizer


def factory(spec: Any, registry: Mapping[str, Any]) -> Any:
    """Return the factory behind a name of the registry, or the factory given."""
    return registry[spec] if isinstance(spec, str) else spec


def lets_fold(cv: Any, encoder: Any) -> bool:
    """Return whether an encoder can be built for folds.

    Without being asked for, only where it chooses its own members.
    """
    options = inspect.signature(encoder).parameters
    takes_any = any(each.kind is each.VAR_KEYWORD for each in options.values())
    if not (takes_any or "n_folds" in options):
        return False
    if not isinstance(cv, str):
        return True
    is_class = isinstance(getattr(encoder, "func", encoder), type)
    return is_class and "n_members" not in getattr(encoder, "keywords", {})


def names(registry: dict[str, Any], *others: str) -> str:
    """Return names in braces, as numpydoc writes choices."""
    return "{" + ", ".join(f'"{name}"' for name in (*others, *registry)) + "}"


TEXTS: dict[str, str] = {
    "tokenizer": f"""\
tokenizer : {names(TOKENIZERS, "auto")} or Tokenizer, default="auto"
    How numbers are written. ``NormalizedTokenizer(base, length)`` spends its digits on
    the training range, and ``"auto"`` a tenth of them beyond each end of it; ``"ieee"``
    and ``"p10"`` are floating-point formats, for targets of many magnitudes.""",
    "encoder": f"""encoder : {names(ENCODERS)} or callable, default="tabular"
    The network from the columns to a context: ``encoder(columns)`` returns a torch
    module. Options go in by ``functools.partial(TabularEncoder, n_members=4)``.
    ``"tabular"`` is an ensemble of eight members, or of sixteen with eight folds, with
    learned functions and scales of columns; ``"mlp"`` a plain perceptron, several times
    faster; ``"identity"`` is no network, for embeddings: the decoder or the head reads
    the columns.""",
    "decoder": f"""decoder : {names(DECODERS, "auto")} or callable, default="auto"
    The network from a context to digits: ``decoder(width, tokenizer)`` returns a digit
    decoder. ``"anchored"`` starts from a smooth density, for formats whose numbers are
    in even steps; ``"mlp"`` learns free digits; the transformer is that of the papers
    and costs several times more. ``"auto"`` is ``"anchored"`` where that is possible,
    else ``"mlp"``.""",
    "target_transform": """\
target_transform : {"standard", "quantile"} or transformer, default="standard"
    What is done to the target before it is standardised. ``"quantile"`` maps it to a
    normal distribution, for heavy tails. Any monotone transformer with
    ``inverse_transform`` will do. Losses are on the transformed scale; predictions and
    distributions are mapped back to the units of the target.""",
    "target_range": """target_range : tuple of two or None, default=None
    The smallest and the largest target there can be, None for no limit: ``(0, None)``
    for counts and prices. Numbers and bins of every prediction are clipped to it and
    keep their mass. Targets outside are refused by ``fit``.""",
    "categorical_features": """\
categorical_features : "from_dtype", array-like or None, default="from_dtype"
    Boolean mask, indices or names of the category columns. ``"from_dtype"`` takes the
    string, categorical and enum columns of a data frame.""",
    "normal_scores": """normal_scores : bool, default=True
    Whether the network also reads each number as a normal score, the quantile of the
    normal distribution at its rank among the training samples, which helps with skewed
    columns. False halves the numeric inputs.""",
    "batch_size": """batch_size : int or "auto", default="auto"
    Samples per step. ``"auto"`` is a power of two from 32 to 256 that grows with the
    size of the training set.""",
    "weight_decay": """weight_decay : float, default=0.01
    Decoupled weight decay of AdamW.""",
    "ema_decay": """ema_decay : float, default=0.99
    What is scored and kept are weights averaged over the training steps, with this
    decay at each step, less in the first hundred. 0 keeps the weights of the last step,
    as the papers do; larger values suit large datasets.""",
    "early_stopping": """early_stopping : bool or "auto", default="auto"
    Whether to hold out a validation set, unless ``fit`` is given one, and to stop a
    stage after `n_iter_no_change` epochs without improvement. ``"auto"`` does so from
    40 samples on. Without a validation set each stage keeps its last state.""",
    "cv": """\
cv : "auto", int, cross-validation splitter, list of splits or None, default="auto"
    Folds of the training samples, of which each ensemble member leaves one out: all
    samples train and all validate, in one fit of two members for each fold. It needs
    members that are trained each on its own loss, as those of the tabular encoder are
    with the anchored decoder. ``"auto"`` makes eight folds there, for up to 10,000
    samples of up to 500 columns, unless the encoder was given a number of members. None
    holds out `validation_fraction` of the samples, in about half the time. Not used if
    ``fit`` gets X_val, or `early_stopping` sets none aside.""",
    "validation_fraction": """validation_fraction : float, default=0.1
    Share of the training samples that is held out.""",
    "n_iter_no_change": """n_iter_no_change : int or None, default=12
    Patience in epochs; None never stops early.""",
    "max_fit_seconds": """max_fit_seconds : float or None, default=None
    Time that ``fit`` may take, by the clock on the wall. Stages share what is left of
    it by their epochs; each ends with its best state, after one step at least. None is
    no limit. A fit that ends by the clock need not be the same on another run.""",
    "scoring": """scoring : {"rmse", "crps", "expected_error"}, default="crps"
    Validation score that selects the state of each stage: the error of the prediction,
    the error of the whole distribution, or the expected squared error of a sampled
    number. The stage of a policy gradient with that reward takes the last.""",
    "temperature": """temperature : float or "validation", default=1.0
    Divides the logits of the trained network in predictions: above 1 distributions get
    wider, below 1 narrower. ``"validation"`` searches 1/8 to 8 for the lowest CRPS on
    the validation set: take it if intervals matter after a stage that narrowed them.
    Below 40 samples under ``early_stopping="auto"`` it is 1, with a warning.
    Training and `history_` are at 1.""",
    "checkpoint": """checkpoint : str, path or None, default=None
    A file that is written after each epoch, and every five minutes. A fit with the same
    data and parameters that finds it goes on from there, to the same result; it is
    deleted at the end, but not after an interrupt. It needs an integer
    `random_state`.""",
    "distributed": """distributed : bool, default=False
    Whether the processes that ``accelerate launch`` or ``torchrun`` has started train
    one model together, each on its part of every batch: the same script runs in all,
    with the same samples, and ends with the same model in each. See "Large data,
    several machines".""",
    "warm_start": """warm_start : bool, default=False
    Whether ``fit`` continues from the weights of the last fit, on its scales. The
    schedule of the learning rate starts anew: many short fits learn less than a long
    one. Samples that validate should be new, or left out as before: a warning says if
    they are not.""",
    "device": """device : str, default="auto"
    ``"auto"`` (CUDA if there is one), ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.""",
    "dtype": """dtype : {"float32", "float64"}, default="float32"
    Precision of the network. Targets and probabilities are always float64.""",
    "diagnostics": """diagnostics : sequence of str, default=()
    More columns of `history_`, measured on the validation set after each epoch:
    ``"digit_entropy"``, ``"string_entropy"``, ``"wasserstein1"``, ``"outlier_rate"``,
    ``"best_at_k"``, ``"mean_at_k"`` and ``"median_at_k"``, as :meth:`diagnose` explains
    them and measures them for any samples. Those at k cost the most.""",
    "random_state": """random_state : int, RandomState instance or None, default=None
    Seed of weights, batches and split. The same seed gives the same bits on the same
    machine, and no global generator is touched; None draws it from that of numpy.""",
    "verbose": """verbose : int, default=0
    Above zero, a progress bar on standard error; where that is no terminal, a line for
    each epoch once a fit has lasted ten seconds.""",
    # attributes
    "tokenizer_": """tokenizer_ : Tokenizer
    Fitted on the scaled targets.""",
    "learned": """target_scaler_ : TargetScaler
    Targets to the scale of the network and back.
feature_encoder_ : FeatureEncoder, or PromptEncoder of a language model
    Samples to what the network reads.
history_ : list of dict
    A row per epoch: stage, epoch (0: before fine-tuning), train_loss, validation_rmse
    (of the prediction), validation_crps, reward (minus the expected squared error of a
    sampled number, standardised), entropy (of the digits, the bin or the number, in
    nats), seconds, selected, and the columns of `diagnostics`.
n_iter_ : int
    Epochs run.
network_ : torch.nn.Module
    The fitted network.""",
    "columns_": """n_features_in_ : int
    Number of features seen by ``fit``.
feature_names_in_ : array of shape (`n_features_in_`,)
    Names of the features, if they all are strings.""",
    "temperature_": """temperature_ : float
    Temperature of the predictions.""",
}
TEXTS["training"] = "\n".join(
    TEXTS[name]
    for name in (
        "batch_size",
        "weight_decay",
        "ema_decay",
        "early_stopping",
        "cv",
        "validation_fraction",
        "n_iter_no_change",
        "max_fit_seconds",
    )
)
TEXTS["data"] = "\n".join(
    TEXTS[name]
    for name in (
        "target_transform",
        "target_range",
        "categorical_features",
        "normal_scores",
    )
)
TEXTS["running"] = "\n".join(
    TEXTS[name]
    for name in (
        "checkpoint",
        "distributed",
        "warm_start",
        "device",
        "dtype",
        "diagnostics",
        "random_state",
        "verbose",
    )
)

Class = TypeVar("Class", bound=type)


def documented(cls: Class) -> Class:
    """Put the shared texts where the docstring of an estimator has ``<name>``."""

    def text(found: re.Match[str]) -> str:
        indent, name = found.groups()
        return "\n".join(indent + line for line in TEXTS[name].splitlines())

    if cls.__doc__:
        cls.__doc__ = re.sub(r"^( *)<(\w+)>$", text, cls.__doc__, flags=re.MULTILINE)
    return cls
