"""Decoders: three ways to answer that agree; then encoder and decoder together."""

import copy
import itertools
from functools import partial

import pytest
import torch
from sklearn.base import clone
from torch.utils.flop_counter import FlopCounterMode

from sklearn_genre.distributions import PointDistribution, TokenDistribution
from sklearn_genre.encoders import MLPEncoder
from sklearn_genre.networks import (
    DECODERS,
    HEADS,
    DigitDecoder,
    HeadNetwork,
    MLPDecoder,
    TransformerDecoder,
    decoding_network,
)
from sklearn_genre.networks._network import OneHot
from sklearn_genre.tokenizers import (
    TOKENIZERS,
    IEEETokenizer,
    NormalizedTokenizer,
    P10Tokenizer,
)

WIDTH = 5
MASKS = {  # name: allowed tokens (length, vocab_size)
    "one token": torch.ones(1, 3, dtype=torch.bool),
    "base 2": NormalizedTokenizer(2, 5).allowed_tokens,
    "base 5": NormalizedTokenizer(5, 3).allowed_tokens,
    "ieee": IEEETokenizer(3, 1, 2).allowed_tokens,
    "p10": P10Tokenizer(1, 2).allowed_tokens,
    "no choice": torch.tensor(  # at the second and at the last position
        [[0, 1, 1, 1], [0, 0, 1, 0], [1, 1, 0, 0], [1, 0, 1, 1], [1, 0, 0, 0]]
    ).bool(),
}


def with_formats(*tokenizers):
    """Parametrize a test by the decoders, each with the formats that it can write."""
    pairs = itertools.product(DECODERS, tokenizers)
    return pytest.mark.parametrize(
        ("name", "tokenizer"),
        [(name, t) for name, t in pairs if name != "anchored" or t.evenly_spaced],
        ids=lambda value: value if isinstance(value, str) else type(value).__name__,
    )


every_decoder = pytest.mark.parametrize("name", DECODERS)
every_mask = pytest.mark.parametrize("allowed", MASKS.values(), ids=MASKS)
every_head = pytest.mark.parametrize("head", HEADS)
every_format = with_formats(NormalizedTokenizer(3, 3), IEEETokenizer(3, 1, 2))


def make_decoder(name, allowed, dtype=torch.float64, **options):
    """Return a decoder with random weights in every parameter."""
    torch.manual_seed(0)
    decoder = DECODERS[name](WIDTH, allowed, **options).to(dtype).eval()
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.add_(0.15 * torch.randn_like(parameter))
    return decoder


def make_context(batch=3, seed=1, **options):
    generator = torch.Generator().manual_seed(seed)
    context = torch.randn(batch, WIDTH, generator=generator, dtype=torch.float64)
    return context.to(**options)


def random_tokens(allowed, *shape, seed=2):
    """Return allowed strings (*shape, length), drawn at random."""
    generator = torch.Generator().manual_seed(seed)
    n = int(torch.tensor(shape).prod())
    drawn = torch.multinomial(
        allowed.double(), n, replacement=True, generator=generator
    )
    return drawn.T.reshape(*shape, len(allowed))


def all_strings(allowed):
    """Return every allowed string (n_strings, length) in lexicographic order."""
    choices = [row.nonzero()[:, 0] for row in allowed]
    return torch.cartesian_prod(*choices).reshape(-1, len(allowed))


