"""What the networks return and what users receive."""

from sklearn_genre.distributions._cells import cell_edges
from sklearn_genre.distributions._predictive import PredictiveDistribution
from sklearn_genre.distributions._token import (
    MAX_LEAVES,
    Atoms,
    Leaves,
    TokenDistribution,
    concatenate_atoms,
    leaves_of,
)

__all__ = [
    "MAX_LEAVES",
    "Atoms",
    "Leaves",
    "PredictiveDistribution",
    "TokenDistribution",
    "cell_edges",
    "concatenate_atoms",
    "leaves_of",
]
