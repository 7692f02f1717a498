"""Copies of a network, which share what is frozen, and the average of its weights."""

import copy

import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from sklearn_genre.networks import Network

# After n steps, the averaged weights remember about n / EMA_WARM_UP of them.
EMA_WARM_UP = 9.0


def working_copy(network: Network) -> Network:
    """Return a copy that shares the frozen parameters."""
    frozen = {id(p): p for p in network.parameters() if not p.requires_grad}
    return copy.deepcopy(network, frozen)


def trained_state(network: Network) -> dict[str, Tensor]:
    """Return trainable parameters and buffers, not copied."""
    trained = {name for name, p in network.named_parameters() if p.requires_grad}
    trained.update(name for name, _ in network.named_buffers())
    state = network.state_dict()
    return {name: value for name, value in state.items() if name in trained}


class Average:
    """A network whose weights are the moving average of those of another.

    Parameters
    ----------
    average : Network
        Changed in place.
    network : Network
        What is trained.
    decay : float
        Of the average at each step, once there have been many.
    """

    def __init__(self, average: Network, network: Network, decay: float) -> None:
        self.network = average
        self.decay = decay
        self.pairs = [
            (mine, theirs)
            for mine, theirs in zip(
                average.parameters(), network.parameters(), strict=True
            )
            if theirs.requires_grad
        ]
        self.buffers = list(zip(average.buffers(), network.buffers(), strict=True))

    def update(self, step: int) -> None:
        """Move the averaged weights towards those of now."""
        mine, theirs = zip(*self.pairs, strict=True)
        get_ema_multi_avg_fn(ema_decay_at(step, self.decay))(
            list(mine), list(theirs), 0
        )

    @torch.no_grad()
    def copy_buffers(self) -> None:
        """Take the buffers as they are now, such as the statistics of a BatchNorm."""
        for mine, theirs in self.buffers:
            mine.copy_(theirs)


def ema_decay_at(step: int, decay: float) -> float:
    """Return the decay of the averaged weights, which remember little at first."""
    return min(decay, step / (step + EMA_WARM_UP))
