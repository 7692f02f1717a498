"""The protocol of the digit decoders."""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from sklearn_genre.tokenizers import Tokenizer

# What is added to the logit of a token that is not allowed: finite, so that
# probability times log-probability stays zero instead of becoming NaN.
FORBIDDEN = -1e9


class DigitDecoder(nn.Module, ABC):
    """Next-token model over the strings of a tokenizer, given a context vector.

    A decoder answers in three ways that agree: teacher forcing (:meth:`forward`, for
    training), one token after the other with a cache (:meth:`start`, :meth:`step`, for
    sampling and greedy decoding), and all strings at once
    (:meth:`leaf_log_probs`, the exact distribution). A new decoder is a file with one
    class that writes :meth:`states`, :meth:`start` and :meth:`step`, and a line in
    ``DECODERS``; it may override :meth:`forward` and :meth:`leaf_log_probs` when it
    knows a faster way. Logits of tokens that are not allowed must be masked by
    :meth:`mask`, in all of them.

    The cache of :meth:`start` works in *lanes*: prefixes of one row, kept in order.
    Each step may branch: ``lanes`` is a multiple of the lanes of the step before, and
    the children of a prefix stand side by side. A rollout branches once, at the first
    digit; the digit tree branches at each; nothing is ever computed twice.

    Parameters
    ----------
    width : int
        Size of the context vector.
    allowed_tokens : bool Tensor of shape (length, vocab_size)
        Tokens that may stand at each position.

    Attributes
    ----------
    hidden_size : int
        Size of a state.
    out : nn.Module
        Maps states to logits.
    n_members : int
        Members of an ensemble that are trained one by one. Above 1, a decoder writes
        :meth:`separated`, :meth:`member_errors` and :meth:`weigh` as well.
    """

    penalty: Tensor | None
    hidden_size: int
    out: nn.Module
    n_members = 1

    def __init__(self, width: int, allowed_tokens: Tensor) -> None:
        super().__init__()
        self.width = width
        self.length, self.vocab_size = allowed_tokens.shape
        self.choices = [row.nonzero()[:, 0].tolist() for row in allowed_tokens]
        penalty = None
        if not allowed_tokens.all():
            penalty = FORBIDDEN * (~allowed_tokens).float()  # (length, vocab_size)
        self.register_buffer("penalty", penalty, persistent=False)

    def mask(self, logits: Tensor, position: int | slice = slice(None)) -> Tensor:
        """Rule out the tokens that are not allowed at a position, or at all of them."""
        return logits if self.penalty is None else logits + self.penalty[position]

    def anchor(self, tokenizer: Tokenizer) -> None:
        """Learn from a fitted tokenizer which numbers the strings stand for.

        Called once, before training. Most decoders need no more than the tokens.

        Raises
        ------
        ValueError
            If the decoder cannot write such numbers.
        """

    def separated(self, context: Tensor) -> Tensor:
        """Return contexts of which each gives the prediction of one member.

        Returns
        -------
        contexts : Tensor of shape (n_members * batch, width / n_members)
            Member after member. Training sees these; a prediction mixes the members.
        """
        return context

    def member_errors(self, context: Tensor, z: Tensor) -> Tensor:
        """Return how far the cumulative distribution of each member is from a step.

        Parameters
        ----------
        context : Tensor of shape (batch, width)
        z : float64 Tensor of shape (batch,)
            True numbers, where the cumulative distribution should step from 0 to 1.

        Returns
        -------
        errors : Tensor of shape (n_members, batch, n_edges)
            At numbers in even steps.
        """
        raise NotImplementedError

    def weigh(self, weight: Tensor) -> None:
        """Give each member a weight in the prediction, (n_members,); they add to 1."""
        raise NotImplementedError

    @abstractmethod
    def states(self, context: Tensor, tokens: Tensor) -> Tensor:
        """Return what the logits of each token are read from.

        Parameters
        ----------
        context : Tensor of shape (batch, width)
        tokens : int64 Tensor of shape (n, batch, n_positions)
            Strings or their first tokens. The last token is not read.

        Returns
        -------
        states : Tensor of shape (n, batch, n_positions, hidden_size)
        """

    def forward(self, context: Tensor, tokens: Tensor) -> Tensor:
        """Return the logits of each token given the true tokens before it.

        Parameters
        ----------
        context : Tensor of shape (batch, width)
        tokens : int64 Tensor of shape (n, batch, length)

        Returns
        -------
        logits : Tensor of shape (n, batch, length, vocab_size)
        """
        return self.mask(self.out(self.states(context, tokens)))

    @abstractmethod
    def start(self, context: Tensor) -> tuple[Tensor, Any]:
        """Return the logits of the first token, (batch, 1, vocab_size), and a cache."""

    @abstractmethod
    def step(self, cache: Any, tokens: Tensor) -> tuple[Tensor, Any]:
        """Append a token to each lane and return the logits of the next.

        Parameters
        ----------
        cache : object
            What the step before returned. It is not changed.
        tokens : int64 Tensor of shape (batch, lanes) or (1, lanes)
            The second shape means the same tokens in each row.

        Returns
        -------
        logits : Tensor of shape (batch, lanes, vocab_size)
        cache : object
        """

    def leaf_log_probs(self, context: Tensor, temperature: float = 1.0) -> Tensor:
        """Return the log-probability of every string, by expanding the digit tree.

        Parameters
        ----------
        context : Tensor of shape (batch, width)
        temperature : float, default=1.0

        Returns
        -------
        log_probs : Tensor of shape (batch, n_strings)
            In tree order: lexicographic in the token ids.
        """
        logits, cache = self.start(context)
        log_probs = context.new_zeros(len(context), 1)
        for position, choices in enumerate(self.choices):
            if position:
                last = torch.tensor(self.choices[position - 1], device=logits.device)
                tokens = last.repeat(log_probs.shape[1] // len(last))
                logits, cache = self.step(cache, tokens[None])
            log_probs = extend(log_probs, logits[..., choices] / temperature)
        return log_probs

    def leaf_probs(self, context: Tensor, temperature: float = 1.0) -> Tensor:
        """Return the probability of every string, as in :meth:`leaf_log_probs`."""
        return self.leaf_log_probs(context, temperature).exp()

    def string_log_prob(self, context: Tensor, tokens: Tensor) -> Tensor:
        """Return the log-probability of one string for each row.

        Parameters
        ----------
        context : Tensor of shape (batch, width)
        tokens : int64 Tensor of shape (batch, length)

        Returns
        -------
        log_prob : Tensor of shape (batch,)
        """
        log_probs = self(context, tokens[None])[0].log_softmax(-1)
        return log_probs.gather(-1, tokens[..., None])[..., 0].sum(-1)

    def leaf_cumulative(self, context: Tensor) -> Tensor:
        """Return the probability of the strings up to each but the last, in tree order.

        Returns
        -------
        cumulative : Tensor of shape (batch, n_strings - 1)
        """
        return self.leaf_log_probs(context).double().exp().cumsum(-1)[:, :-1]


def extend(log_probs: Tensor, logits: Tensor) -> Tensor:
    """Add a level to the tree: (batch, n) and (batch, n, k) to (batch, n * k)."""
    return (log_probs[..., None] + logits.log_softmax(-1)).flatten(1)
