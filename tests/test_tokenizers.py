"""Tokenizers: what holds for every member of TOKENIZERS, then each format."""

import pickle
from fractions import Fraction
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from sklearn_genre.tokenizers import (
    TOKENIZERS,
    IEEETokenizer,
    NormalizedTokenizer,
    P10Tokenizer,
    Tokenizer,
)

DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available()
ROUNDINGS = ["endpoint", "midpoint", "floor", "round"]
SMALL = [  # few enough strings to list them all
    NormalizedTokenizer(2, 1),
    *[NormalizedTokenizer(2, 8, rounding) for rounding in ROUNDINGS],
    *[NormalizedTokenizer(10, 3, rounding) for rounding in ROUNDINGS],
    NormalizedTokenizer(36, 2),
    IEEETokenizer(2, 2, 6),
    IEEETokenizer(3, 1, 5),
    IEEETokenizer(10, 1, 2),
    IEEETokenizer(30, 1, 1),
    P10Tokenizer(2, 9),
    P10Tokenizer(1, 0),
]
LARGE = [
    NormalizedTokenizer(10, 15),
    NormalizedTokenizer(2, 52),
    IEEETokenizer(10, 2, 4),
    IEEETokenizer(10, 2, 15),
    IEEETokenizer(2, 10, 52),
    IEEETokenizer(16, 1, 8),
    P10Tokenizer(7, 300),
    P10Tokenizer(15, 290),
]
EVERY = [member() for member in TOKENIZERS.values()] + SMALL + LARGE
scientific_members = pytest.mark.parametrize("member", [IEEETokenizer, P10Tokenizer])
every_member = pytest.mark.parametrize("member", TOKENIZERS.values())
every_tokenizer = pytest.mark.parametrize("tokenizer", EVERY, ids=repr)
TARGETS = np.random.default_rng(0).normal(size=200)


def numbers(n=500, seed=0):
    """Sorted numbers of all signs and many magnitudes, around and beyond TARGETS."""
    rng = np.random.default_rng(seed)
    wide = rng.choice([-1, 1], n) * 10 ** rng.uniform(-15, 15, n)
    values = np.concatenate([rng.uniform(-4, 4, n), wide, [0.0, -0.0, 1.0, -1.0]])
    return torch.from_numpy(np.sort(values))


def random_strings(tokenizer, n=300, seed=0):
    """Allowed strings (n, length), drawn at random."""
    generator = torch.Generator().manual_seed(seed)
    weights = tokenizer.allowed_tokens.double()
    return torch.multinomial(weights, n, replacement=True, generator=generator).T


# Every tokenizer


@every_tokenizer
def test_encode_writes_allowed_strings_that_decode_to_finite_numbers(tokenizer):
    tokenizer = clone(tokenizer).fit(TARGETS)
    values = numbers()
    tokens = tokenizer.encode(values)
    assert tokens.dtype == torch.int64
    assert tokens.shape == (len(values), tokenizer.length)
    assert tokenizer.allowed_tokens[torch.arange(tokenizer.length), tokens].all()
    decoded = tokenizer.decode(tokens)
    assert decoded.dtype == torch.float64
    assert decoded.isfinite().all()


@every_tokenizer
def test_rounding_keeps_the_order_of_numbers(tokenizer):
    tokenizer = clone(tokenizer).fit(TARGETS)
    decoded = tokenizer.decode(tokenizer.encode(numbers()))
    assert (decoded.diff() >= 0).all()
    assert decoded[0] < decoded[-1]


@every_tokenizer
def test_written_strings_come_back_unchanged(tokenizer):
    tokenizer = clone(tokenizer).fit(TARGETS)
    tokens = tokenizer.encode(numbers())
    assert torch.equal(tokenizer.encode(tokenizer.decode(tokens)), tokens)


@every_tokenizer
def test_every_allowed_string_decodes_to_a_finite_number(tokenizer):
    tokenizer = clone(tokenizer).fit(TARGETS)
    assert tokenizer.decode(random_strings(tokenizer)).isfinite().all()


@every_tokenizer
def test_infinities_and_huge_numbers_go_to_the_ends(tokenizer):
    tokenizer = clone(tokenizer).fit(TARGETS)
    huge = torch.finfo(torch.float64).max
    values = torch.tensor([np.inf, huge, -huge, -np.inf], dtype=torch.float64)
    tokens = tokenizer.encode(values)
    assert torch.equal(tokens[0], tokens[1])
    assert torch.equal(tokens[3], tokens[2])
    strings = tokenizer.decode(random_strings(tokenizer, 2000))
    highest, lowest = tokenizer.decode(tokens[[0, 3]])
    assert lowest <= strings.min() < strings.max() <= highest


