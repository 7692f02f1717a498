"""Distributions over numbers written as tokens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from sklearn_genre._device import generator
from sklearn_genre.decoders import DigitDecoder, Line
from sklearn_genre.distributions import bin_edges
from sklearn_genre.outputs._support import Support
from sklearn_genre.tokenizers import Tokenizer

# Levels (k + 1/2) / N_LEVELS at which larger formats are decoded.
N_LEVELS = 256


class Leaves(NamedTuple):
    """The numbers of a format that is small enough to enumerate."""

    values: Tensor  # (n_values,) float64, ascending, distinct, within the clip range
    column: Tensor | None  # (n_strings,) value of each sequence; None: one to one
    outside: Tensor | None  # (n_strings,) whether it was clipped; None: none
    tokens: Tensor  # (n_strings, length) each sequence, in tree order
    edges: Tensor  # (n_values + 1,) of the bins around the values

    @property
    def is_plain(self) -> bool:
        """Whether each sequence has a number of its own."""
        return self.column is None and self.outside is None


# Probabilities below this add nothing to an entropy.
TINY = 1e-300


def leaves_of(
    tokenizer: Tokenizer, device: torch.device, max_strings: int
) -> Leaves | None:
    """Return the leaves of a tokenizer's digit tree, or None if there are too many."""
    if tokenizer.n_strings > max_strings:
        return None
    tokens = tokenizer.grid(max_strings).to(device)
    numbers = tokenizer.decode(tokens)  # (n_strings,)
    low, high = tokenizer.clip_range
    outside = (numbers < low) | (numbers > high)
    values, index = numbers.clamp(low, high).unique(return_inverse=True)
    one_to_one = len(values) == len(numbers) and bool((index.diff() == 1).all())
    return Leaves(
        values,
        None if one_to_one else index,
        outside if outside.any() else None,
        tokens,
        torch.from_numpy(bin_edges(values.cpu().numpy())).to(device),
    )


