"""The tables of the boards, their splits, and what others have published on them."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

# Splits (repeat, fold) on which results of all methods are published.
LITE = ((0, 0), (1, 1), (2, 2))
# What holds for all splits of a table.
ALL = "all"
# Has a column that is not for headlines.
LEFT_OUT = "bostonHousing"


class Split(NamedTuple):
    """One table cut into training and test rows."""

    data: str
    split: str
    X: Any  # data frame or array
    y: NDArray[np.float64]
    is_test: NDArray[np.bool_]


def tabarena(folder: Path, n_splits: int) -> Iterator[Split]:
    """Yield the splits of TabArena's tables, small tables first.

    Columns that it calls categories have that type, as users would have them.
    """
    tables = sorted(folder.glob("*/info.json"), key=lambda path: n_rows(path.parent))
    for number, path in ((k, path) for path in tables for k in range(n_splits)):
        info = json.loads(path.read_text())
        frame = pd.read_parquet(path.with_name("table.parquet"))
        frame = frame.astype(dict.fromkeys(info["categorical"], "category"))
        y = frame.pop(info["target"]).to_numpy(dtype=np.float64)
        repeat, fold = LITE[number]
        is_test = np.load(path.with_name("folds.npz"))["fold"][repeat] == fold
        yield Split(path.parent.name, f"{repeat},{fold}", frame, y, is_test)


def n_rows(folder: Path) -> int:
    """Return the number of rows of a table."""
    return int(json.loads((folder / "info.json").read_text())["rows"])


def uci(folder: Path, n_splits: int) -> Iterator[Split]:
    """Yield the standard splits of the UCI tables, small tables first."""
    paths = sorted(folder.glob("*.npz"), key=lambda path: path.stat().st_size)
    for path in paths:
        table = np.load(path)
        for number, is_test in enumerate(table["test"][:n_splits]):
            yield Split(path.stem, str(number), table["X"], table["y"], is_test)


# How the splits of a board are read.
BOARDS = {"tabarena": tabarena, "uci": uci}


class Published(dict[str, dict[str, float]]):
    """What others have published on the splits of a table, or on all of them."""

    def __missing__(self, split: str) -> dict[str, float]:
        """Return the numbers of all splits."""
        return self[ALL]


def published(folder: Path, board: str) -> dict[str, Published]:
    """Return what a board has: of each table and split, a number of each method."""
    name = {"tabarena": "published_rmse.csv", "uci": "published.csv"}[board]
    known: dict[str, Published] = {}
    with (folder / name).open(newline="") as file:
        for row in csv.DictReader(file):
            of_table = known.setdefault(row.pop("dataset"), Published())
            if board == "uci":
                of_table[ALL] = {name: float(value) for name, value in row.items()}
                continue
            of_split = of_table.setdefault(f"{row['repeat']},{row['fold']}", {})
            of_split[row["method"]] = float(row["rmse"])
    return known
