"""The blocks of a tree of digits: prefixes and their probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from sklearn_genre.outputs import TokenDistribution

# Blocks of a smaller probability, and all below them, are too thin to see.
THINNEST = 0.002


class Block(NamedTuple):
    """A digit that follows a prefix."""

    tokens: tuple[int, ...]  # the prefix and this digit
    left: float  # probability of all strings that sort before it
    probability: float  # of the tokens together
    conditional: float  # of the digit, given the prefix
    on_path: bool  # whether the true target begins with the tokens


@torch.inference_mode()
def grow(
    dist: TokenDistribution, depth: int, truth: Sequence[int] | None
) -> list[list[Block]]:
    """Return the blocks of the first levels of the tree of one row.

    Only prefixes whose block is wide enough to see are scored, so the cost does not
    depend on the number of strings.
    """
    allowed = dist.tokenizer.allowed_tokens
    filler = allowed.int().argmax(-1).tolist()  # any string that is allowed
    blocks = [Block((), 0.0, 1.0, 1.0, truth is not None)]
    levels = []
    for position in range(depth):
        if not blocks:  # all were too thin
            levels.append(blocks)
            continue
        strings = [[*block.tokens, *filler[position:]] for block in blocks]
        tokens = torch.tensor(strings, device=dist.device)[:, None]
        scores = dist.log_probs(tokens)[:, 0, position]  # (n_blocks, vocab_size)
        conditional = scores.double().softmax(-1).cpu().numpy()
        choices = allowed[position].nonzero()[:, 0].tolist()
        blocks = [
            child
            for block, shares in zip(blocks, conditional, strict=True)
            for child in children(block, shares, choices, truth)
            if child.on_path or child.probability >= THINNEST
        ]
        levels.append(blocks)
    return levels


def children(
    block: Block,
    shares: np.ndarray,
    choices: Sequence[int],
    truth: Sequence[int] | None,
) -> list[Block]:
    """Return the blocks below a block, from left to right."""
    below, left = [], block.left
    for token in choices:
        tokens = (*block.tokens, token)
        probability = block.probability * float(shares[token])
        on_path = truth is not None and tuple(truth[: len(tokens)]) == tokens
        below.append(Block(tokens, left, probability, float(shares[token]), on_path))
        left += probability
    return below
