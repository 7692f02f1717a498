"""Fixed-point digits of a number within the training range."""

import math

import torch
from torch import Tensor

from sklearn_genre._checks import check_real, shown
from sklearn_genre.tokenizers._base import Tokenizer
from sklearn_genre.tokenizers._positional import (
    DIGITS,
    check_base,
    check_n_digits,
    digit_of_each,
    from_digits,
    prefix_bounds,
    to_digits,
)

# Largest share of numbers beyond each end of the training range.
MAX_MARGIN = 0.4
# Largest number of a format.
LARGEST = 1.7e308
ROUNDINGS = ("endpoint", "midpoint", "floor", "round")


class NormalizedTokenizer(Tokenizer):
    """Write a number as digits of its place within the training range.

    The training range is cut into ``K = base**length`` numbers. Their index, written
    in `base` with the most significant digit first, is the token string, so strings
    sort like numbers, and the token id is the digit. Numbers outside the training
    range go to its nearest end. If all training targets are equal, every number is
    written as zeros and every string means that target.

    Parameters
    ----------
    base : int, default=2
        Number of digits to choose from, 2 to 36. A small base makes each choice easy;
        a large one makes strings short.
    length : int, default=8
        Digits per number; ``base**length`` must stay below 2**53. Raise it for
        heavy-tailed targets, where few numbers would share the bulk of the data.
    rounding : {"endpoint", "midpoint", "floor", "round"}, default="endpoint"
        Which number an index means, with ``u`` from 0 to 1 along the training range:

        - "endpoint": index ``round(u * (K - 1))``, number ``k / (K - 1)``. Both ends
          of the training range are exact, the error at most half a step.
        - "midpoint": index ``floor(u * K)``, number ``(k + 1/2) / K``. Bins of equal
          width, the error at most half a bin; the ends are never predicted.
        - "floor": index ``floor(u * K)``, number ``k / K``, as in RegressLM: half a
          bin too low on average. For comparison only.
        - "round": index ``round(u * K)``, at most ``K - 1``, number ``k / K``, as in
          GenRe: the top half bin is pulled down. For comparison only.

    margin : float, default=0.0
        Share of the numbers that lie beyond each end of the training range, 0 to 0.4,
        as many whole numbers as that is. Targets and predictions may be there, and a
        network learns where its distribution has to end: 0.1 is what the estimators
        use by default. Both ends of the training range remain numbers of the format
        with "endpoint".

    Attributes
    ----------
    low_ : float
        Smallest number seen by `fit`.
    high_ : float
        Largest number seen by `fit`.

    References
    ----------
    Song and Bahri, "Decoding-based Regression", arXiv:2501.19383.

    Examples
    --------
    >>> import torch
    >>> from sklearn_genre.tokenizers import NormalizedTokenizer
    >>> tokenizer = NormalizedTokenizer(base=2, length=3).fit([0.0, 7.0])
    >>> tokens = tokenizer.encode(torch.tensor([0.0, 5.2, 99.0]))
    >>> tokens.tolist()
    [[0, 0, 0], [1, 0, 1], [1, 1, 1]]
    >>> tokenizer.decode(tokens).tolist()
    [0.0, 5.0, 7.0]
    """

    length: int = 0  # the parameter, stored by __init__, stands for the property

    def __init__(
        self,
        base: int = 2,
        length: int = 8,
        rounding: str = "endpoint",
        margin: float = 0.0,
    ) -> None:
        self.base = base
        self.length = length
        self.rounding = rounding
        self.margin = margin

    @property
    def vocab_size(self) -> int:
        """Number of token ids: the base."""
        return check_base(self.base)

    @property
    def allowed_tokens(self) -> Tensor:
        """Every digit at every position."""
        base, length = self._format
        return torch.ones(length, base, dtype=torch.bool)

    @property
    def digit_values(self) -> Tensor:
        """The token ids themselves."""
        base, length = self._format
        return torch.arange(base, dtype=torch.float64).repeat(length, 1)

    @property
    def token_texts(self) -> tuple[tuple[str, ...], ...]:
        """The digits, letters from ten on."""
        base, length = self._format
        return (tuple(DIGITS[:base]),) * length

    @property
    def evenly_spaced(self) -> bool:
        """Always."""
        return True

    def _check_parameters(self) -> None:
        check_n_digits(self.length, "length", check_base(self.base))
        if self.rounding not in ROUNDINGS:
            raise ValueError(
                f"rounding must be one of {list(ROUNDINGS)}, got "
                f"{shown(self.rounding, repr)}."
            )
        check_real(self.margin, "margin", 0.0, MAX_MARGIN)

    def _encode(self, values: Tensor) -> Tensor:
        return to_digits(self._index(values, self.rounding), *self._format)

    def _index(self, values: Tensor, rounding: str) -> Tensor:
        """Int64 indices (...) of values (...) by one of the roundings."""
        size = self.n_strings
        low, high = self._ends
        if low == high:
            index = torch.zeros_like(values)
        elif rounding in ("endpoint", "round"):
            steps = to_unit(values, low, high) * self._n_steps
            index = steps.round().clamp(max=size - 1)
        else:
            index = bin_index(values, low, high, size)
        return index.long()

    def _decode(self, tokens: Tensor) -> Tensor:
        index = from_digits(tokens, self._format[0]).to(torch.float64)  # (...)
        if self.rounding == "midpoint":
            index = index + 0.5
        n, end = self._n_beyond, self._n_steps
        numbers = from_unit(index / end, *self._ends)
        if n and self.rounding == "endpoint":  # exact at both ends of the range
            numbers = torch.where(index == n, self.low_, numbers)
            numbers = torch.where(index == end - n, self.high_, numbers)
        return numbers

    def _nearest_tokens(self, tokens: Tensor, values: Tensor) -> Tensor:
        # numbers rise with their index: of those in reach, the nearest to the nearest
        rounding = "round" if self.rounding == "floor" else self.rounding
        nearest = self._index(values, rounding).unsqueeze(-1)
        base, _ = self._format
        low, high = prefix_bounds(tokens, base)
        within = nearest.clamp(low[..., :-1], high[..., :-1])  # (..., length)
        return digit_of_each(within, base)

    @property
    def _format(self) -> tuple[int, int]:
        """Base and length, checked, as Python integers."""
        base = check_base(self.base)
        return base, check_n_digits(self.length, "length", base)

    @property
    def _n_beyond(self) -> int:
        """How many numbers lie beyond each end of the training range."""
        size = self.n_strings
        return min(round(float(self.margin) * size), (size - 2) // 2)

    @property
    def _ends(self) -> tuple[float, float]:
        """The smallest and the largest number of the format."""
        n = self._n_beyond
        if n == 0:
            return self.low_, self.high_
        share = n / (self._n_steps - 2 * n)  # of the training range, at each end
        low, high = self.low_ * (1 + share), self.high_ * (1 + share)
        return (
            max(low - share * self.high_, -LARGEST),
            min(high - share * self.low_, LARGEST),
        )

    @property
    def _n_steps(self) -> int:
        """How many steps between neighbouring numbers the training range has."""
        return self.n_strings - (self.rounding == "endpoint")


def to_unit(values: Tensor, low: float, high: float) -> Tensor:
    """Place of values in the range low < high, from 0 to 1, clipped."""
    scale = _safe_scale(low, high)
    width = high * scale - low * scale
    return (values.clamp(low, high) * scale - low * scale) / width


def from_unit(fractions: Tensor, low: float, high: float) -> Tensor:
    """Numbers at fractions of a range; monotone, exact at 0 and 1."""
    scale = _safe_scale(low, high)
    width = high * scale - low * scale
    inside = (low * scale + fractions * width) / scale
    return torch.where(fractions >= 1, high, inside.clamp(low, high))


def bin_index(values: Tensor, low: float, high: float, size: int) -> Tensor:
    """Last k with low + (high - low) * k / size <= value, from 0 to size - 1.

    The floor of a floating product may miss by one bin at an edge, so both
    neighbouring edges are compared with the value itself.
    """
    guess = (to_unit(values, low, high) * size).floor()
    too_low = from_unit((guess + 1) / size, low, high) <= values
    too_high = from_unit(guess / size, low, high) > values
    return (guess + too_low.double() - too_high.double()).clamp(0, size - 1)


def _safe_scale(low: float, high: float) -> float:
    """Power of two that keeps the width of the range a float64."""
    return 1.0 if math.isfinite(high - low) else 0.25
