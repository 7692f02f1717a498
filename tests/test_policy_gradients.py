"""Policy gradients against the exact gradient of the enumerated tree."""

import math

import pytest
import torch
from digit_distributions import (
    OWN,
    TARGETS,
    WIDTH,
    Told,
    assert_near,
    every_group,
    free_dist,
    gradient_of,
    leaf_masses,
    prepare,
    train,
)
from sklearn.base import clone

from sklearn_genre.outputs import TokenDistribution
from sklearn_genre.policy_gradients import (
    GRPO,
    POLICY_GRADIENTS,
    REWARDS,
    RLOO,
    ReMax,
)
from sklearn_genre.policy_gradients._base import Rollouts

ROWS = 3
every_member = pytest.mark.parametrize(
    "member", POLICY_GRADIENTS.values(), ids=POLICY_GRADIENTS
)
every_decoder = pytest.mark.parametrize("name", OWN)
every_temperature = pytest.mark.parametrize("temperature", [1.0, 2.5])
# Objectives, and what their mean gradient must be multiplied by to be that of -E[R].
UNBIASED = [
    (ReMax(n_rollouts=1), 1),
    (ReMax(n_rollouts=2), 1),
    (RLOO(n_rollouts=2), 1),
    (RLOO(n_rollouts=3), 1),
    (GRPO(n_rollouts=2, scale_rewards=False), 2),
    (GRPO(n_rollouts=3, scale_rewards=False), 3 / 2),
]


def expected_reward(objective, dist, y):
    """Return E[R] of each row by enumeration, (batch,), differentiable."""
    values = dist.numbers(dist.tokenizer.grid())[:, None]
    rewards = objective.rewards(values, y)  # (n_strings, batch)
    return (leaf_masses(dist, objective.temperature) * rewards.T).sum(-1)


def expected_loss(objective, dist, y):
    """Return the expectation of the loss of one row over all groups of rollouts.

    Each possible group stands in a row of its own, weighted by its probability, which
    is held fixed while differentiating.
    """
    rows, tokens, groups = every_group(dist, objective.n_rollouts)
    masses = leaf_masses(dist, objective.temperature)[0].detach()
    weights = masses[groups].prod(-1)  # (n_groups,)
    rows = Told(rows, tokens, leaves=rows.leaves)
    rollouts = prepare(objective, rows, y.expand(len(groups)))
    return (weights * objective.losses(rows, rollouts)).sum()


# The gradient


@pytest.mark.parametrize(("row", "temperature"), [(0, 1.0), (2, 2.5)])
@pytest.mark.parametrize(("objective", "factor"), UNBIASED)
@every_decoder
def test_mean_gradient_is_that_of_the_expected_reward(
    name, objective, factor, row, temperature
):
    objective = clone(objective).set_params(temperature=temperature)
    dist, y = free_dist(name).only(row), TARGETS[row : row + 1]
    exact = gradient_of(-expected_reward(objective, dist, y).sum(), dist)
    mean = gradient_of(expected_loss(objective, dist, y), dist)
    assert exact.norm() > 1e-2
    assert_near(factor * mean, exact)


@pytest.mark.parametrize(
    "options", [{"reward": "neg_absolute_error"}, {"reward_clip": 1.0}], ids=str
)
@pytest.mark.parametrize(("objective", "factor"), UNBIASED)
def test_mean_gradient_follows_the_reward_asked_for(objective, factor, options):
    objective = clone(objective).set_params(**options)
    dist, y = free_dist().only(0), TARGETS[:1]
    exact = gradient_of(-expected_reward(objective, dist, y).sum(), dist)
    plain = gradient_of(-expected_reward(ReMax(), dist, y).sum(), dist)
    assert (exact - plain).norm() > 0.1 * exact.norm()
    assert_near(factor * gradient_of(expected_loss(objective, dist, y), dist), exact)


