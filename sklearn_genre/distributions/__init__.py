"""What the networks return and what users receive."""

from sklearn_genre.distributions._cells import cell_edges, mapped_cells
from sklearn_genre.distributions._draws import best_of_draws, median_of_draws
from sklearn_genre.distributions._histogram import (
    Bins,
    HistogramDistribution,
    bins_around,
)
from sklearn_genre.distributions._point import PointDistribution
from sklearn_genre.distributions._predictive import PredictiveDistribution
from sklearn_genre.distributions._token import (
    MAX_LEAVES,
    Atoms,
    Leaves,
    TokenDistribution,
    atoms_of,
    concatenate_atoms,
    leaves_of,
)

__all__ = [
    "MAX_LEAVES",
    "Atoms",
    "Bins",
    "HistogramDistribution",
    "Leaves",
    "PointDistribution",
    "PredictiveDistribution",
    "TokenDistribution",
    "atoms_of",
    "best_of_draws",
    "bins_around",
    "cell_edges",
    "concatenate_atoms",
    "leaves_of",
    "mapped_cells",
    "median_of_draws",
]
