"""Numbers at the ends of float64, and arguments that are none: short refusals."""

import json
import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from small_models import ENCODER, X, Y, small

from sklearn_genre import (
    DecodingRegressor,
    PointwiseRegressor,
    PredictiveDistribution,
    RAFTRegressor,
    RiemannRegressor,
)
from sklearn_genre.metrics import (
    best_at_k_score,
    coverage_score,
    interval_score,
    interval_width,
    log_score,
    mean_at_k_score,
    median_at_k_score,
    rmse_score,
)
from sklearn_genre.tokenizers import TOKENIZERS, NormalizedTokenizer

ESTIMATORS = [DecodingRegressor, RAFTRegressor, PointwiseRegressor, RiemannRegressor]
HUGE = 10**400
LARGEST = np.finfo(float).max
TINY = 5e-324
DIST = PredictiveDistribution([0.0, 1.0], [[1.0, 3.0], [2.0, 2.0]])
# What is no probability, and what is no array of numbers.
NO_SHARE: list[Any] = [
    -0.1,
    1.1,
    None,
    np.nan,
    np.inf,
    HUGE,
    -HUGE,
    2j,
    {},
    "x",
    [[[0.5]]],
]
NO_NUMBERS = [{"a": 1}, object(), "abc", ["a"], [1j], np.ones(2) + 1j, [np.nan]]


def refused(name, function, *args, **kwargs):
    """Check that a call is refused in one short line that has a name."""
    with pytest.raises((TypeError, ValueError), match=name) as caught:
        function(*args, **kwargs)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def estimator(kind, **parameters):
    """Return an estimator that is fitted in a hundredth of a second."""
    names = kind._parameter_constraints
    epochs: dict[str, Any] = {name: 1 for name in names if name.endswith("epochs")}
    if kind is DecodingRegressor:
        epochs["fine_tuning"] = None
    return kind(**{"encoder": ENCODER, "random_state": 0, **epochs, **parameters})


@pytest.fixture(scope="module")
def fitted():
    return small().fit(X[:50], Y[:50])


@pytest.mark.parametrize("share", NO_SHARE, ids=lambda share: str(share)[:9])
def test_shares_are_refused_by_their_own_name(fitted, share):
    for score in (interval_score, coverage_score):
        refused("coverage", score, [0.0, 1.0], DIST, coverage=share)
    refused("coverage", interval_width, DIST, coverage=share)
    refused("tail", log_score, [0.0, 1.0], DIST, tail=share)
    refused("coverage", fitted.predict_interval, X[:2], coverage=share)
    refused("confidence", DIST.interval, share)
    refused("quantiles", DIST.to_frame, share)
    refused("quantiles", fitted.predict_quantiles, X[:2], share)


@pytest.mark.parametrize("values", NO_NUMBERS, ids=lambda value: str(value)[:9])
def test_numbers_are_refused_by_their_name(fitted, values):
    for tokenizer in TOKENIZERS.values():
        refused("y|numbers", tokenizer().fit, values)
        refused("values", tokenizer().fit([0.0, 1.0]).encode, values)
    for score in (best_at_k_score, mean_at_k_score, median_at_k_score):
        refused("dist|draws", score, [0.0, 1.0], values, 1)
        refused("y_true", score, values, DIST, 1)
    refused("X|y", fitted.fit, X[:2], values)
    refused("sample_weight|Sample weights", fitted.fit, X[:2], Y[:2], values)
    if np.ndim(values) == 0:  # scikit-learn has its own words for one dimension
        refused("X", fitted.predict, values)


def test_tensors_of_complex_numbers_are_refused():
    y = torch.ones(2, dtype=torch.complex64)
    refused("y must hold real numbers", NormalizedTokenizer(2, 3).fit, y)


@pytest.mark.parametrize("array", [np.ones((1, 1, 1, 2)), 1.0])
def test_arrays_of_other_dimensions_are_refused_by_their_name(array):
    refused("y_true", rmse_score, array, [1.0, 2.0])
    refused("y_pred", rmse_score, [1.0, 2.0], array)
    refused("sample_weight", rmse_score, [1.0, 2.0], [1.0, 2.0], array)
    refused("y must", small().fit, X[:2], array)
    if np.ndim(array):  # one number is a weight of all
        refused("sample_weight", small().fit, X[:2], Y[:2], array)


@pytest.mark.parametrize("func", [None, 1.0, "x"])
def test_what_cannot_be_called_is_refused(func):
    refused("func", DIST.expect, func)


def test_huge_integers_are_cut_in_every_message(fitted):
    for k in (HUGE, -HUGE):
        refused("k", DIST.median_at_k, 0.0, k)
        refused("k", median_at_k_score, [0.0], [[0.0, 1.0]], k)
    for kind in ESTIMATORS:
        for name in set(kind().get_params(deep=False)) - {"cv", "verbose"}:
            refused(name, estimator(kind, **{name: HUGE}).fit, X[:3], Y[:3])


