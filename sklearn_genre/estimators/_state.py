"""What is stored of a fitted estimator, and what a warm start may not change."""

from __future__ import annotations

import hashlib
import re
from dataclasses import is_dataclass
from functools import partial
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from torch import Tensor, nn

from sklearn_genre._checks import shown
from sklearn_genre._device import STAND_INS
from sklearn_genre.inputs import Data
from sklearn_genre.training import Encoded, Stage

# Results of a fit that users need not know.
LEARNED = (
    "_architecture",
    "_digest",
    "_folds",
    "_held_out",
    "_is_categorical",
    "_left_out",
    "_network",
    "_rule",
    "_spelling",
    "_splits",
    "_stream",
    "_structure",
)


def arrays_of(network: nn.Module) -> dict[str, NDArray[Any]]:
    """Return the weights of a network as arrays.

    A module with the attribute `source`, the name of weights that are to be had
    elsewhere, keeps its frozen parameters to itself.
    """
    named = {
        f"{prefix}.{name}".lstrip(".")
        for prefix, module in network.named_modules()
        if hasattr(module, "source")
        for name, parameter in module.named_parameters()
        if not parameter.requires_grad
    }
    state = network.state_dict()
    return {name: _array(value) for name, value in state.items() if name not in named}


def load_arrays(network: nn.Module, arrays: dict[str, NDArray[Any]]) -> None:
    """Put the weights back."""
    state = network.state_dict()
    unknown = sorted(set(arrays) - set(state))
    if unknown:
        raise ValueError(
            f"The stored weights hold {unknown[0]!r}, which the network that its "
            "parameters describe does not have. Was a class of yours changed?"
        )
    network.load_state_dict(
        {name: _tensor(value, state[name].dtype) for name, value in arrays.items()},
        strict=False,
    )


def _array(value: Tensor) -> NDArray[Any]:
    """Return a tensor as an array, of a type that numpy has."""
    value = value.detach().cpu()
    return value.view(STAND_INS.get(value.dtype, value.dtype)).numpy()


def _tensor(value: NDArray[Any], dtype: torch.dtype) -> Tensor:
    """Return an array as a tensor of the type it was."""
    tensor = torch.tensor(value, device="cpu")
    return tensor.view(dtype) if dtype in STAND_INS else tensor


def fingerprint(value: Any) -> Any:
    """Return something equal for equal parameters, and for others not.

    Functions and classes are only equal to themselves: what a lambda does cannot be
    compared.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_genre.estimators._state import fingerprint
    >>> fingerprint(np.arange(3)) == fingerprint([0.0, 1.0, 2.0])
    True
    >>> fingerprint(lambda: 1) == fingerprint(lambda: 1)
    False
    """
    if isinstance(value, partial):
        options = {name: fingerprint(option) for name, option in value.keywords.items()}
        return "partial", value.func, fingerprint(value.args), options
    if isinstance(value, BaseEstimator):
        options = value.get_params(deep=False)
        return type(value), {name: fingerprint(v) for name, v in options.items()}
    if hasattr(value, "__array__"):
        return fingerprint(np.asarray(value).tolist())
    if isinstance(value, (list, tuple)):
        return [fingerprint(entry) for entry in value]
    return value


def description(value: Any) -> str:
    """Return the text of a parameter, the same in any process.

    Examples
    --------
    >>> from functools import partial
    >>> import numpy as np
    >>> from sklearn_genre.estimators._state import description
    >>> description(partial(np.interp, xp=[0, 1]))
    'partial(numpy.interp, xp=[0, 1])'
    """
    if isinstance(value, partial):
        options = [description(argument) for argument in value.args]
        options += [f"{name}={description(v)}" for name, v in value.keywords.items()]
        return f"partial({', '.join([description(value.func), *options])})"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(description, value))}]"
    if isinstance(value, (set, frozenset)):  # in an order of the process
        return f"{{{', '.join(sorted(map(description, value)))}}}"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{k!r}: {description(v)}' for k, v in value.items())}}}"
    if is_dataclass(value) and not isinstance(value, type):
        return f"{type(value).__name__}({description(vars(value))})"
    if isinstance(value, np.ndarray):  # whose repr leaves some out
        return f"array({digest([value])})"
    if hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))  # addresses in memory


