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
from sklearn_genre.training._selection import SCORING, Row
from sklearn_genre.training._stage import Settings, Stage
from sklearn_genre.training._stream import train_on
from sklearn_genre.training._validation import (
    NoValidation,
    Validation,
    calibrate,
    calibrate_without,
    predicted,
)

__all__ = [
    "DIAGNOSTICS",
    "SCORING",
    "CallbackSupportMixin",
    "Checkpoint",
    "Encoded",
    "Monitor",
    "NoValidation",
    "ProgressBar",
    "Row",
    "Settings",
    "Stage",
    "StoredEncoded",
    "Validation",
    "averages",
    "calibrate",
    "calibrate_without",
    "diagnostic_columns",
    "encoded",
    "predicted",
    "run_stages",
    "train_on",
    "working_copy",
]
