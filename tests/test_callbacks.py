"""Scikit-learn's callbacks, and the progress bar of a terminal."""

import importlib.util
import io
import multiprocessing
import pickle
import re
import sys
from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_genre import DecodingRegressor, ProgressBar
from sklearn_genre.decoders import MLPDecoder
from sklearn_genre.encoders import MLPEncoder
from sklearn_genre.policy_gradients import ReMax
from sklearn_genre.training import _callbacks, _tasks
from sklearn_genre.training._callbacks import progress_line

HAS_CALLBACKS = importlib.util.find_spec("sklearn.callback") is not None
since_1_9 = pytest.mark.skipif(not HAS_CALLBACKS, reason="new in scikit-learn 1.9")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 2))
Y = X[:, 0] + 0.1 * RNG.normal(size=60)


class Recorder:
    """Notes every task; stops where it is told to."""

    def __init__(self, stop_at=()):
        self.stop_at = stop_at
        self.begun = []
        self.ended = []
        self.rows = []
        self.predictions = []
        self.calls = []

    def setup(self, estimator, context):
        self.calls.append("setup")

    def teardown(self, estimator, context):
        self.calls.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.begun.append(path(context))

    def on_fit_task_end(self, estimator, context, *, metadata, fitted_estimator):
        self.ended.append(path(context))
        if metadata is not None:
            self.rows.append(metadata)
        self.predictions.append(fitted_estimator.predict(X))
        return path(context) in self.stop_at


def path(context):
    """Return the names of the tasks from the fit down, numbered."""
    names = []
    while context is not None:
        names.append((context.task_name, context.task_id))
        context = context.parent
    return tuple(reversed(names))


def small(**parameters):
    """Return a regressor that fits in a few hundredths of a second."""
    defaults = {
        "encoder": partial(MLPEncoder, hidden_layer_sizes=(16,)),
        "decoder": partial(MLPDecoder, hidden_size=16),
        "fine_tuning": ReMax(n_rollouts=4),
        "pretraining_epochs": 3,
        "fine_tuning_epochs": 2,
        "random_state": 0,
    }
    return DecodingRegressor(**(defaults | parameters))


def fit_with(callback, **parameters):
    """Return a regressor fitted under a callback."""
    return small(**parameters).set_callbacks(callback).fit(X, Y)


FIT = ("fit", 0)
PRETRAINING = (FIT, ("pretraining", 0))
FINE_TUNING = (FIT, ("fine_tuning", 1))


def epoch(stage, number):
    """Return the path of an epoch."""
    return (*stage, ("epoch", number))


def test_tasks_are_fit_stage_epoch():
    recorder = Recorder()
    fit_with(recorder)
    ended = [
        *[epoch(PRETRAINING, i) for i in range(3)],
        PRETRAINING,
        *[epoch(FINE_TUNING, i) for i in range(2)],
        FINE_TUNING,
        (FIT,),
    ]
    assert recorder.ended == ended
    assert sorted(recorder.begun) == sorted(ended)
    assert recorder.begun[0] == (FIT,)
    assert recorder.calls == ["setup", "teardown"]


def test_metadata_is_the_row_of_the_history():
    recorder = Recorder()
    model = fit_with(recorder)
    rows = [row for row in model.history_ if row["epoch"]]
    assert len(recorder.rows) == len(rows)
    for seen, row in zip(recorder.rows, rows, strict=True):
        assert seen.items() <= row.items()
        assert {"stage", "epoch", "train_loss", "validation_rmse"} <= set(seen)


def test_the_estimator_so_far_predicts():
    recorder = Recorder()
    model = fit_with(recorder, early_stopping=False)  # the last state is kept
    first, second, third, stage = recorder.predictions[:4]
    assert (first != second).any()
    assert_array_equal(third, stage)
    assert_array_equal(recorder.predictions[-1], model.predict(X))


def test_callbacks_do_not_change_the_fit():
    plain = small().fit(X, Y)
    assert_array_equal(fit_with(Recorder()).predict(X), plain.predict(X))


def test_true_at_the_end_of_an_epoch_stops_the_stage():
    model = fit_with(Recorder([epoch(PRETRAINING, 1)]))
    epochs = [(row["stage"], row["epoch"]) for row in model.history_]
    assert epochs[:3] == [("pretraining", 1), ("pretraining", 2), ("fine_tuning", 0)]
    assert len(epochs) == 5
    assert np.isfinite(model.predict(X)).all()


def test_true_at_the_end_of_a_stage_stops_the_fit():
    recorder = Recorder([PRETRAINING])
    model = fit_with(recorder)
    assert {row["stage"] for row in model.history_} == {"pretraining"}
    assert recorder.ended[-1] == (FIT,)
    assert recorder.calls == ["setup", "teardown"]


