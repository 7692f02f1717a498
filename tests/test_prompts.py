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
    with pytest.raises(ValueError, match="Sample 1 has no value in column '0'"):
        read(texts[:, None], "{0}")


@pytest.mark.parametrize("column", ["petal.length", "a[b]", "a b", "0", "", 0, 7, 2.5])
def test_columns_fill_the_fields_that_are_their_names(column):
    frame = pd.DataFrame({"petal": ["no", "no"], column: ["x", "y"], "z": ["u", "v"]})
    if column != "":
        assert read(frame, f"{{{column}}} {{z}}") == ["x u", "y v"]
    assert read(frame[[column]], "{}: ") == ["x: ", "y: "]


def test_names_that_are_text_come_before_numbers():
    assert read(pd.DataFrame({0: ["x"], "0": ["y"]}), "{0}") == ["y"]


@pytest.mark.parametrize(
    "template",
    [
        "{}",
        "{0}",
        "{0!r:>9} {0:^{1}}",
        "{:{}}",
        "{{{1:+.2f}}} {0[0]} {1.real}",
        "{1:,}",
    ],
)
def test_templates_write_what_python_writes(template):
    values = ["text", 12] if template.count("{") > 1 or "1" in template else ["text"]
    expected = template.format(*values)
    assert read([values], template) == [expected]
    named = template.replace("0", "a").replace("1", "b").replace("[a]", "[0]")
    frame = pd.DataFrame([values], columns=["a", "b"][: len(values)])
    if template != "{:{}}":
        assert read(frame, named) == [expected]


@pytest.mark.parametrize(
    ("X", "prompt", "names"),
    [
        (["abc"], "{0.foo}: ", ["sample 0", "'abc'", "foo"]),
        (["abc"], "{[9]}: ", ["sample 0", "'abc'", "9"]),
        ([["a", "b"], ["a", 3]], "{1[0]}: ", ["sample 1", "value 3", "1[0]"]),
        (["abc"], "{:.2f}: ", ["sample 0", "'abc'", ".2f"]),
        (pd.DataFrame({"a": [[1]]}), "{a:5}: ", ["sample 0", "[1]", "{a:5}"]),
        (pd.DataFrame({"a": ["x"]}), "{a:{b}}: ", ["'b'", "['a']"]),
        (pd.DataFrame({"a": ["x"]}), "{a.b}: ", ["sample 0", "'x'", "a.b"]),
        (pd.DataFrame({"a": ["x"]}), "{c.b}: ", ["'c.b'", "['a']"]),
        (pd.DataFrame({"a": ["x"]}), "{0}: ", ["'0'", "['a']"]),
        (pd.DataFrame({"a": ["x"], "b": ["y"]}), "{}: ", ["{a}, {b}"]),
        (pd.DataFrame({"a": ["x"], "b": ["y"]}), "{} {}: ", ["{a}, {b}"]),
        (["abc"], "{}{0}: ", ["{}{0}"]),
        (["abc"], "{0:{}}: ", ["{0:{}}"]),
        (["abc"], "{!x}: ", ["no template"]),
        (["abc"], "{text}: ", ["'text'", "{}"]),
        (["abc"], "{-1}: ", ["'-1'"]),
        ([{"a": {"b": None}}], "{a[b]}: ", ["Sample 0 has no value", "a[b]"]),
    ],
)
def test_fields_that_do_not_fit_are_refused_in_one_line(X, prompt, names):
    with pytest.raises(ValueError, match="prompt") as refusal:
        read(X, prompt)
    message = str(refusal.value)
    assert "\n" not in message
    assert all(name in message for name in names)


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT])
def test_only_what_the_template_names_must_be_there(missing):
    values = [["x", missing], ["y", "z"]]
    frame = pd.DataFrame(values, columns=["a", "b"], dtype=object)
    assert read(values, "{0}: ") == read(frame, "{a}: ") == ["x: ", "y: "]
    for X, prompt in [(values, "{0} {1}"), (values, "{} {}"), (frame, "{a} {b}")]:
        with pytest.raises(ValueError, match="Sample 0 has no value in column"):
            read(X, prompt)


@pytest.mark.filterwarnings("ignore:.*prompts were cut:UserWarning")
@pytest.mark.parametrize("first", ["", "^", "^$"])
@pytest.mark.parametrize("n_kept", range(3, 12))
def test_cut_prompts_keep_special_tokens_and_the_fixed_end(first, n_kept):
    X, end = ["abcdefghijkl", "^b^defghij"], ": "
    n_first = len(first)
    left = read(X, "{}: ", n_kept, "left", first)
    right = read(X, "{}: ", n_kept, "right", first)
    for text, from_left, from_right in zip(X, left, right, strict=True):
        assert len(from_left) == len(from_right) == n_kept
        assert from_left[:n_first] == from_right[:n_first] == first
        assert f"{text}{end}".endswith(from_left[n_first:])
        n_end = min(len(end), n_kept - n_first - 1)
        assert from_right[n_first:] == (
            text[: n_kept - n_first - n_end] + end[len(end) - n_end :]
        )


@pytest.mark.parametrize("truncation", ["left", "right"])
def test_prompts_that_fit_are_not_cut(truncation):
    assert read(["abc", "a"], "{}: ", 6, truncation, "^") == ["^abc: ", "^a: "]


@pytest.mark.parametrize(
    ("X", "names"),
    [
        (None, ["None", "NoneType", "list of texts"]),
        (7, ["7", "int", "list of texts"]),
        ((text for text in ["a", "b"]), ["generator", "list(X)"]),
        (iter(["a", "b"]), ["list_iterator", "list(X)"]),
        ({"a": ["x", "y"]}, ["dict", "DataFrame(X)"]),
        ({"x", "y"}, ["set", "Give a list"]),
        (pl.DataFrame({"a": ["x", "y"]}).lazy(), ["LazyFrame", "X.collect()"]),
    ],
)
def test_what_is_no_table_is_refused_by_its_type_and_with_what_to_give(X, names):
    for prompt in ["{}: ", "{a}: ", str]:
        with pytest.raises(TypeError, match="X must be a list of texts") as refusal:
            read(X, prompt)
        assert "\n" not in str(refusal.value)
        assert all(name in str(refusal.value) for name in names)


def test_columns_that_share_a_name_are_refused_by_it():
    frame = pd.DataFrame([["x", "y", "z"]], columns=["b", "a", "a"])
    with pytest.raises(ValueError, match=r"2 are called 'a'") as refusal:
        read(frame, "{b}: ")
    assert "\n" not in str(refusal.value)
