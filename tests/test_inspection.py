"""The pictures show the numbers they claim, where they are told to."""

import ast
import sys
from itertools import pairwise
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose
from scipy.stats import binom, norm
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_genre import DecodingRegressor, RiemannRegressor, inspection
from sklearn_genre.distributions import PredictiveDistribution
from sklearn_genre.inspection import (
    BestAtKDisplay,
    CalibrationDisplay,
    DigitTreeDisplay,
    IntervalCoverageDisplay,
    PITHistogramDisplay,
    PredictiveDistributionDisplay,
    TrainingHistoryDisplay,
)
from sklearn_genre.inspection._digit_tree import level_names, token_labels
from sklearn_genre.inspection._predictive_distribution import average
from sklearn_genre.inspection._training_history import split_stages
from sklearn_genre.metrics import coverage_score, interval_width
from sklearn_genre.tokenizers import IEEETokenizer, NormalizedTokenizer, P10Tokenizer

TINY = {
    "tokenizer": NormalizedTokenizer(base=2, length=4),
    "pretraining_epochs": 3,
    "fine_tuning_epochs": 2,
    "random_state": 0,
}
FROM_TRUTH = [
    BestAtKDisplay,
    CalibrationDisplay,
    IntervalCoverageDisplay,
    PITHistogramDisplay,
    PredictiveDistributionDisplay,
]
DISPLAYS = [getattr(inspection, name) for name in inspection.__all__]


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    return X, 50 + 10 * X[:, 0] + rng.normal(size=60)


@pytest.fixture(scope="module")
def model(data):
    return DecodingRegressor(**TINY).fit(*data)


@pytest.fixture(scope="module")
def unvalidated(data):
    return DecodingRegressor(**TINY, early_stopping=False).fit(*data)


@pytest.fixture(scope="module")
def pipeline(model, data):
    return make_pipeline(StandardScaler().fit(data[0]), model)


@pytest.fixture(scope="module", params=[(), (StandardScaler,)])
def search(request, data):
    model = DecodingRegressor(**{**TINY, "pretraining_epochs": 1, "fine_tuning": None})
    pipeline = make_pipeline(*(step() for step in request.param), model)
    grid = {"decodingregressor__learning_rate": [1e-3]}
    return GridSearchCV(pipeline, grid, cv=2).fit(*data)


@pytest.fixture(scope="module")
def p10(data):
    tokenizer = P10Tokenizer(mantissa_digits=2, exponent_range=2)
    options = {**TINY, "tokenizer": tokenizer, "fine_tuning": None}
    return DecodingRegressor(**options).fit(*data)


def draw(display, estimator, data, **options):
    arguments = () if display is TrainingHistoryDisplay else data
    return display.from_estimator(estimator, *arguments, **options)


# -- all of them --------------------------------------------------------------


@pytest.mark.parametrize("display", DISPLAYS)
def test_draws_inside_the_axes_given(display, model, data):
    figure, axes = plt.subplots(1, 2, layout="constrained", figsize=(12, 5))
    drawn = draw(display, model, data, ax=axes[1])
    figure.draw_without_rendering()
    assert drawn.figure_ is figure
    assert not axes[0].has_data()
    left = axes[0].get_tightbbox().x1
    others = [ax for ax in figure.axes if ax is not axes[0]]
    assert min(ax.get_tightbbox().x0 for ax in others if ax.axison) >= left


@pytest.mark.parametrize("display", DISPLAYS)
def test_labels_name_the_target_and_are_not_clipped(display, model, data):
    drawn = draw(display, model, data, target_name="hours until the next failure")
    labels = [f"{ax.get_xlabel()} {ax.get_ylabel()}" for ax in drawn.figure_.axes]
    assert "hours until the next failure" in " ".join(labels).replace("\n", " ")
    drawn.figure_.draw_without_rendering()
    width, height = drawn.figure_.bbox.size
    for ax in drawn.figure_.axes:
        box = ax.get_tightbbox()
        if ax.axison:
            assert box.x0 >= 0 and box.y0 >= 0
            assert box.x1 <= width + 1 and box.y1 <= height + 1
    figure = drawn.figure_
    assert drawn.plot() is drawn
    assert drawn.figure_ is not figure
    assert drawn.ax_.figure is drawn.figure_