@every_tokenizer
def test_digit_values_name_the_numbers_among_the_allowed_tokens(tokenizer):
    tokenizer = clone(tokenizer).fit(TARGETS)
    allowed, values = tokenizer.allowed_tokens, tokenizer.digit_values
    assert allowed.dtype == torch.bool
    assert values.dtype == torch.float64
    assert allowed.shape == values.shape == (tokenizer.length, tokenizer.vocab_size)
    assert values[~allowed].isnan().all()
    assert allowed.any(dim=1).all()
    for row in values:
        known = row[~row.isnan()]
        assert len(known.unique()) == len(known)


@pytest.mark.parametrize("tokenizer", SMALL, ids=repr)
def test_grid_lists_every_allowed_string_once_in_order(tokenizer):
    tokenizer = clone(tokenizer).fit(TARGETS)
    grid = tokenizer.grid()
    assert grid.shape == (tokenizer.n_strings, tokenizer.length)
    assert isinstance(tokenizer.n_strings, int)
    assert tokenizer.allowed_tokens[torch.arange(tokenizer.length), grid].all()
    rows = [tuple(row) for row in grid.tolist()]
    assert all(first < second for first, second in pairwise(rows))
    written = tokenizer.encode(numbers()).tolist()
    assert {tuple(row) for row in written} <= set(rows)


@every_tokenizer
def test_grid_refuses_to_grow_beyond_max_size(tokenizer):
    tokenizer = clone(tokenizer).fit(TARGETS)
    with pytest.raises(ValueError, match=str(tokenizer.n_strings)):
        tokenizer.grid(max_size=tokenizer.n_strings - 1)


@every_tokenizer
def test_clip_range_contains_the_training_range(tokenizer):
    tokenizer = clone(tokenizer).fit(TARGETS)
    low, high = tokenizer.clip_range
    assert low <= tokenizer.low_ == TARGETS.min()
    assert high >= tokenizer.high_ == TARGETS.max()


@every_member
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("shape", [(), (0,), (1,), (7,), (2, 3), (2, 0, 4), (1, 2, 3)])
def test_any_batch_shape_and_device(member, shape, device):
    tokenizer = member().fit(TARGETS)
    generator = torch.Generator().manual_seed(0)
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
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_other_float_types_are_read_exactly(member, dtype):
    tokenizer = member().fit(TARGETS)
    values = torch.from_numpy(TARGETS).to(dtype).requires_grad_()
    expected = tokenizer.encode(values.detach().double())
    assert torch.equal(tokenizer.encode(values), expected)


@every_member
def test_fit_reads_arrays_lists_and_tensors_alike(member):
    tensor = torch.from_numpy(TARGETS)
    for y in (TARGETS, list(TARGETS), tensor, TARGETS[::-1], tensor.float()):
        tokenizer = member().fit(y)
        assert (tokenizer.low_, tokenizer.high_) == (min(y), max(y))
        assert type(tokenizer.low_) is type(tokenizer.high_) is float


@every_member
@pytest.mark.parametrize(
    "y", [[3.0], [3.0, 3.0], [0.0], [-1e30] * 3, [1e6, 1e6 + 1e-12]], ids=str
)
def test_constant_targets(member, y):
    tokenizer = member().fit(y)
    decoded = tokenizer.decode(tokenizer.encode(torch.tensor(y, dtype=torch.float64)))
    largest = tokenizer.decode(tokenizer.encode(torch.tensor(torch.inf)))
    expected = np.minimum(np.abs(y), largest.abs().item()) * np.sign(y)
    assert decoded.tolist() == expected.tolist()
    assert tokenizer.clip_range[0] <= y[0] <= tokenizer.clip_range[1]


@every_member
def test_nan_is_refused(member):
    tokenizer = member().fit(TARGETS)
    with pytest.raises(ValueError, match="2 of 3 values are NaN"):
        tokenizer.encode(torch.tensor([1.0, torch.nan, torch.nan]))


@every_member
@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([], r"shape \(0,\)"),
        (3.0, r"shape \(\)"),
        ([[1.0], [2.0]], r"shape \(2, 1\)"),
        ([1.0, np.nan], "got nan"),
        ([1.0, np.inf], "got inf"),
        (torch.tensor([-torch.inf]), "got -inf"),
    ],
)
def test_fit_refuses_unusable_targets(member, y, message):
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


