"""Columns of every kind become a finite array that the network can read."""

from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_genre import DecodingRegressor
from sklearn_genre.decoders import MLPDecoder
from sklearn_genre.encoders import MLPEncoder
from sklearn_genre.inputs import categorical_columns
from sklearn_genre.inputs._columns import (
    MAX_CATEGORIES,
    FeatureEncoder,
)

RNG = np.random.default_rng(0)
N = 60
LETTERS = RNG.choice(list("abc"), N)
NUMBERS = RNG.normal(size=N)
Y = NUMBERS + 2.0 * (LETTERS == "a")
MISSING = np.arange(N) % 7 == 0
WITH_MISSING = np.where(MISSING, None, LETTERS.astype(object))
ENUM = pl.Enum(["a", "b", "c"])

# Columns of the same letters; those with None hold missing values.
COLUMNS = {
    "pandas_category": pd.Series(LETTERS, dtype="category"),
    "pandas_str": pd.Series(LETTERS),
    "pandas_object": pd.Series(LETTERS.astype(object), dtype=object),
    "pandas_string_na": pd.Series(LETTERS, dtype="string"),
    "polars_string": pl.Series(LETTERS.tolist()),
    "polars_categorical": pl.Series(LETTERS.tolist(), dtype=pl.Categorical),
    "polars_enum": pl.Series(LETTERS.tolist(), dtype=ENUM),
}
COLUMNS_WITH_MISSING = {
    "pandas_category": pd.Series(WITH_MISSING, dtype="category"),
    "pandas_str": pd.Series(WITH_MISSING.tolist()),
    "pandas_object": pd.Series(WITH_MISSING, dtype=object),
    "pandas_object_nan": pd.Series(
        np.where(MISSING, np.nan, LETTERS.astype(object)), dtype=object
    ),
    "pandas_string_na": pd.Series(WITH_MISSING, dtype="string"),
    "polars_string": pl.Series(WITH_MISSING.tolist()),
    "polars_categorical": pl.Series(WITH_MISSING.tolist(), dtype=pl.Categorical),
    "polars_enum": pl.Series(WITH_MISSING.tolist(), dtype=ENUM),
}


def frame(column, numbers=NUMBERS):
    """Return a data frame of a column of numbers and one of categories."""
    if isinstance(column, pl.Series):
        return pl.DataFrame({"number": numbers, "letter": column})
    return pd.DataFrame({"number": numbers, "letter": column})


def encoder(X, categorical_features="from_dtype", weight=None):
    """Return a fitted feature encoder."""
    mask = categorical_columns(X, categorical_features)
    return FeatureEncoder(mask).fit(X, np.ones(len(X)) if weight is None else weight)


def small(**parameters):
    """Return a regressor that fits in a few hundredths of a second."""
    defaults = {
        "encoder": partial(MLPEncoder, hidden_layer_sizes=(16,)),
        "decoder": partial(MLPDecoder, hidden_size=16),
        "fine_tuning": None,
        "pretraining_epochs": 2,
        "random_state": 0,
    }
    return DecodingRegressor(**(defaults | parameters))


# Numeric columns ------------------------------------------------------------


def test_scale_is_robust_to_outliers():
    X = NUMBERS[:, None]
    outliers = np.concatenate([X, [[1e12], [-1e15]]])
    assert_allclose(encoder(outliers).transform(X), encoder(X).transform(X), atol=0.15)


@pytest.mark.parametrize("offset", [1e9, -1e12])
def test_small_spreads_on_large_offsets_survive(offset):
    plain = encoder(NUMBERS[:, None]).transform(NUMBERS[:, None])
    shifted = (NUMBERS + offset)[:, None]
    assert_allclose(encoder(shifted).transform(shifted), plain, atol=1e-3)


@pytest.mark.parametrize("scale", [1e-300, 1e-12, 1.0, 1e12, 1e300])
def test_units_do_not_matter(scale):
    plain = encoder(NUMBERS[:, None]).transform(NUMBERS[:, None])
    scaled = scale * NUMBERS[:, None]
    assert_allclose(encoder(scaled).transform(scaled), plain, rtol=1e-6)


