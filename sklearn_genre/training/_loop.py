"""The training loop: stages, one after the other, and the best state of each."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from sklearn.exceptions import ConvergenceWarning

from sklearn_genre._warn import warn
from sklearn_genre.networks import Network
from sklearn_genre.training._averaging import trained_state
from sklearn_genre.training._batches import Encoded
from sklearn_genre.training._callbacks import Monitor
from sklearn_genre.training._collapse import Collapse
from sklearn_genre.training._engine import Engine
from sklearn_genre.training._readout import ReadoutFit
from sklearn_genre.training._selection import Row, Scores, Selection, StopStage
from sklearn_genre.training._stage import Settings, Stage

_warn = partial(warn, category=ConvergenceWarning)


def run_stages(
    network: Network,
    stages: list[Stage],
    data: Encoded,
    scores: Scores,
    settings: Settings,
    monitor: Monitor,
) -> list[Row]:
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

    Returns
    -------
    history : list of dict
        A row per epoch.

    Raises
    ------
    ValueError
        If not one step of a stage was finite.
    """
    history: list[Row] = []
    processes, checkpoint = settings.processes, settings.checkpoint
    processes.broadcast(trained_state(network).values())
    saved = processes.of_first(lambda: checkpoint.load() if checkpoint else None)
    if saved:
        history = saved["history"]
        network.load_state_dict(saved["network"], strict=False)
    go_on = True
    for number, stage in enumerate(stages):
        if saved and number < saved["stage"]:
            continue
        now = time.perf_counter()
        if number and stage.keep_start and processes.any(now >= settings.deadline):
            break
        n_epochs = sum(each.max_epochs for each in stages[number:])
        share = stage.max_epochs / n_epochs  # of the time that is left
        selection = Selection(
            network,
            stage,
            scores=scores,
            scoring=stage.objective.scoring or settings.scoring,
            patience=settings.patience,
            monitor=monitor.epoch,
            deadline=now + (settings.deadline - now) * share,
            agreed=processes.any,
        )
        network.begin_stage(stage.name)
        before = {"stage": number, "history": list(history)}
        with monitor.stage(stage.name, stage.max_epochs):
            go_on = train(
                network, stage, data, selection, settings, saved=saved, before=before
            )
        saved = None
        history += selection.rows
        del selection  # and its copy of the weights
        processes.broadcast(trained_state(network).values())
        if processes.any(not (go_on and monitor.go_on)):
            break
    network.eval()
    for parameter in network.parameters():
        parameter.grad = None  # left by a stage without averaging
    if checkpoint:  # after an interrupt, the next fit goes on from it
        checkpoint.is_done = go_on
    return history


def train(
    network: Network,
    stage: Stage,
    data: Encoded,
    selection: Selection,
    settings: Settings,
    *,
    saved: dict[str, Any] | None = None,
    before: dict[str, Any] | None = None,
) -> bool:
    """Train a network for one stage and leave it in its best state.

    Without a row of history, that is the state in which `selection` was made.

    Parameters
    ----------
    network, stage, data, selection, settings
        As in :func:`run_stages`.
    saved : dict or None, default=None
        The state of this stage in a checkpoint, to go on from.
    before : dict or None, default=None
        What a checkpoint says of the stages before.

    Returns
    -------
    go_on : bool
        False if the user interrupted.

    Raises
    ------
    ValueError
        If not one step was finite.
    """
    stage.objective.start(data.z, data.weight)
    n_before = 0  # epochs before a collapse
    fit: Any = None

    def save() -> None:
        """Save what is needed to go on."""
        settings.checkpoint.save(
            {
                **(before or {}),
                "network": trained_state(network),
                "selection": selection.saved(),
                "n_before": n_before,
                "max_epochs": stage.max_epochs,
                "rate": stage.learning_rate,
                "fit": fit.saved(),
            }
        )

    def on_epoch(row: Row) -> None:
        """Score the network after an epoch, and save it."""
        selection.record({**row, "epoch": n_before + row["epoch"]})
        if settings.checkpoint and isinstance(fit, Engine):
            save()

    if saved:
        selection.load(saved["selection"])
        n_before, rate = saved["n_before"], saved["rate"]
        stage = stage._replace(learning_rate=rate, max_epochs=saved["max_epochs"])
    while True:
        fit = SOLVERS[stage.solver](
            network,
            stage,
            data,
            settings,
            on_epoch=on_epoch,
            deadline=selection.deadline,
        )
        if settings.checkpoint and isinstance(fit, Engine):
            fit.save = save
        go_on = True
        try:
            fit.initialize()
            if saved:
                fit.load(saved["fit"])
            selection.start()
            fit.run()
        except StopStage:
            pass
        except Collapse:
            selection.restore()
            n_before = len(selection.rows) - stage.keep_start
            stage = _at_half_rate(stage, fit.n_epochs)
            if stage.max_epochs:
                saved = None
                continue
        except FloatingPointError as error:
            _say_not_finite(stage, fit.n_steps, error, kept=bool(selection.rows))
        except KeyboardInterrupt:
            if settings.processes.n > 1:  # which may be in different epochs
                raise
            go_on = False
            can_go_on = bool(settings.checkpoint and settings.checkpoint.is_there)
            _say_interrupted(stage, len(selection.rows), can_go_on)
        break
    selection.restore()
    fit = None  # on_epoch holds it: its weights would live on beside the next ones
    return go_on


# How the weights of a stage are found.
SOLVERS: dict[str, Any] = {"adamw": Engine, "lbfgs": ReadoutFit}


def _at_half_rate(stage: Stage, n_epochs: int) -> Stage:
    """Return what is left of a stage whose digits have collapsed, or nothing of it."""
    rate = stage.learning_rate / 2
    left = stage.max_epochs - n_epochs - 1
    advice = f"training goes on at {rate:g}" if left > 0 else "the best state is kept"
    _warn(
        f"In {stage.name}, all samples got the same first digit at the learning rate "
        f"{stage.learning_rate:g}; the best state so far was restored and {advice}. "
        "Start with a lower rate."
    )
    return stage._replace(learning_rate=rate, max_epochs=max(left, 0))


def _say_interrupted(stage: Stage, n_rows: int, can_go_on: bool) -> None:
    """Warn that the user has stopped a stage."""
    n_epochs = n_rows - (n_rows > 0 and stage.keep_start)
    state = "the best state so far is kept" if n_rows else "its start was restored"
    more = ". The same fit would go on from the checkpoint" * can_go_on
    _warn(
        f"Training was interrupted in {stage.name} after {n_epochs} epochs; "
        f"{state}{more}."
    )


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
