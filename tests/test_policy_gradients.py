"""Policy gradients against the exact gradient of the enumerated tree."""

import math
from functools import partial
from typing import ClassVar

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.preprocessing import QuantileTransformer

from sklearn_genre import DecodingRegressor
from sklearn_genre._objective import Objective
from sklearn_genre.distributions import TokenDistribution, leaves_of
from sklearn_genre.networks import DECODERS, MLPDecoder
from sklearn_genre.policy_gradients import (
    GRPO,
    POLICY_GRADIENTS,
    REWARDS,
    RLOO,
    PolicyGradient,
    ReMax,
)
from sklearn_genre.policy_gradients._base import Rollouts
from sklearn_genre.policy_gradients._normal_scores import (
    normal_scores,
    quantile_levels,
)
from sklearn_genre.tokenizers import (
    TOKENIZERS,
    IEEETokenizer,
    NormalizedTokenizer,
    P10Tokenizer,
    Tokenizer,
)

WIDTH = 4
ROWS = 3
TARGETS = torch.tensor([-0.9, 0.35, 2.6], dtype=torch.float64)
every_member = pytest.mark.parametrize(
    "member", POLICY_GRADIENTS.values(), ids=POLICY_GRADIENTS
)
every_decoder = pytest.mark.parametrize("name", DECODERS)
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


class Told(TokenDistribution):
    """A distribution whose rollouts are given, not drawn."""

    def __init__(self, dist, tokens, temperature=1.0):
        super().__init__(
            dist.decoder, dist.context, dist.tokenizer, dist.leaves, temperature
        )
        self.tokens = tokens

    def rollout(self, n):
        assert len(self.tokens) == n
        return self.tokens, self.token_log_probs(self.tokens)

    def at_temperature(self, temperature):
        return Told(self, self.tokens, temperature)


def make_dist(name="mlp", rows=ROWS, seed=0, targets=(-1.3, 2.1), tokenizer=None):
    """Return laws on eight numbers under random weights, ready to differentiate."""
    tokenizer = clone(tokenizer or NormalizedTokenizer(2, 3)).fit(list(targets))
    torch.manual_seed(seed)
    decoder = DECODERS[name](WIDTH, tokenizer.allowed_tokens).double().eval()
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.add_(0.15 * torch.randn_like(parameter))
    context = torch.randn(rows, WIDTH, dtype=torch.float64).requires_grad_()
    return TokenDistribution(
        decoder, context, tokenizer, leaves_of(tokenizer, context.device)
    )


def with_context(dist, context):
    """Return the laws of other rows under the same decoder."""
    return TokenDistribution(dist.decoder, context, dist.tokenizer, dist.leaves)


def row_of(dist, row):
    """Return the law of one row, with a leaf of its own to differentiate by."""
    return with_context(dist, dist.context.detach()[row : row + 1].requires_grad_())


def prepare(objective, dist, y=TARGETS, reference=None):
    """Return rollouts as the training engine asks for them."""
    with torch.no_grad():
        return objective.prepare(dist, y, reference)


def gradient_of(loss, dist):
    """Return the gradient by decoder and context as one vector."""
    inputs = [*dist.decoder.parameters(), dist.context]
    gradients = torch.autograd.grad(
        loss, inputs, retain_graph=True, materialize_grads=True
    )
    return torch.cat([gradient.flatten() for gradient in gradients])


def leaf_masses(dist, temperature=1.0):
    """Return the exact mass of each string, (batch, n_strings), differentiable."""
    return dist.decoder.leaf_log_probs(dist.context, temperature).exp()


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
    strings, n = dist.tokenizer.grid(), objective.n_rollouts
    groups = torch.cartesian_prod(*[torch.arange(len(strings))] * n).reshape(-1, n)
    masses = leaf_masses(dist, objective.temperature)[0].detach()
    weights = masses[groups].prod(-1)  # (n_groups,)
    rows = with_context(dist, dist.context.expand(len(groups), -1))
    rows = Told(rows, strings[groups].transpose(0, 1))
    rollouts = prepare(objective, rows, y.expand(len(groups)))
    return (weights * objective.loss(rows, rollouts)).sum()