def test_the_largest_numbers_are_no_silent_nan():
    X = np.where(NUMBERS > 0, 1.5e308, -1.5e308)[:, None]
    encoded = encoder(X).transform(X)
    assert np.isfinite(encoded).all()
    assert len(np.unique(encoded)) == 2


def test_mostly_constant_column_keeps_its_exceptions():
    X = np.zeros((N, 1))
    X[:3] = 5.0
    encoded = encoder(X).transform(X)
    assert np.isfinite(encoded).all()
    assert (encoded[:3] != encoded[3]).all()


@pytest.mark.parametrize(
    ("constant", "normal_scores"),
    [(3.0, True), (3.0, False), (np.nan, True), ("a", True), (None, False)],
)
def test_a_column_that_was_constant_has_no_effect(constant, normal_scores):
    categories = [1] if constant is None or constant == "a" else None
    X = np.column_stack([NUMBERS, np.full(N, constant)]).astype(object)
    model = small(categorical_features=categories, normal_scores=normal_scores)
    before = model.fit(X, Y).predict(X)
    others = ["b", "", None, 7] if categories else [2030.0, -1e308, 1e-300, np.nan]
    for other in others:
        X[:, 1] = other
        assert_array_equal(model.predict(X), before)


def test_missing_values_of_a_constant_column_count_and_its_values_do_not():
    X = np.where(MISSING, np.nan, 3.0)[:, None]
    fitted = encoder(X)
    assert_array_equal(fitted.transform(X), np.column_stack([np.zeros(N), MISSING]))
    assert_array_equal(fitted.transform(7 * X), fitted.transform(X))


def test_the_smallest_numbers_are_no_constant():
    X = np.where(NUMBERS > 0, 5e-324, 0.0)[:, None]
    assert len(np.unique(encoder(X).transform(X))) == 2


def test_missing_numbers_get_an_indicator_where_training_had_some():
    X = np.column_stack([np.where(MISSING, np.nan, NUMBERS), NUMBERS])
    fitted = encoder(X)
    encoded = fitted.transform(X)
    assert fitted.n_numeric_ == encoded.shape[1] == 3
    assert_array_equal(encoded[:, 2], MISSING)
    assert_array_equal(encoded[MISSING, 0], 0)
    assert np.isfinite(encoded).all()


def test_missing_only_at_predict_is_the_centre():
    fitted = encoder(NUMBERS[:, None])
    assert_array_equal(fitted.transform(np.array([[np.nan]])), [[0.0]])


# Which columns are categories -----------------------------------------------


@pytest.mark.parametrize("name", COLUMNS)
def test_categories_are_found_by_dtype(name):
    assert_array_equal(categorical_columns(frame(COLUMNS[name]), "from_dtype"), [0, 1])


def test_numbers_and_booleans_are_no_categories():
    X = pd.DataFrame({"i": [1, 2], "f": [1.0, 2.0], "b": [True, False]})
    assert not categorical_columns(X, "from_dtype").any()
    assert not categorical_columns(pl.from_pandas(X), "from_dtype").any()
    assert not categorical_columns(X.to_numpy(), "from_dtype").any()


@pytest.mark.parametrize("spec", [["letter"], [1], [False, True], np.array([1])])
def test_indices_mask_and_names_agree(spec):
    assert_array_equal(categorical_columns(frame(LETTERS), spec), [False, True])


@pytest.mark.parametrize("spec", [None, []])
def test_no_categories(spec):
    assert not categorical_columns(frame(LETTERS), spec).any()


@pytest.mark.parametrize(
    ("X", "spec", "message"),
    [
        (np.zeros((3, 2)), [True], r"one entry per column: got shape \(1,\) for 2"),
        (np.zeros((3, 2)), [2], r"in \[0, 1\], got \[2\]"),
        (np.zeros((3, 2)), [-1], r"in \[0, 1\], got \[-1\]"),
        (np.zeros((3, 2)), ["letter"], "needs a data frame .* got ndarray"),
        (frame(LETTERS), ["colour"], r"not columns of X: \['colour'\]"),
    ],
)
def test_columns_that_are_not_there_are_an_error(X, spec, message):
    with pytest.raises(ValueError, match=message):
        categorical_columns(X, spec)


