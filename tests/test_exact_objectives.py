"""Losses of the whole number against enumeration, closed forms and the lemmas."""

import math

import pytest
import torch
from digit_distributions import (
    ENUMERABLE,
    OWN,
    TARGETS,
    WIDTH,
    Free,
    Told,
    assert_near,
    decoders_with,
    evaluate,
    every_group,
    free_dist,
    gradient_of,
    leaf_masses,
)
from sklearn.base import clone

from sklearn_genre.decoders import MLPDecoder, TransformerDecoder
from sklearn_genre.losses import CRPS, CrossEntropy, ExpectedError
from sklearn_genre.policy_gradients import REWARDS, RLOO, ReMax
from sklearn_genre.tokenizers import NormalizedTokenizer

MEMBERS = [CRPS(), *[ExpectedError(alpha) for alpha in (0.0, 0.3, 1.0, 2.5)]]
every_decoder = pytest.mark.parametrize("name", OWN)
every_member = pytest.mark.parametrize("objective", MEMBERS, ids=repr)
every_class = pytest.mark.parametrize("member", [CRPS, ExpectedError])


def make_dist(name="mlp", tokenizer=None):
    """Return distributions on few numbers, ready to differentiate."""
    return free_dist(
        name, NormalizedTokenizer(2, 2) if tokenizer is None else tokenizer
    )


def expected_estimate(objective, dist, y):
    """Return the mean estimate of one row over all groups of rollouts.

    Each possible group stands in a row of its own, weighted by its probability, which
    is held fixed while differentiating.
    """
    copies, tokens, groups = every_group(dist, objective.n_rollouts)
    weights = leaf_masses(dist)[0].detach()[groups].prod(-1)  # (n_groups,)
    copies = Told(copies, tokens)
    return (weights * evaluate(objective, copies, y.expand(len(groups)))).sum()


