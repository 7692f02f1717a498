"""A shared MLP on context and prefix."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from sklearn_genre._device import BORN
from sklearn_genre.decoders._base import DigitDecoder, extend
from sklearn_genre.tokenizers import Tokenizer

# Activations of the digit tree that are computed at a time: few enough to stay in the
# cache of a processor.
N_CACHED = 2**18


class _Cache(NamedTuple):
    """Projected context, and the the prefix embeddings."""

    context: Tensor  # (batch, 1, hidden_size)
    prefix: Tensor  # (batch or 1, n, 2 * hidden_size)
    position: int


class MLPDecoder(DigitDecoder):
    r"""One hidden layer that reads the context, scaled and shifted by the prefix.

    .. math:: \text{logits}_t = V \operatorname{relu}(W c \odot s_t + b_t),
        \qquad (s_t, b_t) = p_t + \sum_{u<t} e_{u, a_u}

    The prefix embedding is a sum over positions of one embedding per digit: shifts can
    represent the number written so far, which is linear in the digits. There is no
    attention, so a step costs a fraction of the transformer's.

    Parameters
    ----------
    width : int
        Size of the context vector.
    tokenizer : Tokenizer
        Fitted.
    n_members : int, default=1
        Members of the encoder, whose contexts are read side by side.
    hidden_size : int, default=128
        Hidden units per prefix. Time of ``predict`` is proportional to it.

    Examples
    --------
    >>> import torch
    >>> from sklearn_genre.decoders import MLPDecoder
    >>> from sklearn_genre.tokenizers import NormalizedTokenizer
    >>> decoder = MLPDecoder(16, NormalizedTokenizer(2, 8).fit([0.0, 1.0]))
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
        hidden_size: int = 128,
    ) -> None:
        super().__init__(width * n_members, tokenizer)
        self.hidden_size = hidden_size
        self.context = nn.Linear(self.width, hidden_size, **BORN)
        self.positions = nn.Parameter(torch.empty(self.length, 2 * hidden_size, **BORN))
        self.digits = nn.Parameter(
            torch.empty(self.length, self.vocab_size, 2 * hidden_size, **BORN)
        )
        self.out = nn.Linear(hidden_size, self.vocab_size, **BORN)
        nn.init.normal_(self.positions, std=0.3)
        with torch.no_grad():
            self.positions[:, :hidden_size] += 1  # scales start near one
        nn.init.normal_(self.digits, std=0.3)

    def forward(self, context: Tensor, tokens: Tensor) -> Tensor:
        """Return the teacher-forced logits, (n, batch, length, vocab_size)."""
        if self.visits_most(len(tokens)):
            rows = torch.arange(context.shape[0], device=context.device)[:, None]
            logits = self._tree_logits(context)[rows, self.prefix_index(tokens)]
            return self.mask(logits)
        return super().forward(context, tokens)

    def states(self, context: Tensor, tokens: Tensor) -> Tensor:
        """Return the hidden units, (n, batch, n_positions, hidden_size)."""
        return _hidden(self.context(context)[:, None], self._prefix(tokens))

    def start(self, context: Tensor) -> tuple[Tensor, _Cache]:
        """Return the logits of the first token and the cache."""
        projected = self.context(context)[:, None]
        return self._next(_Cache(projected, self.positions[:1][None], 0))

    def step(self, cache: _Cache, tokens: Tensor) -> tuple[Tensor, _Cache]:
        """Append a token to each prefix and return the logits of the next."""
        last, position = cache.position, cache.position + 1
        move = self.digits[last] + self.positions[position] - self.positions[last]
        prefix = cache.prefix
        if tokens.shape[1] > prefix.shape[1] > 1:
            prefix = prefix.repeat_interleave(tokens.shape[1] // prefix.shape[1], 1)
        prefix = prefix + functional.embedding(tokens, move)
        return self._next(_Cache(cache.context, prefix, position))

    def leaf_log_probs(self, context: Tensor, temperature: float = 1.0) -> Tensor:
        """Return the log-probability of every sequence, all prefixes in one product."""
        logits = self._tree_logits(context) / temperature
        log_probs = logits.new_zeros(logits.shape[0], 1)
        for choices in self.choices:
            level, logits = logits.tensor_split([log_probs.shape[1]], dim=1)
            if len(choices) < self.vocab_size:
                level = level[..., choices]
            log_probs = extend(log_probs, level)
        return log_probs

    def _next(self, cache: _Cache) -> tuple[Tensor, _Cache]:
        """Return the logits at the position of the cache, and the cache."""
        logits = self._logits(cache.context, cache.prefix)
        return self.mask(logits, cache.position), cache

    def _logits(self, projected: Tensor, prefix: Tensor) -> Tensor:
        """Return logits from a projected context and the prefix embeddings."""
        return self.out(_hidden(projected, prefix))

    def _prefix(self, tokens: Tensor) -> Tensor:
        """Return the embeddings of all prefixes, (..., 2 * hidden_size)."""
        n_positions = tokens.shape[-1]
        offsets = torch.arange(n_positions - 1, device=tokens.device) * self.vocab_size
        digits = functional.embedding(
            tokens[..., :-1] + offsets, self.digits.flatten(0, 1)
        )  # (..., n_positions - 1, 2 * hidden_size)
        prefix = functional.pad(digits.cumsum(-2), (0, 0, 1, 0))
        return prefix + self.positions[:n_positions]

    def _tree_logits(self, context: Tensor) -> Tensor:
        """Return the logits after every prefix, (batch, n_prefixes, vocab_size)."""
        level = self.digits.new_zeros(1, 2 * self.hidden_size)
        levels = []
        for position, choices in enumerate(self.choices):
            levels.append(level + self.positions[position])
            level = (level[:, None] + self.digits[position, choices]).flatten(0, 1)
        prefix = torch.cat(levels)  # (n_prefixes, 2 * hidden_size)
        projected = self.context(context)[:, None]  # (batch, 1, hidden_size)
        if context.is_cuda or torch.compiler.is_compiling():  # or exported
            return self._logits(projected, prefix)
        rows = max(1, N_CACHED // (self.n_prefixes * self.hidden_size))
        return torch.cat([self._logits(part, prefix) for part in projected.split(rows)])


def _hidden(projected: Tensor, prefix: Tensor) -> Tensor:
    """Return the hidden units of a projected context after each prefix."""
    scale, shift = prefix.chunk(2, -1)
    return torch.addcmul(shift, projected, scale).relu_()
