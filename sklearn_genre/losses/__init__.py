"""Differentiable objectives: either stage takes them."""

from sklearn_genre._objective import Objective
from sklearn_genre.losses._cross_entropy import CrossEntropy
from sklearn_genre.losses._crps import CRPS
from sklearn_genre.losses._digit_loss import DigitLoss
from sklearn_genre.losses._dist import DIST
from sklearn_genre.losses._expected_error import ExpectedError
from sklearn_genre.losses._expected_number import (
    ExpectedNumberLoss,
    LogLoss,
    SquaredError,
)
from sklearn_genre.losses._histogram import HistogramCRPS, HistogramLoss, HLGauss
from sklearn_genre.losses._ntl_mse import NTLMSE
from sklearn_genre.losses._ntl_was import NTLWAS
from sklearn_genre.losses._number_loss import NumberLoss
from sklearn_genre.losses._raft import RAFT

LOSSES: dict[str, type[Objective]] = {
    "cross_entropy": CrossEntropy,
    "ntl_was": NTLWAS,
    "ntl_mse": NTLMSE,
    "dist": DIST,
    "expected_error": ExpectedError,
    "crps": CRPS,
    "raft": RAFT,
}

# The losses of RiemannRegressor: of bins, not of digits.
HISTOGRAM_LOSSES: dict[str, type[Objective]] = {
    "nll": CrossEntropy,
    "hl_gauss": HLGauss,
    "crps": HistogramCRPS,
}

__all__ = [
    "CRPS",
    "DIST",
    "HISTOGRAM_LOSSES",
    "LOSSES",
    "NTLMSE",
    "NTLWAS",
    "RAFT",
    "CrossEntropy",
    "DigitLoss",
    "ExpectedError",
    "ExpectedNumberLoss",
    "HLGauss",
    "HistogramCRPS",
    "HistogramLoss",
    "LogLoss",
    "NumberLoss",
    "Objective",
    "SquaredError",
]
