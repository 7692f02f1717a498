"""Tables in the folder layout of TALENT: {N,C,y}_{train,val,test}.npy and info.json."""

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

PARTS = ("train", "val", "test")
# What TALENT's loader takes for a missing category.
MISSING = ("nan", "NaN", "", "None")
# bike_sharing_hour holds the rows of the other: an average must not have both.
TWINS = {"bike_sharing_hour", "Kaggle_bike_sharing_demand_challange"}
# Sets that "all" leaves out: a twin, and one whose columns are not for headlines.
LEFT_OUT = {"Kaggle_bike_sharing_demand_challange", "boston"}
# Words for sets in the place of their names.
ALL, EXACT = "all", "exact"


class Part(NamedTuple):
    """Rows of a set."""

    X: NDArray[Any]  # (n, p): numbers first; objects if there are categories
    y: Array  # (n,)


def joined(train: Part, val: Part) -> Part:
    """Return the rows of both."""
    return Part(*(np.concatenate(parts) for parts in zip(train, val, strict=True)))


class Table(NamedTuple):
    """A set: its parts, the places of its category columns, its info.json."""

    train: Part
    val: Part
    test: Part
    categories: list[int]
    info: dict[str, Any]


def read_table(folder: Path) -> Table:
    """Return a set."""
    train, val, test = (Part(*read_part(folder, part)) for part in PARTS)
    return Table(train, val, test, categorical_columns(folder), read_info(folder))


def read_without_test(folder: Path) -> Table:
    """Return a set for choosing methods: its val part is scored, test is not opened.

    A fifth of the train part is the val part.
    """
    train, test = (Part(*read_part(folder, part)) for part in PARTS[:2])
    order = np.random.default_rng(0).permutation(len(train.y))
    n_val = len(order) // 5
    val, train = (
        Part(train.X[rows], train.y[rows]) for rows in (order[:n_val], order[n_val:])
    )
    return Table(train, val, test, categorical_columns(folder), read_info(folder))


# How a set is read, by the part that is scored.
READERS = {"test": read_table, "val": read_without_test}


def read_part(folder: Path, part: str) -> tuple[NDArray[Any], Array]:
    """Return the features, numeric columns first, and the target of a part."""
    y = load(folder / f"y_{part}.npy").astype(np.float64).reshape(-1)
    if not np.isfinite(y).all():
        raise ValueError(f"{folder / f'y_{part}.npy'} has targets that are not finite.")
    paths = [folder / f"{kind}_{part}.npy" for kind in "NC"]
    blocks = {path.name[0]: load(path) for path in paths if path.exists()}
    if not blocks:
        raise ValueError(f"{folder} has neither N_{part}.npy nor C_{part}.npy.")
    for kind, block in blocks.items():
        if len(block) != len(y):
            raise ValueError(
                f"{folder / f'{kind}_{part}.npy'} has {len(block)} rows and "
                f"y_{part}.npy has {len(y)}."
            )
    blocks = {kind: block.reshape(len(y), -1) for kind, block in blocks.items()}
    if "N" in blocks:
        blocks["N"] = blocks["N"].astype(np.float64)
    if "C" not in blocks:
        return blocks["N"], y
    blocks["C"] = with_missing(blocks["C"])
    return np.concatenate([block.astype(object) for block in blocks.values()], 1), y


def with_missing(categories: NDArray[Any]) -> NDArray[np.object_]:
    """Return strings as objects, None where the category is missing."""
    text = categories.astype(str)
    found = text.astype(object)
    found[np.isin(text, MISSING)] = None
    return found


def load(path: Path) -> NDArray[Any]:
    """Return the array of a file that is there and needs no pickle."""
    if not path.exists():
        raise ValueError(
            f"{path} is missing: a set has y_train.npy, y_val.npy and y_test.npy, and "
            "N or C or both of each part."
        )
    try:
        array: NDArray[Any] = np.load(path, allow_pickle=False)
    except ValueError as error:
        raise ValueError(
            f"{path} cannot be read without pickle, which may run code: load it where "
            f"you trust it and save it as an array of numbers or strings ({error})."
        ) from error
    return array


def categorical_columns(folder: Path) -> list[int]:
    """Return the places of the category columns, which come last."""
    start, n_columns = (width(folder / f"{kind}_train.npy") for kind in "NC")
    return list(range(start, start + n_columns))


def width(path: Path) -> int:
    """Return the number of columns of a file, 0 if there is none."""
    if not path.exists():
        return 0
    shape: tuple[int, ...] = np.load(path, mmap_mode="r").shape
    return shape[1] if len(shape) > 1 else 1


def n_train(folder: Path) -> int:
    """Return the number of training rows."""
    return len(np.load(folder / "y_train.npy", mmap_mode="r"))


def read_info(folder: Path) -> dict[str, Any]:
    """Return info.json, empty if there is none; refuse what is no regression."""
    path = folder / "info.json"
    info: dict[str, Any] = {}
    if path.exists():
        info = json.loads(path.read_text(encoding="utf-8"))
    if (task := info.get("task_type", "regression")) != "regression":
        raise ValueError(f"{path} says task_type={task!r}; only regression is read.")
    return info


def data_folder(given: Path | None) -> Path:
    """Return the folder of the sets: as given, or from SKLEARN_GENRE_DATA."""
    named = given or os.environ.get("SKLEARN_GENRE_DATA")
    if named is None:
        raise ValueError(
            "Give the folder of the sets: --data DIR or SKLEARN_GENRE_DATA."
        )
    folder = Path(named).resolve()
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder.")
    return folder


def choose_sets(folder: Path, names: list[str], max_rows: int | None) -> list[str]:
    """Return the names of sets, with at most so many training rows.

    "all" stands for all sets but `LEFT_OUT`, "exact" for those whose info.json says
    that their published scores are comparable.
    """
    known = sorted(path.parent.name for path in folder.glob("*/y_train.npy"))
    words = {
        ALL: [name for name in known if name not in LEFT_OUT],
        EXACT: [
            name
            for name in known
            if read_info(folder / name).get("talent_match") == "exact"
        ],
    }
    chosen = list(
        dict.fromkeys(set_ for name in names for set_ in words.get(name, [name]))
    )
    if unknown := [name for name in chosen if name not in known]:
        raise ValueError(f"{folder} has no set of the name {', '.join(unknown)}.")
    if set(chosen) >= TWINS:
        raise ValueError(f"{' and '.join(sorted(TWINS))} share rows: give one of them.")
    if max_rows is None:
        return chosen
    return [name for name in chosen if n_train(folder / name) <= max_rows]
