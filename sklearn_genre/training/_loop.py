"""The training loop: skorch inside, one objective per stage."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from sklearn.exceptions import ConvergenceWarning
from skorch import NeuralNet
from torch import Tensor, nn

from sklearn_genre._device import redirected
from sklearn_genre._objective import Objective
from sklearn_genre.networks import Network
from sklearn_genre.training._averaging import Average, working_copy
from sklearn_genre.training._batches import Batches, Encoded, resolve_batch_size
from sklearn_genre.training._callbacks import Monitor
from sklearn_genre.training._selection import Row, Scores, Selection, StopStage
from sklearn_genre.training._stage import Settings, Stage

# Steps of linear warm-up, at most; share of the learning rate that is left at the end
# of the cosine.
WARM_UP = 100
FINAL_RATE = 0.1
# Largest norm of a gradient.
MAX_GRADIENT_NORM = 1.0
# Packages that a warning is not about.
INSIDE = ("sklearn_genre", "sklearn", "skorch", "contextlib")


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
    first_step : int
        Steps of the stages before.
    on_epoch : callable
        Takes a row of the history.
    """

    def __init__(
        self,
        network: Network,
        stage: Stage,
        data: Encoded,
        settings: Settings,
        *,
        first_step: int,
        on_epoch: Callable[[Row], None],
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
        self.first_step = first_step
        self.on_epoch = on_epoch
        self.average: Average | None = None
        if settings.ema_decay:
            self.average = Average(network, self.module, settings.ema_decay)
        self.reference: Callable[[Any], Any] | None = None
        if stage.objective.needs_reference:
            # a bound method: skorch would take a module for one to train
            self.reference = working_copy(network).eval().members
        self.stepped = [m for m in self.module.modules() if hasattr(m, "at_step")]
        own = is_own(network, stage.objective)
        self.draws: Callable[[], Any] = nullcontext if own else redirected
        self.n_steps = 0
        self.total_steps = (
            stage.max_epochs
            * int(stage.objective.n_updates)
            * math.ceil(len(data) / self.batch_size)
        )

    def initialize_criterion(self) -> Engine:
        """Take the objective as it is."""
        self.criterion_ = self.stage.objective
        return self

    def get_dataset(self, X: Encoded, y: Any = None) -> Encoded:
        """Take the tensors as they are."""
        return X

    def train_step(self, batch: Any, **fit_params: Any) -> dict[str, Tensor]:
        """Prepare once without gradient, then update ``n_updates`` times."""
        inputs, targets = batch
        objective, n_members = self.stage.objective, self.module_.n_members
        z, weight = targets[0].repeat(n_members), targets[1].repeat(n_members)
        self._tell_step()
        with self.draws():
            dist = self.module_.members(inputs)
            with torch.no_grad():
                reference = None if self.reference is None else self.reference(inputs)
                target = objective.prepare(dist, z, reference)
        for update in range(int(objective.n_updates)):
            if update:
                self._tell_step()
            with self.draws():
                if update:
                    dist = self.module_.members(inputs)
                # each member its own losses, (n_members * batch,)
                loss = (weight * objective.losses(dist, target)).mean()
            self._update(loss)
        return {"loss": loss.detach()}

    def _tell_step(self) -> None:
        """Tell the modules that ask for it how many steps there have been."""
        for module in self.stepped:
            module.at_step(self.first_step + self.n_steps)

    def _update(self, loss: Tensor) -> None:
        """Take one optimizer step at the scheduled learning rate."""
        self.optimizer_.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.module_.parameters(), MAX_GRADIENT_NORM)
        if not (math.isfinite(loss.item()) and math.isfinite(norm.item())):
            raise FloatingPointError("the loss is not finite")
        rate = self.lr * rate_at(self.n_steps, self.total_steps)
        for group in self.optimizer_.param_groups:
            group["lr"] = rate
        self.optimizer_.step()
        self.n_steps += 1
        if self.average is not None:
            self.average.update(self.n_steps)

    def on_epoch_begin(self, net: Any, **_: Any) -> None:
        """Open a row of skorch's history and choose the mode of the network."""
        super().on_epoch_begin(net, **_)
        self.module_.train(self.stage.objective.uses_dropout)

    def on_epoch_end(self, net: Any, **_: Any) -> None:
        """Report the mean training loss of the epoch."""
        if self.average is not None:
            self.average.copy_buffers()
        batches = self.history[-1]["batches"]
        losses = sum(row["train_loss"] * row["train_batch_size"] for row in batches)
        batches.clear()  # skorch would keep a dict for each batch of the stage
        self.on_epoch(
            {"epoch": len(self.history), "train_loss": losses / len(self.data)}
        )


