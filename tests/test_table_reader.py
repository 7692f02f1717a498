"""TableReader: columns by name, in the types of the fit, whatever they come as."""

import datetime
import pickle
import warnings
from decimal import Decimal
from io import StringIO

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from pandas.testing import assert_frame_equal
from sklearn.base import clone

from sklearn_genre.preprocessing import TableReader
from sklearn_genre.preprocessing._date_words import date_format, read_dates
from sklearn_genre.preprocessing._number_words import decimal_mark, read_number

N = 60
RANDOM = np.random.default_rng(0)
NUMBERS = RANDOM.uniform(1000, 9000, N).round(2)


def column(values, **options):
    """Return what becomes of one column, with its line in the table."""
    frame = pd.DataFrame({"a": values})
    reader = TableReader(**options).fit(frame)
    return reader.transform(frame)["a"], reader.table_.iloc[0]


# ---------------------------------------------------------------- numbers


@pytest.mark.parametrize("number", [0.0, 7.0, 1234.5, -1234567.25, 0.125])
@pytest.mark.parametrize("group", [",", " ", "\u00a0", "\u202f", "'", "\u2019", ""])
@pytest.mark.parametrize("around", ["{}", "$ {}", "{} €", "{} %", "£{}", "{} USD"])
def test_numbers_are_read_as_they_are_written(number, group, around):
    written = around.format(f"{number:,}".replace(",", group))
    assert read_number(written) == number
    swapped = f"{number:,}".translate(str.maketrans(",.", ".,"))
    if group != ",":
        swapped = swapped.replace(".", group)
    assert read_number(around.format(swapped), ",") == number


@pytest.mark.parametrize(
    "word",
    [
        *(
            "red",
            "",
            "1,2,3",
            "12a",
            "1e400",
            "inf",
            "nan",
            "0x1f",
            "1__0",
            "(5",
            "--5",
        ),
        *("1.2.3", "$", "%", "2024-01-05", "12:30", "1 2", "٣"),
    ],
)
def test_other_words_are_no_numbers(word):
    assert read_number(word) is None


def test_negative_numbers_of_accountants():
    words = ("(1,234)", "-$5", "$-5", "5-", "\u22125", "+5")
    assert [*map(read_number, words)] == [-1234, -5, -5, -5, -5, 5]


def test_decimal_mark():
    assert decimal_mark(["1,5", "2", "1.234,5"]) == ","
    assert decimal_mark(["1.5", "1,234"]) == "."
    assert decimal_mark(["1,234", "5", "red"]) is None


@pytest.mark.parametrize(
    "write",
    [
        lambda v: f"{v:,}",
        lambda v: f"$ {v}",
        lambda v: f"{v} %",
        lambda v: f" {v} ",
        lambda v: f"{v:_}",
        lambda v: f"{v:,}".translate(str.maketrans(",.", ".,")),
        lambda v: f"{v}".replace(".", ","),
        Decimal,
        np.float32,
    ],
)
@pytest.mark.parametrize(
    "word", ["N/A", "-", "#N/A", "<NA>", "NaT", "--", ".", "1e400", "n.v.", None]
)
def test_a_stray_token_leaves_a_column_numeric(write, word):
    """The column stays one of numbers, and the token is a missing value."""
    values = [write(v) for v in NUMBERS]
    values[7] = word
    read, row = column(values)
    assert row["read as"] == "number"
    assert row["missing"] == 1
    assert_array_equal(np.isnan(read), np.arange(N) == 7)
    expected = np.delete(NUMBERS, 7)
    assert_allclose(np.delete(read.to_numpy(), 7), expected, rtol=1e-6)
    if word in ("1e400", "n.v."):
        assert f"'{word}' in row 7" in row["note"]


