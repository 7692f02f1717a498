"""Errors of methods as multiples of those of a reference, over the sets of both."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from talent.tables import counted, sem, succeeded


class Ratio(NamedTuple):
    """A geometric mean over sets, and its standard error over them."""

    value: float
    error: float  # in the unit of the value


def ratio(values: pd.Series) -> Ratio:
    """Return the geometric mean of the values that are there."""
    logs = values.dropna().apply(np.log)
    value = float(np.exp(logs.mean()))
    return Ratio(value, value * sem(logs))


def beside(frame: pd.DataFrame, score: str, methods: tuple[str, str]) -> pd.DataFrame:
    """Return a score of two methods on the sets that have both, sets x 2.

    They are means over the seeds that both have on a set.
    """
    rows = succeeded(frame)
    keyed = rows.set_index(["data", "seed"])[score]
    columns = [keyed[(rows["method"] == method).to_numpy()] for method in methods]
    pairs = pd.concat(columns, axis=1, keys=("first", "second")).dropna()
    return pairs.groupby(level="data").mean()


def moved(frame: pd.DataFrame, score: str, methods: tuple[str, str]) -> Ratio:
    """Return the ratio of the second method to the first over their sets."""
    pairs = beside(frame, score, methods)
    return ratio(pairs["second"] / pairs["first"])


def exchanged(frame: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Return what each method multiplies the errors of a reference by.

    The reference has a line; a method that shares no set with it has none. The method
    with the largest error comes first.
    """
    lines = [
        exchange(frame, reference, method)
        for method in frame["method"].unique()
        if len(beside(frame, "rmse_mean", (reference, method)))
    ]
    if not lines:
        return pd.DataFrame()
    table = pd.DataFrame(lines).set_index("method")
    return table.sort_values("rmse_ratio", ascending=False, kind="stable")


def exchange(frame: pd.DataFrame, reference: str, method: str) -> dict[str, object]:
    """Return the line of a method."""
    methods = (reference, method)
    errors = beside(frame, "rmse_mean", methods)
    rmse, crps = (moved(frame, score, methods) for score in ("rmse_mean", "crps"))
    better, _, _ = counted(errors["second"] - errors["first"], errors["first"])
    return {
        "method": method,
        "rmse_ratio": rmse.value,
        "rmse_ratio_se": rmse.error,
        "rmse_median": float((errors["second"] / errors["first"]).median()),
        "crps_ratio": crps.value,
        "crps_ratio_se": crps.error,
        f"{reference} better on": better,
        "sets": len(errors),
        "coverage_90": float(beside(frame, "coverage_90", methods)["second"].mean()),
        "fit_s_ratio": moved(frame, "fit_s", methods).value,
    }


def on_sets(frame: pd.DataFrame, score: str, reference: str) -> pd.DataFrame:
    """Return a score by sets and methods, and below it the ratios of a reference.

    Sets come by their training rows. Values are means over seeds; a ratio is that of
    the reference to a method over the sets that have both.
    """
    rows = succeeded(frame).dropna(subset=[score])
    wide = rows.pivot_table(index="data", columns="method", values=score, sort=False)
    if reference not in wide:
        return pd.DataFrame()
    wide = wide[[reference, *wide.columns.drop(reference)]]
    sizes = rows.groupby("data")["n_train"].max().astype(int)
    ordered = wide.loc[sizes.reset_index().sort_values(["n_train", "data"])["data"]]
    both = ordered.notna().mul(ordered[reference].notna(), axis=0)
    below = {
        "sets of both": both.sum().astype(float),
        f"{reference} / method": {
            name: ratio(wide[reference] / wide[name]).value for name in wide
        },
    }
    table = pd.concat([ordered, pd.DataFrame(below).T])
    table.insert(0, "n_train", sizes.reindex(table.index).astype("Int64"))
    return table.rename_axis("data")
