"""Differentiable losses: what holds for every member of LOSSES, then each one."""

import itertools
import math
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.base import clone

from sklearn_genre import DecodingRegressor
from sklearn_genre._objective import Objective
from sklearn_genre.encoders import MLPEncoder
from sklearn_genre.losses import (
    DIST,
    LOSSES,
    NTLMSE,
    NTLWAS,
    CrossEntropy,
    DigitLoss,
)
from sklearn_genre.networks import DECODERS, decoding_network
from sklearn_genre.tokenizers import (
    TOKENIZERS,
    IEEETokenizer,
    NormalizedTokenizer,
    P10Tokenizer,
)

ROWS = 40
SMALL = {  # formats that are listed string by string; a new one: its defaults
    **{name: member() for name, member in TOKENIZERS.items()},
    "normalized": NormalizedTokenizer(3, 3),
    "ieee": IEEETokenizer(2, 1, 3),
    "p10": P10Tokenizer(1, 2),
}
every_loss = pytest.mark.parametrize("member", LOSSES.values(), ids=LOSSES)
TOKEN_LOSSES = {
    name: member for name, member in LOSSES.items() if issubclass(member, DigitLoss)
}
every_token_loss = pytest.mark.parametrize(
    "member", TOKEN_LOSSES.values(), ids=TOKEN_LOSSES
)
every_decoder = pytest.mark.parametrize("decoder", DECODERS)
PAIRS = [  # of decoders and the tokenizers they work with
    (decoder, tokenizer)
    for decoder, tokenizer in itertools.product(DECODERS, SMALL.values())
    if decoder != "anchored" or tokenizer.evenly_spaced
]
every_tokenizer = pytest.mark.parametrize("tokenizer", SMALL.values(), ids=repr)


def make_data(dtype=torch.float64):
    """Return rows and their targets, standardised."""
    X = torch.randn(ROWS, 3, generator=torch.Generator().manual_seed(0))
    y = (X[:, 0] + X[:, 1] ** 2).double()
    return X.to(dtype), (y - y.mean()) / y.std()


def make_network(y, tokenizer=SMALL["normalized"], decoder="mlp", dtype=torch.float64):
    torch.manual_seed(0)
    return decoding_network(
        partial(MLPEncoder, hidden_layer_sizes=(16,)),
        DECODERS[decoder],
        clone(tokenizer).fit(y),
        n_numeric=3,
    ).to(dtype)


def loss_of(objective, dist, y):
    """Return the loss of each row as the training engine computes it."""
    with torch.no_grad():
        target = objective.prepare(dist, y)
    return objective.loss(dist, target)


