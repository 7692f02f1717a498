"""Scores of predictions and of predictive distributions, and scorers made from them.

Scores take the true targets first, and each says whether smaller or larger is better.
For scorers, larger is always better: those named ``neg_`` return negative losses.
`coverage_scorer` is for reports, not for a search, because the best coverage is the
nominal one, not the largest. :func:`make_distribution_scorer` turns any other score
into a scorer.
"""

from sklearn_genre.metrics._at_k import (
    best_at_k_score,
    mean_at_k_score,
    median_at_k_score,
)
from sklearn_genre.metrics._distribution import (
    coverage_score,
    crps_score,
    interval_score,
    interval_width,
    log_score,
    pit_values,
    wasserstein1_score,
)
from sklearn_genre.metrics._numbers import rmse_score, spearman_score
from sklearn_genre.metrics._scorers import (
    coverage_scorer,
    make_distribution_scorer,
    neg_crps_scorer,
    neg_interval_score_scorer,
    neg_log_score_scorer,
    neg_wasserstein1_scorer,
)

__all__ = [
    "best_at_k_score",
    "coverage_score",
    "coverage_scorer",
    "crps_score",
    "interval_score",
    "interval_width",
    "log_score",
    "make_distribution_scorer",
    "mean_at_k_score",
    "median_at_k_score",
    "neg_crps_scorer",
    "neg_interval_score_scorer",
    "neg_log_score_scorer",
    "neg_wasserstein1_scorer",
    "pit_values",
    "rmse_score",
    "spearman_score",
    "wasserstein1_score",
]
