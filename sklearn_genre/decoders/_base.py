"""The protocol of the digit decoders."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from sklearn_genre.decoders._line import Line
from sklearn_genre.tokenizers import MAX_STRINGS, Tokenizer

# Visiting one prefix of a token sequence costs about as much as this many in the whole
# tree, where the work on a prefix is shared by all samples.
VISIT_COST = 3


class DigitDecoder(nn.Module, ABC):
    """Next-token model over the token sequences of a tokenizer, given a context.

    ``decoder(width, tokenizer)`` builds it; where the encoder is an ensemble, with
    ``n_members=`` as well. :meth:`read` turns what the encoder returned into a context
    that all other methods take and nobody else looks into: here the contexts of all
    members side by side, elsewhere a mixture, or the cache of a prompt.

    A decoder answers in three ways that agree: teacher forcing (:meth:`forward`, for
    training), one token after the other with a cache (:meth:`start`, :meth:`step`, for
    sampling and greedy decoding), and all token sequences at once
    (:meth:`leaf_log_probs`, the exact distribution). A new decoder is a file with one
    class that writes :meth:`states`, :meth:`start` and :meth:`step`, and a line in
    ``DECODERS``; it may override the others where it knows a faster way. Logits of
    tokens that are not allowed must be masked by :meth:`mask`, in all of them.

    The cache of :meth:`start` holds prefixes of each sample, in order. Each step may
    branch: it is given a multiple of the prefixes of the step before, and the children
    of a prefix stand side by side. A rollout branches once, at the first digit; the
    digit tree branches at each; nothing is ever computed twice.

    Parameters
    ----------
    width : int
        Size of the context vector.
    tokenizer : Tokenizer
        Fitted.

    Attributes
    ----------
    hidden_size : int
        Size of a state.
    out : nn.Module
        Maps states to logits.
    n_members : int
        Ensemble members that are trained each on its own loss. Above 1, a decoder
        writes :meth:`read_members` as well, and mixes the members in :meth:`read`.
    max_strings : int
        Formats of at most so many token sequences are enumerated.
    knows_sequences : bool
        Whether :meth:`sequence_log_probs` is faster than scoring each token.
    reads_folds : bool
        Whether there are :meth:`read_folds` and :meth:`member_errors`.
    knows_line : bool
        Whether there are :meth:`line_masses` and :meth:`choose_line`: numbers are
        intervals of a distribution on the whole line, which predictions then read.
    n_parts : int
        Of each number, in that reading.
    """

    forbidden: Tensor | None
    hidden_size: int
    out: nn.Module
    n_members = 1
    max_strings = MAX_STRINGS
    knows_sequences = False
    reads_folds = False
    knows_line = False
    n_parts = 1

    def __init__(self, width: int, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.width = width
        allowed = tokenizer.allowed_tokens
        self.length, self.vocab_size = allowed.shape
        self.choices = [row.nonzero()[:, 0].tolist() for row in allowed]
        sizes = [len(choices) for choices in self.choices]
        self.n_prefixes = sum(math.prod(sizes[:t]) for t in range(self.length))
        forbidden = None if allowed.all() else ~allowed  # (length, vocab_size)
        self.register_buffer("forbidden", forbidden, persistent=False)

    def read(self, context: Any) -> Any:
        """Return what the other methods take as their context.

        Parameters
        ----------
        context : Tensor of shape (batch, width) or (n_members, batch, width)
            What the encoder returned.
        """
        return side_by_side(context)

    def read_folds(self, context: Any, n_folds: int, place: Tensor) -> Any:
        """Return the mixture of each fold's members for samples of its own.

        Parameters
        ----------
        context : Tensor of shape (n_members, batch, width)
            What the encoder returned.
        n_folds : int
        place : int64 Tensor of shape (n_samples,)
            Where each sample is in the order of :func:`by_fold`.

        Returns
        -------
        context : object
            Of the samples.
        """
        raise NotImplementedError

    def read_members(self, context: Any) -> Any:
        """Return the same for each member on its own: n_members * batch samples.

        Member after member. Training sees these; a prediction mixes the members.
        """
        return self.read(context)

    def mask(self, logits: Tensor, position: int | slice = slice(None)) -> Tensor:
        """Rule out the tokens that are not allowed at a position, or at all of them."""
        if self.forbidden is None:
            return logits
        return logits.masked_fill(self.forbidden[position], -math.inf)

    def member_errors(self, context: Tensor, z: Tensor) -> Tensor:
        """Return how far the cumulative distribution of each member is from a step.

        Parameters
        ----------
        context : Tensor of shape (n_members, batch, width)
            What the encoder returned.
        z : float64 Tensor of shape (batch,) or (n_members, batch)
            True numbers, where the cumulative distribution should step from 0 to 1.

        Returns
        -------
        errors : Tensor of shape (n_members, batch, n_edges)
            At numbers in even steps.
        """
        raise NotImplementedError

    @abstractmethod
    def states(self, context: Any, tokens: Tensor) -> Tensor:
        """Return what the logits of each token are read from.

        Parameters
        ----------
        context : object
        tokens : int64 Tensor of shape (n, batch, n_positions)
            Token sequences or their beginnings. The last token is not read.

        Returns
        -------
        states : Tensor of shape (n, batch, n_positions, hidden_size)
        """

    def forward(self, context: Any, tokens: Tensor) -> Tensor:
        """Return the logits of each token given the true tokens before it.

        Parameters
        ----------
        context : object
        tokens : int64 Tensor of shape (n, batch, length)

        Returns
        -------
        logits : Tensor of shape (n, batch, length, vocab_size)
        """
        return self.mask(self.out(self.states(context, tokens)))

    @abstractmethod
    def start(self, context: Any) -> tuple[Tensor, Any]:
        """Return the logits of the first token, (batch, 1, vocab_size), and a cache."""

    @abstractmethod
    def step(self, cache: Any, tokens: Tensor) -> tuple[Tensor, Any]:
        """Append a token to each prefix and return the logits of the next.

        Parameters
        ----------
        cache : object
            What the step before returned. A step may change it.
        tokens : int64 Tensor of shape (batch, n) or (1, n)
            The second shape means the same tokens for each sample.

        Returns
        -------
        logits : Tensor of shape (batch, n, vocab_size)
        cache : object
        """

    def tree_logits(self, context: Any) -> Tensor | None:
        """Return the logits after every prefix, or None if that is no faster.

        Returns
        -------
        logits : Tensor of shape (batch, n_prefixes, vocab_size) or None
            In the order of :meth:`prefix_index`.
        """
        return None

    def visits_most(self, n: int) -> bool:
        """Return whether n sequences are as much work as all prefixes of the tree."""
        return VISIT_COST * n * self.length >= self.n_prefixes

    def levels(self) -> Iterator[tuple[int, int]]:
        """Yield each position but the last, and how many prefixes are no longer."""
        above = 1
        for position in range(self.length - 1):
            yield position, above
            above += math.prod(map(len, self.choices[: position + 1]))

    def child(self, place: Tensor, tokens: Tensor, position: int) -> Tensor:
        """Return the places, among prefixes of a length, of those one token longer."""
        choices = self.choices[position]
        rank = tokens.new_zeros(self.vocab_size)
        rank[choices] = torch.arange(len(choices), device=tokens.device)
        return place * len(choices) + rank[tokens]

    def prefix_index(self, tokens: Tensor) -> Tensor:
        """Return the place of each prefix among all, level by level, (..., length)."""
        place = torch.zeros_like(tokens[..., 0])
        index = [place]
        for position, above in islice(self.levels(), tokens.shape[-1] - 1):
            place = self.child(place, tokens[..., position], position)
            index.append(above + place)
        return torch.stack(index, -1)

    def leaf_log_probs(self, context: Any, temperature: float = 1.0) -> Tensor:
        """Return the log-probability of every token sequence, level by level.

        Parameters
        ----------
        context : object
        temperature : float, default=1.0

        Returns
        -------
        log_probs : Tensor of shape (batch, n_strings)
            In tree order: lexicographic in the token ids.
        """
        logits, cache = self.start(context)
        log_probs = logits.new_zeros(logits.shape[0], 1)
        for position, choices in enumerate(self.choices):
            if position:
                last = torch.tensor(self.choices[position - 1], device=logits.device)
                tokens = last.repeat(log_probs.shape[1] // len(last))
                logits, cache = self.step(cache, tokens[None])
            log_probs = extend(log_probs, logits[..., choices] / temperature)
        return log_probs

    def leaf_probs(self, context: Any, temperature: float = 1.0) -> Tensor:
        """Return the probability of every sequence, as in :meth:`leaf_log_probs`."""
        return self.leaf_log_probs(context, temperature).exp()

    def sequence_log_probs(self, context: Any, tokens: Tensor) -> Tensor:
        """Return the log-probabilities of whole token sequences.

        Parameters
        ----------
        context : object
        tokens : int64 Tensor of shape (n, batch, length)

        Returns
        -------
        log_probs : Tensor of shape (n, batch)
        """
        log_probs = self(context, tokens).log_softmax(-1)
        return log_probs.gather(-1, tokens[..., None])[..., 0].sum(-1)

    def choose_line(self, context: Any) -> None:
        """Choose `n_parts` once training has ended, by the contexts of samples."""

    def line_masses(self, context: Any, line: Line) -> Tensor:
        """Return the mass of each bin of the line, (batch, n_bins)."""
        raise NotImplementedError

    def leaf_cumulative(self, context: Any) -> Tensor:
        """Return the probability of all up to each sequence but the last, in order.

        Returns
        -------
        cumulative : Tensor of shape (batch, n_strings - 1)
        """
        return self.leaf_log_probs(context).double().exp().cumsum(-1)[:, :-1]


def by_fold(values: Tensor, n_folds: int) -> Tensor:
    """Map (n_members, batch, ...) to (batch * n_folds, members of a fold, ...).

    Members of the same fold are neighbours. For one fold each sample gets all members;
    otherwise the first sample of each fold comes first, then the second of each.
    """
    return values.unflatten(0, (n_folds, -1)).movedim(2, 0).flatten(0, 1)


def side_by_side(context: Tensor) -> Tensor:
    """Return the contexts of all members as one vector: (batch, n_members * width)."""
    return context if context.ndim == 2 else context.transpose(0, 1).flatten(1)


def extend(log_probs: Tensor, logits: Tensor) -> Tensor:
    """Add a level to the tree: (batch, n) and (batch, n, k) to (batch, n * k)."""
    return (log_probs[..., None] + logits.log_softmax(-1)).flatten(1)
