"""Encoded samples, and the batches that the training loop reads."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sklearn_genre._device import generator
from sklearn_genre.inputs import Data, FoldedInputs, Folds, Inputs, StoredData
from sklearn_genre.targets import TargetScaler


@dataclass(frozen=True)
class Encoded:
    """Samples as the network reads them, with targets and weights in both forms.

    Parameters
    ----------
    inputs : Inputs
    z : float64 Tensor of shape (n_samples,)
        Standardised targets.
    weight : Tensor of shape (n_samples,)
        With mean one.
    y : float64 array of shape (n_samples,)
    sample_weight : float64 array of shape (n_samples,)
    folds : Folds or None, default=None
        Which samples each ensemble member leaves out; None: none.
    n_members : int, default=1
        Of the ensemble, if there are folds.
    """

    inputs: Inputs
    z: Tensor
    weight: Tensor
    y: NDArray[np.float64]
    sample_weight: NDArray[np.float64]
    folds: Folds | None = None
    n_members: int = 1

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.y)

    def out_of_fold(self) -> Encoded:
        """Return the samples as those see them who have left them out."""
        assert self.folds is not None
        order = self.folds.interleaved()
        samples = torch.from_numpy(order).to(self.z.device)
        fold = torch.from_numpy(self.folds.fold[order]).to(self.z.device)
        return Encoded(
            FoldedInputs(self.inputs, samples, fold, self.folds.n_folds),
            self.z[samples],
            self.weight[samples],
            self.y[order],
            self.sample_weight[order],
        )


@dataclass(frozen=True)
class StoredEncoded(Encoded):
    """Samples that are read and encoded in blocks, the next while one is trained on.

    As tensors they hold the sample that scales are learned from.

    Parameters
    ----------
    stored : StoredData
    encode : callable
        Returns samples as the network reads them.
    """

    stored: StoredData = field(kw_only=True)
    encode: Callable[[Data], Encoded] = field(kw_only=True)

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.stored)

    def blocks(self, batch_size: int) -> Iterator[Encoded]:
        """Yield the samples of an epoch, a block at a time, shuffled if there are many.

        All that is random is drawn at the start.
        """
        draws = generator(torch.device("cpu"))
        ranges = list(self.stored.blocks(batch_size, draws))
        seeds: list[Any] = [None]
        if len(ranges) > 1:
            seeds = torch.randint(
                2**62, (len(ranges),), generator=draws, device="cpu"
            ).tolist()
        with ThreadPoolExecutor(1) as reader:
            ahead: list[Any] = []
            for each in zip(ranges, seeds, strict=True):
                ahead.append(reader.submit(self._read, *each))
                if len(ahead) > 1:
                    yield ahead.pop(0).result()
            yield ahead.pop().result()

    def _read(self, ranges: list[tuple[int, int]], seed: int | None) -> Encoded:
        """Return the samples of some ranges, shuffled if there is a seed."""
        block = self.encode(self.stored.taken(ranges))
        if seed is None:
            return block
        draws = torch.Generator("cpu").manual_seed(seed)
        order = torch.randperm(len(block), generator=draws, device="cpu")
        index = order.to(block.z.device)
        inputs, z, weight = block.inputs[index], block.z[index], block.weight[index]
        return replace(block, inputs=inputs, z=z, weight=weight)


def encoded(
    data: Data,
    inputs: Inputs,
    scaler: TargetScaler,
    dtype: torch.dtype,
    mean_weight: float | None = None,
) -> Encoded:
    """Join encoded inputs with the targets and weights of the same samples."""
    device = inputs.device
    weight = data.weight / (data.weight.mean() if mean_weight is None else mean_weight)
    return Encoded(
        inputs,
        torch.tensor(scaler.transform(data.y), dtype=torch.float64, device=device),
        torch.tensor(weight, dtype=dtype, device=device),
        data.y,
        data.weight,
    )


class Batches:
    """What skorch iterates over instead of a ``DataLoader``: slices of tensors.

    Samples are permuted once per epoch, unless one batch holds them all. With folds,
    each ensemble member has a permutation of its own samples, and tensors have an axis
    of members in front.
    """

    def __init__(
        self, dataset: Encoded, batch_size: int, *, is_shuffled: bool = False
    ) -> None:
        self.dataset = dataset
        self.batch_size = batch_size
        self.is_shuffled = is_shuffled

    def __iter__(self) -> Iterator[tuple[Inputs, tuple[Tensor, Tensor]]]:
        """Yield the batches ``(inputs, (z, weight))`` of one epoch."""
        if isinstance(self.dataset, StoredEncoded):
            is_shuffled = False
            for block in self.dataset.blocks(self.batch_size):
                is_shuffled = is_shuffled or len(block) < len(self.dataset)
                yield from Batches(block, self.batch_size, is_shuffled=is_shuffled)
            return
        inputs, z, weight = self.dataset.inputs, self.dataset.z, self.dataset.weight
        cpu = torch.device("cpu")
        if self.dataset.folds is not None:
            for index in self.dataset.folds.batches_of_members(
                self.dataset.n_members, self.batch_size, generator(cpu)
            ):
                index = index.to(z.device)
                yield inputs[index], (z[index], weight[index])
            return
        if len(self) > 1 and not self.is_shuffled:
            order = torch.randperm(len(z), generator=generator(cpu), device=cpu)
            order = inputs.grouped(order.to(z.device), self.batch_size)
            inputs, z, weight = inputs[order], z[order], weight[order]
        for start in range(0, len(z), self.batch_size):
            batch = slice(start, start + self.batch_size)
            yield inputs[batch], (z[batch], weight[batch])

    def __len__(self) -> int:
        """Return the number of batches."""
        n_samples, folds = len(self.dataset), self.dataset.folds
        if folds is not None:  # of the member that reads the most
            n_samples = max(map(len, folds.kept()))
        return math.ceil(n_samples / self.batch_size)


def resolve_batch_size(batch_size: int | str, n_samples: int) -> int:
    """Return the batch size; "auto" is a power of two from 32 to 256 near n / 32."""
    if batch_size != "auto":
        return min(int(batch_size), n_samples)
    return min(256, max(32, 2 ** int(math.log2(max(n_samples, 32) / 32))))
