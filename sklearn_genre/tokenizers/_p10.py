"""Floating-point decimals: sign, integer mantissa, one token for the exponent."""

import torch
from torch import Tensor

from sklearn_genre._checks import check_integer
from sklearn_genre.tokenizers._base import Tokenizer
from sklearn_genre.tokenizers._positional import (
    DIGITS,
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
    nearest_scientific,
    scale,
    to_scientific,
    widened,
)

BASE = 10
FIRST_EXPONENT = FIRST_DIGIT + BASE  # the exponents follow the digits


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
    >>> [texts[token] for texts, token in zip(tokenizer.token_texts, tokens[0])]
    ['-', '1', '2', '3', 'E-4']
    >>> tokenizer.position_names
    ('sign', 'mantissa 1', 'mantissa 2', 'mantissa 3', 'exponent')
    """

    def __init__(self, mantissa_digits: int = 4, exponent_range: int = 10) -> None:
        self.mantissa_digits = mantissa_digits
        self.exponent_range = exponent_range

    @property
    def length(self) -> int:
        """Tokens per number: the sign, the digits and the exponent."""
        return 2 + self._format[0]

    @property
    def vocab_size(self) -> int:
        """Number of token ids: two signs, ten digits and the exponents."""
        return FIRST_EXPONENT + 2 * self._format[1] + 1

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
        _, reach = self._format
        values[-1, FIRST_EXPONENT:] = torch.arange(-reach, reach + 1).double()
        return values

    @property
    def token_texts(self) -> tuple[tuple[str, ...], ...]:
        """The signs, the digits and the exponents, as in E-3."""
        _, reach = self._format
        exponents = (f"E{exponent}" for exponent in range(-reach, reach + 1))
        return ((*SIGNS, *DIGITS[:BASE], *exponents),) * self.length

    @property
    def position_names(self) -> tuple[str, ...]:
        """The sign, the digits of the mantissa and the exponent."""
        digits = (f"mantissa {i + 1}" for i in range(self.length - 2))
        return ("sign", *digits, "exponent")

    @property
    def clip_range(self) -> tuple[float, float]:
        """The training range, extended by 10 % of its width on each side."""
        return widened(self.low_, self.high_)

    @property
    def _format(self) -> tuple[int, int]:
        """Mantissa digits and range of exponents, checked, as Python integers."""
        n_digits = check_n_digits(self.mantissa_digits, "mantissa_digits", BASE)
        return n_digits, check_integer(self.exponent_range, "exponent_range", 0)

    def _check_parameters(self) -> None:
        n_digits, reach = self._format
        if not is_finite_number(BASE**n_digits - 1, BASE, reach):
            raise ValueError(
                f"exponent_range={reach} with mantissa_digits={n_digits} writes "
                f"numbers too large for float64; use a smaller exponent_range."
            )

    def _encode(self, values: Tensor) -> Tensor:
        n_digits, reach = self._format
        mantissa, exponent = to_scientific(
            values.abs(), BASE, n_digits, low=-reach, high=reach
        )
        is_zero = mantissa == 0
        sign = ((values >= 0) | is_zero).long()  # (...)
        digits = FIRST_DIGIT + to_digits(mantissa, BASE, n_digits)
        last = FIRST_EXPONENT + torch.where(is_zero, 0, exponent) + reach
        return torch.cat([sign.unsqueeze(-1), digits, last.unsqueeze(-1)], dim=-1)

    def _decode(self, tokens: Tensor) -> Tensor:
        _, reach = self._format
        sign = 2 * tokens[..., 0] - 1  # (...)
        mantissa = from_digits(tokens[..., 1:-1] - FIRST_DIGIT, BASE)
        exponent = tokens[..., -1] - FIRST_EXPONENT - reach
        return scale((sign * mantissa).double(), BASE, exponent)

    def _nearest_tokens(self, tokens: Tensor, values: Tensor) -> Tensor:
        _, reach = self._format
        sign = 2 * tokens[..., :1] - 1  # (..., 1)
        values = values.expand(tokens.shape[:-1]).unsqueeze(-1)  # (..., 1)
        # of numbers with the wrong sign, the smallest is the nearest
        mantissa, exponent = nearest_scientific(
            (sign * values).clamp(min=0),
            BASE,
            prefix_bounds(tokens[..., 1:-1] - FIRST_DIGIT, BASE),
            (-reach, reach),
        )  # (..., mantissa_digits + 1): before each digit and after them
        digits = FIRST_DIGIT + digit_of_each(mantissa[..., :-1], BASE)
        is_zero = mantissa[..., -1:] == 0
        last = FIRST_EXPONENT + torch.where(is_zero, 0, exponent[..., -1:]) + reach
        first = (values >= 0).long()
        return torch.cat([first, digits, last], dim=-1)
