"""What a fit of a language model decides before it begins."""

from __future__ import annotations

import re
import time
from copy import deepcopy
from difflib import get_close_matches
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sklearn_genre._checks import shown
from sklearn_genre._device import resolve_device
from sklearn_genre._objective import Objective
from sklearn_genre._sklearn import StrOptions
from sklearn_genre._warn import warn
from sklearn_genre.decoders import fits_table
from sklearn_genre.estimators._decoding import OBJECTIVES
from sklearn_genre.estimators._parameters import (
    EPOCHS_OR_NONE,
    RATE,
    SHARED,
    TEMPERATURE,
    Constraints,
    integer,
    resolve,
)
from sklearn_genre.estimators._pretrained import Pretrained
from sklearn_genre.inputs import TRUNCATIONS, PromptEncoder, fields_of
from sklearn_genre.losses import LOSSES, SquaredError
from sklearn_genre.networks import PROMPT_HEADS
from sklearn_genre.policy_gradients import PolicyGradient
from sklearn_genre.targets import TargetScaler
from sklearn_genre.tokenizers import TOKENIZERS, DecimalTokenizer, Tokenizer
from sklearn_genre.training import Stage

# Steps of a format that the spread of the targets must have, to be written as they are.
FEWEST_STEPS = 4
# How much faster bfloat16 must be, on a product of this size, to be chosen.
FASTER, PROBE_SIZE, N_PROBES = 1.3, 512, 5

# A letter other than a digit's d, and a digit right after it.
LETTER_BEFORE = re.compile(r"[^\W\d_](?<!d)d")

# Tokens of a window where a model has none.
NO_LIMIT = 2**20
# Penalties of the readout that validation chooses from.
N_PENALTIES = 7

Array = NDArray[np.float64]

