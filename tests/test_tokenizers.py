"""Tokenizers: what holds for every member of TOKENIZERS."""

import pickle
from itertools import pairwise

import numpy as np
import pytest
import torch
from number_formats import (
    DEVICES,
    LISTED,
    TARGETS,
    every_member,
    float64,
    formats,
    numbers,
    random_strings,
)
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from sklearn_genre.tokenizers import (
    IEEETokenizer,
    NormalizedTokenizer,
    P10Tokenizer,
)


@every_member
def test_encode_writes_allowed_strings_that_come_back_in_the_order_of_numbers(member):
    for tokenizer in formats(member):
        values = numbers()
        tokens = tokenizer.encode(values)
        assert tokens.dtype == torch.int64
        assert tokens.shape == (len(values), tokenizer.length)
        places = torch.arange(tokenizer.length)
        assert tokenizer.allowed_tokens[places, tokens].all(), tokenizer
        decoded = tokenizer.decode(tokens)
        assert decoded.dtype == torch.float64
        assert decoded.isfinite().all(), tokenizer
        assert (decoded.diff() >= 0).all(), tokenizer
        assert decoded[0] < decoded[-1], tokenizer
        assert torch.equal(tokenizer.encode(decoded), tokens), tokenizer


@every_member
def test_infinities_and_huge_numbers_go_to_the_ends(member):
    for tokenizer in formats(member):
        huge = torch.finfo(torch.float64).max
        tokens = tokenizer.encode(float64([np.inf, huge, -huge, -np.inf]))
        assert torch.equal(tokens[0], tokens[1]), tokenizer
        assert torch.equal(tokens[3], tokens[2]), tokenizer
        assert torch.equal(tokenizer.encode([10**400, -(10**400)]), tokens[[0, 3]])
        strings = tokenizer.decode(random_strings(tokenizer, 2000))
        assert strings.isfinite().all(), tokenizer
        highest, lowest = tokenizer.decode(tokens[[0, 3]])
        assert lowest <= strings.min() < strings.max() <= highest, tokenizer


@every_member
def test_digit_values_name_the_numbers_among_the_allowed_tokens(member):
    for tokenizer in formats(member):
        allowed, values = tokenizer.allowed_tokens, tokenizer.digit_values
        assert allowed.dtype == torch.bool
        assert values.dtype == torch.float64
        assert allowed.shape == values.shape == (tokenizer.length, tokenizer.vocab_size)
        assert values[~allowed].isnan().all(), tokenizer
        assert allowed.any(dim=1).all(), tokenizer
        for row in values:
            known = row[~row.isnan()]
            assert len(known.unique()) == len(known), tokenizer


@every_member
def test_texts_and_names_tell_tokens_and_positions_apart(member):
    for tokenizer in formats(member):
        texts, names = tokenizer.token_texts, tokenizer.position_names
        assert len(texts) == len(names) == len(set(names)) == tokenizer.length
        assert all(isinstance(name, str) and name for name in names)
        for row, allowed in zip(texts, tokenizer.allowed_tokens, strict=True):
            assert len(row) == tokenizer.vocab_size
            assert all(isinstance(text, str) and text for text in row)
            chosen = [row[token] for token in allowed.nonzero()[:, 0].tolist()]
            assert len(set(chosen)) == len(chosen), tokenizer


@every_member
def test_grid_lists_every_allowed_string_once_in_order(member):
    for tokenizer in formats(member):
        assert isinstance(tokenizer.n_strings, int)
        with pytest.raises(ValueError, match=str(tokenizer.n_strings)):
            tokenizer.grid(max_size=tokenizer.n_strings - 1)
        if tokenizer.n_strings > LISTED:
            continue
        grid = tokenizer.grid()
        assert grid.shape == (tokenizer.n_strings, tokenizer.length)
        assert tokenizer.allowed_tokens[torch.arange(tokenizer.length), grid].all()
        rows = [tuple(row) for row in grid.tolist()]
        assert all(first < second for first, second in pairwise(rows)), tokenizer
        written = tokenizer.encode(numbers()).tolist()
        assert {tuple(row) for row in written} <= set(rows), tokenizer


