"""What the lists and dicts in rows say: draws, epochs, the course of training."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from talent.scores import DRAWS
from talent.tables import succeeded

# What changes along training, of the columns of a kept history.
ALONG = (
    "validation_rmse",
    "digit_entropy",
    "wasserstein1",
    "best_at_1",
    "best_at_128",
    "mean_at_128",
    "median_at_128",
)
# Of those, the ones in nats; the others are in the unit of the target.
NATS = {"digit_entropy"}


def expanded(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with a column for each number in their lists and dicts.

    ``best_at_2`` and so on, ``best_epoch`` of the last stage, and ``before_`` and
    ``after_`` of what changed from the start to the end of fine-tuning.
    """
    columns = pd.DataFrame([numbers(row) for row in frame.to_dict("records")])
    new = [name for name in columns if name not in frame]
    return frame.join(columns[new].set_index(frame.index))


def numbers(row: Mapping[Any, Any]) -> dict[str, float]:
    """Return the numbers in the lists and dicts of a row."""
    found: dict[str, float] = {}
    for name in ("best_at", "mean_at", "median_at"):
        if isinstance(errors := row.get(f"{name}_k"), list):
            found |= {f"{name}_{k}": x for k, x in zip(DRAWS, errors, strict=True)}
    if isinstance(chosen := row.get("chosen_epoch"), dict):
        found["best_epoch"] = float([*chosen.values()][-1])
    if isinstance(history := row.get("history"), dict):
        line = fine_tuned(history)
        for name in ALONG:
            unit = 1.0 if name in NATS else float(row["unit"])
            found[f"before_{name}"] = line[name].iloc[0] / unit
            found[f"after_{name}"] = line[name].iloc[-1] / unit
    return found


def fine_tuned(history: dict[str, list[object]]) -> pd.DataFrame:
    """Return the rows of fine-tuning, the one before it first."""
    table = pd.DataFrame(history)
    return table[table["stage"] == "fine_tuning"]


def epochs(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the budget of the last stage and the epoch of it that was kept."""
    rows = succeeded(frame).dropna(subset=["chosen_epoch"])
    rows = rows.assign(
        budget=[budget(row) for row in rows.to_dict("records")],
        unchanged=[chosen.get("fine_tuning") == 0 for chosen in rows["chosen_epoch"]],
    )
    groups = rows.groupby("method", sort=False)
    means = rows.groupby(["method", "seed"])["best_epoch"].mean().unstack()
    table = pd.DataFrame(
        {
            "runs": groups.size(),
            "budget": groups["budget"].first(),
            "best_epoch": groups["best_epoch"].mean(),
            "best_epoch_se": means.sem(axis=1),
            "state before kept": groups["unchanged"].sum(),
        }
    )
    return table.reindex(groups.size().index)


def budget(row: Mapping[Any, Any]) -> int:
    """Return the epochs that the last stage of a row may take."""
    given = row["parameters"]
    name = {
        "pretraining": "pretraining_epochs",
        "fine_tuning": "fine_tuning_epochs",
        "training": "max_epochs",
    }[[*row["chosen_epoch"]][-1]]
    return int(given[name])
