"""What every tokenizer does: numbers to token strings and back."""

import math
from abc import ABC, abstractmethod
from inspect import signature
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from sklearn_genre._checks import as_float, as_floats, check_integer

# Formats with at most this many strings are listed where nothing faster is known.
MAX_STRINGS = 4096


class Tokenizer(BaseEstimator, ABC):
    """Write numbers as token strings of one fixed length, and read them back.

    Every number has ``length`` tokens, ids ``0 .. vocab_size - 1``. There is no
    padding and no start token. All tensors have any leading shape ``(...)`` and stay
    on the device they came on; numbers are float64, tokens int64. A fitted tokenizer
    holds parameters and two floats, no tensor.

    A new tokenizer is one file and one line in ``TOKENIZERS``. It stores its
    parameters in ``__init__`` and writes:

    ======================= ========================================================
    ``length``              tokens per number, int
    ``vocab_size``          number of token ids, int
    ``allowed_tokens``      bool ``(length, vocab_size)``: may this token stand here?
    ``digit_values``        float64 ``(length, vocab_size)``: the number it stands for
    ``_check_parameters()`` raise TypeError or ValueError with the offending value
    ``_encode(values)``     float64 ``(...)`` -> int64 ``(..., length)``; the values
                            may be infinite, never NaN
    ``_decode(tokens)``     int64 ``(..., length)`` -> float64 ``(...)``; every token
                            is allowed at its position
    ======================= ========================================================

    and, if its numbers may lie far outside the training range, ``clip_range``; if its
    strings sort like numbers, in equal steps, ``evenly_spaced``; if it has more than
    4,096 strings and is to follow an expert, ``_nearest_tokens``; and, for those who
    read strings, ``token_texts`` and ``position_names``. A parameter whose default is
    an integer must be one: `fit` checks that first.
    Every allowed string decodes to a finite number, and ``encode`` rounds to the
    nearest one that the format can write: infinities and everything else beyond its
    range go to the nearest end.

    Attributes
    ----------
    low_ : float
        Smallest number seen by `fit`.
    high_ : float
        Largest number seen by `fit`.
    """

    low_: float
    high_: float

    def fit(self, y: ArrayLike | Tensor) -> Self:
        """Check the parameters and learn the range of the numbers.

        Parameters
        ----------
        y : array-like or tensor of shape (n,)
            Training targets, finite, at least one.

        Returns
        -------
        self : Tokenizer
            The fitted tokenizer.

        Raises
        ------
        TypeError
            If a parameter has the wrong type.
        ValueError
            If a parameter is out of its range, or `y` is empty, not one-dimensional,
            or not finite.
        """
        for name, parameter in signature(type(self)).parameters.items():
            if type(parameter.default) is int:  # and no bool, which is one for Python
                check_integer(getattr(self, name), name)
        self._check_parameters()
        values = _as_float64(y, "y")  # (n,)
        if values.ndim != 1 or not len(values):
            raise ValueError(
                "y must hold at least one number in one dimension, got shape "
                f"{tuple(values.shape)}."
            )
        if not (finite := values.isfinite()).all():
            raise ValueError(
                f"y must be finite, got {values[~finite][0].item()}; remove or impute "
                "such rows first."
            )
        self.low_, self.high_ = values.min().item(), values.max().item()
        return self

    def encode(self, values: ArrayLike | Tensor) -> Tensor:
        """Write numbers as token strings.

        Parameters
        ----------
        values : tensor or array-like of shape (...)
            Numbers of any float dtype; cast to float64. Infinities and numbers beyond
            the range of the format go to the nearest number it can write.

        Returns
        -------
        tokens : int64 tensor of shape (..., length)
            Token ids, on the device of `values`.

        Raises
        ------
        ValueError
            If a number is NaN.
        """
        check_is_fitted(self, "low_")
        values = _as_float64(values, "values")  # (...)
        if n_nan := int(values.isnan().sum()):
            raise ValueError(
                f"NaN has no tokens: {n_nan} of {values.numel()} values are NaN; "
                "remove or impute them first."
            )
        return self._encode(values)

    def decode(self, tokens: Tensor) -> Tensor:
        """Read token strings as numbers.

        Parameters
        ----------
        tokens : integer tensor of shape (..., length)
            Token ids, each allowed at its position.

        Returns
        -------
        values : float64 tensor of shape (...)
            Finite numbers, on the device of `tokens`.

        Raises
        ------
        TypeError
            If `tokens` is no tensor of integers.
        ValueError
            If the last dimension is not `length`, or a token is not a token id or not
            allowed at its position.
        """
        check_is_fitted(self, "low_")
        return self._decode(self._checked_tokens(tokens))

    def nearest_tokens(self, tokens: Tensor, values: ArrayLike | Tensor) -> Tensor:
        """Say how each prefix of the strings goes on to the number nearest to a target.

        At every position, the string is kept up to there, and all its completions are
        compared by their decoded numbers. What stands at and after the position does
        not matter. Of completions that are equally near it follows any one.

        Parameters
        ----------
        tokens : integer tensor of shape (..., length)
            Token ids, each allowed at its position.
        values : tensor or array-like, broadcast to shape (...)
            Targets, finite.

        Returns
        -------
        nearest : int64 tensor of shape (..., length)
            At each position the token that the nearest completion has there.

        Raises
        ------
        TypeError
            If `tokens` is no tensor of integers.
        ValueError
            If a token is not allowed at its position, a target is not finite, or there
            are too many strings (see `check_nearest_tokens`).

        Examples
        --------
        >>> from sklearn_genre.tokenizers import NormalizedTokenizer
        >>> tokenizer = NormalizedTokenizer(base=10, length=3).fit([0, 999])
        >>> tokenizer.nearest_tokens(torch.tensor([1, 3, 0]), 245.0).tolist()
        [2, 9, 9]
        >>> tokenizer.nearest_tokens(torch.tensor([2, 5, 0]), 245.0).tolist()
        [2, 4, 0]
        """
        check_is_fitted(self, "low_")
        self.check_nearest_tokens()
        values = _as_float64(values, "values")
        if not (finite := values.isfinite()).all():
            raise ValueError(
                f"values must be finite, got {values[~finite][0].item()}; remove or "
                "clip such targets first."
            )
        return self._nearest_tokens(self._checked_tokens(tokens), values)

    def check_nearest_tokens(self) -> None:
        """Raise ``ValueError`` if `nearest_tokens` would have to list too many strings.

        That is, if there are more than 4,096 and the class has no way of its own.
        """
        lists = type(self)._nearest_tokens is Tokenizer._nearest_tokens
        if lists and self.n_strings > MAX_STRINGS:
            raise ValueError(
                f"{self!r} has {self.n_strings} strings and compares them one by one; "
                f"use fewer or shorter digits, at most {MAX_STRINGS} strings, or write "
                f"{type(self).__name__}._nearest_tokens."
            )

    def grid(self, max_size: int = MAX_STRINGS) -> Tensor:
        """List every allowed string, in lexicographic order of the token ids.

        Parameters
        ----------
        max_size : int, default=4096
            The most strings to list. Raise it when memory for ``n_strings * length``
            integers is no concern.

        Returns
        -------
        tokens : int64 tensor of shape (n_strings, length)
            Allowed strings, each once.

        Raises
        ------
        ValueError
            If there are more than `max_size` strings.
        """
        if self.n_strings > max_size:
            raise ValueError(
                f"{self!r} has {self.n_strings} strings, more than "
                f"max_size={max_size}; use fewer or shorter digits or raise max_size."
            )
        choices = [allowed.nonzero().squeeze(1) for allowed in self.allowed_tokens]
        return torch.cartesian_prod(*choices).reshape(-1, self.length)

    @property
    def n_strings(self) -> int:
        """Number of allowed strings."""
        return math.prod(self.allowed_tokens.sum(dim=1).tolist())

    @property
    def clip_range(self) -> tuple[float, float]:
        """Range that a predictive distribution clips decoded numbers to.

        Unbounded here: right for a format whose numbers stay in the training range.
        """
        return -math.inf, math.inf

    @property
    def evenly_spaced(self) -> bool:
        """Whether strings in lexicographic order are rising numbers in equal steps."""
        return False

    @property
    def token_texts(self) -> tuple[tuple[str, ...], ...]:
        """Text of each token at each position, (length, vocab_size).

        Those allowed at a position differ; here, the token ids.
        """
        return (tuple(map(str, range(self.vocab_size))),) * int(self.length)

    @property
    def position_names(self) -> tuple[str, ...]:
        """What the positions are called, each name once: here, digit 1, digit 2, ..."""
        return tuple(f"digit {i + 1}" for i in range(self.length))

    @property
    @abstractmethod
    def length(self) -> int:
        """Tokens per number."""

    @property
    @abstractmethod
    def vocab_size(self) -> int:
        """Number of token ids."""

    @property
    @abstractmethod
    def allowed_tokens(self) -> Tensor:
        """Whether a token may stand at a position, bool (length, vocab_size)."""

    @property
    @abstractmethod
    def digit_values(self) -> Tensor:
        """Number that a token stands for at a position, (length, vocab_size).

        Float64, NaN where the token is no number (a sign) or not allowed.
        """

    @abstractmethod
    def _check_parameters(self) -> None:
        """Raise TypeError or ValueError for parameters that do not work."""

    @abstractmethod
    def _encode(self, values: Tensor) -> Tensor:
        """Tokens (..., length) of float64 values (...), infinite or finite."""

    @abstractmethod
    def _decode(self, tokens: Tensor) -> Tensor:
        """Float64 values (...) of allowed int64 tokens (..., length)."""

    def _nearest_tokens(self, tokens: Tensor, values: Tensor) -> Tensor:
        """Nearest next tokens (..., length) of int64 tokens for float64 targets.

        By listing all strings, in an order where those of one prefix are neighbours.
        """
        numbers = self._decode(self.grid().to(tokens.device))  # (n_strings,)
        targets = values.clamp(numbers.min(), numbers.max()).unsqueeze(-1)
        errors = (numbers - targets).abs()  # (*values.shape, n_strings)
        prefix = torch.zeros_like(tokens[..., 0])  # (...), its place among prefixes
        n_prefixes, nearest = 1, []
        for position, allowed in enumerate(self.allowed_tokens.to(tokens.device)):
            choices = allowed.nonzero().squeeze(1)
            tree = errors.unflatten(-1, (n_prefixes, len(choices), -1))
            best = tree.amin(-1).argmin(-1).expand(*prefix.shape, n_prefixes)
            nearest.append(choices[best.gather(-1, prefix.unsqueeze(-1))])  # (..., 1)
            chosen = torch.searchsorted(choices, tokens[..., position].contiguous())
            prefix = prefix * len(choices) + chosen
            n_prefixes *= len(choices)
        return torch.cat(nearest, dim=-1)

    def _checked_tokens(self, tokens: Tensor) -> Tensor:
        """Int64 tokens, or the error that says which token is wrong where."""
        if not isinstance(tokens, Tensor):
            raise TypeError(f"tokens must be a tensor, got {type(tokens).__name__}.")
        no_integers = tokens.is_floating_point() or tokens.is_complex()
        if no_integers or tokens.dtype == torch.bool:
            raise TypeError(f"tokens must be integers, got dtype {tokens.dtype}.")
        if tokens.ndim == 0 or tokens.shape[-1] != self.length:
            raise ValueError(
                f"tokens must have shape (..., {self.length}), got "
                f"{tuple(tokens.shape)}."
            )
        tokens = tokens.long()
        allowed = self.allowed_tokens.to(tokens.device)  # (length, vocab_size)
        positions = torch.arange(self.length, device=tokens.device)
        known = tokens.clamp(0, self.vocab_size - 1)
        wrong = (tokens != known) | ~allowed[positions, known]  # (..., length)
        if wrong.any():
            position = int(wrong.nonzero()[0, -1])
            raise ValueError(
                f"token {int(tokens[wrong][0])} is not allowed at position {position}; "
                f"allowed there: {allowed[position].nonzero().squeeze(1).tolist()}."
            )
        return tokens


def _as_float64(values: ArrayLike | Tensor, name: str) -> Tensor:
    """Values as a float64 tensor of their shape, without a gradient.

    Python integers beyond float64 become infinite.
    """
    if isinstance(values, Tensor):
        if values.is_complex():
            raise TypeError(f"{name} must hold real numbers; got {values.dtype}.")
        return values.detach().to(torch.float64)
    if not isinstance(values, np.ndarray) or values.dtype.kind == "O":
        values = _bounded(np.asarray(values, dtype=object))
    return torch.from_numpy(np.array(as_floats(values, name), order="C"))


def _bounded_number(value: Any) -> Any:
    """Infinity for a Python integer beyond float64, everything else as it is."""
    return as_float(value) if isinstance(value, int) else value


_bounded = np.frompyfunc(_bounded_number, 1, 1)