def regularizer(objective, dist, reference=None):
    """Return the expected loss of each row over single rollouts of no advantage."""
    strings = dist.tokenizer.grid()
    tempered = dist.at_temperature(objective.temperature)
    losses = []
    for string in strings:
        tokens = string.expand(1, len(dist.context), -1)
        log_probs = tempered.token_log_probs(tokens).detach()
        reference_log_probs = None
        if reference is not None:
            reference = reference.at_temperature(objective.temperature)
            reference_log_probs = reference.log_probs(tokens).detach()
        nothing = torch.zeros(1, len(dist.context), dtype=torch.float64)
        rollouts = Rollouts(
            tokens, log_probs, nothing, nothing, reference_log_probs, None
        )
        losses.append(objective.loss(dist, rollouts))
    masses = leaf_masses(dist, objective.temperature).detach()
    return (masses * torch.stack(losses, -1)).sum(-1)


def train(objective, dist, y, n_steps, learning_rate=0.02):
    """Take steps of AdamW as the training engine does."""
    inputs = [*dist.decoder.parameters(), dist.context]
    optimizer = torch.optim.AdamW(inputs, lr=learning_rate)
    for _ in range(n_steps):
        rollouts = prepare(objective, dist, y)
        for _ in range(objective.n_updates):
            loss = objective.loss(dist, rollouts).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def assert_near(actual, expected, tolerance=1e-10):
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)


# The gradient


@every_temperature
@pytest.mark.parametrize("row", [0, 2])  # within the training range and beyond it
@pytest.mark.parametrize(("objective", "factor"), UNBIASED)
@every_decoder
def test_mean_gradient_is_that_of_the_expected_reward(
    name, objective, factor, row, temperature
):
    objective = clone(objective).set_params(temperature=temperature)
    dist, y = row_of(make_dist(name), row), TARGETS[row : row + 1]
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
    dist, y = row_of(make_dist(), 0), TARGETS[:1]
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
    one, y = row_of(make_dist(), row), TARGETS[row : row + 1]
    exact = gradient_of(-expected_reward(objective, one, y).sum(), one)
    copies = one.context.detach().repeat(n, 1).requires_grad_()
    many = with_context(one, copies)
    torch.manual_seed(7)
    rollouts = prepare(objective, many, y.expand(n))
    gradient = gradient_of(factor * objective.loss(many, rollouts).sum(), many)
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
    dist = make_dist(name)
    rollouts = prepare(objective, dist)
    scores = dist.at_temperature(temperature).token_log_probs(rollouts.tokens).sum(-1)
    reinforce = -(rollouts.advantages * scores).mean(0).sum()
    loss = objective.loss(dist, rollouts)
    assert_near(gradient_of(loss.sum(), dist), gradient_of(reinforce, dist), 1e-9)


@every_temperature
@every_decoder
@every_member
def test_the_ratio_is_one_on_fresh_rollouts(member, name, temperature):
    objective = member(temperature=temperature)
    dist = make_dist(name)
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
    dist = make_dist()
    before = expected_reward(objective, dist, TARGETS)
    torch.manual_seed(0)
    train(objective, dist, TARGETS, n_steps=40)
    after = expected_reward(objective, dist, TARGETS)
    inside = TARGETS < 2.1  # others cannot reach a reward of zero
    assert (after > before).all()
    assert (after[inside] > 0.3 * before[inside]).all()


@every_member
def test_training_lowers_the_entropy(member):
    dist = make_dist()
    before = dist.atoms().entropy
    torch.manual_seed(0)
    train(member(), dist, TARGETS, n_steps=40)
    assert (dist.atoms().entropy < 0.7 * before).all()


# Rollouts and losses of every member


@pytest.mark.parametrize("tokenizer", TOKENIZERS.values())
@every_member
def test_shapes_and_finite_gradients_with_every_format(member, tokenizer):
    weights = {"entropy_weight": 0.1, "kl_weight": 0.1, "expert_weight": 0.1}
    objective = member(n_rollouts=5, **weights)
    dist = make_dist(tokenizer=tokenizer())
    reference = make_dist(tokenizer=tokenizer(), seed=1)
    rollouts = prepare(objective, dist, TARGETS, reference)
    length, vocab_size = dist.tokenizer.allowed_tokens.shape
    assert rollouts.tokens.shape == (5, ROWS, length)
    assert rollouts.log_probs.shape == rollouts.expert_tokens.shape == (5, ROWS, length)
    assert rollouts.rewards.shape == rollouts.advantages.shape == (5, ROWS)
    assert rollouts.reference_log_probs.shape == (5, ROWS, length, vocab_size)
    loss = objective.loss(dist, rollouts)
    assert loss.shape == (ROWS,)
    assert loss.isfinite().all()
    gradient = gradient_of(loss.sum(), dist)
    assert gradient.isfinite().all()
    assert gradient.any()