@every_temperature
@pytest.mark.parametrize(
    ("objective", "factor"),
    [
        (ReMax(n_rollouts=4), 1),
        (RLOO(n_rollouts=4), 1),
        (GRPO(n_rollouts=4, scale_rewards=False), 4 / 3),
    ],
)
def test_sampled_gradients_average_to_the_exact_one(objective, factor, temperature):
    n, row = 4000, 1
    objective = clone(objective).set_params(temperature=temperature)
    one, y = free_dist().only(row), TARGETS[row : row + 1]
    exact = gradient_of(-expected_reward(objective, one, y).sum(), one)
    copies = one.output.detach().repeat(n, 1).requires_grad_()
    many = one.again(copies)
    torch.manual_seed(7)
    rollouts = prepare(objective, many, y.expand(n))
    gradient = gradient_of(factor * objective.losses(many, rollouts).sum(), many)
    sampled, by_copy = gradient.split([len(exact) - WIDTH, n * WIDTH])
    by_copy = by_copy.view(n, WIDTH)
    sampled = torch.cat([sampled / n, by_copy.mean(0)])
    standard_error = by_copy.std(0) / math.sqrt(n)
    assert ((sampled - exact)[-WIDTH:].abs() < 5 * standard_error).all()
    assert (5 * standard_error).norm() < 0.5 * exact[-WIDTH:].norm()
    assert (sampled - exact).norm() < 0.15 * exact.norm()


@every_temperature
@every_decoder
@every_member
def test_gradient_on_fresh_rollouts_is_that_of_reinforce(member, name, temperature):
    objective = member(n_rollouts=6, temperature=temperature)
    dist = free_dist(name)
    rollouts = prepare(objective, dist)
    scores = dist.at_temperature(temperature).token_log_probs(rollouts.tokens).sum(-1)
    reinforce = -(rollouts.advantages * scores).mean(0).sum()
    loss = objective.losses(dist, rollouts)
    assert_near(gradient_of(loss.sum(), dist), gradient_of(reinforce, dist), 1e-9)


@every_temperature
@every_decoder
@every_member
def test_the_ratio_is_one_on_fresh_rollouts(member, name, temperature):
    objective = member(temperature=temperature, entropy_weight=0.1)  # reads each token
    dist = free_dist(name)
    rollouts = prepare(objective, dist)
    tempered = dist.at_temperature(temperature)
    ratio = (tempered.token_log_probs(rollouts.tokens) - rollouts.log_probs).exp()
    assert_near(ratio, torch.ones_like(ratio), 1e-9)


def test_grpo_without_scaling_stands_in_proportion_to_rloo():
    rewards = -torch.rand(5, 7, generator=torch.Generator().manual_seed(0)).double()
    rloo = RLOO(n_rollouts=5).advantages(rewards, None)
    grpo = GRPO(n_rollouts=5, scale_rewards=False).advantages(rewards, None)
    assert_near(rloo, 5 / 4 * grpo, 1e-12)


@every_member
def test_training_raises_the_expected_reward(member):
    objective = member()
    dist = free_dist()
    before = expected_reward(objective, dist, TARGETS)
    torch.manual_seed(0)
    train(objective, dist, TARGETS, n_steps=40)
    after = expected_reward(objective, dist, TARGETS)
    inside = TARGETS < 2.1  # others cannot reach a reward of zero
    assert (after > before).all()
    assert (after[inside] > 0.3 * before[inside]).all()


@every_member
def test_training_lowers_the_entropy(member):
    dist = free_dist()
    before = dist.support().entropy
    torch.manual_seed(0)
    train(member(), dist, TARGETS, n_steps=40)
    assert (dist.support().entropy < 0.7 * before).all()


# Rollouts and losses of every member


@every_member
def test_rewards_are_those_of_the_numbers_drawn(member):
    objective = member(n_rollouts=9)
    dist = free_dist()
    rollouts = prepare(objective, dist)
    numbers = dist.tokenizer.decode(rollouts.tokens)
    assert_near(rollouts.rewards, -((numbers - TARGETS) ** 2), 1e-12)


@every_member
def test_the_loss_of_a_row_is_its_own(member):
    objective = member(n_rollouts=4, entropy_weight=0.3, expert_weight=0.2)
    dist = free_dist()
    rollouts = prepare(objective, dist)
    together = objective.losses(dist, rollouts)
    for row in range(ROWS):
        part = [x if x is None else x[:, row : row + 1] for x in rollouts]
        part = Rollouts(*part)
        assert_near(objective.losses(dist.only(row), part), together[row : row + 1])


