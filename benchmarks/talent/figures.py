"""Figures of rows."""

from collections.abc import Callable
from importlib.util import find_spec

import matplotlib
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from talent.tables import curves, per_set, ranks

matplotlib.use("svg")
# The same rows give the same file.
matplotlib.rcParams["svg.hashsalt"] = "sklearn_genre"


def critical_difference(frame: pd.DataFrame, score: str, reference: str) -> Figure:
    """Average ranks; bars join methods that the Nemenyi test does not tell apart."""
    import scikit_posthocs

    on_sets = ranks(frame, score)
    if len(on_sets) < 2 or on_sets.shape[1] < 3:
        raise ValueError("it takes three methods and two sets.")
    p_values = scikit_posthocs.posthoc_nemenyi_friedman(per_set(frame, score))
    height = 1.5 + 0.2 * on_sets.shape[1]
    figure, axes = plt.subplots(figsize=(9, height), layout="constrained")
    scikit_posthocs.critical_difference_diagram(on_sets.mean(), p_values, ax=axes)
    axes.set_title(f"Average rank by {score} on {len(on_sets)} sets, Nemenyi at 0.05")
    return figure


def relative(frame: pd.DataFrame, score: str, reference: str) -> Figure:
    """Each method's score over that of the reference, a dot for each set."""
    means = per_set(frame, score)
    if reference not in means or means.shape[1] < 2:
        raise ValueError(f"it takes {reference!r} and another method.")
    ratio = means.div(means[reference], axis=0).drop(columns=reference)
    order = ratio.median().sort_values(ascending=False).index
    figure, axes = plt.subplots(
        figsize=(8, 1.2 + 0.3 * len(order)), layout="constrained"
    )
    for place, method in enumerate(order):
        axes.plot(ratio[method], np.full(len(ratio), place), "o", alpha=0.4, ms=4)
        axes.plot(ratio[method].median(), place, "k|", ms=14)
    axes.axvline(1.0, color="grey", lw=1)
    axes.set_yticks(range(len(order)), order)
    axes.set_xscale("log")
    axes.set_xlabel(f"{score} over that of {reference}; bar: median of the sets")
    return figure


def at_k(frame: pd.DataFrame, score: str, reference: str) -> Figure:
    """Error of the best, the mean and the median of k draws."""
    found = curves(frame)
    if not found:
        raise ValueError("no row has them.")
    figure, panels = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
    for axes, (name, table) in zip(panels, found.items(), strict=True):
        for method, errors in table.iterrows():
            axes.plot(table.columns, errors, marker=".", label=method)
        axes.set_xscale("log", base=2)
        axes.set_title(name)
        axes.set_xlabel("k")
    panels[0].set_ylabel("RMSE over the target's standard deviation")
    panels[-1].legend(fontsize="small")
    return figure


def training(frame: pd.DataFrame, score: str, reference: str) -> Figure:
    """Error, entropy of the digits and W1 of a draw in each epoch of fine-tuning."""
    if "history" not in frame:
        raise ValueError("no row has a history.")
    rows = frame.dropna(subset=["history"])
    names = ["validation_rmse", "digit_entropy", "wasserstein1"]
    figure, panels = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
    for color, (method, group) in enumerate(rows.groupby("method", sort=False)):
        lines = [fine_tuned(history) for history in group["history"]]
        label = str(method)
        for line in lines:
            for axes, name in zip(panels, names, strict=True):
                values = line[name] / line[name].iloc[0]
                axes.plot(line["epoch"], values, f"C{color}", alpha=0.5, label=label)
            label = "_"
    for axes, name in zip(panels, names, strict=True):
        axes.set_title(f"{name} over that before fine-tuning")
        axes.set_xlabel("epoch")
    panels[-1].legend(fontsize="small")
    return figure


def fine_tuned(history: dict[str, list[object]]) -> pd.DataFrame:
    """Return the rows of fine-tuning, the one before it first."""
    table = pd.DataFrame(history)
    return table[table["stage"] == "fine_tuning"]


FIGURES: dict[str, Callable[[pd.DataFrame, str, str], Figure]] = {
    "relative": relative,
    "at_k": at_k,
    "training": training,
    **(
        {"critical_difference": critical_difference}
        if find_spec("scikit_posthocs")
        else {}
    ),
}