@every_member
def test_rewards_are_those_of_the_numbers_drawn(member):
    objective = member(n_rollouts=9)
    dist = make_dist()
    rollouts = prepare(objective, dist)
    numbers = dist.tokenizer.decode(rollouts.tokens)
    assert_near(rollouts.rewards, -((numbers - TARGETS) ** 2), 1e-12)


@every_member
def test_members_are_objectives_that_clone(member):
    objective = member(n_rollouts=3, temperature=2.0)
    objective.check(NormalizedTokenizer(2, 3))
    assert isinstance(objective, Objective)
    assert isinstance(objective, PolicyGradient)
    assert clone(objective).get_params() == objective.get_params()
    assert objective.uses_dropout is False
    assert member().n_updates == 1


@every_member
def test_the_loss_of_a_row_is_its_own(member):
    objective = member(n_rollouts=4, entropy_weight=0.3, expert_weight=0.2)
    dist = make_dist()
    rollouts = prepare(objective, dist)
    together = objective.loss(dist, rollouts)
    for row in range(ROWS):
        part = [x if x is None else x[:, row : row + 1] for x in rollouts]
        part = Rollouts(*part)
        assert_near(objective.loss(row_of(dist, row), part), together[row : row + 1])


@every_member
def test_rollouts_come_from_the_seed(member):
    drawn = []
    for seed in (0, 0, 1):
        dist = make_dist()
        torch.manual_seed(seed)
        drawn.append(prepare(member(), dist).tokens)
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


@every_member
def test_identical_rewards_teach_nothing(member):
    one_number = make_dist(targets=(4.5, 4.5))
    far_away, clip = torch.full((ROWS,), 1e3).double(), member(reward_clip=2.0)
    for objective, dist, y in [
        (member(), one_number, TARGETS),
        (clip, make_dist(), far_away),
    ]:
        rollouts = prepare(objective, dist, y)
        assert len(rollouts.tokens.unique(dim=0)) > 1
        gradient = gradient_of(objective.loss(dist, rollouts).sum(), dist)
        assert gradient.abs().max() < 1e-6


@every_member
def test_single_precision_is_enough(member):
    objective = member(entropy_weight=0.1, kl_weight=0.1, expert_weight=0.1)
    dist, reference = make_dist(), make_dist(seed=1)
    rollouts = prepare(objective, dist, TARGETS, reference)
    expected = gradient_of(objective.loss(dist, rollouts).sum(), dist)
    single = with_context(dist, dist.context.detach().float().requires_grad_())
    single.decoder = single.decoder.float()
    loss = objective.loss(single, rollouts)
    actual = gradient_of(loss.sum(), single)
    assert (actual - expected).norm() < 1e-4 * expected.norm()


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
    dist = make_dist()
    rollouts = prepare(objective := ReMax(reward_clip=1.5), dist)
    greedy = objective.rewards(dist.numbers(dist.greedy()), TARGETS)
    assert_near(rollouts.advantages, rollouts.rewards - greedy, 1e-12)
    assert (greedy == -1.5).any()
    is_greedy = (rollouts.tokens == dist.greedy()).all(-1)
    assert is_greedy.any()
    assert (rollouts.advantages[is_greedy] == 0).all()


def test_rloo_compares_with_the_other_rollouts():
    rollouts = prepare(RLOO(n_rollouts=6), make_dist())
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
    dist = make_dist()
    rollouts = prepare(GRPO(scale_rewards=False), dist)
    scaled = GRPO().advantages(rollouts.rewards, None)
    factor = 1 / (rollouts.rewards.std(0) + 1e-8)
    assert (factor > 0).all()
    assert_near(scaled, factor * rollouts.advantages, 1e-12)
    for row in range(ROWS):
        plain = gradient_of(GRPO().loss(dist, rollouts)[row], dist)
        changed = rollouts._replace(advantages=scaled)
        steep = gradient_of(GRPO().loss(dist, changed)[row], dist)
        assert_near(steep, factor[row] * plain, 1e-9)