def test_a_repeated_word_among_many_numbers_is_missing():
    values = [f"{v}" for v in NUMBERS]
    values[::3] = ["on request"] * len(values[::3])
    _, row = column(values)
    assert (row["read as"], row["missing"]) == ("number", len(values[::3]))
    assert "'on request' in row 0" in row["note"]


def test_many_words_make_a_category_and_the_note_says_which_was_first():
    values = [f"{i % 9}" for i in range(N)]
    values[1::4] = [f"{i % 9}a" for i in range(len(values[1::4]))]
    read, row = column(pd.Series(values, index=pd.RangeIndex(2, N + 2, name="line")))
    assert row["read as"] == "category"
    assert "'0a' in line 3" in row["note"]
    assert set(read) == set(values)


def test_words_for_missing_values():
    values = ["1", "-999", "unknown", "4", *map(str, NUMBERS)]
    read, _ = column(values, missing=("-999", "Unknown"))
    assert_array_equal(np.isnan(read[:4]), [False, True, True, False])
    reader = TableReader(missing=["-999"]).fit(pd.DataFrame({"a": values}))
    assert reader.transform(pd.DataFrame({"a": [-999, 1]}))["a"].isna().tolist() == [
        True,
        False,
    ]


def test_the_decimal_mark_of_the_others_counts_where_both_would_do():
    frame = pd.DataFrame({"a": ["1,234"] * 3, "b": ["1,5", "2", "3"]})
    assert TableReader().fit_transform(frame)["a"].tolist() == [1.234] * 3
    assert TableReader().fit_transform(frame[["a"]])["a"].tolist() == [1234] * 3
    assert TableReader(decimal=",").fit_transform(frame)["a"].tolist() == [1.234] * 3


# ---------------------------------------------------------------- other kinds


@pytest.mark.parametrize(
    "form",
    [
        "%Y-%m-%d",
        "%d.%m.%Y",
        "%m/%d/%Y",
        "%d/%m/%Y %H:%M",
        "%b %d, %Y",
        "%Y-%m-%dT%H:%M",
    ],
)
def test_dates_come_back(form):
    dates = pd.Timestamp("2021-03-01") + pd.to_timedelta(np.arange(0, 400, 7), unit="D")
    words = [date.strftime(form) for date in dates]
    detected, is_ambiguous = date_format(words)
    assert_array_equal(read_dates(words, detected), dates.to_numpy())
    assert not is_ambiguous
    assert column(words)[1]["read as"] == "date"


def test_ambiguous_dates_are_said():
    _, row = column(["01/02/2021", "03/04/2021", "05/05/2021"])
    assert row["read as"] == "date"
    assert "swapped" in row["note"]


def forms_of_a_table():
    """Return one table in the types of several readers."""
    dates = pd.Timestamp("2021-03-01") + pd.to_timedelta(np.arange(N), unit="D")
    flags = np.arange(N) % 3 == 0
    levels = np.arange(N) % 7
    plain = pd.DataFrame(
        {"a": NUMBERS, "b": flags, "c": levels, "d": dates.astype("datetime64[ns]")}
    )
    plain["c"] = [f"{level:02}" if level < 4 else f"{level}x" for level in levels]
    words = plain.assign(
        a=[f"{v:,}" for v in NUMBERS],
        b=[str(flag).upper() for flag in flags],
        c=plain["c"] + "  ",
        d=[date.strftime("%Y-%m-%d") for date in dates],
    )
    return {
        "plain": plain,
        "words": words,
        "strings": words.astype("string"),
        "seconds": plain.astype({"d": "datetime64[s]", "c": "category"}),
        "zones": plain.assign(d=plain["d"].dt.tz_localize("UTC")),
        "objects": plain.astype(object).assign(d=[date.date() for date in dates]),
        "nullable": plain.astype({"a": "Float64", "b": "boolean", "c": "string"}),
        "numbers": plain.assign(b=flags.astype(int)),
        "shuffled": plain[["d", "b", "c", "a"]].assign(more=1),
        "blank names": plain.rename(columns={"a": " a "}),
    }