@pytest.mark.parametrize("display", DISPLAYS)
def test_says_how_to_install_matplotlib(display, model, data, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r'pip install "sklearn_genre\[plot\]"'):
        draw(display, model, data)


def test_importing_does_not_import_matplotlib():
    for path in Path(inspection.__file__).parent.glob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                assert "matplotlib" not in ast.unparse(node)


@pytest.mark.parametrize("display", FROM_TRUTH)
def test_estimator_and_predictions_agree(display, model, data):
    X, y = data
    dist = model.predict_distribution(X)
    one = vars(display.from_estimator(model, X, y))
    other = vars(display.from_predictions(y, dist))
    for name, value in one.items():
        if not name.endswith("_") and name != "dist":
            np.testing.assert_array_equal(value, other[name])


@pytest.mark.parametrize("display", DISPLAYS)
def test_a_pipeline_is_seen_through(display, pipeline, data):
    X, y = data
    step = pipeline[-1], (pipeline[:-1].transform(X), y)
    one = vars(draw(display, pipeline, data))
    other = vars(draw(display, *step))
    for name, value in one.items():
        if not name.endswith("_") and name != "dist":
            assert str(value) == str(other[name])


@pytest.mark.parametrize("display", DISPLAYS)
def test_a_search_is_seen_through(display, search, data):
    one = vars(draw(display, search, data))
    other = vars(draw(display, search.best_estimator_, data))
    for name, value in one.items():
        if not name.endswith("_") and name != "dist":
            assert str(value) == str(other[name])


@pytest.mark.parametrize("display", DISPLAYS)
def test_other_estimators_are_refused(display, data):
    ridge = Ridge().fit(*data)
    with pytest.raises(TypeError, match=r"as DecodingRegressor .*got Ridge"):
        draw(display, ridge, data)


@pytest.mark.parametrize("display", DISPLAYS)
def test_unfitted_estimators_are_refused(display, data):
    with pytest.raises(NotFittedError):
        draw(display, DecodingRegressor(), data)


DIST = PredictiveDistribution([0.0, 1.0], np.ones((2, 2)))


@pytest.mark.parametrize("display", FROM_TRUTH)
@pytest.mark.parametrize(
    ("y", "dist", "error", "message"),
    [
        ([0.0, np.nan], DIST, ValueError, "y_true contains NaN"),
        ([0.0, 1.0, 2.0], DIST, ValueError, r"y_true must have shape \(2,\)"),
        ([[0.0], [1.0]], DIST, ValueError, r"got shape \(2, 1\)"),
        ([0.0, 1.0], np.ones((2, 2)), TypeError, "PredictiveDistribution.*ndarray"),
    ],
)
def test_bad_truth(display, y, dist, error, message):
    with pytest.raises(error, match=message):
        display.from_predictions(y, dist)


@pytest.mark.parametrize(
    ("display", "options", "message"),
    [
        (BestAtKDisplay, {"ks": []}, "at least one"),
        (BestAtKDisplay, {"ks": [1, 0]}, "0"),
        (CalibrationDisplay, {"levels": [0.5, 1.0]}, "levels .* got 1.0"),
        (CalibrationDisplay, {"levels": []}, "levels must hold at least one"),
        (CalibrationDisplay, {"confidence": 0.0}, "confidence .* got 0.0"),
        (IntervalCoverageDisplay, {"coverages": [-0.1]}, "coverages .* got -0.1"),
        (IntervalCoverageDisplay, {"confidence": 2.0}, "confidence .* got 2.0"),
        (PITHistogramDisplay, {"n_bins": 1}, "n_bins == 1"),
        (PITHistogramDisplay, {"confidence": np.nan}, "confidence .* got nan"),
        (PredictiveDistributionDisplay, {"coverages": [1.5]}, "coverages .* got 1.5"),
        (PredictiveDistributionDisplay, {"x": [0.0]}, r"x must have shape \(2,\)"),
        (PredictiveDistributionDisplay, {"x": [0, 1], "rows": [0]}, "give one"),
        (PredictiveDistributionDisplay, {"rows": slice(0)}, "at least one row"),
    ],
)
def test_bad_options(display, options, message):
    with pytest.raises(ValueError, match=message):
        display.from_predictions([0.0, 1.0], DIST, **options)


