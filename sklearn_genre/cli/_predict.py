"""The command that predicts the rows of a file by a saved model."""

import argparse
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import joblib
import numpy as np

from sklearn_genre.cli._arguments import build_predict_parser
from sklearn_genre.cli._console import note, say
from sklearn_genre.cli._error import InputError, reason, shown_path
from sklearn_genre.cli._folder import refuse_overwriting, write_file
from sklearn_genre.cli._predictions import write_predictions
from sklearn_genre.cli._source import read_source
from sklearn_genre.preprocessing import TableReader


def run_predict(arguments: Sequence[str]) -> None:
    """Read a model and a file, and print or write the predictions."""
    options = build_predict_parser().parse_args(arguments)
    if options.output is not None:
        refuse_overwriting([options.output], [options.model, options.data])
    model = load_model(options.model)
    source = read_source(
        options.data, delimiter=options.delimiter, encoding=options.encoding
    )
    for line in source.notes:
        note(f"note: {line}")
    if not len(source.frame):
        raise InputError(f"{shown_path(options.data)} has no rows below its header")
    try:
        dist = model.predict(source.frame, output_type="distribution")
    except ValueError as error:
        raise InputError(f"{shown_path(options.data)}: {error}") from error
    rows = np.arange(1, len(source.frame) + 1)
    if options.output is None:
        text = io.StringIO(newline="")
        _write(text, rows, dist, options)
        return say(text.getvalue().replace("\r\n", "\n").removesuffix("\n"))

    def write(path: Path) -> None:
        with path.open("w", newline="", encoding="utf-8") as file:
            _write(file, rows, dist, options)

    write_file(options.output, write)
    note(f"{len(rows)} predictions are in {options.output}")


def _write(file: Any, rows: Any, dist: Any, options: argparse.Namespace) -> None:
    """Write the columns that the options ask for."""
    write_predictions(
        file, rows, dist, coverage=options.interval, quantiles=options.quantiles
    )


def load_model(path: Path) -> Any:
    """Load a pipeline that the command line has saved.

    Raises
    ------
    InputError
        If the file holds no such pipeline.
    """
    try:
        model = joblib.load(path)
    except OSError as error:
        why = error.strerror or reason(error)
        raise InputError(f"cannot read {shown_path(path)}: {why}") from error
    except Exception as error:  # whatever a file that is no pickle ends in
        raise InputError(
            f"{shown_path(path)} is no model that the command line saved"
        ) from error
    steps = getattr(model, "steps", None)
    if not steps or not isinstance(steps[0][1], TableReader):
        raise InputError(
            f"{shown_path(path)} holds no model that the command line saved, but "
            f"{type(model).__name__}; use it in Python"
        )
    return model
