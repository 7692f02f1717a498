"""Texts or samples of a table to the prompts of a language model."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from sklearn_genre._checks import shown, some_of
from sklearn_genre._warn import warn
from sklearn_genre.inputs._frames import frame_of
from sklearn_genre.inputs._prompts import Prompts

# Prompts of the first data that are kept, to see how numbers are spelled after them, at
# most; and how many characters are the end of a prompt.
N_EXAMPLES, N_LAST = 64, 2
TRUNCATIONS = ("error", "left", "right")
FORMATTER = string.Formatter()
# What formats, attributes and items of a value may raise.
UNWRITABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)

Texts = NDArray[np.object_]


class PromptEncoder(BaseEstimator):
    """Turns texts, or samples of a table, into token ids.

    Parameters
    ----------
    prompt : str or callable
        A template with ``{}`` for a text, ``{0}`` for columns of an array, ``{name}``
        for columns of a data frame; or what makes a text of a sample.
    tokenize : callable
        Maps a list of texts to lists of token ids.
    max_tokens : int
        Longest prompt.
    truncation : {"error", "left", "right"}
        What is done to longer ones: an error that says which, or tokens are left out at
        the beginning, or before the fixed end of the template. Special tokens that the
        tokenizer puts before a text stay.

    Attributes
    ----------
    examples_ : list of str
        Of the first prompts that were read one for each end, whatever their order.
    after : sequence of int
        Token ids between a prompt and the first digit.
    """

    after: Sequence[int] = ()  # what is written before each number

    def __init__(
        self,
        prompt: Any,
        tokenize: Callable[[list[str]], list[list[int]]],
        max_tokens: int,
        truncation: str = "error",
    ) -> None:
        self.prompt = prompt
        self.tokenize = tokenize
        self.max_tokens = max_tokens
        self.truncation = truncation

    def read(self, X: Any) -> Texts:
        """Return the token ids of each sample, an array of lists.

        Raises
        ------
        TypeError, ValueError
            If a value is missing or no text, the template names what is not there, or
            a prompt has no token or too many.

        Warns
        -----
        UserWarning
            If prompts were cut.
        """
        texts = filled_prompts(X, self.prompt)
        if not hasattr(self, "examples_"):
            self.examples_ = _of_each_end(texts)
        for i, prompt in enumerate(texts):
            _check_characters(prompt, i)
        ids = self.tokenize(texts)
        n_cut = 0
        for i, text in enumerate(ids):
            if not text:
                raise ValueError(
                    f"The prompt of sample {i} is empty: it has no token. Put some "
                    "fixed text into the prompt, such as 'Text: {} Score: '."
                )
            n_cut += len(text) > self.max_tokens
            if n_cut and self.truncation == "error":
                raise ValueError(
                    f"The prompt of sample {i} has {len(text)} tokens, and there is "
                    f"room for {self.max_tokens} in the window of the model. Shorten "
                    "it, or set truncation='left' or 'right'."
                )
        if n_cut:
            warn(
                f"{n_cut} of {len(ids)} prompts were cut to {self.max_tokens} tokens "
                f"(truncation={self.truncation!r}).",
            )
            ids = self._cut(ids)
        return np.array([*ids, None], dtype=object)[:-1]  # stays 1-dimensional

    def encode(self, X: Texts, dtype: torch.dtype, device: torch.device) -> Prompts:
        """Return token ids as the network reads them, on a device."""
        return Prompts.of([[*text, *self.after] for text in X]).to(device)

    def _cut(self, ids: list[list[int]]) -> list[list[int]]:
        """Return token ids that fit into the window of the model."""
        first, end = self.tokenize(["", ending_of(self.prompt)])
        n_end = len(end) - n_shared(first, end) if self.truncation == "right" else None
        most = self.max_tokens
        return [cut_to(text, most, n_shared(first, text), n_end) for text in ids]


def n_shared(a: list[int], b: list[int]) -> int:
    """Return with how many equal tokens two lists begin."""
    differ = (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y)
    return next(differ, min(len(a), len(b)))


def cut_to(text: list[int], most: int, n_first: int, n_end: int | None) -> list[int]:
    """Return tokens without some in the middle, at least one of which stays.

    Parameters
    ----------
    text : list of int
    most : int
        How many there may be.
    n_first : int
        How many of the first stay, those that the tokenizer puts before a text.
    n_end : int or None
        How many of the last stay; None, as many as there is room for.

    Examples
    --------
    >>> from sklearn_genre.inputs._prompt_encoder import cut_to
    >>> cut_to([0, 1, 2, 3, 4, 5], 4, 1, None), cut_to([0, 1, 2, 3, 4, 5], 4, 1, 1)
    ([0, 3, 4, 5], [0, 1, 2, 5])
    """
    if len(text) <= most:
        return text
    n_first = min(n_first, most - 1)
    room = most - n_first
    n_end = room if n_end is None else min(n_end, room - 1)
    return text[: most - n_end] + text[len(text) - n_end :]


def filled_prompts(X: Any, prompt: Any) -> list[str]:
    """Return the prompt of each sample.

    Parameters
    ----------
    X : sequence of str, array or data frame
    prompt : str or callable
        A template with ``{}`` for a text, ``{0}`` for columns of an array, ``{name}``
        for columns of a data frame; or what makes a text of a sample.

    Raises
    ------
    TypeError, ValueError
        If a value is missing or no text, or the template names what is not there.
    """
    if not callable(prompt):
        fields_of(prompt)
    texts = [
        prompt(sample) if callable(prompt) else _fill(prompt, sample, i)
        for i, sample in enumerate(_samples(X))
    ]
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(
                f"prompt must return a str, got {type(text).__name__} for sample {i}."
            )
    if not texts:
        raise ValueError(
            f"Found 0 sample(s) (shape={np.shape(X)}), a minimum of 1 is required."
        )
    return texts


def fields_of(prompt: str) -> list[str]:
    """Return the names of the fields of a template, or say what is wrong with it."""
    try:
        names = list(_names(prompt))
    except ValueError as error:
        raise ValueError(
            f"prompt={prompt!r} is no template: {error}. Braces are {{{{ and }}}}."
        ) from None
    if not names:
        raise ValueError(
            f"prompt={prompt!r} has no field, so that all samples would get the same "
            "text. Write {} where the text goes, or {name} for a column."
        )
    firsts = {_first(name) for name in names}
    if "" in firsts and any(map(str.isdecimal, firsts)):
        raise ValueError(
            f"prompt={prompt!r} has fields with and without a number. Number all of "
            "them, as in {0} {1}, or none."
        )
    return names


def ending_of(prompt: Any) -> str:
    """Return the fixed text after the last field of a template."""
    if callable(prompt):
        return ""
    parts = list(FORMATTER.parse(prompt))
    return parts[-1][0] if parts and parts[-1][1] is None else ""


def _of_each_end(texts: list[str]) -> list[str]:
    """Return the first text in the alphabet with each end."""
    found: dict[str, str] = {}
    for text in texts:
        end = text[-N_LAST:]
        found[end] = min(text, found.get(end, text))
    return [found[end] for end in sorted(found)][:N_EXAMPLES]


def _check_characters(text: str, i: int) -> None:
    """Refuse half a character, which no tokenizer can read."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"The prompt of sample {i} has half a character, {text[error.start]!r}, at "
            f"place {error.start}: it was decoded wrongly. Leave it out: "
            "text.encode('utf-8', 'ignore').decode()."
        ) from None


