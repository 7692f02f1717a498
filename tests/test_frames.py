"""Samples of every kind that users bring: read, or refused in one line."""

import datetime
import warnings
from functools import cache

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from small_models import X, Y, small

from sklearn_genre._checks import shown, some_of, tidy

N = len(Y)
x = X[:, 0]
DAYS = pd.Series(pd.Timestamp("2020-02-01") + pd.to_timedelta(np.arange(N), unit="D"))
SPANS = DAYS - DAYS.min()


def plain(**parameters):
    """Return a small regressor of one stage."""
    return small(fine_tuning=None, pretraining_epochs=1, **parameters)


def refused(words, function, *args, **kwargs):
    """Check that a call raises an error, in one short line with some words."""
    with pytest.raises((ValueError, TypeError)) as caught:
        function(*args, **kwargs)
    message = str(caught.value)
    assert "\n" not in message
    assert "\x1b" not in message
    assert len(message) < 400
    for word in words:
        assert word in message


# Dates ------------------------------------------------------------------------

TIMES = {
    "seconds": DAYS.astype("datetime64[s]"),
    "nanoseconds": DAYS.astype("datetime64[ns]"),
    "missing": DAYS.where(np.arange(N) > 3),
    "zone": DAYS.dt.tz_localize("UTC"),
    "arrow": DAYS.astype("timestamp[us][pyarrow]"),
    "objects": DAYS.astype(object),
    "days": pd.Series([day.date() for day in DAYS], dtype=object),
    "times": pd.Series([datetime.time(i % 24) for i in range(N)], dtype=object),
    "period": DAYS.dt.to_period("D"),
    "spans": SPANS,
    "span_objects": SPANS.astype(object),
    "polars": pl.Series(DAYS.to_list()),
    "polars_days": pl.Series([day.date() for day in DAYS]),
    "polars_spans": pl.Series(SPANS.to_list()),
}