def random_distributions(rows=6, n_values=7, seed=0):
    """Return irregular numbers, random probabilities, and targets all over the place.

    Targets lie below, above and between the numbers, and on one of them.
    """
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(n_values, generator=generator).double().sort().values
    logits = 2 * torch.randn(rows, n_values, generator=generator).double()
    y = torch.linspace(values[0] - 1, values[-1] + 1, rows, dtype=torch.float64)
    y[1] = values[n_values // 2]
    return values, logits, y


def entropy(probs):
    """Return the entropy of a distribution in nats."""
    return torch.special.entr(probs).sum().item()


# Expected error, exact


@decoders_with(*ENUMERABLE.values())
def test_expected_error_is_the_mean_squared_error_of_a_drawn_number(name, tokenizer):
    dist = make_dist(name, tokenizer)
    numbers = dist.numbers(dist.tokenizer.grid())
    masses = leaf_masses(dist)
    expected = (masses * (TARGETS[:, None] - numbers) ** 2).sum(-1)
    loss = evaluate(ExpectedError(), dist, TARGETS)
    assert_near(loss, expected)
    assert_near(gradient_of(loss.sum(), dist), gradient_of(expected.sum(), dist))


@pytest.mark.parametrize("row", range(3))
@every_decoder
def test_its_gradient_is_the_mean_of_remax(name, row):
    dist, y = make_dist(name).only(row), TARGETS[row : row + 1]
    exact = gradient_of(evaluate(ExpectedError(), dist, y).sum(), dist)
    remax = gradient_of(expected_estimate(ReMax(n_rollouts=1), dist, y), dist)
    assert exact.norm() > 1e-2
    assert_near(remax, exact)


def test_without_variance_it_is_the_squared_error_of_the_mean():
    dist = make_dist()
    loss = evaluate(ExpectedError(alpha=0), dist, TARGETS)
    expected = (TARGETS - dist.support().mean) ** 2
    assert_near(loss, expected)
    assert_near(gradient_of(loss.sum(), dist), gradient_of(expected.sum(), dist))


@pytest.mark.parametrize("alpha", [0.0, 0.25, 0.9, 1.0, 3.0])
def test_alpha_goes_from_one_to_the_other_in_a_straight_line(alpha):
    dist = make_dist()
    start, end, loss = (
        evaluate(ExpectedError(a), dist, TARGETS) for a in (0, 1, alpha)
    )
    assert_near(loss, (1 - alpha) * start + alpha * end)
    assert_near(end - start, dist.support().variance)
    assert (end > start).all()


@every_class
def test_losses_do_not_depend_on_where_zero_is(member):
    values, logits, y = random_distributions()
    probs = logits.softmax(-1)
    here = member().exact(values, probs, y)
    far = member().exact(values + 1e6, probs, y + 1e6)
    assert_near(here, far, 1e-8)


# CRPS, exact


@pytest.mark.parametrize("y", [-0.7, 0.0, 0.3, 1.0, 1.9])
@pytest.mark.parametrize("mass", [0.0, 0.2, 0.5, 1.0])
def test_crps_of_two_points_has_a_closed_form(mass, y):
    probs = torch.tensor([[1 - mass, mass]], dtype=torch.float64)
    values = torch.tensor([0.0, 1.0], dtype=torch.float64)
    crps = CRPS().exact(values, probs, torch.tensor([y], dtype=torch.float64))
    closed = (1 - mass) * abs(y) + mass * abs(y - 1) - mass * (1 - mass)
    assert crps.item() == pytest.approx(closed, abs=1e-15)


@pytest.mark.parametrize("n_values", [1, 2, 7, 60])
def test_crps_is_the_energy_form(n_values):
    values, logits, y = random_distributions(n_values=n_values)
    logits.requires_grad_()
    probs = logits.softmax(-1)
    crps = CRPS().exact(values, probs, y)
    error = (probs * (values - y[:, None]).abs()).sum(-1)
    distances = (values[:, None] - values).abs()
    energy = error - torch.einsum("bi,bj,ij->b", probs, probs, distances) / 2
    assert_near(crps, energy)
    gradients = (
        torch.autograd.grad(x.sum(), logits, retain_graph=True)[0]
        for x in (crps, energy)
    )
    assert_near(*gradients)


def test_crps_is_that_of_scoringrules_on_an_ensemble():
    scoringrules = pytest.importorskip("scoringrules")
    values, _, y = random_distributions()
    generator = torch.Generator().manual_seed(1)
    counts = torch.randint(5, (len(y), len(values)), generator=generator)
    for truth, count in zip(y, counts, strict=True):
        ensemble = values.repeat_interleave(count)
        probs = count.double() / count.sum()
        of_law = CRPS().exact(values, probs[None], truth[None])
        of_draws, _ = CRPS().sampled(ensemble[:, None], truth[None])
        for estimator, crps in [("nrg", of_law), ("fair", of_draws)]:
            expected = scoringrules.crps_ensemble(
                truth.item(), ensemble.numpy(), estimator=estimator, backend="numpy"
            )
            assert crps.item() == pytest.approx(float(expected), abs=1e-10)


@every_member
def test_a_certain_number_that_is_right_costs_nothing(objective):
    values, _, _ = random_distributions()
    probs = torch.eye(len(values), dtype=torch.float64)
    assert (objective.exact(values, probs, values) == 0).all()
    assert (objective.exact(values, probs, values + 0.1) > 0).all()


def test_crps_of_a_certain_number_is_the_absolute_error():
    values, _, y = random_distributions(rows=7)
    probs = torch.eye(len(values), dtype=torch.float64)
    assert_near(CRPS().exact(values, probs, y), (values - y).abs())


def test_crps_is_proper():
    values, logits, _ = random_distributions()
    truth, other = logits.softmax(-1), logits.roll(1, 0).softmax(-1)
    regret = torch.zeros(len(truth), dtype=torch.float64)
    for value, mass in zip(values, truth.T, strict=True):
        y = value.expand(len(truth))
        of_other, of_truth = (
            CRPS().exact(values, distribution, y) for distribution in (other, truth)
        )
        regret += mass * (of_other - of_truth)
    difference = (other - truth).cumsum(-1)[:, :-1]
    assert_near(regret, (difference**2 * values.diff()).sum(-1))
    assert (regret > 1e-3).all()


# Sampled


@pytest.mark.parametrize("n_rollouts", [2, 3, 4])
@pytest.mark.parametrize("row", [0, 2])  # within the training range and beyond it
@every_member
def test_estimates_are_unbiased_in_value_and_gradient(objective, row, n_rollouts):
    objective = clone(objective).set_params(n_rollouts=n_rollouts)
    dist, y = make_dist().only(row), TARGETS[row : row + 1]
    exact = evaluate(objective, dist, y).sum()
    mean = expected_estimate(objective, dist, y)
    assert_near(mean, exact)
    gradient = gradient_of(exact, dist)
    assert gradient.norm() > 1e-2
    assert_near(gradient_of(mean, dist), gradient)


@every_member
def test_drawn_estimates_average_to_the_exact_loss(objective):
    n = 4000
    one, y = make_dist().only(2), TARGETS[2:]
    exact = evaluate(objective, one, y).sum()
    copies = one.output.detach().repeat(n, 1).requires_grad_()
    many = one.again(copies, leaves=False)
    torch.manual_seed(7)
    losses = evaluate(clone(objective).set_params(n_rollouts=4), many, y.expand(n))
    (by_copy,) = torch.autograd.grad(losses.sum(), copies)
    for drawn, expected in [
        (losses.detach()[:, None], exact.detach()[None]),
        (by_copy, gradient_of(exact, one)[-WIDTH:]),
    ]:
        standard_error = drawn.std(0) / math.sqrt(n)
        assert ((drawn.mean(0) - expected).abs() < 5 * standard_error).all()
        assert (5 * standard_error).norm() < 0.5 * expected.norm()


def test_with_the_whole_variance_the_gradient_is_that_of_rloo():
    dist = make_dist(tokenizer=NormalizedTokenizer(3, 4))
    tokens, _ = dist.rollout(6)
    told = Told(dist, tokens)
    loss = evaluate(ExpectedError(n_rollouts=6), told, TARGETS)
    rloo = evaluate(RLOO(n_rollouts=6), told, TARGETS)
    assert_near(gradient_of(loss.sum(), told), gradient_of(rloo.sum(), told))
    assert_near(loss, ((dist.numbers(tokens) - TARGETS) ** 2).mean(0))


def test_each_number_is_compared_with_the_score_of_the_others():
    numbers = torch.randn(6, 3, generator=torch.Generator().manual_seed(0)).double()
    _, excess = CRPS().sampled(numbers, TARGETS)
    for i in range(6):
        others = numbers[[j for j in range(6) if j != i]]
        cost = (numbers[i] - TARGETS).abs() - (numbers[i] - others).abs().mean(0)
        spread = (others[:, None] - others).abs().sum((0, 1)) / (5 * 4)
        expected = cost - (others - TARGETS).abs().mean(0) + spread
        assert_near(excess[i], expected)


@every_member
def test_numbers_that_are_all_alike_teach_nothing(objective):
    dist = make_dist()
    tokens = dist.tokenizer.grid()[1].expand(5, 3, -1)
    told = Told(dist, tokens)
    objective = clone(objective).set_params(n_rollouts=5)
    loss = evaluate(objective, told, TARGETS)
    certain = objective.exact(
        dist.numbers(tokens)[0, :1], torch.ones(3, 1).double(), TARGETS
    )
    assert_near(loss, certain)
    assert gradient_of(loss.sum(), told).abs().max() < 1e-12


@every_class
def test_one_pass_draws_and_scores_so_that_dropout_does_no_harm(member, monkeypatch):
    def fail(*_):
        raise AssertionError("scored by a second pass, under another dropout mask")

    monkeypatch.setattr(TransformerDecoder, "forward", fail)
    dist = make_dist("transformer").again(leaves=False)
    dist.decoder.train()
    gradient = gradient_of(evaluate(member(), dist, TARGETS).sum(), dist)
    assert gradient.any()


@every_member
def test_sampled_training_lowers_the_exact_loss(objective):
    dist = make_dist(tokenizer=NormalizedTokenizer(3, 3))
    y = TARGETS.clamp(max=2.0)
    before = evaluate(objective, dist, y)
    optimizer = torch.optim.AdamW([*dist.decoder.parameters(), dist.output], lr=0.02)
    torch.manual_seed(0)
    for _ in range(20):
        loss = evaluate(objective, dist.again(leaves=False), y).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert evaluate(objective, dist.again(), y).mean() < 0.5 * before.mean()


# Two values of the target at one x: which distribution is learned


def fit_two_points(objective, share=0.6, peaked=None, n_steps=120):
    """Return the entropy before, and values and probabilities after, on 0 .. 7.

    The target is 7 with probability ``share``, otherwise 0.
    """
    tokenizer = NormalizedTokenizer(2, 3).fit([0.0, 7.0])
    torch.manual_seed(0)
    decoder = MLPDecoder(4, tokenizer, hidden_size=16).double()
    context = torch.ones(1, 4, dtype=torch.float64)
    dist = Free(decoder, context, tokenizer)

    def descend(loss, n_steps):
        optimizer = torch.optim.Adam(decoder.parameters(), lr=0.05)
        for _ in range(n_steps):
            optimizer.zero_grad()
            loss().backward()
            optimizer.step()

    if peaked is not None:
        y = torch.tensor([peaked], dtype=torch.float64)
        descend(lambda: CrossEntropy().losses(dist, y).mean(), 10)
    before = dist.support().entropy.item()
    y = torch.tensor([0.0, 7.0], dtype=torch.float64)
    weight = torch.tensor([1 - share, share], dtype=torch.float64)
    twice = Free(decoder, context.expand(2, -1), tokenizer)
    descend(lambda: (weight * evaluate(objective, twice, y)).sum(), n_steps)
    support = dist.support()
    return before, support.values.detach(), support.probs[0].detach()


def test_the_mean_alone_is_learned_and_the_law_left_free():
    distributions = []
    for peaked in (None, 2.0):
        _, values, probs = fit_two_points(ExpectedError(alpha=0), peaked=peaked)
        assert (probs * values).sum().item() == pytest.approx(0.6 * 7, abs=0.05)
        distributions.append(probs)
    assert (distributions[0] - distributions[1]).abs().max() > 0.1
    assert (torch.stack(distributions)[:, [0, 7]].sum(-1) < 0.9).all()


@pytest.mark.parametrize(("share", "nearest"), [(0.6, 4), (0.3, 2), (0.95, 7)])
def test_lemma_4_expected_error_ends_in_the_point_nearest_to_the_mean(share, nearest):
    _, values, probs = fit_two_points(ExpectedError(), share=share)
    assert values[probs.argmax()].item() == pytest.approx(nearest)
    assert probs.max() > 0.95


@pytest.mark.parametrize("reward", REWARDS)
@pytest.mark.parametrize(("reward_clip", "share"), [(None, 0.3), (10.0, 0.6)])
def test_lemma_5_any_reward_ends_in_the_number_of_the_best_expectation(
    reward, reward_clip, share
):
    objective = ReMax(64, reward=reward, reward_clip=reward_clip)
    _, values, probs = fit_two_points(objective, share=share)
    rewards = objective.rewards(values, torch.zeros(1)) * (1 - share)
    rewards += objective.rewards(values, torch.full((1,), 7.0)) * share
    assert probs[rewards.argmax()] > 0.9


@pytest.mark.parametrize("objective", [CRPS(), CrossEntropy()], ids=repr)
@pytest.mark.parametrize("share", [0.3, 0.6])
def test_proper_losses_find_both_masses(objective, share):
    _, _, probs = fit_two_points(objective, share=share)
    assert probs[0].item() == pytest.approx(1 - share, abs=0.03)
    assert probs[7].item() == pytest.approx(share, abs=0.03)


def test_entropy_falls_with_the_variance_in_the_loss():
    before, _, probs = fit_two_points(ExpectedError())
    assert entropy(probs) < 0.1 * before


def test_entropy_may_rise_without_the_variance_in_the_loss():
    before, _, probs = fit_two_points(ExpectedError(alpha=0), peaked=0.0)
    assert entropy(probs) > before + 0.1


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (CRPS(1), r"CRPS\.n_rollouts == 1, must be >= 2"),
        (ExpectedError(n_rollouts=1), r"ExpectedError\.n_rollouts == 1, must be >= 2"),
        (ExpectedError(-0.1), r"ExpectedError\.alpha == -0\.1, must be >= 0"),
    ],
)
def test_options_out_of_range(objective, message):
    with pytest.raises(ValueError, match=message):
        objective.check(NormalizedTokenizer())
