"""Training on a stream: one pass over the samples of each call, from where it was."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from sklearn_genre.networks import Network
from sklearn_genre.training._batches import Encoded
from sklearn_genre.training._engine import Engine
from sklearn_genre.training._selection import Row
from sklearn_genre.training._stage import Settings, Stage


def train_on(
    network: Network,
    stage: Stage,
    data: Encoded,
    settings: Settings,
    saved: dict[str, Any] | None,
) -> tuple[Row, dict[str, Any]]:
    """Train a network for one pass over some samples of a stream.

    The learning rate stays at its peak after the warm-up: a stream has no end to
    decay towards.

    Parameters
    ----------
    network : Network
        Changed in place.
    stage : Stage
        Its `max_epochs` is not read.
    data : Encoded
    settings : Settings
    saved : dict or None
        What the last call returned; None starts the optimizer anew.

    Returns
    -------
    row : dict
        Pass and mean training loss.
    saved : dict
        Optimizer, weights before averaging, and generators, as arrays.

    Raises
    ------
    FloatingPointError
        If a loss is not finite.
    """
    rows: list[Row] = []
    engine = Engine(
        network,
        stage._replace(max_epochs=math.inf),
        data,
        settings,
        on_epoch=rows.append,
    )
    stage.objective.start(data.z, data.weight)
    network.begin_stage(stage.name)
    engine.initialize()
    if saved is not None:
        engine.load(as_tensors(saved))
    engine.fit_loop(data, epochs=1)
    network.eval()
    return rows[0], as_arrays(engine.saved())


def as_arrays(tree: Any) -> Any:
    """Return nested dicts and lists with arrays, copied, in place of tensors."""
    if isinstance(tree, Tensor):
        return tree.detach().cpu().numpy().copy()
    if isinstance(tree, dict):
        return {name: as_arrays(value) for name, value in tree.items()}
    return [as_arrays(value) for value in tree] if isinstance(tree, list) else tree


def as_tensors(tree: Any) -> Any:
    """Return nested dicts and lists with tensors in place of arrays."""
    if hasattr(tree, "dtype") and hasattr(tree, "shape"):
        return torch.tensor(tree, device="cpu")
    if isinstance(tree, dict):
        return {name: as_tensors(value) for name, value in tree.items()}
    return [as_tensors(value) for value in tree] if isinstance(tree, list) else tree