@every_tokenizer
def test_a_token_out_of_place_is_named(tokenizer):
    tokenizer = clone(tokenizer).fit(TARGETS)
    tokens = tokenizer.encode(torch.tensor([0.5, 0.7]))
    misplaced = (~tokenizer.allowed_tokens).nonzero().tolist()[::40]
    outside = [(0, -1), (tokenizer.length - 1, tokenizer.vocab_size), (0, 2**40)]
    for position, token in misplaced + outside:
        wrong = tokens.clone()
        wrong[1, position] = token
        with pytest.raises(ValueError, match=rf"token {token} .* position {position};"):
            tokenizer.decode(wrong)


@every_tokenizer
def test_unfitted_tokenizers_say_so(tokenizer):
    with pytest.raises(NotFittedError):
        clone(tokenizer).encode(torch.zeros(3))
    with pytest.raises(NotFittedError):
        clone(tokenizer).decode(torch.zeros(3, tokenizer.length, dtype=torch.int64))


@every_tokenizer
def test_clone_and_pickle_without_torch(tokenizer):
    fitted = clone(tokenizer).fit(TARGETS)
    assert clone(fitted).get_params() == tokenizer.get_params()
    assert not hasattr(clone(fitted), "low_")
    state = pickle.dumps(fitted)
    assert b"torch" not in state
    values = numbers()
    assert torch.equal(pickle.loads(state).encode(values), fitted.encode(values))


@every_member
def test_parameters_may_be_numpy_integers(member):
    plain = member().fit(TARGETS)
    as_numpy = {
        name: np.int64(value) if isinstance(value, int) else value
        for name, value in plain.get_params().items()
    }
    tokens = member(**as_numpy).fit(TARGETS).encode(numbers())
    assert torch.equal(tokens, plain.encode(numbers()))


@pytest.mark.parametrize(
    ("tokenizer", "error", "message"),
    [
        (NormalizedTokenizer(base=1), ValueError, "base == 1"),
        (NormalizedTokenizer(base=37), ValueError, "base == 37"),
        (NormalizedTokenizer(base=2.0), TypeError, "base .* not float"),
        (NormalizedTokenizer(length=0), ValueError, "length == 0"),
        (NormalizedTokenizer(length="8"), TypeError, "length .* not str"),
        (NormalizedTokenizer(length=53), ValueError, "length=53 .* at most 52 digits"),
        (NormalizedTokenizer(10, 16), ValueError, "length=16 .* at most 15 digits"),
        (NormalizedTokenizer(10, 10**12), ValueError, "at most 15 digits"),
        (NormalizedTokenizer(rounding="up"), ValueError, "endpoint.*'up'"),
        (NormalizedTokenizer(rounding=None), ValueError, "endpoint.*None"),
        (IEEETokenizer(base=1), ValueError, "base == 1"),
        (IEEETokenizer(exponent_digits=0), ValueError, "exponent_digits == 0"),
        (IEEETokenizer(exponent_digits=3), ValueError, "exponent_digits=3"),
        (IEEETokenizer(2, 11), ValueError, "exponent_digits=11"),
        (IEEETokenizer(exponent_digits=10**12), ValueError, "exponent_digits=10"),
        (IEEETokenizer(exponent_digits=1.5), TypeError, "exponent_digits .* float"),
        (IEEETokenizer(mantissa_digits=16), ValueError, "mantissa_digits=16"),
        (P10Tokenizer(mantissa_digits=0), ValueError, "mantissa_digits == 0"),
        (P10Tokenizer(mantissa_digits=16), ValueError, "mantissa_digits=16"),
        (P10Tokenizer(exponent_range=-1), ValueError, "exponent_range == -1"),
        (P10Tokenizer(exponent_range=305), ValueError, "exponent_range=305"),
        (P10Tokenizer(exponent_range=10**12), ValueError, "exponent_range=10"),
        (P10Tokenizer(exponent_range="10"), TypeError, "exponent_range .* str"),
    ],
    ids=repr,
)
def test_fit_checks_parameters(tokenizer, error, message):
    with pytest.raises(error, match=message):
        tokenizer.fit([0.0, 1.0])


# The nearest completion of a prefix

