"""Floating-point numbers as an integer mantissa times a power of the base."""

import math
import sys
from functools import lru_cache

import torch
from torch import Tensor

SIGNS = ("-", "+")  # the texts of tokens 0 and 1
FIRST_DIGIT = len(SIGNS)  # the token of digit 0; the others follow


def to_scientific(
    values: Tensor, base: int, n_digits: int, low: int, high: int
) -> tuple[Tensor, Tensor]:
    """Mantissa and exponent with ``mantissa * base**exponent`` nearest to values.

    Parameters
    ----------
    values : float64 tensor of shape (...)
        Numbers, not negative, possibly infinite.
    base, n_digits : int
        The mantissa is zero or has exactly `n_digits` digits in `base`.
    low, high : int
        Smallest and largest exponent. Larger numbers become the largest one, smaller
        ones zero or the smallest with `n_digits` digits, whichever is nearer.

    Returns
    -------
    mantissa, exponent : int64 tensors of shape (...)
        The exponent of a zero mantissa has no meaning.
    """
    top = base**n_digits
    starts = _tensor_of_powers(
        base, low + n_digits - 1, high + n_digits - 1, values.device
    )  # (high - low + 1,): the smallest number with a full mantissa per exponent
    smallest = starts[0]
    rounded = (values / smallest).round() * smallest
    values = torch.where(values < smallest, rounded, values)
    exponent = low + (torch.bucketize(values, starts, right=True) - 1).clamp(min=0)
    mantissa = scale(values, base, -exponent).round()
    carry = mantissa >= top
    exponent = exponent + carry
    mantissa = torch.where(carry, top // base, mantissa)
    mantissa = torch.where(exponent > high, top - 1, mantissa)
    return mantissa.long(), exponent.clamp(max=high)


def nearest_scientific(
    values: Tensor,
    base: int,
    mantissas: tuple[Tensor, Tensor],
    exponents: tuple[int, int],
) -> tuple[Tensor, Tensor]:
    """Mantissa and exponent, each within bounds, of the number nearest to values.

    Parameters
    ----------
    values : float64 tensor of shape (...)
        Numbers, not negative, finite.
    base : int
    mantissas : tuple of int64 tensors of shape (...)
        Smallest and largest mantissa: all that start with the same digits.
    exponents : tuple of int
        Smallest and largest exponent.

    Returns
    -------
    mantissa, exponent : int64 tensors of shape (...)

    Notes
    -----
    The mantissas of two exponents span ranges that are either apart, or both start at
    zero, the finer numbers being among the coarser. So the nearest number has the
    smallest exponent whose range ends at or beyond the value, or the one below it.
    """
    low, high = exponents
    steps = _tensor_of_powers(base, low, high, values.device)
    ratios = (values / mantissas[1].clamp(min=1)).contiguous()  # (...)
    upper = (low + torch.searchsorted(steps, ratios)).clamp(max=high)
    exponent = torch.stack([upper, (upper - 1).clamp(min=low)])  # (2, ...)
    mantissa = scale(values, base, -exponent).round().clamp(*mantissas)
    errors = (scale(mantissa, base, exponent) - values).abs()
    is_upper = errors[0] <= errors[1]  # far beyond all ranges float64 sees a tie
    mantissa = torch.where(is_upper, mantissa[0], mantissa[1]).long()
    return mantissa, torch.where(is_upper, exponent[0], exponent[1])


def scale(values: Tensor, base: int, exponents: Tensor) -> Tensor:
    """Values times base**exponents, rounded once while base**|exponent| is exact.

    Negative exponents divide, because 0.001 is no float64 and 1000 is. Powers that
    overflow are applied in two factors.
    """
    largest = largest_power(base)
    table = _tensor_of_powers(base, 0, largest, values.device)
    size = exponents.abs()
    first = size.clamp(max=largest)
    for part in (first, size - first):
        power = table[part]  # (...)
        values = torch.where(exponents < 0, values / power, values * power)
    return values


@lru_cache
def powers(base: int, low: int, high: int) -> tuple[float, ...]:
    """Return base**low, ..., base**high, each the nearest float64."""
    return tuple(
        float(base**k) if k >= 0 else 1 / base**-k for k in range(low, high + 1)
    )


@lru_cache
def largest_power(base: int) -> int:
    """Largest exponent whose power of the base is a finite float64."""
    power = int(math.log(sys.float_info.max, base)) + 1
    while not is_finite_number(1, base, power):
        power -= 1
    return power


def is_finite_number(mantissa: int, base: int, exponent: int) -> bool:
    """Whether ``mantissa * base**exponent`` is at most the largest float64.

    For a mantissa below 2**53.
    """
    if exponent <= 0:
        return True
    if exponent > sys.float_info.max_exp:
        return False
    return mantissa * base**exponent <= int(sys.float_info.max)


def widened(low: float, high: float) -> tuple[float, float]:
    """Return the range extended by a tenth of its width on each side."""
    margin = 0.1 * (high - low)
    return low - margin, high + margin


def _tensor_of_powers(base: int, low: int, high: int, device: torch.device) -> Tensor:
    """Float64 tensor (high - low + 1,) of base**low, ..., base**high."""
    return torch.tensor(powers(base, low, high), dtype=torch.float64, device=device)
