"""Tasks and callbacks of one fit, for releases of scikit-learn that have none."""

from __future__ import annotations

import inspect
from typing import Any, Self

from sklearn_genre._checks import shown


class CallbackSupportMixin:
    """Callbacks as scikit-learn 1.9 has them, for an estimator on its own.

    They are told of the fits of this estimator alone: before 1.9, pipelines and
    searches hand none on, and a clone has none.
    """

    def set_callbacks(self, *callbacks: Any) -> Self:
        """Set callbacks for the estimator.

        Parameters
        ----------
        *callbacks : callback instances
            The callbacks to set.

        Returns
        -------
        self : estimator instance
            The estimator itself.
        """
        for callback in callbacks:
            if isinstance(callback, type) or not all(
                hasattr(callback, hook) for hook in HOOKS
            ):
                raise TypeError(
                    f"callbacks must be instances with the methods {[*HOOKS]}, got "
                    f"{shown(callback, repr)}."
                )
        if callbacks:
            self._skl_callbacks = list(callbacks)
        else:
            self.__dict__.pop("_skl_callbacks", None)
        return self

    def _init_callback_context(self, max_subtasks: int = 0) -> Task:
        """Return the task of a whole fit, with the callbacks set up."""
        task = Task("fit", max_subtasks, list(getattr(self, "_skl_callbacks", [])))
        for callback in task._callbacks:
            callback.setup(self, task)
        return task


HOOKS = ("setup", "teardown", "on_fit_task_begin", "on_fit_task_end")


class Task:
    """A fit, a stage or an epoch, with what a callback may ask of it.

    Parameters
    ----------
    task_name : str
    max_subtasks : int
    callbacks : list
    parent : Task or None, default=None
    task_id : int, default=0
        Place among the tasks of the parent.
    """

    source_estimator_name = None
    source_task_name = None

    def __init__(
        self,
        task_name: str,
        max_subtasks: int,
        callbacks: list[Any],
        parent: Task | None = None,
        task_id: int = 0,
    ) -> None:
        self.task_name = task_name
        self.max_subtasks = max_subtasks
        self.parent = parent
        self.task_id = task_id
        self._callbacks = callbacks
        self._n_begun = 0

    def subcontext(self, task_name: str, max_subtasks: int = 0) -> Task:
        """Return the next task inside this one."""
        self._n_begun += 1
        return Task(
            task_name, max_subtasks, self._callbacks, self, task_id=self._n_begun - 1
        )

    def call_on_fit_task_begin(self, **given: Any) -> None:
        """Tell every callback that the task begins."""
        self._call("on_fit_task_begin", **given)

    def call_on_fit_task_end(self, **given: Any) -> bool:
        """Tell every callback that the task ends; return whether one says stop."""
        return self._call("on_fit_task_end", **given)

    def teardown(self, estimator: Any) -> None:
        """Tear down every callback; the first error is raised once all are."""
        errors = []
        for callback in self._callbacks:
            try:
                callback.teardown(estimator, self)
            except Exception as error:
                errors.append(error)
        if errors:
            raise errors[0]

    def _call(self, hook: str, *, estimator: Any, **given: Any) -> bool:
        """Call a hook with those of the arguments that it names."""
        stop = False
        for callback in self._callbacks:
            function = getattr(callback, hook)
            wanted = {
                name
                for name, parameter in inspect.signature(function).parameters.items()
                if parameter.kind is parameter.KEYWORD_ONLY
            }
            arguments = {name: given.get(name) for name in wanted}
            if "fitted_estimator" in wanted:
                arguments["fitted_estimator"] = _as_fitted(estimator, **given)
            stop |= bool(function(estimator, self, **arguments))
        return stop


def _as_fitted(
    estimator: Any, reconstruction_attributes: Any = None, **_: Any
) -> Any | None:
    """Return an estimator with what it has learned so far, or None."""
    if reconstruction_attributes is None:
        return None
    fitted = object.__new__(type(estimator))
    parameters = estimator.get_params(deep=False)
    fitted.__dict__ = {**parameters, **reconstruction_attributes()}
    return fitted
