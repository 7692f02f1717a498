"""The training engine: skorch inside, one objective per stage."""

import copy
import math
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from sklearn.exceptions import ConvergenceWarning
from skorch import NeuralNet
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from sklearn_genre._objective import Objective

# Steps of linear warm-up, at most; share of the learning rate that is left at the end
# of the cosine; largest norm of a gradient.
WARM_UP = 100
FINAL_RATE = 0.1
MAX_GRADIENT_NORM = 1.0
# After n steps, the averaged weights remember about n / EMA_WARM_UP of them.
EMA_WARM_UP = 9.0

Row = dict[str, Any]

# What a validation reports: errors of the mean and of the distribution in units of y;
# expected reward of a sampled number and entropy of its digits, standardised.
VALIDATION = ("validation_rmse", "validation_crps", "reward", "entropy")


class Stage(NamedTuple):
    """One objective, trained for some epochs."""

    name: str
    objective: Objective
    max_epochs: int
    learning_rate: float
    keep_start: bool  # whether the state before the stage is a candidate


class TrainingData(NamedTuple):
    """The training rows on the device."""

    X: Tensor  # (n_samples, n_columns)
    y: Tensor  # (n_samples,), float64, standardised
    weight: Tensor  # (n_samples,), mean one


class TensorBatches:
    """What skorch iterates over instead of a ``DataLoader``: slices of tensors.

    Rows are permuted once per epoch, unless one batch holds them all.
    """

    def __init__(self, dataset: TrainingData, batch_size: int) -> None:
        self.dataset = dataset
        self.batch_size = batch_size

    def __iter__(self) -> Iterator[tuple[Tensor, tuple[Tensor, Tensor]]]:
        """Yield the batches ``(X, (y, weight))`` of one epoch."""
        columns = self.dataset
        if len(self) > 1:
            order = torch.randperm(len(columns.y)).to(columns.y.device)
            columns = TrainingData(*(column[order] for column in columns))
        parts = (column.split(self.batch_size) for column in columns)
        for X, y, weight in zip(*parts, strict=True):
            yield X, (y, weight)

    def __len__(self) -> int:
        """Return the number of batches."""
        return math.ceil(len(self.dataset.y) / self.batch_size)


class StopStage(Exception):
    """Ends a stage early; not an error."""