@every_member
def test_evenly_spaced_numbers_rise_in_equal_steps(member):
    for tokenizer in formats(member):
        if tokenizer.evenly_spaced and 2 < tokenizer.n_strings <= LISTED:
            steps = tokenizer.decode(tokenizer.grid()).diff()
            np.testing.assert_allclose(steps, steps.mean(), rtol=1e-7)
            assert steps[0] > 0, tokenizer


@every_member
def test_clip_range_contains_the_training_range(member):
    for tokenizer in formats(member):
        low, high = tokenizer.clip_range
        assert low <= tokenizer.low_ == TARGETS.min()
        assert high >= tokenizer.high_ == TARGETS.max()


@every_member
@pytest.mark.parametrize("device", DEVICES)
def test_any_batch_shape_and_device(member, device):
    tokenizer = member().fit(TARGETS)
    generator = torch.Generator().manual_seed(0)
    for shape in [(), (0,), (1,), (7,), (2, 3), (2, 0, 4), (1, 2, 3)]:
        values = torch.randn(shape, generator=generator, dtype=torch.float64)
        tokens = tokenizer.encode(values.to(device))
        decoded = tokenizer.decode(tokens)
        assert tokens.shape == (*shape, tokenizer.length)
        assert decoded.shape == shape
        assert tokens.device.type == decoded.device.type == device
        flat = tokenizer.encode(values.reshape(-1))
        assert torch.equal(tokens.cpu().reshape(flat.shape), flat)
        assert torch.equal(decoded.cpu().reshape(-1), tokenizer.decode(flat))


@every_member
def test_numbers_of_any_type_are_read_exactly(member):
    tokenizer = member().fit(TARGETS)
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        values = torch.from_numpy(TARGETS).to(dtype).requires_grad_()
        expected = tokenizer.encode(values.detach().double())
        assert torch.equal(tokenizer.encode(values), expected)
    integers = [[-3, 0], [2, 1]]
    expected = tokenizer.encode(float64(integers))
    for values in (integers, np.array(integers), torch.tensor(integers)):
        assert torch.equal(tokenizer.encode(values), expected)


@every_member
def test_fit_reads_arrays_lists_and_tensors_alike(member):
    tensor = torch.from_numpy(TARGETS)
    for y in (TARGETS, list(TARGETS), tensor, TARGETS[::-1], tensor.float()):
        tokenizer = member().fit(y)
        assert (tokenizer.low_, tokenizer.high_) == (min(y), max(y))
        assert type(tokenizer.low_) is type(tokenizer.high_) is float


@every_member
def test_constant_targets(member):
    for y in ([3.0], [3.0, 3.0], [0.0], [-1e30] * 3, [1e6, 1e6 + 1e-12]):
        tokenizer = member().fit(y)
        decoded = tokenizer.decode(tokenizer.encode(float64(y)))
        largest = tokenizer.decode(tokenizer.encode(torch.tensor(torch.inf)))
        expected = np.minimum(np.abs(y), largest.abs().item()) * np.sign(y)
        assert decoded.tolist() == expected.tolist()
        assert tokenizer.clip_range[0] <= y[0] <= tokenizer.clip_range[1]


@every_member
def test_unusable_numbers_are_refused(member):
    with pytest.raises(ValueError, match="2 of 3 values are NaN"):
        member().fit(TARGETS).encode(torch.tensor([1.0, torch.nan, torch.nan]))
    for y, message in [
        ([], r"shape \(0,\)"),
        (3.0, r"shape \(\)"),
        ([[1.0], [2.0]], r"shape \(2, 1\)"),
        ([1.0, np.nan], "got nan"),
        ([1.0, np.inf], "got inf"),
        ([1.0, -(10**400)], "got -inf"),
        (torch.tensor([-torch.inf]), "got -inf"),
    ]:
        with pytest.raises(ValueError, match=message):
            member().fit(y)


@every_member
def test_malformed_strings_are_refused(member):
    tokenizer = member().fit(TARGETS)
    tokens = tokenizer.encode(torch.tensor([0.5, 0.7]))
    longer = torch.cat([tokens, tokens[:, :1]], dim=1)
    for wrong in (tokens[:, 1:], longer, tokens[0, 0]):
        with pytest.raises(ValueError, match=rf"\(\.\.\., {tokenizer.length}\)"):
            tokenizer.decode(wrong)
    for wrong in (tokens.double(), tokens.bool(), tokens.tolist()):
        with pytest.raises(TypeError, match="tokens must be"):
            tokenizer.decode(wrong)
    assert torch.equal(tokenizer.decode(tokens.short()), tokenizer.decode(tokens))


