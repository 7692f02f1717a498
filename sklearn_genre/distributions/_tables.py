"""A predictive distribution as a table: a data frame, or HTML for notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from sklearn_genre._checks import as_probabilities

if TYPE_CHECKING:
    from sklearn_genre.distributions._predictive import PredictiveDistribution

# Rows that a notebook shows.
SHOWN = 5
ENTRY = "padding:0.2em 0.8em;text-align:right"
TABLE = (  # colours are those of the page, dark or light
    "color:inherit;border-collapse:collapse;font-variant-numeric:tabular-nums"
)
LINE = "border-bottom:1px solid currentColor"


def frame_of(dist: PredictiveDistribution, quantiles: ArrayLike, index: Any) -> Any:
    """Return a pandas frame with one row for each prediction."""
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            "to_frame makes a pandas data frame and pandas is not installed; install "
            "pandas, or call mean(), std(), median() and ppf() for arrays."
        ) from error
    levels = np.atleast_1d(as_probabilities(quantiles, "quantiles"))
    if levels.ndim != 1:
        raise ValueError(f"quantiles must have shape (k,); got shape {levels.shape}.")
    if index is not None and not hasattr(index, "__len__"):
        raise TypeError(f"index must hold labels; got {type(index).__name__}.")
    if index is not None and len(index) != len(dist):
        raise ValueError(
            f"index must hold {len(dist)} labels, one for each row; got {len(index)}."
        )
    return pd.DataFrame(
        np.column_stack([dist.mean(), dist.std(), dist.ppf([[0.5, *levels]])]),
        columns=["mean", "std", "median", *map(percent, levels)],
        index=index,
    )


def html_of(dist: PredictiveDistribution) -> str:
    """Return the first rows as an HTML table in the colours of the page."""
    first = dist[:SHOWN]
    table = np.column_stack([first.mean(), first.std(), first.ppf([[0.05, 0.5, 0.95]])])
    head = "".join(
        f'<th scope="col" style="{ENTRY};{LINE}">{name}</th>'
        for name in ["row", "mean", "std", "5%", "50%", "95%"]
    )
    body = "".join(
        f'<tr><th scope="row" style="{ENTRY}">{row}</th>'
        + "".join(f'<td style="{ENTRY}">{number:.6g}</td>' for number in numbers)
        + "</tr>"
        for row, numbers in enumerate(table)
    )
    return (
        f"<div><div><code>{dist!r}</code></div>"
        f'<table style="{TABLE}">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        f"<small>the first {len(first)} of {len(dist)} rows</small></div>"
    )


def percent(level: float) -> str:
    """Return the name of a quantile: 5% of 0.05."""
    return f"{100 * level:.10g}%"
