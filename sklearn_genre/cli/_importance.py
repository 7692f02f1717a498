"""How much each column matters: what the CRPS loses when it is shuffled."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.inspection import permutation_importance
from sklearn.pipeline import Pipeline

from sklearn_genre.cli._table import Table
from sklearn_genre.metrics import neg_crps_scorer

# Rows and predictions of the whole set that are made, at most.
MOST_ROWS, MOST_PASSES = 300, 100


class Importance(NamedTuple):
    """The importance of columns, the most important first.

    Attributes
    ----------
    names : list of str
    mean, std : arrays of shape (n_columns,)
        Of the loss in CRPS over repeated shuffles.
    """

    names: list[str]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]


def importance_of_columns(model: Pipeline, test: Table) -> Importance | None:
    """Return the importance of the columns that a pipeline reads.

    Parameters
    ----------
    model : Pipeline
    test : Table
        As read from the file.

    Returns
    -------
    importance : Importance or None
        None if there are too many columns.
    """
    rows = np.linspace(0, len(test) - 1, min(len(test), MOST_ROWS)).astype(int)
    some = test[rows]
    X: pd.DataFrame = model[0].transform(some.X)
    if X.shape[1] > MOST_PASSES:
        return None
    result = permutation_importance(
        model[1:],
        X,
        some.y,
        scoring=neg_crps_scorer,
        n_repeats=int(np.clip(MOST_PASSES // X.shape[1], 1, 5)),
        random_state=0,
    )
    order = np.argsort(-result.importances_mean, kind="stable")
    return Importance(
        [str(name) for name in X.columns[order]],
        result.importances_mean[order],
        result.importances_std[order],
    )
