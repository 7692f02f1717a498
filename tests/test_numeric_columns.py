"""How single numeric columns are scaled, and their normal scores."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm

from sklearn_genre.inputs._columns import (
    LARGEST_SCORE,
    MAX_KNOTS,
    SQUASH,
    FeatureEncoder,
    center_and_scale,
    scores_by_rank,
    squash,
)


def test_squash_is_smooth_bounded_and_monotone():
    z = np.concatenate([-np.logspace(300, -300, 500), np.logspace(-300, 300, 500)])
    assert (np.abs(squash(z)) <= SQUASH).all()
    assert (np.diff(squash(z)) >= 0).all()
    assert_array_equal(squash(-z), -squash(z))
    near = np.linspace(-10, 10, 1000)
    assert (np.diff(squash(near)) > 0).all()
    assert_allclose(squash(np.array([1e-3])), 1e-3, rtol=1e-6)
    assert np.isfinite(squash(np.array([np.inf, -np.inf]))).all()


def test_weights_count_samples():
    column = np.random.default_rng(0).normal(size=60)
    weight = np.random.default_rng(1).integers(1, 4, size=60)
    weighted = center_and_scale(column, weight.astype(float))
    assert weighted == center_and_scale(
        np.repeat(column, weight), np.ones(weight.sum())
    )


def scores(column, other=None, weight=None):
    """Return the normal scores of a column, learned from it or from another."""
    other = column if other is None else other
    weight = np.ones(len(other)) if weight is None else weight
    fitted = FeatureEncoder(np.zeros(1, dtype=bool), normal_scores=True)
    encoded = fitted.fit(other[:, None], weight).transform(column[:, None])
    assert encoded.shape[1] == fitted.n_numeric_
    return encoded[:, 0]


def test_scores_know_the_order_alone():
    column = np.random.default_rng(0).normal(size=200)
    ranks = column.argsort().argsort()
    assert_allclose(scores(column), norm.ppf((ranks + 0.5) / 200), atol=1e-12)
    assert_allclose(scores(np.exp(column)), scores(column), atol=1e-12)


def test_scores_of_ties_are_those_of_the_middle():
    assert_allclose(
        scores(np.array([5.0, 5.0, 1.0, 9.0])), norm.ppf([0.5, 0.5, 0.125, 0.875])
    )
    assert_array_equal(scores(np.full(4, 7.0)), 0)


def test_scores_do_not_leave_the_training_range():
    column = np.arange(100.0)
    new = np.array([-1e9, 1e300, 40.25, np.nan])
    low, high, between, missing = scores(new, column)
    assert (low, high, missing) == (scores(column)[0], scores(column)[-1], 0)
    assert scores(column)[40] < between < scores(column)[41]


def test_a_weight_of_two_is_two_samples():
    column = np.random.default_rng(0).normal(size=50)
    weight = np.arange(50) % 3 + 1.0
    repeated = np.repeat(column, weight.astype(int))
    assert_allclose(
        scores_by_rank(column, weight)[1],
        scores_by_rank(repeated, np.ones(len(repeated)))[1],
    )


def test_many_values_are_thinned_and_keep_their_ends():
    column = np.random.default_rng(0).normal(size=5 * MAX_KNOTS)
    knots, levels = scores_by_rank(column, np.ones(len(column)))
    assert len(knots) == len(levels) == MAX_KNOTS
    assert (knots[0], knots[-1]) == (column.min(), column.max())
    assert (np.diff(levels) >= 0).all()
    assert np.abs(levels).max() <= LARGEST_SCORE


def test_scores_join_the_numbers():
    column, weight = np.random.default_rng(0).normal(size=(50, 1)), np.ones(50)
    plain = FeatureEncoder(np.zeros(1, dtype=bool)).fit(column, weight)
    both = FeatureEncoder(np.zeros(1, dtype=bool), normal_scores=True)
    both.fit(column, weight)
    assert (plain.n_numeric_, both.n_numeric_) == (1, 2)
    assert_array_equal(both.transform(column)[:, 1:], plain.transform(column))
