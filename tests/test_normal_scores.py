"""Rewards on the quantile scale: normal scores among the training targets."""

import numpy as np
import pytest
import torch
from digit_distributions import TARGETS, assert_near, free_dist
from sklearn.preprocessing import QuantileTransformer

from sklearn_genre.policy_gradients import POLICY_GRADIENTS, REWARDS
from sklearn_genre.policy_gradients._normal_scores import (
    normal_scores,
    quantile_levels,
)

every_member = pytest.mark.parametrize(
    "member", POLICY_GRADIENTS.values(), ids=POLICY_GRADIENTS
)


# The quantile scale


def normal_scores_of(y, numbers, weight=None):
    """Return the scores of numbers among the targets y, as a reward sees them."""
    weight = torch.ones(len(y)) if weight is None else weight
    return normal_scores(numbers, *quantile_levels(y, weight))


def draw(n, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_t(2, size=n))


@pytest.mark.parametrize("n", [2, 3, 20, 700])
def test_scores_are_those_of_the_quantile_transformer(n):
    y = draw(n)
    numbers = torch.cat([y, draw(300, seed=1), torch.tensor([-1e9, 1e9]).double()])
    transformer = QuantileTransformer(n_quantiles=n, output_distribution="normal")
    expected = transformer.fit(y[:, None].numpy()).transform(numbers[:, None].numpy())
    assert_near(normal_scores_of(y, numbers), torch.from_numpy(expected[:, 0]), 1e-6)


def test_scores_rise_and_end_where_the_targets_end():
    y = draw(200).round(decimals=1)  # with ties
    numbers = torch.linspace(-20, 20, 4001, dtype=torch.float64)
    scores = normal_scores_of(y, numbers)
    assert (scores.diff() >= 0).all()
    inside = (numbers[1:] > y.min()) & (numbers[:-1] < y.max())
    assert (scores.diff()[inside] > 0).all()
    assert scores[[0, -1]].tolist() == pytest.approx([-5.199, 5.199], abs=1e-3)


def test_levels_are_met_exactly_at_the_targets():
    y = draw(300).round(decimals=1)
    knots, levels = quantile_levels(y, torch.ones(300))
    assert len(knots) < 300
    scores = normal_scores(knots, knots, levels)
    assert torch.equal(scores, torch.special.ndtri(levels.clamp(1e-7, 1 - 1e-7)))


def test_equal_targets_share_the_middle_of_their_levels():
    y = torch.tensor([3, 1, 0, 1, 4, 1, 2, 3], dtype=torch.float64)
    knots, levels = quantile_levels(y, torch.ones(8))
    assert knots.tolist() == [0, 1, 2, 3, 4]
    assert (7 * levels).tolist() == pytest.approx([0, 2, 4, 5.5, 7])


def test_weights_of_targets_stand_for_their_copies():
    y, weight = draw(30), torch.arange(30) % 3 + 1
    numbers = draw(100, seed=2)
    repeated = normal_scores_of(y.repeat_interleave(weight), numbers)
    assert_near(normal_scores_of(y, numbers, weight.float() / 7), repeated, 1e-6)


@pytest.mark.parametrize("y", [[1.5], [0.0, 0.0, 0.0], [2.0, 3.0]], ids=str)
def test_few_targets_have_finite_scores(y):
    y = torch.tensor(y, dtype=torch.float64)
    numbers = torch.linspace(-9, 9, 19, dtype=torch.float64)
    scores = normal_scores_of(y, numbers)
    assert scores.isfinite().all()
    assert (scores == 0).all() == (len(y.unique()) == 1)


@pytest.mark.parametrize("reward", REWARDS)
@pytest.mark.parametrize("change", [torch.exp, lambda y: y**3, lambda y: 7 * y - 2])
@every_member
def test_quantile_rewards_depend_on_ranks_alone(member, change, reward):
    y = draw(40)
    numbers = y[torch.randint(40, (9, 40), generator=torch.Generator().manual_seed(0))]
    rewards = []
    for f in (lambda y: y, change):
        objective = member(reward=reward, reward_scale="quantile", reward_clip=50.0)
        objective.start(f(y), torch.ones(40))
        rewards.append(objective.rewards(f(numbers), f(y)))
    assert torch.equal(*rewards)
    scores = [normal_scores_of(y, x) for x in (numbers, y)]
    assert_near(rewards[0], REWARDS[reward](*scores).clamp(min=-50.0), 1e-12)


@every_member
def test_rollouts_are_rewarded_on_the_quantile_scale(member):
    objective, dist = member(reward_scale="quantile"), free_dist()
    y = draw(50)
    objective.start(y, torch.ones(50))
    rollouts = objective.prepare(dist, TARGETS)
    numbers = dist.tokenizer.decode(rollouts.tokens)
    expected = (normal_scores_of(y, numbers) - normal_scores_of(y, TARGETS)) ** 2
    assert_near(rollouts.rewards, -expected, 1e-12)
    assert rollouts.advantages.any()
