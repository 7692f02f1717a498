"""Integers and their digits, most significant first."""

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import pad

from sklearn_genre._checks import check_integer

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"  # their texts, as those of `int`


def to_digits(integers: Tensor, base: int, n_digits: int) -> Tensor:
    """Digits (..., n_digits) of non-negative integers (...) below base**n_digits."""
    return integers.unsqueeze(-1) // _place_values(integers, base, n_digits) % base


def from_digits(digits: Tensor, base: int) -> Tensor:
    """Integers (...) written by digits (..., n_digits)."""
    return (digits * _place_values(digits, base, digits.shape[-1])).sum(dim=-1)


def prefix_bounds(digits: Tensor, base: int) -> tuple[Tensor, Tensor]:
    """Smallest and largest integers that start with the first 0, 1, ... all digits.

    Of digits (..., n_digits) they have shape (..., n_digits + 1).
    """
    sizes = _place_values(digits, base, digits.shape[-1] + 1)
    low = pad((digits * sizes[1:]).cumsum(dim=-1), (1, 0))  # (..., n_digits + 1)
    return low, low + sizes - 1


def digit_of_each(integers: Tensor, base: int) -> Tensor:
    """First digit of the first, second of the second ... of integers (..., n_digits).

    Each is written with n_digits digits.
    """
    return integers // _place_values(integers, base, integers.shape[-1]) % base


def check_base(base: int) -> int:
    """Return a base from 2 to 36 as a Python int, or raise TypeError or ValueError."""
    return check_integer(base, "base", 2, len(DIGITS))


def check_n_digits(n_digits: int, name: str, base: int) -> int:
    """Return a number of digits, exact in float64, as a Python int, or raise."""
    number = check_integer(n_digits, name, 1)
    if number > (most := most_digits(base)):
        raise ValueError(
            f"{name}={number} is too long: in base {base} at most {most} digits "
            f"stay below 2**53, the integers that float64 tells apart."
        )
    return number


@lru_cache
def most_digits(base: int) -> int:
    """Return the most digits whose integers are all below 2**53."""
    return max(n for n in range(1, 53) if base**n < 2**53)


def _place_values(like: Tensor, base: int, n_digits: int) -> Tensor:
    """Powers base**(n_digits - 1), ..., base, 1 on the device of a tensor."""
    powers = [base**k for k in reversed(range(n_digits))]
    return torch.tensor(powers, device=like.device)  # (n_digits,)
