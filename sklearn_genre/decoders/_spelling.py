"""How the tokens of a number are written in the tokens of a language model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NoReturn

import torch
from torch import Tensor

from sklearn_genre.tokenizers import Tokenizer

# Maps a text to token ids, and where each begins and ends in the text.
Offsets = Callable[[str], tuple[list[int], list[tuple[int, int]]]]

Spans = list[tuple[int, int]]


@dataclass(frozen=True)
class Spelling:
    """Token ids of a language model for each token of a number.

    Parameters
    ----------
    ids : int64 Tensor of shape (length, vocab_size)
        -1 where a token is not allowed.
    literals : list of list of int
        What is written before each token: for the first, the end of the prompt.
    """

    ids: Tensor
    literals: list[list[int]]


def spell(tokenizer: Tokenizer, offsets: Offsets, prompts: Sequence[str]) -> Spelling:
    """Return how numbers are spelled after prompts, each token by one id.

    Parameters
    ----------
    tokenizer : Tokenizer
        Fitted.
    offsets : callable
    prompts : sequence of str
        At least one.

    Raises
    ------
    ValueError
        If the language model merges two tokens, or one with the prompt, needs several
        for one, or has the same for two.
    """
    allowed = tokenizer.allowed_tokens
    lowest = [int(row.nonzero()[0, 0]) for row in allowed]
    ids = torch.full(allowed.shape, -1)
    first, literals = _aligned(tokenizer, offsets, prompts[0], lowest)
    choices = [row.nonzero()[:, 0].tolist() for row in allowed]
    for position, row in enumerate(allowed):
        for token in choices[position]:
            tokens = [*lowest[:position], token, *lowest[position + 1 :]]
            spelled, _ = _aligned(tokenizer, offsets, prompts[0], tokens)
            ids[position, token] = spelled[position]
        chosen = ids[position][row]
        if len(chosen.unique()) < len(chosen):
            raise ValueError(
                "Two texts of one position have the same token in the language model: "
                f"{tokenizer.token_texts[position]}."
            )
    for position in range(len(choices) - 1):  # neighbours that may merge
        for pair in product(*choices[position : position + 2]):
            tokens = [*lowest[:position], *pair, *lowest[position + 2 :]]
            both = _aligned(tokenizer, offsets, prompts[0], tokens)
            own = [int(ids[i, token]) for i, token in enumerate(tokens)]
            if both != (own, literals):
                raise ValueError(
                    f"The language model writes {_text(tokenizer, tokens)!r} by tokens "
                    "that depend on each other, so that digits have no tokens of their "
                    "own. Use another format."
                )
    for prompt in prompts[1:]:
        other, between = _aligned(tokenizer, offsets, prompt, lowest)
        if (other, between) != (first, literals):
            raise ValueError(
                f"{_text(tokenizer, lowest)!r} is written by the tokens {other} after "
                f"the prompt {prompt[-40:]!r}, and by {first} after "
                f"{prompts[0][-40:]!r}. Let all prompts end alike."
            )
    return Spelling(ids, literals)


def _aligned(
    tokenizer: Tokenizer, offsets: Offsets, prompt: str, tokens: list[int]
) -> tuple[list[int], list[list[int]]]:
    """Return the id of each token after a prompt, and the ids before each."""
    texts = [tokenizer.token_texts[i][token] for i, token in enumerate(tokens)]
    literals = getattr(tokenizer, "literals", ("",) * (len(texts) + 1))
    written, spans = prompt, []
    for literal, text in zip(literals, texts, strict=False):
        spans.append((len(written) + len(literal), len(written) + len(literal + text)))
        written += literal + text
    ids, where = offsets(written)
    before, _ = offsets(prompt)
    start = len(before)
    if ids[:start] != before:
        for a, b in where:  # digits that merge are the likelier reason
            inside = [i for i, (c, d) in enumerate(spans) if a < d and c < b]
            if len(inside) > 1:
                _refuse(written, prompt, texts, inside)
        _refuse_end(written, prompt)
    spelled: list[int] = []
    between: list[list[int]] = [[]]
    for id_, (a, b) in zip(ids[start:], where[start:], strict=True):
        inside = [i for i, (c, d) in enumerate(spans) if a < d and c < b]
        if not inside:
            between[-1].append(id_)
        elif inside == [len(spelled)] and b == spans[inside[0]][1]:
            spelled.append(id_)
            between.append([])
        else:
            _refuse(written, prompt, texts, inside)
    if len(spelled) < len(texts):
        _refuse_end(written, prompt)
    return spelled, between[: len(texts)]


def _refuse_end(written: str, prompt: str) -> NoReturn:
    """Say that the end of a prompt is read otherwise once a number follows it."""
    raise ValueError(
        f"The language model reads the end of {prompt[-20:]!r} otherwise once "
        f"{written[len(prompt) :]!r} follows, so that the number has no tokens of its "
        "own. If the prompt ends with spaces or line breaks, leave them out and write "
        "a space into the format, as in numbers=' d.d'; if not, end it with a space."
    )


def _refuse(written: str, prompt: str, texts: list[str], inside: list[int]) -> NoReturn:
    """Say why a number has no token for each digit."""
    number = written[len(prompt) :]
    if len(inside) > 1:
        merged = "".join(texts[i] for i in inside)
        raise ValueError(
            f"The language model reads {merged!r} in {number!r} as one token, and each "
            "digit needs one of its own. Use a format that keeps digits apart, or a "
            "model whose tokenizer splits them."
        )
    raise ValueError(
        f"The language model needs several tokens for {texts[inside[0]]!r} in "
        f"{number!r}, and each digit must be one. Use other texts for the digits."
    )


def _text(tokenizer: Tokenizer, tokens: list[int]) -> str:
    """Return a number as it is written."""
    texts = [tokenizer.token_texts[i][token] for i, token in enumerate(tokens)]
    literals = getattr(tokenizer, "literals", ("",) * (len(texts) + 1))
    return "".join(a + b for a, b in zip(literals, [*texts, ""], strict=True))