CONSTRAINTS: Constraints = {
    **{
        name: SHARED[name]
        for name in (
            "target_transform",
            "target_range",
            "weight_decay",
            "ema_decay",
            "early_stopping",
            "validation_fraction",
            "n_iter_no_change",
            "max_fit_seconds",
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
    "checkpoint": SHARED["checkpoint"],
}


def keep_config(architecture: dict[str, Any], structure: dict[str, Any]) -> None:
    """Copy what trains a model, so that the fit does not change with the parameter."""
    for place in (architecture, structure):
        place["trainable"] = deepcopy(place["trainable"])


def cache_folder(cache: Any, sha256: str | None) -> tuple[str, str] | None:
    """Return the folder of states and the model whose they are, or None.

    Random weights have no name.
    """
    if cache in ("auto", True, False) or sha256 is None:
        return None
    if not str(cache):
        raise ValueError("cache='' is no folder. Give one, 'auto' or False.")
    try:
        Path(cache).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(
            f"cache={str(cache)!r} cannot be a folder ({error.strerror}). Give a "
            "folder that may be written, 'auto' or False."
        ) from None
    return str(cache), sha256


def numbers_tokenizer(numbers: str | Tokenizer) -> str | Tokenizer:
    """Return the tokenizer, or its name, of how numbers are written."""
    if isinstance(numbers, Tokenizer) or numbers in TOKENIZERS:
        return numbers
    if LETTER_BEFORE.search(numbers) or "d" not in numbers:
        close = get_close_matches(numbers, TOKENIZERS, 1)
        meant = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(
            f"numbers={shown(numbers, repr)} is neither one of {[*TOKENIZERS]} nor a "
            "format with a 'd' for each digit, none of them right after a letter, as "
            f"in 'd.d'.{meant}"
        )
    tokenizer = DecimalTokenizer(numbers)
    tokenizer._check_parameters()
    return tokenizer


def placed(
    tokenizer: Tokenizer, y: Array, z: Array, scaler: TargetScaler, warns: bool
) -> Any:
    """Return a tokenizer that knows the scale of the targets that it writes.

    Targets that the format can write are written as they are. Others are mapped to its
    range, with a warning if `warns`.
    """
    if not isinstance(tokenizer, DecimalTokenizer):
        return tokenizer
    low, high = tokenizer.written_range
    plain = scaler.transformer_ is None
    inside = low <= y.min() and y.max() <= high + tokenizer.step / 2
    steps = (y.max() - y.min()) / tokenizer.step
    error = np.abs(y / tokenizer.step - np.round(y / tokenizer.step)).max()
    whole = error < 1e-6 * min(1.0, steps or 1.0)
    if plain and inside and (steps >= FEWEST_STEPS or whole):
        return tokenizer.place(scaler.mean_, scaler.scale_)
    if plain and warns:
        warn(
            f"numbers={tokenizer.format!r} writes {low:g} to {high:g} in steps of "
            f"{tokenizer.step:g}, and the targets go from {y.min():g} to {y.max():g}: "
            "they are mapped to that range. A format that writes them as they are lets "
            "the language model use what it knows of numbers.",
        )
    unit = (high - low) / ((z.max() - z.min()) or 1.0)
    return tokenizer.place(low - unit * z.min(), unit)


def resolved_precision(precision: str, device: str) -> str:
    """Return the precision of matrix products; "auto" is the faster one."""
    if precision != "auto":
        return precision
    where = resolve_device(device)
    if where.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    return "bfloat16" if _bfloat16_is_faster() else "float32"


@lru_cache(1)
def _bfloat16_is_faster() -> bool:
    """Return whether this CPU multiplies matrices clearly faster in bfloat16."""
    seconds = {}
    for dtype in (torch.float32, torch.bfloat16):
        x = torch.ones(PROBE_SIZE, PROBE_SIZE, dtype=dtype, device="cpu")
        times = []
        for _ in range(N_PROBES):
            start = time.perf_counter()
            x @ x
            times.append(time.perf_counter() - start)
        seconds[dtype] = min(times)
    return seconds[torch.float32] > FASTER * seconds[torch.bfloat16]


def stages_of(
    estimator: Any, tokenizer: Tokenizer, literals: list[list[int]]
) -> list[Stage]:
    """Return the stages that the parameters of an estimator ask for."""
    objective: Objective = resolve(estimator.objective, OBJECTIVES)
    before = estimator.pretraining
    before = None if before is None else resolve(before, LOSSES)
    if estimator.head is not None:
        objective, before = SquaredError(), None
        if estimator.temperature != 1:
            raise ValueError(
                f"temperature={estimator.temperature!r} is of digits, and "
                f"head={estimator.head!r} writes none. Leave it at 1."
            )
    if int(objective.n_updates) > 1 and estimator.accumulate > 1:
        raise ValueError(
            f"accumulate={estimator.accumulate} needs n_updates=1, got {objective}."
        )
    in_one_pass = estimator.head is not None or fits_table(tokenizer, literals)
    return language_stages(
        objective,
        before,
        max_epochs=estimator.max_epochs,
        learning_rate=estimator.learning_rate,
        fits_readout=estimator.warm_start_rows == "fit" and in_one_pass,
        trains_blocks=trains_blocks(estimator.trainable),
    )


def language_stages(
    objective: Objective,
    pretraining: Objective | None,
    *,
    max_epochs: int,
    learning_rate: float,
    fits_readout: bool,
    trains_blocks: bool,
) -> list[Stage]:
    """Return the readout, pretraining and training, those that there are.

    Parameters
    ----------
    objective : Objective
    pretraining : Objective or None
    max_epochs : int
    learning_rate : float
    fits_readout : bool
        Whether the weights that read the last states are fitted first.
    trains_blocks : bool
        Whether anything is left to train afterwards by a loss.
    """
    if isinstance(pretraining, PolicyGradient):
        raise ValueError(
            f"pretraining={pretraining} is a policy gradient. Give it as objective, "
            "and pretraining='cross_entropy'."
        )
    if isinstance(objective, PolicyGradient) and pretraining is None:
        raise ValueError(
            f"objective={objective} learns from numbers that the model draws. Set "
            "pretraining='cross_entropy'."
        )
    named = [("pretraining", pretraining), ("training", objective)]
    losses = [(name, loss) for name, loss in named if loss is not None]
    stages = []
    if fits_readout:
        stages.append(Stage("readout", losses[0][1], N_PENALTIES, 1.0, True, "lbfgs"))
        losses = losses if trains_blocks else losses[1:]  # the readout is all there is
    return stages + [
        Stage(name, loss, max_epochs, learning_rate, keep_start=True)
        for name, loss in losses
    ]


def trains_blocks(trainable: Any) -> bool:
    """Return whether anything of the language model itself is trained.

    Raises
    ------
    ValueError
        If it is a text other than "all", or a bool.
    """
    if isinstance(trainable, str | bool) and trainable != "all":
        raise ValueError(
            "trainable must be a number of blocks, 'all' or a config of peft, got "
            f"{shown(trainable, repr)}."
        )
    return isinstance(trainable, str) or bool(trainable)


def prompt_encoder(
    prompt: Any,
    numbers: Any,
    pretrained: Pretrained,
    max_length: int | None,
    truncation: str,
) -> PromptEncoder:
    """Return what reads prompts, its options checked."""
    if isinstance(prompt, str):
        fields_of(prompt)
    window = getattr(pretrained.config(), "max_position_embeddings", None) or NO_LIMIT
    room = window if max_length is None else min(window, max_length)
    tokenizer = resolve(numbers_tokenizer(numbers), TOKENIZERS)
    pretrained = pretrained.as_now()
    room -= n_tokens_of(tokenizer, pretrained)
    if room < 1:
        raise ValueError(
            f"max_length={max_length} leaves no room for a prompt before "
            f"numbers={numbers!r}. Raise it."
        )
    return PromptEncoder(prompt, pretrained.tokenize, room, truncation)


def n_tokens_of(tokenizer: Tokenizer, pretrained: Pretrained) -> int:
    """Return how many tokens of the language model a number is written by."""
    digits = [texts[0] for texts in tokenizer.token_texts]
    literals = getattr(tokenizer, "literals", ("",) * len(digits))
    written = "".join(a + b for a, b in zip(literals, digits, strict=False))
    text, alone = pretrained.tokenize([written, ""])
    return max(len(text) - len(alone), len(digits))