@pytest.mark.parametrize("member", [GRPO, RLOO])
def test_the_greedy_number_is_decoded_only_where_it_is_used(member, monkeypatch):
    def fail(self):
        raise AssertionError("greedy was called")

    monkeypatch.setattr(TokenDistribution, "greedy", fail)
    assert prepare(member(), make_dist()).advantages.any()
    with pytest.raises(AssertionError, match="greedy was called"):
        prepare(ReMax(), make_dist())


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
    dist = make_dist()
    fresh = prepare(objective, dist)
    rollouts = fresh._replace(
        log_probs=fresh.log_probs - shift,
        advantages=torch.full_like(fresh.advantages, advantage),
    )
    gradient = gradient_of(objective.loss(dist, rollouts).sum(), dist)
    scores = dist.token_log_probs(fresh.tokens).sum(-1).mean(0).sum()
    expected = -advantage * math.exp(shift) * gradient_of(scores, dist) * moves
    assert_near(gradient, expected, 1e-9)


@pytest.mark.parametrize("position", range(3))
def test_clipping_acts_token_by_token(position):
    objective = GRPO(n_rollouts=4)
    dist = make_dist()
    fresh = prepare(objective, dist)
    old = fresh.log_probs.clone()
    old[..., position] -= 1.0  # this token has become e times as likely
    ones = torch.ones_like(fresh.advantages)
    rollouts = fresh._replace(log_probs=old, advantages=ones)
    scores = dist.token_log_probs(fresh.tokens)
    others = [t for t in range(3) if t != position]
    expected = gradient_of(-scores[..., others].sum(-1).mean(0).sum(), dist)
    gradient = gradient_of(objective.loss(dist, rollouts).sum(), dist)
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
    dist = make_dist()
    rollouts = prepare(objective, dist)
    optimizer = torch.optim.SGD([*dist.decoder.parameters()], lr=0.01)
    gradients = []
    for _ in range(objective.n_updates):
        loss = objective.loss(dist, rollouts).mean()
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
        dist = make_dist()
        torch.manual_seed(0)
        train(GRPO(n_updates=n_updates), dist, TARGETS, 5, learning_rate=0.003)
        rewards.append(expected_reward(ReMax(), dist, TARGETS).mean().item())
    assert rewards[0] < rewards[1]


def tiny(tokenizer, fine_tuning, **options):
    """Return an estimator that is fitted in a moment."""
    return DecodingRegressor(
        tokenizer,
        decoder=partial(MLPDecoder, hidden_size=8),
        fine_tuning=fine_tuning,
        pretraining_epochs=1,
        fine_tuning_epochs=2,
        random_state=0,
        **options,
    )


@pytest.mark.parametrize(
    "fine_tuning",
    [
        *[member(n_rollouts=4) for member in POLICY_GRADIENTS.values()],
        *[member(n_rollouts=4, kl_weight=0.1) for member in POLICY_GRADIENTS.values()],
        GRPO(n_rollouts=4, n_updates=2),
    ],
    ids=repr,
)
def test_estimator_fine_tunes(fine_tuning):
    X = torch.randn(60, 2, generator=torch.Generator().manual_seed(0)).numpy()
    model = tiny(NormalizedTokenizer(2, 4), fine_tuning).fit(X, X[:, 0])
    rows = [row for row in model.history_ if row["stage"] == "fine_tuning"]
    assert [row["epoch"] for row in rows] == [0, 1, 2]
    assert all(math.isfinite(row["train_loss"]) for row in rows[1:])
    assert math.isfinite(model.predict(X).sum())


