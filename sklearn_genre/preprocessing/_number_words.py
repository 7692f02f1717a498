"""Numbers out of words: separators, currency and percent signs, either decimal mark."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache

# What may stand around a number.
CURRENCY = r"(?:US\$|R\$|[$\u00a2-\u00a5\u0e3f\u20a0-\u20cf]|EUR|USD|GBP|CHF|kr\.?)"
SIGN = r"[+\-\u2212\u2013]"
# What may stand between groups of three digits, beside the mark that is not decimal.
SPACES = " \u00a0\u2009\u202f"
GROUPS = rf"{SPACES}'\u2019"
# Most numbers with a decimal point, that is no mark between groups of three digits.
PLAIN = re.compile(r"-?[0-9]+\.(?:[0-9]{1,2}|[0-9]{4,15})")


@lru_cache
def _pattern(decimal: str) -> re.Pattern[str]:
    """Return the pattern of a number with a decimal mark."""
    point = re.escape(decimal)
    other = re.escape("," if decimal == "." else ".")
    grouped = rf"[1-9][0-9]{{0,2}}(?P<group>[{GROUPS}{other}])[0-9]{{3}}"
    grouped += r"(?:(?P=group)[0-9]{3})*"
    indian = rf"[1-9][0-9]?(?:{other}[0-9]{{2}})+{other}[0-9]{{3}}"
    plain = r"[0-9]+(?:_[0-9]+)*"
    exponent = r"(?:[eE][+\-]?[0-9]+)?"
    body = rf"(?:(?:{grouped}|{indian}|{plain})(?:{point}[0-9]*)?|{point}[0-9]+)"
    return re.compile(
        rf"(?P<open>\()?(?P<sign>{SIGN})?[{SPACES}]*{CURRENCY}?[{SPACES}]*"
        rf"(?P<inner>{SIGN})?(?P<body>{body}{exponent})[{SPACES}]*"
        rf"(?:[%‰]|{CURRENCY})?(?P<trailing>-)?(?P<close>\))?"
    )


def read_number(word: str, decimal: str = ".") -> float | None:
    """Return the finite number that a word writes, or None.

    Parameters
    ----------
    word : str
        Without blanks around it.
    decimal : "." or ","
        The decimal mark; the other one may separate groups of three digits.

    Examples
    --------
    >>> [read_number(word) for word in ("1,234.5", "12 %", "(3)", "$ 5", "red")]
    [1234.5, 12.0, -3.0, 5.0, None]
    >>> read_number("1.234,5", decimal=",")
    1234.5
    """
    match = _pattern(decimal).fullmatch(word)
    if match is None or bool(match["open"]) != bool(match["close"]):
        return None
    signs = [match["sign"], match["inner"], match["trailing"], match["open"]]
    if sum(map(bool, signs)) > 1:
        return None
    body = re.sub(rf"[{GROUPS}_{',' if decimal == '.' else '.'}]", "", match["body"])
    number = float(body.replace(decimal, "."))
    if not math.isfinite(number):
        return None
    return number if signs == [None] * 4 or "+" in signs else -number


def decimal_mark(words: Sequence[str]) -> str | None:
    """Return the decimal mark that only one of both can explain, or None.

    Parameters
    ----------
    words : sequence of str

    Returns
    -------
    mark : ".", "," or None
        None where the words are numbers, or none, with either mark.
    """
    balance = 0
    for word in words:
        if PLAIN.fullmatch(word):
            balance -= 1
        elif "," in word or "." in word:
            point = read_number(word, ".") is not None
            balance += (read_number(word, ",") is not None) - point
    return None if balance == 0 else "," if balance > 0 else "."


def needs_mark(word: str) -> bool:
    """Return whether a word is another number with the other decimal mark.

    Examples
    --------
    >>> [needs_mark(word) for word in ("1,234", "1.234", "1.5", "1234")]
    [True, True, False, False]
    """
    numbers = {read_number(word, "."), read_number(word, ",")}
    return None not in numbers and len(numbers) > 1