def test_an_error_in_a_callback_comes_through_and_tears_down():
    class Broken(Recorder):
        def on_fit_task_end(self, estimator, context):
            raise RuntimeError("broken callback")

    broken = Broken()
    with pytest.raises(RuntimeError, match="broken callback"):
        fit_with(broken)
    assert broken.calls == ["setup", "teardown"]


def test_callbacks_inside_a_pipeline():
    recorder = Recorder()
    model = small().set_callbacks(recorder)
    make_pipeline(StandardScaler(), model).fit(X, Y)
    assert len(recorder.rows) == 5
    assert recorder.calls == ["setup", "teardown"]


def test_progress_bar_of_scikit_learn(capsys):
    pytest.importorskip("rich")
    callback = pytest.importorskip("sklearn.callback")
    model = fit_with(callback.ProgressBar())
    assert np.isfinite(model.predict(X)).all()
    assert "DecodingRegressor" in capsys.readouterr().out


def test_progress_bar_of_scikit_learn_around_a_pipeline(capsys):
    pytest.importorskip("rich")
    callback = pytest.importorskip("sklearn.callback")
    pipeline = make_pipeline(StandardScaler(), small())
    pipeline.set_callbacks(callback.ProgressBar())
    assert np.isfinite(pipeline.fit(X, Y).predict(X)).all()
    assert "DecodingRegressor" in capsys.readouterr().out


# Before scikit-learn 1.9 -------------------------------------------------------


class Alone(_tasks.CallbackSupportMixin):
    """Callbacks of the package itself, in place of scikit-learn's."""


def walk(support, callback):
    """Return what a callback notes of one stage of two epochs, and each answer."""

    class Model(support, BaseEstimator):
        pass

    model = Model().set_callbacks(callback)
    answers = []
    fit = model._init_callback_context(max_subtasks=1)
    fit.call_on_fit_task_begin(estimator=model)
    stage = fit.subcontext("stage", max_subtasks=2)
    stage.call_on_fit_task_begin(estimator=model)
    for number in range(2):
        task = stage.subcontext("epoch")
        task.call_on_fit_task_begin(estimator=model, metadata={"epoch": number})
        answers.append(
            task.call_on_fit_task_end(
                estimator=model,
                metadata={"epoch": number},
                reconstruction_attributes=lambda: {"n_iter_": 3},
            )
        )
    answers += [task.call_on_fit_task_end(estimator=model) for task in (stage, fit)]
    return answers


class Noting(Recorder):
    """Notes the estimator so far, without a prediction."""

    def on_fit_task_end(self, estimator, context, *, metadata, fitted_estimator):
        self.ended.append((path(context), context.max_subtasks, metadata))
        self.predictions.append(getattr(fitted_estimator, "n_iter_", None))
        return path(context) in self.stop_at


@since_1_9
def test_the_fallback_tells_what_scikit_learn_does():
    stop_at = [(FIT, ("stage", 0), ("epoch", 1))]
    notes = []
    for support in (_tasks.CallbackSupportMixin, _callbacks.CallbackSupportMixin):
        callback = Noting(stop_at)
        answers = walk(support, callback)
        notes.append((answers, {**vars(callback)}))
    assert notes[0] == notes[1]
    assert notes[0][0] == [False, True, False, False]


def test_the_fallback_refuses_what_is_no_callback():
    for wrong in (Recorder, object(), None):
        with pytest.raises(TypeError, match="callbacks must be instances"):
            Alone().set_callbacks(wrong)
    assert Alone().set_callbacks(Recorder()).set_callbacks().__dict__ == {}


def test_the_fallback_tears_all_callbacks_down():
    class Broken(Recorder):
        def teardown(self, estimator, context):
            raise RuntimeError("broken teardown")

    last, model = Recorder(), Alone()
    context = model.set_callbacks(Broken(), last)._init_callback_context()
    with pytest.raises(RuntimeError, match="broken teardown"):
        context.teardown(model)
    assert last.calls == ["setup", "teardown"]


# The bar, of verbose and as a callback ----------------------------------------


class Terminal(io.StringIO):
    """Standard error that says it is a terminal."""

    def isatty(self):
        return True


@pytest.mark.parametrize("verbose", [0, 1, 2])
def test_nothing_is_printed_where_there_is_no_terminal(verbose, capsys):
    small(verbose=verbose).fit(X, Y)
    assert capsys.readouterr() == ("", "")