# -- one by one ---------------------------------------------------------------


def calibrated(n_rows=400):
    rng = np.random.default_rng(0)
    dist = PredictiveDistribution(np.arange(8.0), rng.dirichlet(np.ones(8), n_rows))
    return dist.sample(random_state=1)[:, 0], dist


def test_pit_bars_are_the_histogram_and_the_band_is_binomial():
    y, dist = calibrated()
    drawn = PITHistogramDisplay.from_predictions(y, dist, n_bins=5, confidence=0.8)
    counts, _ = np.histogram(dist.cdf(y), bins=5, range=(0, 1))
    heights = [bar.get_height() for bar in drawn.bars_]
    assert_allclose(heights, counts / len(y) * 5)
    assert_allclose(sum(heights) / 5, 1)
    low, high = binom.ppf([0.1, 0.9], len(y), 0.2) / len(y) * 5
    assert_allclose(drawn.band_.get_y(), low)
    assert_allclose(drawn.band_.get_y() + drawn.band_.get_height(), high)
    assert drawn.ax_.get_ylim()[1] > max(high, *heights)


def test_pit_takes_truths_beyond_all_cells():
    drawn = PITHistogramDisplay.from_predictions([-9.0, 9.0], DIST, n_bins=2)
    assert [bar.get_height() for bar in drawn.bars_] == [1, 1]


def test_calibration_curve_counts_truths_below_quantiles():
    y, dist = calibrated()
    levels = [0.9, 0.1, 0.5]
    drawn = CalibrationDisplay.from_predictions(y, dist, levels=levels)
    x, observed = drawn.line_.get_data()
    assert_allclose(x, sorted(levels))
    expected = (y[:, None] <= dist.ppf(sorted(levels))).mean(axis=0)
    assert_allclose(observed, expected)
    assert np.abs(observed - x).max() < 0.06


@pytest.mark.parametrize(
    ("deviation", "words"),
    [
        (0.5, "flatter than the diagonal in the middle means too narrow"),
        (2.0, "steeper one too wide"),
    ],
)
def test_slope_of_the_calibration_curve_is_the_relative_width(deviation, words):
    y = norm.ppf((np.arange(400) + 0.5) / 400)
    grid = np.linspace(-8, 8, 400)
    mass = np.tile(norm.pdf(grid, scale=deviation), (400, 1))
    dist = PredictiveDistribution(grid, mass)
    drawn = CalibrationDisplay.from_predictions(y, dist, levels=[0.45, 0.55])
    assert_allclose(np.diff(drawn.observed) / 0.1, deviation, rtol=0.1)
    assert words in " ".join(CalibrationDisplay.__doc__.split())


@pytest.mark.parametrize("display", [CalibrationDisplay, IntervalCoverageDisplay])
def test_legend_stands_beside_the_curve_of_a_wide_model(display):
    y = norm.ppf((np.arange(400) + 0.5) / 400)
    mass = np.tile(norm.pdf(np.linspace(-8, 8, 400), scale=2), (400, 1))
    dist = PredictiveDistribution(np.linspace(-8, 8, 400), mass)
    _, ax = plt.subplots(figsize=(3.5, 5), layout="constrained")
    drawn = display.from_predictions(y, dist, name="wide", ax=ax)
    drawn.figure_.draw_without_rendering()
    legend = drawn.ax_.get_legend().get_window_extent()
    points = drawn.ax_.transData.transform(drawn.line_.get_xydata())
    assert legend.count_contains(points) == 0