@pytest.mark.parametrize(
    "options", [{"expert_weight": 0.1}, {"reward_scale": "quantile"}]
)
@pytest.mark.parametrize(
    "tokenizer",
    [NormalizedTokenizer(3, 2), IEEETokenizer(2, 2, 2), P10Tokenizer(1, 3)],
    ids=repr,
)
@every_member
def test_new_options_fit_every_format(member, tokenizer, options):
    X = torch.randn(50, 2, generator=torch.Generator().manual_seed(0)).numpy()
    model = tiny(tokenizer, member(n_rollouts=3, **options)).fit(X, X[:, 0] ** 3)
    last = model.history_[-1]
    assert (last["stage"], last["epoch"]) == ("fine_tuning", 2)
    assert math.isfinite(last["train_loss"])
    assert np.isfinite(model.predict(X)).all()


# Entropy bonus and divergence


@every_temperature
@every_member
def test_expected_entropy_bonus_is_the_entropy(member, temperature):
    dist = make_dist()
    bonus = regularizer(member(entropy_weight=0.3, temperature=temperature), dist)
    entropy = dist.at_temperature(temperature).atoms().entropy
    assert_near(bonus, -0.3 * entropy)


@every_member
def test_entropy_bonus_raises_the_entropy(member):
    objective = member(entropy_weight=1.0)
    dist = make_dist(targets=(4.5, 4.5))  # nothing else to learn
    before = math.log(8) - dist.atoms().entropy
    torch.manual_seed(0)
    train(objective, dist, TARGETS, n_steps=30)
    after = math.log(8) - dist.atoms().entropy
    assert (after < 0.3 * before).all()


@every_temperature
@every_member
def test_expected_divergence_is_that_of_the_strings(member, temperature):
    objective = member(kl_weight=0.3, temperature=temperature)
    dist, reference = make_dist(), make_dist(seed=1)
    own, other = (leaf_masses(d, temperature) for d in (dist, reference))
    divergence = (own * (own.log() - other.log())).sum(-1)
    assert (divergence > 0.01).all()
    assert_near(regularizer(objective, dist, reference), 0.3 * divergence)


@every_member
def test_divergence_from_oneself_is_zero_and_from_others_positive(member):
    dist = make_dist()
    free, tied = member(), member(kl_weight=2.0)
    for seed, is_same in [(0, True), (1, False)]:
        rollouts = prepare(tied, dist, TARGETS, make_dist(seed=seed))
        plain = rollouts._replace(reference_log_probs=None)
        excess = tied.loss(dist, rollouts) - free.loss(dist, plain)
        if is_same:
            assert_near(excess, torch.zeros(ROWS).double(), 1e-12)
        else:
            assert (excess > 1e-3).all()


@every_member
def test_divergence_pulls_towards_the_reference(member):
    objective = member(kl_weight=1.0)
    dist = make_dist(targets=(4.5, 4.5))  # nothing else to learn
    reference = make_dist(seed=1, targets=(4.5, 4.5))
    target = leaf_masses(reference).detach()
    before = (leaf_masses(dist) - target).abs().sum()
    optimizer = torch.optim.Adam([*dist.decoder.parameters(), dist.context], lr=0.02)
    torch.manual_seed(0)
    for _ in range(60):
        loss = objective.loss(dist, prepare(objective, dist, TARGETS, reference))
        optimizer.zero_grad()
        loss.mean().backward()
        optimizer.step()
    after = (leaf_masses(dist) - target).abs().sum()
    assert after < 0.1 * before


@every_member
def test_the_reference_is_asked_for_only_with_a_weight(member):
    assert member().needs_reference is False
    assert member(kl_weight=0.1).needs_reference is True
    assert prepare(member(), make_dist()).reference_log_probs is None


# The expert


class Playing:
    """Next-token logits of a wish, moved by a parameter."""

    def __init__(self, tokenizer, wish, confidence):
        allowed = tokenizer.allowed_tokens
        wished = torch.nn.functional.one_hot(wish, tokenizer.vocab_size)
        self.move = torch.zeros(allowed.shape, dtype=torch.float64, requires_grad=True)
        self.logits = torch.where(allowed, confidence * wished.double(), -torch.inf)

    def at_temperature(self, temperature):
        return self

    def log_probs(self, tokens):
        return (self.logits + self.move).log_softmax(-1)


