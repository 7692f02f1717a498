"""Predictions as lines of a CSV file."""

import csv
from collections.abc import Sequence
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from sklearn_genre import PredictiveDistribution


def write_predictions(
    file: TextIO,
    rows: NDArray[np.intp],
    dist: PredictiveDistribution,
    *,
    coverage: float,
    y: NDArray[np.float64] | None = None,
    quantiles: Sequence[float] = (),
) -> None:
    """Write one line for each row, in the order of the input.

    Parameters
    ----------
    file : text file
    rows : int array of shape (n,)
    dist : PredictiveDistribution
    coverage : float
        That of ``lower`` and ``upper``.
    y : array of shape (n,), default=None
        True targets, if they are known.
    quantiles : sequence of float, default=()
    """
    columns = {} if y is None else {"y_true": y}
    lower, upper = dist.interval(coverage).T
    columns |= {"mean": dist.mean(), "median": dist.median()}
    columns |= {"lower": lower, "upper": upper}
    if quantiles:
        values = dist.ppf(np.tile(quantiles, (len(dist), 1)))
        columns |= {f"q{q}": values[:, j] for j, q in enumerate(quantiles)}
    writer = csv.writer(file)
    writer.writerow(["row", *columns])
    table = np.column_stack(list(columns.values()))
    for i in np.argsort(rows, kind="stable"):
        writer.writerow([int(rows[i]), *table[i].tolist()])