def test_labels_of_small_panels_stand_apart():
    figure, axes = plt.subplots(2, 2, layout="constrained", figsize=(6.8, 5.6))
    drawn = IntervalCoverageDisplay.from_predictions(
        *calibrated(30), target_name="hours until the next failure", ax=axes[0, 0]
    )
    figure.draw_without_rendering()
    upper, lower = (ax.yaxis.label.get_window_extent() for ax in drawn.axes_)
    assert upper.y0 > lower.y1


def test_sampling_band_narrows_with_the_number_of_truths():
    def height(n_rows):
        drawn = CalibrationDisplay.from_predictions(*calibrated(n_rows), levels=[0.5])
        low, high = np.sort(np.unique(drawn.band_.get_paths()[0].vertices[:, 1]))
        return high - low

    assert_allclose(height(400) / height(100), 0.5, atol=0.1)


@pytest.mark.parametrize("display", [CalibrationDisplay, IntervalCoverageDisplay])
def test_models_share_axes_and_are_told_apart(display):
    y, dist = calibrated()
    one = display.from_predictions(y, dist, name="one")
    place = getattr(one, "axes_", one.ax_)
    two = display.from_predictions(y, dist, name="two", ax=place)
    assert two.ax_ is one.ax_
    for look in ("get_color", "get_linestyle", "get_marker"):
        assert getattr(one.line_, look)() != getattr(two.line_, look)()
    named = [ax.get_legend_handles_labels()[1] for ax in two.figure_.axes]
    labels = [label for labels in named for label in labels]
    assert sorted(labels) == ["90% sampling band", "Calibrated", "one", "two"]


def test_coverage_and_width_are_those_of_the_metrics():
    y, dist = calibrated()
    drawn = IntervalCoverageDisplay.from_predictions(y, dist, coverages=[0.5, 0.9])
    for line, score in (
        (drawn.line_, lambda c: coverage_score(y, dist, c)),
        (drawn.width_line_, lambda c: interval_width(dist, c)),
    ):
        x, numbers = line.get_data()
        assert_allclose(numbers, [score(c) for c in x])
    assert drawn.axes_[1].get_ylim()[0] == 0


@pytest.mark.parametrize("display", [IntervalCoverageDisplay, BestAtKDisplay])
def test_a_wider_second_model_is_not_cut(display):
    y, dist = calibrated(30)
    wide = PredictiveDistribution(9 * dist.support, dist.pmf())
    first = display.from_predictions(y, dist)
    second = display.from_predictions(y, wide, ax=getattr(first, "axes_", first.ax_))
    for ax in second.figure_.axes:
        if ax.axison:
            highest = max(line.get_ydata()[-1] for line in ax.lines)
            assert ax.get_ylim()[1] >= highest


def test_shared_axes_hold_both_histograms():
    y, dist = calibrated(100)
    _, axes = plt.subplots(1, 2, sharey=True)
    low = PITHistogramDisplay.from_predictions(np.zeros(100), dist, ax=axes[0])
    PITHistogramDisplay.from_predictions(y, dist, ax=axes[1])
    bottom, top = axes[0].get_ylim()
    assert bottom == 0
    assert top > max(bar.get_height() for bar in low.bars_)


def test_panels_need_a_place_or_enough_axes():
    y, dist = calibrated(20)
    by_hand = plt.figure().add_axes((0, 0, 1, 1))
    with pytest.raises(ValueError, match=r"plt\.subplots"):
        IntervalCoverageDisplay.from_predictions(y, dist, ax=by_hand)
    with pytest.raises(ValueError, match="2 panels; got 3 axes"):
        IntervalCoverageDisplay.from_predictions(y, dist, ax=plt.subplots(3)[1])
    _, axes = plt.subplots(2)
    drawn = IntervalCoverageDisplay.from_predictions(y, dist, ax=axes)
    assert drawn.ax_ is axes[0]
    assert drawn.width_line_.axes is axes[1]