def _samples(X: Any) -> Iterator[Any]:
    """Yield a text, a mapping by column name, or a sequence, for each sample."""
    if isinstance(X, str):
        raise ValueError(
            f"X must hold one text for each sample, got the single str {X[:40]!r}. Use "
            "a list."
        )
    if nw.dependencies.is_into_series(X):
        yield from nw.from_native(X, series_only=True).to_list()
    elif (frame := frame_of(X)) is not None:
        yield from frame.iter_rows(named=True)
    else:
        if isinstance(X, np.ma.MaskedArray):
            X = np.where(np.ma.getmaskarray(X), np.nan, X.data.astype(object))
        array = np.asarray(X, dtype=object)
        if array.ndim == 0:
            raise TypeError(
                "X must be a list of texts, an array of columns or a data frame, got "
                f"{shown(X, repr)} of type {type(X).__name__}. {_advice(X)}."
            )
        if array.ndim > 2:
            raise ValueError(
                "X must have one dimension, of texts, or two, of columns for the "
                f"prompt, got shape {array.shape}."
            )
        yield from array if array.ndim == 1 else array.tolist()


def _names(template: str) -> Iterator[str]:
    """Yield the names of all fields, also of those in the formats of others."""
    for _, name, spec, conversion in FORMATTER.parse(template):
        if name is not None:
            FORMATTER.convert_field("", conversion)  # of the kinds there are?
            yield name
            yield from _names(spec or "")


