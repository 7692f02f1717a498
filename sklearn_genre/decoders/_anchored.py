"""Digits whose probabilities are masses of intervals of the number line."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from sklearn_genre._checks import shown
from sklearn_genre._device import BORN
from sklearn_genre.decoders._base import DigitDecoder, by_fold
from sklearn_genre.decoders._line import Line
from sklearn_genre.tokenizers import Tokenizer

# Smallest scale of a component, as a share of the distance between two numbers.
SMALLEST_SCALE = 0.05
# What the shift of all locations is multiplied by: they move faster than scales do.
SHIFT = 2.0
# Components of a single member, and of each of several.
ALONE, EACH = 4, 2
# Parts that predictions divide a number into where a scale is typically below a step.
FINE = 5
# Edges at which members are compared, at most.
N_EDGES = 1024


class Mixture(NamedTuple):
    """A mixture of logistic distributions for each sample, in standardised units."""

    location: Tensor  # (batch, 1, n_components, 1), of one member or of all
    scale: Tensor  # (batch, 1, n_components, 1)
    log_weight: Tensor  # (batch, 1, n_components, 1)

    def standardised(self, edges: Tensor) -> Tensor:
        """Map (n,) or (batch or 1, m, 1, n) to (batch, m or 1, n_components, n)."""
        return (edges - self.location) * self.scale.reciprocal()


class _Cache(NamedTuple):
    """The mixtures, and the rank of each prefix among those of its length."""

    mixture: Mixture
    rank: Tensor  # (batch or 1, n)
    position: int


class AnchoredDecoder(DigitDecoder):
    r"""Digits whose probabilities are masses of intervals under a logistic mixture.

    The token sequences that begin with a prefix p stand for an interval of numbers. The
    next digit has the probability of its part of the interval,

    .. math:: \pi(d \mid x, p) = \frac{m(I_{pd})}{m(I_p)}, \qquad
        m\bigl((a, b)\bigr) = \sum_k w_k \left[
        \sigma\!\left(\frac{b - \mu_k}{s_k}\right) -
        \sigma\!\left(\frac{a - \mu_k}{s_k}\right)\right],

    with weights, locations and scales linear in the context up to a softmax and a
    softplus. One shift of all locations and one of all scales is learned beside those
    of each component, so that the whole mixture moves at once. Free digits must learn
    from data that neighbouring numbers have similar probabilities; here that is built
    in. Numbers are still drawn digit by digit, and every objective applies.

    Masses are computed from standardised edges :math:`a < b` as
    :math:`\sigma(b) \, \sigma(-a) \, (1 - e^{a - b})`, exact in both tails, and
    their logarithms term by term, finite in the farthest. Edges lie in the middle
    between numbers; the first and the last interval are half-open. An interval is known
    from its digits, so formats that are too large to enumerate work as well.

    Parameters
    ----------
    width : int
        Size of the context vector.
    tokenizer : Tokenizer
        Fitted. Its token sequences must sort like numbers, in even steps.
    n_members : int, default=1
        Members of the encoder, each of which makes a mixture; the prediction is the
        mixture of these, which count alike.
    n_components : int or None, default=None
        Logistic distributions in the mixture of a member; None means 4 for a single
        member and 2 for each of several. One is enough for symmetric noise; more
        follow skewed, heavy-tailed or many-peaked targets. Time is proportional to it.

    Raises
    ------
    ValueError
        If an option is not valid, or the tokens do not sort like numbers.

    Examples
    --------
    >>> import torch
    >>> from sklearn_genre.decoders import AnchoredDecoder
    >>> from sklearn_genre.tokenizers import NormalizedTokenizer
    >>> tokenizer = NormalizedTokenizer(base=2, length=3).fit([0.0, 7.0])
    >>> decoder = AnchoredDecoder(16, tokenizer, n_components=2)
    >>> decoder.edges.tolist()
    [0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5]
    >>> context = decoder.read(torch.zeros(5, 16))
    >>> decoder(context, torch.zeros(3, 5, 3, dtype=torch.int64)).shape
    torch.Size([3, 5, 3, 2])
    >>> decoder.leaf_log_probs(context).shape
    torch.Size([5, 8])
    """

    knows_sequences = True
    reads_folds = True
    knows_line = True

    def __init__(
        self,
        width: int,
        tokenizer: Tokenizer,
        *,
        n_members: int = 1,
        n_components: int | None = None,
    ) -> None:
        super().__init__(width, tokenizer)
        if not tokenizer.evenly_spaced:
            raise ValueError(
                "decoder='anchored' needs numbers in even steps that sort like their "
                f"digits, got tokenizer={shown(tokenizer, repr)}. Use "
                "tokenizer='normalized', or "
                "decoder='mlp'."
            )
        if n_components is None:
            n_components = ALONE if n_members == 1 else EACH
        if n_components < 1:
            raise ValueError(
                f"n_components must be at least 1, got {shown(n_components, repr)}."
            )
        if n_members < 1:
            raise ValueError(
                f"n_members must be at least 1, got {shown(n_members, repr)}."
            )
        self.n_components = n_components
        self.n_members = n_members
        n_outputs = 3 * n_components + 2
        bound = 1 / math.sqrt(width)
        weight = bound * (2 * torch.rand(n_members, width, n_outputs, **BORN) - 1)
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.zeros(n_members, 1, n_outputs, **BORN))
        self.n_parts = 1
        self.hidden_size = self.vocab_size
        self.out = nn.Identity()
        self.n_strings = self.vocab_size**self.length
        ends = torch.tensor([[0], [self.vocab_size - 1]], device="cpu")
        low, high = tokenizer.decode(ends.expand(-1, self.length)).tolist()
        self.step_size = (high - low) / max(self.n_strings - 1, 1) or 1.0
        self.first_edge = low - self.step_size / 2
        with torch.no_grad():
            levels = (torch.arange(n_components, **BORN) + 0.5) / n_components
            # spread like a standard normal sample
            self.bias[..., 2 : n_components + 2] = torch.special.ndtri(levels)

    @property
    def edges(self) -> Tensor:
        """Inner edges between neighbouring numbers, float64 (n_strings - 1,)."""
        return self._edge(torch.arange(1, self.n_strings, device=self.weight.device))

    def read(self, context: Tensor) -> Mixture:
        """Return the mixture of all members for each sample."""
        location, scale, log_weight = self._components(context)
        log_weight = log_weight - math.log(self.n_members)
        mixed = (
            values.transpose(0, 1).flatten(1)  # (batch, n_members * n_components)
            for values in (location, scale, log_weight)
        )
        return Mixture(*(values[:, None, :, None] for values in mixed))

    def read_folds(self, context: Tensor, n_folds: int, place: Tensor) -> Mixture:
        """Return the mixture of each fold's members for samples of its own."""
        location, scale, log_weight = self._components(context)
        log_weight = log_weight - math.log(self.n_members // n_folds)
        mixed = (
            by_fold(values, n_folds)[place].flatten(1)  # (n_samples, components)
            for values in (location, scale, log_weight)
        )
        return Mixture(*(values[:, None, :, None] for values in mixed))

    def read_members(self, context: Tensor) -> Mixture:
        """Return the mixture of each member, member after member."""
        each = (values.flatten(0, 1) for values in self._components(context))
        return Mixture(*(values[:, None, :, None] for values in each))

    def member_errors(self, context: Tensor, z: Tensor) -> Tensor:
        """Return how far the cumulative distribution of each member is from a step."""
        n_edges = self.n_strings - 1
        index = torch.linspace(
            1, n_edges, min(n_edges, N_EDGES), dtype=torch.float64, device=z.device
        )
        edges = self._edge(index)  # (n_edges,)
        cumulative = self._cumulative(self.read_members(context), edges)
        step = edges >= z[..., None]  # (batch or n_members, batch, n_edges)
        return cumulative.unflatten(0, (self.n_members, -1)) - step.to(cumulative)

    def states(self, context: Mixture, tokens: Tensor) -> Tensor:
        """Return the log-probabilities, (n, batch, n_positions, vocab_size)."""
        if self.visits_most(len(tokens)):
            return at_prefixes(self.tree_logits(context), self.prefix_index(tokens))
        rank = torch.zeros_like(tokens[..., 0]).T  # (batch, n)
        states = []
        for position in range(tokens.shape[-1]):
            if position:
                rank = rank * self.vocab_size + tokens[..., position - 1].T
            states.append(self._state(_Cache(context, rank, position)))
        return torch.stack(states, -2).transpose(0, 1)

    def tree_logits(self, context: Mixture) -> Tensor:
        """Return log-probabilities after every prefix, from one look at each edge."""
        z = context.standardised(self.edges.to(context.location.dtype))
        log_below = functional.logsigmoid(z)  # (batch, 1, n_components, n_strings - 1)
        log_above = log_below - z
        levels = []
        for position in range(self.length):
            stride = self.vocab_size ** (self.length - position - 1)
            below = log_below[..., stride - 1 :: stride]
            above = log_above[..., stride - 1 :: stride]
            gap = stride * self.step_size / context.scale
            inner = below[..., 1:] + above[..., :-1] + (-(-gap).expm1()).log()
            masses = torch.cat([below[..., :1], inner, above[..., -1:]], -1)
            level = (masses + context.log_weight).logsumexp(-2)[:, 0]
            levels.append(level.unflatten(1, (-1, self.vocab_size)).log_softmax(-1))
        return torch.cat(levels, 1)

    def start(self, context: Mixture) -> tuple[Tensor, _Cache]:
        """Return the logits of the first token and the cache."""
        rank = torch.zeros(1, 1, dtype=torch.int64, device=context.location.device)
        return self._next(_Cache(context, rank, 0))

    def step(self, cache: _Cache, tokens: Tensor) -> tuple[Tensor, _Cache]:
        """Append a token to each prefix and return the logits of the next."""
        rank = cache.rank
        if tokens.shape[1] > rank.shape[1]:
            rank = rank.repeat_interleave(tokens.shape[1] // rank.shape[1], 1)
        rank = rank * self.vocab_size + tokens
        return self._next(_Cache(cache.mixture, rank, cache.position + 1))

    def leaf_probs(self, context: Mixture, temperature: float = 1.0) -> Tensor:
        """Return the probability of every token sequence, without logarithms."""
        if temperature != 1 or self.forbidden is not None:
            return super().leaf_probs(context, temperature)
        weight = context.log_weight.exp().mT  # (batch, 1, 1, n_components)
        z = context.standardised(self.edges.to(context.location.dtype))
        below, above = z.sigmoid(), (-z).sigmoid()
        between = -(-self.step_size / context.scale).expm1().mT
        probs = [
            weight @ below[..., :1],
            (weight * between) @ (below[..., 1:] * above[..., :-1]),
            weight @ above[..., -1:],
        ]
        return torch.cat(probs, -1)[:, 0, 0]

    def choose_line(self, context: Mixture) -> None:
        """Divide the numbers if there is typically less noise than they are apart."""
        typical = (context.log_weight.exp() * context.scale).sum(2).median()
        self.n_parts = FINE if typical < self.step_size else 1

    def get_extra_state(self) -> Tensor:
        """Return what is learned beside the weights."""
        return torch.tensor(self.n_parts, device="cpu")

    def set_extra_state(self, state: Tensor) -> None:
        """Put back what was learned."""
        self.n_parts = int(state)

    def line_masses(self, context: Mixture, line: Line) -> Tensor:
        """Return the mass of each bin of the line, (batch, n_bins)."""
        z = context.standardised(line.edges[1:-1].to(context.location.dtype))
        weight = context.log_weight.exp().mT  # (batch, 1, 1, n_components)
        below, above = z.sigmoid(), (-z).sigmoid()
        between = below[..., 1:] * above[..., :-1]
        even = -(-line.step_size / context.scale).expm1().mT
        n = line.n_tail - 1  # bins of a tail with an end, and where the other begins
        m = between.shape[-1] - n
        first = between[..., :n] * -(z[..., :n] - z[..., 1 : n + 1]).expm1()
        last = between[..., m:] * -(z[..., m:-1] - z[..., m + 1 :]).expm1()
        masses = [
            weight @ below[..., :1],
            weight @ first,
            (weight * even) @ between[..., n:m],
            weight @ last,
            weight @ above[..., -1:],
        ]
        return torch.cat(masses, -1)[:, 0, 0]

    def sequence_log_probs(self, context: Mixture, tokens: Tensor) -> Tensor:
        """Return the log-probabilities of whole sequences, each from its two edges."""
        rank = tokens[..., 0].T  # (batch, n)
        for position in range(1, self.length):
            rank = rank * self.vocab_size + tokens[..., position].T
        index = torch.stack([rank, rank + 1], -1)  # (batch, n, 2)
        return self._log_masses(context, index, 1)[..., 0].T

    def leaf_cumulative(self, context: Mixture) -> Tensor:
        """Return the probability of all sequences up to each but the last."""
        return self._cumulative(context, self.edges)

    def _cumulative(self, mixture: Mixture, edges: Tensor) -> Tensor:
        """Return the cumulative distribution of each sample at edges, (batch, n)."""
        z = mixture.standardised(edges.to(mixture.location.dtype))
        return (mixture.log_weight.exp().mT @ z.sigmoid())[:, 0, 0]

    def _edge(self, index: Tensor) -> Tensor:
        """Return the numbers at edges; the two outermost ones are never used."""
        return self.first_edge + self.step_size * index.double()

    def _components(self, context: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return locations, scales, log-weights, (n_members, batch, n_components)."""
        members = context if context.ndim == 3 else context[None]
        parameters = torch.baddbmm(self.bias, members, self.weight)
        shift, widen, own = parameters.split([1, 1, 3 * self.n_components], -1)
        location, scale, weight = own.chunk(3, -1)
        location = SHIFT * shift + location
        scale = functional.softplus(widen + scale) / self.n_components
        scale = scale + SMALLEST_SCALE * self.step_size
        return location, scale, weight.log_softmax(-1)

    def _next(self, cache: _Cache) -> tuple[Tensor, _Cache]:
        """Return the logits at the position of the cache, and the cache."""
        return self.mask(self._state(cache), cache.position), cache

    def _state(self, cache: _Cache) -> Tensor:
        """Return next-digit log-probabilities, (batch, n, vocab_size)."""
        below = self.vocab_size ** (self.length - cache.position - 1)
        child = torch.arange(self.vocab_size + 1, device=cache.rank.device)
        index = (cache.rank[..., None] * self.vocab_size + child) * below
        return self._log_masses(cache.mixture, index, below).log_softmax(-1)

    def _log_masses(self, mixture: Mixture, index: Tensor, n_strings: int) -> Tensor:
        """Return the log-masses between neighbouring edges.

        Parameters
        ----------
        mixture : Mixture
        index : int64 Tensor of shape (batch or 1, m, n + 1)
            Edges that are ``n_strings`` steps apart.

        Returns
        -------
        log_masses : Tensor of shape (batch, m, n)
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


def at_prefixes(table: Tensor, index: Tensor) -> Tensor:
    """Return the entries of a table at the prefixes of token sequences.

    Parameters
    ----------
    table : Tensor of shape (batch, n_prefixes, vocab_size)
    index : int64 Tensor of shape (n, batch, n_positions)

    Returns
    -------
    entries : Tensor of shape (n, batch, n_positions, vocab_size)
    """
    n, batch, n_positions = index.shape
    flat = index.transpose(0, 1).reshape(batch, -1, 1)  # (batch, n * n_positions, 1)
    entries = table.gather(1, flat.expand(-1, -1, table.shape[-1]))
    return entries.view(batch, n, n_positions, -1).transpose(0, 1)
