"""Tokenizers: the nearest completion of a prefix."""

from functools import partial

import numpy as np
import pytest
import torch
from number_formats import (
    DEVICES,
    LISTED,
    TARGETS,
    every_registered,
    float64,
    formats,
    numbers,
    random_strings,
)

from sklearn_genre.tokenizers import (
    IEEETokenizer,
    NormalizedTokenizer,
    P10Tokenizer,
    Tokenizer,
)

scientific_members = pytest.mark.parametrize("member", [IEEETokenizer, P10Tokenizer])


def targets_for(tokenizer, n=15, seed=0):
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


def follow(tokenizer, tokens, values, n_kept):
    """Complete the first tokens of strings by nearest tokens."""
    tokens = tokens.clone()
    for position in range(n_kept, tokenizer.length):
        nearest = tokenizer.nearest_tokens(tokens, values)
        tokens[..., position] = nearest[..., position]
    return tokens


def check_nearest(tokenizer, find):
    """Compare every completion of every prefix."""
    grid, y = tokenizer.grid(), targets_for(tokenizer)
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
        assert allowed[chosen].all(), tokenizer
        branch = torch.searchsorted(choices, chosen.contiguous())  # (n_strings, n)
        reached = tree[prefix[:, None], branch, torch.arange(len(y))]
        assert (reached <= best[prefix] + slack).all(), tokenizer
        n_prefixes *= len(choices)


@every_registered
def test_nearest_tokens_start_the_nearest_completion(member):
    for tokenizer in formats(member):
        if tokenizer.n_strings <= LISTED:
            check_nearest(tokenizer, tokenizer.nearest_tokens)
            check_nearest(tokenizer, partial(Tokenizer._nearest_tokens, tokenizer))


@every_registered
def test_no_completion_is_nearer_than_that_of_the_nearest_tokens(member):
    values = torch.from_numpy(np.random.default_rng(1).uniform(-4, 4, 60))
    for tokenizer in formats(member):
        if tokenizer.n_strings <= LISTED:
            continue
        strings = random_strings(tokenizer, 60)
        for n_kept in range(0, tokenizer.length, 1 + tokenizer.length // 4):
            own = tokenizer.decode(follow(tokenizer, strings, values, n_kept))
            others = random_strings(tokenizer, 60 * 40, seed=n_kept).view(40, 60, -1)
            others[..., :n_kept] = strings[:, :n_kept]
            errors = (tokenizer.decode(others) - values).abs()
            nearest = (own - values).abs() <= errors * (1 + 1e-12) + 1e-12
            assert nearest.all(), tokenizer


@every_registered
def test_nearest_tokens_of_a_written_number_are_its_own(member):
    for tokenizer in formats(member):
        tokens = tokenizer.encode(numbers())
        nearest = tokenizer.nearest_tokens(tokens, tokenizer.decode(tokens))
        assert torch.equal(nearest, tokens), tokenizer


@every_registered
def test_nearest_tokens_do_not_see_what_follows(member):
    for tokenizer in formats(member):
        strings, others = random_strings(tokenizer), random_strings(tokenizer, seed=1)
        values = numbers()[: len(strings)]
        nearest = tokenizer.nearest_tokens(strings, values)
        for position in range(0, tokenizer.length, 1 + tokenizer.length // 16):
            changed = torch.cat([strings[:, :position], others[:, position:]], -1)
            other = tokenizer.nearest_tokens(changed, values)
            assert torch.equal(nearest[:, position], other[:, position]), tokenizer


@every_registered
def test_nearest_tokens_for_targets_far_beyond_lead_to_the_ends(member):
    values = float64([1e300, 1e25, -1e25, -1e300])
    for tokenizer in formats(member):
        string = follow(tokenizer, random_strings(tokenizer, 4), values, 0)
        nearest = tokenizer.decode(tokenizer.encode(values))
        decoded = tokenizer.decode(string)
        np.testing.assert_allclose(decoded, nearest, rtol=1e-9)


@scientific_members
def test_after_the_wrong_sign_zero_is_the_nearest(member):
    tokenizer = member().fit(TARGETS)
    values = float64([-2.5, 0.03, 7e5])
    wrong = tokenizer.encode(-values)
    assert (tokenizer.decode(follow(tokenizer, wrong, values, 1)) == 0).all()


class Listed(NormalizedTokenizer):
    """A format that knows no faster way than to list its strings."""

    _nearest_tokens = Tokenizer._nearest_tokens


@pytest.mark.parametrize("device", DEVICES)
@every_registered
def test_nearest_tokens_of_any_shape(member, device):
    values = float64([-1.0, 0.2, 5.0, 0.0]).to(device)
    for tokenizer in (member().fit(TARGETS), Listed(3, 4).fit(TARGETS)):
        tokens = random_strings(tokenizer, 12).view(3, 4, -1).to(device)
        nearest = tokenizer.nearest_tokens(tokens, values)
        assert nearest.device == tokens.device
        assert nearest.dtype == torch.int64
        for i, j in np.ndindex(3, 4):
            alone = tokenizer.nearest_tokens(tokens[i, j], values[j])
            assert torch.equal(nearest[i, j], alone)


def test_nearest_tokens_refuse_what_they_cannot_compare():
    tokenizer = NormalizedTokenizer(2, 3).fit(TARGETS)
    tokens = tokenizer.encode([0.0])
    for value in (np.nan, np.inf):
        with pytest.raises(ValueError, match=f"finite, got {value}"):
            tokenizer.nearest_tokens(tokens, [value])
    with pytest.raises(ValueError, match="token 2 is not allowed at position 0"):
        tokenizer.nearest_tokens(torch.tensor([2, 0, 0]), 0.0)
    large = Listed(2, 13).fit(TARGETS)
    message = r"8192 strings.* at most 4096 strings.*Listed\._nearest_tokens"
    with pytest.raises(ValueError, match=message):
        large.nearest_tokens(large.encode([0.0]), [0.0])