def fit_identity(estimator: Any, training: Encoded, held_out: Encoded | None) -> str:
    """Return a text that differs for fits of other data, parameters or weights.

    Parameters
    ----------
    estimator : estimator
    training : Encoded
        With folds, or without.
    held_out : Encoded or None
        What validates.

    Raises
    ------
    ValueError
        If the draws of the fit are not its own.
    """
    seed = estimator.random_state
    if not isinstance(seed, int | np.integer):
        raise ValueError(
            "checkpoint needs an integer random_state, so that the fit that goes on "
            f"draws the same batches, got {shown(seed, repr)}."
        )
    options = estimator.get_params()
    for name in ("checkpoint", "verbose", "model", "local_files_only"):
        options.pop(name, None)
    own = [getattr(estimator, name, None) for name in ("_digest", "precision_")]
    found = hashlib.sha256(repr([*own, len(training)]).encode())
    for name, value in sorted(options.items()):
        found.update(f"{name}={description(value)}".encode())
    parts = [*samples_of(training)]
    parts += arrays_of(estimator._network).values()  # of a warm start its own
    if training.folds is not None:
        parts.append(training.folds.fold)
    elif held_out is not None:
        parts += samples_of(held_out)
    found.update(digest(parts).encode())
    return found.hexdigest()


def samples_of(some: Any) -> list[NDArray[Any]]:
    """Return targets, weights and inputs of encoded samples."""
    return [some.y, some.sample_weight, some.inputs.joined().cpu().numpy()]


def fit_contents(
    estimator: Any, data: Data, validation: Data | None, groups: Any
) -> dict[str, str]:
    """Return texts that differ for other samples, and for other parameters.

    Of samples that are read in blocks it knows those that scales are learned from.
    """
    samples = {"samples": digest([len(data), data.X, data.y, data.weight])}
    if validation is not None:
        parts = [validation.X, validation.y, validation.weight]
        samples["X_val and y_val"] = digest(parts)
    if groups is not None:
        samples["groups"] = digest([groups])
    options = estimator.get_params()
    for name in ("verbose", "random_state"):
        options.pop(name)
    return samples | {name: description(value) for name, value in options.items()}


def digest(parts: list[Any]) -> str:
    """Return a text that differs for other numbers, arrays and frames."""
    found = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray) and part.dtype != object:
            content = np.ascontiguousarray(part)
        elif hasattr(part, "shape"):
            frame = nw.from_native(part, eager_only=True, pass_through=True)
            if isinstance(frame, nw.DataFrame):
                part = dict(enumerate(map(nw.Series.to_numpy, frame.iter_columns())))
            columns = pd.DataFrame(part).astype(str)
            content = pd.util.hash_pandas_object(columns, index=False).to_numpy()
        else:
            content = np.array([part])
        found.update(content.tobytes())
    return found.hexdigest()


def is_learned(name: str) -> bool:
    """Return whether an attribute is a result of ``fit``."""
    return name in LEARNED or (name.endswith("_") and not name.startswith("_"))


def check_structure(estimator: Any) -> None:
    """Refuse a warm start with parameters that the fitted network lacks."""
    changed = [
        name
        for name, before in estimator._structure.items()
        if fingerprint(getattr(estimator, name)) != before
    ]
    if changed:
        raise ValueError(
            "warm_start=True and partial_fit keep the fitted network and scales, but "
            f"{changed} changed since the last fit, or cannot be compared. Set them "
            "back, or fit with warm_start=False to start anew."
        )


def new_rule(draft: Any, stages: list[Stage], data: Data) -> dict[str, Any] | None:
    """Return the options of the rule that the last objective predicts by, or None.

    A warm start must not change that objective.

    Raises
    ------
    ValueError
        If a stage before trains by a rule of its own, which would not be read.
    """
    to_rule = (getattr(draft, "tokenizer_", None), draft.target_scaler_, data)
    *before, last = (stage.objective.rule(*to_rule) for stage in stages)
    options = None if last is None else last.options
    for stage, rule in zip(stages, before, strict=False):
        if rule is None or (rule.is_mean and (last is None or last.is_mean)):
            continue
        if last is None or fingerprint([*last.options.values()]) != fingerprint(
            [*rule.options.values()]
        ):
            raise ValueError(
                f"{stage.name}={stage.objective} trains a prediction from a grid, and "
                f"{stages[-1].name}={stages[-1].objective} predicts in another way. "
                f"Set {stages[-1].name} to the same objective or leave it out."
            )
    if last is not None and not last.is_mean and hasattr(draft, stages[-1].name):
        name = stages[-1].name
        draft._structure[name] = fingerprint(getattr(draft, name))
    return options


def check_rule(draft: Any, stages: list[Stage], data: Data) -> None:
    """Refuse a warm start that would predict by a grid, or no longer by one."""
    objective = stages[-1].objective
    rule = objective.rule(
        getattr(draft, "tokenizer_", None), draft.target_scaler_, data
    )
    kept = getattr(draft._network, "rule", None)
    has_grid, had_grid = (
        each is not None and not each.is_mean for each in (rule, kept)
    )
    if has_grid != had_grid:
        raise ValueError(
            f"{stages[-1].name}={objective} predicts "
            f"{'from a grid' if has_grid else 'the mean of all numbers'}, and the "
            f"fitted network {'does not' if has_grid else 'from a grid'}: a warm start "
            "keeps that. Set the former objective, or fit with warm_start=False to "
            "start anew."
        )