@pytest.mark.parametrize("fitted", ["plain", "words", "strings", "seconds", "objects"])
@pytest.mark.parametrize("given", forms_of_a_table())
def test_types_at_predict_do_not_matter(fitted, given):
    forms = forms_of_a_table()
    reader = TableReader().fit(forms[fitted])
    expected = reader.transform(forms[fitted])
    assert_frame_equal(reader.transform(forms[given]), expected)


def test_polars_frames():
    plain = forms_of_a_table()["plain"]
    reader = TableReader().fit(plain)
    assert_frame_equal(reader.transform(pl.from_pandas(plain)), reader.transform(plain))


def test_levels_that_pandas_reads_as_numbers():
    reader = TableReader().fit(pd.DataFrame({"a": ["01", "2", "3a", "4.50"] * 9}))
    read = reader.transform(pd.DataFrame({"a": [1, 2.0, np.nan, 4.5]}))["a"]
    assert read.tolist()[:2] == ["1", "2"]
    assert read.tolist()[3] == "4.5"
    assert read.isna().tolist() == [False, False, True, False]
    assert reader.transform(pd.DataFrame({"a": ["01"]}))["a"].tolist() == ["1"]


def test_columns_that_are_left_out():
    frame = forms_of_a_table()["plain"].assign(e=None, f=[[1]] * N, g="same")
    reader = TableReader(kinds=("number", "category"), leave_out=["a"]).fit(frame)
    assert [*reader.get_feature_names_out()] == ["c", "g"]
    table = reader.table_.set_index("name")
    assert table.loc["e", "read as"] == "left out (empty)"
    assert table.loc["f", "read as"] == "left out (other)"
    assert table.loc["g", "note"] == "the same value in all rows"


def test_identifiers_are_noted():
    frame = pd.DataFrame(
        {"counted": np.arange(N), "house_id": RANDOM.permutation(N) * 3, "a": NUMBERS}
    )
    notes = TableReader().fit(frame).table_["note"]
    assert [bool(note) for note in notes] == [True, True, False]


def test_texts_are_not_levels():
    _, row = column([f"a house of {i} rooms, with a garden" for i in range(N)])
    assert row["read as"] == "text"
    _, row = column([f"kind {i % 9}" for i in range(N)])
    assert row["read as"] == "category"


@pytest.mark.parametrize(
    "value", [datetime.timedelta(minutes=2), np.timedelta64(120, "s"), 120]
)
def test_durations_are_seconds(value):
    read, row = column([value] * 3)
    assert row["read as"] == "number"
    assert read.tolist() == [120.0] * 3


# ---------------------------------------------------------------- as an estimator


