"""Decimal numbers as people write them: digits and literals, in units of their own."""

import math
import re
from collections.abc import Sequence

import torch
from torch import Tensor

from sklearn_genre._checks import shown
from sklearn_genre.tokenizers._base import Tokenizer
from sklearn_genre.tokenizers._positional import from_digits, to_digits
from sklearn_genre.tokenizers._scientific import widened

# Digits of a format, at most: integers of so many are exact in float64.
MOST_DIGITS = 15
SIGNS = ("-", "+")
FORMAT = re.compile(r"[^d+]*\+?[^d+]*d([^+]*d)?[^d+]*")


class DecimalTokenizer(Tokenizer):
    """Write a number with a fixed number of decimal digits, as in ``"3.2"``.

    One token a digit. What stands between the digits is the same for all numbers, so it
    is no token: :attr:`literals` says where it goes, for readers such as a language
    model. Leading digits that no training target has are not allowed, so ``"d.d"`` on
    targets from 0 to 5 has the 60 strings from ``"0.0"`` to ``"5.9"``. Numbers are
    rounded to the nearest that can be written.

    Parameters
    ----------
    format : str, default="d.d"
        A ``d`` for each digit, 15 at most; ``+`` in front of them for a sign; anything
        else is a literal. The point, if any, is the last ``.`` with a digit behind it,
        and before it a digit, a zero or nothing: ``"d.d"``, ``"0.dd"``, ``"+.dd"``.
    digits : sequence of 10 str, default="0123456789"
        The texts of the ten digits: other ones show what a language model knows of
        numbers, such as letters, or the digits reversed.

    Attributes
    ----------
    origin_, unit_ : float
        The number ``x`` is written as ``origin_ + unit_ * x``; 0 and 1, unless
        :meth:`place` was called.
    low_, high_ : float
        Smallest and largest number seen by `fit`.

    Examples
    --------
    >>> from sklearn_genre.tokenizers import DecimalTokenizer
    >>> tokenizer = DecimalTokenizer("d.d").fit([0.0, 2.5, 5.0])
    >>> tokens = tokenizer.encode([3.25, 9.0])
    >>> tokens.tolist()
    [[3, 2], [5, 9]]
    >>> tokenizer.decode(tokens).tolist()
    [3.2, 5.9]
    >>> tokenizer.n_strings, tokenizer.literals
    (60, ('', '.', ''))
    """

    origin_: float = 0.0
    unit_: float = 1.0

    def __init__(
        self, format: str = "d.d", digits: Sequence[str] = "0123456789"
    ) -> None:
        self.format = format
        self.digits = digits

    def place(self, origin: float, unit: float) -> "DecimalTokenizer":
        """Say how numbers are written: ``x`` as ``origin + unit * x``."""
        self.origin_, self.unit_ = float(origin), float(unit)
        return self

    @property
    def has_sign(self) -> bool:
        """Whether the first token is a sign."""
        return "+" in self.format

    @property
    def n_digits(self) -> int:
        """Number of digits."""
        return self.format.count("d")

    @property
    def step(self) -> float:
        """Difference of neighbouring written numbers."""
        head, point, tail = self.format.rpartition(".")
        is_point = point and ("d" in head or head.strip() in ("", "+", "0", "+0"))
        n_decimals = tail.count("d") if is_point else 0
        return float(f"1e-{n_decimals}")

    @property
    def written_range(self) -> tuple[float, float]:
        """Smallest and largest number that the format could write."""
        high = (10**self.n_digits - 1) * self.step
        return (-high if self.has_sign else 0.0), high

    @property
    def literals(self) -> tuple[str, ...]:
        """What is written before each token, and after the last: length + 1 texts."""
        texts = [""]
        for character in self.format:
            if character in "d+":
                texts.append("")
            else:
                texts[-1] += character
        return tuple(texts)

    @property
    def length(self) -> int:
        """Digits, and the sign."""
        return self.n_digits + self.has_sign

    @property
    def vocab_size(self) -> int:
        """Ten digits, and two signs."""
        return 10 + 2 * self.has_sign

    @property
    def allowed_tokens(self) -> Tensor:
        """Digits that training targets have, up to where they begin to differ."""
        allowed = torch.zeros(self.length, self.vocab_size, dtype=torch.bool)
        ends = torch.tensor([self.low_, self.high_], dtype=torch.float64)
        sign, index = self._written(ends)
        if self.has_sign:
            allowed[0, 10:] = torch.tensor([bool((sign < 0).any()), (sign > 0).any()])
        both = bool(sign[0] != sign[1])
        low, high = (0, int(index.max())) if both else sorted(index.tolist())
        shared = True
        for position in range(self.n_digits):
            size = 10 ** (self.n_digits - 1 - position)
            first, last = (low // size % 10, high // size % 10) if shared else (0, 9)
            allowed[self.has_sign + position, first : last + 1] = True
            shared = shared and first == last
        return allowed

    @property
    def digit_values(self) -> Tensor:
        """The digits themselves; signs are no numbers."""
        values = torch.arange(self.vocab_size, dtype=torch.float64)
        values[10:] = math.nan
        return values.where(self.allowed_tokens, math.nan)

    @property
    def clip_range(self) -> tuple[float, float]:
        """The training range, extended by 10 % of its width on each side."""
        return widened(self.low_, self.high_)

    @property
    def token_texts(self) -> tuple[tuple[str, ...], ...]:
        """The texts of digits and signs."""
        return ((*self.digits, *SIGNS[: self.vocab_size - 10]),) * self.length

    @property
    def position_names(self) -> tuple[str, ...]:
        """The places of the digits."""
        first = round(math.log10(self.step)) + self.n_digits - 1
        places = tuple(f"10^{first - i}" for i in range(self.n_digits))
        return ("sign", *places) if self.has_sign else places

    def _check_parameters(self) -> None:
        if not (isinstance(self.format, str) and FORMAT.fullmatch(self.format)):
            raise ValueError(
                "format must have a 'd' for each digit and at most one '+' before "
                f"them, as in 'd.d' or '+dd.d', got {shown(self.format, repr)}."
            )
        if self.n_digits > MOST_DIGITS:
            raise ValueError(
                f"format={self.format!r} has {self.n_digits} digits; at most "
                f"{MOST_DIGITS} are exact."
            )
        texts = list(self.digits)
        if len(texts) != 10 or len(set(texts)) != 10:
            raise ValueError(
                f"digits must be ten different texts, got {shown(self.digits, repr)}."
            )

    def _written(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return signs and sizes, as integers, of how numbers are written."""
        low, high = self.written_range
        written = (self.origin_ + self.unit_ * values).clamp(low, high)
        index = (written.abs() / self.step).round().long()
        return torch.where((written < 0) & (index > 0), -1, 1), index

    def _encode(self, values: Tensor) -> Tensor:
        sign, index = self._written(values)
        low, high = self._ends
        signed = (sign * index).clamp(low, high)
        tokens = to_digits(signed.abs(), 10, self.n_digits)
        if not self.has_sign:
            return tokens
        allowed = self.allowed_tokens[0].to(signed.device)
        positive = torch.where(allowed[10] & allowed[11], signed >= 0, allowed[11])
        return torch.cat([(10 + positive.long())[..., None], tokens], -1)

    def _decode(self, tokens: Tensor) -> Tensor:
        index = from_digits(tokens[..., self.has_sign :], 10).double()
        if self.has_sign:
            index = index.where(tokens[..., 0] == 11, -index)
        return (index * self.step - self.origin_) / self.unit_

    @property
    def _ends(self) -> tuple[int, int]:
        """Smallest and largest index, with its sign, that the allowed tokens write."""
        allowed, n_digits = self.allowed_tokens, self.n_digits
        rows = [row[:10].nonzero()[:, 0] for row in allowed[self.has_sign :]]
        places = [10 ** (n_digits - 1 - i) for i in range(n_digits)]
        low = sum(int(row[0]) * p for row, p in zip(rows, places, strict=True))
        high = sum(int(row[-1]) * p for row, p in zip(rows, places, strict=True))
        if not self.has_sign:
            return low, high
        minus, plus = allowed[0, 10:].tolist()
        return (-high if minus else low), (high if plus else -low)
