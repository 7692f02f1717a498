"""Which files and functions of the package a default fit and a predict enter.

Also which calls climb: from a file to one of a higher layer, by tests/layers.py.
"""

import argparse
import inspect
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))

import numpy as np
from layers import RANK, place

import sklearn_genre
from sklearn_genre import DecodingRegressor

ROOT = Path(sklearn_genre.__file__).parent
N_SAMPLES = 64
N_COLUMNS = 3
EPOCHS = 2  # of each stage: more enter no other function
# Where a call is made on behalf of a callback of the user.
CALLBACKS = "sklearn/callback"


@dataclass
class Trace:
    """What a call of the package enters, in the order of first entry.

    Attributes
    ----------
    functions : dict of str to list of str
        The functions of each file, both as they are first entered.
    climbs, callbacks : list of str
        Calls into a higher layer: of the package itself, and for a callback.
    """

    functions: dict[str, list[str]] = field(default_factory=dict)
    climbs: list[str] = field(default_factory=list)
    callbacks: list[str] = field(default_factory=list)

    @property
    def files(self) -> list[str]:
        """The files, in the order in which they are first entered."""
        return list(self.functions)

    @property
    def n_functions(self) -> int:
        """How many functions are entered."""
        return sum(map(len, self.functions.values()))

    def enter(self, frame: FrameType, event: str, argument: Any) -> None:
        """Note the call of a function of the package; what ``sys.setprofile`` takes."""
        if event != "call" or not is_function(frame.f_code):
            return
        file = file_of(frame)
        if file is None:
            return
        if not is_nested(frame.f_code):
            entered = self.functions.setdefault(file, [])
            if frame.f_code.co_qualname not in entered:
                entered.append(frame.f_code.co_qualname)
        caller, through_callback = caller_of(frame)
        if caller is None or RANK[place(file)] <= RANK[place(file_of(caller) or "")]:
            return
        name = frame.f_code.co_qualname
        call = f"{file_of(caller)}:{caller.f_lineno} calls {file} {name}"
        climbs = self.callbacks if through_callback else self.climbs
        if call not in climbs:
            climbs.append(call)


def is_function(code: CodeType) -> bool:
    """Return whether code is of a function: not of a module, and not of a class."""
    return bool(code.co_flags & inspect.CO_NEWLOCALS)


def is_nested(code: CodeType) -> bool:
    """Return whether code is a comprehension, a generator expression or a lambda."""
    return code.co_name.startswith("<")


def file_of(frame: FrameType) -> str | None:
    """Return the file of a frame, relative to the package, or None outside of it."""
    path = Path(frame.f_code.co_filename)
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else None


def caller_of(frame: FrameType) -> tuple[FrameType | None, bool]:
    """Return the nearest frame of the package, and whether a callback lies between."""
    through_callback = False
    above = frame.f_back
    while above is not None and file_of(above) is None:
        path = Path(above.f_code.co_filename).as_posix()
        through_callback |= CALLBACKS in path
        above = above.f_back
    return above, through_callback


def traced(function: Callable[[], object]) -> Trace:
    """Return what a call of a function enters."""
    trace = Trace()
    before = sys.getprofile()
    sys.setprofile(trace.enter)
    try:
        function()
    finally:
        sys.setprofile(before)
    return trace


def default_traces(epochs: int = EPOCHS) -> dict[str, Trace]:
    """Return what fit and predict of a default estimator enter.

    All is imported, and all that is kept for later is computed, before.
    """
    random = np.random.default_rng(0)
    X = random.standard_normal((N_SAMPLES, N_COLUMNS))
    y = X[:, 0] + random.standard_normal(N_SAMPLES)

    def new() -> DecodingRegressor:
        return DecodingRegressor(
            pretraining_epochs=epochs, fine_tuning_epochs=epochs, random_state=0
        )

    new().fit(X, y).predict(X)
    model = new()
    fit = traced(lambda: model.fit(X, y))
    return {"fit": fit, "predict": traced(lambda: model.predict(X))}


def as_json(traces: dict[str, Trace]) -> str:
    """Return all that was noted."""
    return json.dumps(
        {
            name: {
                "n_files": len(trace.functions),
                "n_functions": trace.n_functions,
                "functions": trace.functions,
                "climbs": trace.climbs,
                "callbacks": trace.callbacks,
            }
            for name, trace in traces.items()
        },
        indent=2,
    )


def as_text(traces: dict[str, Trace]) -> str:
    """Return the numbers, the files in order, and the calls that climb."""
    lines = []
    for name, trace in traces.items():
        lines += [f"{name}: {len(trace.files)} files, {trace.n_functions} functions"]
        lines += [f"  {file} {len(own)}" for file, own in trace.functions.items()]
        for title, calls in (
            ("calls that climb", trace.climbs),
            ("calls that climb through callbacks", trace.callbacks),
        ):
            lines += [f"{name}: {len(calls)} {title}", *(f"  {call}" for call in calls)]
    return "\n".join(lines)


FORMATS = {"text": as_text, "json": as_json}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--format", choices=FORMATS, default="text")
    options.add_argument("--epochs", type=int, default=EPOCHS, help="of each stage")
    args = options.parse_args()
    print(FORMATS[args.format](default_traces(args.epochs)))


if __name__ == "__main__":
    main()
