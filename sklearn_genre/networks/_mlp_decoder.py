"""A shared MLP on context and prefix."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from sklearn_genre.networks._decoder import DigitDecoder, extend

# Activations of the digit tree that are computed at a time while predicting: few enough
# to stay in the processor's cache.
CHUNK = 2**18


class _Cache(NamedTuple):
    """Projected context, and the prefix embedding of each lane."""

    context: Tensor  # (batch, 1, hidden_size)
    prefix: Tensor  # (batch or 1, lanes, 2 * hidden_size)
    position: int


class MLPDecoder(DigitDecoder):
    r"""One hidden layer that reads the context, scaled and shifted by the prefix.

    .. math:: \text{logits}_t = V \operatorname{relu}(W c \odot (1 + s_t) + b_t),
        \qquad (s_t, b_t) = p_t + \sum_{u<t} e_{u, a_u}

    The prefix embedding is a sum over positions of one embedding per digit: shifts can
    represent the number written so far, which is linear in the digits. There is no
    attention, so a step costs a fraction of the transformer's.

    Parameters
    ----------
    width : int
        Size of the context vector.
    allowed_tokens : bool Tensor of shape (length, vocab_size)
        Tokens that may stand at each position.
    hidden_size : int, default=128
        Hidden units per prefix. Time of ``predict`` is proportional to it.
    """

    def __init__(
        self, width: int, allowed_tokens: Tensor, *, hidden_size: int = 128
    ) -> None:
        super().__init__(width, allowed_tokens)
        self.hidden_size = hidden_size
        self.context = nn.Linear(width, hidden_size)
        self.positions = nn.Parameter(torch.empty(self.length, 2 * hidden_size))
        self.digits = nn.Parameter(
            torch.empty(self.length, self.vocab_size, 2 * hidden_size)
        )
        self.out = nn.Linear(hidden_size, self.vocab_size)
        nn.init.normal_(self.positions, std=0.3)
        nn.init.normal_(self.digits, std=0.3)

    def forward(self, context: Tensor, tokens: Tensor) -> Tensor:
        """Return the teacher-forced logits, (n, batch, length, vocab_size)."""
        offsets = torch.arange(self.length - 1, device=tokens.device) * self.vocab_size
        digits = functional.embedding(
            tokens[..., :-1] + offsets, self.digits.flatten(0, 1)
        )  # (n, batch, length - 1, 2 * hidden_size)
        prefix = functional.pad(digits.cumsum(-2), (0, 0, 1, 0)) + self.positions
        return self.mask(self._logits(self.context(context)[:, None], prefix))

    def start(self, context: Tensor) -> tuple[Tensor, _Cache]:
        """Return the logits of the first token and the cache."""
        prefix = context.new_zeros(1, 1, 2 * self.hidden_size)
        return self._next(_Cache(self.context(context)[:, None], prefix, 0))

    def step(self, cache: _Cache, tokens: Tensor) -> tuple[Tensor, _Cache]:
        """Append a token to each lane and return the logits of the next."""
        branches = tokens.shape[1] // cache.prefix.shape[1]
        digits = functional.embedding(tokens, self.digits[cache.position])
        prefix = cache.prefix.repeat_interleave(branches, 1) + digits
        return self._next(_Cache(cache.context, prefix, cache.position + 1))

    def leaf_log_probs(self, context: Tensor, temperature: float = 1.0) -> Tensor:
        """Return the log-probability of every string, all prefixes in one product."""
        prefix = self._tree_prefixes()  # (n_prefixes, 2 * hidden_size)
        projected = self.context(context)[:, None]  # (batch, 1, hidden_size)
        rows = max(1, CHUNK // (len(prefix) * self.hidden_size))
        if torch.is_grad_enabled() or context.is_cuda:
            rows = len(context)
        chunks = [
            self._tree_log_probs(part, prefix, temperature)
            for part in projected.split(rows)
        ]
        return torch.cat(chunks)

    def _next(self, cache: _Cache) -> tuple[Tensor, _Cache]:
        """Return the logits at the position of the cache, and the cache."""
        prefix = cache.prefix + self.positions[cache.position]
        logits = self._logits(cache.context, prefix)
        return self.mask(logits, cache.position), cache

    def _logits(self, projected: Tensor, prefix: Tensor) -> Tensor:
        """Return logits from a projected context and the prefix embeddings."""
        scale, shift = prefix.chunk(2, -1)
        return self.out(torch.addcmul(shift, projected, 1 + scale).relu())

    def _tree_prefixes(self) -> Tensor:
        """Return the embeddings of every prefix, level after level."""
        level = self.digits.new_zeros(1, 2 * self.hidden_size)
        levels = []
        for position, choices in enumerate(self.choices):
            levels.append(level + self.positions[position])
            level = (level[:, None] + self.digits[position, choices]).flatten(0, 1)
        return torch.cat(levels)

    def _tree_log_probs(
        self, projected: Tensor, prefix: Tensor, temperature: float
    ) -> Tensor:
        """Return (batch, n_strings) log-probabilities from all prefixes' logits."""
        logits = self._logits(projected, prefix) / temperature
        log_probs = projected.new_zeros(len(projected), 1)
        for choices in self.choices:
            level, logits = logits.tensor_split([log_probs.shape[1]], dim=1)
            if len(choices) < self.vocab_size:
                level = level[..., choices]
            log_probs = extend(log_probs, level)
        return log_probs
