"""Differentiable objectives: either stage takes them."""

from sklearn_genre._objective import Objective
from sklearn_genre.losses._cross_entropy import CrossEntropy

LOSSES: dict[str, type[Objective]] = {"cross_entropy": CrossEntropy}

__all__ = ["LOSSES", "CrossEntropy"]