def test_unreadable_values_warn_once_and_count_as_missing():
    reader = TableReader().fit(pd.DataFrame({"a": [*map(str, NUMBERS), "n.v."]}))
    with pytest.warns(
        UserWarning, match=r"'a' is read as number.*'what\\x1b' in row 1"
    ):
        read = reader.transform(pd.DataFrame({"a": ["5", "what\x1b"]}))["a"]
    assert read[0] == 5
    assert np.isnan(read[1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a word that was there at fit
        reader.transform(pd.DataFrame({"a": ["5", "n.v."]}))


def test_missing_and_repeated_columns_are_refused():
    frame = forms_of_a_table()["plain"]
    reader = TableReader().fit(frame)
    with pytest.raises(ValueError, match=r"lacks 1 of the 4 columns .*'b'"):
        reader.transform(frame.drop(columns="b"))
    with pytest.raises(ValueError, match="more than one column named 'a'"):
        reader.transform(pd.concat([frame, frame[["a"]]], axis=1))
    with pytest.raises(TypeError, match="needs a data frame, got ndarray"):
        reader.transform(frame.to_numpy())
    with pytest.raises(ValueError, match="no column to learn from"):
        TableReader().fit(pd.DataFrame({"a": [None, None]}))


@pytest.mark.parametrize(
    "options",
    [
        {"kinds": "number"},
        {"kinds": ["word"]},
        {"kinds": None},
        {"decimal": ";"},
        {"missing": "-999"},
        {"missing": None},
        {"leave_out": 3},
    ],
)
def test_parameters_are_checked(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        TableReader(**options).fit(forms_of_a_table()["plain"])


@pytest.mark.parametrize("name", [3, "3", " 3"])
def test_a_column_is_left_out_by_any_writing_of_its_name(name):
    frame = pd.DataFrame({3: NUMBERS, "b": NUMBERS})
    assert [*TableReader(leave_out=[name]).fit_transform(frame)] == ["b"]


def test_a_column_to_leave_out_that_is_not_there_is_told():
    with pytest.warns(UserWarning, match=r"no column of X: 'B'; .* 'a', 'b'"):
        TableReader(leave_out=["B"]).fit(pd.DataFrame({"a": NUMBERS, "b": NUMBERS}))


@pytest.mark.parametrize("missing", [-999, -999.0, "-999"])
def test_numbers_may_stand_for_missing_values(missing):
    frame = pd.DataFrame({"a": [1, -999, 2], "b": ["1.5", "-999", "2"]})
    assert TableReader(missing=[missing]).fit_transform(frame).isna().sum().sum() == 2


@pytest.mark.parametrize("value", [[1], {}, (1, 2), b"1", 1j, np.zeros(2)])
@pytest.mark.parametrize("column", [["a", "b"], [1, 2]])
def test_values_of_no_kind_are_refused_by_column(value, column):
    reader = TableReader().fit(pd.DataFrame({"size": column}))
    cells = pd.Series([value, column[0]], dtype=object)
    with pytest.raises(TypeError, match=r"'size' .* is no single value"):
        reader.transform(pd.DataFrame({"size": cells}))


def test_copies_read_alike():
    words = forms_of_a_table()["words"]
    reader = TableReader().fit(words)
    expected = reader.transform(words)
    assert_frame_equal(pickle.loads(pickle.dumps(reader)).transform(words), expected)
    assert_frame_equal(clone(reader).fit(words).transform(words), expected)
    assert words.equals(forms_of_a_table()["words"])  # not changed


@pytest.mark.parametrize("sep", [";", "\t"])
def test_a_file_read_with_another_delimiter_is_told_so(sep):
    text = pd.DataFrame({"size": range(9), "price": range(9)}).to_csv(sep=sep)
    reader = TableReader().fit(pd.read_csv(StringIO(text), sep=sep))
    with pytest.raises(ValueError, match="sep="):
        reader.transform(pd.read_csv(StringIO(text)))
    with pytest.raises(ValueError, match="lacks") as caught:
        reader.transform(pd.DataFrame({"size": [1], "other": [2]}))
    assert "sep=" not in str(caught.value)


def test_days_far_away_are_days():
    words = [f"2020-01-{day:02}" for day in range(1, 29)]
    words += ["9999-12-31", "0001-01-01", "2020-02-30"]
    dates = read_dates(words, date_format(words)[0])
    assert dates[-3:-1].astype(str).tolist() == [
        "9999-12-31T00:00:00.000000",
        "0001-01-01T00:00:00.000000",
    ]
    assert np.isnat(dates).tolist() == [False] * 30 + [True]


def test_a_note_says_that_some_numbers_are_in_percent():
    shares = [f"{i} %" for i in range(40)]
    X = pd.DataFrame({"all": shares, "some": [*shares[:-1], "0.02"]})
    X["stray"] = [*shares[:-1], "unknown"]
    notes = TableReader().fit(X).table_.set_index("name")["note"]
    assert "percent" not in notes["all"] + notes["stray"]
    assert "'0 %' in row 0 is in percent" in notes["some"]