@every_member
def test_rollouts_come_from_the_seed(member):
    drawn = []
    for seed in (0, 0, 1):
        dist = free_dist()
        torch.manual_seed(seed)
        drawn.append(prepare(member(), dist).tokens)
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


@pytest.mark.parametrize("member", [ReMax, RLOO, GRPO])  # those with a baseline
def test_identical_rewards_teach_nothing(member):
    one_number = free_dist(y=(4.5, 4.5))
    far_away, clip = torch.full((ROWS,), 1e3).double(), member(reward_clip=2.0)
    for objective, dist, y in [
        (member(), one_number, TARGETS),
        (clip, free_dist(), far_away),
    ]:
        rollouts = prepare(objective, dist, y)
        assert len(rollouts.tokens.unique(dim=0)) > 1
        gradient = gradient_of(objective.losses(dist, rollouts).sum(), dist)
        assert gradient.abs().max() < 1e-6


# Advantages


@pytest.mark.parametrize("reward", REWARDS)
@every_member
def test_better_numbers_have_better_rewards(member, reward):
    errors = torch.tensor([0.0, 0.1, -0.5, 2.0, -7.0], dtype=torch.float64)
    y = torch.tensor([-3.0, 0.4], dtype=torch.float64)
    rewards = member(reward=reward).rewards(y + errors[:, None], y)
    assert rewards.shape == (5, 2)
    assert_near(rewards[0], torch.zeros(2).double(), 1e-12)
    assert (rewards.diff(dim=0) < 0).all()
    power = 2 if reward == "neg_squared_error" else 1
    assert_near(rewards, -(errors.abs()[:, None] ** power).expand(5, 2), 1e-12)


@every_member
def test_reward_clip_bounds_bad_rewards_alone(member):
    errors = torch.tensor([0.0, 0.5, 1.0, 2.0, -50.0], dtype=torch.float64)
    y = torch.zeros(1, dtype=torch.float64)
    free = member().rewards(errors[:, None], y)[:, 0]
    clipped = member(reward_clip=2.5).rewards(errors[:, None], y)[:, 0]
    assert clipped.tolist() == [0.0, -0.25, -1.0, -2.5, -2.5]
    assert free.tolist() == [0.0, -0.25, -1.0, -4.0, -2500.0]


def test_remax_compares_with_the_greedy_number():
    dist = free_dist()
    rollouts = prepare(objective := ReMax(reward_clip=1.5), dist)
    greedy = objective.rewards(dist.numbers(dist.greedy()), TARGETS)
    assert_near(rollouts.advantages, rollouts.rewards - greedy, 1e-12)
    assert (greedy == -1.5).any()
    is_greedy = (rollouts.tokens == dist.greedy()).all(-1)
    assert is_greedy.any()
    assert (rollouts.advantages[is_greedy] == 0).all()


def test_rloo_compares_with_the_other_rollouts():
    rollouts = prepare(RLOO(n_rollouts=6), free_dist())
    for i in range(6):
        others = torch.cat([rollouts.rewards[:i], rollouts.rewards[i + 1 :]])
        expected = rollouts.rewards[i] - others.mean(0)
        assert_near(rollouts.advantages[i], expected, 1e-12)


@pytest.mark.parametrize("scale_rewards", [True, False])
def test_grpo_compares_with_the_group(scale_rewards):
    rewards = torch.tensor([[-1.0, 0.0], [-3.0, -10.0], [-5.0, -20.0]]).double()
    advantages = GRPO(scale_rewards=scale_rewards).advantages(rewards, None)
    expected = torch.tensor([[2.0, 10.0], [0.0, 0.0], [-2.0, -10.0]]).double()
    spread = torch.tensor([2.0, 10.0]).double() if scale_rewards else 1.0
    assert_near(advantages, expected / spread, 1e-7)


def test_scaling_multiplies_the_gradient_of_each_row():
    dist = free_dist()
    rollouts = prepare(GRPO(scale_rewards=False), dist)
    scaled = GRPO().advantages(rollouts.rewards, None)
    factor = 1 / (rollouts.rewards.std(0) + 1e-8)
    assert (factor > 0).all()
    assert_near(scaled, factor * rollouts.advantages, 1e-12)
    for row in range(ROWS):
        plain = gradient_of(GRPO().losses(dist, rollouts)[row], dist)
        changed = rollouts._replace(advantages=scaled)
        steep = gradient_of(GRPO().losses(dist, changed)[row], dist)
        assert_near(steep, factor[row] * plain, 1e-9)


