"""PIT, calibration, coverage and best of k: the numbers drawn are those claimed."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import binom, norm

from sklearn_genre.distributions import PredictiveDistribution
from sklearn_genre.inspection import (
    BestAtKDisplay,
    CalibrationDisplay,
    IntervalCoverageDisplay,
    PITHistogramDisplay,
)
from sklearn_genre.metrics import coverage_score, interval_width


def normal(deviation):
    """Return standard normal targets and normal predictions of another deviation."""
    grid = np.linspace(-8, 8, 400)
    y = norm.ppf((np.arange(400) + 0.5) / 400)
    mass = np.tile(norm.pdf(grid, scale=deviation), (400, 1))
    return y, PredictiveDistribution(grid, mass)


def test_pit_bars_are_the_histogram_and_the_band_is_binomial(calibrated):
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


def test_pit_takes_targets_beyond_all_bins():
    dist = PredictiveDistribution([0.0, 1.0], np.ones((2, 2)))
    drawn = PITHistogramDisplay.from_predictions([-9.0, 9.0], dist, n_bins=2)
    assert [bar.get_height() for bar in drawn.bars_] == [1, 1]


def test_calibration_curve_counts_targets_below_quantiles(calibrated):
    y, dist = calibrated()
    levels = [0.9, 0.1, 0.5]
    drawn = CalibrationDisplay.from_predictions(y, dist, levels=levels)
    x, observed = drawn.line_.get_data()
    assert_allclose(x, sorted(levels))
    expected = (y[:, None] <= dist.ppf([sorted(levels)])).mean(axis=0)
    assert_allclose(observed, expected)
    assert np.abs(observed - x).max() < 0.06


@pytest.mark.parametrize("deviation", [0.5, 2.0])
def test_slope_of_the_calibration_curve_is_the_relative_width(deviation):
    y, dist = normal(deviation)
    drawn = CalibrationDisplay.from_predictions(y, dist, levels=[0.45, 0.55])
    assert_allclose(np.diff(drawn.observed) / 0.1, deviation, rtol=0.1)


@pytest.mark.parametrize("display", [CalibrationDisplay, IntervalCoverageDisplay])
def test_legend_stands_beside_the_curve_of_a_wide_model(display):
    _, ax = plt.subplots(figsize=(3.5, 5), layout="constrained")
    drawn = display.from_predictions(*normal(2.0), name="wide", ax=ax)
    drawn.figure_.draw_without_rendering()
    legend = drawn.ax_.get_legend().get_window_extent()
    points = drawn.ax_.transData.transform(drawn.line_.get_xydata())
    assert legend.count_contains(points) == 0


def test_labels_of_small_panels_stand_apart(calibrated):
    figure, axes = plt.subplots(2, 2, layout="constrained", figsize=(6.8, 5.6))
    drawn = IntervalCoverageDisplay.from_predictions(
        *calibrated(30), target_name="hours until the next failure", ax=axes[0, 0]
    )
    figure.draw_without_rendering()
    upper, lower = (ax.yaxis.label.get_window_extent() for ax in drawn.axes_)
    assert upper.y0 > lower.y1


def test_sampling_band_narrows_with_the_number_of_targets(calibrated):
    def height(n_rows):
        drawn = CalibrationDisplay.from_predictions(*calibrated(n_rows), levels=[0.5])
        low, high = np.sort(np.unique(drawn.band_.get_paths()[0].vertices[:, 1]))
        return high - low

    assert_allclose(height(400) / height(100), 0.5, atol=0.1)


@pytest.mark.parametrize("display", [CalibrationDisplay, IntervalCoverageDisplay])
def test_models_share_axes_and_are_told_apart(display, calibrated):
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


def test_coverage_and_width_are_those_of_the_metrics(calibrated):
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
def test_a_wider_second_model_is_not_cut(display, calibrated):
    y, dist = calibrated(30)
    wide = PredictiveDistribution(9 * dist.support, dist.pmf())
    first = display.from_predictions(y, dist)
    second = display.from_predictions(y, wide, ax=getattr(first, "axes_", first.ax_))
    for ax in second.figure_.axes:
        if ax.axison:
            highest = max(line.get_ydata()[-1] for line in ax.lines)
            assert ax.get_ylim()[1] >= highest


def test_shared_axes_hold_both_histograms(calibrated):
    y, dist = calibrated(100)
    _, axes = plt.subplots(1, 2, sharey=True)
    low = PITHistogramDisplay.from_predictions(np.zeros(100), dist, ax=axes[0])
    PITHistogramDisplay.from_predictions(y, dist, ax=axes[1])
    bottom, top = axes[0].get_ylim()
    assert bottom == 0
    assert top > max(bar.get_height() for bar in low.bars_)


def test_panels_need_a_place_or_enough_axes(calibrated):
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


def test_what_is_no_axes_or_no_list_of_levels_is_refused(calibrated):
    y, dist = calibrated(20)
    for ax in (plt.subplots(2)[1], plt.figure()):
        with pytest.raises(TypeError, match="ax must be one matplotlib Axes"):
            PITHistogramDisplay.from_predictions(y, dist, ax=ax)
    with pytest.raises(ValueError, match="in one dimension"):
        CalibrationDisplay.from_predictions(y, dist, levels=0.9)


def test_best_mean_and_median_at_k(calibrated):
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
