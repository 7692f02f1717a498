"""What networks return: distributions as differentiable tensors."""

from sklearn_genre.outputs._grid import (
    Grid,
    check_grid,
    expected_number,
    finite_numbers,
    sequence_probs,
)
from sklearn_genre.outputs._histogram import (
    Bins,
    HistogramDistribution,
    bins_around,
)
from sklearn_genre.outputs._protocols import (
    DigitOutput,
    HistogramOutput,
    Output,
)
from sklearn_genre.outputs._scalar import PointDistribution
from sklearn_genre.outputs._support import Support
from sklearn_genre.outputs._tokens import Leaves, TokenDistribution, leaves_of

__all__ = [
    "Bins",
    "DigitOutput",
    "Grid",
    "HistogramDistribution",
    "HistogramOutput",
    "Leaves",
    "Output",
    "PointDistribution",
    "Support",
    "TokenDistribution",
    "bins_around",
    "check_grid",
    "expected_number",
    "finite_numbers",
    "leaves_of",
    "sequence_probs",
]
