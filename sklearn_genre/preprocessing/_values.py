"""The values of one column, whatever it is made of, as missing, numbers or words."""

from __future__ import annotations

import datetime
import math
from collections.abc import Collection, Sequence
from decimal import Decimal
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_genre.preprocessing._date_words import ISO, UNIT, read_dates
from sklearn_genre.preprocessing._number_words import read_number

# Words for a missing value, in lower case: those of pandas, and of spreadsheets.
MISSING = frozenset(
    {
        *("", "#n/a", "#n/a n/a", "#na", "-1.#ind", "-1.#qnan", "-nan", "1.#ind"),
        *("1.#qnan", "<na>", "n/a", "na", "null", "nan", "none", "nat"),
        *("-", "--", ".", "?", "#div/0!", "#value!", "#ref!", "#name?", "#num!"),
        *("#null!", "\u2013", "\u2014"),
    }
)
BOOLEANS = {"true": 1.0, "false": 0.0}


class Values(NamedTuple):
    """The values of a column, each once.

    Attributes
    ----------
    codes : int array of shape (n_rows,)
        The place of each row's value, -1 where it is missing.
    values : list
        bool, float, Timestamp, or str without blanks around it.
    """

    codes: NDArray[np.intp]
    values: list[Any]

    @property
    def counts(self) -> NDArray[np.intp]:
        """Return how many rows have each value."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.values))

    @property
    def words(self) -> list[str]:
        """Return the values that are words."""
        return [value for value in self.values if isinstance(value, str)]

    def spread(self, of_values: Any, missing: Any) -> Any:
        """Return something known of each value for every row."""
        return np.append(of_values, np.array([missing], of_values.dtype))[self.codes]

    def first(self, chosen: NDArray[np.bool_]) -> tuple[Any, int]:
        """Return the first value, from the top, of those chosen, and its row."""
        row = int(np.flatnonzero(np.append(chosen, False)[self.codes])[0])
        return self.values[self.codes[row]], row


def values_of(column: pd.Series, missing: Collection[str] = ()) -> Values:
    """Return the distinct values of a column.

    Parameters
    ----------
    column : Series
    missing : collection of str or number
        What stands for a missing value, beside `MISSING`.

    Raises
    ------
    TypeError
        If a value is a list or another thing that is no single value.
    """
    extra = {str(word).strip().lower() for word in missing}
    numbers = {read_number(word) for word in extra} - {None}
    if column.dtype == object:
        odd = [kind for kind in set(map(type, column)) if kind.__hash__ is None]
        if odd:
            raise TypeError(f"{odd[0].__name__} is no single value")
    codes, uniques = pd.factorize(column.astype(object))
    values = [_value(unique, MISSING | extra, numbers) for unique in uniques]
    known = np.array([value is not None for value in values], dtype=bool)
    places = np.append(np.where(known, known.cumsum() - 1, -1), -1)
    return Values(places[codes], [value for value in values if value is not None])


def _value(value: Any, missing: Collection[str], numbers: Collection[Any]) -> Any:
    """Return a value as bool, float, Timestamp or str, or None if it is missing."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, str):
        value = value.strip()
        if value.lower() in missing:
            return None
        return None if numbers and _plain_number(value) in numbers else value
    if isinstance(value, datetime.timedelta | np.timedelta64):
        return pd.Timedelta(value).total_seconds()
    if isinstance(value, datetime.date | np.datetime64):
        return pd.Timestamp(value)
    if isinstance(value, pd.Period):
        return value.to_timestamp()
    if isinstance(value, Real | Decimal):
        number = _as_float(value)
        return None if number is None or number in numbers else number
    if isinstance(value, pd.Interval | datetime.time):
        return str(value)
    raise TypeError(f"{type(value).__name__} is no single value")


def _as_float(value: Any) -> float | None:
    """Return a finite float, or None."""
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def numbers_in(values: Sequence[Any], decimal: str) -> NDArray[np.float64]:
    """Return the number that each value is or writes, nan where it is none."""
    numbers = np.full(len(values), np.nan)
    words = [i for i, value in enumerate(values) if isinstance(value, str)]
    if words and decimal == ".":  # pandas reads the plain ones fast
        plain = pd.Series([values[i] for i in words], dtype=object)
        numbers[words] = pd.to_numeric(plain, errors="coerce")
        numbers[np.isinf(numbers)] = np.nan
    for i in np.flatnonzero(np.isnan(numbers)).tolist():
        value = values[i]
        if isinstance(value, str):
            number = read_number(value, decimal)
            numbers[i] = np.nan if number is None else number
        elif not isinstance(value, pd.Timestamp):
            numbers[i] = value
    return numbers


def booleans_in(values: Sequence[Any]) -> NDArray[np.float64]:
    """Return 1 or 0 for each value that is true or false, else nan."""
    known = {**BOOLEANS, "1": 1.0, "0": 0.0, "1.0": 1.0, "0.0": 0.0}
    return np.array([known.get(str(v).lower(), np.nan) for v in values], dtype=float)


def dates_in(values: Sequence[Any], form: str = ISO) -> NDArray[np.datetime64]:
    """Return the date that each value is or writes, NaT where it is none."""
    dates = np.full(len(values), np.datetime64("NaT"), dtype=UNIT)
    words = [i for i, value in enumerate(values) if isinstance(value, str)]
    if words:
        dates[words] = read_dates([values[i] for i in words], form)
    for i, value in enumerate(values):
        if isinstance(value, pd.Timestamp):
            value = value.tz_convert(None) if value.tz is not None else value
            dates[i] = np.datetime64(value.to_datetime64(), "us")
    return dates


def levels_in(values: Sequence[Any]) -> NDArray[np.object_]:
    """Return the name of each value as a level; 2, 2.0, "2" and "02" are one.

    pandas reads a column as numbers or as words depending on its other rows.
    """
    names = np.empty(len(values), dtype=object)
    for i, value in enumerate(values):
        number = value if isinstance(value, float) else _plain_number(value)
        if number is None:
            names[i] = str(value)
        else:
            is_whole = number == int(number) and abs(number) < 1e15
            names[i] = str(int(number)) if is_whole else repr(number)
    return names


def _plain_number(value: Any) -> float | None:
    """Return the number that pandas reads in a word, if any."""
    if not isinstance(value, str) or not value[:1].isascii() or "_" in value:
        return None
    try:
        return _as_float(value)
    except ValueError:
        return None
