"""Calls of the tokenizers: numbers to strings of tokens, and back."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from random_calls import values
from random_calls.call import Call, Code, Given, edge, one_of, wrong
from sklearn_genre.tokenizers import (
    DecimalTokenizer,
    IEEETokenizer,
    NormalizedTokenizer,
    P10Tokenizer,
    Tokenizer,
)

Rng = np.random.Generator


def parameters(rng: Rng, kind: type[Tokenizer]) -> dict[str, Any]:
    """Return valid parameters."""
    pick = partial(one_of, rng)
    if kind is NormalizedTokenizer:
        rounding = pick(["endpoint", "floor"])
        return {
            "base": pick([2, 3, 10]),
            "length": pick([1, 4, 9]),
            "rounding": rounding,
        }
    if kind is IEEETokenizer:
        names, most = ("base", "exponent_digits", "mantissa_digits"), ([2, 10], [1, 2])
        return dict(zip(names, map(pick, (*most, [1, 3, 6])), strict=True))
    if kind is P10Tokenizer:
        return {"mantissa_digits": pick([1, 4]), "exponent_range": pick([1, 10])}
    return {"format": pick(["d.d", "+d.dd", "ddd", "d%", "+dddd.ddd"])}


def tokenizer(rng: Rng) -> tuple[Tokenizer, Code]:
    """Return a fitted tokenizer, and code that makes it."""
    kind = one_of(
        rng, [NormalizedTokenizer, IEEETokenizer, P10Tokenizer, DecimalTokenizer]
    )
    given = kind(**parameters(rng, kind))
    y = targets(rng)
    return given.fit(y), Code(given, ".fit(", y, ")")


def targets(rng: Rng) -> np.ndarray:
    """Return targets that every format can write."""
    return values.numbers(rng, int(rng.choice([1, 2, 30])))


# -- the methods -----------------------------------------------------------------


def fit(rng: Rng) -> Call:
    """Return the call of `fit`, perhaps with a parameter or targets that are wrong."""
    kinds = [NormalizedTokenizer, IEEETokenizer, P10Tokenizer]
    kind = one_of(rng, kinds)
    arguments = {name: Given(value) for name, value in parameters(rng, kind).items()}
    y = targets(rng)
    arguments["y"] = Given(values.dressed(rng, y))
    chance = rng.random()
    if chance < 0.3:
        name = one_of(rng, [name for name in arguments if name != "y"])
        arguments[name] = values.no_integer(rng)
        if name == "exponent_range" and arguments[name].value == 0:
            arguments[name] = Given(0)  # one exponent
    elif chance < 0.5:
        arguments["y"] = values.spoiled(rng, y, "numbers")
        if isinstance(arguments["y"].value, np.ndarray | list):
            arguments["y"] = edge(arguments["y"].value)
    elif chance < 0.6:
        arguments["y"] = wrong(one_of(rng, [[], np.ones((2, 2)), 1.0, [np.inf]]))

    def made(y: Any, **given: Any) -> Any:
        fitted = kind(**given).fit(y)
        return fitted.low_, fitted.high_

    return Call(f"fit of {kind.__name__}", made, arguments)


def encode(rng: Rng) -> Call:
    """Return the call of `encode`: allowed tokens, of the nearest number."""
    made, code = tokenizer(rng)
    shape = one_of(rng, [(), (0,), (5,), (2, 3), (1, 1, 2)])
    span = made.high_ - made.low_ or 1.0
    y = np.where(
        rng.random(shape) < 0.1,
        rng.choice([np.inf, -np.inf, 0.0, -0.0, 1e300, 5e-324], shape),
        made.low_ + span * rng.uniform(-0.3, 1.3, shape),
    )
    given, chance = Given(y), rng.random()
    if chance < 0.2:
        given = Given(values.dressed(rng, y))
    elif chance < 0.4:
        given = Given(
            torch.as_tensor(y, dtype=one_of(rng, [torch.float64, torch.half]))
        )
    elif chance < 0.5:
        given = wrong(values.replaced(rng, y, np.nan), "number")
    elif chance < 0.55:
        given = wrong(one_of(rng, [None, "abc", {}, object(), ["a"], [1j]]))

    def check(result: Any) -> None:
        assert result.dtype == torch.int64, f"dtype {result.dtype}"
        assert result.shape[-1] == made.length, f"shape {tuple(result.shape)}"
        numbers = made.decode(result)  # refuses tokens that may not stand there
        assert numbers.isfinite().all(), "not finite"
        same = made.decode(made.encode(numbers))
        assert torch.equal(same, numbers), "decode(encode(x)) is not x for a number x"
        check_nearest(made, torch.tensor(np.array(given.value, float)), numbers)

    return Call(Code(code, ".encode"), made.encode, {"values": given}, check)


def check_nearest(made: Tokenizer, y: torch.Tensor, numbers: torch.Tensor) -> None:
    """Expect no number of the format nearer than the one written."""
    if made.n_strings > 1000 or not y.numel():
        return
    if getattr(made, "rounding", "endpoint") != "endpoint":
        return
    if isinstance(
        made, IEEETokenizer | P10Tokenizer
    ):  # leading zeros are read, never written
        return
    every = made.decode(made.grid())
    y = y.reshape(-1, 1).clamp(every.min(), every.max())
    best = (every - y).abs().amin(dim=1)
    size = torch.maximum(every.abs().max(), torch.tensor(5e-324))
    slack = 1e-9 * best + 1e-14 * size
    error = (numbers.reshape(-1, 1) - y).abs()[:, 0]
    assert (error <= best + slack).all(), "not the nearest number"


def decode(rng: Rng) -> Call:
    """Return the call of `decode`."""
    made, code = tokenizer(rng)
    tokens = made.encode(made.low_ + (made.high_ - made.low_) * rng.random((2, 3)))
    if rng.random() < 0.4:
        allowed = [row.nonzero()[:, 0].tolist() for row in made.allowed_tokens]
        tokens = torch.tensor([[one_of(rng, row) for row in allowed] for _ in range(4)])
    given, chance = Given(tokens), rng.random()
    if chance < 0.1:
        given = Given(tokens.to(torch.int32))
    elif chance < 0.3:
        bad = [tokens + made.vocab_size, -1 - tokens, tokens[..., :-1], tokens.double()]
        bad += [tokens.numpy(), None, "x", tokens > 0]
        given = wrong(one_of(rng, bad), "token")

    def check(result: Any) -> None:
        assert result.dtype == torch.float64, f"dtype {result.dtype}"
        assert result.isfinite().all(), "not finite"
        if not isinstance(
            made, IEEETokenizer | P10Tokenizer
        ):  # leading zeros are never written
            same = made.decode(made.encode(result))
            assert torch.equal(same, result), "no round trip"

    return Call(Code(code, ".decode"), made.decode, {"tokens": given}, check)


def nearest(rng: Rng) -> Call:
    """Return the call of `nearest_tokens`."""
    made, code = tokenizer(rng)
    y = made.low_ + (made.high_ - made.low_) * rng.uniform(-0.2, 1.2, 4)
    tokens = made.encode(y[::-1].copy())
    arguments = {"tokens": Given(tokens), "values": Given(y)}
    if rng.random() < 0.1:
        bad = [values.replaced(rng, y, value) for value in (np.nan, np.inf)]
        arguments["values"] = wrong(one_of(rng, bad))
    if made.n_strings > 4096:
        arguments["tokens"] = edge(tokens, "strings")

    def check(result: Any) -> None:
        assert result.shape == tokens.shape, f"shape {tuple(result.shape)}"
        assert made.decode(result).isfinite().all(), "not finite"

    return Call(Code(code, ".nearest_tokens"), made.nearest_tokens, arguments, check)


def listed(rng: Rng) -> Call:
    """Return the call of `grid`: each string once, sorted."""
    made, code = tokenizer(rng)
    size = int(rng.choice([10, 1000]))
    given = edge(size) if made.n_strings > size else Given(size)

    def check(result: Any) -> None:
        assert len(result) == made.n_strings, f"{len(result)} strings"
        assert made.decode(result).isfinite().all(), "not finite"
        assert len(torch.unique(result, dim=0)) == len(result), "a string twice"

    return Call(Code(code, ".grid"), made.grid, {"max_size": given}, check)


WAYS = {fit: 0.25, encode: 0.35, decode: 0.25, nearest: 0.1, listed: 0.05}


def draw(rng: Rng) -> Call:
    """Return a random call of a tokenizer."""
    return one_of(rng, WAYS, p=list(WAYS.values()))(rng)
