"""Token losses: cross-entropy and a distance between digits."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from digit_distributions import (
    ENUMERABLE,
    evaluate,
    fitted,
    free_dist,
    gradient_of,
)

from sklearn_genre import DecodingRegressor
from sklearn_genre.losses import (
    DIST,
    LOSSES,
    NTLMSE,
    NTLWAS,
    CrossEntropy,
    DigitLoss,
)
from sklearn_genre.tokenizers import IEEETokenizer, NormalizedTokenizer

BASE_3 = NormalizedTokenizer(3, 3)
Y = torch.randn(40, generator=torch.Generator().manual_seed(0)).double()
TOKEN_LOSSES = {
    name: member for name, member in LOSSES.items() if issubclass(member, DigitLoss)
}
every_token_loss = pytest.mark.parametrize(
    "member", TOKEN_LOSSES.values(), ids=TOKEN_LOSSES
)
NUMBERS = {
    name: tokenizer
    for name, tokenizer in ENUMERABLE.items()
    if not tokenizer.digit_values.isnan().all()
}
every_tokenizer = pytest.mark.parametrize("tokenizer", NUMBERS.values(), ids=NUMBERS)


class Digits:
    """Independent tokens, of logits (length, vocab_size), the same for each sample."""

    def __init__(self, tokenizer, logits):
        self.tokenizer = tokenizer
        self.logits = logits

    def log_probs(self, tokens):
        return self.logits.log_softmax(-1).expand(*tokens.shape[:2], -1, -1)


def make_digits(tokenizer, seed=0, scale=2.0):
    """Return targets and random distributions on their strings."""
    y, tokenizer = Y, fitted(tokenizer, Y.tolist())
    shape = tokenizer.allowed_tokens.shape
    logits = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    logits = scale * logits.double()
    return y, Digits(
        tokenizer, logits.masked_fill(~tokenizer.allowed_tokens, -torch.inf)
    )


def same_at_each(tokenizer, masses):
    """Return the distribution with the same masses, {token: mass}, at each position."""
    probs = torch.zeros(tokenizer.allowed_tokens.shape, dtype=torch.float64)
    for token, mass in masses.items():
        probs[:, token] = mass
    return Digits(tokenizer, probs.log().clamp(min=-1e9))


def term_of(member, dist, y, **options):
    """Return what a token loss adds to cross-entropy at weight 1."""
    with_term = member(weight=1.0, **options).losses(dist, y)
    return with_term - member(weight=0.0, **options).losses(dist, y)


def number_probs(dist):
    """Yield position, {token: value} and {token: probability} where numbers stand."""
    values = dist.tokenizer.digit_values
    probs = dist.logits.softmax(-1)
    for position in range(dist.tokenizer.length):
        numbers = (~values[position].isnan()).nonzero()[:, 0].tolist()
        if numbers:
            total = sum(probs[position, token].item() for token in numbers)
            yield (
                position,
                {token: values[position, token].item() for token in numbers},
                {token: probs[position, token].item() / total for token in numbers},
            )


def defined_was(value, p, truth):
    return sum(p[j] * abs(value[j] - truth) for j in p)


def defined_mse(value, p, truth):
    return (sum(p[j] * value[j] for j in p) - truth) ** 2


def defined_dist(value, p, truth):
    q = {j: math.exp(-((value[j] - truth) ** 2)) for j in p}
    total = sum(q.values())
    return sum(q[j] / total * math.log(q[j] / total / p[j]) for j in p)


DEFINITIONS = {NTLWAS: defined_was, NTLMSE: defined_mse, DIST: defined_dist}


@every_tokenizer
@pytest.mark.parametrize("member", DEFINITIONS)
def test_the_term_is_that_of_the_definition(member, tokenizer):
    y, dist = make_digits(tokenizer)
    expected = [
        sum(
            DEFINITIONS[member](value, p, value[int(string[position])])
            for position, value, p in number_probs(dist)
        )
        for string in dist.tokenizer.encode(y)
    ]
    expected = torch.tensor(expected, dtype=torch.float64)
    assert (expected > 0).all()
    torch.testing.assert_close(term_of(member, dist, y), expected)


@every_tokenizer
@every_token_loss
def test_weight_zero_is_cross_entropy(member, tokenizer):
    dist = free_dist("mlp", tokenizer, batch=40, y=Y.tolist())
    losses = [evaluate(o, dist, Y) for o in (member(weight=0.0), CrossEntropy())]
    assert torch.equal(*losses)
    assert torch.equal(*(gradient_of(loss.sum(), dist) for loss in losses))


@every_token_loss
def test_the_loss_is_linear_in_the_weight(member):
    y, dist = make_digits(BASE_3)
    losses = [member(weight=weight).losses(dist, y) for weight in (0.0, 0.3, 0.9)]
    torch.testing.assert_close(losses[2] - losses[0], 3 * (losses[1] - losses[0]))


@every_tokenizer
@every_token_loss
def test_tokens_that_are_no_numbers_do_not_count(member, tokenizer):
    y, dist = make_digits(tokenizer)
    expected = term_of(member, dist, y)
    not_numbers = dist.tokenizer.digit_values.isnan()  # signs and forbidden tokens
    noise = torch.linspace(-3, 3, not_numbers.numel()).view(not_numbers.shape)
    moved = torch.where(not_numbers, noise, dist.logits).requires_grad_()
    term = term_of(member, Digits(dist.tokenizer, moved), y)
    torch.testing.assert_close(term, expected)
    (gradient,) = torch.autograd.grad(term.sum(), moved)
    torch.testing.assert_close(
        gradient[not_numbers], torch.zeros(int(not_numbers.sum()), dtype=gradient.dtype)
    )
    assert gradient[~not_numbers].any()


@every_token_loss
def test_a_true_token_that_is_no_number_has_no_distance(member):
    tokenizer = SimpleNamespace(  # "-", 3 or 8 at the only position
        encode=lambda y: (y > 0).long()[:, None],
        digit_values=torch.tensor([[math.nan, 3.0, 8.0]]),
    )
    logits = torch.tensor([[0.5, 1.0, 2.0]], requires_grad=True)
    term = term_of(member, Digits(tokenizer, logits), torch.tensor([-1.0, 1.0]))
    assert term[0] == 0
    assert term[1] > 0
    assert torch.autograd.grad(term.sum(), logits)[0].isfinite().all()


@pytest.mark.parametrize("scale", [1e4, 1e30])
@every_tokenizer
@every_token_loss
def test_extreme_logits_stay_finite(member, tokenizer, scale):
    y, dist = make_digits(tokenizer, scale=1.0)
    logits = (scale * dist.logits).float().clamp(-1e37, 1e37).requires_grad_()
    loss = member().losses(Digits(dist.tokenizer, logits), y)
    assert loss.isfinite().all()
    loss.mean().backward()
    assert logits.grad.isfinite().all()
    assert logits.grad.any()


@pytest.mark.parametrize("base", [2, 3, 10, 36])
def test_ntl_was_is_the_difference_of_cumulative_distributions(base):
    y, dist = make_digits(NormalizedTokenizer(base, 3))
    true = torch.nn.functional.one_hot(dist.tokenizer.encode(y), base).double()
    gaps = (dist.logits.softmax(-1).cumsum(-1) - true.cumsum(-1)).abs()
    torch.testing.assert_close(term_of(NTLWAS, dist, y), gaps.sum((-1, -2)))


def test_ntl_was_in_base_two_counts_wrong_digits():
    y, dist = make_digits(NormalizedTokenizer(2, 5))
    tokens = dist.tokenizer.encode(y)
    right = dist.logits.softmax(-1).expand(40, -1, -1).gather(-1, tokens[..., None])
    torch.testing.assert_close(term_of(NTLWAS, dist, y), (1 - right).sum((-1, -2)))


@pytest.mark.parametrize("base", [6, 10, 36])
def test_ntl_mse_is_flat_where_the_mean_digit_is_right(base):
    tokenizer = NormalizedTokenizer(base, 3).fit([0.0, 1.0])
    y = tokenizer.decode(torch.tensor([[4, 4, 4]]))
    for share in (0.5, 0.3, 0.0):
        masses = {3: share, 4: 1 - 2 * share, 5: share}
        dist = same_at_each(tokenizer, masses)
        assert term_of(NTLMSE, dist, y).item() == pytest.approx(0, abs=1e-12)
        assert term_of(NTLWAS, dist, y).item() == pytest.approx(6 * share)


@pytest.mark.parametrize("member", [NTLWAS, NTLMSE])
@every_tokenizer
def test_number_token_losses_vanish_at_the_true_string(tokenizer, member):
    y, dist = make_digits(tokenizer)
    for target in y[:5, None]:
        tokens = dist.tokenizer.encode(target)
        logits = torch.full_like(dist.logits, -1e9).scatter(-1, tokens.T, 0.0)
        loss = member(weight=1e3).losses(Digits(dist.tokenizer, logits), target)
        assert loss.item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 30.0])
def test_dist_vanishes_at_its_bell_alone(temperature):
    tokenizer = NormalizedTokenizer(10, 1).fit([0.0, 9.0])
    digits = torch.arange(10.0, dtype=torch.float64)
    bells = -((digits[:, None] - digits) ** 2) / temperature  # logits of each truth
    terms = [
        term_of(DIST, Digits(tokenizer, bell[None]), digits, temperature=temperature)
        for bell in bells
    ]
    terms = torch.stack(terms)  # (bell, truth)
    torch.testing.assert_close(terms.diagonal(), torch.zeros_like(digits))
    assert (terms + torch.eye(10) > 1e-4).all()


@pytest.mark.parametrize("weight", [0.1, 2.0])
@every_tokenizer
def test_dist_tends_to_cross_entropy_of_the_numbers(tokenizer, weight):
    y, dist = make_digits(tokenizer)
    cross_entropy = DIST(weight=0.0).losses(dist, y)
    tokens = dist.tokenizer.encode(y)
    expected = cross_entropy - weight * sum(
        torch.tensor([p[int(token)] for token in tokens[:, position]]).double().log()
        for position, _, p in number_probs(dist)
    )
    errors = [
        (DIST(weight, temperature).losses(dist, y) - expected).abs().max().item()
        for temperature in (1.0, 0.3, 0.1, 1e-6)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-6
    if not dist.tokenizer.digit_values.isnan().any():
        torch.testing.assert_close(expected, (1 + weight) * cross_entropy)


def test_dist_in_base_two_smooths_labels():
    y, dist = make_digits(NormalizedTokenizer(2, 4))
    wrong = math.exp(-1) / (1 + math.exp(-1))
    tokens = dist.tokenizer.encode(y)
    log_probs = dist.log_probs(tokens[None])[0]
    q = torch.where(torch.arange(2) == tokens[..., None], 1 - wrong, wrong).double()
    expected = (q * (q.log() - log_probs)).sum((-1, -2))
    torch.testing.assert_close(term_of(DIST, dist, y), expected, rtol=1e-6, atol=0)


@every_token_loss
def test_one_pass_of_the_network(member):
    y, dist = make_digits(BASE_3)
    calls = []
    log_probs = dist.log_probs
    dist.log_probs = lambda tokens: calls.append(tokens.shape) or log_probs(tokens)
    evaluate(member(), dist, y)
    assert calls == [(1, 40, 3)]


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (NTLWAS(-0.1), r"NTLWAS\.weight == -0\.1, must be >= 0"),
        (DIST(temperature=0.0), r"DIST\.temperature == 0\.0, must be"),
    ],
    ids=repr,
)
def test_bad_options_of_a_token_loss(objective, message):
    X, y = np.zeros((9, 1)), np.arange(9.0)
    for stage in ("pretraining", "fine_tuning"):
        with pytest.raises(ValueError, match=message):
            DecodingRegressor(**{stage: objective}).fit(X, y)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (torch.full((3, 2), math.nan), "NTLWAS compares .* has none.*CRPS"),
        (torch.zeros(2, 3), r"shape of allowed_tokens, \(3, 2\), got \(2, 3\)"),
        (torch.tensor([[0.0, math.inf]] * 3), "finite, .* got inf for token 1 at"),
    ],
)
def test_bad_digit_values(values, message):
    class Own(NormalizedTokenizer):
        digit_values = values

    with pytest.raises(ValueError, match=message):
        NTLWAS().check(Own(2, 3))


def test_values_of_tokens_that_are_not_allowed():
    class Own(IEEETokenizer):
        digit_values = torch.zeros(6, 12)

    with pytest.raises(ValueError, match=r"not allowed, got 0\.0 for token 2 at"):
        DIST().check(Own(10, 1, 3))