@pytest.mark.parametrize("tokenizer", TOKENIZERS.values())
@pytest.mark.parametrize("plays", ["expert", "nothing"])
def test_who_plays_like_the_expert_learns_nothing_from_it(tokenizer, plays):
    objective = ReMax(expert_weight=0.5)
    rollouts = prepare(objective, make_dist(tokenizer=tokenizer()))
    rollouts = rollouts._replace(advantages=torch.zeros_like(rollouts.advantages))
    confidence = 1e3 if plays == "expert" else 0.0
    player = Playing(tokenizer(), rollouts.expert_tokens, confidence)
    loss = objective.loss(player, rollouts).sum()
    (gradient,) = torch.autograd.grad(loss, player.move)
    assert (loss < 1e-9) == (gradient.abs().max() < 1e-9) == (plays == "expert")


@every_temperature
@every_decoder
@every_member
def test_imitation_is_the_cross_entropy_to_the_expert(member, name, temperature):
    free = member(temperature=temperature)
    dist = make_dist(name)
    rollouts = prepare(clone(free).set_params(expert_weight=1.0), dist)
    expected = 0
    for i, string in enumerate(rollouts.tokens):
        for position in range(3):
            chosen = string.clone()
            chosen[:, position] = rollouts.expert_tokens[i, :, position]
            scores = dist.at_temperature(temperature).token_log_probs(chosen[None])
            expected = expected - scores[0, :, position] / (3 * free.n_rollouts)
    plain = free.loss(dist, rollouts._replace(expert_tokens=None))
    for weight in (0.05, 2.0):
        objective = clone(free).set_params(expert_weight=weight)
        assert_near(objective.loss(dist, rollouts), plain + weight * expected)


def test_the_expert_brings_each_prefix_nearest_to_the_target():
    dist = make_dist()
    rollouts = prepare(ReMax(expert_weight=1.0), dist)
    strings = dist.tokenizer.grid()
    errors = (dist.tokenizer.decode(strings)[:, None] - TARGETS).abs()
    for string, expert in zip(rollouts.tokens, rollouts.expert_tokens, strict=True):
        for row in range(ROWS):
            for position in range(3):
                kept = (strings[:, :position] == string[row, :position]).all(-1)
                best = errors[kept, row].argmin()
                assert expert[row, position] == strings[kept][best, position]


@pytest.mark.parametrize("tokenizer", TOKENIZERS.values())
def test_imitation_alone_leads_to_the_nearest_number(tokenizer):
    # rewards are clipped to nothing: only the expert teaches
    objective = ReMax(n_rollouts=4, reward_clip=1e-12, expert_weight=10.0)
    dist = make_dist(tokenizer=tokenizer())
    torch.manual_seed(0)
    train(objective, dist, TARGETS, n_steps=60, learning_rate=0.05)
    nearest = dist.tokenizer.decode(dist.tokenizer.encode(TARGETS))
    assert_near(dist.tokenizer.decode(dist.greedy()), nearest, 1e-3)


@every_member
def test_the_expert_is_asked_only_with_a_weight(member, monkeypatch):
    def fail(*_):
        raise AssertionError("the expert was asked")

    monkeypatch.setattr(NormalizedTokenizer, "nearest_tokens", fail)
    assert prepare(member(), make_dist()).expert_tokens is None
    with pytest.raises(AssertionError, match="the expert was asked"):
        prepare(member(expert_weight=0.1), make_dist())


class Listed(NormalizedTokenizer):
    """A format of a user's own, which knows no faster way than to list."""

    _nearest_tokens = Tokenizer._nearest_tokens


@every_member
def test_an_expert_that_would_list_too_much_is_refused(member):
    objective = member(expert_weight=0.1)
    objective.check(Listed(2, 12))
    member().check(Listed(2, 13))
    with pytest.raises(ValueError, match=r"Listed.* has 8192 strings.*at most 4096"):
        objective.check(Listed(2, 13))


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
    objective, dist = member(reward_scale="quantile"), make_dist()
    y = draw(50)
    objective.start(y, torch.ones(50))
    rollouts = prepare(objective, dist)
    numbers = dist.tokenizer.decode(rollouts.tokens)
    expected = (normal_scores_of(y, numbers) - normal_scores_of(y, TARGETS)) ** 2
    assert_near(rollouts.rewards, -expected, 1e-12)
    assert rollouts.advantages.any()


