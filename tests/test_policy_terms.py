"""What is added to the surrogate: entropy, divergence and the expert."""

import math

import pytest
import torch
from digit_distributions import (
    OWN,
    TARGETS,
    assert_near,
    free_dist,
    leaf_masses,
    prepare,
    train,
)
from sklearn.base import clone

from sklearn_genre.policy_gradients import POLICY_GRADIENTS, ReMax
from sklearn_genre.policy_gradients._base import Rollouts
from sklearn_genre.tokenizers import TOKENIZERS, NormalizedTokenizer, Tokenizer

ROWS = 3
every_member = pytest.mark.parametrize(
    "member", POLICY_GRADIENTS.values(), ids=POLICY_GRADIENTS
)
every_decoder = pytest.mark.parametrize("name", OWN)
every_temperature = pytest.mark.parametrize("temperature", [1.0, 2.5])


def regularizer(objective, dist, reference=None):
    """Return the expected loss of each row over single rollouts of no advantage."""
    strings = dist.tokenizer.grid()
    tempered = dist.at_temperature(objective.temperature)
    losses = []
    for string in strings:
        tokens = string.expand(1, dist.batch_size, -1)
        log_probs = tempered.token_log_probs(tokens).detach()
        reference_log_probs = None
        if reference is not None:
            reference = reference.at_temperature(objective.temperature)
            reference_log_probs = reference.log_probs(tokens).detach()
        nothing = torch.zeros(1, dist.batch_size, dtype=torch.float64)
        rollouts = Rollouts(
            tokens, log_probs, nothing, nothing, reference_log_probs, None
        )
        losses.append(objective.losses(dist, rollouts))
    masses = leaf_masses(dist, objective.temperature).detach()
    return (masses * torch.stack(losses, -1)).sum(-1)


# Entropy bonus and divergence


@every_temperature
@every_member
def test_expected_entropy_bonus_is_the_entropy(member, temperature):
    dist = free_dist()
    bonus = regularizer(member(entropy_weight=0.3, temperature=temperature), dist)
    entropy = dist.at_temperature(temperature).support().entropy
    assert_near(bonus, -0.3 * entropy)


@every_member
def test_entropy_bonus_raises_the_entropy(member):
    objective = member(entropy_weight=1.0)
    dist = free_dist(y=(4.5, 4.5))  # nothing else to learn
    before = math.log(8) - dist.support().entropy
    torch.manual_seed(0)
    train(objective, dist, TARGETS, n_steps=30)
    after = math.log(8) - dist.support().entropy
    assert (after < 0.3 * before).all()


@every_temperature
@every_member
def test_expected_divergence_is_that_of_the_strings(member, temperature):
    objective = member(kl_weight=0.3, temperature=temperature)
    dist, reference = free_dist(), free_dist(seed=1)
    own, other = (leaf_masses(d, temperature) for d in (dist, reference))
    divergence = (own * (own.log() - other.log())).sum(-1)
    assert (divergence > 0.01).all()
    assert_near(regularizer(objective, dist, reference), 0.3 * divergence)


@every_member
def test_divergence_from_oneself_is_zero_and_from_others_positive(member):
    dist = free_dist()
    free, tied = member(), member(kl_weight=2.0)
    for seed, is_same in [(0, True), (1, False)]:
        rollouts = prepare(tied, dist, TARGETS, free_dist(seed=seed))
        plain = rollouts._replace(reference_log_probs=None)
        excess = tied.losses(dist, rollouts) - free.losses(dist, plain)
        if is_same:
            assert_near(excess, torch.zeros(ROWS).double(), 1e-12)
        else:
            assert (excess > 1e-3).all()


@every_member
def test_divergence_pulls_towards_the_reference(member):
    objective = member(kl_weight=1.0)
    dist = free_dist(y=(4.5, 4.5))  # nothing else to learn
    reference = free_dist(seed=1, y=(4.5, 4.5))
    target = leaf_masses(reference).detach()
    before = (leaf_masses(dist) - target).abs().sum()
    optimizer = torch.optim.Adam([*dist.decoder.parameters(), dist.output], lr=0.02)
    torch.manual_seed(0)
    for _ in range(60):
        loss = objective.losses(dist, prepare(objective, dist, TARGETS, reference))
        optimizer.zero_grad()
        loss.mean().backward()
        optimizer.step()
    after = (leaf_masses(dist) - target).abs().sum()
    assert after < 0.1 * before


@every_member
def test_the_reference_is_asked_for_only_with_a_weight(member):
    assert member().needs_reference is False
    assert member(kl_weight=0.1).needs_reference is True
    assert prepare(member(), free_dist()).reference_log_probs is None


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
    rollouts = prepare(objective, free_dist(tokenizer=tokenizer()))
    rollouts = rollouts._replace(advantages=torch.zeros_like(rollouts.advantages))
    confidence = 1e3 if plays == "expert" else 0.0
    player = Playing(tokenizer(), rollouts.expert_tokens, confidence)
    loss = objective.losses(player, rollouts).sum()
    (gradient,) = torch.autograd.grad(loss, player.move)
    assert (loss < 1e-9) == (gradient.abs().max() < 1e-9) == (plays == "expert")


@every_temperature
@every_decoder
@every_member
def test_imitation_is_the_cross_entropy_to_the_expert(member, name, temperature):
    free = member(temperature=temperature)
    dist = free_dist(name)
    rollouts = prepare(clone(free).set_params(expert_weight=1.0), dist)
    expected = 0
    for i, string in enumerate(rollouts.tokens):
        for position in range(3):
            chosen = string.clone()
            chosen[:, position] = rollouts.expert_tokens[i, :, position]
            scores = dist.at_temperature(temperature).token_log_probs(chosen[None])
            expected = expected - scores[0, :, position] / (3 * free.n_rollouts)
    plain = free.losses(dist, rollouts._replace(expert_tokens=None))
    for weight in (0.05, 2.0):
        objective = clone(free).set_params(expert_weight=weight)
        assert_near(objective.losses(dist, rollouts), plain + weight * expected)


def test_the_expert_brings_each_prefix_nearest_to_the_target():
    dist = free_dist()
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
    dist = free_dist(tokenizer=tokenizer())
    torch.manual_seed(0)
    train(objective, dist, TARGETS, n_steps=60, learning_rate=0.05)
    nearest = dist.tokenizer.decode(dist.tokenizer.encode(TARGETS))
    assert_near(dist.tokenizer.decode(dist.greedy()), nearest, 1e-3)


@every_member
def test_the_expert_is_asked_only_with_a_weight(member, monkeypatch):
    def fail(*_):
        raise AssertionError("the expert was asked")

    monkeypatch.setattr(NormalizedTokenizer, "nearest_tokens", fail)
    assert prepare(member(), free_dist()).expert_tokens is None
    with pytest.raises(AssertionError, match="the expert was asked"):
        prepare(member(expert_weight=0.1), free_dist())


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
