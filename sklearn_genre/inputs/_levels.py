"""Levels of categories, matched to those of training where only the type differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_genre._checks import shown

NOT = (complex, np.complexfloating, tuple)  # what no level is
TRUTH = {"true": "1", "false": "0"}


def written(level: Any, *, truth: bool) -> str:
    """Return one writing for a level, whatever type it has.

    A number and its text are written alike, an integer like the float that equals it;
    blanks around a text do not count. Where all levels are truth values, so are the
    words.

    Examples
    --------
    >>> from sklearn_genre.inputs._levels import written
    >>> [written(x, truth=True) for x in (1, 1.0, "1", "1.0 ", True, "True")]
    ['1', '1', '1', '1', '1', '1']
    >>> [written(x, truth=False) for x in ("01", " a", 0.5, "True")]
    ['01', 'a', '0.5', 'True']
    """
    if isinstance(level, (bool, np.bool_)):
        return str(int(level))
    if isinstance(level, str):
        text = level.strip()
        if truth and text.lower() in TRUTH:
            return TRUTH[text.lower()]
        number = _number_of(text)
        return text if number is None else _text_of(number)
    return _text_of(level) if isinstance(level, Real) else str(level)


def _text_of(number: Any) -> str:
    """Return the shortest text of a number, that of an integer where it is one."""
    value = float(str(number)) if isinstance(number, np.floating) else number
    return str(int(value)) if value == value // 1 else str(float(value))


def _number_of(text: str) -> int | float | None:
    """Return the number that Python writes like this, None for any other text."""
    for kind in (int, float):
        try:
            number = kind(text)
        except (ValueError, OverflowError):
            continue
        if str(number) == text and abs(number) < float("inf"):
            return number
    return None


def check_levels(name: Any, column: NDArray[Any]) -> None:
    """Refuse a category column of lists, tuples, dicts or complex numbers.

    Raises
    ------
    TypeError
        With the name of the column and the first of them.
    """
    if column.ndim > 1:  # such as a struct of polars
        raise TypeError(
            f"Column {shown(name, repr)} of X holds several values a sample. Take them "
            "apart."
        )
    kinds = set(map(type, column)) if column.dtype.kind == "O" else {column.dtype.type}
    odd = [kind for kind in kinds if kind.__hash__ is None or issubclass(kind, NOT)]
    if odd:
        value = next(value for value in column if isinstance(value, odd[0]))
        raise TypeError(
            f"Column {shown(name, repr)} of X holds {shown(value, repr)}, a "
            f"{odd[0].__name__}, which cannot be the level of a category. Make texts "
            "or numbers of them, or leave the column out."
        )


class Writings(NamedTuple):
    """How the levels of a category column are written."""

    levels: dict[str, Any]  # by their writing, those alone that no other shares
    truth: bool  # whether all are truth values

    def like(self, value: Any) -> Any:
        """Return the level that is written like a value, or the value itself."""
        if value != value:
            return value
        return self.levels.get(written(value, truth=self.truth), value)


def writings_of(levels: Iterable[Any]) -> Writings:
    """Return how levels are written, without missing ones.

    Examples
    --------
    >>> from sklearn_genre.inputs._levels import writings_of
    >>> [writings_of([False, True]).like(x) for x in ("True", 0.0, "maybe")]
    [True, False, 'maybe']
    >>> writings_of(["1", "1.0", "2"]).levels  # which of the first two would 1 be?
    {'2': '2'}
    """
    levels = [level for level in levels if level == level]
    truth = {written(level, truth=True) for level in levels} <= {"0", "1"}
    texts = [written(level, truth=truth) for level in levels]
    shared = {text for text, n in Counter(texts).items() if n > 1}
    pairs = zip(texts, levels, strict=True)
    return Writings({t: level for t, level in pairs if t not in shared}, truth)


def matched(
    column: NDArray[np.object_], unknown: NDArray[np.bool_], writings: Writings
) -> NDArray[np.object_]:
    """Return a column with unknown values replaced by the levels written like them."""
    levels = {value: writings.like(value) for value in set(column[unknown])}
    column = column.copy()
    column[unknown] = [levels[value] for value in column[unknown]]
    return column


def all_unseen(
    column: NDArray[np.object_], levels: Iterable[Any], writings: Writings
) -> list[Any]:
    """Return the values of a column if there are some and none is a level, else none.

    Parameters
    ----------
    column : object array of shape (n_samples,)
        NaN where missing.
    levels : iterable
        Those of training.
    writings : Writings
        Of these levels.
    """
    values = {value for value in set(column) if value == value}
    known = set(levels)
    if any(value in known or writings.like(value) in known for value in values):
        return []
    return sorted(values, key=str)
