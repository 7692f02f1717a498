"""What must hold of every call, whatever it was given."""

from __future__ import annotations

import pickle
import random
import re
import signal
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.exceptions import NotFittedError

from random_calls.call import Call
from sklearn_genre import PredictiveDistribution

ALLOWED = (ValueError, TypeError, IndexError, NotFittedError)
LONGEST_MESSAGE = 400
LONGEST_CALL = 60  # seconds
# Warnings of one place.
MOST_WARNINGS = 3
# Messages about X that scikit-learn's checks of estimators ask for word by word.
OF_SKLEARN = re.compile(
    "Complex data not supported|Expected 2D array|The feature names should match|"
    "Found array with .* required by "
)


@dataclass(frozen=True)
class Outcome:
    """What became of a call; `failure` is one line, empty if all was right."""

    failure: str = ""
    refused: bool = False
    details: str = ""


def outcome_of(call: Call, *, twice: bool) -> Outcome:
    """Make a call and say what was wrong."""
    before, given = world(), fingerprint(call.values)
    with warnings.catch_warnings(record=True) as said, time_limit(LONGEST_CALL):
        warnings.simplefilter("always")
        outcome = made(call, twice=twice)
    if outcome.failure:
        return outcome
    changed = [name for name, value in world().items() if value != before[name]]
    if changed:
        return Outcome(f"changed {', '.join(changed)}")
    if fingerprint(call.values) != given:
        return Outcome("changed an argument")
    return Outcome(noise(said), outcome.refused)


def made(call: Call, *, twice: bool) -> Outcome:
    """Make a call, and look at its error or its result."""
    try:
        result = call.function(**call.values)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return Outcome(complaint(error, call), True, traceback.format_exc())
    if call.must_fail:
        return Outcome(f"took {', '.join(call.suspects)}")
    try:
        call.check(result)
        if twice and call.repeatable:
            second = call.function(**call.values)
            assert fingerprint(second) == fingerprint(result), "other bits when redone"
    except AssertionError as error:
        return Outcome(f"{last_line(error)}", details=traceback.format_exc())
    except Exception as error:
        return Outcome(f"check: {last_line(error)}", details=traceback.format_exc())
    return Outcome()


def complaint(error: BaseException, call: Call) -> str:
    """Return what is wrong with an error, or nothing."""
    line = last_line(error)
    if not isinstance(error, ALLOWED):
        return f"{line} (not allowed)"
    message = str(error)
    if not call.suspects and not call.may_fail:
        return f"{line} (nothing was wrong)"
    if OF_SKLEARN.match(message):
        return ""
    if "\n" in message.strip():
        return f"{line} (several lines)"
    if len(message) > LONGEST_MESSAGE:
        return f"{line} ({len(message)} characters)"
    if any(ord(letter) < 32 for letter in message):
        return f"{line!r} (control characters)"
    if not call.may_fail and not names_one(message, call.suspects):
        return f"{line} (names none of {', '.join(call.suspects)})"
    return ""


def names_one(message: str, words: list[str]) -> bool:
    """Return whether a message has one of some words."""
    return any(
        re.search(rf"(?<![^\W_]){re.escape(word)}", message, re.IGNORECASE)
        for word in words
    )


def last_line(error: BaseException) -> str:
    """Return the type and the message of an error on one line, cut where it is long."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return text if len(text) <= 300 else f"{text[:300]}..."


def noise(said: list[warnings.WarningMessage]) -> str:
    """Return what is wrong with the warnings of a call, or nothing."""
    for warning in said:
        text = " ".join(str(warning.message).split())[:200]
        if issubclass(warning.category, (RuntimeWarning, FutureWarning)):
            return f"{warning.category.__name__}: {text}"
        if len(str(warning.message)) > LONGEST_MESSAGE:
            return f"warning of {len(str(warning.message))} characters: {text}"
    places = Counter((warning.filename, warning.lineno) for warning in said)
    if places and max(places.values()) > MOST_WARNINGS:
        return f"{max(places.values())} warnings: {said[0].message}"
    return ""


def world() -> dict[str, Any]:
    """Return what a call must leave as it is, by name."""
    name, keys, *place = np.random.get_state()  # noqa: NPY002
    return {
        "numpy's generator": (name, keys.tobytes(), *place),
        "torch's generator": torch.get_rng_state().numpy().tobytes(),
        "Python's generator": hash(random.getstate()),
        "threads": torch.get_num_threads(),
        "default dtype": torch.get_default_dtype(),
        "default device": str(torch.get_default_device()),
        "gradient mode": torch.is_grad_enabled(),
        "inference mode": torch.is_inference_mode_enabled(),
        "numpy's error mode": tuple(np.geterr().items()),
    }


def fingerprint(value: Any) -> Any:
    """Return what is equal for equal bits."""
    if isinstance(value, dict):
        return [(name, fingerprint(item)) for name, item in value.items()]
    if isinstance(value, list | tuple):
        return [fingerprint(item) for item in value]
    if isinstance(value, np.ma.MaskedArray):
        return fingerprint((value.data, np.ma.getmaskarray(value)))
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind != "O":
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, torch.Tensor):
        return str(value.dtype), fingerprint(value.detach().numpy())
    if isinstance(value, PredictiveDistribution):
        arrays = (value.support, value.edges, value.pmf(), value.clipped)
        return fingerprint(arrays)
    if isinstance(value, pd.DataFrame):  # its pickle holds how it is stored
        columns = [value.iloc[:, j] for j in range(value.shape[1])]
        values = [(str(column.dtype), column.tolist()) for column in columns]
        return [repr((list(value.columns), list(value.index), values))]
    if isinstance(value, np.ndarray | int | float | str | bytes | type(None)):
        return repr(value)
    if type(value).__module__.startswith(("pandas", "polars", "pyarrow")):
        return pickle.dumps(value)
    return id(value)


@contextmanager
def time_limit(seconds: int) -> Iterator[None]:
    """Raise ``TimeoutError`` after some seconds, where the system has alarms."""
    if not hasattr(signal, "SIGALRM"):
        yield
        return

    def stop(*_: Any) -> None:
        raise TimeoutError(f"longer than {seconds} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
