"""Figures of rows."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from talent.histories import fine_tuned
from talent.tables import curves, per_set, ranks

# Training samples up to which a dataset is small, and of medium size.
SIZES = (500, 1000)

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
    drawn = scikit_posthocs.critical_difference_diagram(
        on_sets.mean(), p_values, ax=axes
    )
    for (line,) in drawn["crossbars"]:
        line.set_xdata(sorted(line.get_xdata()))  # whose order is that of a set
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
        axes.plot(ratio[method], np.full(len(ratio), place), "C0o", alpha=0.4, ms=4)
        axes.plot(ratio[method].median(), place, "k|", ms=14)
    axes.axvline(1.0, color="grey", lw=1)
    axes.set_yticks(range(len(order)), order)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(NullLocator())
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
    """Error, entropy of the digits and W1 of a draw in each epoch of fine-tuning.

    Faint: each fit; strong: the geometric mean of the fits.
    """
    if "history" not in frame:
        raise ValueError("no row has a history.")
    rows = frame.dropna(subset=["history"])
    names = ["validation_rmse", "digit_entropy", "wasserstein1"]
    figure, panels = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
    for color, (method, group) in enumerate(rows.groupby("method", sort=False)):
        fits = [fine_tuned(history).set_index("epoch") for history in group["history"]]
        for axes, name in zip(panels, names, strict=True):
            ratios = pd.concat([fit[name] / fit[name].iloc[0] for fit in fits], axis=1)
            axes.plot(ratios.index, ratios, f"C{color}", alpha=0.2, lw=0.7)
            mean = np.exp(np.log(ratios.dropna()).mean(axis=1))
            axes.plot(mean.index, mean, f"C{color}", label=method)
    for axes, name in zip(panels, names, strict=True):
        axes.set_title(name)
        axes.set_xlabel("epoch")
    panels[0].set_ylabel("over that before fine-tuning")
    panels[-1].legend(fontsize="small")
    return figure


def lines(panels: dict[str, pd.DataFrame]) -> Figure:
    """Draw tables of means and their errors: a line for each row of a table."""
    figure, grid = plt.subplots(
        1, len(panels), figsize=(5 * len(panels), 4), layout="constrained"
    )
    for axes, (title, table) in zip(np.atleast_1d(grid), panels.items(), strict=True):
        columns = [name for name in table if not str(name).endswith("_se")]
        errors = table[[f"{name}_se" for name in columns]]
        for method, means, error in zip(
            table.index, table[columns].values, errors.values, strict=True
        ):
            axes.errorbar(
                columns, means, error, marker=".", capsize=3, label=str(method)
            )
        axes.set_title(title)
    axes.legend(fontsize="small")
    return figure


def ranking(table: pd.DataFrame) -> Figure:
    """Average ranks among published methods, our own in another colour."""
    ordered = table["average_rank"].sort_values(ascending=False)
    colors = ["C1" if name.endswith("(here)") else "C0" for name in ordered.index]
    figure, axes = plt.subplots(
        figsize=(7, 1 + 0.2 * len(ordered)), layout="constrained"
    )
    axes.scatter(ordered, range(len(ordered)), c=colors)
    axes.set_yticks(range(len(ordered)), ordered.index)
    axes.set_xlabel("average rank")
    axes.grid(axis="x", alpha=0.3)
    return figure


def pit(frame: pd.DataFrame, methods: dict[str, str]) -> Figure:
    """Histograms of F(y), the probability integral transform, by training set size.

    Faint: each dataset that all methods have; strong: their mean. Calibrated
    distributions have a flat one.
    """
    if "pit" not in frame:
        raise ValueError("no row has one.")
    rows = frame[frame["method"].isin(methods)].dropna(subset=["pit"])
    n_methods = rows.groupby("data")["method"].transform("nunique")
    rows = rows[n_methods == len(methods)]
    edges = [0, *SIZES, np.inf]
    figure, grid = plt.subplots(
        len(methods),
        len(edges) - 1,
        figsize=(9, 2.4 * len(methods)),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for panels, (method, label) in zip(grid, methods.items(), strict=True):
        of_method = rows[rows["method"] == method]
        for axes, low, high in zip(panels, edges[:-1], edges[1:], strict=True):
            some = of_method[of_method["n_train"].between(low, high, inclusive="right")]
            counts = some.groupby("data")["pit"].agg(lambda c: np.sum([*c], axis=0))
            axes.axhline(1, color="grey", lw=0.8)
            size = f"to {high:,.0f}" if np.isfinite(high) else f"more than {low:,.0f}"
            size = f"{low + 1:,.0f} {size}" if low and np.isfinite(high) else size
            axes.set_title(f"{label}, {size} samples", fontsize="small")
            if not len(counts):
                continue
            bars = np.array([*counts], dtype=float)
            bars *= bars.shape[1] / bars.sum(axis=1, keepdims=True)
            places = (np.arange(bars.shape[1]) + 0.5) / bars.shape[1]
            axes.plot(places, bars.T, color="C0", alpha=0.25, lw=0.8)
            axes.bar(
                places, bars.mean(axis=0), 1 / bars.shape[1], color="C0", alpha=0.5
            )
        panels[0].set_ylabel("density")
    grid[0, 0].set_ylim(0, 3)
    for axes in grid[-1]:
        axes.set_xlabel("F(y)")
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a figure, the same bytes for the same rows, and close it."""
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


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
