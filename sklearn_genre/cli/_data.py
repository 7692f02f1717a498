"""The data of a run: the user's file or the bundled one, split in two."""

import math
from pathlib import Path

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

from sklearn_genre.cli._error import InputError
from sklearn_genre.cli._table import MIN_ROWS, Table, read_table


def load_table(data: Path | None, target: str | None) -> Table:
    """Return the user's table, or the bundled one."""
    if data is None:
        if target is not None:
            raise InputError(f"--target {target} needs a CSV file to find it in")
        return _diabetes()
    if target is None:
        raise InputError(f"--target is needed: which column of {data} to predict")
    return read_table(data, target)


def _diabetes() -> Table:
    """Return scikit-learn's bundled diabetes data."""
    X, y = load_diabetes(return_X_y=True)
    return Table(X, y, np.arange(1, len(y) + 1), [])


def split(table: Table, test_size: float, seed: int) -> tuple[Table, Table]:
    """Hold out a random part of the rows, enough to train on and to score."""
    n_test = math.ceil(test_size * len(table.y))
    n_train = len(table.y) - n_test
    if n_train < MIN_ROWS // 2 or n_test < 2:
        raise InputError(
            f"--test-size {test_size} leaves {n_train} rows to train on and holds out "
            f"{n_test}: at least {MIN_ROWS // 2} and 2 are needed"
        )
    train, test = train_test_split(
        np.arange(len(table.y)), test_size=n_test, random_state=seed
    )
    return table[train], table[test]
