"""A file as features and a target, with errors that name the line."""

import difflib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

from sklearn_genre.cli._error import InputError, shown, shown_path
from sklearn_genre.cli._source import Source
from sklearn_genre.preprocessing._columns import Decimal, decide, of_percents
from sklearn_genre.preprocessing._table_reader import listed, place_in
from sklearn_genre.preprocessing._values import numbers_in, values_of

# Fewest rows with a target that are split, trained on and scored.
MIN_ROWS = 20
# Squares of targets beyond these are no float64.
LARGEST_TARGET, SMALLEST_TARGET = 1e150, 1e-150
# Share of the values of a target that may be no numbers.
MOST_WRONG = 0.1
HOLDS = {
    "number": "too many words",
    "boolean": "booleans",
    "category": "words",
    "text": "texts",
    "date": "dates",
}


@dataclass(frozen=True)
class Table:
    """Features, target, and the place of every row below the file's header."""

    X: pd.DataFrame  # (n, n_features)
    y: NDArray[np.float64]  # (n,)
    rows: NDArray[np.intp]  # (n,), counted from 1
    notes: tuple[str, ...] = ()  # what was left out while reading
    target: str = "target"  # its name

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.y)

    def __getitem__(self, index: NDArray[np.intp]) -> "Table":
        """Return the rows of an index array."""
        return replace(
            self, X=self.X.iloc[index], y=self.y[index], rows=self.rows[index], notes=()
        )


def diabetes() -> Table:
    """Return scikit-learn's bundled diabetes data."""
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    return Table(X, y.to_numpy(dtype=float), np.arange(1, len(y) + 1))


def with_target(
    source: Source, path: Path, target: str, decimal: Decimal, missing: Sequence[str]
) -> Table:
    """Split a frame into features and target; rows without a target are left out.

    Raises
    ------
    InputError
        If the target is not there, or is no number.
    """
    name = find_column(path, source.frame, target)
    if f"{name}.1" in source.frame and f"a second column {shown(name)}" in " ".join(
        source.notes
    ):
        raise InputError(
            f"{shown_path(path)} has more than one column named {shown(name)}"
        )
    y, notes = _read_target(source.frame[name], decimal, missing)
    kept = np.flatnonzero(~np.isnan(y))
    if len(kept) < MIN_ROWS:
        raise InputError(
            f"{shown_path(path)} has {len(kept)} rows with a target; at least "
            f"{MIN_ROWS} are needed"
        )
    X = source.frame.drop(columns=name).iloc[kept]
    if not X.shape[1]:
        raise InputError(
            f"{shown_path(path)} has no values beside the target; --delimiter says "
            "where cells end"
        )
    return Table(X, y[kept], kept + 1, (*source.notes, *notes), name)


def find_column(path: Path, frame: pd.DataFrame, name: str) -> str:
    """Return the name of a column, or say which names come close."""
    if name in frame.columns:
        return name
    if name.strip() in frame.columns:
        return name.strip()
    lower = {known.lower(): known for known in frame.columns}
    close = difflib.get_close_matches(name.lower(), lower)
    hint = f"did you mean {' or '.join(shown(lower[key]) for key in close)}? "
    hint = hint if close else ""
    raise InputError(
        f"{shown_path(path)} has no column {shown(name)}: {hint}its columns "
        f"are {listed(frame.columns)}"
    )


def _read_target(
    column: pd.Series, decimal: Decimal, missing: Sequence[str]
) -> tuple[NDArray[np.float64], list[str]]:
    """Return the target as numbers, nan where it is missing, with notes."""
    where = place_in(column.to_frame())
    reading, _ = decide(column, decimal, missing, where)
    if reading.kind == "empty":
        return np.full(len(column), np.nan), []
    target = f"the target {shown(column.name)}"
    try:
        values = values_of(column, missing)
    except TypeError as error:
        raise InputError(f"{target} must be numbers: {error}") from error
    numbers = numbers_in(values.values, reading.decimal)
    wrong = np.isnan(numbers)
    wrong |= np.array([isinstance(v, bool) for v in values.values], dtype=bool)
    n_wrong = values.counts[wrong].sum()
    if reading.kind != "number" or n_wrong > MOST_WRONG * values.counts.sum():
        word, row = values.first(wrong) if wrong.any() else values.first(~wrong)
        raise InputError(
            f"{target} must be numbers: {where(row)} has {shown(word)}, and the column "
            f"holds {HOLDS[reading.kind]}"
        )
    large = np.abs(numbers) > LARGEST_TARGET
    if large.any():
        word, row = values.first(large)
        raise InputError(
            f"{target} must be at most {LARGEST_TARGET:g} in size: {where(row)} has "
            f"{shown(word)}; divide it by a constant"
        )
    if 0 < np.nanmax(np.abs(numbers), initial=0) < SMALLEST_TARGET:
        raise InputError(
            f"{target} has no number of at least {SMALLEST_TARGET:g} in size: multiply "
            "it by a constant"
        )
    y = values.spread(numbers, np.nan)
    notes = [f"{target}: {text}" for text in of_percents(values, ~wrong, where)]
    if gone := int(np.isnan(y).sum()):
        notes.append(f"{gone} of {len(y)} rows left out: no value in {target[4:]}")
    if wrong.any():
        word, row = values.first(wrong)
        notes.append(f"{target}: {shown(word)} in {where(row)} is no number")
    return y, notes


def split(table: Table, test_size: float, seed: int) -> tuple[Table, Table]:
    """Hold out a random part of the rows, enough to train on and to score."""
    n_test = math.ceil(test_size * len(table))
    n_train = len(table) - n_test
    if n_train < MIN_ROWS // 2 or n_test < 2:
        raise InputError(
            f"--test-size {test_size} leaves {n_train} rows to train on and holds out "
            f"{n_test}: at least {MIN_ROWS // 2} and 2 are needed"
        )
    train, test = train_test_split(
        np.arange(len(table)), test_size=n_test, random_state=seed
    )
    return table[train], table[test]
