"""Densities and fans are those of the predictive distributions."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose

from sklearn_genre.distributions import PredictiveDistribution
from sklearn_genre.inspection import PredictiveDistributionDisplay as Display
from sklearn_genre.inspection._fan import average


def test_densities_of_the_rows_asked(calibrated):
    y, dist = calibrated()
    drawn = Display.from_predictions(y, dist, rows=[7, -1])
    assert len(drawn.densities_) == 2
    names = [text.get_text() for text in drawn.ax_.get_yticklabels()]
    assert names == ["Row 7", "Row 399"]
    for bars, row, floor in zip(drawn.densities_, [7, -1], [0, -1], strict=True):
        heights, edges, baseline = bars.get_data()
        assert np.all(baseline == floor)
        mass = np.diff([dist[row].cdf(edge)[0] for edge in edges])
        assert_allclose(heights - floor, 0.8 * mass / mass.max(), atol=1e-12)
        assert mass.sum() > 0.99
    assert_allclose(drawn.truth_.get_offsets()[:, 0], y[[7, -1]])
    medians = [segment[0, 0] for segment in drawn.median_.get_segments()]
    assert_allclose(medians, dist[[7, -1]].median())


def test_one_row_may_be_a_number(calibrated):
    y, dist = calibrated()
    drawn = Display.from_predictions(y, dist, rows=3)
    assert [text.get_text() for text in drawn.ax_.get_yticklabels()] == ["Row 3"]
    assert_allclose(drawn.truth_.get_offsets()[:, 0], y[3])


def test_densities_are_five_by_default_and_need_no_truth(calibrated):
    _, dist = calibrated()
    drawn = Display.from_predictions(None, dist)
    assert len(drawn.densities_) == 5
    assert drawn.truth_ is None


@pytest.mark.parametrize("number", [0.0, 1e-30, -1e6, 1e200])
def test_density_of_a_point_is_one_bar_in_the_picture(number):
    dist = PredictiveDistribution([number], [[1.0]])
    drawn = Display.from_predictions([number], dist)
    heights, edges, _ = drawn.densities_[0].get_data()
    assert np.all(np.diff(edges) > 0)
    assert edges[0] < number < edges[-1]
    assert_allclose(heights.max(), 0.8)
    drawn.figure_.draw_without_rendering()


def test_rows_that_do_not_exist_are_refused(calibrated):
    _, dist = calibrated(5)
    with pytest.raises(IndexError, match="5"):
        Display.from_predictions(None, dist, rows=[5])


def test_fan_over_x_is_made_of_intervals(calibrated):
    y, dist = calibrated(50)
    x = np.random.default_rng(2).permutation(50)
    order = np.argsort(x)
    drawn = Display.from_predictions(
        y, dist, x=x, coverages=[0.5, 0.8], feature_name="age"
    )
    assert_allclose(drawn.median_.get_ydata(), dist.median()[order])
    for band, coverage in zip(drawn.bands_, [0.8, 0.5], strict=True):
        vertices = band.get_paths()[0].vertices
        corners = {(a, round(b, 9)) for a, b in vertices}
        for i, ends in zip(x, dist.interval(coverage), strict=True):
            assert {(i, round(end, 9)) for end in ends} <= corners
    assert_allclose(drawn.truth_.get_offsets(), np.column_stack([x, y])[order])
    assert drawn.ax_.get_xlabel() == "age"


def test_fan_of_an_estimator_averages_over_the_other_features(model, data):
    X, y = data
    drawn = Display.from_estimator(model, X, y, feature=1)
    at = 10
    swept = X.copy()
    swept[:, 1] = drawn.x[at]
    dist = model.predict_distribution(swept)
    levels = [drawn.dist.cdf(edge)[at] for edge in dist.edges]
    assert_allclose(levels, [dist.cdf(edge).mean() for edge in dist.edges], atol=1e-9)
    assert_allclose([drawn.x[0], drawn.x[-1]], [X[:, 1].min(), X[:, 1].max()])


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_fan_over_a_column_of_a_frame(frame, small):
    rng = np.random.default_rng(0)
    columns = {
        "size": rng.integers(0, 4, 40),
        "kind": rng.choice(["a", "b"], 40).tolist(),
    }
    X, y = frame(columns), columns["size"] + rng.normal(size=40)
    model = small().fit(X, y)
    draw = Display.from_estimator
    drawn = draw(model, X, y, feature="size")
    assert_allclose(drawn.x, [0, 1, 2, 3])
    assert drawn.ax_.get_xlabel() == "size"
    assert_allclose(drawn.median_.get_ydata(), draw(model, X, feature=0).dist.median())
    with pytest.raises(ValueError, match=r"'kind' holds '[ab]'"):
        draw(model, X, feature="kind")
    with pytest.raises(ValueError, match=r"one of \['size', 'kind'\]; got 'age'"):
        draw(model, X, feature="age")


def test_fan_over_a_column_whose_name_is_a_number(small, data):
    X, y = data
    frame = pd.DataFrame(X, columns=[2, 0, 1])
    model = small().fit(frame, y)
    draw = Display.from_estimator
    drawn, plain = draw(model, frame, y, feature=1), draw(model, X, y, feature=1)
    assert_allclose(drawn.x, plain.x)
    assert_allclose(drawn.median_.get_ydata(), plain.median_.get_ydata())
    assert drawn.ax_.get_xlabel() == "0"


def test_fan_leaves_missing_values_of_the_feature_out(model, data):
    X, y = data[0].copy(), data[1]
    X[:5, 0] = np.nan
    drawn = Display.from_estimator(model, X, y, feature=0)
    assert_allclose(drawn.truth_.get_offsets(), np.column_stack([X[5:, 0], y[5:]]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"feature": 3}, "feature == 3"),
        ({"feature": 2}, "holds only"),
        ({"feature": 0, "rows": [1]}, "give one of them"),
    ],
)
def test_bad_feature(model, data, options, message):
    X = data[0].copy()
    X[:, 2] = 1
    with pytest.raises(ValueError, match=message):
        Display.from_estimator(model, X, **options)


def test_average_of_rows_with_their_own_numbers():
    rng = np.random.default_rng(0)
    values = np.sort(rng.normal(size=(6, 5)), axis=1)
    dist = PredictiveDistribution(values, rng.dirichlet(np.ones(5), 6))
    mixed = average(dist, 3)
    assert len(mixed) == 2
    assert_allclose(mixed.mean(), dist.mean().reshape(2, 3).mean(axis=1))
    second = (dist.pmf() * dist.support**2).sum(axis=1).reshape(2, 3).mean(axis=1)
    assert_allclose((mixed.pmf() * mixed.support**2).sum(axis=1), second)
