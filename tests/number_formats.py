"""Tokenizers to test, and numbers and strings to test them with."""

import numpy as np
import pytest
import torch
from sklearn.base import clone

from sklearn_genre.tokenizers import (
    TOKENIZERS,
    DecimalTokenizer,
    IEEETokenizer,
    NormalizedTokenizer,
    P10Tokenizer,
)

DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available()
ROUNDINGS = ["endpoint", "midpoint", "floor", "round"]
# Formats beside the defaults: with few strings, which can be listed, and with many.
SMALL = [
    NormalizedTokenizer(2, 1),
    NormalizedTokenizer(36, 2),
    *[NormalizedTokenizer(2, 5, rounding) for rounding in ROUNDINGS],
    *[NormalizedTokenizer(3, 3, rounding) for rounding in ROUNDINGS],
    *[NormalizedTokenizer(10, 3, rounding) for rounding in ROUNDINGS],
    IEEETokenizer(2, 1, 1),
    IEEETokenizer(2, 2, 6),
    IEEETokenizer(3, 1, 5),
    IEEETokenizer(3, 2, 2),
    IEEETokenizer(10, 1, 2),
    IEEETokenizer(30, 1, 1),
    P10Tokenizer(1, 0),
    P10Tokenizer(1, 40),
    P10Tokenizer(2, 9),
    DecimalTokenizer("+d.d"),
    DecimalTokenizer("d"),
    DecimalTokenizer("0.dd"),
    DecimalTokenizer("+.d"),
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
    DecimalTokenizer("+$dd.ddd%"),
    DecimalTokenizer("ddddd.dddddddddd"),
]
LISTED = 2000  # strings that a test compares with each other
TARGETS = np.random.default_rng(0).normal(size=200)
# Those of the registry, and the one that knows the scale of the targets.
MEMBERS = {**TOKENIZERS, "decimal": DecimalTokenizer}
every_registered = pytest.mark.parametrize(
    "member", TOKENIZERS.values(), ids=TOKENIZERS
)
every_member = pytest.mark.parametrize("member", MEMBERS.values(), ids=MEMBERS)


def formats(member, y=TARGETS):
    """Yield fitted tokenizers of one class, its defaults first."""
    others = [other for other in [*SMALL, *LARGE] if type(other) is member]
    for tokenizer in [member(), *others]:
        yield clone(tokenizer).fit(y)


def float64(values):
    """Numbers as a float64 tensor."""
    return torch.tensor(values, dtype=torch.float64)


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
