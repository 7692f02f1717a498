"""Digits that know where on the number line they are."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from sklearn_genre.networks._decoder import DigitDecoder
from sklearn_genre.tokenizers import Tokenizer

# What the strings stand for until `anchor` says otherwise: this range.
DEFAULT_RANGE = (-2.0, 2.0)
# Smallest scale of a component, as a share of the distance between two numbers.
SMALLEST_SCALE = 0.05
# What the shift of all locations is multiplied by: they move faster than scales do.
SHIFT = 2.0
# Components of a single member, and of each of several.
ALONE, EACH = 4, 2
# Edges at which members are compared, at most.
N_EDGES = 1024


class _Mixture(NamedTuple):
    """A mixture of logistic distributions for each row, in standardised units."""

    location: Tensor  # (batch, 1, n_parts, 1), those of a member or of all
    scale: Tensor  # (batch, 1, n_parts, 1)
    log_weight: Tensor  # (batch, 1, n_parts, 1)

    def standardised(self, edges: Tensor) -> Tensor:
        """Map (n,) or (batch or 1, lanes, 1, n) to (batch, lanes or 1, n_parts, n)."""
        return (edges - self.location) * self.scale.reciprocal()


class _Cache(NamedTuple):
    """The mixtures, and the rank of each lane's prefix among those of its length."""

    mixture: _Mixture
    rank: Tensor  # (batch or 1, lanes)
    position: int


