"""The history of a stage, and the best state of its network."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, Protocol

from torch import Tensor

from sklearn_genre.networks import Network
from sklearn_genre.training._averaging import trained_state
from sklearn_genre.training._stage import Stage

Row = dict[str, Any]

# What a score to select by is read from; lower is better.
SCORING: dict[str, Callable[[Row], float | None]] = {
    "rmse": lambda row: row["validation_rmse"],
    "crps": lambda row: row["validation_crps"],
    "expected_error": lambda row: None if row["reward"] is None else -row["reward"],
}


class Scores(Protocol):
    """How a network is scored after an epoch."""

    def __call__(self) -> Row:
        """Return the scores of the network as it is, None each if there are none.

        Raises
        ------
        FloatingPointError
            If a prediction is not finite.
        """


class StopStage(Exception):
    """Ends a stage early; not an error."""


class StopEpoch(Exception):
    """Ends an epoch early, which is scored as far as it went; not an error."""


class Selection:
    """The history of a stage and the best state of its network.

    Without a validation set the latest state is the best.

    Parameters
    ----------
    network : Network
    stage : Stage
    scores : callable
        Returns the validation scores of the network as it is.
    scoring : str
        Name of the score to select by, a key of `SCORING`.
    patience : int or None
        Epochs without a better score after which the stage stops.
    monitor : callable
        Called with each row of the history; returns True to stop the stage.
    deadline : float, default=inf
        Of the stage, by ``time.perf_counter``.
    agreed : callable, default=bool
        Returns whether one of the processes that train together wants to stop.
    """

    def __init__(
        self,
        network: Network,
        stage: Stage,
        *,
        scores: Scores,
        scoring: str,
        patience: int | None,
        monitor: Callable[[Row], bool],
        deadline: float = math.inf,
        agreed: Callable[[bool], bool] = bool,
    ) -> None:
        self.network = network
        self.stage = stage
        self.scores = scores
        self.scoring = scoring
        self.patience = patience
        self.monitor = monitor
        self.deadline = deadline
        self.agreed = agreed
        self.rows: list[Row] = []
        self.best_row: Row = {}
        self.best_score = math.inf
        self._state: dict[str, Tensor] = {}
        self._keep()

    def start(self) -> None:
        """Let the state before the stage be a candidate."""
        self.clock = time.perf_counter()
        if self.stage.keep_start and not self.rows:
            self.record({"epoch": 0, "train_loss": None})

    def record(self, row: Row) -> None:
        """Score the network, add a row, keep the state if it is the best."""
        begun = time.perf_counter()
        scores = self.scores()
        now = time.perf_counter()
        row = {"stage": self.stage.name, **row, **scores, "seconds": now - self.clock}
        self.clock = now
        score = SCORING[self.scoring](scores)
        if score is None:
            score = -float(row["epoch"])
        if not math.isfinite(score):
            raise FloatingPointError(f"the validation {self.scoring} is not finite")
        self.rows.append(row)
        if score < self.best_score:
            self.best_row, self.best_score = row, score
            self._keep()
        waited = row["epoch"] - self.best_row["epoch"]
        if row["epoch"]:
            no_time = 2 * now - begun >= self.deadline  # for another score
            if self.agreed(self.monitor(row) or no_time):
                raise StopStage
        if self.patience is not None and waited >= self.patience:
            raise StopStage

    def saved(self) -> dict[str, Any]:
        """Return all that is known, for a checkpoint."""
        best = self.rows.index(self.best_row) if self.best_row else -1
        return {
            "rows": self.rows,
            "best": best,
            "score": self.best_score,
            "state": self._state,
        }

    def load(self, saved: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.rows, self.best_score = saved["rows"], saved["score"]
        self.best_row = self.rows[saved["best"]] if saved["best"] >= 0 else {}
        self._state = saved["state"]

    def restore(self) -> None:
        """Put the best state back."""
        self.network.load_state_dict(self._state, strict=False)
        for row in self.rows:
            row["selected"] = row is self.best_row

    def _keep(self) -> None:
        """Copy the state of the network, over the last one."""
        for name, value in trained_state(self.network).items():
            if name in self._state:
                self._state[name].copy_(value)
            else:
                self._state[name] = value.clone()