def is_own(network: Network, objective: Objective) -> bool:
    """Return whether all that may draw is the package's, and knows the generators."""
    inner = (
        getattr(module, name)
        for module in network.modules()
        for name in ("encoder", "decoder")
        if hasattr(module, name)
    )
    return all(
        type(each).__module__.split(".")[0] == "sklearn_genre"
        for each in (network, objective, *inner)
    )


def rate_at(step: int, total: int) -> float:
    """Return the share of the learning rate: linear warm-up times cosine decay."""
    warm_up = min(WARM_UP, total // 10)
    cosine = (1 + math.cos(math.pi * step / total)) / 2
    rate = FINAL_RATE + (1 - FINAL_RATE) * cosine
    return rate * min(1.0, (step + 1) / (warm_up + 1))


def run_stages(
    network: Network,
    stages: list[Stage],
    data: Encoded,
    scores: Scores,
    settings: Settings,
    monitor: Monitor,
    *,
    first_step: int = 0,
) -> tuple[list[Row], int]:
    """Train a network, stage after stage, and leave it in its best state.

    Parameters
    ----------
    network : Network
    stages : list of Stage
    data : Encoded
        Training samples.
    scores : callable
        Returns the validation scores of the network as it is.
    settings : Settings
    monitor : Monitor
    first_step : int, default=0
        Steps of former fits, for a warm start.

    Returns
    -------
    history : list of dict
        A row per epoch.
    n_steps : int
        Steps of training so far.

    Raises
    ------
    ValueError
        If not one step of a stage was finite.
    """
    history: list[Row] = []
    for stage in stages:
        selection = Selection(
            network,
            stage,
            scores=scores,
            scoring=stage.objective.scoring or settings.scoring,
            patience=settings.patience,
            monitor=monitor.epoch,
        )
        network.begin_stage(stage.name)
        with monitor.stage(stage.name, stage.max_epochs):
            first_step, go_on = train(
                network, stage, data, selection, settings, first_step
            )
        history += selection.rows
        if not (go_on and monitor.go_on):
            break
    network.eval()
    return history, first_step


def train(
    network: Network,
    stage: Stage,
    data: Encoded,
    selection: Selection,
    settings: Settings,
    first_step: int = 0,
) -> tuple[int, bool]:
    """Train a network for one stage and leave it in its best state.

    Without a row of history, that is the state in which `selection` was made.

    Returns
    -------
    n_steps : int
        Steps of training so far.
    go_on : bool
        False if the user interrupted.

    Raises
    ------
    ValueError
        If not one step was finite.
    """
    stage.objective.start(data.z, data.weight)
    engine = Engine(
        network,
        stage,
        data,
        settings,
        first_step=first_step,
        on_epoch=selection.record,
    )
    go_on = True
    try:
        engine.initialize()
        selection.start()
        engine.fit_loop(data)
    except StopStage:
        pass
    except FloatingPointError as error:
        _say_not_finite(stage, engine.n_steps, error, kept=bool(selection.rows))
    except KeyboardInterrupt:
        go_on = False
        _say_interrupted(stage, len(selection.rows))
    selection.restore()
    return first_step + engine.n_steps, go_on


def _say_interrupted(stage: Stage, n_rows: int) -> None:
    """Warn that the user has stopped a stage."""
    n_epochs = n_rows - (n_rows > 0 and stage.keep_start)
    state = "the best state so far is kept" if n_rows else "its start was restored"
    _warn(f"Training was interrupted in {stage.name} after {n_epochs} epochs; {state}.")


def _say_not_finite(
    stage: Stage, n_steps: int, error: FloatingPointError, *, kept: bool
) -> None:
    """Warn that a stage has stopped, or raise if there is no state to go back to."""
    advice = "Lower the learning rate, or check the features and targets for outliers."
    if n_steps == 0 and not kept:
        raise ValueError(
            f"The loss was not finite in the first step of {stage.name}. {advice}"
        ) from error
    state = "the best state before" if kept else "the start of the stage"
    _warn(
        f"The loss was not finite in step {n_steps + 1} of {stage.name} ({error}); "
        f"training stopped there and {state} was restored. {advice}"
    )


def _warn(message: str) -> None:
    """Warn whoever called the estimator."""
    frame, level = sys._getframe(1), 2
    while frame.f_back and frame.f_globals["__name__"].split(".")[0] in INSIDE:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, ConvergenceWarning, stacklevel=level)
