"""Encoded columns of a table, and what any inputs of a network must answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol, Self, TypeVar

import torch
from torch import Tensor


class Inputs(Protocol):
    """Samples that a network reads: columns, token ids, or whatever it understands."""

    def __len__(self) -> int:
        """Return the number of samples."""

    def __getitem__(self, index: Tensor | slice) -> Self:
        """Return some of the samples."""

    def to(self, device: torch.device) -> Self:
        """Return the same on a device."""

    @property
    def device(self) -> torch.device:
        """Where the samples are."""


class ColumnSpec(NamedTuple):
    """What an encoder must know of the columns before it sees any.

    Attributes
    ----------
    n_numeric : int
        Columns of numbers.
    cardinalities : tuple of int
        Levels of each category column.
    """

    n_numeric: int
    cardinalities: tuple[int, ...] = ()

    @property
    def one_hot_width(self) -> int:
        """Columns once each category has become an indicator for each level."""
        return self.n_numeric + sum(self.cardinalities)


@dataclass(frozen=True)
class Columns:
    """Samples of a table as tensors: numbers, and the codes of categories.

    Parameters
    ----------
    numbers : Tensor of shape (n_samples, n_numeric)
        Scaled, without missing values.
    codes : int64 Tensor of shape (n_samples, n_categorical)
        From 0 to the cardinality less one; -1 for a level that was not in training.

    Examples
    --------
    >>> import torch
    >>> from sklearn_genre.inputs import Columns
    >>> columns = Columns(torch.zeros(4, 3), torch.zeros(4, 0, dtype=torch.int64))
    >>> len(columns[:2])
    2
    """

    numbers: Tensor
    codes: Tensor

    def __len__(self) -> int:
        """Return the number of samples."""
        return self.numbers.shape[0]

    def __getitem__(self, index: Tensor | slice) -> Columns:
        """Return some of the samples."""
        return Columns(self.numbers[index], self.codes[index])

    def to(self, device: torch.device) -> Columns:
        """Return the same on a device."""
        return Columns(self.numbers.to(device), self.codes.to(device))

    @property
    def device(self) -> torch.device:
        """Where the tensors are."""
        return self.numbers.device

    def joined(self) -> Tensor:
        """Return numbers and codes side by side, float64."""
        return torch.cat([self.numbers.double(), self.codes.double()], 1)


AnyInputs = TypeVar("AnyInputs", bound=Inputs)


def padded_blocks(inputs: AnyInputs, size: int) -> Iterator[tuple[AnyInputs, int]]:
    """Yield blocks of exactly `size` samples, and how many of them are real.

    The first sample of a block fills up the last one: a network that always sees the
    same shape gives a sample the same prediction whatever its neighbours are.
    """
    steps = torch.arange(size, device=inputs.device)
    for start in range(0, len(inputs), size):
        n_real = min(size, len(inputs) - start)
        index = torch.where(steps < n_real, start + steps, start)
        yield inputs[index], n_real
