"""A stage of training, and the settings that all stages share."""

import math
from typing import Any, NamedTuple

from sklearn_genre._objective import Objective
from sklearn_genre.training._processes import ALONE, Processes


class Stage(NamedTuple):
    """One objective, trained for some epochs."""

    name: str
    objective: Objective
    max_epochs: Any  # an integer, or infinity for a stream
    learning_rate: float
    keep_start: bool  # whether the state before the stage is a candidate
    solver: str = "adamw"  # a key of SOLVERS
    by_folds: bool = False  # of a readout: whether they choose how far it goes


class Settings(NamedTuple):
    """How every stage is trained."""

    batch_size: Any
    weight_decay: float
    ema_decay: float
    scoring: str
    patience: int | None
    accumulate: int = 1  # batches of each step
    watches_collapse: bool = False  # whether one digit for all samples ends a stage
    checkpoint: Any = None  # a Checkpoint
    deadline: float = math.inf  # by time.perf_counter; training ends then
    processes: Processes = ALONE  # that train together
