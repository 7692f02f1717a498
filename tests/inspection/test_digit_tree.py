"""The tree of digits has the probabilities of the prefixes, and fits its axes."""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.pipeline import make_pipeline

from sklearn_genre import RiemannRegressor
from sklearn_genre.inspection import DigitTreeDisplay
from sklearn_genre.tokenizers import TOKENIZERS, P10Tokenizer


def digits(model, X):
    """Return the probability of each token sequence for one sample."""
    predictor = model._predictor()
    (output, _), *_ = predictor.outputs(
        model._encode(model._check_features(X, reset=False))
    )
    return output.support().probs[0].detach().numpy()


def test_tree_has_the_probabilities_of_the_leaves(model, data):
    X, y = data
    drawn = DigitTreeDisplay.from_estimator(model, X, y, row=3)
    exact = digits(model, X[3:4])
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


def test_tree_is_at_the_temperature_of_the_model(small, data):
    model = small(temperature=3.0)
    drawn = DigitTreeDisplay.from_estimator(model.fit(*data), data[0])
    mass = digits(model, data[0][:1])
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


def test_tree_of_another_format(small, data):
    tokenizer = P10Tokenizer(mantissa_digits=2, exponent_range=2)
    model = small(tokenizer=tokenizer).fit(*data)
    drawn = DigitTreeDisplay.from_estimator(model, *data)
    assert drawn.numbers is None
    names = [text.get_text() for text in drawn.ax_.get_yticklabels()]
    assert names == ["Sign", "Mantissa 1", "Mantissa 2", "Exponent"]
    for level in drawn.levels:
        assert sum(block.on_path for block in level) == 1
        ends = [(block.left, block.left + block.probability) for block in level]
        assert all(b[0] >= a[1] - 1e-9 for a, b in pairwise(ends))
    assert [block.tokens for block in drawn.levels[0]] == [(0,), (1,)]


@pytest.mark.parametrize("member", TOKENIZERS.values(), ids=TOKENIZERS)
def test_tree_names_positions_and_tokens_as_the_format_does(small, data, member):
    model = small(tokenizer=member(), pretraining_epochs=1).fit(*data)
    drawn = DigitTreeDisplay.from_estimator(model, *data, max_depth=3)
    names = [text.get_text() for text in drawn.ax_.get_yticklabels()]
    fitted = model.tokenizer_
    assert [name.lower() for name in names] == [*fitted.position_names[:3]]
    texts = {text.get_text() for text in drawn.ax_.texts}
    written = {
        fitted.token_texts[position][token]
        for position, allowed in enumerate(fitted.allowed_tokens[:3])
        for token in allowed.nonzero()[:, 0].tolist()
    }
    assert texts & written


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


def test_tree_too_thin_to_draw_has_empty_levels(small, data):
    model = small(tokenizer="ieee", decoder="mlp", temperature=1e6)
    drawn = DigitTreeDisplay.from_estimator(model.fit(*data), data[0])
    assert drawn.levels[0]
    assert not drawn.levels[-1]
