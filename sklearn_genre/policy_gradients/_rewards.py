"""Rewards of a decoded number: higher is better."""

from collections.abc import Callable

from torch import Tensor


def neg_squared_error(numbers: Tensor, y: Tensor) -> Tensor:
    """Return ``-(number - y) ** 2``."""
    return -((numbers - y) ** 2)


def neg_absolute_error(numbers: Tensor, y: Tensor) -> Tensor:
    """Return ``-|number - y|``."""
    return -(numbers - y).abs()


REWARDS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "neg_squared_error": neg_squared_error,
    "neg_absolute_error": neg_absolute_error,
}