@pytest.mark.parametrize("name", TIMES)
@pytest.mark.parametrize("beside", ["number", "letter"])
def test_dates_are_refused_by_name(name, beside):
    column = TIMES[name]
    library = pl if isinstance(column, pl.Series) else pd
    other = x.tolist() if beside == "number" else ["a", "b", "c"] * (N // 3)
    frame = library.DataFrame({"other": other, "when": column})
    words = ["'when'", "durations" if "span" in name else "dates", ".dt."]
    refused(words, plain().fit, frame, Y)
    numbers = library.DataFrame({"other": other, "when": x.tolist()})
    refused(words, plain().fit(numbers, Y).predict, frame)


# Nanoseconds, the unit of pandas 2, would become plain integers as objects.
@pytest.mark.parametrize(
    "values",
    [DAYS.to_numpy("datetime64[us]"), SPANS.to_numpy("timedelta64[us]")],
)
@pytest.mark.parametrize("kind", [None, object])
def test_dates_in_arrays_are_refused_by_number(values, kind):
    array = np.column_stack([values, values]).astype(kind or values.dtype)
    refused(["Column 0", "astype"], plain().fit, array, Y)
    spans = np.array([[np.timedelta64(5, "D"), 1.0]] * N, dtype=object)
    refused(["Column 0", "durations"], plain().fit, spans, Y)


@pytest.mark.parametrize("name", TIMES)
def test_dates_are_no_targets(name):
    refused(["y holds d", "Give numbers"], plain().fit, X, TIMES[name])
    refused(["y holds d"], plain().fit, X, TIMES[name].to_numpy())


# What is no table of numbers --------------------------------------------------

NO_NUMBERS = {
    "lists": pl.Series([[1, 2]] * N),
    "structs": pl.Series([{"a": 1, "b": 2}] * N),
    "dicts": pd.Series([{"a": 1}] * N),
    "complex": x + 1j,
    "bytes": pd.Series([b"a\x1b"] * N),
    "interval": pd.Series(pd.interval_range(0, N)),
    "infinite": np.where(np.arange(N) == 5, np.inf, x),
    "large": pd.Series([10**400, *x[1:]], dtype=object),
}


@pytest.mark.parametrize("name", NO_NUMBERS)
@pytest.mark.parametrize("letters", [False, True])
def test_columns_without_numbers_are_named(name, letters):
    column = NO_NUMBERS[name]
    library = pl if isinstance(column, pl.Series) else pd
    other = ["a", "b", "c"] * (N // 3) if letters else x
    frame = library.DataFrame({"other": other, "odd": column})
    refused(["'odd'"], plain().fit, frame, Y)


@pytest.mark.parametrize("word", ["a", "1,5", "x" * 100_000, "a\x1b[2J\nb"])
def test_texts_that_are_no_categories_are_named(word):
    frame = pd.DataFrame({"number": x, "text": [word] * N})
    words = ["could not convert string to float", "'text'", "categorical_features"]
    refused(words, plain(categorical_features=None).fit, frame, Y)
    array = frame.to_numpy(dtype=object)
    refused(["column 1", "categorical_features=[1]"], plain().fit, array, Y)
    refused(["column 1"], plain().fit, array.tolist(), Y)
    refused(["y must hold numbers"], plain().fit, X, [word] * N)


@pytest.mark.parametrize(
    ("table", "advice"),
    [
        ({"a": x}, "pandas.DataFrame(X)"),
        ([{"a": value} for value in x], "pandas.DataFrame(X)"),
        (pl.DataFrame({"a": x}).lazy(), "X.collect()"),
        (np.array([(v, v) for v in x], dtype="f8,f8"), "pandas.DataFrame(X)"),
        (pd.DataFrame(X, columns=list("abca")), "'a'"),
    ],
)
def test_what_is_no_table_is_refused_with_advice(table, advice):
    refused([advice], plain().fit, table, Y)
    refused([advice], plain().fit(X, Y).predict, table)
    letters = pd.DataFrame({"a": ["u", "v"] * (N // 2), "b": x})
    refused([advice], plain().fit(letters, Y).predict, table)


@pytest.mark.parametrize(
    ("table", "advice"),
    [
        (x, "Reshape your data"),
        (x[:5].tolist(), "Reshape your data"),
        (pd.Series(x), "Pass a DataFrame"),
        (None, "Expected 2D array"),
        (map(float, x), "Expected 2D array"),
        (X[:, :, None], "dim 3"),
        (csr_array(X), "toarray()"),
        (np.asmatrix(X), "np.asarray(X)"),
        (pa.RecordBatch.from_pandas(pd.DataFrame(X)), "Table.from_batches([X])"),
        (X[:, :0], "0 feature(s)"),
        (pd.DataFrame(index=range(N)), "0 feature(s)"),
        ([[1.0], *X[1:].tolist()], "shape"),
    ],
)
@pytest.mark.parametrize("categories", [None, [0]])
def test_what_has_no_two_axes_is_refused(table, advice, categories):
    model = plain(categorical_features=categories)
    refused([advice], model.fit, table, Y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names
        for samples in (X, pd.DataFrame(X, columns=list("abcd"))):
            refused([advice], model.fit(samples, Y).predict, table)


@pytest.mark.parametrize("groups", [np.ones((N, 2)), 1.0, [(1, 2)] * N])
def test_groups_that_are_no_column_are_named(groups):
    refused(["groups"], plain().fit, X, Y, groups=groups)


def test_ragged_targets_are_named():
    refused(["y must hold numbers"], plain().fit, X, [[1.0], *Y[1:, None], [1.0, 2.0]])


def test_names_are_shown_without_control_characters():
    frame = pd.DataFrame(X, columns=["a\x1b[2J", "b", "c", "d" * 10_000])
    with pytest.raises(ValueError, match="feature names") as caught:
        plain().fit(frame, Y).predict(frame.iloc[:, ::-1])
    assert "\x1b" not in str(caught.value)
    with pytest.raises(ValueError, match="feature names") as caught:
        plain().fit(frame, Y).predict(frame.rename(columns={"b": "B"}))
    assert len(str(caught.value)) < 2_000


@pytest.mark.parametrize("missing", [pd.NA, None, np.nan, pd.NaT])
def test_objects_may_be_numbers_with_missing_ones(missing):
    gaps = np.arange(N) % 7 == 0
    plainly = pd.DataFrame({"a": np.where(gaps, np.nan, x), "b": x})
    column = x.astype(object)
    column[gaps] = missing
    odd = pd.DataFrame({"a": pd.Series(column, dtype=object), "b": x})
    expected = plain().fit(plainly, Y).predict(plainly)
    assert_array_equal(plain().fit(odd, Y).predict(odd), expected)
    assert_array_equal(
        plain().fit(odd.to_numpy(), Y).predict(plainly.to_numpy()), expected
    )


# Masked arrays and weights ----------------------------------------------------


@pytest.mark.parametrize("kind", [float, int, object])
def test_masked_features_are_missing(kind):
    values = (10 * X).round()
    masked = np.ma.masked_array(
        values.astype(kind), np.arange(X.size).reshape(X.shape) % 5 == 0
    )
    gaps = np.where(masked.mask, np.nan, values)
    model = plain().fit(gaps, Y)
    assert_array_equal(plain().fit(masked, Y).predict(masked), model.predict(gaps))
    assert_array_equal(model.predict(masked), model.predict(gaps))


def test_masked_targets_and_weights_are_refused():
    mask = np.arange(N) == 7
    masked = np.ma.masked_array(Y, mask)
    refused(["y has 1 masked", "index 7"], plain().fit, X, masked)
    refused(["y has 1 masked"], plain().fit, X, Y, X_val=X, y_val=masked)
    weights = np.ma.masked_array(np.ones(N), mask)
    refused(["sample_weight has 1 masked"], plain().fit, X, Y, weights)
    whole = np.ma.masked_array(Y, np.zeros(N, dtype=bool))
    assert_array_equal(plain().fit(X, whole).predict(X), plain().fit(X, Y).predict(X))


WEIGHTS = 2.0 ** np.random.default_rng(0).integers(-3, 1, N)


@cache
def weighted(unit):
    """Return a model of weights in a unit, which no test may change."""
    given = {"X_val": X[:50], "y_val": Y[:50], "sample_weight_val": unit * WEIGHTS[:50]}
    return plain().fit(X, Y, unit * WEIGHTS, **given)


@pytest.mark.parametrize("unit", [2.0**1000, 2.0**-560, 1e308, 1e-300])
def test_the_unit_of_the_weights_does_not_matter(unit):
    model, other = weighted(1.0), weighted(unit)
    same = assert_array_equal if np.log2(unit) % 1 == 0 else np.testing.assert_allclose
    same(other.predict(X), model.predict(X))
    ours, theirs = (
        m.diagnose(X, Y, w) for m, w in ((model, WEIGHTS), (other, unit * WEIGHTS))
    )
    same([*theirs.values()], [*ours.values()])


@pytest.mark.parametrize("unit", [5e-324, 1e-300, 1.0, np.finfo(float).max])
def test_equal_weights_are_no_weights(unit):
    model = plain().fit(X, Y, np.full(N, unit))
    assert_array_equal(model.predict(X), plain().fit(X, Y).predict(X))


@pytest.mark.parametrize("weight", [np.nan, np.inf, -1.0, 0.0])
def test_weights_that_are_none(weight):
    refused(["weight"], plain().fit, X, Y, np.full(N, weight))
    model = plain().fit(X, Y)
    refused(["weight"], model.diagnose, X, Y, np.full(N, weight))


# A validation set that was not transformed -------------------------------------


@pytest.mark.parametrize(
    "raw", [1e3 + 50 * X, 1e-4 * X, X * [1, 1e3, 1e3, 1e3] + [0, 7e3, 7e3, -7e3]]
)
def test_a_validation_set_in_other_units_is_named(raw):
    names = [f"column {i}" for i in range(4)]
    raw = pd.DataFrame(raw, columns=names)
    steps = [
        ("scaler", StandardScaler().set_output(transform="pandas")),
        ("m", plain()),
    ]
    with pytest.warns(UserWarning, match=r"'column 1'.*transform_input=\['X_val'\]"):
        Pipeline(steps).fit(raw, Y, m__X_val=raw[:100], m__y_val=Y[:100])


@pytest.mark.parametrize(
    "X_val",
    [
        X[:1],
        X[:30] + 2,
        3 * X[:50],
        X[:50] / 20,
        np.repeat(X[:1], 30, 0),
        X[:30] * np.nan,
    ],
)
def test_ordinary_shifts_are_no_reason_to_warn(X_val):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain().fit(X, Y, X_val=X_val, y_val=Y[: len(X_val)])


# Messages ---------------------------------------------------------------------


def test_long_values_are_cut_and_odd_ones_escaped():
    for text in (shown("a" * 10**6, repr), some_of(["a" * 10**5] * 10**3)):
        assert len(text) < 500
    text = tidy("\x1b[2J\x00" + "\n".join(["a" * 10**4] * 100))
    assert len(text) < 10_000
    assert set(text) <= set("a.\\x1b[2J0\n")