SMALL_ENOUGH = [  # to compare every completion of every prefix
    *[NormalizedTokenizer(2, 5, rounding) for rounding in ROUNDINGS],
    *[NormalizedTokenizer(3, 3, rounding) for rounding in ROUNDINGS],
    *[NormalizedTokenizer(10, 2, rounding) for rounding in ROUNDINGS],
    NormalizedTokenizer(36, 1),
    IEEETokenizer(2, 1, 1),
    IEEETokenizer(2, 1, 4),
    IEEETokenizer(2, 2, 3),
    IEEETokenizer(2, 3, 3),
    IEEETokenizer(3, 1, 3),
    IEEETokenizer(3, 2, 2),
    IEEETokenizer(10, 1, 1),
    IEEETokenizer(16, 1, 1),
    P10Tokenizer(1, 0),
    P10Tokenizer(1, 4),
    P10Tokenizer(2, 1),
    P10Tokenizer(2, 3),
    P10Tokenizer(1, 40),
]


def targets_for(tokenizer, n=30, seed=0):
    """Targets of all kinds: numbers of the format, between, around and beyond them."""
    rng = np.random.default_rng(seed)
    written = np.sort(tokenizer.decode(random_strings(tokenizer, n)).numpy())
    scale = np.abs(written).max()
    kinds = [
        written,
        (written[1:] + written[:-1]) / 2,
        rng.uniform(-1.5, 1.5, n) * scale,
        rng.choice([-1, 1], n) * 10 ** rng.uniform(-8, 6, n),
        [0.0, -0.0, 1e-300, -1e-300, 0.5, -0.5],
    ]
    return torch.from_numpy(np.concatenate(kinds))


@pytest.mark.parametrize("listing", [False, True], ids=["own", "listing"])
@pytest.mark.parametrize("tokenizer", SMALL_ENOUGH, ids=repr)
def test_nearest_tokens_start_the_nearest_completion(tokenizer, listing):
    tokenizer = clone(tokenizer).fit(TARGETS)
    grid, y = tokenizer.grid(), targets_for(tokenizer)
    find = partial(Tokenizer._nearest_tokens, tokenizer) if listing else None
    find = find or tokenizer.nearest_tokens
    nearest = find(grid[:, None].expand(-1, len(y), -1), y)  # (n_strings, n, length)
    errors = (tokenizer.decode(grid)[:, None] - y).abs()  # (n_strings, n)
    slack = 1e-13 * (1 + y.abs())
    n_prefixes, place = 1, torch.arange(len(grid))
    for position, allowed in enumerate(tokenizer.allowed_tokens):
        choices = allowed.nonzero().flatten()
        tree = errors.unflatten(0, (n_prefixes, len(choices), -1)).amin(2)
        best = tree.amin(1)  # (n_prefixes, n)
        prefix = place // (len(grid) // n_prefixes)
        chosen = nearest[..., position]
        assert allowed[chosen].all()
        branch = (chosen[..., None] == choices).long().argmax(-1)  # (n_strings, n)
        reached = tree[prefix[:, None], branch, torch.arange(len(y))]
        assert (reached <= best[prefix] + slack).all()
        n_prefixes *= len(choices)


@every_tokenizer
def test_nearest_tokens_of_a_written_number_are_its_own(tokenizer):
    tokenizer = clone(tokenizer).fit(TARGETS)
    tokens = tokenizer.encode(numbers())
    assert torch.equal(
        tokenizer.nearest_tokens(tokens, tokenizer.decode(tokens)), tokens
    )


def follow(tokenizer, tokens, values, n_kept):
    """Complete the first tokens of strings by nearest tokens."""
    tokens = tokens.clone()
    for position in range(n_kept, tokenizer.length):
        nearest = tokenizer.nearest_tokens(tokens, values)
        tokens[..., position] = nearest[..., position]
    return tokens