class Noting(ReMax):
    """Keeps what it is told at the start of a stage, and when."""

    seen: ClassVar = []

    def start(self, y, weight):
        self.seen.append((y, weight))

    def prepare(self, dist, y, reference=None):
        self.seen.append(None)
        return super().prepare(dist, y, reference)


def test_the_engine_shows_the_training_targets_once_before_the_first_step():
    Noting.seen.clear()
    model = tiny(
        NormalizedTokenizer(2, 4), Noting(n_rollouts=2), validation_fraction=0.5
    )
    y = np.arange(60.0)
    model.fit(y[:, None], y, sample_weight=np.r_[0.0, np.full(59, 3.0)])
    (targets, weight), *later = Noting.seen
    assert later
    assert later == [None] * len(later)
    assert len(targets) == 29
    assert targets.dtype == torch.float64
    spread = (y[1:] - y[1:].mean()) / y[1:].std()
    assert np.isclose(targets.numpy()[:, None], spread).any(1).all()
    assert_near(weight, torch.ones(29))


# Parameters


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_rollouts": 0}, ValueError, "n_rollouts == 0"),
        ({"n_rollouts": 2.5}, TypeError, "n_rollouts .* not .*float"),
        ({"reward": "r2"}, ValueError, "reward .*'neg_squared_error'.* got 'r2'"),
        ({"reward_scale": "log"}, ValueError, "reward_scale .*'quantile'.* got 'log'"),
        ({"reward_scale": None}, ValueError, "reward_scale .*'standard'.* got None"),
        ({"reward_clip": 0.0}, ValueError, r"reward_clip == 0\.0"),
        ({"reward_clip": -3}, ValueError, "reward_clip == -3"),
        ({"reward_clip": "50"}, TypeError, "reward_clip .* not .*str"),
        ({"temperature": 0}, ValueError, "temperature == 0"),
        ({"temperature": -1.0}, ValueError, r"temperature == -1\.0"),
        ({"temperature": None}, TypeError, "temperature .* not .*NoneType"),
        ({"entropy_weight": -0.1}, ValueError, r"entropy_weight == -0\.1"),
        ({"kl_weight": -0.2}, ValueError, r"kl_weight == -0\.2"),
        ({"expert_weight": -0.1}, ValueError, r"expert_weight == -0\.1, must be >= 0"),
        ({"expert_weight": "1"}, TypeError, "expert_weight .* not str: got '1'"),
    ],
)
@every_member
def test_members_reject_parameters_out_of_range(member, options, error, message):
    with pytest.raises(error, match=f"{member.__name__}.{message}"):
        member(**options).check(NormalizedTokenizer())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("reward_clip", NAN),
        ("temperature", NAN),
        ("temperature", INF),
        ("entropy_weight", NAN),
        ("entropy_weight", INF),
        ("kl_weight", NAN),
        ("kl_weight", INF),
        ("expert_weight", NAN),
        ("expert_weight", INF),
    ],
)
@every_member
def test_members_reject_numbers_that_are_not_finite(member, name, value):
    with pytest.raises(ValueError, match=f"{name}.*{value}"):
        member(**{name: value}).check(NormalizedTokenizer())


@pytest.mark.parametrize("member", [GRPO, RLOO])
def test_a_group_has_two_members(member):
    member(n_rollouts=2).check(NormalizedTokenizer())
    with pytest.raises(ValueError, match="n_rollouts == 1, must be >= 2"):
        member(n_rollouts=1).check(NormalizedTokenizer())
    ReMax(n_rollouts=1).check(NormalizedTokenizer())


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"scale_rewards": 1},
            TypeError,
            "GRPO.scale_rewards .* True .* not 1 of .*int",
        ),
        ({"clip_range": 0}, ValueError, "GRPO.clip_range == 0"),
        ({"clip_range": NAN}, ValueError, "GRPO.clip_range.*nan"),
        ({"n_updates": 0}, ValueError, "GRPO.n_updates == 0"),
        ({"n_updates": 1.5}, TypeError, r"GRPO.n_updates .* float: got 1\.5, .* >= 1"),
    ],
)
def test_grpo_rejects_parameters_out_of_range(options, error, message):
    with pytest.raises(error, match=message):
        GRPO(**options).check(NormalizedTokenizer())
