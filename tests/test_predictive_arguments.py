"""What PredictiveDistribution refuses."""

import numpy as np
import pytest

from sklearn_genre.distributions import PredictiveDistribution

ONES = np.ones((2, 3))
NUMBERS = [0.0, 1.0, 2.0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"values": NUMBERS, "pmf": [1, 1, 1]}, r"pmf must have shape .* \(3,\)"),
        ({"values": NUMBERS, "pmf": np.ones((2, 0))}, r"pmf must have shape"),
        ({"values": NUMBERS, "pmf": [[1, -0.5, 1]]}, "-0.5 in row 0"),
        ({"values": NUMBERS, "pmf": [[1, 1, 1], [1, np.nan, 1]]}, "nan in row 1"),
        ({"values": NUMBERS, "pmf": [[1, np.inf, 1]]}, "got inf"),
        ({"values": NUMBERS, "pmf": [[1, 1, 1], [0, 0, 0]]}, "row 1 is all zero"),
        ({"values": [0, 1], "pmf": ONES}, r"values must have shape .* \(2,\)"),
        ({"values": np.ones((3, 3)), "pmf": ONES}, r"values must have shape"),
        ({"values": 1.0, "pmf": ONES}, "at least one number"),
        ({"values": [0, np.nan, 1], "pmf": ONES}, "values must be finite.*nan"),
        ({"values": [0, 1, 1e308], "pmf": ONES}, r"values must be finite.*1e\+308"),
        ({"values": [0, 2, 1], "pmf": ONES}, "non-decreasing.* 2.0 before 1.0"),
        ({"values": NUMBERS, "pmf": ONES, "edges": NUMBERS}, "edges must have shape"),
        (
            {"values": NUMBERS, "pmf": ONES, "edges": [0, 3, 1, 2]},
            "edges must be non-decr",
        ),
        (
            {"values": NUMBERS, "pmf": ONES, "edges": [0.0, 1, 1.5, 1.9]},
            r"values holds 2\.0 outside of its bin, .* from 1\.5 to 1\.9",
        ),
        (
            {"values": [NUMBERS, NUMBERS], "pmf": ONES, "edges": [0.5, 1, 2, 3]},
            r"values holds 0\.0 outside of its bin, .* from 0\.5 to 1\.0",
        ),
        ({"values": NUMBERS, "pmf": ONES, "clipped": [0.1]}, "clipped must have shape"),
        ({"values": NUMBERS, "pmf": ONES, "clipped": [0.1, 1.5]}, "got 1.5"),
        ({"values": NUMBERS, "pmf": ONES, "clipped": [0.1, np.nan]}, "got nan"),
    ],
)
def test_bad_construction(arguments, message):
    with pytest.raises(ValueError, match=message):
        PredictiveDistribution(**arguments)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d: d.ppf(-1e-9), "got -1e-09"),
        (lambda d: d.isf([0.5, 1.5]), "got 1.5"),
        (lambda d: d.ppf([0.1, 0.5, 0.9]), r"\(1, k\), k for all.*write \[\[...\]\]"),
        (lambda d: d[0].quantile([0.1, 0.9]), r"write \[\[...\]\]"),
        (lambda d: d.ppf(np.nan), "got nan"),
        (lambda d: d.ppf(np.full((3, 2), 0.5)), r"shape \(3, 2\)"),
        (lambda d: d.interval(90), "confidence must lie between 0 and 1; got 90.0"),
        (lambda d: d.interval(np.nan), "got nan"),
        (lambda d: d.cdf([0.0, np.nan]), "y contains NaN"),
        (lambda d: d.cdf([0.0, 0.0, 0.0]), r"got shape \(3,\)"),
        (lambda d: d.logpdf(np.zeros((2, 2, 2))), r"got shape \(2, 2, 2\)"),
        (lambda d: d.crps(np.nan), "y contains NaN"),
        (lambda d: d.crps([0.0, -np.inf]), "got -inf"),
        (lambda d: d.best_at_k(1e308, 2), r"got 1e\+308"),
        (lambda d: d.crps(np.zeros((2, 2))), r"got shape \(2, 2\)"),
        (lambda d: d.best_at_k(0.0, 0), "got 0"),
        (lambda d: d.median_at_k(0.0, -1), "got -1"),
        (lambda d: d.median_at_k(0.0, 10**400), "k must be at most"),
        (lambda d: d.cdf(10**400), "y holds an integer that is beyond"),
        (lambda d: d.crps([0, -(10**400)]), "y holds an integer that is beyond"),
        (lambda d: d.ppf(10**400), "q holds an integer that is beyond"),
        (lambda d: d.mean_at_k(0.0, [1, 0]), "got 0"),
        (lambda d: d.mean_at_k(0.0, [1, 2, 3]), r"got shape \(3,\)"),
        (lambda d: d.wasserstein1([np.nan, 0.0]), "y contains NaN"),
        (lambda d: d.interval([0.5, 1.5]), "got 1.5"),
        (lambda d: d.interval([0.5, 0.6, 0.7]), r"got shape \(3,\)"),
        (lambda d: d.interval(coverage=-0.5), "got -0.5"),
        (lambda d: d.sample(0), "n_samples == 0"),
        (lambda d: d.sample(2, -1), "random_state == -1"),
        (lambda d: d.sample(2, 10**400), "random_state == "),
        (lambda d: d.moment(0), "order == 0"),
        (lambda d: d.expect(lambda y: y[:2]), r"shape \(2,\) for"),
        (lambda d: d.sf(10**400), "y holds an integer that is beyond"),
        (lambda d: d.to_frame(index=[1]), "2 labels, one for each row; got 1"),
        (lambda d: d.to_frame([10**400]), "quantiles holds an integer"),
        (lambda d: d.concatenate([]), "concatenate needs at least one"),
        (lambda d: d.mixture([]), "mixture needs at least one"),
        (lambda d: d.mixture([d, d[:1]]), r"as many rows each; got \[1, 2\]"),
        (lambda d: d.mixture([d, d], [1, 2, 3]), r"got shape \(3,\)"),
        (lambda d: d.mixture([d, d], [1, -1]), "weights must be finite"),
        (lambda d: d.mixture([d, d], [0, 0]), "weights must be finite"),
        (lambda d: d.from_dict({"values": NUMBERS}), r"got \['values'\]"),
        (lambda d: d.from_dict({**d.to_dict(), "mass": 1}), "'mass'"),
        (lambda d: d.to_frame([0.5, 2.0]), "got 2.0"),
        (lambda d: d.to_frame([[0.5], [0.6]]), r"got shape \(2, 1\)"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call(PredictiveDistribution(NUMBERS, ONES))


def test_bad_types():
    dist = PredictiveDistribution(NUMBERS, ONES)
    with pytest.raises(TypeError, match="order must be an instance of int"):
        dist.moment(1.5)
    with pytest.raises(TypeError, match=r"takes a list of Predictive.*; got ndarray"):
        dist.concatenate([dist, np.zeros(2)])
    with pytest.raises(TypeError, match=r"takes a list of Predictive.*; got float"):
        dist.mixture([0.5])
    for k, got in [(1.5, "1.5"), ([1.5, 2.0], "float64"), (True, "True"), ("2", "'2'")]:
        with pytest.raises(TypeError, match=f"k must be an integer.*got {got}"):
            dist.best_at_k(0.0, k)


@pytest.mark.parametrize(
    "index", [2, -3, [0, 5], [True, False, True], (0, 1), [[0, 1]], None, 0.5]
)
def test_rows_that_do_not_exist(index):
    with pytest.raises(IndexError):
        PredictiveDistribution(NUMBERS, ONES)[index]


def test_the_row_that_does_not_exist_is_named():
    dist = PredictiveDistribution(NUMBERS, ONES)
    for index, value in [(7, "7"), (slice(5, 9), "5"), ([0, -3], "-3")]:
        with pytest.raises(IndexError, match=value):
            dist[index]
    assert len(dist[:9]) == 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda of: of.mixture(None), "takes a list .*; got None"),
        (lambda of: of.from_dict(None), "must be a mapping; got NoneType"),
        (lambda of: of.lazy(3, 3), "must be callable; got int"),
        (lambda of: of(NUMBERS, ONES).to_frame(index=5), "must hold labels; got int"),
    ],
)
def test_things_of_another_type_are_named(call, message):
    with pytest.raises(TypeError, match=message):
        call(PredictiveDistribution)
