"""A causal transformer over digits, as in the papers."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from sklearn_genre._device import BORN, dropout
from sklearn_genre.decoders._base import DigitDecoder
from sklearn_genre.tokenizers import Tokenizer


class _Cache(NamedTuple):
    """Context vectors, and keys and values of every layer and position so far."""

    contexts: Tensor  # (batch, 1, n_layers, hidden_size)
    past: list[list[tuple[Tensor, Tensor]]]  # [layer][position] (batch, n, h, d)


class _Layer(nn.Module):
    """Pre-norm attention and feed-forward layer with a context vector added."""

    def __init__(self, hidden_size: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.dropout = dropout
        self.attention_norm = nn.LayerNorm(hidden_size, **BORN)
        self.qkv = nn.Linear(hidden_size, 3 * hidden_size, **BORN)
        self.project = nn.Linear(hidden_size, hidden_size, **BORN)
        self.norm = nn.LayerNorm(hidden_size, **BORN)
        self.expand = nn.Linear(hidden_size, 4 * hidden_size, **BORN)
        self.reduce = nn.Linear(4 * hidden_size, hidden_size, **BORN)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """Map (n, length, hidden_size) to the same shape, causally."""
        q, k, v = (part.transpose(1, 2) for part in self._heads(x))  # (n, h, len, d)
        if self.training and self.dropout:
            attended = self._attended_in_part(q, k, v)
        else:
            attended = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self._finish(x, attended.transpose(1, 2), context)

    def _attended_in_part(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Return causal attention with dropout of its weights."""
        scores = q @ k.mT * q.shape[-1] ** -0.5
        later = torch.ones_like(scores[0, 0], dtype=torch.bool).triu(1)
        weights = scores.masked_fill(later, -math.inf).softmax(-1)
        return dropout(weights, self.dropout) @ v

    def step(
        self, x: Tensor, context: Tensor, past: list[tuple[Tensor, Tensor]]
    ) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """Map the newest token of each prefix, (batch, n, hidden_size).

        Where samples share their tokens and no context has come in yet, the batch of
        ``x``, and of keys and values, is one.
        """
        q, k, v = self._heads(x)  # (batch, n, h, d)
        past = [*past, (k, v)]
        scores = []
        for key, _ in past:  # a key of an ancestor serves all its descendants
            branched = q.unflatten(1, (key.shape[1], -1)) * key[:, :, None]
            scores.append(branched.sum(-1).flatten(1, 2))  # (batch, n, h)
        weights = (torch.stack(scores) * q.shape[-1] ** -0.5).softmax(0)
        attended = torch.zeros((), dtype=q.dtype, device=q.device)
        for weight, (_, value) in zip(weights[..., None], past, strict=True):
            branched = weight.unflatten(1, (value.shape[1], -1)) * value[:, :, None]
            attended = attended + branched.flatten(1, 2)
        return self._finish(x, attended, context), past

    def _heads(self, x: Tensor) -> list[Tensor]:
        """Return queries, keys and values, each (..., n_heads, size)."""
        qkv = self.qkv(self.attention_norm(x))
        return [part.unflatten(-1, (self.n_heads, -1)) for part in qkv.chunk(3, -1)]

    def _finish(self, x: Tensor, attended: Tensor, context: Tensor) -> Tensor:
        """Add what was attended to, the context, and the feed-forward layer."""
        x = x + self.project(attended.flatten(-2)) + context
        hidden = self.expand(self.norm(x)).relu_()
        if self.dropout and self.training:
            hidden = dropout(hidden, self.dropout)
        return x + self.reduce(hidden)


