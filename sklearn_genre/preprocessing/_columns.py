"""How each column of a table is read: decided once, then kept to."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_genre.preprocessing._date_words import ISO, UNIT, date_format
from sklearn_genre.preprocessing._number_words import decimal_mark
from sklearn_genre.preprocessing._values import (
    BOOLEANS,
    Values,
    booleans_in,
    dates_in,
    levels_in,
    numbers_in,
    values_of,
)

# A column is read as numbers or dates if so many of its values are.
NEARLY_ALL = 0.9
# Or if at least half are numbers, many different ones, and few words stand between.
FEW_WORDS, MANY_NUMBERS = 3, 20
# Words are texts rather than levels if there are so many, and most occur once or twice.
MIN_TEXTS = 20
LONGEST_WORD = 40
# Words that are no numbers and that a reading remembers.
N_STRAYS = 100

Where = Callable[[int], str]


class Decimal(NamedTuple):
    """The decimal mark of a table.

    Attributes
    ----------
    mark : "." or ","
    is_fixed : bool
        Whether columns whose words need the other mark have it all the same.
    """

    mark: str = "."
    is_fixed: bool = False


class Reading(NamedTuple):
    """How a column is read.

    Attributes
    ----------
    kind : str
        "number", "boolean", "category", "date", "text", "empty" or "other".
    decimal : str
        The decimal mark of numbers written as words.
    form : str
        The format of dates written as words.
    strays : tuple of str
        Words at fit that are no such values, the first of them.
    """

    kind: str
    decimal: str = "."
    form: str = ""
    strays: tuple[str, ...] = ()


def decide(
    column: pd.Series, decimal: Decimal, missing: Sequence[str], where: Where
) -> tuple[Reading, dict[str, Any]]:
    """Decide how a column is read, and describe it.

    Parameters
    ----------
    column : Series
    decimal : Decimal
    missing : sequence of str
    where : callable
        Names the place of a row.

    Returns
    -------
    reading : Reading
    description : dict
        ``missing`` rows, distinct ``levels`` and a ``note``.
    """
    try:
        values = values_of(column, missing)
    except TypeError as error:
        return Reading("other"), {"missing": 0, "levels": 0, "note": str(error)}
    reading, notes = _reading(values, decimal, where)
    lost = _unreadable(values, reading)
    if reading.kind == "number":
        notes += of_percents(values, ~lost, where)
    if lost.any():
        word, row = values.first(lost)
        strays = [str(v) for v, gone in zip(values.values, lost, strict=True) if gone]
        reading = reading._replace(strays=tuple(strays[:N_STRAYS]))
        counted = f"{values.counts[lost].sum()} values" if lost.sum() > 1 else "a value"
        notes.append(
            f"{counted} not readable and taken as missing: {shown(word)} in "
            f"{where(row)}"
        )
    is_missing = np.append(lost, True)[values.codes]
    notes += _remarks(column, values, reading, is_missing)
    n_levels = len(values.values) - int(lost.sum())
    return reading, {
        "missing": int(is_missing.sum()),
        "levels": n_levels,
        "note": "; ".join(notes),
    }


def _reading(
    values: Values, decimal: Decimal, where: Where
) -> tuple[Reading, list[str]]:
    """Return how a column is read, with notes on what was close."""
    counts = values.counts
    if not len(counts):
        return Reading("empty"), []
    if all(str(value).lower() in BOOLEANS for value in values.values):
        return Reading("boolean"), []
    mark = decimal.mark
    if not decimal.is_fixed:
        mark = decimal_mark(values.words) or mark
    is_number = ~np.isnan(numbers_in(values.values, mark))
    share = counts[is_number].sum() / counts.sum()
    n_words = int((~is_number).sum())
    few = n_words <= FEW_WORDS and is_number.sum() >= MANY_NUMBERS
    if share >= NEARLY_ALL or (few and share >= 0.5):
        return Reading("number", mark), []
    form, is_ambiguous = date_format(values.words)
    is_date = ~np.isnat(dates_in(values.values, form or ISO))
    looks_so = form is not None or len(values.words) < len(values.values)
    if looks_so and counts[is_date].sum() >= NEARLY_ALL * counts.sum():
        notes = (
            [f"day and month may be swapped: read as {form}"] if is_ambiguous else []
        )
        return Reading("date", form=form or ISO), notes
    notes = []
    if is_number.any():
        word, row = values.first(~is_number)
        part = counts[~is_number].sum()
        notes.append(
            f"no numbers because of {shown(word)} in {where(row)} "
            f"({part} of {counts.sum()} values are no numbers)"
        )
    n_levels = len(set(levels_in(values.values)))
    is_text = n_levels >= MIN_TEXTS and 2 * n_levels > counts.sum()
    return Reading("text" if is_text else "category"), notes


def of_percents(
    values: Values, is_number: NDArray[np.bool_], where: Where
) -> list[str]:
    """Return a note if some numbers have a percent sign and others have none."""
    signs = [isinstance(value, str) and "%" in value for value in values.values]
    has_sign = np.array(signs, dtype=bool) & is_number
    if not has_sign.any() or has_sign[is_number].all():
        return []
    word, row = values.first(has_sign)
    return [f"{shown(word)} in {where(row)} is in percent, and others are not"]


def _unreadable(values: Values, reading: Reading) -> NDArray[np.bool_]:
    """Return which values a kind cannot hold."""
    if reading.kind == "number":
        return np.isnan(numbers_in(values.values, reading.decimal))
    if reading.kind == "boolean":
        return np.isnan(booleans_in(values.values))
    if reading.kind == "date":
        return np.isnat(dates_in(values.values, reading.form))
    return np.zeros(len(values.values), dtype=bool)


def _remarks(
    column: pd.Series,
    values: Values,
    reading: Reading,
    is_missing: NDArray[np.bool_],
) -> list[str]:
    """Return what is worth knowing of a column that can be read."""
    if reading.kind == "empty":
        return ["no value"]
    if len(values.values) == 1 and not is_missing.any():
        return ["the same value in all rows"]
    if reading.kind == "text":
        return ["nearly every value is different"]
    if reading.kind == "number" and looks_like_id(column.name, values, reading):
        return ["numbers the rows or identifies them: leave it out if so"]
    return []


def looks_like_id(name: Any, values: Values, reading: Reading) -> bool:
    """Return whether numbers are whole, all different, and counted or named an id."""
    numbers = numbers_in(values.values, reading.decimal)
    n = len(values.codes)
    if len(numbers) < n or n < 2 or np.any(numbers != np.round(numbers)):
        return False
    distinct = np.unique(numbers)
    if len(distinct) < n:
        return False
    ordered = numbers[values.codes]
    counted = distinct[-1] - distinct[0] == n - 1
    named = re.search(r"(?i)(^|_|\b)(id|key|nr|no|number|index)(_|\b|$)", str(name))
    return bool(counted or named or np.all(np.diff(ordered) == np.diff(ordered)[0]))


def convert(
    column: pd.Series, reading: Reading, missing: Sequence[str], where: Where
) -> tuple[pd.Series, str]:
    """Return a column as it was read at fit, and what to say of it.

    Parameters
    ----------
    column : Series
    reading : Reading
    missing : sequence of str
    where : callable

    Returns
    -------
    converted : Series
        float64, category, datetime64 or text.
    note : str
        Names the first value that could not be read, other than those known from fit;
        empty if there is none.

    Raises
    ------
    TypeError
        If a value is a list or another thing that is no single value.
    """
    try:
        values = values_of(column, missing)
    except TypeError as error:
        raise TypeError(
            f"column {shown(column.name)} is read as {reading.kind}: {error}"
        ) from None
    lost = _unreadable(values, reading)
    known = set(reading.strays)
    lost &= np.array([str(v) not in known for v in values.values], dtype=bool)
    note = ""
    if lost.any():
        word, row = values.first(lost)
        note = (
            f"column {shown(column.name)} is read as {reading.kind}: "
            f"{values.counts[lost].sum()} of {len(column)} values are not, first "
            f"{shown(word)} in {where(row)}; they count as missing"
        )
    return pd.Series(_converted(values, reading), index=column.index), note


def _converted(values: Values, reading: Reading) -> Any:
    """Return the values of all rows in the type of a kind."""
    if reading.kind == "number":
        return values.spread(numbers_in(values.values, reading.decimal), np.nan)
    if reading.kind == "boolean":
        return values.spread(booleans_in(values.values), np.nan)
    if reading.kind == "date":
        nothing = np.datetime64("NaT", "us")
        return values.spread(
            dates_in(values.values, reading.form).astype(UNIT), nothing
        )
    if reading.kind == "category":
        return pd.Categorical(values.spread(levels_in(values.values), None))
    texts = np.array([str(value) for value in values.values], dtype=object)
    return values.spread(texts, None)


def shown(value: Any) -> str:
    """Return a value in quotes, without control characters, cut where it is long."""
    text = str(value)
    word = escaped(text[: LONGEST_WORD + 1])
    if len(text) > LONGEST_WORD or len(word) > 2 * LONGEST_WORD:
        word = word[: LONGEST_WORD - 1] + "…"
    return f"'{word}'"


def escaped(text: str) -> str:
    """Return a text with escapes for what a terminal does not print."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