def _first(name: str) -> str:
    """Return the name of a field without the attributes and items after it."""
    return re.split(r"[.\[]", name, maxsplit=1)[0]


def _advice(X: Any) -> str:
    """Return what to give in place of something that is no array."""
    if isinstance(X, Mapping):
        return "Give pandas.DataFrame(X)"
    if isinstance(X, Iterable):
        return "Give list(X)" if isinstance(X, Iterator) else "Give a list"
    if isinstance(nw.from_native(X, pass_through=True), nw.LazyFrame):
        return "Read it before: X.collect()"
    return "Give a list of texts, one for each sample"


def _fill(prompt: str, sample: Any, i: int) -> str:
    """Return the template with the values of a sample."""
    if not isinstance(sample, (Mapping, list, str)):
        raise ValueError(
            f"X must hold texts, got {shown(sample, repr)} for sample {i}. Fill "
            "missing values, or give columns and a prompt that names them."
        )
    values = [sample] if isinstance(sample, str) else sample
    n_unnamed = sum(not _first(name) for name in _names(prompt))
    names = list(values) if isinstance(values, Mapping) else range(len(values))
    if n_unnamed and (
        n_unnamed != len(names) or (n_unnamed > 1 and isinstance(values, Mapping))
    ):
        choice = ", ".join(f"{{{name}}}" for name in names[:2])
        raise ValueError(
            f"prompt={prompt!r} names no column in {n_unnamed} fields, and a sample "
            f"has {len(names)} values. Write {choice} to choose among them."
        )
    return _Values(prompt, values, i).fill(prompt)


@dataclass
class _Values:
    """The values of a sample, by name or by place, which fill a prompt."""

    prompt: str
    values: Mapping[Any, Any] | list[Any]
    i: int
    places: Iterator[int] = field(default_factory=count)  # of fields without a name

    def fill(self, template: str) -> str:
        """Return a template, or the format of a field, with values."""
        texts = []
        for text, name, spec, conversion in FORMATTER.parse(template):
            texts.append(text)
            if name is not None:
                column, rest = self._find(name)
                value = self.values[column]
                texts.append(self._write(value, name, rest, spec or "", conversion))
        return "".join(texts)

    def _write(
        self, value: Any, name: str, rest: str, spec: str, conversion: str | None
    ) -> str:
        """Return the text of a value, or of what the field takes of it."""
        spec = self.fill(spec)
        try:
            if rest and not _is_missing(value):
                value, _ = FORMATTER.get_field(f"0{rest}", (value,), {})
            if not _is_missing(value):
                return format(FORMATTER.convert_field(value, conversion), spec)
        except UNWRITABLE as error:
            raise ValueError(
                f"prompt={self.prompt!r} cannot write the value {shown(value, repr)} "
                f"of sample {self.i} as {{{name}{spec and ':'}{spec}}}: {shown(error)}."
                " Change the field, or write prompt as a function of the sample."
            ) from None
        raise ValueError(
            f"Sample {self.i} has no value in column {name!r} ({value}). Fill it, for "
            "instance with 'unknown', or write prompt as a function of the sample."
        )

    def _find(self, name: str) -> tuple[Any, str]:
        """Return the column of a field, and what is taken of its values."""
        first = _first(name)
        for key in (name, first):  # the whole first, for names that have a dot
            for column in self._columns(key):
                return column, name.removeprefix(key)
        if isinstance(self.values, Mapping):
            raise ValueError(
                f"prompt={self.prompt!r} names {name!r}, which is no column of X: "
                f"{some_of(list(self.values))}."
            )
        raise ValueError(
            f"prompt={self.prompt!r} asks for {name!r}, and a sample has "
            f"{len(self.values)} values without names. Use {{}} for a text, {{0}}, "
            "{1} for columns, or a data frame."
        )

    def _columns(self, name: str) -> Iterator[Any]:
        """Yield the columns of a name, the one whose name is that very text first."""
        columns = (
            self.values if isinstance(self.values, Mapping) else range(len(self.values))
        )
        if not name:
            yield list(columns)[next(self.places)]
        if name in columns:
            yield name
        yield from (column for column in columns if str(column) == name)


def _is_missing(value: Any) -> bool:
    """Return whether a value is None, NaN or a marker of a missing one."""
    return value is None or bool(pd.api.types.is_scalar(value) and pd.isna(value))