def test_best_mean_and_median_at_k():
    y, dist = calibrated(30)
    ks = [1, 3, 10]
    drawn = BestAtKDisplay.from_predictions(y, dist, ks=ks)
    numbers = {line.get_label(): line.get_ydata() for line in drawn.lines_}
    for label, error in (
        ("Best of k", dist.best_at_k),
        ("Mean of k", dist.mean_at_k),
        ("Median of k", dist.median_at_k),
    ):
        expected = [np.sqrt(np.mean(error(y, k))) for k in ks]
        assert_allclose(numbers[label], expected)
    assert drawn.ax_.get_xscale() == "log"
    assert [text.get_text() for text in drawn.ax_.get_xticklabels()] == ["1", "3", "10"]
    assert_allclose([line[0] for line in numbers.values()], numbers["Best of k"][0])


# -- training -----------------------------------------------------------------


def kept_epochs(rows):
    return [row["epoch"] for row in rows if row["selected"]]


def test_history_shows_both_stages_and_marks_the_kept_epochs(model):
    drawn = TrainingHistoryDisplay.from_estimator(model)
    stages = split_stages(model.history_)
    assert drawn.axes_.shape == (2, 2)
    for j, rows in enumerate(stages):
        for i, column in enumerate(("validation_crps", "train_loss")):
            known = [row for row in rows if row[column] is not None]
            x, y = drawn.lines_[i, j].get_data()
            assert list(x) == [row["epoch"] for row in known]
            assert_allclose(y, [row[column] for row in known])
            mark = drawn.marks_[i, j]
            assert [mark.get_xdata()[0]] == kept_epochs(rows)
            assert mark.get_label() == f"Kept: epoch {kept_epochs(rows)[0]}"
    assert drawn.lines_[0, 1].get_xdata()[0] == 0  # the state before fine-tuning
    assert drawn.lines_[1, 1].get_xdata()[0] == 1  # which has no training loss
    assert drawn.axes_[0, 0].get_ylim() == drawn.axes_[0, 1].get_ylim()
    assert drawn.axes_[1, 1].get_xlabel() == "Epoch of fine-tuning"


def test_history_shows_the_score_that_selected_or_the_one_asked(data):
    options = {**TINY, "fine_tuning": None, "scoring": "crps"}
    model = DecodingRegressor(**options).fit(*data)
    for scoring, column in ((None, "validation_crps"), ("rmse", "validation_rmse")):
        drawn = TrainingHistoryDisplay.from_estimator(model, scoring=scoring)
        expected = [row[column] for row in model.history_]
        assert_allclose(drawn.lines_[0, 0].get_ydata(), expected)


def test_history_without_a_validation_part(unvalidated):
    drawn = TrainingHistoryDisplay.from_estimator(unvalidated)
    assert drawn.axes_.shape == (1, 2)
    assert drawn.axes_[0, 0].get_ylabel() == "Training loss"
    losses = [row["train_loss"] for row in split_stages(unvalidated.history_)[1]]
    assert_allclose(drawn.lines_[0, 1].get_ydata(), losses[-2:])
    assert drawn.marks_[0, 1].get_xdata()[0] == 2


def test_history_of_warm_starts_has_a_column_for_each_fit(data):
    options = {**TINY, "fine_tuning": None, "pretraining_epochs": 1}
    model = DecodingRegressor(**options, warm_start=True)
    model.fit(*data).fit(*data)
    assert TrainingHistoryDisplay.from_estimator(model).axes_.shape == (2, 2)


def test_history_without_a_choice_yet(model):
    rows = [{k: v for k, v in r.items() if k != "selected"} for r in model.history_]
    drawn = TrainingHistoryDisplay(rows).plot()
    assert not drawn.marks_.any()


