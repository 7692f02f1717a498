"""Prompts of a language model: token ids of any length, and states kept of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# Prompts of a block that is predicted, at most.
LARGEST_BLOCK = 16
# Batches of like lengths are made within so many batches: less padding, and batches
# are random still.
BATCHES_TOGETHER = 2


@dataclass(frozen=True)
class Memory:
    """States of a language model below its first trained block, of each prompt.

    Parameters
    ----------
    states : Tensor of shape (n_tokens + n_samples * n_nodes, hidden_size)
        Of the tokens of a prompt and then of the nodes of the digit tree after it,
        sample after sample.
    n_nodes : int
    level : int
        Blocks that have been passed.
    """

    states: Tensor
    n_nodes: int
    level: int


@dataclass(frozen=True)
class Prompts:
    """Token ids of prompts, without padding.

    Parameters
    ----------
    ids : int64 Tensor of shape (n_tokens,)
        Sample after sample.
    starts : int64 Tensor of shape (n_stored + 1,)
        Where each begins, and the end.
    index : int64 Tensor of shape (n_samples,)
        Which of those that are stored these are.
    memory : Memory or None, default=None

    Examples
    --------
    >>> from sklearn_genre.inputs import Prompts
    >>> prompts = Prompts.of([[5, 6, 7], [8]])
    >>> ids, is_real = prompts.padded()
    >>> ids.tolist(), is_real.tolist()
    ([[5, 6, 7], [8, 0, 0]], [[True, True, True], [True, False, False]])
    """

    ids: Tensor
    starts: Tensor
    index: Tensor
    memory: Memory | None = None

    @classmethod
    def of(cls, texts: Sequence[Sequence[int]]) -> Prompts:
        """Return the prompts of some lists of ids."""
        lengths = torch.tensor([0, *map(len, texts)], device="cpu")
        ids = torch.tensor([i for text in texts for i in text], device="cpu")
        return cls(ids.long(), lengths.cumsum(0), torch.arange(len(texts)))

    def __len__(self) -> int:
        """Return the number of prompts."""
        return len(self.index)

    def __getitem__(self, index: Tensor | slice) -> Prompts:
        """Return some of the prompts."""
        return replace(self, index=self.index[index])

    def to(self, device: torch.device) -> Prompts:
        """Return the same on a device; what is remembered stays where it is."""
        return Prompts(
            self.ids.to(device),
            self.starts.to(device),
            self.index.to(device),
            self.memory,
        )

    @property
    def device(self) -> torch.device:
        """Where the ids are."""
        return self.index.device

    @property
    def lengths(self) -> Tensor:
        """Tokens of each prompt, (n_samples,)."""
        return self.starts[self.index + 1] - self.starts[self.index]

    def padded(self) -> tuple[Tensor, Tensor]:
        """Return ids and which of them are real, both (n_samples, n_longest)."""
        places, is_real = self._places()
        ids = self.ids[self.starts[self.index, None] + places]
        return ids.where(is_real, 0), is_real

    def remembered(self) -> tuple[Tensor, Tensor]:
        """Return remembered states of prompts and nodes.

        Returns
        -------
        prompt_states : Tensor of shape (n_samples, n_longest, hidden_size)
            With something finite where there is no token.
        node_states : Tensor of shape (n_samples, n_nodes, hidden_size)
        """
        assert self.memory is not None
        states, n_nodes = self.memory.states, self.memory.n_nodes
        start = (self.starts[self.index] + n_nodes * self.index)[:, None]
        nodes = start + self.lengths[:, None] + torch.arange(n_nodes)
        places, _ = self._places()
        device = self.device
        prompt = states[(start + places).to(states.device)]
        return prompt.to(device), states[nodes.to(states.device)].to(device)

    def alone(self) -> Prompts:
        """Return the same prompts, without others in store."""
        ids = [self.ids[a:b] for a, b in self._spans()]
        starts = torch.cat([self.starts.new_zeros(1), self.lengths.cumsum(0)])
        index = torch.arange(len(self), device=self.device)
        return Prompts(torch.cat(ids), starts, index)

    def blocks(self, size: int) -> Iterator[tuple[Prompts, int]]:
        """Yield blocks of at most `size` prompts, and how many they are."""
        size = min(size, LARGEST_BLOCK)
        for start in range(0, len(self), size):
            block = self[start : start + size]
            yield block, len(block)

    def grouped(self, order: Tensor, batch_size: int) -> Tensor:
        """Return an order in which prompts of one batch are about as long."""
        together = BATCHES_TOGETHER * batch_size
        parts = []
        for some in order.split(together):
            batches = some[self.lengths[some].argsort(stable=True)].split(batch_size)
            shuffled = some[: len(batches)].argsort().tolist()  # not by length
            parts += [batches[i] for i in shuffled]
        short = [part for part in parts if len(part) < batch_size]
        return torch.cat([p for p in parts if len(p) == batch_size] + short)

    def texts(self) -> list[list[int]]:
        """Return the token ids of each prompt."""
        return [self.ids[a:b].tolist() for a, b in self._spans()]

    def joined(self) -> Tensor:
        """Return two numbers for each prompt that tell it from others, float64."""
        keys = [text_key(self.ids[a:b].cpu().numpy()) for a, b in self._spans()]
        return torch.tensor(np.array(keys), dtype=torch.float64)

    def _places(self) -> tuple[Tensor, Tensor]:
        """Return the place of each token in its prompt, and which are real."""
        lengths = self.lengths[:, None]
        places = torch.arange(int(lengths.max()), device=self.device)
        return places.clamp(max=lengths - 1), places < lengths

    def _spans(self) -> list[tuple[int, int]]:
        """Return where each prompt begins and ends among the ids."""
        first = self.starts[self.index].tolist()
        return list(zip(first, self.starts[self.index + 1].tolist(), strict=True))


def text_key(ids: NDArray[np.int64]) -> tuple[float, float]:
    """Return two numbers that differ for different token ids."""
    seeds = np.random.SeedSequence(ids.tolist()).generate_state(2)
    return float(seeds[0]), float(seeds[1])
