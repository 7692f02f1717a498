"""The only file that touches ``sklearn.callback``."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sklearn.callback import CallbackSupportMixin

__all__ = ["CallbackSupportMixin", "Monitor"]

BAR = 20


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
        Whether to draw a bar on standard error, if that is a terminal.
    """

    def __init__(
        self, estimator: Any, n_stages: int, *, snapshot: Any, verbose: int
    ) -> None:
        self.estimator = estimator
        self.snapshot = snapshot
        self.draws = bool(verbose) and sys.stderr.isatty()
        self.context = estimator._init_callback_context(max_subtasks=n_stages)
        self.go_on = True

    @contextmanager
    def fit(self) -> Iterator[None]:
        """Surround the whole fit."""
        self.context.call_on_fit_task_begin(estimator=self.estimator)
        yield
        self._end(self.context)

    @contextmanager
    def stage(self, name: str, max_epochs: int) -> Iterator[None]:
        """Surround one stage."""
        self.name, self.max_epochs = name, max_epochs
        self.stage_context = self.context.subcontext(name, max_subtasks=max_epochs)
        self.stage_context.call_on_fit_task_begin(estimator=self.estimator)
        yield
        self.go_on = not self._end(self.stage_context)
        if self.draws:
            sys.stderr.write("\n")

    def epoch(self, row: dict[str, Any]) -> bool:
        """Report one row of the history; return whether the stage should stop."""
        context = self.stage_context.subcontext("epoch")
        context.call_on_fit_task_begin(estimator=self.estimator, metadata=row)
        stop = self._end(context, metadata=row)
        if self.draws:
            sys.stderr.write("\r" + progress_line(self.name, self.max_epochs, row))
            sys.stderr.flush()
        return stop

    def _end(self, context: Any, **arguments: Any) -> bool:
        """Report the end of a task; return whether a callback wants to stop."""
        return context.call_on_fit_task_end(
            estimator=self.estimator,
            reconstruction_attributes=self.snapshot,
            **arguments,
        )


def progress_line(name: str, max_epochs: int, row: dict[str, Any]) -> str:
    """Return a bar, the epoch and the validation error in one line."""
    epoch = row["epoch"]
    done = BAR * epoch // max(max_epochs, 1)
    bar = "#" * done + "." * (BAR - done)
    line = f"{name:<12} [{bar}] {epoch:>4}/{max_epochs}"
    if row["validation_rmse"] is not None:
        line += f"  validation RMSE {row['validation_rmse']:.5g}"
    return line.ljust(79)