@every_member
def test_a_token_out_of_place_is_named(member):
    for tokenizer in formats(member):
        tokens = tokenizer.encode(torch.tensor([0.5, 0.7]))
        wrong = (~tokenizer.allowed_tokens).nonzero().tolist()
        misplaced = wrong[:: 1 + len(wrong) // 10]
        outside = [(0, -1), (tokenizer.length - 1, tokenizer.vocab_size), (0, 2**40)]
        for position, token in misplaced + outside:
            wrong = tokens.clone()
            wrong[1, position] = token
            message = rf"token {token} .* position {position};"
            with pytest.raises(ValueError, match=message):
                tokenizer.decode(wrong)


@every_member
def test_unfitted_tokenizers_say_so(member):
    strings = torch.zeros(3, member().length, dtype=torch.int64)
    with pytest.raises(NotFittedError):
        member().encode(torch.zeros(3))
    with pytest.raises(NotFittedError):
        member().decode(strings)
    with pytest.raises(NotFittedError):
        member().nearest_tokens(strings, 0.0)


@every_member
def test_clone_and_pickle_without_torch(member):
    for fitted in formats(member):
        assert not hasattr(clone(fitted), "low_")
        assert clone(fitted).get_params() == fitted.get_params()
        state = pickle.dumps(fitted)
        assert b"torch" not in state
        values = numbers()
        assert torch.equal(pickle.loads(state).encode(values), fitted.encode(values))


@every_member
def test_computes_with_python_integers_whatever_was_given(member):
    for plain in formats(member):
        params = plain.get_params()
        for smallest in (np.uint8, np.int16):
            given = {
                name: smallest(value) if type(value) is int and value < 256 else value
                for name, value in params.items()
            }
            tokens = member(**given).fit(TARGETS).encode(numbers())
            assert torch.equal(tokens, plain.encode(numbers())), given


def test_an_exponent_range_near_the_end_of_its_type():
    plain, small = P10Tokenizer(2, 200), P10Tokenizer(2, np.uint8(200))
    assert small.fit(TARGETS).vocab_size == plain.fit(TARGETS).vocab_size
    assert torch.equal(small.digit_values.nan_to_num(), plain.digit_values.nan_to_num())
    tokens = small.encode(numbers())
    assert torch.equal(tokens, plain.encode(numbers()))
    assert torch.equal(small.decode(tokens), plain.decode(tokens))


@pytest.mark.parametrize(
    ("tokenizer", "message"),
    [
        (NormalizedTokenizer(base=1), "base == 1"),
        (NormalizedTokenizer(base=37), "base == 37"),
        (NormalizedTokenizer(length=0), "length == 0"),
        (NormalizedTokenizer(length=53), "length=53 .* at most 52 digits"),
        (NormalizedTokenizer(10, 16), "length=16 .* at most 15 digits"),
        (NormalizedTokenizer(10, 10**12), "at most 15 digits"),
        (NormalizedTokenizer(rounding="up"), "endpoint.*'up'"),
        (NormalizedTokenizer(rounding=None), "endpoint.*None"),
        (IEEETokenizer(base=1), "base == 1"),
        (IEEETokenizer(exponent_digits=0), "exponent_digits == 0"),
        (IEEETokenizer(exponent_digits=3), "exponent_digits=3"),
        (IEEETokenizer(2, 11), "exponent_digits=11"),
        (IEEETokenizer(exponent_digits=10**12), "exponent_digits=10"),
        (IEEETokenizer(mantissa_digits=16), "mantissa_digits=16"),
        (P10Tokenizer(mantissa_digits=0), "mantissa_digits == 0"),
        (P10Tokenizer(mantissa_digits=16), "mantissa_digits=16"),
        (P10Tokenizer(exponent_range=-1), "exponent_range == -1"),
        (P10Tokenizer(exponent_range=305), "exponent_range=305"),
        (P10Tokenizer(exponent_range=10**12), "exponent_range=10"),
    ],
    ids=repr,
)
def test_fit_checks_parameters(tokenizer, message):
    with pytest.raises(ValueError, match=message):
        tokenizer.fit([0.0, 1.0])
