"""Losses of the whole number against enumeration, closed forms and the lemmas."""

import math
from functools import partial

import pytest
import torch
from sklearn.base import clone

from sklearn_genre import DecodingRegressor
from sklearn_genre._objective import Objective
from sklearn_genre.distributions import TokenDistribution, leaves_of
from sklearn_genre.encoders import MLPEncoder
from sklearn_genre.losses import CRPS, CrossEntropy, ExpectedError, NumberLoss
from sklearn_genre.networks import DECODERS, MLPDecoder, TransformerDecoder
from sklearn_genre.policy_gradients import REWARDS, RLOO, ReMax
from sklearn_genre.tokenizers import (
    TOKENIZERS,
    IEEETokenizer,
    NormalizedTokenizer,
    P10Tokenizer,
)

WIDTH = 4
TARGETS = torch.tensor([-0.9, 0.35, 2.6], dtype=torch.float64)
MEMBERS = [CRPS(), *[ExpectedError(alpha) for alpha in (0.0, 0.3, 1.0, 2.5)]]
NAN, INF = math.nan, math.inf
every_decoder = pytest.mark.parametrize("name", DECODERS)
every_member = pytest.mark.parametrize("objective", MEMBERS, ids=repr)
every_class = pytest.mark.parametrize("member", [CRPS, ExpectedError])


class Told(TokenDistribution):
    """A distribution whose rollouts are given, not drawn."""

    def __init__(self, dist, tokens):
        super().__init__(dist.decoder, dist.context, dist.tokenizer, None)
        self.tokens = tokens

    def rollout(self, n):
        assert len(self.tokens) == n
        return self.tokens, self.token_log_probs(self.tokens)


def make_dist(name="mlp", rows=3, tokenizer=None, scale=1.0):
    """Return laws under random weights, ready to differentiate."""
    tokenizer = clone(tokenizer or NormalizedTokenizer(2, 2)).fit([-1.3, 2.1])
    torch.manual_seed(0)
    decoder = DECODERS[name](WIDTH, tokenizer.allowed_tokens).double().eval()
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.add_(0.15 * torch.randn_like(parameter)).mul_(scale)
    context = torch.randn(rows, WIDTH, dtype=torch.float64).requires_grad_()
    leaves = leaves_of(tokenizer, context.device)
    return TokenDistribution(decoder, context, tokenizer, leaves)


def with_context(dist, context):
    """Return the laws of other rows under the same decoder."""
    return TokenDistribution(dist.decoder, context, dist.tokenizer, dist.leaves)


def without_leaves(dist):
    """Return the same laws as if the format were too large to enumerate."""
    return TokenDistribution(dist.decoder, dist.context, dist.tokenizer, None)


def row_of(dist, row):
    """Return the law of one row, with a leaf of its own to differentiate by."""
    return with_context(dist, dist.context.detach()[row : row + 1].requires_grad_())


def evaluate(objective, dist, y):
    """Return the loss of each row as the training engine computes it."""
    with torch.no_grad():
        target = objective.prepare(dist, y)
    return objective.loss(dist, target)


def gradient_of(loss, dist):
    """Return the gradient by decoder and context as one vector."""
    inputs = [*dist.decoder.parameters(), dist.context]
    gradients = torch.autograd.grad(
        loss, inputs, retain_graph=True, materialize_grads=True
    )
    return torch.cat([gradient.flatten() for gradient in gradients])


def expected_estimate(objective, dist, y):
    """Return the mean estimate of one row over all groups of rollouts.

    Each possible group stands in a row of its own, weighted by its probability, which
    is held fixed while differentiating.
    """
    strings, n = dist.tokenizer.grid(), objective.n_rollouts
    groups = torch.cartesian_prod(*[torch.arange(len(strings))] * n).reshape(-1, n)
    masses = dist.decoder.leaf_log_probs(dist.context).exp()[0].detach()
    weights = masses[groups].prod(-1)  # (n_groups,)
    rows = with_context(dist, dist.context.expand(len(groups), -1))
    rows = Told(rows, strings[groups].transpose(0, 1))
    return (weights * evaluate(objective, rows, y.expand(len(groups)))).sum()


def random_laws(rows=6, n_values=7, seed=0):
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
    """Return the entropy of a law in nats."""
    return torch.special.entr(probs).sum().item()


def assert_near(actual, expected, tolerance=1e-10):
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)


# Expected error, exact


SMALL = [NormalizedTokenizer(2, 2), IEEETokenizer(2, 1, 3), P10Tokenizer(1, 2)]


@pytest.mark.parametrize("tokenizer", SMALL, ids=repr)
@every_decoder
def test_expected_error_is_the_mean_squared_error_of_a_drawn_number(name, tokenizer):
    dist = make_dist(name, tokenizer=tokenizer)
    numbers = dist.numbers(dist.tokenizer.grid())
    masses = dist.decoder.leaf_log_probs(dist.context).exp()
    expected = (masses * (TARGETS[:, None] - numbers) ** 2).sum(-1)
    loss = evaluate(ExpectedError(), dist, TARGETS)
    assert_near(loss, expected)
    assert_near(gradient_of(loss.sum(), dist), gradient_of(expected.sum(), dist))


