"""What a fit of a language model decides before it begins."""

from __future__ import annotations

import hashlib
import time
import warnings
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sklearn_genre._device import resolve_device
from sklearn_genre.estimators._state import description
from sklearn_genre.targets import TargetScaler
from sklearn_genre.tokenizers import TOKENIZERS, DecimalTokenizer, Tokenizer
from sklearn_genre.training import Encoded

# Steps of a format that the spread of the targets must have, to be written as they are.
FEWEST_STEPS = 8
# How much faster bfloat16 must be, on a product of this size, to be chosen.
FASTER, PROBE_SIZE, N_PROBES = 1.3, 512, 5

Array = NDArray[np.float64]


def numbers_tokenizer(numbers: str | Tokenizer) -> str | Tokenizer:
    """Return the tokenizer, or its name, of how numbers are written."""
    if isinstance(numbers, Tokenizer) or numbers in TOKENIZERS:
        return numbers
    tokenizer = DecimalTokenizer(numbers)
    tokenizer._check_parameters()
    return tokenizer


def placed(tokenizer: Tokenizer, y: Array, z: Array, scaler: TargetScaler) -> Any:
    """Return a tokenizer that knows the scale of the targets that it writes.

    Targets that the format can write are written as they are. Others are mapped to its
    range, which is said.
    """
    if not isinstance(tokenizer, DecimalTokenizer):
        return tokenizer
    low, high = tokenizer.written_range
    plain = scaler.transformer_ is None
    inside = low <= y.min() and y.max() <= high + tokenizer.step / 2
    steps = (y.max() - y.min()) / tokenizer.step
    whole = np.abs(y / tokenizer.step - np.round(y / tokenizer.step)).max() < 1e-6
    if plain and inside and (steps >= FEWEST_STEPS or whole):
        return tokenizer.place(scaler.mean_, scaler.scale_)
    if plain:
        warnings.warn(
            f"numbers={tokenizer.format!r} writes {low:g} to {high:g} in steps of "
            f"{tokenizer.step:g}, and the targets go from {y.min():g} to {y.max():g}: "
            "they are mapped to that range. A format that writes them as they are lets "
            "the language model use what it knows of numbers.",
            stacklevel=4,
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


def fit_identity(estimator: Any, training: Encoded, digest: str | None) -> str:
    """Return a text that differs for fits of other data, parameters or weights.

    Raises
    ------
    ValueError
        If the draws of the fit are not its own.
    """
    seed = estimator.random_state
    if not isinstance(seed, int | np.integer):
        raise ValueError(
            "checkpoint needs an integer random_state, so that the fit that goes on "
            f"draws the same batches, got {seed!r}."
        )
    options = estimator.get_params()
    for name in ("checkpoint", "verbose", "model", "local_files_only"):
        del options[name]
    found = hashlib.sha256(repr([digest, estimator.precision_]).encode())
    for name, value in sorted(options.items()):
        found.update(f"{name}={description(value)}".encode())
    inputs: Any = training.inputs
    for array in (training.y, training.sample_weight, inputs.joined().numpy()):
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()
