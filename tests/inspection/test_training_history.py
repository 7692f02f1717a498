"""The picture of training shows the history, stage by stage."""

import pytest
from numpy.testing import assert_allclose

from sklearn_genre.inspection import TrainingHistoryDisplay
from sklearn_genre.inspection._training_history import split_stages


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


def test_history_shows_the_score_that_selected_or_the_one_asked(small, data):
    model = small(scoring="crps").fit(*data)
    for scoring, column in ((None, "validation_crps"), ("rmse", "validation_rmse")):
        drawn = TrainingHistoryDisplay.from_estimator(model, scoring=scoring)
        expected = [row[column] for row in model.history_]
        assert_allclose(drawn.lines_[0, 0].get_ydata(), expected)


def test_history_without_a_validation_set(small, data):
    model = small(fine_tuning="crps", early_stopping=False).fit(*data)
    drawn = TrainingHistoryDisplay.from_estimator(model)
    assert drawn.axes_.shape == (1, 2)
    assert drawn.axes_[0, 0].get_ylabel() == "Training loss"
    losses = [row["train_loss"] for row in split_stages(model.history_)[1]]
    assert_allclose(drawn.lines_[0, 1].get_ydata(), losses[-2:])
    assert drawn.marks_[0, 1].get_xdata()[0] == 2


def test_history_of_warm_starts_has_a_column_for_each_fit(small, data):
    model = small(pretraining_epochs=1, warm_start=True)
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