@pytest.mark.parametrize("row", range(3))
@every_decoder
def test_its_gradient_is_the_mean_of_remax(name, row):
    dist, y = row_of(make_dist(name), row), TARGETS[row : row + 1]
    exact = gradient_of(evaluate(ExpectedError(), dist, y).sum(), dist)
    remax = gradient_of(expected_estimate(ReMax(n_rollouts=1), dist, y), dist)
    assert exact.norm() > 1e-2
    assert_near(remax, exact)


def test_without_variance_it_is_the_squared_error_of_the_mean():
    dist = make_dist()
    loss = evaluate(ExpectedError(alpha=0), dist, TARGETS)
    expected = (TARGETS - dist.atoms().mean) ** 2
    assert_near(loss, expected)
    assert_near(gradient_of(loss.sum(), dist), gradient_of(expected.sum(), dist))


@pytest.mark.parametrize("alpha", [0.0, 0.25, 0.9, 1.0, 3.0])
def test_alpha_goes_from_one_to_the_other_in_a_straight_line(alpha):
    dist = make_dist()
    start, end, loss = (
        evaluate(ExpectedError(a), dist, TARGETS) for a in (0, 1, alpha)
    )
    assert_near(loss, (1 - alpha) * start + alpha * end)
    assert_near(end - start, dist.atoms().variance)
    assert (end > start).all()


@every_class
def test_losses_do_not_depend_on_where_zero_is(member):
    values, logits, y = random_laws()
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
    values, logits, y = random_laws(n_values=n_values)
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
    values, _, y = random_laws()
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
    values, _, _ = random_laws()
    probs = torch.eye(len(values), dtype=torch.float64)
    assert (objective.exact(values, probs, values) == 0).all()
    assert (objective.exact(values, probs, values + 0.1) > 0).all()


def test_crps_of_a_certain_number_is_the_absolute_error():
    values, _, y = random_laws(rows=7)
    probs = torch.eye(len(values), dtype=torch.float64)
    assert_near(CRPS().exact(values, probs, y), (values - y).abs())


def test_crps_is_proper():
    values, logits, _ = random_laws()
    truth, other = logits.softmax(-1), logits.roll(1, 0).softmax(-1)
    regret = torch.zeros(len(truth), dtype=torch.float64)
    for value, mass in zip(values, truth.T, strict=True):
        y = value.expand(len(truth))
        of_other, of_truth = (CRPS().exact(values, law, y) for law in (other, truth))
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
    dist, y = row_of(make_dist(), row), TARGETS[row : row + 1]
    exact = evaluate(objective, dist, y).sum()
    mean = expected_estimate(objective, dist, y)
    assert_near(mean, exact)
    gradient = gradient_of(exact, dist)
    assert gradient.norm() > 1e-2
    assert_near(gradient_of(mean, dist), gradient)


@every_member
def test_drawn_estimates_average_to_the_exact_loss(objective):
    n = 4000
    one, y = row_of(make_dist(), 2), TARGETS[2:]
    exact = evaluate(objective, one, y).sum()
    copies = one.context.detach().repeat(n, 1).requires_grad_()
    many = without_leaves(with_context(one, copies))
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
    dist = without_leaves(make_dist("transformer"))
    dist.decoder.train()
    gradient = gradient_of(evaluate(member(), dist, TARGETS).sum(), dist)
    assert gradient.any()


@pytest.mark.parametrize("large", [False, True])
@every_decoder
@every_member
def test_losses_are_finite_at_extreme_logits(objective, name, large):
    dist = make_dist(name, tokenizer=NormalizedTokenizer(3, 3), scale=100.0)
    single = with_context(dist, dist.context.detach().float().requires_grad_())
    single.decoder = single.decoder.float()
    if large:
        single = without_leaves(single)
    steps = single.log_probs(dist.tokenizer.grid()[:, None].expand(-1, 3, -1))
    assert steps.min() < (-10 if name == "anchored" else -1e3)
    loss = evaluate(objective, single, TARGETS)
    assert loss.isfinite().all()
    assert gradient_of(loss.sum(), single).isfinite().all()


@every_member
def test_sampled_training_lowers_the_exact_loss(objective):
    dist = make_dist(tokenizer=NormalizedTokenizer(3, 3))
    y = TARGETS.clamp(max=2.0)
    before = evaluate(objective, dist, y)
    optimizer = torch.optim.AdamW([*dist.decoder.parameters(), dist.context], lr=0.02)
    torch.manual_seed(0)
    for _ in range(20):
        loss = evaluate(objective, without_leaves(dist), y).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert evaluate(objective, dist, y).mean() < 0.5 * before.mean()


# Two values of the target at one x: which law is learned


