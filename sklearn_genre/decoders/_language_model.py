"""A causal language model that writes the digits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from sklearn_genre._device import BORN
from sklearn_genre.decoders._backbone import Backbone, Nodes
from sklearn_genre.decoders._base import DigitDecoder
from sklearn_genre.decoders._spelling import Spelling
from sklearn_genre.tokenizers import Tokenizer

# Trees of at most so many tokens are read together with the prompt.
MAX_NODES = 128


class LanguageModelDecoder(DigitDecoder):
    """The digits of a number as the next tokens of a language model.

    The rows of the output matrix that write digits are copies of those of the model,
    with a bias, and trained on their own; the others do not exist, so probabilities are
    over digits alone. A subclass writes :meth:`read`, which takes prompts.

    Parameters
    ----------
    backbone : Backbone
    output : Tensor of shape (n_words, hidden_size)
        The output matrix of the model.
    spelling : Spelling
    tokenizer : Tokenizer
        Fitted.
    """

    places: Tensor
    hidden_size: int

    def __init__(
        self,
        backbone: Backbone,
        output: Tensor,
        spelling: Spelling,
        tokenizer: Tokenizer,
    ) -> None:
        super().__init__(backbone.hidden_size, tokenizer)
        self.backbone = backbone
        self.hidden_size = backbone.hidden_size
        self.spelling = spelling
        words, places = spelling.ids.clamp(min=0).unique(return_inverse=True)
        self.register_buffer("places", places, persistent=False)  # (length, vocab_size)
        self.out = nn.Linear(self.hidden_size, len(words), **BORN)
        with torch.no_grad():
            self.out.weight.copy_(output[words.to(output.device)])
            self.out.bias.zero_()

    def mask(self, logits: Tensor, position: int | slice = slice(None)) -> Tensor:
        """Return the logits of the tokens of a position, or of all of them."""
        places = self.places[position]
        if isinstance(position, int):
            chosen = logits[..., places]
        else:
            chosen = logits.gather(-1, places.expand(*logits.shape[:-1], -1))
        return super().mask(chosen, position)

    @property
    def nodes(self) -> Nodes:
        """The tokens that are read together with the prompt: here, none."""
        return self.no_nodes

    @property
    def no_nodes(self) -> Nodes:
        """No tokens, for those who read the prompt alone."""
        nothing = self.places.new_zeros(0)
        return Nodes(nothing, nothing.bool().new_zeros(0, 0), nothing)


@dataclass(frozen=True)
class Table:
    """What a language model has read: all beginnings of a number after prompts."""

    prefixes: Tensor  # (batch, n_prefixes, hidden_size), where a next token is read


class TableDecoder(LanguageModelDecoder):
    """Reads prompts and the inner nodes of the digit tree in one pass.

    Teacher forcing, drawing and the tree then look up the same states. For trees of at
    most `MAX_NODES` tokens.
    """

    node_ids: Tensor
    node_sees: Tensor
    node_depth: Tensor
    ends: Tensor

    def __init__(
        self,
        backbone: Backbone,
        output: Tensor,
        spelling: Spelling,
        tokenizer: Tokenizer,
    ) -> None:
        super().__init__(backbone, output, spelling, tokenizer)
        nodes, ends = tree_nodes(self.choices, spelling)
        for name, value in zip(("ids", "sees", "depth"), nodes, strict=True):
            self.register_buffer(f"node_{name}", value, persistent=False)
        self.register_buffer("ends", ends, persistent=False)

    @property
    def nodes(self) -> Nodes:
        """The inner nodes of the digit tree."""
        return Nodes(self.node_ids, self.node_sees, self.node_depth)

    def read(self, context: Any) -> Table:
        """Return the states of prompts and of the beginnings of all numbers."""
        prompt, is_real, nodes = self.backbone(context, self.nodes)
        last = last_states(prompt, is_real)[:, None]
        return Table(torch.cat([last, nodes[:, self.ends]], 1))

    def states(self, context: Table, tokens: Tensor) -> Tensor:
        """Return the states of beginnings, (n, batch, n_positions, hidden_size)."""
        index = self.prefix_index(tokens)  # (n, batch, n_positions)
        batch = torch.arange(index.shape[1], device=index.device)[:, None]
        return context.prefixes[batch, index]

    def tree_logits(self, context: Table) -> Tensor:
        """Return the logits after every prefix, (batch, n_prefixes, vocab_size)."""
        logits = self.out(context.prefixes)
        starts = [0, *(above for _, above in self.levels()), self.n_prefixes]
        levels = [
            self.mask(logits[:, a:b], position)
            for position, (a, b) in enumerate(pairwise(starts))
        ]
        return torch.cat(levels, 1)

    def start(self, context: Table) -> tuple[Tensor, Any]:
        """Return the logits of the first token, and the table with places in it."""
        logits = self.tree_logits(context)
        place = self.places.new_zeros(len(logits), 1)
        return logits[:, :1], (logits, place, 0)

    def step(self, cache: Any, tokens: Tensor) -> tuple[Tensor, Any]:
        """Look up the logits after one more token."""
        logits, place, position = cache
        tokens = tokens.expand(len(logits), -1)
        place = place.repeat_interleave(tokens.shape[1] // place.shape[1], 1)
        place = self.child(place, tokens, position)
        above = [above for _, above in self.levels()][position]
        index = (above + place)[..., None].expand(-1, -1, self.vocab_size)
        return logits.gather(1, index), (logits, place, position + 1)


@dataclass(frozen=True)
class Written:
    """What a language model has read: prompts, and some beginnings of a number."""

    is_real: Tensor  # (batch, n_longest)
    last: Tensor  # (batch, n, hidden_size), where the next token is read
    past: list[tuple[Tensor, Tensor]]  # keys and values of each block
    sees: Tensor  # (n, n_written) bool: tokens on the path of each beginning
    depth: int = 0  # tokens of the language model on each path
    position: int = 0  # tokens of the number on each path


class CacheDecoder(LanguageModelDecoder):
    """Appends tokens to the keys and values of prompts.

    For numbers too long for :class:`TableDecoder`. The keys of a prompt are shared by
    all beginnings of a number after it; a mask lets each see its own path alone.
    """

    def read(self, context: Any) -> Written:
        """Return prompts with their keys and values."""
        ids, is_real = context.padded()
        cache, nodes = new_cache([]), self.nodes
        mask = self.backbone.mask(is_real, nodes)
        positions = (is_real.long().cumsum(1) - 1).clamp(min=0)
        prompt = self.backbone.run(ids, mask, positions, cache=cache)
        last = last_states(prompt, is_real)[:, None]
        sees = is_real.new_zeros(1, 0)
        return Written(is_real, last, pairs_of(cache), sees)

    def states(self, context: Written, tokens: Tensor) -> Tensor:
        """Return the states of beginnings, (n, batch, n_positions, hidden_size)."""
        states = [context.last.expand(-1, len(tokens), -1)]
        written = context
        for position in range(tokens.shape[-1] - 1):
            written = self._append(written, tokens[..., position].T)
            states.append(written.last)
        return torch.stack(states, 2).transpose(0, 1)

    def start(self, context: Written) -> tuple[Tensor, Any]:
        """Return the logits of the next token, (batch, n, vocab_size)."""
        return self.mask(self.out(context.last), context.position), context

    def step(self, cache: Written, tokens: Tensor) -> tuple[Tensor, Any]:
        """Append a token to each beginning, or several that go on side by side."""
        return self.start(self._append(cache, tokens.expand(len(cache.last), -1)))

    def _append(self, written: Written, tokens: Tensor) -> Written:
        """Return what is written after one more token of each, (batch, n)."""
        batch, n = tokens.shape
        position = written.position
        digit = self.spelling.ids.to(tokens.device)[position][tokens]
        literals = digit.new_tensor(self.spelling.literals[position + 1])
        ids = torch.cat([digit[..., None], literals.expand(batch, n, -1)], -1)
        size = ids.shape[-1]  # tokens of the language model for each beginning
        sees = written.sees.repeat_interleave(n // len(written.sees), 0)  # (n, before)
        sees = sees.repeat_interleave(size, 0)  # (n * size, before)
        own = torch.ones(size, size, dtype=torch.bool, device=sees.device).tril()
        sees = torch.cat([sees, torch.block_diag(*[own] * n)], 1)
        prompt = written.is_real[:, None].expand(-1, n * size, -1)
        mask = torch.cat([prompt, sees.expand(batch, -1, -1)], 2)[:, None]
        depth = written.depth + torch.arange(size, device=sees.device).repeat(n)
        positions = written.is_real.sum(1, keepdim=True) + depth
        cache = new_cache(written.past)
        states = self.backbone.run(ids.flatten(1), mask, positions, cache=cache)
        return replace(
            written,
            last=states[:, size - 1 :: size],
            past=pairs_of(cache),
            sees=sees[size - 1 :: size],
            depth=written.depth + size,
            position=position + 1,
        )


def new_decoder(
    backbone: Backbone,
    output: Tensor,
    spelling: Spelling,
    tokenizer: Tokenizer,
) -> LanguageModelDecoder:
    """Return the decoder that suits the length of the numbers."""
    small = fits_table(tokenizer, spelling.literals)
    kind = TableDecoder if small else CacheDecoder
    return kind(backbone, output, spelling, tokenizer)


def fits_table(tokenizer: Tokenizer, literals: list[list[int]]) -> bool:
    """Return whether the inner nodes of a digit tree are few tokens."""
    n_nodes, n_prefixes = 0, 1
    sizes = tokenizer.allowed_tokens.sum(1).tolist()
    for size, between in zip(sizes[:-1], literals[1:], strict=True):
        n_prefixes *= size
        n_nodes += n_prefixes * (1 + len(between))
    return n_nodes <= MAX_NODES


def tree_nodes(choices: list[list[int]], spelling: Spelling) -> tuple[Nodes, Tensor]:
    """Return the inner nodes of a digit tree, level by level, and the last of each.

    Returns
    -------
    nodes : Nodes
    ends : int64 Tensor of shape (n_prefixes - 1,)
        The node after which the next token of each prefix is read.
    """
    ids: list[int] = []
    paths: list[list[int]] = []  # the nodes that each sees
    ends: list[int] = []
    level: list[list[int]] = [[]]
    for position, tokens in enumerate(choices[:-1]):
        grown = []
        for path in level:
            for token in tokens:
                own = path
                digit = int(spelling.ids[position, token])
                for id_ in [digit, *spelling.literals[position + 1]]:
                    own = [*own, len(ids)]
                    ids.append(id_)
                    paths.append(own)
                ends.append(own[-1])
                grown.append(own)
        level = grown
    sees = torch.zeros(len(ids), len(ids), dtype=torch.bool, device="cpu")
    for node, path in enumerate(paths):
        sees[node, path] = True
    whole: dict[str, Any] = {"dtype": torch.int64, "device": "cpu"}
    nodes = Nodes(torch.tensor(ids, **whole), sees, sees.sum(1) - 1)
    return nodes, torch.tensor(ends, **whole)


def last_states(states: Tensor, is_real: Tensor) -> Tensor:
    """Return the states of the last real tokens, (batch, hidden_size)."""
    steps = torch.arange(is_real.shape[1], device=is_real.device)
    last = steps.where(is_real, 0).amax(1)
    return states[torch.arange(len(states), device=states.device), last]


def new_cache(past: list[tuple[Tensor, Tensor]]) -> Any:
    """Return a cache of transformers with keys and values of each block."""
    from transformers import DynamicCache  # an extra

    cache = DynamicCache()
    for layer, pair in enumerate(past):
        cache.update(*pair, layer)
    return cache


def pairs_of(cache: Any) -> list[tuple[Tensor, Tensor]]:
    """Return keys and values of each block."""
    return [(layer.keys, layer.values) for layer in cache.layers]
