"""Processes that train one network together, each on its part of every batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from multiprocessing import current_process
from threading import current_thread, main_thread
from typing import Any, TypeVar, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch import distributed as group

from sklearn_genre._device import drawing, kept_state

T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """How many processes train together, and which of them this is.

    All of them have the same samples, the same weights and the same batches. What one
    of them decides, such as when to stop, it tells the others.

    Parameters
    ----------
    n : int, default=1
    rank : int, default=0
    seed : int, default=0
        Of what is drawn within a step, by each process for its own samples.
    """

    n: int = 1
    rank: int = 0
    seed: int = 0

    def part_of(self, batch: Any) -> tuple[Any, tuple[Tensor, ...]]:
        """Return the samples of a batch that this process trains on.

        Parameters
        ----------
        batch : tuple
            ``(inputs, (z, weight))``, of shape (batch,) or (n_members, batch).

        Returns
        -------
        inputs : Inputs
        targets : tuple of Tensor
            The weights are such that means over parts, added up over the processes, are
            the mean over the batch.
        """
        inputs, (z, weight) = batch
        size = z.shape[-1]
        if self.n == 1:
            return batch
        if size < self.n:  # too few to share: each process trains on all
            return inputs, (z, weight / self.n)
        index: Any = slice(self.rank, None, self.n)
        if z.ndim == 2:
            index = (slice(None), index)
        z, weight = z[index], weight[index]
        return inputs[index], (z, weight * (z.shape[-1] / size))

    def draws(self, device: torch.device, *step: int) -> AbstractContextManager[None]:
        """Draw, in the context, what is this process's own in a step."""
        sequence = np.random.SeedSequence([self.seed, self.rank, *step])
        return drawing(int(sequence.generate_state(1, np.uint64)[0] >> 1), device)

    def sum_gradients(self, parameters: Iterable[nn.Parameter], loss: Tensor) -> Tensor:
        """Add up the gradients of all processes, and return the sum of the losses."""
        if self.n == 1:
            return loss
        trained = [each for each in parameters if each.requires_grad]
        loss, tensors = loss.clone(), []
        used = torch.tensor([each.grad is not None for each in trained], device="cpu")
        used = used.to(loss)
        for each in trained:
            if each.grad is None:  # not used here, perhaps elsewhere
                each.grad = torch.zeros_like(each)
            tensors.append(each.grad)
        self._over_all([*tensors, loss, used], group.all_reduce)
        for each, n_users in zip(trained, used.tolist(), strict=True):
            if not n_users:  # which the optimizer leaves as it is
                each.grad = None
        return loss

    def broadcast(self, tensors: Iterable[Tensor]) -> None:
        """Give each process the values of the first one."""
        if self.n > 1:
            self._over_all(list(tensors), lambda buffer: group.broadcast(buffer, 0))

    def any(self, flag: bool) -> bool:
        """Return whether something is true in one process or more."""
        return flag if self.n == 1 else any(self._gathered(flag))

    def all(self, flag: bool) -> bool:
        """Return whether something is true in each process."""
        return flag if self.n == 1 else all(self._gathered(flag))

    def of_first(self, function: Callable[[], T]) -> T:
        """Return what a function returns in the first process, or raise its error."""
        if self.n == 1:
            return function()
        said: list[Any] = [None, None, None]
        error: Exception | None = None
        if self.rank == 0:
            try:
                with kept_state():
                    said[0] = function()
            except Exception as raised:
                error = raised
                said[1:] = [isinstance(raised, FloatingPointError), describe(raised)]
        with together():
            group.broadcast_object_list(said, 0)
        if error is not None:
            raise error
        value, is_not_finite, text = said
        if text is not None:
            if is_not_finite:
                raise FloatingPointError(text)
            raise RuntimeError(f"The first process of this fit ended with {text}")
        return cast(T, value)

    def check_same(self, values: dict[str, str]) -> None:
        """See that all processes were given the same, by texts with names.

        Raises
        ------
        ValueError
            If one was not.
        """
        if self.n == 1:
            return
        first, *others = self._gathered(values)
        for rank, own in enumerate(others, 1):
            for name in first:
                if own.get(name) != first[name]:
                    raise ValueError(
                        "All processes of a fit with distributed=True must be given "
                        f"the same samples and parameters: {name} in process {rank} "
                        "differ from those in process 0."
                    )

    def _gathered(self, value: Any) -> list[Any]:
        """Return the value of each process."""
        values = [None] * self.n
        with together():
            group.all_gather_object(values, value)
        return values

    def _over_all(
        self, tensors: list[Tensor], exchange: Callable[[Tensor], Any]
    ) -> None:
        """Exchange tensors, in one buffer for each type, and write them back."""
        for dtype in dict.fromkeys(each.dtype for each in tensors):
            same = [each for each in tensors if each.dtype == dtype]
            buffer = torch.cat([each.detach().flatten() for each in same])
            with together():
                exchange(buffer)
            parts = buffer.split([each.numel() for each in same])
            with torch.no_grad():
                for each, part in zip(same, parts, strict=True):
                    each.copy_(part.view_as(each))


ALONE = Processes()


def launched_processes(device: torch.device) -> tuple[Processes, torch.device]:
    """Return the processes that a launcher has started, and the device of this one.

    Raises
    ------
    ImportError
        If there is no accelerate.
    ValueError
        If this is a process that joblib has started, or a device was chosen by number.
    """
    try:
        from accelerate import PartialState
    except ImportError as error:
        raise ImportError(
            "distributed=True needs accelerate: python -m pip install accelerate"
        ) from error
    if device.index is not None:
        raise ValueError(
            f"device={str(device)!r} is one device, and with distributed=True each "
            "process has its own: give 'cuda', 'cpu' or 'auto'."
        )
    process = current_process()
    of_joblib = process.daemon or process.name.startswith("LokyProcess")
    in_thread = current_thread() is not main_thread()
    if in_thread or (of_joblib and not group.is_initialized()):
        raise ValueError(
            "distributed=True is for the main thread of processes that accelerate or "
            "torchrun has started, and joblib, or another, started this one. Set "
            "n_jobs=None, or distributed=False."
        )
    state = PartialState(cpu=device.type == "cpu")
    own = state.device if device.type == "cuda" else device
    return Processes(state.num_processes, state.process_index), own


@contextmanager
def together() -> Iterator[None]:
    """Say what it means if an exchange between processes fails."""
    try:
        yield
    except RuntimeError as error:
        raise RuntimeError(
            "Another process of this fit has ended or cannot be reached, so that "
            f"training cannot go on ({first_line(error)}). Look at what that process "
            "said, and start all of them again; with checkpoint= they go on from the "
            "last epoch."
        ) from error


def describe(error: Exception) -> str:
    """Return an error as one process tells it to the others."""
    return f"{type(error).__name__}: {error}"


def first_line(error: Exception) -> str:
    """Return the first line of what an error says."""
    return str(error).strip().partition("\n")[0]
