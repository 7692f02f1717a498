"""A file as a data frame: text in any dialect, Excel or parquet."""

import io
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from sklearn_genre.cli._dialect import (
    Record,
    find_delimiter,
    find_header,
    header_names,
    records_of,
    split_off_hint,
    trimmed,
)
from sklearn_genre.cli._encoding import decode
from sklearn_genre.cli._error import InputError, reason, shown, shown_path
from sklearn_genre.cli._file import read_bytes

SHOWN = {"\t": "tab", " ": "blank"}


@dataclass(frozen=True)
class Source:
    """A file as it was read.

    Attributes
    ----------
    frame : DataFrame
        Cells as text, or as the file types them; the index names lines of the file.
    notes : list of str
        What a reader of the file should know.
    delimiter : str
        Empty where the file has none.
    """

    frame: pd.DataFrame
    notes: list[str] = field(default_factory=list)
    delimiter: str = ""


def read_source(
    path: Path, *, delimiter: str | None = None, encoding: str | None = None
) -> Source:
    """Read a file.

    Parameters
    ----------
    path : Path
        Text, Excel or parquet, also packed by gzip, zip, bzip2 or xz; ``-`` is standard
        input.
    delimiter, encoding : str or None
        None detects them.

    Raises
    ------
    InputError
        If the file cannot be read as a table.
    """
    content, kind = read_bytes(path)
    try:
        if kind == "parquet":
            frame = pd.read_parquet(io.BytesIO(content))
            has_names = any(name is not None for name in frame.index.names)
            frame = frame.reset_index(drop=not has_names)
            frame.index = pd.RangeIndex(1, len(frame) + 1, name="row")
            return Source(frame.set_axis([str(name) for name in frame.columns], axis=1))
        if kind == "xlsx":
            return _read_excel(content)
        return _read_text(content, delimiter, encoding)
    except InputError as error:
        raise InputError(f"{shown_path(path)}: {error}") from error
    except ImportError as error:
        package = {"parquet": "pyarrow", "xlsx": "openpyxl"}[kind]
        raise InputError(
            f"{shown_path(path)} needs {package}: python -m pip install {package}"
        ) from error
    except Exception as error:  # whatever a damaged file ends in
        raise InputError(f"cannot read {shown_path(path)}: {reason(error)}") from error


def _read_text(content: bytes, delimiter: str | None, encoding: str | None) -> Source:
    """Read a text file."""
    text, detected = decode(content, encoding)
    notes = [] if detected.startswith("utf-8") or encoding else [f"read as {detected}"]
    table, hint = split_off_hint(text)
    delimiter = delimiter or hint or find_delimiter(table)
    if delimiter != ",":
        notes.append(f"the delimiter is {SHOWN.get(delimiter, delimiter)!r}")
    records = list(records_of(table, delimiter, line=1 if hint is None else 2))
    return _as_source(records, notes, delimiter, "line")


def _read_excel(content: bytes) -> Source:
    """Read the first sheet of an Excel file."""
    with pd.ExcelFile(io.BytesIO(content)) as book:
        sheets = book.sheet_names
        raw = pd.read_excel(book, sheet_name=sheets[0], header=None)
    rows = raw.astype(object).where(raw.notna(), None).to_numpy().tolist()
    records = [
        Record(cells, i + 1)
        for i, cells in enumerate(rows)
        if len(cells) > 1 or cells[0] is not None
    ]
    notes = []
    if len(sheets) > 1:
        notes.append(f"read sheet {shown(sheets[0])}, the first of {len(sheets)}")
    return _as_source(records, notes, "", "row")


def _as_source(
    records: list[Record], notes: list[str], delimiter: str, unit: str
) -> Source:
    """Return records below their header as a frame."""
    n_records = len(records)
    while records and not trimmed(records[-1].cells):
        records.pop()
    n_empty = n_records - len(records)
    if not records:
        raise InputError("is empty: a header line and rows are needed")
    start = find_header(records)
    header = records[start]
    if any(trimmed(r.cells) for r in records[:start]):
        notes.append(f"notes above the header, which is {unit} {header.line}")
    if n_empty:
        notes.append(f"empty rows at the end left out: {n_empty}")
    remarks = [r for r in records[start + 1 :] if _is_remark(r)]
    if remarks:
        notes.append(_said(f"comment left out: {unit}", remarks))
    body = [r for r in records[start + 1 :] if not _is_remark(r)]
    width = max(len(trimmed(r.cells)) for r in [header, *body])
    n_named = len(header.cells)
    if width > n_named:
        wide = next(r for r in body if len(trimmed(r.cells)) > n_named)
        raise InputError(
            f"{unit} {wide.line}: {len(trimmed(wide.cells))} cells where the header "
            f"has {n_named}"
        )
    short = [r for r in body if len(r.cells) < width]
    if short:
        where = _said(f"fewer cells than the header in {unit}", short)
        notes.append(f"{where}: the others count as missing")
    if max(len(r.cells) for r in [header, *body]) > width:
        notes.append("empty columns without a name left out")
    names, renamed = header_names(header.cells, width)
    cells = [[*r.cells[:width], *[""] * (width - len(r.cells))] for r in body]
    index = pd.Index([r.line for r in body], name=unit)
    frame = pd.DataFrame(cells, columns=names, index=index, dtype=object)
    return Source(frame, notes + renamed, delimiter)


def _said(what: str, records: list[Record]) -> str:
    """Return what is so of some records, with the place of the first."""
    more = f" and {len(records) - 1} more" if len(records) > 1 else ""
    return f"{what} {records[0].line}{more}"


def _is_remark(record: Record) -> bool:
    """Return whether a record below the header is one comment."""
    first = record.cells[0]
    return (
        isinstance(first, str)
        and first.startswith("#")
        and not any(cell is not None and cell != "" for cell in record.cells[1:])
    )