def train(objective, network, X, y, n_steps=20):
    """Return the mean loss before each step of AdamW."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    losses = []
    for _ in range(n_steps):
        loss = loss_of(objective, network(X), y).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


# Every loss


@every_loss
def test_members_are_objectives_that_clone(member):
    objective = member()
    objective.check(SMALL["normalized"])
    assert isinstance(objective, Objective)
    assert clone(objective).get_params() == objective.get_params()
    assert objective.n_updates == 1
    assert objective.needs_reference is False


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@every_decoder
@every_loss
def test_one_finite_differentiable_loss_per_row(member, decoder, dtype):
    X, y = make_data(dtype)
    network = make_network(y, decoder=decoder, dtype=dtype)
    loss = loss_of(member(), network(X), y)
    assert loss.shape == (ROWS,)
    assert loss.isfinite().all()
    loss.mean().backward()
    for label, parameter in network.named_parameters():
        assert parameter.grad.isfinite().all(), label
        assert parameter.grad.any(), label


@every_loss
def test_the_loss_of_a_row_is_its_own(member):
    X, y = make_data()
    network, objective = make_network(y), member()
    together = loss_of(objective, network(X), y)
    apart = torch.cat(
        [loss_of(objective, network(X[i : i + 1]), y[i : i + 1]) for i in range(ROWS)]
    )
    torch.testing.assert_close(together, apart, rtol=1e-10, atol=1e-10)


@every_loss
def test_targets_beyond_the_training_range_stay_finite(member):
    X, y = make_data()
    network = make_network(y)
    y = torch.where(torch.arange(ROWS) % 2 == 0, 1e6, -1e6).double()
    loss = loss_of(member(), network(X), y)
    assert loss.isfinite().all()
    loss.mean().backward()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())


@every_decoder
@every_loss
def test_training_lowers_the_loss(member, decoder):
    X, y = make_data(torch.float32)
    losses = train(member(), make_network(y, decoder=decoder, dtype=X.dtype), X, y)
    assert losses[-1] < 0.8 * losses[0]


@every_loss
def test_training_improves_the_number(member):
    X, y = make_data(torch.float32)
    network = make_network(y, dtype=X.dtype)
    before = (network(X).atoms().mean - y).square().mean()
    train(member(), network, X, y, n_steps=60)
    after = (network(X).atoms().mean - y).square().mean()
    assert after < 0.5 * before


@every_loss
@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_either_stage_of_a_fit_takes_it(tokenizer, member):
    X, y = (array.numpy() for array in make_data())
    model = DecodingRegressor(
        tokenizer,
        pretraining=member(),
        fine_tuning=member(),
        pretraining_epochs=2,
        fine_tuning_epochs=2,
        early_stopping=False,
        random_state=0,
    ).fit(X, y)
    losses = [row["train_loss"] for row in model.history_ if row["epoch"]]
    assert len(losses) == 4
    assert np.isfinite(losses).all()
    assert np.isfinite(model.predict(X)).all()
    stored = model.get_params()["pretraining"].get_params()
    assert stored == member().get_params()  # fit leaves the objective as it was


# Cross-entropy


@pytest.mark.parametrize(("decoder", "tokenizer"), PAIRS)
def test_cross_entropy_is_minus_the_log_mass_of_the_string(decoder, tokenizer):
    X, y = make_data()
    network = make_network(y, tokenizer, decoder)
    dist = network(X)
    strings = network.tokenizer.grid()
    is_target = (strings == network.tokenizer.encode(y)[:, None]).all(-1)
    assert (is_target.sum(-1) == 1).all()
    leaves = network.decoder.leaf_log_probs(dist.context)  # (batch, n_strings)
    loss = loss_of(CrossEntropy(), dist, y)
    torch.testing.assert_close(loss, -leaves[is_target], rtol=1e-10, atol=1e-10)
    parameters = list(network.parameters())
    for one, other in zip(
        torch.autograd.grad(loss.sum(), parameters, retain_graph=True),
        torch.autograd.grad(-leaves[is_target].sum(), parameters),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_expected_cross_entropy_is_the_entropy():
    X, y = make_data()
    network = make_network(y)
    values = network.tokenizer.decode(network.tokenizer.grid())
    atoms = network(X).atoms()
    losses = [loss_of(CrossEntropy(), network(X), v.expand(ROWS)) for v in values]
    expected = (atoms.probs * torch.stack(losses, -1)).sum(-1)
    torch.testing.assert_close(expected, atoms.entropy, rtol=1e-10, atol=1e-10)


# Token losses


class Digits:
    """Laws of independent tokens, of logits (length, vocab_size), the same each row."""

    def __init__(self, tokenizer, logits):
        self.tokenizer = tokenizer
        self.logits = logits

    def log_probs(self, tokens):
        return self.logits.log_softmax(-1).expand(*tokens.shape[:2], -1, -1)


def make_digits(tokenizer, seed=0, scale=2.0):
    """Return targets and random laws on their strings."""
    y = make_data()[1]
    tokenizer = clone(tokenizer).fit(y)
    shape = tokenizer.allowed_tokens.shape
    logits = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    logits = scale * logits.double()
    return y, Digits(tokenizer, logits.masked_fill(~tokenizer.allowed_tokens, -1e9))


def same_at_each(tokenizer, masses):
    """Return the law with the same masses, {token: mass}, at each position."""
    probs = torch.zeros(tokenizer.allowed_tokens.shape, dtype=torch.float64)
    for token, mass in masses.items():
        probs[:, token] = mass
    return Digits(tokenizer, probs.log().clamp(min=-1e9))


def term_of(member, dist, y, **options):
    """Return what a token loss adds to cross-entropy at weight 1."""
    with_term = member(weight=1.0, **options).loss(dist, y)
    return with_term - member(weight=0.0, **options).loss(dist, y)


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
@every_token_loss
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
    X, y = make_data()
    network = make_network(y, tokenizer)
    parameters = list(network.parameters())
    losses = [
        loss_of(objective, network(X), y)
        for objective in (member(weight=0.0), CrossEntropy())
    ]
    assert torch.equal(*losses)
    gradients = [torch.autograd.grad(loss.sum(), parameters) for loss in losses]
    for one, other in zip(*gradients, strict=True):
        assert torch.equal(one, other)


@every_token_loss
def test_the_loss_is_linear_in_the_weight(member):
    y, dist = make_digits(SMALL["normalized"])
    losses = [member(weight=weight).loss(dist, y) for weight in (0.0, 0.3, 0.9)]
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
    loss = member().loss(Digits(dist.tokenizer, logits), y)
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
    right = dist.logits.softmax(-1).expand(ROWS, -1, -1).gather(-1, tokens[..., None])
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
        loss = member(weight=1e3).loss(Digits(dist.tokenizer, logits), target)
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
    cross_entropy = DIST(weight=0.0).loss(dist, y)
    tokens = dist.tokenizer.encode(y)
    expected = cross_entropy - weight * sum(
        torch.tensor([p[int(token)] for token in tokens[:, position]]).double().log()
        for position, _, p in number_probs(dist)
    )
    errors = [
        (DIST(weight, temperature).loss(dist, y) - expected).abs().max().item()
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
    y, dist = make_digits(SMALL["normalized"])
    calls = []
    log_probs = dist.log_probs
    dist.log_probs = lambda tokens: calls.append(tokens.shape) or log_probs(tokens)
    loss_of(member(), dist, y)
    assert calls == [(1, ROWS, 3)]


@every_token_loss
def test_dropout_stays_on(member):
    assert member().uses_dropout is CrossEntropy().uses_dropout is True


@pytest.mark.parametrize(
    ("objective", "error", "message"),
    [
        (NTLWAS(-0.1), ValueError, r"NTLWAS\.weight == -0\.1, must be >= 0"),
        (NTLMSE(math.nan), ValueError, r"NTLMSE\.weight == nan, must be >= 0"),
        (DIST(math.inf), ValueError, r"DIST\.weight == inf, must be >= 0 and finite"),
        (DIST(temperature=0.0), ValueError, r"DIST\.temperature == 0\.0, must be"),
        (NTLWAS("high"), TypeError, r"NTLWAS\.weight must be an instance of"),
    ],
    ids=repr,
)
def test_bad_options_of_a_token_loss(objective, error, message):
    X, y = make_data()
    with pytest.raises(error, match=message):
        DecodingRegressor(pretraining=objective).fit(X.numpy(), y.numpy())
    with pytest.raises(error, match=message):
        DecodingRegressor(fine_tuning=objective).fit(X.numpy(), y.numpy())


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
