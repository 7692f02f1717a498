"""Full-batch training of what reads the last states of a network."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sklearn_genre.training._batches import Encoded
from sklearn_genre.training._selection import Row
from sklearn_genre.training._stage import Settings, Stage

# Penalties on the distance from the first weights: each starts from the solution of the
# one before, and the validation set, or folds of the samples, choose.
PENALTIES = (1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
# Iterations of L-BFGS for each, and samples that pass through the model together.
N_ITERATIONS = 30
N_TOGETHER = 64
# Folds of the samples that choose the penalty where there is no validation set.
N_CV_FOLDS = 5

Batch = tuple[Any, Tensor, Tensor]


class ReadoutFit:
    """L-BFGS on the readout of a network, with states that are computed once.

    Each penalty is an epoch, and its solution a candidate state.

    Parameters
    ----------
    network : Network
        With the methods of ``LanguageModelNetwork``. Changed in place.
    stage : Stage
    data : Encoded
    settings : Settings
    on_epoch : callable
        Takes a row of the history.
    deadline : float, default=inf
        Of the stage, by ``time.perf_counter``: no further fold is begun after it. A
        stage may end after each penalty, as `on_epoch` decides.
    """

    n_steps = 0  # of the schedule of the blocks

    def __init__(
        self,
        network: Any,
        stage: Stage,
        data: Encoded,
        settings: Settings,
        *,
        on_epoch: Callable[[Row], None],
        deadline: float = math.inf,
    ) -> None:
        self.network = network
        self.objective = stage.objective
        self.data = data
        self.on_epoch = on_epoch
        self.deadline = deadline
        self.by_folds = stage.by_folds
        self.penalties = PENALTIES[: stage.max_epochs]

    def initialize(self) -> None:
        """Compute the states, and note where the weights begin."""
        self.network.eval()
        self.parameters = self.network.readout_parameters()
        self.first = [p.detach().clone() for p in self.parameters]
        inputs = self.data.inputs
        order = inputs.grouped(torch.arange(len(inputs)), N_TOGETHER)
        self.batches: list[Batch] = []
        with torch.no_grad():
            for index in order.split(N_TOGETHER):
                context = self.network.read(inputs[index])
                z, weight = self.data.z[index], self.data.weight[index]
                self.batches.append((context, z, weight))
        self.network.begin_readout([context for context, _, _ in self.batches])

    def run(self) -> None:
        """Minimise the mean loss with each penalty, as far as folds say."""
        n_penalties = self._best_by_folds() if self.by_folds else len(self.penalties)
        for epoch, penalty in enumerate(self.penalties[:n_penalties], 1):
            self._minimize(penalty, self.batches)
            loss = float(self._loss(self.batches))
            if not math.isfinite(loss):
                raise FloatingPointError("the loss is not finite")
            self.on_epoch({"epoch": epoch, "train_loss": loss})

    @torch.no_grad()
    def _best_by_folds(self) -> int:
        """Return how many penalties are best for samples that are left out.

        Neighbours by length are in different folds.
        """
        order = torch.arange(len(self.data), device=self.data.weight.device)
        folds = (order % N_CV_FOLDS).split([len(z) for _, z, _ in self.batches])
        losses = torch.zeros(len(self.penalties), dtype=torch.float64, device="cpu")
        for fold in range(min(N_CV_FOLDS, len(order)) if len(order) > 1 else 0):
            left_out = [each == fold for each in folds]
            rest = self._weighted([~each for each in left_out])
            held_out = self._weighted(left_out)
            for i, penalty in enumerate(self.penalties):
                self._minimize(penalty, rest)
                losses[i] += self._loss(held_out)
            for parameter, first in zip(self.parameters, self.first, strict=True):
                parameter.copy_(first)
            if time.perf_counter() >= self.deadline:
                break
        return int(losses.nan_to_num(math.inf).argmin()) + 1

    def _weighted(self, factors: list[Tensor]) -> list[Batch]:
        """Return the batches, the weights of their samples times a factor."""
        return [
            (context, z, weight * factor)
            for (context, z, weight), factor in zip(self.batches, factors, strict=True)
        ]

    @torch.enable_grad()
    def _minimize(self, penalty: float, batches: list[Batch]) -> None:
        """Minimise the mean loss of batches, from where the weights are."""
        optimizer = torch.optim.LBFGS(
            self.parameters,
            max_iter=N_ITERATIONS,
            history_size=N_ITERATIONS,
            line_search_fn="strong_wolfe",
        )

        def closure() -> Tensor:
            for parameter in self.parameters:
                parameter.grad = None
            return self._loss(batches) + self._pull(penalty)

        optimizer.step(closure)

    @torch.enable_grad()
    def _loss(self, batches: list[Batch]) -> Tensor:
        """Return the mean loss; gradients are added up."""
        total = torch.zeros((), dtype=torch.float64, device="cpu")
        for context, z, weight in batches:
            dist = self.network.respond(context, len(z))
            with torch.no_grad():
                target = self.objective.prepare(dist, z)
            losses = self.objective.losses(dist, target)
            loss = (weight * losses).sum() / len(self.data)
            loss.backward()
            total += loss.detach().double().cpu()
        return total

    def _pull(self, penalty: float) -> Tensor:
        """Return a penalty times the squared distance from the first weights."""
        distances = [
            ((p - q) ** 2).sum()
            for p, q in zip(self.parameters, self.first, strict=True)
        ]
        pull = penalty * torch.stack(distances).sum()
        pull.backward()
        return pull.detach().double().cpu()
