"""The results of a run."""

from dataclasses import dataclass

import pandas as pd
from sklearn.pipeline import Pipeline

from sklearn_genre import PredictiveDistribution
from sklearn_genre.cli._table import Table


@dataclass(frozen=True)
class Run:
    """The results of a run.

    Attributes
    ----------
    summary : str
    notes : list of str
    columns : DataFrame
        What was read.
    scores : dict
        The scores of each method.
    model : Pipeline
    raw, test : Table
        The held-out rows, as in the file and as the regressor reads them.
    dist : PredictiveDistribution
        Its predictions of them.
    """

    summary: str
    notes: list[str]
    columns: pd.DataFrame
    scores: dict[str, list[float | None]]
    model: Pipeline
    raw: Table
    test: Table
    dist: PredictiveDistribution