@pytest.mark.parametrize("tokenizer", LARGE, ids=repr)
def test_no_completion_is_nearer_than_that_of_the_nearest_tokens(tokenizer):
    tokenizer = clone(tokenizer).fit(TARGETS)
    strings = random_strings(tokenizer, 60)
    values = torch.from_numpy(np.random.default_rng(1).uniform(-4, 4, 60))
    for n_kept in range(0, tokenizer.length, 1 + tokenizer.length // 8):
        own = tokenizer.decode(follow(tokenizer, strings, values, n_kept))
        others = random_strings(tokenizer, 60 * 40, seed=n_kept).view(40, 60, -1)
        others[..., :n_kept] = strings[:, :n_kept]
        errors = (tokenizer.decode(others) - values).abs()
        assert ((own - values).abs() <= errors * (1 + 1e-12) + 1e-12).all()


@every_tokenizer
def test_nearest_tokens_do_not_see_what_follows(tokenizer):
    tokenizer = clone(tokenizer).fit(TARGETS)
    strings, others = random_strings(tokenizer), random_strings(tokenizer, seed=1)
    values = numbers()[: len(strings)]
    nearest = tokenizer.nearest_tokens(strings, values)
    for position in range(tokenizer.length):
        changed = torch.cat([strings[:, :position], others[:, position:]], -1)
        again = tokenizer.nearest_tokens(changed, values)
        assert torch.equal(nearest[:, position], again[:, position])


@every_tokenizer
def test_nearest_tokens_for_targets_far_beyond_lead_to_the_ends(tokenizer):
    tokenizer = clone(tokenizer).fit(TARGETS)
    values = torch.tensor([1e300, 1e25, -1e25, -1e300], dtype=torch.float64)
    string = follow(tokenizer, random_strings(tokenizer, 4), values, 0)
    nearest = tokenizer.decode(tokenizer.encode(values))
    torch.testing.assert_close(tokenizer.decode(string), nearest, rtol=1e-9, atol=0)


@scientific_members
def test_after_the_wrong_sign_zero_is_the_nearest(member):
    tokenizer = member().fit(TARGETS)
    values = torch.tensor([-2.5, 0.03, 7e5], dtype=torch.float64)
    wrong = tokenizer.encode(-values)
    assert (tokenizer.decode(follow(tokenizer, wrong, values, 1)) == 0).all()


@pytest.mark.parametrize("device", DEVICES)
@every_member
def test_nearest_tokens_of_any_shape(member, device):
    tokenizer = member().fit(TARGETS)
    tokens = random_strings(tokenizer, 12).view(3, 4, -1).to(device)
    values = torch.tensor([-1.0, 0.2, 5.0, 0.0], dtype=torch.float64, device=device)
    nearest = tokenizer.nearest_tokens(tokens, values)
    assert nearest.device == tokens.device
    assert nearest.dtype == torch.int64
    for i in range(3):
        for j in range(4):
            alone = tokenizer.nearest_tokens(tokens[i, j], values[j])
            assert torch.equal(nearest[i, j], alone)
    listed = Listed(3, 4).fit(TARGETS)
    tokens = random_strings(listed, 12).view(3, 4, -1).to(device)
    expected = NormalizedTokenizer(3, 4).fit(TARGETS).nearest_tokens(tokens, values)
    assert torch.equal(listed.nearest_tokens(tokens, values), expected)


class Listed(NormalizedTokenizer):
    """A format that knows no faster way than to list its strings."""

    _nearest_tokens = Tokenizer._nearest_tokens


def test_nearest_tokens_refuse_what_they_cannot_compare():
    tokenizer = NormalizedTokenizer(2, 3).fit(TARGETS)
    tokens = tokenizer.encode([0.0])
    for value in (np.nan, np.inf):
        with pytest.raises(ValueError, match=f"finite, got {value}"):
            tokenizer.nearest_tokens(tokens, [value])
    with pytest.raises(ValueError, match="token 2 is not allowed at position 0"):
        tokenizer.nearest_tokens(torch.tensor([2, 0, 0]), 0.0)
    with pytest.raises(NotFittedError):
        NormalizedTokenizer(2, 3).nearest_tokens(tokens, [0.0])
    large = Listed(2, 13).fit(TARGETS)
    message = r"8192 strings.* at most 4096 strings.*Listed\._nearest_tokens"
    with pytest.raises(ValueError, match=message):
        large.nearest_tokens(large.encode([0.0]), [0.0])


# Normalized digits

CASES = [(2, 1), (2, 8), (4, 4), (7, 5), (8, 3), (10, 3), (36, 3), (10, 12)]


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-3.0, 5.5), (1e29, 1e30)])
@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize(("base", "length"), CASES)
def test_normalized_error_is_at_most_half_a_cell(base, length, rounding, low, high):
    tokenizer = NormalizedTokenizer(base, length, rounding).fit([low, high])
    rng = np.random.default_rng(1)
    values = torch.from_numpy(np.append(rng.uniform(low, high, 2000), [low, high]))
    error = tokenizer.decode(tokenizer.encode(values)) - values
    cell = (high - low) / (base**length - (rounding == "endpoint"))
    slack = 4 * np.spacing(max(abs(low), abs(high)))
    at_most = {"floor": 0.0}.get(rounding, cell / 2) + slack
    below = torch.full_like(values, cell if rounding == "floor" else cell / 2)
    if rounding == "round":
        below[values > high - cell] = cell
    assert (error <= at_most).all()
    assert (error >= -below - slack).all()


