"""The pipeline that is saved: read the columns, encode dates and texts, predict."""

import warnings
from dataclasses import replace
from typing import Any, NamedTuple

import pandas as pd
from sklearn.pipeline import Pipeline

from sklearn_genre import DecodingRegressor
from sklearn_genre.cli._error import InputError, shown
from sklearn_genre.cli._table import Table
from sklearn_genre.preprocessing import TableReader
from sklearn_genre.preprocessing._table_reader import KINDS, listed, narrowed

# Kinds of columns that skrub makes numbers of.
ENCODED = ("date", "text")
INSTALL = "python -m pip install skrub"


class Columns(NamedTuple):
    """What makes columns for a regressor.

    Attributes
    ----------
    reader : TableReader
        Fitted.
    encoder : TableVectorizer or None
        Not fitted; None where no column needs it.
    notes : list of str
    """

    reader: TableReader
    encoder: Any
    notes: list[str]


def read_columns(
    table: Table, *, drop: list[str], decimal: str, missing: list[str]
) -> Columns:
    """Decide how each column is read, and which are left out.

    Raises
    ------
    InputError
        If a column to drop is not there, or none is left.
    """
    unknown = [name for name in drop if name not in table.X.columns]
    if unknown:
        raise InputError(
            f"--drop: no column {listed(unknown)}; the columns are "
            f"{listed(table.X.columns)}"
        )
    options: dict[str, Any] = {"decimal": decimal, "missing": tuple(missing)}
    reader = _fitted(TableReader(leave_out=tuple(drop), **options), table)
    kinds = {name: reading["kind"] for name, reading in reader.readings_.items()}
    notes = []
    told = dict(zip(reader.table_["name"], reader.table_["note"], strict=True))
    counted = [name for name in kinds if _counts_rows(name, told[name])]
    if counted and len(counted) < len(kinds):
        notes.append(f"left out: {listed(counted)}, which numbers the rows")
        drop = [*drop, *counted]
    special = [name for name, kind in kinds.items() if kind in ENCODED]
    encoder = _encoder([name for name in kinds if name not in special])
    kept: tuple[str, ...] = KINDS
    if special and encoder is None:
        notes.append(
            f"left out: {listed(special)}, dates or texts; {INSTALL} makes numbers of "
            "them"
        )
        kept = tuple(kind for kind in KINDS if kind not in ENCODED)
    reader = narrowed(reader, kinds=kept, leave_out=tuple(drop))
    if not reader.readings_:
        raise InputError(f"no column is left beside the target: {'; '.join(notes)}")
    return Columns(reader, encoder if special else None, notes)


def _fitted(reader: TableReader, table: Table) -> TableReader:
    """Return a reader fitted to all rows: it learns types, and no numbers."""
    try:
        return reader.fit(table.X)
    except ValueError as error:
        raise InputError(f"no column is left beside the target: {error}") from error


def _counts_rows(name: str, note: str) -> bool:
    """Return whether a column without a name counts the rows, as pandas writes it."""
    return name.startswith("Unnamed: ") and note.startswith("numbers the rows")


def _encoder(others: list[str]) -> Any:
    """Return what makes numbers of dates and texts, or None without skrub.

    skrub is imported on call, because it is an extra.
    """
    try:
        from skrub import StringEncoder, TableVectorizer
    except ImportError:
        return None
    return TableVectorizer(
        cardinality_threshold=0,
        high_cardinality=StringEncoder(random_state=0),
        specific_transformers=[("passthrough", others)] if others else (),
        drop_null_fraction=None,
    )


def encode(columns: Columns, train: Table, test: Table) -> tuple[Any, Table, Table]:
    """Fit the encoder to the training rows, and return both sets as it makes them.

    Returns
    -------
    steps : list of (str, transformer)
        The first steps of the pipeline.
    train, test : Table
    """
    steps: list[tuple[str, Any]] = [("read", columns.reader)]
    X_train, X_test = (columns.reader.transform(part.X) for part in (train, test))
    if columns.encoder is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # fewer texts than components
            X_train = columns.encoder.fit_transform(X_train)
        X_test = columns.encoder.transform(X_test)
        steps.append(("encode", columns.encoder))
    return steps, _with(train, X_train), _with(test, X_test)


def _with(table: Table, X: pd.DataFrame) -> Table:
    """Return a table with other columns."""
    return replace(table, X=X, notes=())


def pipeline(steps: list[tuple[str, Any]], model: DecodingRegressor) -> Pipeline:
    """Return fitted steps and a fitted regressor as one model of the user's frame."""
    return Pipeline([*steps, ("regressor", model)])


def format_columns(table: pd.DataFrame, most: int = 50) -> str:
    """Return the columns of a file, one line each, those with a note first if many."""
    rest = max(len(table) - most, 0)
    if rest:
        order = (table["note"] == "").to_numpy().argsort(kind="stable")[:most]
        order.sort()
        table = table.iloc[order]
    lines = [("column", "read as", "missing", "levels", "note")]
    lines += [
        (shown(row[0])[1:-1], row[1], str(row[2]), str(row[3]), row[4])
        for row in table.itertuples(index=False)
    ]
    widths = [max(len(line[j]) for line in lines) for j in range(4)]
    aligned = [
        "  ".join(
            [
                line[0].ljust(widths[0]),
                line[1].ljust(widths[1]),
                line[2].rjust(widths[2]),
                line[3].rjust(widths[3]),
                line[4],
            ]
        ).rstrip()
        for line in lines
    ]
    if rest:
        aligned.append(f"... and {rest} more columns")
    return "\n".join(aligned)
