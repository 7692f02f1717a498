"""How training went, and which epoch was kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_genre._checks import shown
from sklearn_genre.inspection._axes import panels
from sklearn_genre.inspection._model import best_estimator, last_step
from sklearn_genre.inspection._style import BLUE, VERMILION, ink, styled, wrapped

Epochs = list[dict[str, Any]]


class TrainingHistoryDisplay:
    """Validation score and training loss of every epoch, stage by stage.

    Each stage has its own column. The upper panels share an axis in the units of the
    target; the lower ones do not, because each stage has its own training loss. A
    diamond and a dashed line mark the epoch whose state was kept; epoch 0 is the state
    before the stage. Without a validation set only the training losses are drawn.

    Create it with `from_estimator`.

    Parameters
    ----------
    history : list of dict
        ``history_`` of an estimator.
    scoring : {"rmse", "crps"}, default="rmse"
        Validation score to draw.
    target_name : str, default="y"
        Name of the target in the labels, with its unit if it has one.

    Attributes
    ----------
    lines_ : ndarray of Line2D, the shape of `axes_`
        The curves.
    marks_ : ndarray of Line2D or None, the shape of `axes_`
        The dashed lines at the kept epochs; None for a stage that kept none.
    axes_ : ndarray of Axes of shape (n_rows, n_stages)
        The panels: the validation score, if there is one, above the training loss.
    ax_ : Axes
        The first panel.
    figure_ : Figure
        Their figure.

    Examples
    --------
    >>> from sklearn.datasets import make_regression
    >>> from sklearn_genre import PointwiseRegressor
    >>> from sklearn_genre.inspection import TrainingHistoryDisplay
    >>> X, y = make_regression(100, 3, random_state=0)
    >>> model = PointwiseRegressor(max_epochs=5, random_state=0).fit(X, y)
    >>> display = TrainingHistoryDisplay.from_estimator(model)
    >>> display.axes_.shape
    (2, 1)
    """

    def __init__(
        self,
        history: Sequence[dict[str, Any]],
        *,
        scoring: str = "rmse",
        target_name: str = "y",
    ) -> None:
        self.history = history
        self.scoring = scoring
        self.target_name = target_name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        scoring: str | None = None,
        target_name: str = "y",
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the history of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            Fitted, one of this package, a ``Pipeline`` that ends in one or a search
            over either.
        scoring : {"rmse", "crps"} or None, default=None
            Validation score to draw; None means the one by which the epoch was chosen.
        target_name : str, default="y"
            Name of the target in the labels, with its unit if it has one.
        ax, **kwargs
            As in `plot`.

        Returns
        -------
        display : TrainingHistoryDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator has no ``history_``.
        ValueError
            If `scoring` is unknown.
        """
        model = last_step(best_estimator(estimator))
        check_is_fitted(model)
        if not hasattr(model, "history_"):
            raise TypeError(
                "estimator must have a history_, as DecodingRegressor has, or be a "
                "Pipeline that ends in one that has, or a fitted search over either; "
                f"got {shown(estimator, repr)}."
            )
        display = cls(
            model.history_, scoring=scoring or model.scoring, target_name=target_name
        )
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> Self:
        """Draw all panels.

        Parameters
        ----------
        ax : Axes or array-like of Axes, default=None
            Axes to divide, or the panels; None makes a new figure.
        **kwargs : dict
            Passed to ``ax.plot`` for each curve.

        Returns
        -------
        display : TrainingHistoryDisplay
        """
        score = self._score_column()
        stages = split_stages(self.history)
        validated = any(row[score] is not None for row in self.history)
        columns = {"train_loss": ("Training loss", VERMILION)}
        if validated:
            quantity = f"Validation {self.scoring.upper()} of"
            label = wrapped(quantity, self.target_name)
            columns = {score: (label, BLUE), **columns}
        self.axes_ = panels(ax, len(columns), len(stages))
        self.lines_ = np.empty(self.axes_.shape, dtype=object)
        self.marks_ = np.empty(self.axes_.shape, dtype=object)
        for i, (column, (label, color)) in enumerate(columns.items()):
            style = {"color": color, "marker": ".", "markersize": 4}
            style = styled("line", style, kwargs)
            for j, rows in enumerate(stages):
                place = i, j
                self.lines_[place] = draw_curve(self.axes_[place], rows, column, style)
                self.marks_[place] = draw_kept(self.axes_[place], rows, column)
            self.axes_[i, 0].set_ylabel(label)
        self._finish(stages, validated)
        return self

    def _score_column(self) -> str:
        """Return the column of the validation score; raise if there is none."""
        if not self.history:
            raise ValueError("history must hold at least one epoch; got none.")
        column = f"validation_{self.scoring}"
        if column not in self.history[0]:
            prefix = "validation_"
            known = [
                name.removeprefix(prefix)
                for name in self.history[0]
                if name.startswith(prefix)
            ]
            raise ValueError(
                f"scoring must be one of {known}; got {shown(self.scoring, repr)}."
            )
        return column

    def _finish(self, stages: list[Epochs], validated: bool) -> None:
        """Share the axis of the score, name the stages and explain the marks."""
        for j, rows in enumerate(stages):
            stage = rows[0]["stage"].replace("_", "-")
            self.axes_[-1, j].set_xlabel(f"Epoch of {stage}")
            self.axes_[-1, j].xaxis.get_major_locator().set_params(integer=True)
            if self.marks_[0, j] is not None:
                self.axes_[0, j].legend(fontsize="small")
            if validated and j:
                self.axes_[0, j].sharey(self.axes_[0, 0])
                self.axes_[0, j].tick_params(labelleft=False)
        self.axes_[0, 0].autoscale(axis="y")
        self.ax_, self.figure_ = self.axes_[0, 0], self.axes_[0, 0].figure


def split_stages(history: Sequence[dict[str, Any]]) -> list[Epochs]:
    """Split a history where the stage changes or its epochs restart."""
    stages: list[Epochs] = []
    for row in history:
        last = stages[-1][-1] if stages else {"stage": None, "epoch": 0}
        if row["stage"] != last["stage"] or row["epoch"] <= last["epoch"]:
            stages.append([])
        stages[-1].append(row)
    return stages


def draw_curve(ax: Any, rows: Epochs, column: str, style: dict[str, Any]) -> Any:
    """Draw a column of the history where it has numbers."""
    points = [(row["epoch"], row[column]) for row in rows if row[column] is not None]
    x, y = zip(*points, strict=True) if points else ((), ())
    return ax.plot(x, y, **style)[0]


def draw_kept(ax: Any, rows: Epochs, column: str) -> Any:
    """Mark the epoch that was kept, if one was; return its line."""
    kept = next((row for row in rows if row.get("selected")), None)
    if kept is None:
        return None
    if kept[column] is not None:
        ax.plot(kept["epoch"], kept[column], "D", color=ink(ax), markersize=6)
    return ax.axvline(
        kept["epoch"],
        color=ink(ax),
        linewidth=1,
        linestyle="--",
        label=f"Kept: epoch {kept['epoch']}",
    )
