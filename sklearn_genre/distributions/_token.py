"""Distributions over numbers written as token strings."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from sklearn_genre.tokenizers import Tokenizer

# Formats with at most this many strings are enumerated; others are decoded at levels.
MAX_LEAVES = 4096
# Levels (k + 1/2) / N_LEVELS at which larger formats are decoded.
N_LEVELS = 256


class Leaves(NamedTuple):
    """The numbers of a format that is small enough to enumerate."""

    values: Tensor  # (n_values,) float64, ascending, distinct, within the clip range
    column: Tensor | None  # (n_strings,) value of each string; None: one to one
    outside: Tensor | None  # (n_strings,) whether the string was clipped; None: none


# Probabilities below this add nothing to an entropy.
TINY = 1e-300


class Atoms(NamedTuple):
    """Numbers and masses, per row: what a predictive distribution is built from."""

    values: Tensor  # (n_values,) or (batch, n_values), ascending
    probs: Tensor  # (batch, n_values)
    clipped: Tensor  # (batch,) mass that lay outside the clip range
    entropy: Tensor  # (batch,) of the string, bin or distribution, in nats
    digit_entropy: Tensor  # (batch,) per digit; a bin or a number counts as one

    @property
    def mean(self) -> Tensor:
        """Expected number of each row, shape (batch,), float64."""
        return (self.probs * self.values).sum(-1)

    @property
    def variance(self) -> Tensor:
        """Variance of the number of each row, shape (batch,), float64."""
        return (self.probs * (self.values - self.mean[:, None]) ** 2).sum(-1)

    def rows(self, n: int) -> "Atoms":
        """Return the first rows."""
        values = self.values if self.values.ndim == 1 else self.values[:n]
        return Atoms(values, *(column[:n] for column in self[1:]))

    def cpu(self) -> "Atoms":
        """Return the same on the CPU."""
        return Atoms(*(column.cpu() for column in self))


def concatenate_atoms(parts: Sequence[Atoms]) -> Atoms:
    """Join the rows of several."""
    values, *columns = zip(*parts, strict=True)
    shared = values[0].ndim == 1
    return Atoms(
        values[0] if shared else torch.cat(values),
        *(torch.cat(column) for column in columns),
    )


def atoms_of(blocks: Iterable[tuple[Any, int]], n_levels: int | None = None) -> Atoms:
    """Return the atoms of the first rows of each distribution, on the CPU."""
    return concatenate_atoms([dist.atoms(n_levels).rows(n).cpu() for dist, n in blocks])


def leaves_of(tokenizer: Tokenizer, device: torch.device) -> Leaves | None:
    """Return the leaves of a tokenizer's digit tree, or None if there are too many."""
    if tokenizer.n_strings > MAX_LEAVES:
        return None
    numbers = tokenizer.decode(tokenizer.grid(MAX_LEAVES).to(device))  # (n_strings,)
    low, high = tokenizer.clip_range
    outside = (numbers < low) | (numbers > high)
    values, index = numbers.clamp(low, high).unique(return_inverse=True)
    one_to_one = len(values) == len(numbers) and bool((index.diff() == 1).all())
    return Leaves(
        values, None if one_to_one else index, outside if outside.any() else None
    )


