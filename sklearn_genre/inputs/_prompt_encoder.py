"""Texts or samples of a table to the prompts of a language model."""

from __future__ import annotations

import string
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from sklearn_genre.inputs._prompts import Prompts

# Prompts of the first data that are kept, to see how numbers are spelled after them.
N_EXAMPLES = 8
TRUNCATIONS = ("error", "left", "right")

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
        the beginning, or before the fixed end of the template.

    Attributes
    ----------
    examples_ : list of str
        The first prompts that were read.
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
            self.examples_ = texts[:N_EXAMPLES]
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
            warnings.warn(
                f"{n_cut} of {len(ids)} prompts were cut to {self.max_tokens} tokens "
                f"(truncation={self.truncation!r}).",
                stacklevel=2,
            )
        cut = [self._cut(text) for text in ids]
        return np.array([*cut, None], dtype=object)[:-1]  # stays 1-dimensional

    def encode(self, X: Texts, dtype: torch.dtype, device: torch.device) -> Prompts:
        """Return token ids as the network reads them, on a device."""
        return Prompts.of([[*text, *self.after] for text in X]).to(device)

    def _cut(self, text: list[int]) -> list[int]:
        """Return token ids that fit into the window of the model."""
        most = self.max_tokens
        if len(text) <= most:
            return text
        if self.truncation == "left":
            return text[-most:]
        ending = ending_of(self.prompt)
        n = min(len(self.tokenize([ending])[0]), most - 1) if ending else 0
        return text[: most - n] + text[len(text) - n :]


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
        parts = list(string.Formatter().parse(prompt))
    except ValueError as error:
        raise ValueError(
            f"prompt={prompt!r} is no template: {error}. Braces are {{{{ and }}}}."
        ) from None
    names = [name for _, name, _, _ in parts if name is not None]
    if not names:
        raise ValueError(
            f"prompt={prompt!r} has no field, so that all samples would get the same "
            "text. Write {} where the text goes, or {name} for a column."
        )
    return names


def ending_of(prompt: Any) -> str:
    """Return the fixed text after the last field of a template."""
    if callable(prompt):
        return ""
    parts = list(string.Formatter().parse(prompt))
    return parts[-1][0] if parts and parts[-1][1] is None else ""


def _samples(X: Any) -> Iterator[Any]:
    """Yield a text, a mapping by column name, or a sequence, for each sample."""
    if isinstance(X, str):
        raise ValueError(
            f"X must hold one text for each sample, got the single str {X[:40]!r}. Use "
            "a list."
        )
    if nw.dependencies.is_into_series(X):
        yield from nw.from_native(X, series_only=True).to_list()
    elif nw.dependencies.is_into_dataframe(X):
        yield from nw.from_native(X, eager_only=True).iter_rows(named=True)
    else:
        if isinstance(X, np.ma.MaskedArray):
            X = np.where(np.ma.getmaskarray(X), np.nan, X.data.astype(object))
        array = np.asarray(X, dtype=object)
        if array.ndim not in (1, 2):
            raise ValueError(
                "X must have one dimension, of texts, or two, of columns for the "
                f"prompt, got shape {array.shape}."
            )
        yield from array if array.ndim == 1 else array.tolist()


def _fill(prompt: str, sample: Any, i: int) -> str:
    """Return the template with the values of a sample."""
    names = fields_of(prompt)
    if isinstance(sample, Mapping):
        if unknown := [name for name in names if name not in sample]:
            raise ValueError(
                f"prompt={prompt!r} names {unknown[0]!r}, which is no column of X: "
                f"{list(sample)}."
            )
        values = {name: _value(sample[name], i, name) for name in names}
        return prompt.format_map(values)
    if isinstance(sample, list):
        return _fill_columns(prompt, [_value(v, i, c) for c, v in enumerate(sample)])
    if not isinstance(sample, str):
        raise ValueError(
            f"X must hold texts, got {sample!r} for sample {i}. Fill missing values, "
            "or give columns and a prompt that names them."
        )
    return _fill_columns(prompt, [sample])


def _fill_columns(prompt: str, values: list[Any]) -> str:
    """Return the template with values by their place."""
    names = fields_of(prompt)
    if not any(names) and len(names) != len(values):
        raise ValueError(
            f"prompt={prompt!r} has {len(names)} fields, and a sample has "
            f"{len(values)} values. Write {{0}}, {{1}} to choose among them."
        )
    try:
        return prompt.format(*values)
    except (IndexError, KeyError) as error:
        raise ValueError(
            f"prompt={prompt!r} asks for {error}, and a sample has {len(values)} "
            "values without names. Use {0}, {1}, or a data frame."
        ) from None


def _value(value: Any, i: int, column: Any) -> Any:
    """Return a value for the template, or say that it is missing."""
    if value is None or (pd.api.types.is_scalar(value) and pd.isna(value)):
        raise ValueError(
            f"Sample {i} has no value in column {column!r} ({value}). Fill it, for "
            "instance with 'unknown', or write prompt as a function of the sample."
        )
    return value
