"""Floating-point digits, and the texts of all digits."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from number_formats import (
    float64,
    formats,
    random_strings,
)
from sklearn.base import clone

from sklearn_genre.tokenizers import (
    IEEETokenizer,
    NormalizedTokenizer,
    P10Tokenizer,
)

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
scientific_members = pytest.mark.parametrize("member", [IEEETokenizer, P10Tokenizer])


def scientific_formats(member, y=(0.0, 1.0)):
    """Yield fitted tokenizers of one class, and what `limits` says of each."""
    for tokenizer in SCIENTIFIC:
        if type(tokenizer) is member:
            yield clone(tokenizer).fit(y), *limits(tokenizer)


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


@scientific_members
def test_scientific_error_is_at_most_half_a_unit(member):
    for tokenizer, base, digits, smallest, largest in scientific_formats(member):
        rng = np.random.default_rng(0)
        span = np.log(float(smallest)), np.log(float(largest))
        values = np.exp(rng.uniform(*span, 60)) * rng.choice([-1, 1], 60)
        decoded = tokenizer.decode(tokenizer.encode(torch.from_numpy(values)))
        for value, number in zip(values.tolist(), decoded.tolist(), strict=True):
            unit = rounded_exactly(abs(Fraction(value)), base, digits)
            slack = 4 * Fraction(np.spacing(abs(value)))
            error = abs(Fraction(number) - Fraction(value))
            assert error <= unit / 2 + slack, tokenizer


@scientific_members
def test_powers_of_the_base_are_exact(member):
    for tokenizer, base, digits, smallest, largest in scientific_formats(member):
        powers, power = [], smallest
        while power <= largest:
            powers.append(float(power))
            power *= base
        values = float64(powers)
        decoded = tokenizer.decode(tokenizer.encode(values))
        reach = 2.0**53 / base**digits  # products and quotients of exact powers
        exact = (values > 1 / reach) & (values < reach)
        assert exact.any()
        assert torch.equal(decoded[exact], values[exact]), tokenizer
        np.testing.assert_allclose(decoded, values, rtol=1e-15)


@scientific_members
def test_just_below_a_power_carries_into_it(member):
    for tokenizer, base, digits, _, _ in scientific_formats(member):
        below = 1 - 0.4 * float(base) ** -digits
        powers = float(base) ** np.arange(-1, 3)
        powers = torch.from_numpy(np.append(powers, -powers))
        decoded = tokenizer.decode(tokenizer.encode(below * powers))
        assert torch.equal(decoded, powers), tokenizer


@scientific_members
def test_zero_overflow_and_underflow(member):
    for tokenizer, _, _, smallest, largest in scientific_formats(member):
        smallest, largest = float(smallest), float(largest)
        tiny = smallest * float64([0.0, 1e-9, 0.49, 0.5, 0.51, 1.0])
        over = float64([largest, 1.5 * largest, 1e308, np.inf])
        ends = float64([0.0] * 4 + [smallest] * 2 + [largest] * 4)
        zero = tokenizer.encode(torch.tensor(0.0))
        for sign in (1, -1):
            tokens = tokenizer.encode(sign * torch.cat([tiny, over]))
            assert (tokens[:4] == zero).all(), tokenizer
            decoded = sign * tokenizer.decode(tokens)
            np.testing.assert_allclose(decoded, ends, rtol=1e-15)


@scientific_members
def test_four_digits_round_to_nearest_with_carry(member):
    tokenizer = member().fit([0.0, 1.0])
    for value, expected in [
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
    ]:
        assert tokenizer.decode(tokenizer.encode(value)).item() == expected


@pytest.mark.parametrize("tokenizer", [IEEETokenizer(10, 2, 15), P10Tokenizer(15, 22)])
def test_texts_of_decimals_read_like_float(tokenizer):
    tokenizer = clone(tokenizer).fit([0.0, 1.0])
    texts, names = tokenizer.token_texts, tokenizer.position_names
    mantissa = [i for i, name in enumerate(names) if name.startswith("mantissa")]
    exponent = [i for i, name in enumerate(names) if name.startswith("exponent")]
    point = 14 * isinstance(tokenizer, IEEETokenizer)  # digits after the point
    strings = random_strings(tokenizer, 1000)
    for row, value in zip(strings.tolist(), tokenizer.decode(strings), strict=True):
        parts = [texts[i][token] for i, token in enumerate(row)]
        power = int("".join(parts[i] for i in exponent).removeprefix("E")) - point
        expected = float(
            f"{parts[names.index('sign')]}{''.join(parts[i] for i in mantissa)}e{power}"
        )
        if abs(power) <= 22:
            assert value.item() == expected
        assert value.item() == pytest.approx(expected, rel=5e-16)


def test_the_layout_of_the_strings():
    values = float64([0.0, -0.0123, 5.0])
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


@scientific_members
def test_signs_are_no_numbers_and_digits_are(member):
    for tokenizer, *_ in scientific_formats(member):
        is_number = ~tokenizer.digit_values.isnan()
        signs = tokenizer.allowed_tokens & ~is_number
        assert signs.any(dim=0).nonzero().flatten().tolist() == [0, 1]
        n_signs = 1 + (member is IEEETokenizer)
        assert signs.any(dim=1).sum() == n_signs
        assert is_number[n_signs:].any(dim=1).all()


def test_strings_with_leading_zeros_decode():
    ieee = IEEETokenizer(mantissa_digits=3).fit([0.0, 1.0])
    assert ieee.decode(torch.tensor([0, 1, 4, 2, 2, 5])).item() == -3.0
    p10 = P10Tokenizer(mantissa_digits=3, exponent_range=5).fit([0.0, 1.0])
    assert p10.decode(torch.tensor([0, 2, 2, 5, 17])).item() == -3.0


@scientific_members
def test_clip_range_is_ten_percent_wider_on_each_side(member):
    fitted = member().fit([-2.0, 8.0])
    assert fitted.clip_range == pytest.approx((-3.0, 9.0))
    assert fitted.fit([0.1, 0.1]).clip_range == (0.1, 0.1)


def test_binary_numbers_below_the_normal_float64_range_are_exact():
    tokenizer = IEEETokenizer(2, 10, 52).fit([0.0, 1.0])
    values = float64([1.0, 1.25, -1.75]) * 2.0**-1023
    assert torch.equal(tokenizer.decode(tokenizer.encode(values)), values)


@pytest.mark.parametrize("member", [NormalizedTokenizer, IEEETokenizer, P10Tokenizer])
def test_texts_of_digits_are_those_of_int(member):
    for tokenizer in formats(member):
        values = tokenizer.digit_values
        for row, texts in zip(values.tolist(), tokenizer.token_texts, strict=True):
            for value, text in zip(row, texts, strict=True):
                if not np.isnan(value):
                    exponent = len(text) > 1
                    number = int(text[1:]) if exponent else int(text, 36)
                    assert number == value, tokenizer
