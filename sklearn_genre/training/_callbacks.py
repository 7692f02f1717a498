"""The only file that touches ``sklearn.callback``."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import parent_process
from time import perf_counter
from typing import Any

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # before scikit-learn 1.9
    from sklearn_genre.training._tasks import CallbackSupportMixin

__all__ = ["CallbackSupportMixin", "Monitor", "ProgressBar"]

# Characters of the longest bar, and of the longest line.
BAR, LINE = 20, 79
# Seconds after which epochs are told where there is no terminal.
PATIENCE = 10.0


class ProgressBar:
    """Callback that draws the stages of a fit, their epochs and the validation error.

    One line per stage on standard error, redrawn after every epoch. Where standard
    error is no terminal, nothing for ten seconds, and then a line for each epoch.
    ``verbose=1`` is the short way to the same lines, and adds none where this callback
    draws.

    Set it on the outermost estimator: in a pipeline or a search each fit of one of our
    estimators gets its lines, below one that says which fit it is. Fits in other
    processes (``n_jobs=2``) draw nothing; ``sklearn.callback.ProgressBar`` counts
    those, without the error.

    Parameters
    ----------
    max_propagation_depth : int or None, default=None
        How many levels of nested estimators are followed. None follows all.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn_genre import DecodingRegressor, ProgressBar
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = DecodingRegressor(fine_tuning=None, pretraining_epochs=2)
    >>> model.set_callbacks(ProgressBar()).fit(X, y).predict(X[:2]).shape
    (2,)
    """

    def __init__(self, max_propagation_depth: int | None = None) -> None:
        self.max_propagation_depth = max_propagation_depth
        self._draws = False
        self._line_is_open = False

    def setup(self, estimator: Any, context: Any) -> None:
        """Draw from here on, unless this is a worker process."""
        self._draws = parent_process() is None
        self._start = perf_counter()

    def teardown(self, estimator: Any, context: Any) -> None:
        """Leave the cursor in a new line, after an interruption too."""
        self._end_line()

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Do nothing: a line is drawn when there is something to say."""

    def on_fit_task_end(
        self, estimator: Any, context: Any, *, metadata: Any = None
    ) -> None:
        """Draw an epoch, or end the line of a stage."""
        if not (self._draws and (sys.stderr.isatty() or self._is_late())):
            return
        if not (isinstance(metadata, dict) and "validation_rmse" in metadata):
            return self._end_line()
        stage = context.parent
        if context.task_id == stage.task_id == 0 and (name := source(stage.parent)):
            self._write(name + "\n")
        width = min(shutil.get_terminal_size().columns - 1, LINE)
        line = progress_line(stage.task_name, stage.max_subtasks, metadata, width)
        if not sys.stderr.isatty():
            return self._write(line.rstrip() + "\n")
        self._write("\r" + line)
        self._line_is_open = True

    def _is_late(self) -> bool:
        """Return whether the fit has lasted so long that a log should tell of it."""
        return perf_counter() - self._start > PATIENCE

    def _end_line(self) -> None:
        """Go to the next line, unless there already."""
        if self._line_is_open:
            self._write("\n")
        self._line_is_open = False

    def _write(self, text: str) -> None:
        """Write to standard error at once."""
        sys.stderr.write(text)
        sys.stderr.flush()

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for another process, which draws nothing."""
        return {**vars(self), "_draws": False, "_line_is_open": False}


class Monitor:
    """Tells scikit-learn's callbacks, and a terminal, how a fit is getting on.

    The task tree is fit > stage > epoch. A callback that returns True at the end of an
    epoch stops the stage, at the end of a stage the fit.

    Parameters
    ----------
    estimator : estimator with ``CallbackSupportMixin``
    n_stages : int
    snapshot : callable
        Returns the attributes of the estimator as if fit had stopped now.
    verbose : int
        Whether to draw a bar on standard error, if no `ProgressBar` draws one already.
    """

    def __init__(
        self, estimator: Any, n_stages: int, *, snapshot: Any, verbose: int
    ) -> None:
        self.estimator = estimator
        self.snapshot = snapshot
        self.context = estimator._init_callback_context(max_subtasks=n_stages)
        self.bar = ProgressBar()
        if verbose and not any(
            isinstance(callback, ProgressBar) for callback in self.context._callbacks
        ):
            self.bar.setup(estimator, self.context)
        self.go_on = True

    @contextmanager
    def fit(self) -> Iterator[None]:
        """Surround the whole fit."""
        self.context.call_on_fit_task_begin(estimator=self.estimator)
        try:
            yield
            self._end(self.context)
        finally:
            self.bar.teardown(self.estimator, self.context)
            if hasattr(self.context, "teardown"):  # else scikit-learn does so
                self.context.teardown(self.estimator)

    @contextmanager
    def stage(self, name: str, max_epochs: int) -> Iterator[None]:
        """Surround one stage."""
        self.stage_context = self.context.subcontext(name, max_subtasks=max_epochs)
        self.stage_context.call_on_fit_task_begin(estimator=self.estimator)
        yield
        self.go_on = not self._end(self.stage_context)
        self.bar.on_fit_task_end(self.estimator, self.stage_context)

    def epoch(self, row: dict[str, Any]) -> bool:
        """Report one row of the history; return whether the stage should stop."""
        context = self.stage_context.subcontext("epoch")
        context.call_on_fit_task_begin(estimator=self.estimator, metadata=row)
        stop = self._end(context, metadata=row)
        self.bar.on_fit_task_end(self.estimator, context, metadata=row)
        return stop

    def _end(self, context: Any, **arguments: Any) -> bool:
        """Report the end of a task; return whether a callback wants to stop."""
        return context.call_on_fit_task_end(
            estimator=self.estimator,
            reconstruction_attributes=self.snapshot,
            **arguments,
        )


def source(fit: Any) -> str:
    """Return which fit of an outer estimator a fit belongs to, or nothing."""
    name = ""
    while (outer := fit.parent) is not None:
        if fit.source_estimator_name:
            part = f"{fit.task_id + 1}/{outer.max_subtasks}"
            name = f"{fit.source_estimator_name} {fit.source_task_name} {part}"
        fit = outer
    return name


def progress_line(name: str, max_epochs: int, row: dict[str, Any], width: int) -> str:
    """Return a bar, the epoch and the validation error in one line of a width.

    The bar is the shorter, the narrower the line is.
    """
    epoch = row["epoch"]
    start, end = f"{name:<12} [", f"] {epoch:>4}/{max_epochs}"
    if row["validation_rmse"] is not None:
        end += f"  validation RMSE {row['validation_rmse']:<10.5g}"
    length = max(min(BAR, width - len(start) - len(end)), 0)
    done = length * epoch // max(max_epochs, 1)
    bar = "#" * done + "." * (length - done)
    return f"{start}{bar}{end}"[:width].ljust(width)