@pytest.mark.parametrize("tokenizer", SMALL[:10], ids=repr)
@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3, 7), (1e6, 1e6 + 1e-3)])
def test_normalized_strings_sort_like_numbers_and_come_back(tokenizer, low, high):
    tokenizer = clone(tokenizer).fit([low, high])
    grid = tokenizer.grid()
    decoded = tokenizer.decode(grid)
    assert (decoded.diff() > 0).all()
    assert torch.equal(tokenizer.encode(decoded), grid)


@pytest.mark.parametrize(("base", "length"), [*CASES, (2, 52), (3, 33), (10, 15)])
@pytest.mark.parametrize(
    ("low", "high"),
    [(0.0, 1.0), (-0.1, 0.3), (1e6, 1e6 + 1e-9), (-1e30, 1e-30), (-1.7e308, 1.7e308)],
)
def test_endpoint_rounding_is_exact_at_both_ends(base, length, low, high):
    tokenizer = NormalizedTokenizer(base, length).fit([low, high])
    ends = torch.tensor([low, high], dtype=torch.float64)
    tokens = tokenizer.encode(ends)
    assert tokens.tolist() == [[0] * length, [base - 1] * length]
    assert torch.equal(tokenizer.decode(tokens), ends)


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize(("base", "length"), [(2, 8), (2, 52), (3, 33), (10, 15)])
@pytest.mark.parametrize(
    ("low", "high"),
    [(1e6, 1e6 + 1e-9), (-1e30, 1e30), (-1.7e308, 1.7e308), (1e308, 1.7e308)],
)
def test_normalized_numbers_stay_in_the_range(rounding, base, length, low, high):
    tokenizer = NormalizedTokenizer(base, length, rounding).fit([low, high])
    fractions = np.linspace(0, 1, 99)
    values = torch.from_numpy(np.sort(low * (1 - fractions) + high * fractions))
    decoded = tokenizer.decode(tokenizer.encode(values))
    assert ((decoded >= low) & (decoded <= high)).all()
    assert (decoded.diff() >= 0).all()
    unit = 1.01 * (high / 2**8 - low / 2**8) + 2 * np.spacing(high)
    assert ((decoded - values).abs() <= unit).all()


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_normalized_edges_of_the_unit_interval(rounding):
    tokenizer = NormalizedTokenizer(2, 3, rounding).fit([0.0, 1.0])
    u = torch.tensor([-0.1, 0.0, 1 - 1e-12, 1.0, 1.1], dtype=torch.float64)
    assert tokenizer.encode(u).tolist() == [[0] * 3] * 2 + [[1] * 3] * 3
    top = {"endpoint": 1.0, "midpoint": 15 / 16}.get(rounding, 7 / 8)
    bottom = {"midpoint": 1 / 16}.get(rounding, 0.0)
    decoded = tokenizer.decode(tokenizer.encode(u)).tolist()
    assert decoded == [bottom, bottom, top, top, top]


@pytest.mark.parametrize(
    ("rounding", "bits"), [("floor", [1, 0, 0]), ("round", [1, 0, 1])]
)
def test_published_examples_of_0_6_in_three_bits(rounding, bits):
    tokenizer = NormalizedTokenizer(2, 3, rounding).fit([0.0, 1.0])
    assert tokenizer.encode(torch.tensor(0.6)).tolist() == bits


def test_round_is_half_even_and_floor_is_half_a_cell_low():
    halves = (torch.arange(8, dtype=torch.float64) + 0.5) / 8
    reference = NormalizedTokenizer(2, 3, "round").fit([0.0, 1.0])
    expected = [0, 2, 2, 4, 4, 6, 6, 7]
    assert (reference.decode(reference.encode(halves)) * 8).tolist() == expected
    floor = NormalizedTokenizer(2, 3, "floor").fit([0.0, 1.0])
    assert (floor.decode(floor.encode(halves)) - halves).unique().tolist() == [-1 / 16]


def test_constant_targets_are_written_as_zeros_and_read_exactly():
    tokenizer = NormalizedTokenizer(3, 4).fit([0.1, 0.1])
    assert tokenizer.encode(torch.tensor([-1e9, 0.1, torch.inf])).sum() == 0
    assert tokenizer.decode(tokenizer.grid()).unique().tolist() == [0.1]


@pytest.mark.parametrize("y", [[1e6, 1e6 + 2e-10], [5e-324, 1e-323], [0.0, 5e-324]])
def test_a_spread_of_single_float_steps_is_exact(y):
    tokenizer = NormalizedTokenizer().fit(y)
    values = torch.tensor(y, dtype=torch.float64)
    assert torch.equal(tokenizer.decode(tokenizer.encode(values)), values)
    assert tokenizer.clip_range == (-np.inf, np.inf)


