"""Dates out of words, in one format for a whole column."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

ISO = "ISO8601"
DAYS_FIRST = ("%d.%m.%Y", "%d/%m/%Y", "%d-%m-%Y", "%d.%m.%y", "%d/%m/%y", "%d-%m-%y")
MONTHS_FIRST = ("%m/%d/%Y", "%m-%d-%Y", "%m/%d/%y", "%m-%d-%y")
YEARS_FIRST = ("%Y/%m/%d", "%Y.%m.%d")
NAMED = (
    *("%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%d-%b-%y", "%d. %B %Y"),
    *("%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%B %d %Y", "%b %Y", "%B %Y"),
)
TIMES = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")
# A word that could be a date has two separated numbers or a name of a month.
LIKELY = re.compile(
    r"\d{1,4}[-/.]\d{1,2}([-/.T ]|$)"
    r"|(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
)
# Words on which the formats are tried.
N_TRIED = 200
UNIT = "datetime64[us]"


def read_dates(words: Sequence[str], form: str) -> NDArray[np.datetime64]:
    """Return the dates that words write, NaT where they write none.

    Parameters
    ----------
    words : sequence of str
    form : str
        A format of ``strftime``, or ``"ISO8601"``, in which words are read too that
        the format does not fit.

    Returns
    -------
    dates : array of shape (n,)
        In UTC where the words name a time zone.
    """
    dates = _parsed(words, form)
    lost = np.isnat(dates)
    if form != ISO and lost.any():
        dates[lost] = _parsed([w for w, gone in zip(words, lost, strict=True) if gone])
    return dates


def _parsed(words: Sequence[str], form: str = ISO) -> NDArray[np.datetime64]:
    """Return dates in one format alone."""
    given = pd.Series(list(words), dtype=object)
    dates = pd.to_datetime(given, format=form, errors="coerce", utc=True)
    found = dates.dt.tz_localize(None).to_numpy().astype(UNIT)
    if form == ISO:  # which pandas reads from 1678 to 2261 alone
        for i in np.flatnonzero(np.isnat(found)):
            found[i] = _day(given[i])
    return found


def _day(word: str) -> np.datetime64:
    """Return the day that a word writes as year-month-day, in any year, or NaT."""
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", word):
        try:
            return np.datetime64(word, "us")
        except ValueError:
            pass
    return np.datetime64("NaT", "us")


def date_format(words: Sequence[str]) -> tuple[str | None, bool]:
    """Return the format that fits most words, and whether another order fits as well.

    Parameters
    ----------
    words : sequence of str

    Returns
    -------
    form : str or None
        None if the words do not look like dates.
    is_ambiguous : bool
        Whether day and month may change places in all of them.
    """
    some = list(words)[:N_TRIED]
    if (
        not some
        or sum(LIKELY.search(word) is not None for word in some) < len(some) / 2
    ):
        return None, False
    best, most = None, 0.0
    fitting = []
    for form in _formats():
        share = float((~np.isnat(_parsed(some, form))).mean())
        if share > most:
            best, most = form, share
        if share == 1:
            fitting.append(form)
            if form not in AMBIGUOUS:
                break
    return best, best in AMBIGUOUS and len(fitting) > 1


def _formats() -> Iterator[str]:
    """Yield the formats in the order in which they are preferred."""
    yield ISO
    points = [form for form in DAYS_FIRST if "." in form]
    rest = [form for form in DAYS_FIRST if form not in points]
    for dates in (points, MONTHS_FIRST, rest, YEARS_FIRST, NAMED):
        for form in dates:
            yield from (form + time for time in TIMES)


AMBIGUOUS = {form + time for form in (*MONTHS_FIRST, *DAYS_FIRST) for time in TIMES} - {
    "%d.%m.%Y" + time for time in TIMES
}