class AnchoredDecoder(DigitDecoder):
    r"""Digits whose probabilities are masses of intervals under a logistic mixture.

    The strings that begin with a prefix stand for an interval of numbers. The next
    digit has the probability of its part of the interval,

    .. math:: \pi(d \mid x, p) = \frac{m(I_{pd})}{m(I_p)}, \qquad
        m\bigl((a, b)\bigr) = \sum_k w_k \left[
        \sigma\!\left(\frac{b - \mu_k}{s_k}\right) -
        \sigma\!\left(\frac{a - \mu_k}{s_k}\right)\right],

    with weights, locations and scales linear in the context up to a softmax and a
    softplus. One shift of all locations and one of all scales is learned beside those
    of each component, so that the whole mixture moves at once. Free digits must learn
    from data that neighbouring numbers are alike; these know it. Numbers are still
    drawn digit by digit, and every objective applies.

    Masses are computed from standardised edges :math:`a < b` as
    :math:`\sigma(b) \, \sigma(-a) \, (1 - e^{a - b})`, exact in both tails, and
    their logarithms term by term, finite in the farthest. Edges lie in the middle
    between numbers; the first and the last interval are half-open. An interval is known
    from its digits, so formats that are too large to enumerate work as well.

    Parameters
    ----------
    width : int
        Size of the context vector.
    allowed_tokens : bool Tensor of shape (length, vocab_size)
        Tokens that may stand at each position. Strings must sort like numbers, in even
        steps: see :meth:`anchor`.
    n_components : int or None, default=None
        Logistic distributions in the mixture of a member; None means 4 for a single
        member and 2 for each of several. One is enough for symmetric noise; more
        follow skewed, heavy-tailed or many-peaked targets. Time is proportional to it.
    n_members : int, default=1
        Equal parts of the context, each of which makes a mixture; the prediction is
        the mixture of these, with equal weights until :meth:`weigh`. Estimators give
        the number of members of the encoder.

    Examples
    --------
    >>> import torch
    >>> from sklearn_genre.networks import AnchoredDecoder
    >>> from sklearn_genre.tokenizers import NormalizedTokenizer
    >>> tokenizer = NormalizedTokenizer(base=2, length=3).fit([0.0, 7.0])
    >>> decoder = AnchoredDecoder(16, tokenizer.allowed_tokens, n_components=2)
    >>> decoder.anchor(tokenizer)
    >>> decoder.edges.tolist()
    [0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5]
    >>> context = torch.zeros(5, 16)
    >>> decoder(context, torch.zeros(3, 5, 3, dtype=torch.int64)).shape
    torch.Size([3, 5, 3, 2])
    >>> decoder.leaf_log_probs(context).shape
    torch.Size([5, 8])
    """

    member_weight: Tensor

    def __init__(
        self,
        width: int,
        allowed_tokens: Tensor,
        *,
        n_components: int | None = None,
        n_members: int = 1,
    ) -> None:
        super().__init__(width, allowed_tokens)
        if n_components is None:
            n_components = ALONE if n_members == 1 else EACH
        if n_components < 1:
            raise ValueError(f"n_components must be at least 1, got {n_components!r}.")
        if n_members < 1 or width % n_members:
            raise ValueError(
                "n_members must be at least 1 and divide the width of the context, "
                f"got n_members={n_members!r} and width={width}."
            )
        self.n_components = n_components
        self.n_members = n_members
        n_inputs, n_outputs = width // n_members, 3 * n_components + 2
        bound = 1 / math.sqrt(n_inputs)
        weight = bound * (2 * torch.rand(n_members, n_inputs, n_outputs) - 1)
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.zeros(n_members, 1, n_outputs))
        self.hidden_size = self.vocab_size
        self.out = nn.Identity()
        self.n_strings = self.vocab_size**self.length
        self.register_buffer("member_weight", torch.full((n_members,), 1 / n_members))
        self._spread(*DEFAULT_RANGE)
        with torch.no_grad():
            self.bias[..., 2 : n_components + 2] = _spread_out(n_components)

    def anchor(self, tokenizer: Tokenizer) -> None:
        """Place the strings at the numbers of a fitted tokenizer.

        Raises
        ------
        ValueError
            If strings do not sort like numbers in even steps.
        """
        if not tokenizer.evenly_spaced:
            raise ValueError(
                "decoder='anchored' needs strings that sort like numbers, in even "
                f"steps, got tokenizer={tokenizer!r}. Use tokenizer='normalized', or "
                "decoder='mlp'."
            )
        ends = torch.tensor([[0], [self.vocab_size - 1]]).expand(-1, self.length)
        self._spread(*tokenizer.decode(ends).tolist())

    @property
    def edges(self) -> Tensor:
        """Inner edges between neighbouring numbers, float64 (n_strings - 1,)."""
        return self._edge(torch.arange(1, self.n_strings))

    def separated(self, context: Tensor) -> Tensor:
        """Return the contexts of the members below each other, as rows."""
        n_inputs = self.weight.shape[1]
        parts = context.view(len(context), self.n_members, n_inputs)
        return parts.transpose(0, 1).flatten(0, 1)  # (n_members * batch, n_inputs)

    def weigh(self, weight: Tensor) -> None:
        """Give each member a weight in the prediction, (n_members,)."""
        self.member_weight.copy_(weight)

    def member_errors(self, context: Tensor, z: Tensor) -> Tensor:
        """Return how far the cumulative distribution of each member is from a step."""
        n_edges = self.n_strings - 1
        index = torch.linspace(1, n_edges, min(n_edges, N_EDGES), dtype=torch.float64)
        edges = self._edge(index).to(z.device)  # (n_edges,)
        cumulative = self._cumulative(self.separated(context), edges)
        step = edges >= z[:, None]  # (batch, n_edges)
        return cumulative.view(self.n_members, *step.shape) - step.to(context)

    def states(self, context: Tensor, tokens: Tensor) -> Tensor:
        """Return the log-probabilities, (n, batch, n_positions, vocab_size)."""
        mixture = self._mixture(context)
        rank = torch.zeros_like(tokens[..., 0]).T  # (batch, n)
        states = []
        for position in range(tokens.shape[-1]):
            if position:
                rank = rank * self.vocab_size + tokens[..., position - 1].T
            states.append(self._state(_Cache(mixture, rank, position)))
        return torch.stack(states, -2).transpose(0, 1)

    def start(self, context: Tensor) -> tuple[Tensor, _Cache]:
        """Return the logits of the first token and the cache."""
        rank = torch.zeros(1, 1, dtype=torch.int64, device=context.device)
        return self._next(_Cache(self._mixture(context), rank, 0))

    def step(self, cache: _Cache, tokens: Tensor) -> tuple[Tensor, _Cache]:
        """Append a token to each lane and return the logits of the next."""
        rank = cache.rank
        if tokens.shape[1] > rank.shape[1]:
            rank = rank.repeat_interleave(tokens.shape[1] // rank.shape[1], 1)
        rank = rank * self.vocab_size + tokens
        return self._next(_Cache(cache.mixture, rank, cache.position + 1))

    def leaf_probs(self, context: Tensor, temperature: float = 1.0) -> Tensor:
        """Return the probability of every string, without logarithms."""
        if temperature != 1 or self.penalty is not None:
            return super().leaf_probs(context, temperature)
        mixture = self._mixture(context)
        weight = mixture.log_weight.exp().mT  # (batch, 1, 1, n_parts)
        z = mixture.standardised(self.edges.to(context))
        below, above = z.sigmoid(), (-z).sigmoid()
        between = -(-self.step_size / mixture.scale).expm1().mT
        parts = [
            weight @ below[..., :1],
            (weight * between) @ (below[..., 1:] * above[..., :-1]),
            weight @ above[..., -1:],
        ]
        return torch.cat(parts, -1)[:, 0, 0]

    def string_log_prob(self, context: Tensor, tokens: Tensor) -> Tensor:
        """Return the log-probability of one string for each row, from its two edges."""
        rank = tokens[:, 0]
        for digit in tokens.T[1:]:
            rank = rank * self.vocab_size + digit
        index = torch.stack([rank, rank + 1], -1)[:, None]  # (batch, 1, 2)
        return self._log_masses(self._mixture(context), index, 1)[:, 0, 0]

    def leaf_cumulative(self, context: Tensor) -> Tensor:
        """Return the probability of the strings up to each but the last."""
        return self._cumulative(context, self.edges)

    def _cumulative(self, context: Tensor, edges: Tensor) -> Tensor:
        """Return the cumulative distribution of each row at edges, (batch, n_edges)."""
        mixture = self._mixture(context)
        z = mixture.standardised(edges.to(context))
        return (mixture.log_weight.exp().mT @ z.sigmoid())[:, 0, 0]

    def _spread(self, low: float, high: float) -> None:
        """Spread the strings evenly from low to high."""
        self.step_size = (high - low) / max(self.n_strings - 1, 1) or 1.0
        self.first_edge = low - self.step_size / 2

    def _edge(self, index: Tensor) -> Tensor:
        """Return the numbers at edges; the two outermost ones are never used."""
        return self.first_edge + self.step_size * index.double()

    def _mixture(self, context: Tensor) -> _Mixture:
        """Return the mixture of each row, or of each member and row."""
        n_inputs = self.weight.shape[1]
        if context.shape[1] == n_inputs:  # members below each other
            parts = context.view(self.n_members, -1, n_inputs)
        else:
            parts = context.view(len(context), -1, n_inputs).transpose(0, 1)
        parameters = torch.baddbmm(self.bias, parts, self.weight)
        shift, widen, own = parameters.split([1, 1, 3 * self.n_components], -1)
        location, scale, weight = own.chunk(3, -1)  # (members, rows, n_components) each
        location = SHIFT * shift + location
        scale = functional.softplus(widen + scale) / self.n_components
        scale = scale + SMALLEST_SCALE * self.step_size
        log_weight = weight.log_softmax(-1)
        n_mixed = context.shape[1] // n_inputs
        if n_mixed == 1:
            mixed = [part.flatten(0, 1) for part in (location, scale, log_weight)]
        else:
            log_weight = log_weight + self.member_weight.log()[:, None, None]
            mixed = [
                part.transpose(0, 1).flatten(1)
                for part in (location, scale, log_weight)
            ]
        return _Mixture(*(part[:, None, :, None] for part in mixed))

    def _next(self, cache: _Cache) -> tuple[Tensor, _Cache]:
        """Return the logits at the position of the cache, and the cache."""
        return self.mask(self._state(cache), cache.position), cache

    def _state(self, cache: _Cache) -> Tensor:
        """Return next-digit log-probabilities, (batch, lanes, vocab_size)."""
        below = self.vocab_size ** (self.length - cache.position - 1)
        child = torch.arange(self.vocab_size + 1, device=cache.rank.device)
        index = (cache.rank[..., None] * self.vocab_size + child) * below
        return self._log_masses(cache.mixture, index, below).log_softmax(-1)

    def _log_masses(self, mixture: _Mixture, index: Tensor, n_strings: int) -> Tensor:
        """Return the log-masses between neighbouring edges.

        Parameters
        ----------
        mixture : _Mixture
        index : int64 Tensor of shape (batch or 1, lanes, n + 1)
            Edges that are ``n_strings`` steps apart.

        Returns
        -------
        log_masses : Tensor of shape (batch, lanes, n)
        """
        edges = self._edge(index).to(mixture.location.dtype)[..., None, :]
        z = mixture.standardised(edges)
        log_below = functional.logsigmoid(z)
        log_above = log_below - z
        first = (index == 0)[..., None, :-1]
        last = (index == self.n_strings)[..., None, 1:]
        gap = n_strings * self.step_size / mixture.scale  # between the edges
        log_mass = (
            log_below[..., 1:].masked_fill(last, 0)
            + log_above[..., :-1].masked_fill(first, 0)
            + (-(-gap).expm1()).log().masked_fill(first | last, 0)
        )
        return (log_mass + mixture.log_weight).logsumexp(-2)


def _spread_out(n: int) -> Tensor:
    """Return n numbers spread like a standard normal sample, (n,)."""
    levels = (torch.arange(n) + 0.5) / n
    return torch.special.ndtri(levels)
