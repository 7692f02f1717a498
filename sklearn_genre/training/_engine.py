"""Steps of the optimizer: skorch inside, one objective as the criterion."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from skorch import NeuralNet
from torch import Tensor, nn

from sklearn_genre._device import draw_states, redirected, set_draw_states
from sklearn_genre._objective import Objective
from sklearn_genre.networks import Network
from sklearn_genre.training._averaging import Average, trained_state, working_copy
from sklearn_genre.training._batches import Batches, Encoded, resolve_batch_size
from sklearn_genre.training._collapse import Collapse, has_collapsed
from sklearn_genre.training._selection import Row, StopEpoch
from sklearn_genre.training._stage import Settings, Stage

# Steps of linear warm-up, at most; share of the learning rate that is left at the end
# of the cosine.
WARM_UP = 100
FINAL_RATE = 0.1
# Seconds after which a checkpoint is written in the middle of an epoch.
SECONDS_BETWEEN = 300.0
# Largest norm of a gradient.
MAX_GRADIENT_NORM = 1.0


class Engine(NeuralNet):
    """skorch with an objective as criterion and the learning rate set in each step.

    A copy of `network` is trained, and `network` itself becomes the moving average of
    its weights, unless there is no average.

    Parameters
    ----------
    network : Network
    stage : Stage
    data : Encoded
        Training samples.
    settings : Settings
    on_epoch : callable
        Takes a row of the history.
    deadline : float, default=inf
        By ``time.perf_counter``: then the epoch ends early, after one step at least.
    """

    def __init__(
        self,
        network: Network,
        stage: Stage,
        data: Encoded,
        settings: Settings,
        *,
        on_epoch: Callable[[Row], None],
        deadline: float = math.inf,
    ) -> None:
        super().__init__(
            working_copy(network) if settings.ema_decay else network,
            criterion=type(stage.objective),
            optimizer=torch.optim.AdamW,
            optimizer__weight_decay=settings.weight_decay,
            optimizer__fused=data.z.device.type in ("cpu", "cuda", "mps"),
            lr=stage.learning_rate,
            max_epochs=stage.max_epochs,
            batch_size=resolve_batch_size(settings.batch_size, len(data)),
            iterator_train=Batches,
            train_split=None,
            callbacks="disable",
            verbose=0,
            device=None,
        )
        self.stage = stage
        self.data = data
        self.weight_decay = settings.weight_decay
        self.on_epoch = on_epoch
        self.deadline = deadline
        self.seconds_to_score = 0.0
        self.average: Average | None = None
        if settings.ema_decay:
            self.average = Average(network, self.module, settings.ema_decay)
        self.reference: Callable[[Any], Any] | None = None
        if stage.objective.needs_reference:
            # a bound method: skorch would take a module for one to train
            self.reference = working_copy(network).eval().members
        self.processes = settings.processes
        own = is_own(network, stage.objective)
        self.redirects: Callable[[], Any] = nullcontext if own else redirected
        self.n_steps = self.n_epochs = self.n_read = self.n_pending = 0
        self.save: Callable[[], None] | None = None  # now, for a checkpoint
        self.saved_at = time.perf_counter()
        self.losses: list[float] = []  # of the epoch, if there is a checkpoint
        self.draws_before: dict[str, Tensor] = {}  # the epoch
        self.known: dict[str, Any] | None = None  # the part of an epoch that was saved
        self.accumulate = settings.accumulate
        self.watches_collapse = settings.watches_collapse
        self.n_batches = len(Batches(data, self.batch_size))
        self.total_steps = (
            stage.max_epochs
            * int(stage.objective.n_updates)
            * math.ceil(self.n_batches / self.accumulate)
        )

    def run(self) -> None:
        """Train for the epochs that are left."""
        try:
            self.fit_loop(self.data, epochs=self.max_epochs - self.n_epochs)
        except StopEpoch:
            self.on_epoch_end(self)

    def saved(self) -> dict[str, Any]:
        """Return what the next epoch depends on, but for the selection."""
        return {
            "n_epochs": self.n_epochs,
            "n_steps": self.n_steps,
            "weights": trained_state(self.module_),
            "average": self.average and trained_state(self.average.network),
            "optimizer": self.optimizer_.state_dict(),
            "draws": draw_states(),
            "losses": self.losses,
            "draws_before": self.draws_before,
        }

    def load(self, saved: dict[str, Any]) -> None:
        """Go on from a checkpoint, once initialized."""
        self.n_epochs, self.n_steps = saved["n_epochs"], saved["n_steps"]
        self.module_.load_state_dict(saved["weights"], strict=False)
        if self.average is not None and saved["average"] is not None:
            self.average.network.load_state_dict(saved["average"], strict=False)
        self.optimizer_.load_state_dict(saved["optimizer"])
        for group in self.optimizer_.param_groups:  # of a stream it may be new
            group["weight_decay"] = self.weight_decay
        set_draw_states(saved["draws"])
        if saved["losses"]:  # in the middle of an epoch, whose batches are drawn anew
            self.known = saved
            set_draw_states(saved["draws_before"])

    def initialize_criterion(self) -> Engine:
        """Take the objective as it is."""
        self.criterion_ = self.stage.objective
        return self

    def get_dataset(self, X: Encoded, y: Any = None) -> Encoded:
        """Take the tensors as they are."""
        return X

    def train_step(self, batch: Any, **fit_params: Any) -> dict[str, Tensor]:
        """Prepare once without gradient, then update ``n_updates`` times."""
        if self.known is not None:
            return {"loss": self._known_loss(self.known["losses"])}
        if self.n_read and self.n_steps:
            is_late = time.perf_counter() + self.seconds_to_score >= self.deadline
            if self.deadline < math.inf and self.processes.any(is_late):
                raise StopEpoch
        inputs, targets = self.processes.part_of(batch)
        objective, n_members = self.stage.objective, self.module_.n_members
        self.n_read += 1
        if targets[0].ndim == 1:  # all members read the same samples
            targets = tuple(each.repeat(n_members) for each in targets)
        z, weight = (each.flatten() for each in targets)  # (n_members * batch,)
        with self.draws():
            dist = self.module_.members(inputs)
            with torch.no_grad():
                reference = None if self.reference is None else self.reference(inputs)
                target = objective.prepare(dist, z, reference)
        for update in range(int(objective.n_updates)):
            with self.draws():
                if update:
                    dist = self.module_.members(inputs)
                # each member its own losses, (n_members * batch,)
                losses = objective.losses(dist, target)
            if losses.shape != weight.shape:
                raise ValueError(
                    f"{objective}.losses returned shape {tuple(losses.shape)} for "
                    f"{len(weight)} samples. Return one number for each."
                )
            loss = self._update((weight * losses).mean())
        if self.watches_collapse and self.processes.all(has_collapsed(dist, z)):
            raise Collapse
        if self.save is not None:
            self._save_in_time(loss)
        return {"loss": loss}

    @contextmanager
    def draws(self) -> Iterator[None]:
        """Let what is drawn in a step come from generators of the fit.

        Batches are the same in all processes; each has draws of its own for its part.
        """
        own: AbstractContextManager[None] = nullcontext()
        if self.processes.n > 1:
            own = self.processes.draws(self.data.z.device, self.n_steps, self.n_read)
        with own, self.redirects():
            yield

    def _known_loss(self, losses: list[float]) -> Tensor:
        """Return the loss of a batch that was trained before the checkpoint."""
        loss = torch.tensor(losses[self.n_read], dtype=torch.float64, device="cpu")
        self.n_read += 1
        if self.n_read == len(losses):
            set_draw_states(self.known["draws"])  # type: ignore[index]
            self.losses, self.known = list(losses), None
        return loss

    def _save_in_time(self, loss: Tensor) -> None:
        """Write a checkpoint if the last one is old."""
        self.losses.append(loss.item())
        is_late = time.perf_counter() - self.saved_at >= SECONDS_BETWEEN
        if is_late and not self.n_pending and self.save is not None:
            self.save()
            self.saved_at = time.perf_counter()

    def _update(self, loss: Tensor) -> Tensor:
        """Take one optimizer step at the scheduled learning rate, if it is time.

        Return the loss, on the CPU after a step: the one time that it waits for a
        device.
        """
        if self.n_pending == 0:
            self.optimizer_.zero_grad()
        (loss / self.accumulate).backward()
        loss = loss.detach()
        self.n_pending += 1
        if self.n_pending < self.accumulate and self.n_read < self.n_batches:
            return loss
        self.n_pending = 0
        loss = self.processes.sum_gradients(self.module_.parameters(), loss)
        norm = nn.utils.clip_grad_norm_(self.module_.parameters(), MAX_GRADIENT_NORM)
        read = torch.stack([loss, norm]).cpu()
        if not all(map(math.isfinite, read.tolist())):
            raise FloatingPointError("the loss is not finite")
        rate = self.lr * rate_at(self.n_steps, self.total_steps)
        for group in self.optimizer_.param_groups:
            group["lr"] = rate
        self.optimizer_.step()
        self.n_steps += 1
        if self.average is not None:
            self.average.update(self.n_steps)
        return read[0]

    def on_epoch_begin(self, net: Any, **_: Any) -> None:
        """Open a row of skorch's history and choose the mode of the network."""
        super().on_epoch_begin(net, **_)
        self.n_read = 0  # batches of the epoch
        if self.save is not None and self.known is None:
            self.draws_before = draw_states()
        self.module_.train(self.stage.objective.uses_dropout)

    def on_epoch_end(self, net: Any, **_: Any) -> None:
        """Report the mean training loss of the epoch, as far as it went."""
        self.processes.broadcast(self.module_.buffers())
        if self.average is not None:
            self.average.copy_buffers()
        batches = self.history[-1]["batches"]
        ended = [row for row in batches if "train_loss" in row]
        losses = sum(row["train_loss"] * row["train_batch_size"] for row in ended)
        n_samples = sum(row["train_batch_size"] for row in ended)
        batches.clear()  # skorch would keep a dict for each batch of the stage
        self.n_epochs += 1
        self.losses, self.saved_at = [], time.perf_counter()
        begun = time.perf_counter()
        self.on_epoch({"epoch": self.n_epochs, "train_loss": losses / n_samples})
        self.seconds_to_score = time.perf_counter() - begun


def is_own(network: Network, objective: Objective) -> bool:
    """Return whether all that may draw is the package's, and knows the generators."""
    inner = (
        getattr(module, name)
        for module in network.modules()
        for name in ("encoder", "decoder", "model")
        if hasattr(module, name)
    )
    return all(
        type(each).__module__.split(".")[0] == "sklearn_genre"
        for each in (network, objective, *inner)
    )


def rate_at(step: int, total: float) -> float:
    """Return the share of the learning rate: linear warm-up times cosine decay."""
    warm_up = int(min(WARM_UP, total / 10))
    cosine = (1 + math.cos(math.pi * step / total)) / 2
    rate = FINAL_RATE + (1 - FINAL_RATE) * cosine
    return rate * min(1.0, (step + 1) / (warm_up + 1))