# Scientific notation

SCIENTIFIC = [
    *[IEEETokenizer(base, 1, 4) for base in (3, 7, 10, 16, 36)],
    IEEETokenizer(2, 5, 8),
    IEEETokenizer(10, 2, 1),
    IEEETokenizer(10, 2, 15),
    IEEETokenizer(10, 1, 12),
    P10Tokenizer(),
    P10Tokenizer(1, 5),
    P10Tokenizer(15, 290),
]
scientific = pytest.mark.parametrize("tokenizer", SCIENTIFIC, ids=repr)


def limits(tokenizer):
    """Base, digits, smallest full and largest number, written out from the formula."""
    digits = tokenizer.mantissa_digits
    if isinstance(tokenizer, P10Tokenizer):
        reach = tokenizer.exponent_range
        smallest = Fraction(10) ** (digits - 1 - reach)
        return 10, digits, smallest, Fraction(10**digits - 1) * 10**reach
    base = tokenizer.base
    reach = base**tokenizer.exponent_digits - 1
    largest = (base**digits - 1) * Fraction(base) ** (reach - digits + 1)
    return base, digits, Fraction(base) ** -reach, largest


def rounded_exactly(value, base, digits):
    """The unit in the last place of a positive number, by exact arithmetic."""
    unit = Fraction(1)
    while value >= unit * base**digits:
        unit *= base
    while value < unit * base ** (digits - 1):
        unit /= base
    return unit


@scientific
def test_scientific_error_is_at_most_half_a_unit(tokenizer):
    base, digits, smallest, largest = limits(tokenizer)
    tokenizer = clone(tokenizer).fit([0.0, 1.0])
    rng = np.random.default_rng(0)
    span = np.log(float(smallest)), np.log(float(largest))
    values = np.exp(rng.uniform(*span, 150)) * rng.choice([-1, 1], 150)
    decoded = tokenizer.decode(tokenizer.encode(torch.from_numpy(values)))
    for value, number in zip(values.tolist(), decoded.tolist(), strict=True):
        unit = rounded_exactly(abs(Fraction(value)), base, digits)
        slack = 4 * Fraction(np.spacing(abs(value)))
        assert abs(Fraction(number) - Fraction(value)) <= unit / 2 + slack


@scientific
def test_powers_of_the_base_are_exact(tokenizer):
    base, digits, smallest, largest = limits(tokenizer)
    tokenizer = clone(tokenizer).fit([0.0, 1.0])
    powers, power = [], smallest
    while power <= largest:
        powers.append(float(power))
        power *= base
    values = torch.tensor(powers, dtype=torch.float64)
    decoded = tokenizer.decode(tokenizer.encode(values))
    reach = 2.0**53 / base**digits  # products and quotients of exact powers
    exact = (values > 1 / reach) & (values < reach)
    assert exact.any()
    assert torch.equal(decoded[exact], values[exact])
    torch.testing.assert_close(decoded, values, rtol=1e-15, atol=0)


@scientific
def test_just_below_a_power_carries_into_it(tokenizer):
    base, digits, _, _ = limits(tokenizer)
    tokenizer = clone(tokenizer).fit([0.0, 1.0])
    below = 1 - 0.4 * float(base) ** -digits
    for power in (1 / float(base), 1.0, float(base), float(base) ** 2):
        values = torch.tensor([below * power, -below * power], dtype=torch.float64)
        assert tokenizer.decode(tokenizer.encode(values)).tolist() == [power, -power]


@scientific
def test_zero_overflow_and_underflow(tokenizer):
    _, _, smallest, largest = map(float, limits(tokenizer))
    tokenizer = clone(tokenizer).fit([0.0, 1.0])
    factors = [0.0, 1e-9, 0.49, 0.5, 0.51, 1.0]
    tiny = smallest * torch.tensor(factors, dtype=torch.float64)
    expected = [0.0, 0.0, 0.0, 0.0, smallest, smallest]
    zero = tokenizer.encode(torch.tensor(0.0))
    for sign in (1, -1):
        tokens = tokenizer.encode(sign * tiny)
        assert (tokens[:4] == zero).all()
        decoded = sign * tokenizer.decode(tokens)
        torch.testing.assert_close(decoded.tolist(), expected, rtol=1e-15, atol=0)
        over = torch.tensor(
            [largest, 1.5 * largest, 1e308, np.inf], dtype=torch.float64
        )
        decoded = sign * tokenizer.decode(tokenizer.encode(sign * over))
        torch.testing.assert_close(decoded.tolist(), [largest] * 4, rtol=1e-15, atol=0)