def stepwise_logits(decoder, context, tokens, branches):
    """Return logits as forward does, stepping along lanes that branch as told.

    Each string of tokens (n, batch, length) takes its first tokens from the lane it
    descends from; the strings so changed are returned too.
    """
    n, _, length = tokens.shape
    logits, cache = decoder.start(context)
    lanes, seen, steps = 1, [], []
    for position in range(length):
        steps.append(logits.repeat_interleave(n // lanes, 1))
        lanes *= branches[position]
        assert n % lanes == 0
        token = tokens[:: n // lanes, :, position].T  # (batch, lanes)
        seen.append(token.repeat_interleave(n // lanes, 1))
        if position + 1 < length:
            logits, cache = decoder.step(cache, token)
    return torch.stack(steps, -2).transpose(0, 1), torch.stack(seen, -1).transpose(0, 1)


def log_probs_of(decoder, context, tokens):
    """Return the teacher-forced log-probability of each string, (n, batch)."""
    log_probs = decoder(context, tokens).log_softmax(-1)
    return log_probs.gather(-1, tokens[..., None])[..., 0].sum(-1)


@pytest.fixture
def count_lanes(monkeypatch):
    """Return a function that lets a decoder note the lanes of each call from outside.

    A start that calls step is one call.
    """

    def install(decoder):
        seen, inside = [], []

        def counted(original, *args):
            inside.append(original)
            logits, cache = original(*args)
            inside.pop()
            if not inside:
                seen.append(logits.shape[1])
            return logits, cache

        for method in ("start", "step"):
            original = getattr(decoder, method)
            monkeypatch.setattr(decoder, method, partial(counted, original))
        return seen

    return install


# The three ways agree


@every_mask
@every_decoder
@pytest.mark.parametrize("pattern", ["at once", "late", "tree", "never"])
def test_teacher_forced_logits_equal_stepwise_ones(name, allowed, pattern):
    decoder, context = make_decoder(name, allowed), make_context()
    length = len(allowed)
    branches = {
        "at once": [6] + [1] * (length - 1),
        "late": [1] * (length - 1) + [6],
        "tree": ([2, 1, 3, 2, 1])[:length],
        "never": [1] * length,
    }[pattern]
    n = int(torch.tensor(branches).prod())
    tokens = random_tokens(allowed, n, len(context))
    stepwise, tokens = stepwise_logits(decoder, context, tokens, branches)
    forced = decoder(context, tokens)
    assert forced.shape == (n, len(context), *allowed.shape)
    torch.testing.assert_close(stepwise, forced, rtol=1e-10, atol=1e-10)


@every_mask
@every_decoder
def test_leaves_equal_teacher_forced_log_probs(name, allowed):
    decoder, context = make_decoder(name, allowed), make_context()
    strings = all_strings(allowed)
    tokens = strings[:, None].expand(-1, len(context), -1)
    leaves = decoder.leaf_log_probs(context)
    assert leaves.shape == (len(context), len(strings))
    expected = log_probs_of(decoder, context, tokens).T
    torch.testing.assert_close(leaves, expected, rtol=1e-10, atol=1e-10)


@every_mask
@every_decoder
@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_leaves_equal_the_expansion_of_the_base_class(name, allowed, temperature):
    decoder, context = make_decoder(name, allowed), make_context()
    leaves = decoder.leaf_log_probs(context, temperature)
    expanded = DigitDecoder.leaf_log_probs(decoder, context, temperature)
    torch.testing.assert_close(leaves, expanded, rtol=1e-10, atol=1e-10)
    total = leaves.logsumexp(-1)
    torch.testing.assert_close(total, torch.zeros_like(total), rtol=0, atol=1e-12)


@every_decoder
def test_temperature_divides_the_logits(name):
    allowed = MASKS["p10"]
    decoder, context = make_decoder(name, allowed), make_context()
    tokens = all_strings(allowed)[:, None].expand(-1, len(context), -1)
    steps = (decoder(context, tokens) / 2.5).log_softmax(-1)
    expected = steps.gather(-1, tokens[..., None])[..., 0].sum(-1).T
    leaves = decoder.leaf_log_probs(context, 2.5)
    torch.testing.assert_close(leaves, expected, rtol=1e-10, atol=1e-10)


@every_decoder
def test_gradients_of_leaves_and_of_teacher_forcing_agree(name):
    allowed = MASKS["no choice"]
    decoder, context = make_decoder(name, allowed), make_context().requires_grad_()
    strings = all_strings(allowed)
    weights = torch.randn(len(context), len(strings), dtype=torch.float64)
    inputs = [context, *decoder.parameters()]
    leaves = (weights * decoder.leaf_log_probs(context)).sum()
    tokens = strings[:, None].expand(-1, len(context), -1)
    forced = (weights.T * log_probs_of(decoder, context, tokens)).sum()
    for one, other in zip(
        torch.autograd.grad(leaves, inputs, materialize_grads=True),
        torch.autograd.grad(forced, inputs, materialize_grads=True),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@every_decoder
def test_one_row_does_not_depend_on_the_others(name):
    allowed = NormalizedTokenizer(2, 8).allowed_tokens
    decoder, context = make_decoder(name, allowed), make_context(21)
    with torch.no_grad():  # large enough to be computed in more than one chunk
        together = decoder.leaf_log_probs(context)
        alone = torch.cat([decoder.leaf_log_probs(row[None]) for row in context])
    torch.testing.assert_close(together, alone, rtol=1e-11, atol=1e-11)
    with_gradient = decoder.leaf_log_probs(context)
    torch.testing.assert_close(together, with_gradient, rtol=1e-11, atol=1e-11)


# Steps


@every_decoder
def test_step_leaves_the_cache_as_it_was(name):
    allowed = MASKS["base 5"]
    decoder, context = make_decoder(name, allowed), make_context()
    first, second = random_tokens(allowed, 2, len(context))[..., :1]
    _, cache = decoder.start(context)
    before, _ = decoder.step(cache, first)
    between, _ = decoder.step(cache, second)
    again, _ = decoder.step(cache, first)
    assert torch.equal(before, again)
    assert not torch.equal(before, between)


@every_decoder
def test_tokens_of_one_row_serve_every_row(name):
    allowed = MASKS["ieee"]
    decoder, context = make_decoder(name, allowed), make_context()
    tokens = torch.tensor([[0, 1]])
    shared, cache = decoder.step(decoder.start(context)[1], tokens)
    assert shared.shape == (len(context), 2, allowed.shape[1])
    repeated, other = decoder.step(decoder.start(context)[1], tokens.expand(3, -1))
    torch.testing.assert_close(shared, repeated, rtol=1e-12, atol=1e-12)
    children = torch.tensor([[2, 3, 4, 2]])
    torch.testing.assert_close(
        decoder.step(cache, children)[0],
        decoder.step(other, children.expand(3, -1))[0],
        rtol=1e-12,
        atol=1e-12,
    )


@every_mask
@every_decoder
def test_no_prefix_is_computed_twice(name, allowed, count_lanes):
    decoder, context = make_decoder(name, allowed), make_context()
    n_prefixes = [1] + [len(all_strings(allowed[:t])) for t in range(1, len(allowed))]
    lanes = count_lanes(decoder)
    DigitDecoder.leaf_log_probs(decoder, context)
    assert lanes == n_prefixes


@every_mask
@every_decoder
def test_a_faster_way_to_the_leaves_computes_no_more(name, allowed):
    decoder, context = make_decoder(name, allowed), make_context()
    with FlopCounterMode(display=False) as own:
        decoder.leaf_log_probs(context)
    with FlopCounterMode(display=False) as expanded:
        DigitDecoder.leaf_log_probs(decoder, context)
    assert 0 < own.get_total_flops() <= expanded.get_total_flops()


# States


@every_mask
@every_decoder
def test_logits_are_read_from_states(name, allowed):
    decoder, context = make_decoder(name, allowed), make_context()
    tokens = random_tokens(allowed, 4, len(context))
    states = decoder.states(context, tokens)
    assert states.shape == (*tokens.shape, decoder.hidden_size)
    torch.testing.assert_close(
        decoder.mask(decoder.out(states)),
        decoder(context, tokens),
        rtol=1e-10,
        atol=1e-10,
    )


@every_decoder
@pytest.mark.parametrize("n_positions", [1, 2, 4])
def test_states_of_the_first_tokens_of_a_string(name, n_positions):
    allowed = MASKS["no choice"]
    decoder, context = make_decoder(name, allowed), make_context()
    tokens = random_tokens(allowed, 2, len(context))
    torch.testing.assert_close(
        decoder.states(context, tokens[..., :n_positions]),
        decoder.states(context, tokens)[..., :n_positions, :],
        rtol=1e-10,
        atol=1e-10,
    )


# Masks


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1, 1000])
@every_mask
@every_decoder
def test_forbidden_tokens_have_no_mass_and_do_no_harm(name, allowed, scale, dtype):
    decoder = make_decoder(name, allowed, dtype)
    context = (scale * make_context(dtype=dtype)).requires_grad_()
    tokens = random_tokens(allowed, 4, len(context))
    forced = decoder(context, tokens).log_softmax(-1)
    stepwise, _ = stepwise_logits(
        decoder, context, tokens, [4] + [1] * (len(allowed) - 1)
    )
    for log_probs in (forced, stepwise.log_softmax(-1)):
        probs = log_probs.exp()
        assert (probs[..., ~allowed] == 0).all()
        entropy = -(probs * log_probs).sum()
        assert entropy.isfinite()
        inputs = [context, *decoder.parameters()]
        for gradient in torch.autograd.grad(entropy, inputs, materialize_grads=True):
            assert gradient.isfinite().all()
    leaves = decoder.leaf_log_probs(context)
    assert leaves.shape[1] == allowed.sum(1).prod()
    entropy = -(leaves.exp() * leaves).sum()
    assert entropy.isfinite()
    assert torch.autograd.grad(entropy, context)[0].isfinite().all()


@every_decoder
def test_allowed_tokens_compete_with_each_other_alone(name):
    allowed = MASKS["no choice"]
    masked = make_decoder(name, allowed)
    free = make_decoder(name, torch.ones_like(allowed))
    context, tokens = make_context(), random_tokens(allowed, 4, 3)
    probs = free(context, tokens).softmax(-1) * allowed
    torch.testing.assert_close(
        masked(context, tokens).softmax(-1),
        probs / probs.sum(-1, keepdim=True),
        rtol=1e-10,
        atol=1e-12,
    )


# What depends on what


@every_decoder
@pytest.mark.parametrize("position", range(4))
def test_logits_see_the_tokens_before_them_and_no_others(name, position):
    allowed = NormalizedTokenizer(4, 4).allowed_tokens
    decoder, context = make_decoder(name, allowed), make_context()
    tokens = random_tokens(allowed, 5, len(context))
    changed = tokens.clone()
    changed[..., position] = (tokens[..., position] + 1) % 4
    before, after = decoder(context, tokens), decoder(context, changed)
    until = slice(None, position + 1)
    torch.testing.assert_close(
        before[..., until, :], after[..., until, :], rtol=0, atol=1e-12
    )
    moved = (before - after)[..., position + 1 :, :].abs().amax(-1)
    assert (moved > 1e-6).all()


@every_decoder
def test_gradient_flows_to_the_context_of_the_same_row(name):
    allowed = MASKS["p10"]
    decoder, context = make_decoder(name, allowed), make_context().requires_grad_()
    tokens = random_tokens(allowed, 2, len(context))
    stepwise, _ = stepwise_logits(decoder, context, tokens, [2, 1, 1])
    answers = {
        "forced": decoder(context, tokens)[:, 0].log_softmax(-1)[..., 0],
        "stepwise": stepwise[:, 0].log_softmax(-1)[..., 0],
        "leaves": decoder.leaf_log_probs(context)[0],
    }
    for answer in answers.values():
        (gradient,) = torch.autograd.grad(answer.square().sum(), context)
        assert (gradient[0] != 0).all()
        assert (gradient[1:] == 0).all()


@every_decoder
def test_every_parameter_learns(name):
    allowed = MASKS["base 5"]
    decoder, context = make_decoder(name, allowed), make_context(8)
    tokens = random_tokens(allowed, 30, len(context))
    log_probs_of(decoder, context, tokens).sum().backward()
    for label, parameter in decoder.named_parameters():
        assert parameter.grad.abs().max() > 1e-9, label


@every_decoder
def test_state_and_copies_give_the_same_answers(name):
    allowed = MASKS["ieee"]
    decoder, context = make_decoder(name, allowed), make_context()
    other = DECODERS[name](WIDTH, allowed).double().eval()
    other.load_state_dict(decoder.state_dict())
    expected = decoder.leaf_log_probs(context)
    assert torch.equal(other.leaf_log_probs(context), expected)
    assert torch.equal(copy.deepcopy(decoder).leaf_log_probs(context), expected)


# Options of the members


def test_transformer_rejects_heads_that_do_not_divide_the_width():
    with pytest.raises(ValueError, match="hidden_size=10 and n_heads=4"):
        TransformerDecoder(WIDTH, MASKS["base 2"], hidden_size=10, n_heads=4)


@pytest.mark.parametrize(
    "options",
    [
        {"hidden_size": 6, "n_layers": 1, "n_heads": 1},
        {"hidden_size": 6, "n_layers": 3, "n_heads": 3},
    ],
)
def test_transformer_agrees_with_itself_at_any_size(options):
    allowed = MASKS["p10"]
    decoder, context = make_decoder("transformer", allowed, **options), make_context()
    tokens = all_strings(allowed)[:, None].expand(-1, len(context), -1)
    torch.testing.assert_close(
        decoder.leaf_log_probs(context),
        log_probs_of(decoder, context, tokens).T,
        rtol=1e-10,
        atol=1e-10,
    )


def test_transformer_dropout_acts_in_training_alone():
    allowed = MASKS["base 2"]
    decoder = make_decoder("transformer", allowed, dropout=0.5)
    context, tokens = make_context(), random_tokens(allowed, 2, 3)
    assert torch.equal(decoder(context, tokens), decoder(context, tokens))
    decoder.train()
    assert not torch.equal(decoder(context, tokens), decoder(context, tokens))


def test_mlp_is_as_wide_as_told():
    decoder = MLPDecoder(WIDTH, MASKS["base 2"], hidden_size=7)
    assert decoder.out.in_features == 7
    assert decoder.leaf_log_probs(torch.zeros(2, WIDTH)).shape == (2, 32)


# Encoder and decoder together


def test_one_hot_keeps_numbers_and_spreads_codes():
    inputs = OneHot(2, [3, 2])
    X = torch.tensor([[0.5, -1.5, 0.0, 1.0], [2.5, 3.5, 2.0, -1.0]])
    expected = [[0.5, -1.5, 1, 0, 0, 0, 1], [2.5, 3.5, 0, 0, 1, 0, 0]]
    assert inputs.width == 7
    assert inputs(X).tolist() == expected
    assert OneHot(2, [])(X[:, :2]).tolist() == X[:, :2].tolist()


@with_formats(*(member() for member in TOKENIZERS.values()))
def test_network_maps_rows_to_distributions(name, tokenizer):
    tokenizer = clone(tokenizer).fit(torch.linspace(-2, 2, 50))
    encoder = partial(MLPEncoder, hidden_layer_sizes=(8, WIDTH))
    network = decoding_network(encoder, DECODERS[name], tokenizer, 2, [3])
    X = torch.tensor([[0.5, -1.0, 0.0], [0.1, 2.0, 2.0]])
    dist = network(X)
    assert isinstance(network.decoder, DECODERS[name])
    assert network.decoder.width == WIDTH
    assert dist.context.shape == (2, WIDTH)
    assert dist.tokenizer is tokenizer
    assert network(X).leaves is dist.leaves  # enumerated once
    atoms = dist.atoms()
    assert len(atoms.probs) == 2
    torch.testing.assert_close(atoms.probs.sum(-1), torch.ones(2).double())


@every_decoder
def test_network_tells_unseen_levels_from_seen_ones(name):
    tokenizer = NormalizedTokenizer(2, 3).fit([0.0, 1.0])
    torch.manual_seed(0)
    network = decoding_network(MLPEncoder, DECODERS[name], tokenizer, 1, [2])
    X = torch.tensor([[0.3, -1.0], [0.3, 0.0], [0.3, 1.0]])
    means = network(X).atoms().mean
    assert means.isfinite().all()
    assert len(means.unique()) == 3


def no_width(n_features):
    """Return a module without the attribute that says how wide its output is."""
    return torch.nn.Identity()


def no_decoder(width, allowed_tokens):
    """Return a module that is no digit decoder."""
    return torch.nn.Linear(width, allowed_tokens.shape[1])


@pytest.mark.parametrize(
    ("encoder", "decoder", "message"),
    [
        (no_width, MLPDecoder, "attribute width, got Identity"),
        (MLPEncoder, no_decoder, "must return a DigitDecoder, got Linear"),
    ],
)
def test_factories_that_return_something_else(encoder, decoder, message):
    tokenizer = NormalizedTokenizer(length=4).fit([0.0, 1.0])
    with pytest.raises(TypeError, match=message):
        decoding_network(encoder, decoder, tokenizer, n_numeric=3)


def test_modules_are_no_factories():
    tokenizer = NormalizedTokenizer(length=4).fit([0.0, 1.0])
    with pytest.raises(TypeError, match="encoder must be a factory"):
        decoding_network(torch.nn.Linear(3, 4), MLPDecoder, tokenizer, n_numeric=3)


# Heads that read a decoder


def make_head_network(name, head, tokenizer):
    """Return a network with random weights, and rows for it."""
    tokenizer = clone(tokenizer).fit(torch.linspace(-2, 2, 50))
    torch.manual_seed(0)
    encoder = partial(MLPEncoder, hidden_layer_sizes=(8, WIDTH))
    digits = decoding_network(encoder, DECODERS[name], tokenizer, 3)
    network = HeadNetwork(digits, HEADS[head]).double()
    return network, torch.randn(6, 3, dtype=torch.float64)


def number_by_hand(network, head, context):
    """Return what a head should read, from its weights and the table of heads."""
    tokenizer, decoder = network.digits.tokenizer, network.digits.decoder
    string = tokenizer.encode(torch.zeros(len(context)).double())[None]
    states = decoder.states(context, string)[0]  # (batch, length, hidden_size)
    logits = decoder(context, string)[0]  # (batch, length, vocab_size)
    allowed = tokenizer.allowed_tokens
    read = {
        "linear": context,
        "special_token": states[:, 0],
        "mlp": logits[:, allowed],
        "pooled_mean": states.sum(1) / decoder.length,
        "pooled_min": states.min(1).values,
        "pooled_max": states.max(1).values,
        "projection": logits.softmax(-1)[:, allowed],
    }[head]
    weights = list(network.head.parameters())
    if head == "mlp":
        hidden, bias, *weights = weights
        read = 1 / (1 + (-(read @ hidden.T + bias)).exp())
    weight, bias = weights
    return read @ weight[0] + bias


@every_format
@every_head
def test_heads_are_their_formulas(name, head, tokenizer):
    network, X = make_head_network(name, head, tokenizer)
    dist = network(X)
    assert isinstance(dist, PointDistribution)
    context = network.digits(X).context
    expected = number_by_hand(network, head, context)
    torch.testing.assert_close(dist.mean, expected, rtol=1e-10, atol=1e-10)
    assert len(dist.mean.unique()) == len(X)


@every_head
@every_decoder
def test_network_turns_from_digits_to_a_number(name, head):
    network, X = make_head_network(name, head, NormalizedTokenizer(3, 3))
    network.writes_digits.fill_(True)
    assert isinstance(network(X), TokenDistribution)
    assert torch.equal(network(X).atoms().probs, network.digits(X).atoms().probs)
    other = copy.deepcopy(network)
    other.writes_digits.fill_(False)
    assert isinstance(other(X), PointDistribution)
    other.load_state_dict(network.state_dict())  # which of the two is part of the state
    assert isinstance(other(X), TokenDistribution)


@every_format
@every_head
def test_gradient_of_a_head_reaches_decoder_and_encoder(name, head, tokenizer):
    network, X = make_head_network(name, head, tokenizer)
    network(X).expectation().square().sum().backward()
    digits = network.digits
    used = [*network.head.parameters(), *digits.encoder.parameters()]
    assert all(parameter.grad.abs().max() > 1e-9 for parameter in used)
    reached = [
        p.grad.abs().max() for p in digits.decoder.parameters() if p.grad is not None
    ]
    assert all(gradient.isfinite() for gradient in reached)
    assert (sum(reached) > 0) == (head != "linear")


@every_decoder
def test_pooled_numbers_are_in_order(name):
    numbers = []
    for head in ("pooled_min", "pooled_mean", "pooled_max"):
        network, X = make_head_network(name, head, NormalizedTokenizer(3, 3))
        with torch.no_grad():
            network.head.out.weight.fill_(1.0)
            network.head.out.bias.zero_()
        numbers.append(network(X).mean)
    low, middle, high = numbers
    assert (low < middle).all()
    assert (middle < high).all()
