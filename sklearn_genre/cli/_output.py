"""The files of a run: predictions, model and picture."""

import csv
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import joblib
import numpy as np

from sklearn_genre import DecodingRegressor, PredictiveDistribution
from sklearn_genre.cli._comparison import COVERAGE
from sklearn_genre.cli._error import InputError
from sklearn_genre.cli._picture import draw
from sklearn_genre.cli._table import Table


def check_output(directory: Path) -> None:
    """Refuse, before any training, a folder that could not be made."""
    directory = directory.resolve()
    if directory.exists() and not directory.is_dir():
        raise InputError(f"--output {directory} is a file, not a folder")
    above = next(parent for parent in directory.parents if parent.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise InputError(f"--output {directory}: no folder can be made in {above}")


def write_output(
    directory: Path, model: DecodingRegressor, test: Table, dist: PredictiveDistribution
) -> None:
    """Write predictions, model and picture; every file appears complete or not.

    The folder is made if needed; files of the same names are replaced, others kept.
    """
    directory = directory.resolve()
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=directory.parent, prefix=".sklearn_genre-") as name:
            scratch = Path(name)
            _write_predictions(scratch / "predictions.csv", test, dist)
            joblib.dump(model, scratch / "model.joblib")
            draw(scratch / "distribution.png", test, dist)
            directory.mkdir(exist_ok=True)
            for file in sorted(scratch.iterdir()):
                file.replace(directory / file.name)
    except OSError as error:
        raise InputError(f"cannot write to {directory}: {error.strerror}") from error


def _write_predictions(path: Path, test: Table, dist: PredictiveDistribution) -> None:
    """Write one line per held-out row, in the order of the input."""
    interval = dist.interval(COVERAGE)  # (n, 2)
    values = np.column_stack([test.y, dist.mean(), dist.median(), interval])  # (n, 5)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["row", "y_true", "mean", "median", "lower", "upper"])
        for i in np.argsort(test.rows):
            writer.writerow([int(test.rows[i]), *values[i].tolist()])
