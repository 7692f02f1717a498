"""Categories whose type has changed between training and prediction."""

import warnings
from datetime import date, datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal
from small_models import small

from sklearn_genre.inputs import FeatureEncoder
from sklearn_genre.inputs._levels import writings_of

RNG = np.random.default_rng(0)
N = 60
TRUTH = RNG.integers(0, 2, N).astype(bool)
NUMBERS = RNG.integers(0, 4, N)
WORDS = np.array(["red", "blue", "dark red", "1a"])[NUMBERS]

# The same values in other types. Every pair of a list is to agree.
KINDS = {
    "truth": [
        TRUTH,
        TRUTH.astype(str),
        np.char.lower(TRUTH.astype(str)),
        TRUTH.astype(object),
        TRUTH.astype(int),
        TRUTH.astype(float),
        TRUTH.astype(int).astype(str),
        pd.Series(TRUTH, dtype="boolean"),
        pd.Series(TRUTH, dtype="category"),
        pd.Series(TRUTH, dtype="bool[pyarrow]"),
        pl.Series(TRUTH),
    ],
    "integers": [
        NUMBERS,
        NUMBERS.astype(np.int8),
        NUMBERS.astype(float),
        NUMBERS.astype(np.float32),
        NUMBERS.astype(str),
        NUMBERS.astype(float).astype(str),
        np.char.add(NUMBERS.astype(str), "  "),
        [np.int64(i) for i in NUMBERS],
        pd.Series(NUMBERS, dtype="category"),
        pd.Series(NUMBERS.astype(str), dtype="category"),
        pd.Series(NUMBERS, dtype="Int64"),
        pd.Series(NUMBERS.astype(str), dtype="string"),
        pd.Series(NUMBERS, dtype="int64[pyarrow]"),
        pl.Series(NUMBERS.astype(str)),
        pl.Series(NUMBERS.astype(str), dtype=pl.Categorical),
    ],
    "fractions": [NUMBERS / 4, (NUMBERS / 4).astype(str), pl.Series(NUMBERS / 4)],
    "words": [
        WORDS,
        np.char.add(WORDS, " "),
        np.char.add("\t", WORDS),
        np.char.ljust(WORDS, 12),
        pd.Series(WORDS, dtype="category"),
        pl.Series(WORDS.tolist()),
    ],
    "days": [
        pd.Series(NUMBERS.astype("M8[D]").astype(f"M8[{unit}]")).astype("category")
        for unit in ("s", "us", "ns")
    ],
}


def frame(column):
    """Return a frame of one column."""
    if isinstance(column, pl.Series):
        return pl.DataFrame({"c": column})
    return pd.DataFrame({"c": column})


@pytest.mark.parametrize("kind", KINDS)
def test_levels_of_another_type_are_those_of_training(kind):
    columns = [frame(column) for column in KINDS[kind]]
    for one in columns:
        encoder = FeatureEncoder(np.array([True])).fit(one, np.ones(N))
        codes = encoder.transform(one)
        assert len(np.unique(codes)) == len(np.unique(np.asarray(KINDS[kind][0])))
        for other in columns:
            assert_array_equal(encoder.transform(other), codes)
            assert encoder.unseen(other) == {}


@pytest.mark.parametrize(
    ("levels", "value"),
    [
        (["1", "1.0"], 1),
        (["a ", "a"], " a"),
        (["01", "02"], 1),
        ([1, 2], "01"),
        ([1, 2], "True"),
        (["yes", "True"], 1),
        (["a", "b"], "A"),
        (["nan", "b"], np.nan),
        ([1, 2], "1_0"),
        ([1, 2], "inf"),
    ],
)
def test_what_is_not_surely_a_level_is_none(levels, value):
    assert_array_equal(writings_of(levels).like(value), value)


def test_exact_levels_come_first():
    X = np.array([["1"], ["1.0"], ["a "], ["a"]], dtype=object)
    encoder = FeatureEncoder(np.array([True])).fit(X, np.ones(4))
    assert len(np.unique(encoder.transform(X))) == 4


def fitted():
    """Return a model of two categories and a number, and its samples."""
    X = pd.DataFrame(
        {"colour": WORDS, "yes": TRUTH.astype(str), "x": RNG.normal(size=N)}
    )
    return small(fine_tuning=None).fit(X, 1.0 * NUMBERS), X


def test_a_column_without_a_known_level_is_named_once():
    model, X = fitted()
    odd = X.assign(yes=np.where(TRUTH, "j", "n\x1b[2J"), colour=X["colour"].str.upper())
    with pytest.warns(UserWarning) as caught:
        model.predict(odd)
    (message,) = [str(warning.message) for warning in caught]
    for text in ("'colour'", "'BLUE'", "'blue'", "'yes'"):
        assert text in message
    assert "\x1b" not in message
    assert len(message) < 500
    assert caught[0].filename == __file__


@pytest.mark.parametrize("method", ["predict_distribution", "sample_y"])
def test_every_method_warns(method):
    model, X = fitted()
    with pytest.warns(UserWarning, match="no level of training"):
        getattr(model, method)(X.assign(yes="maybe"))


def test_one_known_level_or_none_at_all_is_no_reason_to_warn():
    model, X = fitted()
    some = X.assign(yes=np.where(np.arange(N) == 7, "True", "maybe"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.predict(some)
        model.predict(X.assign(yes=None))
        model.predict(X)


def test_a_validation_set_of_other_levels_is_named():
    _, X = fitted()
    with pytest.warns(UserWarning, match="'yes' holds no level of training"):
        small(fine_tuning=None).fit(
            X, 1.0 * NUMBERS, X_val=X.assign(yes="maybe"), y_val=1.0 * NUMBERS
        )


@pytest.mark.parametrize("level", [object(), date(2020, 1, 1), ("a", 1)])
def test_categories_without_order_are_named(level):
    X = np.empty((3, 2), dtype=object)
    X[:, 0], X[:, 1] = ["a", "b", "c"], [level, level, datetime(2020, 1, 1)]
    encoder = FeatureEncoder(np.array([True, True]))
    with pytest.raises(TypeError, match=r"\[1\]|Column 1"):
        encoder.fit(X, np.ones(3))


def test_tuples_are_no_levels_of_a_fitted_category():
    X = np.array([["a"], ["b"], ["c"]], dtype=object)
    encoder = FeatureEncoder(np.array([True])).fit(X, np.ones(3))
    X[1, 0] = ("a", 1)
    with pytest.raises(TypeError, match=r"Column 0 .*\('a', 1\), a tuple"):
        encoder.transform(X)
