"""Integers and their digits, most significant first."""

from numbers import Integral

import torch
from sklearn.utils import check_scalar
from torch import Tensor
from torch.nn.functional import pad


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


def check_base(base: int) -> None:
    """Raise TypeError or ValueError unless base is an integer from 2 to 36."""
    check_scalar(base, "base", Integral, min_val=2, max_val=36)


def check_n_digits(n_digits: int, name: str, base: int) -> None:
    """Raise TypeError or ValueError unless n_digits digits are exact in float64."""
    check_scalar(n_digits, name, Integral, min_val=1)
    largest = max(n for n in range(1, 53) if int(base) ** n < 2**53)
    if n_digits > largest:
        raise ValueError(
            f"{name}={n_digits} is too long: in base {base} at most {largest} digits "
            f"stay below 2**53, the integers that float64 tells apart."
        )


def _place_values(like: Tensor, base: int, n_digits: int) -> Tensor:
    """Powers base**(n_digits - 1), ..., base, 1 on the device of a tensor."""
    powers = [int(base) ** k for k in reversed(range(n_digits))]
    return torch.tensor(powers, device=like.device)  # (n_digits,)
