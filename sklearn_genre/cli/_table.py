"""A CSV file as features and a target, with errors that name the line."""

import csv
import difflib
import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_genre.cli._error import InputError

# Fewest rows with a target that are split, trained on and scored.
MIN_ROWS = 20
MISSING = {"", "na", "nan", "null", "none", "?"}
INFINITE = {"inf", "infinity"}


@dataclass(frozen=True)
class Table:
    """Features, target, and the place of every row below the file's header."""

    X: np.ndarray  # (n, n_features), float64, or object where a column is text
    y: np.ndarray  # (n,)
    rows: np.ndarray  # (n,), counted from 1
    categorical: list[int]
    notes: tuple[str, ...] = ()  # what was left out while reading

    def __getitem__(self, index: np.ndarray) -> "Table":
        """Return the rows of an index array."""
        return Table(self.X[index], self.y[index], self.rows[index], self.categorical)


def read_table(path: Path, target: str) -> Table:
    """Read a CSV file; a column that is not all numbers is a category.

    Parameters
    ----------
    path : Path
        A comma-separated UTF-8 file with a header line.
    target : str
        The name of the column to predict; rows without it are left out.

    Returns
    -------
    Table

    Raises
    ------
    InputError
        If the file cannot be read as a table or its target is not numeric.
    """
    header, fields, lines = _read_fields(path)
    place = _find_column(path, header, target)
    y = _read_target([row[place] for row in fields], lines, target)
    kept = np.flatnonzero(~np.isnan(y))
    if len(kept) < MIN_ROWS:
        raise InputError(
            f"{path} has {len(kept)} rows with a target; at least {MIN_ROWS} are needed"
        )
    columns = {
        name: _read_column([(fields[i][j], lines[i]) for i in kept], name)
        for j, name in enumerate(header)
        if j != place
    }
    filled = {name: column for name, column in columns.items() if _has_value(column)}
    if not filled:
        raise InputError(
            f"{path} has no values beside the target: cells are separated by commas"
        )
    notes = []
    if len(kept) < len(y):
        gone = len(y) - len(kept)
        notes.append(f"{gone} of {len(y)} rows left out: no value in {target!r}")
    if len(filled) < len(columns):
        empty = ", ".join(repr(name) for name in columns if name not in filled)
        notes.append(f"columns left out: no value in {empty}")
    X, categorical = _stack(list(filled.values()))
    return Table(X, y[kept], kept + 1, categorical, tuple(notes))


def _read_fields(path: Path) -> tuple[list[str], list[list[str]], list[int]]:
    """Read the header, the rows of stripped fields and the line of every row."""
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, skipinitialspace=True, strict=True)
            for row in reader:
                row = [field.strip() for field in row]
                if row not in ([], [""]):
                    rows.append(row)
                    lines.append(reader.line_num)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text: save it as a CSV file") from error
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: {error}") from error
    if not rows:
        raise InputError(f"{path} is empty: a header line and rows are needed")
    _check_shape(path, rows, lines)
    return rows[0], rows[1:], lines[1:]


def _check_shape(path: Path, rows: list[list[str]], lines: list[int]) -> None:
    """Refuse rows longer or shorter than the header, and two columns of one name."""
    header = rows[0]
    twice = [repr(name) for name, count in Counter(header).items() if count > 1]
    if twice:
        raise InputError(f"{path} has more than one column named {', '.join(twice)}")
    for row, line in zip(rows, lines, strict=True):
        if len(row) != len(header):
            raise InputError(
                f"{path}, line {line}: {len(row)} cells where the header has "
                f"{len(header)}"
            )


def _find_column(path: Path, header: list[str], name: str) -> int:
    """Return the place of a column, or say which names come close."""
    if name in header:
        return header.index(name)
    lower = {known.lower(): known for known in header}
    close = [repr(lower[key]) for key in difflib.get_close_matches(name.lower(), lower)]
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    raise InputError(
        f"{path} has no column {name!r}: {hint}its columns are {', '.join(header)}"
    )


def _read_target(fields: list[str], lines: list[int], name: str) -> np.ndarray:
    """Read the target as numbers, nan where it is missing."""
    y = np.empty(len(fields))  # (n,)
    for i, (field, line) in enumerate(zip(fields, lines, strict=True)):
        number = read_number(field)
        if number is None:
            raise InputError(
                f"the target {name!r} must be finite numbers: line {line} has {field!r}"
            )
        y[i] = number
    return y


def read_number(field: str) -> float | None:
    """Read a field: nan where it is missing, None where it is no finite number."""
    if field.lower() in MISSING:
        return math.nan
    try:
        number = float(field)
    except ValueError:
        return None
    return number if math.isfinite(number) and "_" not in field else None


def _read_column(fields: list[tuple[str, int]], name: str) -> list[Any]:
    """Read fields and their lines as floats if all allow it, otherwise as strings."""
    numbers = [read_number(field) for field, _ in fields]
    if None not in numbers:
        return numbers
    words = [field for field, n in zip(fields, numbers, strict=True) if n is None]
    if all(word.lower().lstrip("+-") in INFINITE for word, _ in words):
        word, line = words[0]
        raise InputError(
            f"column {name!r} must hold finite numbers: line {line} has {word!r}; "
            "leave the cell empty if the value is missing"
        )
    return [math.nan if field.lower() in MISSING else field for field, _ in fields]


def _has_value(column: list[Any]) -> bool:
    """Return whether a column has a value at all."""
    return any(field == field for field in column)  # nan is not itself


def _stack(columns: list[list[Any]]) -> tuple[np.ndarray, list[int]]:
    """Join columns to (n, n_features), and say which of them are categories."""
    categorical = [
        j
        for j, column in enumerate(columns)
        if any(isinstance(field, str) for field in column)
    ]
    X = np.empty((len(columns[0]), len(columns)), object if categorical else float)
    for j, column in enumerate(columns):
        X[:, j] = column
    return X, categorical