class TransformerDecoder(DigitDecoder):
    """Causal transformer over digits with the context as an added vector per layer.

    Cross-attention to a memory of one vector has the constant weight one, so it equals
    an added projection of that vector: the same function as the papers' decoder
    without its dead query and key matrices. A start vector stands before the first
    digit, so ``length`` positions are enough.

    Parameters
    ----------
    width : int
        Size of the context vector.
    tokenizer : Tokenizer
        Fitted.
    n_members : int, default=1
        Members of the encoder, whose contexts are read side by side.
    hidden_size : int, default=64
        Width of the layers; a multiple of ``n_heads``.
    n_layers : int, default=2
        Layers. The papers use 3 with ``hidden_size=256``, at much higher cost.
    n_heads : int, default=4
        Attention heads.
    dropout : float, default=0.0
        Dropout of attention and feed-forward layers.

    Raises
    ------
    ValueError
        If ``hidden_size`` is not a multiple of ``n_heads``.

    Examples
    --------
    >>> import torch
    >>> from sklearn_genre.decoders import TransformerDecoder
    >>> from sklearn_genre.tokenizers import NormalizedTokenizer
    >>> decoder = TransformerDecoder(16, NormalizedTokenizer(2, 8).fit([0.0, 1.0]))
    >>> context = decoder.read(torch.zeros(5, 16))
    >>> decoder(context, torch.zeros(3, 5, 8, dtype=torch.int64)).shape
    torch.Size([3, 5, 8, 2])
    >>> decoder.leaf_log_probs(context).shape
    torch.Size([5, 256])
    """

    def __init__(
        self,
        width: int,
        tokenizer: Tokenizer,
        *,
        n_members: int = 1,
        hidden_size: int = 64,
        n_layers: int = 2,
        n_heads: int = 4,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(width * n_members, tokenizer)
        if hidden_size % n_heads:
            raise ValueError(
                f"hidden_size must be a multiple of n_heads, got hidden_size="
                f"{hidden_size} and n_heads={n_heads}."
            )
        self.contexts = nn.Linear(self.width, n_layers * hidden_size, **BORN)
        self.tokens = nn.Embedding(self.vocab_size + 1, hidden_size, **BORN)
        self.positions = nn.Parameter(torch.empty(self.length, hidden_size, **BORN))
        self.blocks = nn.ModuleList(
            _Layer(hidden_size, n_heads, dropout) for _ in range(n_layers)
        )
        self.hidden_size = hidden_size
        self.norm = nn.LayerNorm(hidden_size, **BORN)
        self.out = nn.Linear(hidden_size, self.vocab_size, **BORN)
        nn.init.normal_(self.positions, std=0.3)
        nn.init.normal_(self.tokens.weight, std=0.3)

    def states(self, context: Tensor, tokens: Tensor) -> Tensor:
        """Return the normalised outputs, (n, batch, n_positions, hidden_size)."""
        start = torch.full_like(tokens[..., :1], self.vocab_size)
        inputs = torch.cat([start, tokens[..., :-1]], -1)  # (n, batch, n_positions)
        x = (self.tokens(inputs) + self.positions[: tokens.shape[-1]]).flatten(0, 1)
        contexts = self._contexts(context).repeat(len(tokens), 1, 1, 1)
        for layer, block in enumerate(self.blocks):
            x = block(x, contexts[:, :, layer])
        return self.norm(x).view(*tokens.shape, self.hidden_size)

    def start(self, context: Tensor) -> tuple[Tensor, _Cache]:
        """Return the logits of the first token and the cache."""
        cache = _Cache(self._contexts(context), [[] for _ in self.blocks])
        start = torch.full((1, 1), self.vocab_size, device=context.device)
        return self.step(cache, start)

    def step(self, cache: _Cache, tokens: Tensor) -> tuple[Tensor, _Cache]:
        """Append a token to each prefix and return the logits of the next."""
        position = len(cache.past[0])
        x = self.tokens(tokens) + self.positions[position]  # (batch, n, hidden)
        past = []
        for layer, block in enumerate(self.blocks):
            assert isinstance(block, _Layer)
            x, keys = block.step(x, cache.contexts[:, :, layer], cache.past[layer])
            past.append(keys)
        logits = self.mask(self.out(self.norm(x)), position)
        return logits, _Cache(cache.contexts, past)

    def _contexts(self, context: Tensor) -> Tensor:
        """Return the vector each layer adds, (batch, 1, n_layers, hidden_size)."""
        return self.contexts(context).unflatten(-1, (1, len(self.blocks), -1))
