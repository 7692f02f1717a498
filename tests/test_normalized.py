"""Digits of the place within the training range."""

import numpy as np
import pytest
import torch
from number_formats import (
    LISTED,
    ROUNDINGS,
    float64,
    formats,
)

from sklearn_genre.tokenizers import (
    NormalizedTokenizer,
)

CASES = [(2, 1), (2, 8), (4, 4), (7, 5), (8, 3), (10, 3), (36, 3), (10, 12)]
LONG = [(2, 52), (3, 33), (10, 15)]
every_rounding = pytest.mark.parametrize("rounding", ROUNDINGS)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-3.0, 5.5), (1e29, 1e30)])
@every_rounding
def test_normalized_error_is_at_most_half_a_step(rounding, low, high):
    rng = np.random.default_rng(1)
    values = torch.from_numpy(np.append(rng.uniform(low, high, 2000), [low, high]))
    for base, length in CASES:
        tokenizer = NormalizedTokenizer(base, length, rounding).fit([low, high])
        error = tokenizer.decode(tokenizer.encode(values)) - values
        step = (high - low) / (base**length - (rounding == "endpoint"))
        slack = 4 * np.spacing(max(abs(low), abs(high)))
        at_most = {"floor": 0.0}.get(rounding, step / 2) + slack
        below = torch.full_like(values, step if rounding == "floor" else step / 2)
        if rounding == "round":
            below[values > high - step] = step
        assert (error <= at_most).all()
        assert (error >= -below - slack).all()


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3, 7), (1e6, 1e6 + 1e-3)])
def test_normalized_strings_sort_like_numbers_and_come_back(low, high):
    for tokenizer in formats(NormalizedTokenizer, [low, high]):
        if tokenizer.n_strings <= LISTED:
            grid = tokenizer.grid()
            decoded = tokenizer.decode(grid)
            assert (decoded.diff() > 0).all(), tokenizer
            assert torch.equal(tokenizer.encode(decoded), grid), tokenizer


def test_endpoint_rounding_is_exact_at_both_ends():
    for low, high in [
        (0.0, 1.0),
        (-0.1, 0.3),
        (1e6, 1e6 + 1e-9),
        (-1e30, 1e-30),
        (-1.7e308, 1.7e308),
    ]:
        ends = float64([low, high])
        for base, length in [*CASES, *LONG]:
            tokenizer = NormalizedTokenizer(base, length).fit([low, high])
            tokens = tokenizer.encode(ends)
            assert tokens.tolist() == [[0] * length, [base - 1] * length]
            assert torch.equal(tokenizer.decode(tokens), ends)


@pytest.mark.parametrize(
    ("low", "high"),
    [(1e6, 1e6 + 1e-9), (-1e30, 1e30), (-1.7e308, 1.7e308), (1e308, 1.7e308)],
)
@every_rounding
def test_normalized_numbers_stay_in_the_range(rounding, low, high):
    fractions = np.linspace(0, 1, 99)
    values = torch.from_numpy(np.sort(low * (1 - fractions) + high * fractions))
    for base, length in [(2, 8), *LONG]:
        tokenizer = NormalizedTokenizer(base, length, rounding).fit([low, high])
        decoded = tokenizer.decode(tokenizer.encode(values))
        assert ((decoded >= low) & (decoded <= high)).all()
        assert (decoded.diff() >= 0).all()
        unit = 1.01 * (high / 2**8 - low / 2**8) + 2 * np.spacing(high)
        assert ((decoded - values).abs() <= unit).all()


@every_rounding
def test_normalized_edges_of_the_unit_interval(rounding):
    tokenizer = NormalizedTokenizer(2, 3, rounding).fit([0.0, 1.0])
    u = float64([-0.1, 0.0, 1 - 1e-12, 1.0, 1.1])
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


def test_round_is_half_even_and_floor_is_half_a_bin_low():
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


def test_a_spread_of_single_float_steps_is_exact():
    for y in ([1e6, 1e6 + 2e-10], [5e-324, 1e-323], [0.0, 5e-324]):
        tokenizer = NormalizedTokenizer().fit(y)
        assert tokenizer.decode(tokenizer.encode(float64(y))).tolist() == y
        assert tokenizer.clip_range == (-np.inf, np.inf)
