"""Samples become the texts and token ids that a language model reads."""

from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest

from sklearn_genre.inputs import PromptEncoder


def read(X, prompt="{}: ", max_tokens=100, truncation="error", first=""):
    """Return the prompts as they are tokenized, character by character."""

    def tokenize(texts):
        return [[ord(character) for character in first + text] for text in texts]

    ids = PromptEncoder(prompt, tokenize, max_tokens, truncation).read(X)
    return ["".join(map(chr, text)) for text in ids]


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([pd.Timestamp("2024-05-06"), pd.NaT]),
        pd.Series([pd.Timedelta("3h"), pd.NaT]),
        pd.Series(["x", pd.NA], dtype="string"),
        pd.Series(["x", None], dtype="category"),
        pd.Series([1, pd.NA], dtype="Int64"),
        pd.Series([True, pd.NA], dtype="boolean"),
        pd.Series([1.5, np.nan]),
        pd.Series(["x", np.float32("nan")], dtype=object),
        pd.Series(["x", np.datetime64("NaT")], dtype=object),
        pd.Series([Decimal(1), Decimal("NaN")], dtype=object),
        pl.Series("", [1, None]),
        pl.Series("", [1.0, float("nan")]),
    ],
)
def test_missing_values_are_refused_by_sample_whatever_their_kind(column):
    value, missing = column[0], column[1]
    assert read([[value, "x"]], "{0}: ") == [f"{value}: "]
    assert read(column.to_frame("a")[:1], "{a}: ") == [f"{value}: "]
    for X, prompt in [
        ([[value, "x"], [missing, "x"]], "{1} {0}: "),
        (column.to_frame("a"), "{a}: "),
        ([{"a": value}, {"a": missing}], "{a}: "),
    ]:
        with pytest.raises(ValueError, match="Sample 1 has no value in column"):
            read(X, prompt)


def test_masked_entries_are_missing():
    texts = np.ma.masked_array(["a", "b"], mask=[False, True])
    with pytest.raises(ValueError, match="sample 1"):
        read(texts)
    with pytest.raises(ValueError, match="Sample 1 has no value in column 0"):
        read(texts[:, None], "{0}")