class TokenDistribution:
    """The distributions of a batch of rows over numbers written by a tokenizer.

    Values are numbers in the standardised units of the target; tokens are how they are
    written. Formats with at most 4,096 strings are exact: the decoder answers the
    whole digit tree. Larger ones are decoded at 256 fixed levels, by inverting the
    cumulative distribution digit by digit. For formats whose strings sort like numbers
    that gives the exact quantiles at those levels; for others a stratified sample that
    is the same on every call.

    Parameters
    ----------
    decoder : DigitDecoder
    context : Tensor of shape (batch, width)
    tokenizer : Tokenizer
        Fitted.
    leaves : Leaves or None
        From :func:`leaves_of`.
    temperature : float, default=1.0
        Divides the logits, for sampling and for scoring alike.
    grid : Grid or None, default=None
        Where :meth:`expectation` is read from; None means from all leaves.
    """

    def __init__(
        self,
        decoder: Any,
        context: Tensor,
        tokenizer: Tokenizer,
        leaves: Leaves | None,
        temperature: float = 1.0,
        grid: Any = None,
    ) -> None:
        self.decoder = decoder
        self.context = context
        self.tokenizer = tokenizer
        self.leaves = leaves
        self.temperature = temperature
        self.grid = grid

    def at_temperature(self, temperature: float) -> "TokenDistribution":
        """Return the same rows at another temperature."""
        if temperature == self.temperature:
            return self
        return TokenDistribution(
            self.decoder,
            self.context,
            self.tokenizer,
            self.leaves,
            temperature,
            self.grid,
        )

    def log_probs(self, tokens: Tensor) -> Tensor:
        """Return the log-probabilities of every next token, teacher forced.

        Parameters
        ----------
        tokens : int64 Tensor of shape (n, batch, length)

        Returns
        -------
        log_probs : Tensor of shape (n, batch, length, vocab_size)
        """
        return self._log_softmax(self.decoder(self.context, tokens))

    def token_log_probs(self, tokens: Tensor) -> Tensor:
        """Return the log-probability of each token given those before it."""
        return self.log_probs(tokens).gather(-1, tokens[..., None])[..., 0]

    def log_prob(self, y: Tensor) -> Tensor:
        """Return the log-mass of the string nearest to each target, shape (batch,)."""
        tokens = self.tokenizer.encode(y)  # (batch, length)
        if self.temperature == 1:
            log_prob: Tensor = self.decoder.string_log_prob(self.context, tokens)
            return log_prob
        return self.token_log_probs(tokens[None])[0].sum(-1)

    def numbers(self, tokens: Tensor) -> Tensor:
        """Return the numbers that strings stand for, clipped to the clip range."""
        return self.tokenizer.decode(tokens).clamp(*self.tokenizer.clip_range)

    def rollout(self, n: int) -> tuple[Tensor, Tensor]:
        """Sample strings from torch's default generator.

        Returns
        -------
        tokens : int64 Tensor of shape (n, batch, length)
        log_probs : Tensor of shape (n, batch, length)

        Raises
        ------
        FloatingPointError
            If a probability is not finite.
        """
        logits, cache = self.decoder.start(self.context)
        tokens: list[Tensor] = []
        log_probs = []
        for position in range(self.decoder.length):
            if position:
                logits, cache = self.decoder.step(cache, tokens[-1])
            step = self._log_softmax(logits)  # (batch, 1 or n, vocab_size)
            if not step.isfinite().all():
                raise FloatingPointError("a probability of a rollout is not finite")
            step = step.expand(-1, n, -1)
            drawn = torch.multinomial(step.exp().flatten(0, 1), 1)  # (batch * n, 1)
            tokens.append(drawn.view(-1, n))
            log_probs.append(step.gather(-1, tokens[-1][..., None])[..., 0])
        return (
            torch.stack(tokens, -1).transpose(0, 1),
            torch.stack(log_probs, -1).transpose(0, 1),
        )

    def greedy(self) -> Tensor:
        """Return the string of the likeliest next tokens, (batch, length)."""
        logits, cache = self.decoder.start(self.context)
        tokens = [logits.argmax(-1)]  # (batch, 1)
        while len(tokens) < self.decoder.length:
            logits, cache = self.decoder.step(cache, tokens[-1])
            tokens.append(logits.argmax(-1))
        return torch.cat(tokens, -1)

    def at_levels(self, levels: Tensor) -> tuple[Tensor, Tensor]:
        """Invert the cumulative distribution of the strings in tree order.

        Parameters
        ----------
        levels : float64 Tensor of shape (n,) or (batch, n)
            In [0, 1): the same for all rows, or of each row.

        Returns
        -------
        tokens : int64 Tensor of shape (n, batch, length)
            Monotone in the level, in tree order.
        log_probs : Tensor of shape (n, batch)
            Of each string.
        """
        logits, cache = self.decoder.start(self.context)
        rest = levels.expand(len(self.context), -1)  # (batch, n), level within the node
        total = torch.zeros_like(rest)
        tokens: list[Tensor] = []
        for position in range(self.decoder.length):
            if position:
                logits, cache = self.decoder.step(cache, tokens[-1])
            probs = self._log_softmax(logits).double().exp()  # (batch, 1 or n, vocab)
            upper = probs.cumsum(-1)
            upper = (upper / upper[..., -1:]).expand(-1, rest.shape[1], -1).contiguous()
            token = torch.searchsorted(upper, rest[..., None].contiguous(), right=True)
            lower = torch.cat([torch.zeros_like(upper[..., :1]), upper], -1)
            start = lower.gather(-1, token)
            mass = upper.gather(-1, token) - start
            rest = ((rest[..., None] - start) / mass)[..., 0].clamp(0, 1 - 2**-53)
            total = total + mass[..., 0].log()
            tokens.append(token[..., 0])
        return torch.stack(tokens, -1).transpose(0, 1), total.T

    def atoms(self, n_levels: int | None = None) -> Atoms:
        """Return the numbers and their probabilities: exact, or at fixed levels.

        Parameters
        ----------
        n_levels : int or None, default=None
            Levels for formats of more than 4,096 strings, 256 if None.
        """
        if self.leaves is None:
            return self._atoms_at_levels(n_levels)
        return self._exact_atoms()

    def cumulative(self) -> Tensor:
        """Return the distribution function at all numbers of the format but the last.

        For formats of at most 4,096 strings.

        Returns
        -------
        cumulative : Tensor of shape (batch, n_values - 1)
        """
        assert self.leaves is not None
        if self.leaves.column is None and self.temperature == 1:
            cumulative: Tensor = self.decoder.leaf_cumulative(self.context)
            return cumulative
        return self.atoms().probs.cumsum(-1)[:, :-1]

    def expectation(self) -> Tensor:
        """Return the differentiable expected number of each row, shape (batch,).

        Over the grid if there is one, else over all leaves.

        Raises
        ------
        ValueError
            If there is no grid and the format is too large to enumerate.
        """
        if self.grid is not None:
            mean: Tensor = self.grid.mean(self)
            return mean
        if self.leaves is None:
            raise ValueError(
                f"{self.tokenizer} writes {self.tokenizer.n_strings} numbers, more "
                f"than the {MAX_LEAVES} of which the expectation is exact. Use fewer "
                "or shorter digits, a grid, or ExpectedError(alpha=0)."
            )
        return self.atoms().mean

    def _log_softmax(self, logits: Tensor) -> Tensor:
        """Return next-token log-probabilities at the temperature."""
        return (logits / self.temperature).log_softmax(-1)

    def _exact_atoms(self) -> Atoms:
        """Return the distribution on all leaves."""
        assert self.leaves is not None
        probs = self.decoder.leaf_probs(self.context, self.temperature).double()
        probs = probs / probs.sum(-1, keepdim=True)  # one, but for rounding
        entropy = -(probs * probs.clamp_min(TINY).log()).sum(-1)
        clipped = torch.zeros_like(entropy)
        if self.leaves.outside is not None:
            clipped = probs[:, self.leaves.outside].sum(-1)
        if self.leaves.column is not None:
            merged = probs.new_zeros(len(probs), len(self.leaves.values))
            probs = merged.index_add(1, self.leaves.column, probs)
        per_digit = entropy / self.decoder.length
        return Atoms(self.leaves.values, probs, clipped, entropy, per_digit)

    def _atoms_at_levels(self, n_levels: int | None = None) -> Atoms:
        """Return the numbers at fixed levels, each of the same mass."""
        n_levels = n_levels or N_LEVELS
        levels = torch.arange(n_levels, device=self.context.device, dtype=torch.float64)
        tokens, log_probs = self.at_levels((levels + 0.5) / n_levels)
        numbers = self.tokenizer.decode(tokens).T  # (batch, n_levels)
        low, high = self.tokenizer.clip_range
        clipped = ((numbers < low) | (numbers > high)).double().mean(-1)
        values = numbers.clamp(low, high).sort(-1).values
        probs = torch.full_like(values, 1 / n_levels)
        entropy = -log_probs.mean(0)
        per_digit = entropy / self.decoder.length
        return Atoms(values, probs, clipped, entropy, per_digit)