class Engine(NeuralNet):
    """skorch with an objective as criterion and the learning rate set in each step.

    A copy of `network` is trained; `network` itself becomes the moving average of the
    weights of the copy.
    """

    def __init__(
        self,
        network: nn.Module,
        stage: Stage,
        data: TrainingData,
        *,
        on_epoch: Callable[[Row], None],
        batch_size: int,
        weight_decay: float,
        ema_decay: float,
    ) -> None:
        super().__init__(
            copy.deepcopy(network) if ema_decay else network,
            criterion=type(stage.objective),
            optimizer=torch.optim.AdamW,
            optimizer__weight_decay=weight_decay,
            optimizer__fused=data.X.device.type in ("cpu", "cuda", "mps"),
            lr=stage.learning_rate,
            max_epochs=stage.max_epochs,
            batch_size=batch_size,
            iterator_train=TensorBatches,
            train_split=None,
            callbacks="disable",
            verbose=0,
            device=None,
        )
        self.stage = stage
        self.data = data
        self.average = list(network.parameters())
        self.ema_decay = ema_decay
        self.on_epoch = on_epoch
        self.reference: Callable[[Tensor], Any] | None = None
        if stage.objective.needs_reference:
            # a bound method: skorch would take a module for one to train
            self.reference = copy.deepcopy(network).eval().__call__
        self.n_steps = 0
        self.total_steps = (
            stage.max_epochs
            * stage.objective.n_updates
            * math.ceil(len(data.y) / batch_size)
        )

    def initialize_criterion(self) -> "Engine":
        """Take the objective as it is."""
        self.criterion_ = self.stage.objective
        return self

    def get_dataset(self, X: TrainingData, y: Any = None) -> TrainingData:
        """Take the tensors as they are."""
        return X

    def train_step(self, batch: Any, **fit_params: Any) -> dict[str, Tensor]:
        """Prepare once without gradient, then update ``n_updates`` times."""
        X, (y, weight) = batch
        n_copies = getattr(self.module_, "n_copies", 1)
        y, weight = y.repeat(n_copies), weight.repeat(n_copies)
        objective = self.stage.objective
        dist = self.module_(X)
        with torch.no_grad():
            reference = None if self.reference is None else self.reference(X)
            target = objective.prepare(dist, y, reference)
        for update in range(objective.n_updates):
            if update:
                dist = self.module_(X)
            loss = (weight * objective.loss(dist, target)).mean()
            self._update(loss)
        return {"loss": loss.detach()}

    def _update(self, loss: Tensor) -> None:
        """Take one optimizer step at the scheduled learning rate."""
        self.optimizer_.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.module_.parameters(), MAX_GRADIENT_NORM)
        if not (math.isfinite(loss.item()) and math.isfinite(norm.item())):
            raise FloatingPointError
        rate = self.lr * schedule(self.n_steps, self.total_steps)
        for group in self.optimizer_.param_groups:
            group["lr"] = rate
        self.optimizer_.step()
        self.n_steps += 1
        if self.ema_decay:
            self._add_to_average()

    def _add_to_average(self) -> None:
        """Move the averaged weights towards those of now."""
        average = get_ema_multi_avg_fn(ema_decay_at(self.n_steps, self.ema_decay))
        average(self.average, list(self.module_.parameters()), None)

    def on_epoch_begin(self, net: Any, **_: Any) -> None:
        """Open a row of skorch's history and choose the mode of the network."""
        super().on_epoch_begin(net, **_)
        self.module_.train(self.stage.objective.uses_dropout)

    def on_epoch_end(self, net: Any, **_: Any) -> None:
        """Report the mean training loss of the epoch."""
        batches = self.history[-1]["batches"]
        losses = sum(row["train_loss"] * row["train_batch_size"] for row in batches)
        batches.clear()  # skorch would keep a dict for each batch of the stage
        self.on_epoch(
            {"epoch": len(self.history), "train_loss": losses / len(self.data.y)}
        )


