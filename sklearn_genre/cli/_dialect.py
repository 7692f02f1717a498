"""Where the cells of a text file end, and in which line its table begins."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

from sklearn_genre.cli._error import InputError, shown
from sklearn_genre.preprocessing._number_words import read_number

DELIMITERS = (",", ";", "\t", "|")
# Records by which the delimiter and the header are detected.
N_SEEN = 500
LARGEST_CELL = 2**31 - 1
# A header names at least this share of the columns.
LEAST_NAMED = 0.6

Cells = Sequence[Any]


class Record(NamedTuple):
    """The cells of one record, and the line or row of the file where it begins."""

    cells: Cells
    line: int


def records_of(
    text: str, delimiter: str, *, strict: bool = True, line: int = 1
) -> Iterator[Record]:
    """Yield the records, their cells without blanks around them; no blank lines.

    A record of empty cells is one, as it is to pandas.
    """
    csv.field_size_limit(LARGEST_CELL)
    last = [""]

    def lines() -> Iterator[str]:
        for last[0] in io.StringIO(text, newline=""):
            yield last[0]

    reader = csv.reader(
        lines(),
        delimiter=delimiter,
        skipinitialspace=True,
        strict=strict,
    )
    before = 0
    try:
        for cells in reader:
            cells = [cell.strip() for cell in cells]
            if any(cells) or len(cells) > 1 or '"' in last[0]:
                yield Record(cells, line + before)
            before = reader.line_num
    except csv.Error as error:
        if "unexpected end" in str(error):
            raise InputError(
                f"line {line + before}: a quote is opened and never closed"
            ) from error
        place = line + reader.line_num - 1
        raise InputError(f"line {place}: {error}") from error


def split_off_hint(text: str) -> tuple[str, str | None]:
    """Return the text without a first line such as ``sep=;``, and what it names."""
    match = re.match(r'"?sep=(.)"?[;,]*\r?\n?', text, re.IGNORECASE)
    return (text, None) if match is None else (text[match.end() :], match[1])


def find_delimiter(text: str) -> str:
    """Return the delimiter that cuts most records into equally many clean cells."""
    scores = {delimiter: _score(text, delimiter) for delimiter in DELIMITERS}
    best = max(DELIMITERS, key=lambda delimiter: scores[delimiter])
    if scores[best][0] == 0 and _score(text, " ")[0] == 1:
        return " "
    return best


def _score(text: str, delimiter: str) -> tuple[float, int]:
    """Return how well a delimiter does, and how many columns it makes."""
    records = list(islice(records_of(text, delimiter, strict=False), N_SEEN))
    if not records:
        return 0.0, 0
    width, n_equal = _width(records)
    if width < 2:
        return 0.0, 1
    cells = [cell for record in records for cell in record.cells if cell]
    others = set(DELIMITERS) - {delimiter}
    torn = sum(not others.isdisjoint(cell) and not _is_number(cell) for cell in cells)
    return n_equal / len(records) * (1 - torn / len(cells)), width


def _width(records: Sequence[Record]) -> tuple[int, int]:
    """Return the most frequent number of cells, and how many records have it."""
    return Counter(len(record.cells) for record in records).most_common(1)[0]


def _is_number(cell: Any) -> bool:
    """Return whether a cell is, or writes, a number."""
    if not isinstance(cell, str):
        return True
    return any(read_number(cell, mark) is not None for mark in ".,")


def find_header(records: Sequence[Record]) -> int:
    """Return the place of the header among the records.

    It is the first record as wide as the columns that hold something, most of which it
    names; lines above are notes.
    """
    seen = records[:N_SEEN]
    width, _ = _width(seen)
    body = [record.cells for record in seen if len(record.cells) == width]
    filled = [j for j in range(width) if sum(bool(_text(c[j])) for c in body) > 1]
    needed = filled[-1] + 1 if filled else 1
    for i, record in enumerate(seen):
        n_named = sum(bool(_text(cell)) for cell in record.cells)
        is_wide = len(record.cells) >= needed and n_named >= LEAST_NAMED * needed
        if len(record.cells) == width and _text(record.cells[needed - 1]):
            is_wide |= _is_above_numbers(seen[i : i + 2])
        if is_wide and not _is_comment(seen[i : i + 2]):
            return i - 1 if i and _is_short_header(seen[i - 1], record) else i
    return 0


def _is_short_header(record: Record, below: Record) -> bool:
    """Return whether a record names all but one column, and the next holds values."""
    n_missing = len(below.cells) - len(record.cells)
    names = [_text(cell) for cell in record.cells]
    return (
        n_missing == 1
        and all(name and not _is_number(name) for name in names)
        and any(_is_number(cell) for cell in below.cells if _text(cell))
    )


def _is_above_numbers(pair: Sequence[Record]) -> bool:
    """Return whether the first of two records holds words alone, above numbers."""
    if len(pair) < 2 or len(pair[1].cells) != len(pair[0].cells):
        return False
    named = [j for j, cell in enumerate(pair[0].cells) if _text(cell)]
    return all(
        not _is_number(pair[0].cells[j])
        and _text(pair[1].cells[j])
        and _is_number(pair[1].cells[j])
        for j in named
    )


def _is_comment(pair: Sequence[Record]) -> bool:
    """Return whether the first of two records is a comment above a header."""
    if not _text(pair[0].cells[0]).startswith("#") or len(pair) < 2:
        return False
    return not any(_is_number(cell) for cell in pair[1].cells if _text(cell))


def trimmed(cells: Cells) -> Cells:
    """Return cells without the empty ones at the end."""
    n = len(cells)
    while n and not _text(cells[n - 1]):
        n -= 1
    return cells[:n]


def _text(cell: Any) -> str:
    """Return a cell as text; a missing one is empty."""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)  # as a sheet shows it
    return "" if cell is None or cell != cell else str(cell).strip()


def header_names(cells: Cells, width: int) -> tuple[list[str], list[str]]:
    """Return names of columns as pandas gives them, and notes on those changed.

    Parameters
    ----------
    cells : sequence
        The header.
    width : int
        The number of columns.
    """
    texts = [_text(cell) for cell in cells[:width]]
    texts += [""] * (width - len(texts))
    names: list[str] = []
    notes = []
    for j, text in enumerate(texts):
        name, count = text or f"Unnamed: {j}", 0
        while name in names:
            count += 1
            name = f"{text}.{count}"
        if count:
            notes.append(f"a second column {shown(text)} is read as {shown(name)}")
        names.append(name)
    return names, notes