def test_the_mask_of_the_user_may_change_later():
    mask = np.array([False, True])
    X = np.column_stack([NUMBERS, LETTERS == "a"])
    model = small(categorical_features=mask).fit(X, Y)
    before = model.predict(X)
    mask[:] = False
    assert_array_equal(model.predict(X), before)


# Codes ----------------------------------------------------------------------


@pytest.mark.parametrize("name", COLUMNS)
def test_codes_are_those_of_the_sorted_levels(name):
    X = frame(COLUMNS[name])
    fitted = encoder(X)
    assert fitted.cardinalities_ == [3]
    assert_array_equal(fitted.transform(X)[:, 1], np.searchsorted(list("abc"), LETTERS))


@pytest.mark.parametrize("name", COLUMNS_WITH_MISSING)
def test_missing_is_a_level_where_training_had_some(name):
    X = frame(COLUMNS_WITH_MISSING[name])
    fitted = encoder(X)
    assert fitted.cardinalities_ == [4]
    codes = fitted.transform(X)[:, 1]
    expected = np.where(MISSING, 3, np.searchsorted(list("abc"), LETTERS))
    assert_array_equal(codes, expected)


@pytest.mark.parametrize("name", COLUMNS)
def test_missing_that_training_has_not_seen_is_unseen(name):
    fitted = encoder(frame(COLUMNS[name]))
    codes = fitted.transform(frame(COLUMNS_WITH_MISSING[name]))[:, 1]
    assert_array_equal(codes == -1, MISSING)


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT, float("nan")])
def test_every_marker_of_a_missing_value_is_the_same(missing):
    X = np.array([["a"], ["b"], [missing], ["a"]], dtype=object)
    fitted = encoder(X, [0])
    assert fitted.cardinalities_ == [3]
    assert_array_equal(fitted.transform(X)[:, 0], [0, 1, 2, 0])
    assert_array_equal(fitted.transform(np.array([[None]], dtype=object)), [[2]])


@pytest.mark.parametrize("spec", [[1], [False, True]])
def test_object_arrays_have_categories_too(spec):
    X = np.empty((N, 2), dtype=object)
    X[:, 0], X[:, 1] = NUMBERS, LETTERS
    by_array = small(categorical_features=spec).fit(X, Y)
    by_frame = small().fit(frame(LETTERS), Y)
    assert_array_equal(by_array.predict(X), by_frame.predict(frame(LETTERS)))
    assert_array_equal(by_array.predict(X.tolist()), by_array.predict(X))


def test_numbers_can_be_categories():
    X = np.column_stack([NUMBERS, np.searchsorted(list("abc"), LETTERS)])
    fitted = encoder(X, [1])
    assert fitted.cardinalities_ == [3]
    assert_array_equal(fitted.transform(X)[:, 1], X[:, 1])


def test_all_columns_may_be_categories():
    X = frame(LETTERS)[["letter"]]
    model = small().fit(X, Y)
    assert len(np.unique(model.predict(X))) == 3


def test_a_column_without_any_value_is_one_level():
    X = frame(pd.Series([None] * N, dtype="string"))
    fitted = encoder(X)
    assert fitted.cardinalities_ == [1]
    assert_array_equal(fitted.transform(X)[:, 1], 0)


@pytest.mark.parametrize("n_missing", [0, 1, 20])
def test_rare_levels_share_a_code(n_missing):
    common = np.repeat([f"common{i}" for i in range(10)], 20)
    rare = [f"rare{i}" for i in range(MAX_CATEGORIES + 50)]
    column = np.array([*common, *rare, *[None] * n_missing], dtype=object)
    fitted = encoder(column[:, None], [0])
    codes = fitted.transform(column[:, None])[:, 0]
    assert fitted.cardinalities_ == [codes.max() + 1]
    assert codes.min() == 0
    assert codes.max() <= MAX_CATEGORIES
    assert len(np.unique(codes[:200])) == 10
    assert (codes[200 : 200 + len(rare)] >= 10).all()
    assert_array_equal(np.unique(codes), np.arange(codes.max() + 1))