def test_diagnostics_are_a_list(fitted):
    refused("diagnostics", fitted.diagnose, X[:2], Y[:2], diagnostics=1)


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_features_as_large_as_float64_raise_no_warning(kind):
    rows = np.sign(X[:50]) * LARGEST
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        model = estimator(kind).fit(rows, Y[:50], X_val=rows, y_val=Y[:50])
        assert np.isfinite(model.predict(rows)).all()
        frame = pd.DataFrame(rows).assign(c="a")
        model = estimator(kind, categorical_features=["c"])
        frame.columns = frame.columns.astype(str)
        assert np.isfinite(model.fit(frame, Y[:50]).predict(frame)).all()


@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.parametrize("transform", ["standard", "quantile"])
def test_targets_that_are_almost_zero(kind, transform):
    y = np.append(np.zeros(49), TINY)
    model = estimator(
        kind, target_transform=transform, diagnostics=["best_at_k", "wasserstein1"]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        for y_val in (y, Y[:50], 1e290 * Y[:50]):
            with pytest.warns(UserWarning, match="Multiply y by a constant") as said:
                model.fit(X[:50], y, X_val=X[:50], y_val=y_val)
            assert sum("Multiply" in str(each.message) for each in said) == 1
            dist = model.predict_distribution(X[:50])
            assert np.isfinite(dist.std()).all()
            assert np.isfinite(dist.interval(0.9)).all()
            assert np.isfinite(model.predict(X[:50])).all()


@pytest.mark.parametrize("rate", [1e4, 1e30])
def test_predictions_beyond_float64_are_cut(rate):
    model = estimator(PointwiseRegressor, learning_rate=rate, early_stopping=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        predicted = model.fit(X[:50], Y[:50] / np.abs(Y).max() * 1e300).predict(X)
    assert np.isfinite(predicted).all()


@pytest.mark.parametrize("k", [1, 2, 3])
def test_squares_of_draws_overflow_in_silence(k):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for score in (best_at_k_score, mean_at_k_score, median_at_k_score):
            assert score([0.0], [[1e299, -2e299, 3e299]], k) == np.inf


def test_distributions_without_rows_come_back():
    shared = PredictiveDistribution([0.0, 1.0], [[1.0, 3.0]])
    own = PredictiveDistribution([[0.0, 1.0]], [[1.0, 3.0]])
    for dist in (shared[:0], own[:0]):
        copy = PredictiveDistribution.from_dict(json.loads(json.dumps(dist.to_dict())))
        assert len(copy) == 0
        assert copy.mean().shape == (0,)
    assert_array_equal(shared[:0].support, [0.0, 1.0])


def test_ties_on_both_sides_of_a_power_of_two_are_clipped():
    values = np.append(np.full(9, -1.0), [2.0] * 9)
    dist = PredictiveDistribution(values, np.ones((1, 18)))
    low = np.nextafter(2.0, 0.0)
    assert_allclose(dist.clip(low, 2.25).mean(), 2.0, rtol=1e-12)


# Columns --------------------------------------------------------------------------


@pytest.mark.parametrize("value", [[1], {"a": 1}, 1j, np.ones(2)], ids=str)
def test_what_is_no_level_is_refused_by_column(value):
    column = pd.Series([value, "b"] * 20, dtype=object)
    frame = pd.DataFrame({"size": X[:40, 0], "kind": column})
    good = frame.assign(kind=["a", "b"] * 20)
    model = small(categorical_features=["kind"])
    refused("'kind'", model.fit, frame, Y[:40])
    refused("'kind'", model.fit(good, Y[:40]).predict, frame)


def test_complex_columns_are_refused_by_name():
    frame = pd.DataFrame({"size": X[:40, 0] + 1j, "kind": ["a", "b"] * 20})
    refused("'size'", small(categorical_features=["kind"]).fit, frame, Y[:40])


def test_structs_are_refused_by_column():
    frame = pl.DataFrame({"kind": ["a", "b"] * 20, "size": X[:40, 0]})
    model = small(categorical_features=["kind"]).fit(frame, Y[:40])
    structs = frame.with_columns(kind=pl.struct("size"))
    refused("kind", model.predict, structs)


def test_arrow_columns_of_no_type_are_missing():
    good = pa.table({"kind": ["a", "b"] * 20, "size": X[:40, 0]})
    model = small(categorical_features=["kind"]).fit(good, Y[:40])
    nothing = pa.array([None] * 40, pa.null())
    for kind in (nothing, nothing.dictionary_encode()):
        empty = pa.table({"kind": kind, "size": X[:40, 0]})
        as_pandas = good.to_pandas().assign(kind=None)
        assert_array_equal(model.predict(empty), model.predict(as_pandas))