@pytest.mark.parametrize("member", [GRPO, RLOO])
def test_the_greedy_number_is_decoded_only_where_it_is_used(member, monkeypatch):
    def fail(self):
        raise AssertionError("greedy was called")

    monkeypatch.setattr(TokenDistribution, "greedy", fail)
    assert prepare(member(), free_dist()).advantages.any()
    with pytest.raises(AssertionError, match="greedy was called"):
        prepare(ReMax(), free_dist())


# More than one update


@pytest.mark.parametrize(
    ("shift", "advantage", "moves"),
    [
        (0.25, 1.0, False),  # already likelier than the range allows, and good
        (-0.25, 1.0, True),
        (-0.25, -1.0, False),  # already less likely, and bad
        (0.25, -1.0, True),
        (0.15, 1.0, True),  # within the range
        (-0.15, -1.0, True),
    ],
)
def test_clipping_stops_what_has_gone_far_enough(shift, advantage, moves):
    objective = GRPO(n_rollouts=4, clip_range=0.2)
    dist = free_dist()
    fresh = prepare(objective, dist)
    rollouts = fresh._replace(
        log_probs=fresh.log_probs - shift,
        advantages=torch.full_like(fresh.advantages, advantage),
    )
    gradient = gradient_of(objective.losses(dist, rollouts).sum(), dist)
    scores = dist.token_log_probs(fresh.tokens).sum(-1).mean(0).sum()
    expected = -advantage * math.exp(shift) * gradient_of(scores, dist) * moves
    assert_near(gradient, expected, 1e-9)


@pytest.mark.parametrize("position", range(3))
def test_clipping_acts_token_by_token(position):
    objective = GRPO(n_rollouts=4)
    dist = free_dist()
    fresh = prepare(objective, dist)
    old = fresh.log_probs.clone()
    old[..., position] -= 1.0  # this token has become e times as likely
    ones = torch.ones_like(fresh.advantages)
    rollouts = fresh._replace(log_probs=old, advantages=ones)
    scores = dist.token_log_probs(fresh.tokens)
    others = [t for t in range(3) if t != position]
    expected = gradient_of(-scores[..., others].sum(-1).mean(0).sum(), dist)
    gradient = gradient_of(objective.losses(dist, rollouts).sum(), dist)
    assert_near(gradient, expected, 1e-9)


def test_clipped_surrogate_is_never_above_the_plain_one():
    ratio = torch.linspace(0.01, 4, 200, dtype=torch.float64)
    advantages = torch.tensor([[-2.0], [0.5]]).double()
    clipped = GRPO(clip_range=0.3).surrogate(ratio, advantages)
    plain = ratio * advantages
    assert (clipped <= plain).all()
    inside = (ratio - 1).abs() < 0.3
    assert torch.equal(clipped[:, inside], plain[:, inside])
    assert_near(clipped[0, ratio < 0.7], torch.full_like(ratio[ratio < 0.7], -1.4))
    assert_near(clipped[1, ratio > 1.3], torch.full_like(ratio[ratio > 1.3], 0.65))


def test_second_update_moves_on_from_the_first():
    objective = GRPO(n_rollouts=8, n_updates=2)
    dist = free_dist()
    rollouts = prepare(objective, dist)
    optimizer = torch.optim.SGD([*dist.decoder.parameters()], lr=0.01)
    gradients = []
    for _ in range(objective.n_updates):
        loss = objective.losses(dist, rollouts).mean()
        gradients.append(gradient_of(loss, dist))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < -1e-6  # the surrogate is zero on fresh rollouts
    assert gradients[1].isfinite().all()
    assert (gradients[1] - gradients[0]).norm() > 1e-3 * gradients[0].norm()


def test_more_updates_learn_more_from_the_same_rollouts():
    rewards = []
    for n_updates in (1, 4):
        dist = free_dist()
        torch.manual_seed(0)
        train(GRPO(n_updates=n_updates), dist, TARGETS, 5, learning_rate=0.003)
        rewards.append(expected_reward(ReMax(), dist, TARGETS).mean().item())
    assert rewards[0] < rewards[1]