def fit_two_points(objective, share=0.6, peaked=None, n_steps=120):
    """Return the entropy before, and values and law after, of a free law on 0 .. 7.

    The target is 7 with probability ``share``, otherwise 0.
    """
    tokenizer = NormalizedTokenizer(2, 3).fit([0.0, 7.0])
    torch.manual_seed(0)
    decoder = MLPDecoder(WIDTH, tokenizer.allowed_tokens, hidden_size=16).double()
    context = torch.ones(1, WIDTH, dtype=torch.float64)
    leaves = leaves_of(tokenizer, context.device)
    dist = TokenDistribution(decoder, context, tokenizer, leaves)

    def descend(loss, n_steps):
        optimizer = torch.optim.Adam(decoder.parameters(), lr=0.05)
        for _ in range(n_steps):
            optimizer.zero_grad()
            loss().backward()
            optimizer.step()

    if peaked is not None:
        y = torch.tensor([peaked], dtype=torch.float64)
        descend(lambda: CrossEntropy().loss(dist, y).mean(), 10)
    before = dist.atoms().entropy.item()
    y = torch.tensor([0.0, 7.0], dtype=torch.float64)
    weight = torch.tensor([1 - share, share], dtype=torch.float64)
    twice = with_context(dist, context.expand(2, -1))
    descend(lambda: (weight * evaluate(objective, twice, y)).sum(), n_steps)
    atoms = dist.atoms()
    return before, atoms.values.detach(), atoms.probs[0].detach()


def test_the_mean_alone_is_learned_and_the_law_left_free():
    laws = []
    for peaked in (None, 2.0):
        _, values, probs = fit_two_points(ExpectedError(alpha=0), peaked=peaked)
        assert (probs * values).sum().item() == pytest.approx(0.6 * 7, abs=0.05)
        laws.append(probs)
    assert (laws[0] - laws[1]).abs().max() > 0.1
    assert (torch.stack(laws)[:, [0, 7]].sum(-1) < 0.9).all()


@pytest.mark.parametrize(("share", "nearest"), [(0.6, 4), (0.3, 2), (0.95, 7)])
def test_lemma_4_expected_error_ends_in_the_point_nearest_to_the_mean(share, nearest):
    _, values, probs = fit_two_points(ExpectedError(), share=share)
    assert values[probs.argmax()].item() == pytest.approx(nearest)
    assert probs.max() > 0.95


@pytest.mark.parametrize("reward", REWARDS)
@pytest.mark.parametrize("reward_clip", [None, 10.0])
@pytest.mark.parametrize("share", [0.3, 0.6])
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


# As objectives


@every_class
def test_members_are_objectives_that_clone(member):
    objective = member(n_rollouts=3)
    assert isinstance(objective, Objective)
    assert isinstance(objective, NumberLoss)
    assert clone(objective).get_params() == objective.get_params()
    for tokenizer in TOKENIZERS.values():
        objective.check(tokenizer().fit([0.0, 1.0]))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_rollouts": 1}, ValueError, "n_rollouts == 1, must be >= 2"),
        ({"n_rollouts": -4}, ValueError, "n_rollouts == -4"),
        ({"n_rollouts": 2.5}, TypeError, "n_rollouts .* not .*float"),
        ({"n_rollouts": "16"}, TypeError, "n_rollouts .* not .*str"),
    ],
)
@every_class
def test_groups_of_less_than_two_are_refused(member, options, error, message):
    with pytest.raises(error, match=f"{member.__name__}.{message}"):
        member(**options).check(NormalizedTokenizer())


@pytest.mark.parametrize(
    ("alpha", "error", "message"),
    [
        (-0.1, ValueError, r"alpha == -0\.1, must be >= 0"),
        (NAN, ValueError, "alpha.*nan"),
        (INF, ValueError, "alpha == inf"),
        (None, TypeError, "alpha .* not .*NoneType"),
        ("1", TypeError, "alpha .* not .*str"),
    ],
)
def test_alpha_out_of_range_is_refused(alpha, error, message):
    with pytest.raises(error, match=f"ExpectedError.{message}"):
        ExpectedError(alpha).check(NormalizedTokenizer())


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@pytest.mark.parametrize(
    ("pretraining", "fine_tuning"),
    [
        ("crps", "expected_error"),
        ("expected_error", "crps"),
    ],
)
def test_estimator_fits_by_them_in_either_stage(tokenizer, pretraining, fine_tuning):
    X = torch.randn(60, 2, generator=torch.Generator().manual_seed(0)).numpy()
    model = DecodingRegressor(
        tokenizer,
        encoder=partial(MLPEncoder, hidden_layer_sizes=(8,), dropout=0.1),
        decoder=partial(MLPDecoder, hidden_size=8),
        pretraining=pretraining,
        fine_tuning=fine_tuning,
        pretraining_epochs=1,
        fine_tuning_epochs=2,
        random_state=0,
    ).fit(X, X[:, 0])
    stages = [row["stage"] for row in model.history_]
    assert stages == ["pretraining"] + ["fine_tuning"] * 3
    losses = [row["train_loss"] for row in model.history_ if row["epoch"]]
    assert all(math.isfinite(loss) for loss in losses)
    assert math.isfinite(model.predict(X).sum())