@pytest.mark.parametrize("tokenizer", [IEEETokenizer(), P10Tokenizer()], ids=repr)
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (9.9996, 10.0),
        (99.996, 100.0),
        (0.99999, 1.0),
        (-9.9996, -10.0),
        (9.9994, 9.999),
        (9.9999, 10.0),
        (1000.0, 1000.0),
        (1e6, 1e6),
        (1e9, 1e9),
        (1e-6, 1e-6),
        (-0.01234, -0.01234),
        (123456.0, 123500.0),
    ],
)
def test_four_digits_round_to_nearest_with_carry(tokenizer, value, expected):
    tokenizer = clone(tokenizer).fit([0.0, 1.0])
    tokens = tokenizer.encode(torch.tensor(value, dtype=torch.float64))
    assert tokenizer.decode(tokens).item() == expected


@pytest.mark.parametrize("tokenizer", [IEEETokenizer(10, 2, 15), P10Tokenizer(15, 22)])
def test_decimals_read_like_float(tokenizer):
    tokenizer = clone(tokenizer).fit([0.0, 1.0])
    strings = random_strings(tokenizer, 1000)
    for row, value in zip(strings.tolist(), tokenizer.decode(strings), strict=True):
        if isinstance(tokenizer, P10Tokenizer):
            digits, exponent = row[1:-1], row[-1] - 12 - 22
        else:
            digits = row[4:]
            exponent = (2 * row[1] - 1) * (10 * (row[2] - 2) + row[3] - 2) - 14
        mantissa = (2 * row[0] - 1) * int("".join(str(digit - 2) for digit in digits))
        expected = float(f"{mantissa}e{exponent}")
        if abs(exponent) <= 22:
            assert value.item() == expected
        assert value.item() == pytest.approx(expected, rel=5e-16)


def test_the_layout_of_the_strings():
    values = torch.tensor([0.0, -0.0123, 5.0], dtype=torch.float64)
    ieee = IEEETokenizer(mantissa_digits=3).fit([0.0, 1.0])
    assert (ieee.length, ieee.vocab_size) == (6, 12)
    assert ieee.encode(values).tolist() == [
        [1, 1, 2, 2, 2, 2],
        [0, 0, 4, 3, 4, 5],
        [1, 1, 2, 7, 2, 2],
    ]
    p10 = P10Tokenizer(mantissa_digits=3, exponent_range=5).fit([0.0, 1.0])
    assert (p10.length, p10.vocab_size) == (5, 23)
    assert p10.encode(values).tolist() == [
        [1, 2, 2, 2, 17],
        [0, 3, 4, 5, 13],
        [1, 7, 2, 2, 15],
    ]


@scientific
def test_signs_are_no_numbers_and_digits_are(tokenizer):
    tokenizer = clone(tokenizer).fit([0.0, 1.0])
    is_number = ~tokenizer.digit_values.isnan()
    signs = tokenizer.allowed_tokens & ~is_number
    assert signs.any(dim=0).nonzero().flatten().tolist() == [0, 1]
    n_signs = 1 + isinstance(tokenizer, IEEETokenizer)
    assert signs.any(dim=1).sum() == n_signs
    assert is_number[n_signs:].any(dim=1).all()


def test_strings_with_leading_zeros_decode():
    ieee = IEEETokenizer(mantissa_digits=3).fit([0.0, 1.0])
    assert ieee.decode(torch.tensor([0, 1, 4, 2, 2, 5])).item() == -3.0
    p10 = P10Tokenizer(mantissa_digits=3, exponent_range=5).fit([0.0, 1.0])
    assert p10.decode(torch.tensor([0, 2, 2, 5, 17])).item() == -3.0


@scientific
def test_clip_range_is_ten_percent_wider_on_each_side(tokenizer):
    fitted = clone(tokenizer).fit([-2.0, 8.0])
    assert fitted.clip_range == pytest.approx((-3.0, 9.0))
    assert fitted.fit([0.1, 0.1]).clip_range == (0.1, 0.1)


def test_binary_numbers_below_the_normal_float64_range_are_exact():
    tokenizer = IEEETokenizer(2, 10, 52).fit([0.0, 1.0])
    values = torch.tensor([1.0, 1.25, -1.75], dtype=torch.float64) * 2.0**-1023
    assert torch.equal(tokenizer.decode(tokenizer.encode(values)), values)
