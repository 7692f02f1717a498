"""Floating-point decimals: sign, integer mantissa, one token for the exponent."""

from numbers import Integral

import torch
from sklearn.utils import check_scalar
from torch import Tensor

from sklearn_genre.tokenizers._base import Tokenizer
from sklearn_genre.tokenizers._digits import (
    check_n_digits,
    digit_of_each,
    from_digits,
    prefix_bounds,
    to_digits,
)
from sklearn_genre.tokenizers._scientific import (
    is_finite_number,
    nearest_scientific,
    scale,
    to_scientific,
    widened,
)

BASE = 10
FIRST_DIGIT = 2  # token ids: 0 is "-", 1 is "+", then the digits
FIRST_EXPONENT = FIRST_DIGIT + BASE  # then the exponents


class P10Tokenizer(Tokenizer):
    """Write a number as sign, decimal mantissa and a single exponent token.

    The mantissa is an integer: -0.01234 is ``- 1 2 3 4 E-5``. Token ids are 0 for "-",
    1 for "+", ``2 + d`` for digit ``d``, and then one for each exponent from
    ``-exponent_range`` up. The relative precision is the same at every magnitude, so
    it suits targets over many orders of magnitude; for others `NormalizedTokenizer` is
    shorter.

    Numbers are rounded to the nearest. Beyond the largest number they become the
    largest; below the smallest one with a full mantissa they become it or zero. Zero
    is ``+ 0 0 0 0 E0``. A string with leading zeros in its mantissa is not what
    `encode` writes, but decodes.

    Parameters
    ----------
    mantissa_digits : int, default=4
        Significant digits, at most 15.
    exponent_range : int, default=10
        Exponents go from ``-exponent_range`` to ``exponent_range``; with the other
        default from 1e-7 to 9.999e13. Raise it for larger or smaller targets; the
        largest number must be a float64.

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
    Charton, "Linear algebra with transformers", arXiv:2112.01898.

    Examples
    --------
    >>> import torch
    >>> from sklearn_genre.tokenizers import P10Tokenizer
    >>> tokenizer = P10Tokenizer(mantissa_digits=3, exponent_range=5)
    >>> tokenizer = tokenizer.fit([-1.0, 1000.0])
    >>> tokens = tokenizer.encode(torch.tensor([-0.0123, 1000.0]))
    >>> tokens.tolist()
    [[0, 3, 4, 5, 13], [1, 3, 2, 2, 18]]
    >>> tokenizer.decode(tokens).tolist()
    [-0.0123, 1000.0]
    """

    def __init__(self, mantissa_digits: int = 4, exponent_range: int = 10) -> None:
        self.mantissa_digits = mantissa_digits
        self.exponent_range = exponent_range

    @property
    def length(self) -> int:
        """Tokens per number: the sign, the digits and the exponent."""
        return 2 + self.mantissa_digits

    @property
    def vocab_size(self) -> int:
        """Number of token ids: two signs, ten digits and the exponents."""
        return FIRST_EXPONENT + 2 * self.exponent_range + 1

    @property
    def allowed_tokens(self) -> Tensor:
        """A sign at the first position, an exponent at the last, digits between."""
        allowed = torch.zeros(self.length, self.vocab_size, dtype=torch.bool)
        allowed[0, :FIRST_DIGIT] = True
        allowed[1:-1, FIRST_DIGIT:FIRST_EXPONENT] = True
        allowed[-1, FIRST_EXPONENT:] = True
        return allowed

    @property
    def digit_values(self) -> Tensor:
        """Digits and, at the last position, exponents; NaN elsewhere."""
        values = torch.full(self.allowed_tokens.shape, torch.nan, dtype=torch.float64)
        values[1:-1, FIRST_DIGIT:FIRST_EXPONENT] = torch.arange(BASE).double()
        exponents = torch.arange(-self.exponent_range, self.exponent_range + 1)
        values[-1, FIRST_EXPONENT:] = exponents.double()
        return values

    @property
    def clip_range(self) -> tuple[float, float]:
        """The training range, extended by 10 % of its width on each side."""
        return widened(self.low_, self.high_)

    def _check_parameters(self) -> None:
        check_n_digits(self.mantissa_digits, "mantissa_digits", BASE)
        check_scalar(self.exponent_range, "exponent_range", Integral, min_val=0)
        top = BASE ** int(self.mantissa_digits) - 1
        if not is_finite_number(top, BASE, int(self.exponent_range)):
            raise ValueError(
                f"exponent_range={self.exponent_range} with "
                f"mantissa_digits={self.mantissa_digits} writes numbers too large for "
                f"float64; use a smaller exponent_range."
            )

    def _encode(self, values: Tensor) -> Tensor:
        mantissa, exponent = to_scientific(
            values.abs(),
            BASE,
            int(self.mantissa_digits),
            low=-int(self.exponent_range),
            high=int(self.exponent_range),
        )
        is_zero = mantissa == 0
        sign = ((values >= 0) | is_zero).long()  # (...)
        digits = FIRST_DIGIT + to_digits(mantissa, BASE, self.mantissa_digits)
        exponent = torch.where(is_zero, 0, exponent) + self.exponent_range
        last = FIRST_EXPONENT + exponent
        return torch.cat([sign.unsqueeze(-1), digits, last.unsqueeze(-1)], dim=-1)

    def _decode(self, tokens: Tensor) -> Tensor:
        sign = 2 * tokens[..., 0] - 1  # (...)
        mantissa = from_digits(tokens[..., 1:-1] - FIRST_DIGIT, BASE)
        exponent = tokens[..., -1] - FIRST_EXPONENT - self.exponent_range
        return scale((sign * mantissa).double(), BASE, exponent)

    def _nearest_tokens(self, tokens: Tensor, values: Tensor) -> Tensor:
        sign = 2 * tokens[..., :1] - 1  # (..., 1)
        values = values.expand(tokens.shape[:-1]).unsqueeze(-1)  # (..., 1)
        # of numbers with the wrong sign, the smallest is the nearest
        mantissa, exponent = nearest_scientific(
            (sign * values).clamp(min=0),
            BASE,
            prefix_bounds(tokens[..., 1:-1] - FIRST_DIGIT, BASE),
            (-int(self.exponent_range), int(self.exponent_range)),
        )  # (..., mantissa_digits + 1): before each digit and after them
        digits = FIRST_DIGIT + digit_of_each(mantissa[..., :-1], BASE)
        is_zero = mantissa[..., -1:] == 0
        last = torch.where(is_zero, 0, exponent[..., -1:]) + self.exponent_range
        first = (values >= 0).long()
        return torch.cat([first, digits, FIRST_EXPONENT + last], dim=-1)