@pytest.mark.parametrize(
    ("history", "scoring", "message"),
    [
        ([], "rmse", "at least one epoch"),
        ([{"epoch": 1, "validation_rmse": 1.0}], "mae", r"\['rmse'\]; got 'mae'"),
    ],
)
def test_bad_history(history, scoring, message):
    with pytest.raises(ValueError, match=message):
        TrainingHistoryDisplay(history, scoring=scoring).plot()


# -- densities and fans -------------------------------------------------------


def test_densities_of_the_rows_asked():
    y, dist = calibrated()
    drawn = PredictiveDistributionDisplay.from_predictions(y, dist, rows=[7, -1])
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


def test_one_row_may_be_a_number():
    y, dist = calibrated()
    drawn = PredictiveDistributionDisplay.from_predictions(y, dist, rows=3)
    assert [text.get_text() for text in drawn.ax_.get_yticklabels()] == ["Row 3"]
    assert_allclose(drawn.truth_.get_offsets()[:, 0], y[3])


def test_densities_are_five_by_default_and_need_no_truth():
    _, dist = calibrated()
    drawn = PredictiveDistributionDisplay.from_predictions(None, dist)
    assert len(drawn.densities_) == 5
    assert drawn.truth_ is None


@pytest.mark.parametrize("number", [0.0, 1e-30, -1e6, 1e200])
def test_density_of_a_point_is_one_bar_in_the_picture(number):
    dist = PredictiveDistribution([number], [[1.0]])
    drawn = PredictiveDistributionDisplay.from_predictions([number], dist)
    heights, edges, _ = drawn.densities_[0].get_data()
    assert np.all(np.diff(edges) > 0)
    assert edges[0] < number < edges[-1]
    assert_allclose(heights.max(), 0.8)
    drawn.figure_.draw_without_rendering()


def test_rows_that_do_not_exist_are_refused():
    with pytest.raises(IndexError, match="5"):
        PredictiveDistributionDisplay.from_predictions(None, DIST, rows=[5])


