"""Decoders: ways to answer that agree, for every decoder and every format it writes."""

import copy
from functools import partial

import pytest
import torch
from digit_distributions import (
    ENUMERABLE,
    FORMATS,
    OWN,
    all_strings,
    assert_near,
    can_write,
    decoders_with,
    fitted,
    log_probs_of,
    make_context,
    make_decoder,
    random_tokens,
    stepwise_logits,
    string_index,
)
from torch.utils.flop_counter import FlopCounterMode

from sklearn_genre.decoders import DigitDecoder
from sklearn_genre.tokenizers import NormalizedTokenizer

every_decoder = pytest.mark.parametrize("name", OWN)
every_pair = decoders_with(*FORMATS.values())
every_listed_pair = decoders_with(*ENUMERABLE.values())
BASE_3 = NormalizedTokenizer(3, 3)
WEIGHT = torch.tensor([0.5, 0.2, 0.3], dtype=torch.float64)


def read(decoder, batch=3, **options):
    """Return a context that is read from random encoder outputs."""
    return decoder.read(make_context(batch, **options))


@pytest.fixture
def count_prefixes():
    """Return a function that lets a decoder note how many prefixes each call has.

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
            setattr(decoder, method, partial(counted, getattr(decoder, method)))
        return seen

    return install


# The ways to answer agree


@every_pair
@pytest.mark.parametrize("pattern", ["at once", "late", "tree"])
def test_teacher_forced_logits_equal_stepwise_ones(name, tokenizer, pattern):
    decoder = make_decoder(name, tokenizer)
    context, length = read(decoder), tokenizer.length
    branches = {
        "at once": [6] + [1] * (length - 1),
        "late": [1] * (length - 1) + [6],
        "tree": ([2, 1, 3] + [1] * length)[:length],
    }[pattern]
    n = int(torch.tensor(branches).prod())
    tokens = random_tokens(tokenizer, n, 3)
    stepwise, tokens = stepwise_logits(decoder, context, tokens, branches)
    forced = decoder(context, tokens)
    assert forced.shape == (n, 3, *tokenizer.allowed_tokens.shape)
    assert_near(stepwise.log_softmax(-1), forced.log_softmax(-1))


@every_listed_pair
@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_leaves_are_teacher_forced_at_any_temperature(name, tokenizer, temperature):
    decoder = make_decoder(name, tokenizer)
    context, strings = read(decoder), all_strings(tokenizer, 3)
    steps = (decoder(context, strings) / temperature).log_softmax(-1)
    expected = steps.gather(-1, strings[..., None])[..., 0].sum(-1).T
    leaves = decoder.leaf_log_probs(context, temperature)
    assert_near(leaves, expected)
    expanded = DigitDecoder.leaf_log_probs(decoder, context, temperature)
    assert_near(expanded, expected)
    assert_near(decoder.leaf_probs(context, temperature), expected.exp())
    assert_near(leaves.logsumexp(-1), torch.zeros(3).double(), 1e-12)


@every_listed_pair
def test_one_string_and_the_distribution_function_are_those_of_the_leaves(
    name, tokenizer
):
    decoder = make_decoder(name, tokenizer)
    context, tokens = read(decoder), random_tokens(tokenizer, 3)
    leaves = decoder.leaf_log_probs(context)
    expected = leaves.gather(1, string_index(tokenizer, tokens)[:, None])[:, 0]
    assert_near(decoder.sequence_log_probs(context, tokens[None])[0], expected)
    cumulative = leaves.exp().cumsum(-1)[:, :-1]
    assert_near(decoder.leaf_cumulative(context), cumulative)


@every_listed_pair
def test_gradients_of_leaves_and_of_teacher_forcing_agree(name, tokenizer):
    decoder = make_decoder(name, tokenizer)
    output = make_context().requires_grad_()
    context, strings = decoder.read(output), all_strings(tokenizer, 3)
    weights = torch.randn(3, len(strings), dtype=torch.float64)
    leaves = (weights * decoder.leaf_log_probs(context)).sum()
    forced = (weights.T * log_probs_of(decoder, context, strings)).sum()
    inputs = [output, *decoder.parameters()]
    gradients = (
        torch.autograd.grad(answer, inputs, retain_graph=True, materialize_grads=True)
        for answer in (leaves, forced)
    )
    for one, other in zip(*gradients, strict=True):
        assert_near(one, other, 1e-9)


@every_decoder
def test_a_sample_does_not_depend_on_the_others(name):
    decoder, output = make_decoder(name, NormalizedTokenizer(2, 8)), make_context(21)
    with torch.no_grad():  # large enough to be computed in more than one block
        together = decoder.leaf_log_probs(decoder.read(output))
        alone = [decoder.leaf_log_probs(decoder.read(row[None])) for row in output]
    assert_near(together, torch.cat(alone), 1e-11)
    assert_near(together, decoder.leaf_log_probs(decoder.read(output)), 1e-11)


# The tree of prefixes


@pytest.mark.parametrize("tokenizer", ENUMERABLE.values(), ids=ENUMERABLE)
def test_prefixes_are_numbered_level_by_level_in_tree_order(tokenizer):
    decoder = make_decoder("mlp", tokenizer)
    strings = tokenizer.grid()
    index = decoder.prefix_index(strings)
    seen = {}
    for position in range(tokenizer.length):
        for string, place in zip(strings, index[:, position].tolist(), strict=True):
            prefix = tuple(string[:position].tolist())
            assert seen.setdefault(prefix, place) == place
    assert sorted(seen.values()) == [*range(decoder.n_prefixes)]
    assert sorted(seen, key=lambda prefix: (len(prefix), prefix)) == sorted(
        seen, key=seen.__getitem__
    )


@every_pair
def test_the_whole_tree_is_what_steps_find(name, tokenizer):
    decoder = make_decoder(name, tokenizer)
    context = read(decoder)
    tree = decoder.tree_logits(context)
    if tree is None:
        pytest.skip("the decoder does not answer")
    assert tree.shape == (3, decoder.n_prefixes, decoder.vocab_size)
    tokens = random_tokens(tokenizer, 6, 3)
    branches = [6] + [1] * (tokenizer.length - 1)
    stepwise, _ = stepwise_logits(decoder, context, tokens, branches)
    rows = torch.arange(3)[:, None]
    found = tree[rows, decoder.prefix_index(tokens)]
    assert_near(found.log_softmax(-1), stepwise.log_softmax(-1))


def test_some_decoders_answer_and_others_do_not():
    answers = [make_decoder(name, BASE_3).tree_logits for name in OWN]
    base = DigitDecoder.tree_logits
    assert {method.__func__ is base for method in answers} == {True, False}


# Steps


@every_decoder
def test_step_leaves_the_cache_as_it_was(name):
    decoder = make_decoder(name, BASE_3)
    context = read(decoder)
    first, second = torch.tensor([[0]] * 3), torch.tensor([[2]] * 3)
    _, cache = decoder.start(context)
    before, _ = decoder.step(cache, first)
    between, _ = decoder.step(cache, second)
    after, _ = decoder.step(cache, first)
    assert torch.equal(before, after)
    assert not torch.equal(before, between)


@every_pair
def test_tokens_of_one_sample_serve_every_sample(name, tokenizer):
    if tokenizer.length < 3:
        pytest.skip("a string of three tokens is needed")
    decoder = make_decoder(name, tokenizer)
    context = read(decoder)
    first, second = (row.nonzero()[:, 0] for row in tokenizer.allowed_tokens[:2])
    children = second.repeat(len(first))
    one = all_at_once = decoder.start(context)[1]
    for tokens in (first[None], children[None]):
        shared, one = decoder.step(one, tokens)
        repeated, all_at_once = decoder.step(all_at_once, tokens.expand(3, -1))
        assert shared.shape == (3, tokens.shape[1], tokenizer.vocab_size)
        assert_near(shared, repeated, 1e-12)


@every_listed_pair
def test_no_prefix_is_computed_twice(name, tokenizer, count_prefixes):
    decoder = make_decoder(name, tokenizer)
    context, sizes = read(decoder), tokenizer.allowed_tokens.sum(1)
    seen = count_prefixes(decoder)
    DigitDecoder.leaf_log_probs(decoder, context)
    assert seen == [1, *sizes.cumprod(0)[:-1].tolist()]


@every_listed_pair
def test_a_faster_way_to_the_leaves_computes_no_more(name, tokenizer):
    decoder = make_decoder(name, tokenizer)
    with FlopCounterMode(display=False) as own:
        decoder.leaf_log_probs(read(decoder))
    with FlopCounterMode(display=False) as expanded:
        DigitDecoder.leaf_log_probs(decoder, read(decoder))
    assert 0 < own.get_total_flops() <= expanded.get_total_flops()


# States


@every_pair
def test_logits_are_read_from_states(name, tokenizer):
    decoder = make_decoder(name, tokenizer)
    context, tokens = read(decoder), random_tokens(tokenizer, 4, 3)
    states = decoder.states(context, tokens)
    assert states.shape == (*tokens.shape, decoder.hidden_size)
    assert_near(decoder.mask(decoder.out(states)), decoder(context, tokens))
    for n_positions in {1, tokenizer.length - 1} - {0}:
        begun = decoder.states(context, tokens[..., :n_positions])
        assert_near(begun, states[..., :n_positions, :])


# Masks


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1, 1e6])
@every_pair
def test_forbidden_tokens_have_no_mass_and_do_no_harm(name, tokenizer, scale, dtype):
    decoder = make_decoder(name, tokenizer, dtype)
    output = (scale * make_context(dtype=dtype)).requires_grad_()
    context, tokens = decoder.read(output), random_tokens(tokenizer, 4, 3)
    inputs = [output, *decoder.parameters()]
    allowed = tokenizer.allowed_tokens
    branches = [4] + [1] * (len(allowed) - 1)
    for logits in (
        decoder(context, tokens),
        stepwise_logits(decoder, context, tokens, branches)[0],
    ):
        log_probs = logits.log_softmax(-1)
        assert (log_probs.exp()[..., ~allowed] == 0).all()
        finite = log_probs.masked_fill(~allowed, 0)
        assert finite.isfinite().all()
        entropy = -(log_probs.exp() * finite).sum()
        for gradient in torch.autograd.grad(
            entropy, inputs, materialize_grads=True, retain_graph=True
        ):
            assert gradient.isfinite().all()
    tokens = random_tokens(tokenizer, 3)
    own = decoder.sequence_log_probs(context, tokens[None])[0]
    assert own.isfinite().all()
    assert torch.autograd.grad(own.sum(), output)[0].isfinite().all()


@every_decoder
def test_allowed_tokens_compete_with_each_other_alone(name):
    tokenizer = FORMATS["gaps"]
    if not can_write(name, tokenizer):
        pytest.skip("the decoder wants even steps")
    masked = make_decoder(name, tokenizer)
    free = copy.deepcopy(masked)
    free.forbidden = None
    context, tokens = read(masked), random_tokens(tokenizer, 4, 3)
    probs = free(context, tokens).softmax(-1) * tokenizer.allowed_tokens
    expected = probs / probs.sum(-1, keepdim=True)
    assert_near(masked(context, tokens).softmax(-1), expected, 1e-12)


# What depends on what


@every_decoder
@pytest.mark.parametrize("position", range(4))
def test_logits_see_the_tokens_before_them_and_no_others(name, position):
    tokenizer = NormalizedTokenizer(4, 4)
    decoder = make_decoder(name, tokenizer)
    context, tokens = read(decoder), random_tokens(tokenizer, 5, 3)
    changed = tokens.clone()
    changed[..., position] = (tokens[..., position] + 1) % 4
    before, after = decoder(context, tokens), decoder(context, changed)
    until = slice(None, position + 1)
    assert_near(before[..., until, :], after[..., until, :], 1e-12)
    moved = (before - after)[..., position + 1 :, :].abs().amax(-1)
    assert (moved > 1e-6).all()


@every_listed_pair
def test_gradient_flows_to_the_encoder_output_of_the_same_sample(name, tokenizer):
    decoder = make_decoder(name, tokenizer)
    output = make_context().requires_grad_()
    context, tokens = decoder.read(output), random_tokens(tokenizer, 2, 3)
    answers = {
        "forced": log_probs_of(decoder, context, tokens)[:, 0],
        "leaves": decoder.leaf_log_probs(context)[0],
    }
    for answer in answers.values():
        loss = answer.square().sum()
        (gradient,) = torch.autograd.grad(loss, output, retain_graph=True)
        assert (gradient[0] != 0).all()
        assert (gradient[1:] == 0).all()


@every_decoder
def test_every_parameter_learns(name):
    decoder = make_decoder(name, BASE_3)
    tokens = random_tokens(BASE_3, 30, 8)
    log_probs_of(decoder, read(decoder, 8), tokens).sum().backward()
    for label, parameter in decoder.named_parameters():
        assert parameter.grad.abs().max() > 1e-9, label


@every_decoder
def test_state_and_copies_give_the_same_answers(name):
    decoder, other = make_decoder(name, BASE_3), make_decoder(name, BASE_3, seed=1)
    expected = decoder.leaf_log_probs(read(decoder))
    other.load_state_dict(decoder.state_dict())
    for same in (other, copy.deepcopy(decoder)):
        assert torch.equal(same.leaf_log_probs(read(same)), expected)


# Ensembles


@every_listed_pair
def test_the_prediction_is_the_mixture_of_the_members(name, tokenizer):
    decoder = make_decoder(name, tokenizer, n_members=3)
    output = make_context(4, members=3)
    n_members = decoder.n_members
    together = decoder.leaf_log_probs(decoder.read(output)).exp()
    each = decoder.leaf_log_probs(decoder.read_members(output)).exp()
    assert each.shape == (n_members * 4, tokenizer.n_strings)
    mixed = each.unflatten(0, (n_members, 4)).mean(0)
    assert_near(together, mixed)
    tokens = random_tokens(tokenizer, 2, 4)
    string = log_probs_of(decoder, decoder.read(output), tokens).exp()
    assert_near(string, mixed.gather(1, string_index(tokenizer, tokens).T).T)


@every_decoder
def test_errors_of_members_add_up_to_that_of_the_mixture(name):
    decoder = make_decoder(name, BASE_3, n_members=3)
    if decoder.n_members == 1:
        pytest.skip("members are read side by side")
    tokenizer, output = fitted(BASE_3), make_context(4, members=3)
    z = torch.tensor([-2.0, -0.9, 0.35, 5.0], dtype=torch.float64)
    errors = decoder.member_errors(output, z)
    mixture = decoder.leaf_cumulative(decoder.read(output))
    numbers = tokenizer.decode(tokenizer.grid())
    edges = (numbers[1:] + numbers[:-1]) / 2
    expected = mixture - (edges >= z[:, None]).double()
    assert_near(errors.mean(0), expected)
