"""How a network is trained: stages, batches, selection of the best state."""

from sklearn_genre.training._averaging import working_copy
from sklearn_genre.training._batches import Encoded, StoredEncoded, encoded
from sklearn_genre.training._callbacks import (
    CallbackSupportMixin,
    Monitor,
    ProgressBar,
)
from sklearn_genre.training._checkpoint import Checkpoint
from sklearn_genre.training._diagnostics import (
    DIAGNOSTICS,
    averages,
    diagnostic_columns,
)
from sklearn_genre.training._loop import run_stages
from sklearn_genre.training._processes import ALONE, Processes, launched_processes
from sklearn_genre.training._selection import SCORING, Row, Scores
from sklearn_genre.training._stage import Settings, Stage
from sklearn_genre.training._stream import train_on
from sklearn_genre.training._validation import (
    NoValidation,
    SharedScores,
    Validation,
    calibrate,
    predicted,
)

__all__ = [
    "ALONE",
    "DIAGNOSTICS",
    "SCORING",
    "CallbackSupportMixin",
    "Checkpoint",
    "Encoded",
    "Monitor",
    "NoValidation",
    "Processes",
    "ProgressBar",
    "Row",
    "Scores",
    "Settings",
    "SharedScores",
    "Stage",
    "StoredEncoded",
    "Validation",
    "averages",
    "calibrate",
    "diagnostic_columns",
    "encoded",
    "launched_processes",
    "predicted",
    "run_stages",
    "train_on",
    "working_copy",
]