def test_fan_over_x_is_made_of_intervals():
    y, dist = calibrated(50)
    x = np.random.default_rng(2).permutation(50)
    order = np.argsort(x)
    drawn = PredictiveDistributionDisplay.from_predictions(
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
    drawn = PredictiveDistributionDisplay.from_estimator(model, X, y, feature=1)
    at = 10
    swept = X.copy()
    swept[:, 1] = drawn.x[at]
    dist = model.predict_distribution(swept)
    levels = [drawn.dist.cdf(edge)[at] for edge in dist.edges]
    assert_allclose(levels, [dist.cdf(edge).mean() for edge in dist.edges], atol=1e-9)
    assert_allclose([drawn.x[0], drawn.x[-1]], [X[:, 1].min(), X[:, 1].max()])


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_fan_over_a_column_of_a_frame(frame):
    rng = np.random.default_rng(0)
    columns = {
        "size": rng.integers(0, 4, 40),
        "kind": rng.choice(["a", "b"], 40).tolist(),
    }
    X, y = frame(columns), columns["size"] + rng.normal(size=40)
    model = DecodingRegressor(**{**TINY, "fine_tuning": None}).fit(X, y)
    draw = PredictiveDistributionDisplay.from_estimator
    drawn = draw(model, X, y, feature="size")
    assert_allclose(drawn.x, [0, 1, 2, 3])
    assert drawn.ax_.get_xlabel() == "size"
    assert_allclose(drawn.median_.get_ydata(), draw(model, X, feature=0).dist.median())
    with pytest.raises(ValueError, match=r"'kind' holds '[ab]'"):
        draw(model, X, feature="kind")
    with pytest.raises(ValueError, match=r"one of \['size', 'kind'\]; got 'age'"):
        draw(model, X, feature="age")


def test_fan_over_a_column_whose_name_is_a_number(data):
    X, y = data
    frame = pd.DataFrame(X, columns=[2, 0, 1])
    model = DecodingRegressor(**{**TINY, "fine_tuning": None}).fit(frame, y)
    draw = PredictiveDistributionDisplay.from_estimator
    drawn, plain = draw(model, frame, y, feature=1), draw(model, X, y, feature=1)
    assert_allclose(drawn.x, plain.x)
    assert_allclose(drawn.median_.get_ydata(), plain.median_.get_ydata())
    assert drawn.ax_.get_xlabel() == "0"


def test_fan_leaves_missing_values_of_the_feature_out(model, data):
    X, y = data[0].copy(), data[1]
    X[:5, 0] = np.nan
    drawn = PredictiveDistributionDisplay.from_estimator(model, X, y, feature=0)
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
        PredictiveDistributionDisplay.from_estimator(model, X, **options)


def test_average_of_rows_with_their_own_numbers():
    rng = np.random.default_rng(0)
    values = np.sort(rng.normal(size=(6, 5)), axis=1)
    dist = PredictiveDistribution(values, rng.dirichlet(np.ones(5), 6))
    mixed = average(dist, 3)
    assert len(mixed) == 2
    assert_allclose(mixed.mean(), dist.mean().reshape(2, 3).mean(axis=1))
    second = (dist.std() ** 2 + dist.mean() ** 2).reshape(2, 3).mean(axis=1)
    assert_allclose(mixed.std() ** 2 + mixed.mean() ** 2, second)


# -- digit trees --------------------------------------------------------------


def test_tree_has_the_probabilities_of_the_leaves(model, data):
    X, y = data
    drawn = DigitTreeDisplay.from_estimator(model, X, y, row=3)
    exact = model.predict_distribution(X[3:4]).pmf()[0]
    for depth, (level, bars) in enumerate(
        zip(drawn.levels, drawn.blocks_, strict=True), start=1
    ):
        mass = exact.reshape(2**depth, -1).sum(axis=1)
        left = np.cumsum(mass) - mass
        for block, bar in zip(level, bars, strict=True):
            index = int("".join(map(str, block.tokens)), 2)
            assert_allclose(bar.get_width(), mass[index], atol=1e-6)
            assert_allclose(bar.get_x(), left[index], atol=1e-6)
        kept = sum(block.probability for block in level)
        assert 1 - 2**depth * 0.002 <= kept <= 1 + 1e-9


def test_tree_outlines_the_path_of_the_truth(model, data):
    X, y = data
    for row in (0, 7):
        drawn = DigitTreeDisplay.from_estimator(model, X, y, row=row)
        path = [b.tokens for level in drawn.levels for b in level if b.on_path]
        scaled = model.target_scaler_.transform([y[row]])
        tokens = tuple(model.tokenizer_.encode(scaled)[0].tolist())
        assert path == [tokens[: i + 1] for i in range(4)]
        assert len(drawn.path_) == 4
        assert drawn.ax_.get_legend().get_texts()[0].get_text() == (
            f"True y {y[row]:.4g}"
        )


def test_tree_is_at_the_temperature_of_the_model(data):
    model = DecodingRegressor(**{**TINY, "fine_tuning": None}, temperature=3.0)
    drawn = DigitTreeDisplay.from_estimator(model.fit(*data), data[0])
    mass = model.predict_distribution(data[0][:1]).pmf()[0]
    widths = [block.probability for block in drawn.levels[-1]]
    assert_allclose(widths, mass[mass >= 0.002], atol=1e-6)


def test_tree_without_a_truth_has_no_path(model, data):
    drawn = DigitTreeDisplay.from_estimator(model, data[0], max_depth=2)
    assert len(drawn.levels) == 2
    assert drawn.path_ == []
    assert drawn.ax_.get_legend() is None


def test_tree_has_the_quantiles_of_the_row_on_its_axis(model, data):
    drawn = DigitTreeDisplay.from_estimator(model, *data)
    expected = model.predict_quantiles(data[0][:1], [0.05, 0.25, 0.5, 0.75, 0.95])
    assert_allclose(drawn.numbers, expected[0])
    labels = [text.get_text() for text in drawn.ax_.get_xticklabels()]
    assert labels[2] == f"0.5\n{expected[0, 2]:.4g}"


@pytest.mark.parametrize(("width", "shown"), [(8, 5), (3, 3), (1, 1)])
def test_tree_leaves_out_ticks_without_room(model, data, width, shown):
    figure, ax = plt.subplots(figsize=(width, 4))
    DigitTreeDisplay.from_estimator(model, *data, ax=ax)
    figure.draw_without_rendering()
    labels = [text for text in ax.get_xticklabels() if text.get_text()]
    boxes = [text.get_window_extent() for text in labels]
    assert len(boxes) == shown
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


def test_tree_keeps_its_legend_inside(model, data):
    figure, axes = plt.subplots(2, 2, layout="constrained", figsize=(6.8, 5.6))
    name = "hours until the next failure of the pump"
    drawn = DigitTreeDisplay.from_estimator(
        model, *data, target_name=name, ax=axes[0, 0]
    )
    figure.draw_without_rendering()
    legend = drawn.ax_.get_legend().get_window_extent()
    frame, top = drawn.ax_.get_window_extent(), drawn.path_[0].get_window_extent()
    assert frame.x0 <= legend.x0
    assert legend.x1 <= frame.x1
    assert legend.y0 >= top.y1


def test_tree_of_a_pipeline_of_one_step(model, data):
    drawn = DigitTreeDisplay.from_estimator(make_pipeline(model), *data)
    assert drawn.levels == DigitTreeDisplay.from_estimator(model, *data).levels


def test_tree_of_another_format(p10, data):
    drawn = DigitTreeDisplay.from_estimator(p10, *data)
    assert drawn.numbers is None
    names = [text.get_text() for text in drawn.ax_.get_yticklabels()]
    assert names == ["Sign", "Mantissa 1", "Mantissa 2", "Exponent"]
    for level in drawn.levels:
        assert sum(block.on_path for block in level) == 1
        ends = [(block.left, block.left + block.probability) for block in level]
        assert all(b[0] >= a[1] - 1e-9 for a, b in pairwise(ends))
    assert [block.tokens for block in drawn.levels[0]] == [(0,), (1,)]


@pytest.mark.parametrize(
    ("tokenizer", "names", "labels"),
    [
        (
            NormalizedTokenizer(base=3, length=2),
            ["Digit 1", "Digit 2"],
            [{0: "0", 1: "1", 2: "2"}] * 2,
        ),
        (
            IEEETokenizer(base=2, exponent_digits=1, mantissa_digits=1),
            ["Sign", "Exponent sign", "Exponent 1", "Mantissa 1"],
            [{0: "\N{MINUS SIGN}", 1: "+"}] * 2 + [{2: "0", 3: "1"}] * 2,
        ),
        (
            P10Tokenizer(mantissa_digits=1, exponent_range=1),
            ["Sign", "Mantissa 1", "Exponent"],
            [
                {0: "\N{MINUS SIGN}", 1: "+"},
                {2 + digit: str(digit) for digit in range(10)},
                {12: "-1", 13: "0", 14: "1"},
            ],
        ),
    ],
)
def test_every_token_has_a_label(tokenizer, names, labels):
    assert level_names(tokenizer) == names
    called = token_labels(tokenizer)
    for position, allowed in enumerate(tokenizer.allowed_tokens):
        tokens = allowed.nonzero()[:, 0].tolist()
        assert {token: called[position][token] for token in tokens} == labels[position]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"row": 60}, "row == 60"),
        ({"max_depth": 0}, "max_depth == 0"),
        ({"y": [1.0]}, r"y must have shape \(60,\)"),
    ],
)
def test_bad_tree(model, data, options, message):
    with pytest.raises(ValueError, match=message):
        DigitTreeDisplay.from_estimator(model, data[0], **options)


def test_tree_needs_digits(data):
    model = RiemannRegressor(n_bins=8, max_epochs=1, random_state=0).fit(*data)
    with pytest.raises(TypeError, match=r"write digits.*RiemannRegressor"):
        DigitTreeDisplay.from_estimator(model, *data)