def schedule(step: int, total: int) -> float:
    """Return the share of the learning rate: linear warm-up times cosine decay."""
    warm_up = min(WARM_UP, total // 10)
    cosine = (1 + math.cos(math.pi * step / total)) / 2
    rate = FINAL_RATE + (1 - FINAL_RATE) * cosine
    return rate * min(1.0, (step + 1) / (warm_up + 1))


def ema_decay_at(step: int, decay: float) -> float:
    """Return the decay of the averaged weights, which remember little at first."""
    return min(decay, step / (step + EMA_WARM_UP))


def resolve_batch_size(batch_size: int | str, n_samples: int) -> int:
    """Return the batch size; "auto" is a power of two from 32 to 256 near n / 32."""
    if batch_size != "auto":
        return min(int(batch_size), n_samples)
    return min(256, max(32, 2 ** int(math.log2(max(n_samples, 32) / 32))))


class Selection:
    """The history of a stage and the best state of its network.

    Without a validation part the latest state is the best.

    Parameters
    ----------
    network : nn.Module
    stage : Stage
    validate : callable or None
        Returns the validation scores of the network as it is, as a dict.
    scoring : str
        Key of the score to select by; lower is better.
    patience : int or None
        Epochs without a better score after which the stage stops.
    monitor : callable
        Called with each row of the history; returns True to stop the stage.
    columns : sequence of str
        Keys of the validation scores, None in each row if there are none.
    """

    def __init__(
        self,
        network: nn.Module,
        stage: Stage,
        *,
        validate: Callable[[], Row] | None,
        scoring: str,
        patience: int | None,
        monitor: Callable[[Row], bool],
        columns: Sequence[str],
    ) -> None:
        self.network = network
        self.stage = stage
        self.validate = validate
        self.scoring = scoring
        self.patience = patience
        self.monitor = monitor
        self.columns = columns
        self.rows: list[Row] = []
        self.best_row: Row = {}
        self.best_score = math.inf
        self._keep()

    def start(self) -> None:
        """Let the state before the stage be a candidate."""
        self.clock = time.perf_counter()
        if self.stage.keep_start:
            self.record({"epoch": 0, "train_loss": None})

    def record(self, row: Row) -> None:
        """Score the network, add a row, keep the state if it is the best."""
        scores: Row = self.validate() if self.validate else dict.fromkeys(self.columns)
        now = time.perf_counter()
        row = {"stage": self.stage.name, **row, **scores, "seconds": now - self.clock}
        self.clock = now
        score = scores[self.scoring] if self.validate else -float(row["epoch"])
        if not math.isfinite(score):
            raise FloatingPointError
        self.rows.append(row)
        if score < self.best_score:
            self.best_row, self.best_score = row, score
            self._keep()
        waited = row["epoch"] - self.best_row["epoch"]
        if row["epoch"] and self.monitor(row):
            raise StopStage
        if self.patience is not None and waited >= self.patience:
            raise StopStage

    def restore(self) -> None:
        """Put the best state back."""
        self.network.load_state_dict(self._state)
        for row in self.rows:
            row["selected"] = row is self.best_row

    def _keep(self) -> None:
        """Copy the state of the network."""
        state = self.network.state_dict()
        self._state = {name: value.clone() for name, value in state.items()}


def train(
    network: nn.Module,
    stage: Stage,
    data: TrainingData,
    selection: Selection,
    *,
    batch_size: int,
    weight_decay: float,
    ema_decay: float,
) -> bool:
    """Train a network for one stage and leave it in its best state.

    Without a row of history, that is the state in which `selection` was made.

    Returns
    -------
    go_on : bool
        False if the user interrupted.

    Raises
    ------
    ValueError
        If not one step was finite.
    """
    stage.objective.start(data.y, data.weight)
    engine = Engine(
        network,
        stage,
        data,
        on_epoch=selection.record,
        batch_size=batch_size,
        weight_decay=weight_decay,
        ema_decay=ema_decay,
    )
    interrupted = False
    try:
        engine.initialize()
        selection.start()
        engine.fit_loop(data)
    except StopStage:
        pass
    except FloatingPointError:
        _warn_not_finite(stage, engine.n_steps, kept=bool(selection.rows))
    except KeyboardInterrupt:
        interrupted = True
        _warn_interrupted(stage, len(selection.rows))
    selection.restore()
    return not interrupted


def _warn_interrupted(stage: Stage, n_rows: int) -> None:
    """Warn that the user has stopped a stage."""
    n_epochs = n_rows - (n_rows > 0 and stage.keep_start)
    state = "the best state so far is kept" if n_rows else "its start was restored"
    warnings.warn(
        f"Training was interrupted in {stage.name} after {n_epochs} epochs; {state}.",
        ConvergenceWarning,
        stacklevel=6,
    )


def _warn_not_finite(stage: Stage, n_steps: int, *, kept: bool) -> None:
    """Warn that a stage has stopped, or raise if it has not taken one step."""
    advice = "Lower the learning rate, or check the features and targets for outliers."
    if n_steps == 0 and not kept:
        raise ValueError(
            f"The loss was not finite in the first step of {stage.name}. {advice}"
        )
    state = "the best state before" if kept else "the start of the stage"
    warnings.warn(
        f"The loss was not finite in step {n_steps + 1} of {stage.name}; training "
        f"stopped there and {state} was restored. {advice}",
        ConvergenceWarning,
        stacklevel=6,
    )