def test_nothing_is_printed_unless_asked(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    small(verbose=0).fit(X, Y)
    assert sys.stderr.getvalue() == ""


@pytest.mark.parametrize("early_stopping", [True, False])
def test_a_terminal_gets_a_bar_per_stage(monkeypatch, early_stopping):
    monkeypatch.setattr(sys, "stderr", Terminal())
    model = small(verbose=1, early_stopping=early_stopping).fit(X, Y)
    stages = sys.stderr.getvalue().splitlines()
    lines = sys.stderr.getvalue().split("\r")
    assert len(lines) == 1 + model.n_iter_
    assert sys.stderr.getvalue().count("\n") == 2
    assert stages
    assert "3/3" in lines[3]
    assert "pretraining" in lines[3]
    assert "2/2" in lines[5]
    assert "fine_tuning" in lines[5]
    assert ("validation RMSE" in lines[3]) is early_stopping


def test_the_callback_draws_the_lines_of_verbose(monkeypatch):
    drawn = []
    for model in (small(verbose=1), small().set_callbacks(ProgressBar())):
        monkeypatch.setattr(sys, "stderr", Terminal())
        model.fit(X, Y)
        drawn.append(sys.stderr.getvalue())
    assert drawn[0] == drawn[1] != ""


@since_1_9
def test_the_callback_names_every_fit_of_a_search(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    pipeline = make_pipeline(StandardScaler(), small())
    grid = {"decodingregressor__learning_rate": [1e-3, 2e-3]}
    search = GridSearchCV(pipeline, grid, cv=2).set_callbacks(ProgressBar())
    search.fit(X, Y)
    lines = sys.stderr.getvalue().splitlines()
    names = [line for line in lines if line.startswith("GridSearchCV")]
    assert [name.split()[-1] for name in names] == ["1/4", "2/4", "3/4", "4/4", "2/2"]
    assert "refit" in names[-1]
    assert sys.stderr.getvalue().endswith("\n")


def test_the_callback_draws_nothing_in_other_processes(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    bar = ProgressBar()
    bar.setup(None, None)
    here, there = bar, pickle.loads(pickle.dumps(bar))
    assert here._draws
    assert not there._draws


@pytest.mark.parametrize("as_callback", [True, False])
def test_nothing_is_drawn_from_a_worker_process(monkeypatch, as_callback):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(_callbacks, "parent_process", multiprocessing.current_process)
    if as_callback:
        fit_with(ProgressBar())
    else:
        small(verbose=1).fit(X, Y)
    assert sys.stderr.getvalue() == ""


@pytest.mark.parametrize("outside", [pytest.param(True, marks=since_1_9), False])
def test_verbose_adds_nothing_to_the_callback(monkeypatch, outside):
    drawn = []
    for verbose in (0, 1):
        monkeypatch.setattr(sys, "stderr", Terminal())
        model = small(verbose=verbose)
        model = make_pipeline(StandardScaler(), model) if outside else model
        model.set_callbacks(ProgressBar()).fit(X, Y)
        drawn.append(sys.stderr.getvalue())
    assert drawn[0] == drawn[1] != ""


@pytest.mark.parametrize(("columns", "length"), [(20, 19), (60, 59), (200, 79)])
def test_a_line_fits_the_terminal(monkeypatch, columns, length):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("COLUMNS", str(columns))
    fit_with(ProgressBar())
    lines = [line for line in re.split("[\r\n]", sys.stderr.getvalue()) if line]
    assert {len(line) for line in lines} == {length}
    assert all("validation RMSE" in line for line in lines) is (columns >= 60)


def test_the_callback_is_silent_where_there_is_no_terminal(capsys):
    fit_with(ProgressBar())
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("as_callback", [True, False])
def test_a_long_fit_tells_its_epochs_where_there_is_no_terminal(
    monkeypatch, capsys, as_callback
):
    monkeypatch.setattr(_callbacks, "PATIENCE", -1.0)
    model = fit_with(ProgressBar()) if as_callback else small(verbose=1).fit(X, Y)
    err = capsys.readouterr().err
    assert len(err.splitlines()) == model.n_iter_
    assert "\r" not in err
    assert all("validation RMSE" in line for line in err.splitlines())


@pytest.mark.parametrize(("done", "n_hashes"), [(0, 0), (1, 5), (3, 15), (4, 20)])
def test_the_bar_is_as_long_as_what_is_done(done, n_hashes):
    line = progress_line("fit", 4, {"epoch": done, "validation_rmse": 0.123456}, 79)
    assert line.count("#") == n_hashes
    assert line.count("#") + line.count(".") - 1 == 20  # one decimal point
    assert "0.12346" in line
    assert f"{done}/4" in line