class TokenDistribution:
    """The distributions of a batch over the numbers that a tokenizer writes.

    Values are numbers in the standardised units of the target; tokens are how they are
    written. Formats of few token sequences (at most ``decoder.max_strings``) are exact:
    the decoder answers the whole digit tree. Larger ones are decoded at 256 fixed
    levels, by inverting the cumulative distribution digit by digit. For formats that
    sort like numbers that gives the exact quantiles at those levels; for others a
    stratified sample that is the same on every call.

    Parameters
    ----------
    decoder : DigitDecoder
    context : object
        What ``decoder.read`` returned; nobody else looks into it.
    batch_size : int
    device : torch.device
    tokenizer : Tokenizer
        Fitted.
    leaves : Leaves or None
        From :func:`leaves_of`.
    temperature : float, default=1.0
        Divides the logits, for sampling and for scoring alike.
    rule : Grid or None, default=None
        Where :meth:`expectation` is read from; None means from all leaves.
    line : Line or None, default=None
        Bins in which a decoder that knows the whole line is read for predictions.
    """

    def __init__(
        self,
        decoder: DigitDecoder,
        context: Any,
        batch_size: int,
        device: torch.device,
        tokenizer: Tokenizer,
        leaves: Leaves | None,
        temperature: float = 1.0,
        rule: Any = None,
        line: Line | None = None,
    ) -> None:
        self.decoder = decoder
        self.context = context
        self.batch_size = batch_size
        self.device = device
        self.tokenizer = tokenizer
        self.leaves = leaves
        self.temperature = temperature
        self.rule = rule
        self.line = line

    def at_temperature(self, temperature: float) -> TokenDistribution:
        """Return the same at another temperature."""
        if temperature == self.temperature:
            return self
        return TokenDistribution(
            self.decoder,
            self.context,
            self.batch_size,
            self.device,
            self.tokenizer,
            self.leaves,
            temperature,
            self.rule,
            self.line,
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
        """Return the log-mass of the number nearest to each target, shape (batch,)."""
        tokens = self.tokenizer.encode(y)  # (batch, length)
        if self.temperature == 1:
            return self.sequence_log_probs(tokens[None])[0]
        return self.token_log_probs(tokens[None])[0].sum(-1)

    def numbers(self, tokens: Tensor) -> Tensor:
        """Return what token sequences stand for, clipped to the clip range."""
        return self.tokenizer.decode(tokens).clamp(*self.tokenizer.clip_range)

    def rollout(self, n: int) -> tuple[Tensor, Tensor]:
        """Sample token sequences, from the generator of the fit where there is one.

        Returns
        -------
        tokens : int64 Tensor of shape (n, batch, length)
        log_probs : Tensor of shape (n, batch, length)

        Raises
        ------
        FloatingPointError
            If a probability is not finite.
        """
        tokens: list[Tensor] = []
        log_probs = []
        for step in self._next_of_drawn(n, tokens):  # (batch, 1 or n, vocab_size)
            check_no_nan(step, "a probability of a rollout")
            step = step.expand(-1, n, -1)
            drawn = torch.multinomial(  # (batch * n, 1)
                step.exp().flatten(0, 1), 1, generator=generator(self.device)
            )
            tokens.append(drawn.view(-1, n))
            log_probs.append(step.gather(-1, tokens[-1][..., None])[..., 0])
        return (
            torch.stack(tokens, -1).transpose(0, 1),
            torch.stack(log_probs, -1).transpose(0, 1),
        )

    def _next_of_drawn(self, n: int, tokens: list[Tensor]) -> Iterator[Tensor]:
        """Yield next-token log-probabilities after the tokens that have been drawn."""
        decoder = self.decoder
        table = None
        if decoder.visits_most(n):
            table = decoder.tree_logits(self.context)
        if table is None:
            logits, cache = decoder.start(self.context)
            yield self._log_softmax(logits)
            for _ in range(decoder.length - 1):
                logits, cache = decoder.step(cache, tokens[-1])
                yield self._log_softmax(logits)
            return
        table = self._log_softmax(table)  # (batch, n_prefixes, vocab_size)
        yield table[:, :1]
        place = torch.zeros_like(tokens[0])  # of each prefix among those of its length
        for position, level in decoder.levels():
            place = decoder.child(place, tokens[-1], position)
            index = (level + place)[..., None].expand(-1, -1, decoder.vocab_size)
            yield table.gather(1, index)

    @property
    def knows_sequences(self) -> bool:
        """Whether whole sequences are scored and drawn faster than their tokens."""
        return (
            self.decoder.knows_sequences
            and self.leaves is not None
            and self.temperature == 1
        )

    def sample(self, n: int) -> Tensor:
        """Sample token sequences, each in one draw; where sequences are known.

        Returns
        -------
        tokens : int64 Tensor of shape (n, batch, length)
        """
        assert self.leaves is not None
        probs = self.decoder.leaf_probs(self.context, self.temperature)
        check_no_nan(probs, "a probability of a sample")
        drawn = torch.multinomial(
            probs, n, replacement=True, generator=generator(self.device)
        )
        return self.leaves.tokens[drawn].transpose(0, 1)

    def sequence_log_probs(self, tokens: Tensor) -> Tensor:
        """Return log-probabilities (n, batch) of token sequences (n, batch, length).

        At temperature 1.
        """
        return self.decoder.sequence_log_probs(self.context, tokens)

    def greedy(self) -> Tensor:
        """Return the tokens that are the likeliest one by one, (batch, length)."""
        logits, cache = self.decoder.start(self.context)
        tokens = [logits.argmax(-1)]  # (batch, 1)
        while len(tokens) < self.decoder.length:
            logits, cache = self.decoder.step(cache, tokens[-1])
            tokens.append(logits.argmax(-1))
        return torch.cat(tokens, -1)

    def at_levels(self, levels: Tensor) -> tuple[Tensor, Tensor]:
        """Invert the cumulative distribution of token sequences in tree order.

        Parameters
        ----------
        levels : float64 Tensor of shape (n,) or (batch, n)
            In [0, 1): the same for all samples, or of each.

        Returns
        -------
        tokens : int64 Tensor of shape (n, batch, length)
            Monotone in the level, in tree order.
        log_probs : Tensor of shape (n, batch)
            Of each sequence.
        """
        logits, cache = self.decoder.start(self.context)
        rest = levels.expand(self.batch_size, -1)  # (batch, n), level within the node
        total = torch.zeros_like(rest)
        tokens: list[Tensor] = []
        for position in range(self.decoder.length):
            if position:
                logits, cache = self.decoder.step(cache, tokens[-1])
            probs = self._log_softmax(logits).double().exp()  # (batch, 1 or n, vocab)
            check_no_nan(probs, "a predicted probability")
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

    def support(self, n_levels: int | None = None) -> Support:
        """Return the numbers and their probabilities: exact, or at fixed levels.

        Parameters
        ----------
        n_levels : int or None, default=None
            Levels for formats that are too large to enumerate, 256 if None.
        """
        if self.leaves is None:
            return self._support_at_levels(n_levels)
        return self._exact_support()

    def reading(self, n_levels: int | None = None) -> Support:
        """Return what is predicted: the support, or the whole line where it is known.

        The numbers of the format may then be divided, and there are two tails.
        """
        if self.line is None:
            return self.support(n_levels)
        masses = self.decoder.line_masses(self.context, self.line).double()
        leaf = self.line.leaf
        assert self.leaves is not None
        probs = masses.new_zeros(masses.shape[0], len(self.leaves.values))
        probs.index_add_(1, leaf, masses)
        if self.temperature != 1:  # of digits: within a number, all is as it was
            share = (masses + TINY) / (probs + TINY)[:, leaf]
            probs = self.decoder.leaf_probs(self.context, self.temperature).double()
            masses = probs[:, leaf] * share
        entropy = -(probs * probs.clamp_min(TINY).log()).sum(-1)
        masses = masses + self.line.spread
        return Support(
            self.line.values,
            masses / masses.sum(-1, keepdim=True),
            torch.zeros_like(entropy),
            entropy,
            entropy / self.decoder.length,
            self.line.edges,
        )

    def cumulative(self) -> Tensor:
        """Return the distribution function at all numbers of the format but the last.

        For formats that can be enumerated.

        Returns
        -------
        cumulative : Tensor of shape (batch, n_values - 1)
        """
        assert self.leaves is not None
        if self.leaves.column is None and self.temperature == 1:
            cumulative: Tensor = self.decoder.leaf_cumulative(self.context)
            return cumulative
        return self.support().probs.cumsum(-1)[:, :-1]

    def expectation(self) -> Tensor:
        """Return the differentiable prediction of each sample, shape (batch,).

        By the rule if there is one, else the expected number over all leaves.

        Raises
        ------
        ValueError
            If there is no rule and the format is too large to enumerate.
        """
        if self.rule is not None and not (self.rule.reads_all and self.leaves is None):
            mean: Tensor = self.rule.mean(self)
            return mean
        if self.leaves is None:
            raise ValueError(
                f"{self.tokenizer} writes {self.tokenizer.n_strings} numbers, more "
                f"than the {self.decoder.max_strings} of which the mean is exact. "
                "Use fewer or shorter digits, a grid, or ExpectedError(alpha=0)."
            )
        return self.support().mean

    def _log_softmax(self, logits: Tensor) -> Tensor:
        """Return next-token log-probabilities at the temperature."""
        return (logits / self.temperature).log_softmax(-1)

    def _exact_support(self) -> Support:
        """Return the distribution on all leaves."""
        assert self.leaves is not None
        probs = self.decoder.leaf_probs(self.context, self.temperature).double()
        probs = probs / probs.sum(-1, keepdim=True)  # one, but for rounding
        entropy = -(probs * probs.clamp_min(TINY).log()).sum(-1)
        clipped = torch.zeros_like(entropy)
        if self.leaves.outside is not None:
            clipped = (probs * self.leaves.outside).sum(-1)
        if self.leaves.column is not None:
            merged = probs.new_zeros(probs.shape[0], len(self.leaves.values))
            probs = merged.index_add(1, self.leaves.column, probs)
        per_digit = entropy / self.decoder.length
        return Support(
            self.leaves.values, probs, clipped, entropy, per_digit, self.leaves.edges
        )

    def _support_at_levels(self, n_levels: int | None = None) -> Support:
        """Return the numbers at fixed levels, each of the same mass."""
        n_levels = n_levels or N_LEVELS
        levels = torch.arange(n_levels, device=self.device, dtype=torch.float64)
        tokens, log_probs = self.at_levels((levels + 0.5) / n_levels)
        numbers = self.tokenizer.decode(tokens).T  # (batch, n_levels)
        low, high = self.tokenizer.clip_range
        clipped = ((numbers < low) | (numbers > high)).double().mean(-1)
        values = numbers.clamp(low, high).sort(-1).values
        probs = torch.full_like(values, 1 / n_levels)
        entropy = -log_probs.mean(0)
        per_digit = entropy / self.decoder.length
        return Support(values, probs, clipped, entropy, per_digit)


def check_no_nan(values: Tensor, what: str) -> None:
    """Raise ``FloatingPointError`` if a value is not a number."""
    if values.isnan().any():
        raise FloatingPointError(f"{what} is not a number")