def test_unseen_levels_are_zeros_for_the_network():
    model = small(normal_scores=False).fit(frame(LETTERS), Y)
    unseen = frame(np.full(N, "z"))
    encoded = model._encode(unseen)
    assert_array_equal(encoded.codes, -1)
    assert_array_equal(model.network_.encoder.inputs(encoded)[:, 1:], 0)
    assert np.isfinite(model.predict(unseen)).all()
    assert_array_equal(model.predict(unseen), model.predict(frame(np.full(N, "y"))))


# In the estimator -----------------------------------------------------------


@pytest.mark.parametrize("name", COLUMNS)
def test_libraries_agree(name):
    reference = small().fit(frame(LETTERS), Y).predict(frame(LETTERS))
    X = frame(COLUMNS[name])
    assert_array_equal(small().fit(X, Y).predict(X), reference)


@pytest.mark.parametrize("name", COLUMNS_WITH_MISSING)
def test_frames_with_missing_values_work_throughout(name):
    numbers = np.where(MISSING, np.nan, NUMBERS)
    X = frame(COLUMNS_WITH_MISSING[name], numbers)
    model = small().fit(X, Y, X_val=X[:20], y_val=Y[:20])
    assert model.n_features_in_ == 2
    assert_array_equal(model.feature_names_in_, ["number", "letter"])
    assert np.isfinite(model.predict(X)).all()
    assert_allclose(model.predict(X[:7]), model.predict(X)[:7], rtol=1e-9)


def test_nullable_numbers_are_numbers():
    values = np.where(MISSING, np.nan, np.arange(N))
    nullable = pd.Series(
        [None if m else i for i, m in enumerate(MISSING)], dtype="Int64"
    )
    X = frame(LETTERS, nullable)
    plain = frame(LETTERS, values)
    assert_array_equal(
        small().fit(X, Y).predict(X), small().fit(plain, Y).predict(plain)
    )


def test_the_category_is_used():
    X = frame(LETTERS)
    model = small(pretraining_epochs=80, learning_rate=1e-2).fit(X, Y)
    assert model.score(X, Y) > 0.8
    swapped = frame(np.where(LETTERS == "a", "b", "a"))
    assert model.score(swapped, Y) < 0.5


def test_frames_with_integer_column_names():
    X = frame(LETTERS)
    by_name = small().fit(X, Y).predict(X)
    X.columns = [0, 1]
    assert_array_equal(small().fit(X, Y).predict(X), by_name)


@pytest.mark.parametrize("name", ["pandas_str", "polars_string"])
def test_reordered_columns_are_an_error(name):
    X = frame(COLUMNS[name])
    model = small().fit(X, Y)
    with pytest.raises(ValueError, match="must be in the same order"):
        model.predict(X[["letter", "number"]])


def test_other_columns_are_an_error():
    X = frame(LETTERS)
    model = small().fit(X, Y)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(X.rename(columns={"letter": "colour"}))
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(X.assign(more=1.0))


def test_infinity_in_a_frame_is_an_error():
    with pytest.raises(ValueError, match="infinity"):
        small().fit(frame(LETTERS, np.where(MISSING, np.inf, NUMBERS)), Y)


def test_strings_that_are_not_declared_are_an_error():
    X = np.column_stack([NUMBERS.astype(object), LETTERS])
    with pytest.raises(ValueError, match="could not convert string to float"):
        small().fit(X, Y)


@pytest.mark.parametrize("name", ["pandas_str", "polars_string"])
def test_no_samples_are_an_error(name):
    X = frame(COLUMNS[name])
    model = small().fit(X, Y)
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        model.predict(X[:0])
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        small().fit(X[:0], Y[:0])


def test_one_dimension_with_categories_says_reshape():
    with pytest.raises(ValueError, match="Reshape your data"):
        small(categorical_features=[0]).fit(NUMBERS, Y)


def test_categories_of_mixed_types_are_named():
    X = np.array([["a", 1.0], [3, 2.0], ["b", 3.0]], dtype=object)
    encoder = FeatureEncoder(np.array([True, False]))
    with pytest.raises(TypeError, match=r"columns of X mix strings .*: \[0\]"):
        encoder.fit(X, np.ones(3))
