"""Floating-point digits: sign, exponent sign, exponent, mantissa."""

import torch
from torch import Tensor
from torch.nn.functional import pad

from sklearn_genre._checks import check_integer
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
from sklearn_genre.tokenizers._scientific import (
    FIRST_DIGIT,
    SIGNS,
    is_finite_number,
    scale,
    to_scientific,
    widened,
)


class IEEETokenizer(Tokenizer):
    """Write a number in scientific notation, every part as digits of one base.

    The tokens are the sign, the sign of the exponent, the digits of the exponent and
    the digits of the mantissa, with a point after its first digit: -0.01234 in base 10
    is ``- - 2 1 2 3 4``. Token ids are 0 for "-", 1 for "+", and ``2 + d`` for digit
    ``d``. The relative precision is the same at every magnitude, so it suits targets
    over many orders of magnitude; for others `NormalizedTokenizer` is shorter.

    Numbers are rounded to the nearest. Beyond the largest number they become the
    largest; below the smallest normal one, ``base**-(base**exponent_digits - 1)``,
    they become it or zero. Zero is ``+ +`` and zero digits. A string with leading
    zeros in its mantissa is not what `encode` writes, but decodes.

    Parameters
    ----------
    base : int, default=10
        Number of digits to choose from, 2 to 36.
    exponent_digits : int, default=1
        Digits of the exponent; the default reaches from 1e-9 to 1e10. Raise it for
        larger or smaller targets; the largest number must be a float64.
    mantissa_digits : int, default=4
        Significant digits; ``base**mantissa_digits`` must stay below 2**53.

    Attributes
    ----------
    low_ : float
        Smallest number seen by `fit`.
    high_ : float
        Largest number seen by `fit`.

    Notes
    -----
    One wrong token can move a number by orders of magnitude. Predictive distributions
    therefore clip decoded numbers to `clip_range`.

    References
    ----------
    Song and Bahri, "Decoding-based Regression", arXiv:2501.19383.

    Examples
    --------
    >>> import torch
    >>> from sklearn_genre.tokenizers import IEEETokenizer
    >>> tokenizer = IEEETokenizer(mantissa_digits=3).fit([-1.0, 1000.0])
    >>> tokens = tokenizer.encode(torch.tensor([-0.0123, 1000.0]))
    >>> tokens.tolist()
    [[0, 0, 4, 3, 4, 5], [1, 1, 5, 3, 2, 2]]
    >>> tokenizer.decode(tokens).tolist()
    [-0.0123, 1000.0]
    """

    def __init__(
        self, base: int = 10, exponent_digits: int = 1, mantissa_digits: int = 4
    ) -> None:
        self.base = base
        self.exponent_digits = exponent_digits
        self.mantissa_digits = mantissa_digits

    @property
    def length(self) -> int:
        """Tokens per number: two signs and the digits."""
        _, exponent_digits, mantissa_digits = self._format
        return 2 + exponent_digits + mantissa_digits

    @property
    def vocab_size(self) -> int:
        """Number of token ids: two signs and the digits."""
        return FIRST_DIGIT + self._format[0]

    @property
    def allowed_tokens(self) -> Tensor:
        """Signs at the first two positions, digits at the others."""
        allowed = torch.zeros(self.length, self.vocab_size, dtype=torch.bool)
        allowed[:2, :FIRST_DIGIT] = True
        allowed[2:, FIRST_DIGIT:] = True
        return allowed

    @property
    def digit_values(self) -> Tensor:
        """The digits at their positions, NaN elsewhere."""
        values = torch.full(self.allowed_tokens.shape, torch.nan, dtype=torch.float64)
        base, _, _ = self._format
        values[2:, FIRST_DIGIT:] = torch.arange(base, dtype=torch.float64)
        return values

    @property
    def token_texts(self) -> tuple[tuple[str, ...], ...]:
        """The signs and the digits, letters from ten on."""
        base, _, _ = self._format
        return ((*SIGNS, *DIGITS[:base]),) * self.length

    @property
    def position_names(self) -> tuple[str, ...]:
        """Two signs, then the digits of the exponent and of the mantissa."""
        _, exponent_digits, mantissa_digits = self._format
        exponent = [f"exponent {i + 1}" for i in range(exponent_digits)]
        mantissa = [f"mantissa {i + 1}" for i in range(mantissa_digits)]
        return ("sign", "exponent sign", *exponent, *mantissa)

    @property
    def clip_range(self) -> tuple[float, float]:
        """The training range, extended by 10 % of its width on each side."""
        return widened(self.low_, self.high_)

    @property
    def _format(self) -> tuple[int, int, int]:
        """Base, exponent digits and mantissa digits, checked, as Python integers."""
        base = check_base(self.base)
        mantissa_digits = check_n_digits(self.mantissa_digits, "mantissa_digits", base)
        exponent_digits = check_integer(self.exponent_digits, "exponent_digits", 1)
        return base, exponent_digits, mantissa_digits

    def _check_parameters(self) -> None:
        base, exponent_digits, _ = self._format
        if not self._is_finite():
            raise ValueError(
                f"exponent_digits={exponent_digits} in base {base} writes "
                f"numbers too large for float64; use fewer exponent digits."
            )

    def _is_finite(self) -> bool:
        """Whether the largest number is a float64."""
        base, exponent_digits, mantissa_digits = self._format
        if exponent_digits > 10:  # 2**11 - 1 is too large an exponent for base 2
            return False
        exponent = self._largest_exponent - mantissa_digits + 1
        return is_finite_number(base**mantissa_digits - 1, base, exponent)

    @property
    def _largest_exponent(self) -> int:
        """The exponent that all exponent digits at their largest write."""
        base, exponent_digits, _ = self._format
        return base**exponent_digits - 1

    def _encode(self, values: Tensor) -> Tensor:
        base, exponent_digits, mantissa_digits = self._format
        point = mantissa_digits - 1
        mantissa, unit_exponent = to_scientific(
            values.abs(),
            base,
            mantissa_digits,
            low=-self._largest_exponent - point,
            high=self._largest_exponent - point,
        )
        is_zero = mantissa == 0
        exponent = torch.where(is_zero, 0, unit_exponent + point)
        signs = torch.stack([(values >= 0) | is_zero, exponent >= 0], dim=-1)
        digits = [
            to_digits(exponent.abs(), base, exponent_digits),
            to_digits(mantissa, base, mantissa_digits),
        ]
        return torch.cat([signs.long(), FIRST_DIGIT + torch.cat(digits, -1)], dim=-1)

    def _decode(self, tokens: Tensor) -> Tensor:
        base, exponent_digits, mantissa_digits = self._format
        signs = 2 * tokens[..., :2] - 1  # (..., 2)
        digits = tokens[..., 2:] - FIRST_DIGIT
        exponent = from_digits(digits[..., :exponent_digits], base)
        mantissa = from_digits(digits[..., exponent_digits:], base)
        unit_exponent = signs[..., 1] * exponent - mantissa_digits + 1
        return scale((signs[..., 0] * mantissa).double(), base, unit_exponent)

    def _nearest_tokens(self, tokens: Tensor, values: Tensor) -> Tensor:
        base, exponent_digits, mantissa_digits = self._format
        signs = 2 * tokens[..., :2] - 1  # (..., 2)
        digits = tokens[..., 2:] - FIRST_DIGIT
        values = values.expand(tokens.shape[:-1]).unsqueeze(-1)  # (..., 1)
        # of numbers with the wrong sign, zero is the nearest
        sizes = (signs[..., :1] * values).clamp(min=0)
        wanted = torch.where(values == 0, 0, self._exponent(sizes))
        exponent = wanted.clamp(*self._exponent_bounds(signs[..., 1:], digits))
        unit_exponent = exponent[..., -1:] - mantissa_digits + 1
        low, high = prefix_bounds(digits[..., exponent_digits:], base)
        mantissa = scale(sizes, base, -unit_exponent).round()
        mantissa = mantissa.clamp(low[..., :-1], high[..., :-1]).long()
        nearest_digits = [
            digit_of_each(exponent[..., 1:-1].abs(), base),
            digit_of_each(mantissa, base),
        ]
        nearest_signs = torch.cat([values >= 0, exponent[..., :1] >= 0], dim=-1).long()
        return torch.cat(
            [nearest_signs, *(FIRST_DIGIT + x for x in nearest_digits)], -1
        )

    def _exponent(self, sizes: Tensor) -> Tensor:
        """Exponents (...) of the finest numbers nearest to positive sizes (...)."""
        base, _, mantissa_digits = self._format
        largest = self._largest_exponent
        exponents = torch.arange(-largest, largest + 1, device=sizes.device)
        half_above = base**mantissa_digits - 0.5
        ends = scale(
            torch.full_like(exponents, half_above, dtype=torch.float64),
            base,
            exponents - mantissa_digits + 1,
        )  # (2 * largest + 1,): beyond them the next exponent is nearer
        return torch.searchsorted(ends, sizes.contiguous()) - largest

    def _exponent_bounds(self, sign: Tensor, digits: Tensor) -> tuple[Tensor, Tensor]:
        """Least and greatest exponents (..., exponent_digits + 2) still in reach.

        Before the sign (..., 1) of the exponent, before each of its digits, and after
        them.
        """
        base, exponent_digits, _ = self._format
        ends = prefix_bounds(digits[..., :exponent_digits], base)
        low = torch.minimum(sign * ends[0], sign * ends[1])
        high = torch.maximum(sign * ends[0], sign * ends[1])
        largest = self._largest_exponent
        return pad(low, (1, 0), value=-largest), pad(high, (1, 0), value=largest)
