"""What users receive: predictive distributions, in numpy."""

from importlib import import_module
from typing import Any

from sklearn_genre.distributions._bins import bin_edges, mapped_bins
from sklearn_genre.distributions._clipping import moved_inside
from sklearn_genre.distributions._draws import best_of_draws, median_of_draws
from sklearn_genre.distributions._piecewise import PiecewiseUniform, piecewise
from sklearn_genre.distributions._predictive import PredictiveDistribution

__all__ = [
    "PiecewiseUniform",
    "PredictiveDistribution",
    "best_of_draws",
    "bin_edges",
    "mapped_bins",
    "median_of_draws",
    "moved_inside",
    "piecewise",
]

# Public names that live elsewhere now.
_MOVED = ("HistogramDistribution", "PointDistribution", "TokenDistribution")


def __getattr__(name: str) -> Any:
    """Return a name of ``sklearn_genre.outputs`` that was here before."""
    if name not in _MOVED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("sklearn_genre.outputs"), name)
