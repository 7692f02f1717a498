"""What holds for every picture: where it is drawn, of what, and what it refuses."""

import ast
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgba_array
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_genre import DecodingRegressor, inspection
from sklearn_genre.distributions import PredictiveDistribution
from sklearn_genre.inspection import (
    BestAtKDisplay,
    CalibrationDisplay,
    IntervalCoverageDisplay,
    PITHistogramDisplay,
    PredictiveDistributionDisplay,
    TrainingHistoryDisplay,
)

FROM_PREDICTIONS = [
    BestAtKDisplay,
    CalibrationDisplay,
    IntervalCoverageDisplay,
    PITHistogramDisplay,
    PredictiveDistributionDisplay,
]
DISPLAYS = [getattr(inspection, name) for name in inspection.__all__]


@pytest.fixture(scope="module", params=[(), (StandardScaler,)])
def search(request, small, data):
    model = small(pretraining_epochs=1)
    pipeline = make_pipeline(*(step() for step in request.param), model)
    grid = {"decodingregressor__learning_rate": [1e-3]}
    return GridSearchCV(pipeline, grid, cv=2).fit(*data)


def draw(display, estimator, data, **options):
    arguments = () if display is TrainingHistoryDisplay else data
    return display.from_estimator(estimator, *arguments, **options)


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
def test_options_have_short_names_too(display, model, data):
    drawn = draw(display, model, data, lw=7)
    ax = drawn.figure_.axes
    artists = [artist for each in ax for artist in (*each.lines, *each.patches)]
    assert 7 in [artist.get_linewidth() for artist in artists]


def assert_visible_on_black(axes):
    for ax in axes:
        for artist in (*ax.lines, *ax.patches, *ax.collections):
            names = [f"get_{kind}color" for kind in ("", "face", "edge")]
            getters = [getattr(artist, name, None) for name in names]
            colors = [to_rgba_array(getter()) for getter in getters if getter]
            red, green, blue, opacity = np.concatenate(colors).T
            assert (opacity * (red + green + blue) > 0.3).any()


@pytest.mark.parametrize("display", FROM_PREDICTIONS)
def test_nothing_is_drawn_in_the_colour_of_dark_paper(display, calibrated):
    with plt.style.context("dark_background"):
        drawn = display.from_predictions(*calibrated(20))
    assert_visible_on_black(drawn.figure_.axes)


def test_a_history_is_not_drawn_in_the_colour_of_dark_paper():
    row = {"stage": "training", "validation_rmse": 1.0, "train_loss": 2.0}
    history = [{**row, "epoch": epoch, "selected": epoch == 2} for epoch in (1, 2)]
    with plt.style.context("dark_background"):
        drawn = TrainingHistoryDisplay(history).plot()
    assert_visible_on_black(drawn.figure_.axes)


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
    with pytest.raises(ImportError, match="pip install matplotlib"):
        draw(display, model, data)


def test_importing_does_not_import_matplotlib():
    for path in Path(inspection.__file__).parent.glob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                assert "matplotlib" not in ast.unparse(node)


def drawn_numbers(drawn):
    """Return the parameters of a picture, so that they can be compared."""

    def plain(value):
        value = value.mean() if isinstance(value, PredictiveDistribution) else value
        return value.tolist() if isinstance(value, np.ndarray) else value

    parameters = vars(drawn).items()
    return {name: plain(value) for name, value in parameters if name[-1] != "_"}


@pytest.mark.parametrize("display", FROM_PREDICTIONS)
def test_estimator_and_predictions_agree(display, model, data):
    X, y = data
    drawn = display.from_predictions(y, model.predict_distribution(X))
    assert drawn_numbers(drawn) == drawn_numbers(display.from_estimator(model, X, y))


@pytest.mark.parametrize("display", DISPLAYS)
def test_a_pipeline_is_seen_through(display, model, data):
    X, y = data
    pipeline = make_pipeline(StandardScaler().fit(X), model)
    last = draw(display, model, (pipeline[:-1].transform(X), y))
    assert drawn_numbers(draw(display, pipeline, data)) == drawn_numbers(last)


@pytest.mark.parametrize("display", DISPLAYS)
def test_a_search_is_seen_through(display, search, data):
    best = draw(display, search.best_estimator_, data)
    assert drawn_numbers(draw(display, search, data)) == drawn_numbers(best)


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


@pytest.mark.parametrize("display", FROM_PREDICTIONS)
@pytest.mark.parametrize(
    ("y", "dist", "error", "message"),
    [
        ([0.0, np.nan], DIST, ValueError, "y_true contains NaN"),
        ([0.0, 1.0, 2.0], DIST, ValueError, r"y_true must have shape \(2,\)"),
        ([[0.0, 1.0], [1.0, 0.0]], DIST, ValueError, r"got shape \(2, 2\)"),
        ([0.0, 1.0], np.ones((2, 2)), TypeError, "PredictiveDistribution.*ndarray"),
    ],
)
def test_bad_targets(display, y, dist, error, message):
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
