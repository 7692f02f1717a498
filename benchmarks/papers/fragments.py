"""The tables and figures of the papers' experiments, of the rows of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from talent import tables
from talent.differences import crossed, differences
from talent.histories import ALONG, epochs
from talent.jobs import Row
from talent.scores import DRAWS

from papers import genre, raft
from papers.suites import FORMATS, OF_FORMATS, OF_WRITTEN, SUITES, WRITTEN

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIMS = {"GenRe": genre.CLAIMS, "RAFT": raft.CLAIMS}
RMSE = "rmse_mean"
OURS = "default"
# Methods of ours that are published ones.
PUBLISHED_TOO = {"linear": "LinearRegression", "catboost_tuned": "catboost"}
# Rules of inference by the scores of what they predict, and whose they are.
RULES = {
    "greedy": "rmse_greedy",
    "mode": "rmse_mode",
    "median of 32 samples": "rmse_median_of_32",
    "mean of 32 samples": "rmse_mean_of_32",
    "exact mean": RMSE,
}
OF_RULES = ("untrained", "base", "raft")
OF_GRIDS = (
    "raft_two_ends",
    "raft_max_only",
    "raft_coarse",
    "raft_coarse_normalized",
    "raft_reversed",
    "raft_learnable",
    "raft_log",
    "expected_error",
)
OF_ENTROPY = ("raft", "raft_learnable", "raft_log", "expected_error")
# Starts of RAFT and of heads, and the names of methods that do not say theirs.
STARTS = ("pretrained", "random")
STARTED = {"raft": "raft_pretrained", "pointwise": "linear_random"}
ABOUT_ORIGINAL1 = (
    "Test part; targets in [0, 9]; means over seeds, ± is their standard error. Each "
    "method at the learning rate, of those in the rows, of its lowest validation RMSE."
)
# Tables by their captions.
Parts = dict[str, pd.DataFrame]


def of_original1(row: Row, ending: str) -> Row:
    """Return a row of "Original #1" as those of the experiments are."""
    return {
        "data": "Original #1",
        "method": f"{row['method']}_{ending}",
        "seed": row["seed"],
        "rmse_mean": row["rmse"],
    }


def by_rate(frame: pd.DataFrame) -> Parts:
    """Return the errors of each method at each learning rate."""
    names = [name.rpartition("_")[::2] for name in frame["method"].unique()]
    cells = {
        method: {
            f"at {rate}": (f"{method}_{rate}", RMSE)
            for rate in dict.fromkeys(rate for _, rate in names)
        }
        for method in dict.fromkeys(method for method, _ in names)
    }
    return {"From the pretrained decoder, RMSE by learning rate": crossed(frame, cells)}


def at_best_rate(rows: list[Row]) -> list[Row]:
    """Return the rows of the learning rate that validation prefers, by method."""
    if not rows:
        return []
    frame = pd.DataFrame(rows)
    keys = [frame["method"] + frame["start"], frame["rate"]]
    score = frame["validation_rmse"].groupby(keys).transform("mean")
    return [
        row
        for row, is_best in zip(
            rows, score == score.groupby(keys[0]).transform("min"), strict=True
        )
        if is_best
    ]


def of_main(frame: pd.DataFrame) -> Parts:
    """Return errors, distributions, comparison with Base, epochs, each set."""
    errors = ["rmse_mean", "rmse_median", "rmse_mode", "r2", "spearman"]
    shapes = ["crps", "coverage_90", "width_90", "entropy", "w1"]
    gains = differences(frame, RMSE, against("base", frame["method"].unique()))
    ranks = tables.against(frame, RMSE, "base")[["average_rank", "wilcoxon_p"]]
    return {
        "Errors of the mean, the median and the mode": tables.overview(frame, errors),
        "Distributions": tables.overview(frame, shapes).drop(columns=["rows", "sets"]),
        "RMSE of the mean against `base`, by rank": ranks.join(gains),
        "The epoch that validation kept": epochs(frame),
        "RMSE of the mean on each set": tables.per_set(frame, RMSE),
    }


def against(reference: str, names: Iterable[str]) -> list[tuple[str, str]]:
    """Return pairs of a reference and each other method."""
    return [(reference, name) for name in names if name != reference]


def of_bases(frame: pd.DataFrame) -> Parts:
    """Return objectives x formats, and each objective against Base in its format."""
    formats = [f"{base}x{length}" for base, length in FORMATS]
    parts = {
        caption: crossed(
            frame,
            {
                method: {written: (f"{method}_{written}", score) for written in formats}
                for method in OF_FORMATS
            },
        )
        for caption, score in {"R2": "r2", "RMSE of the mean": RMSE}.items()
    }
    pairs = [
        (f"base_{written}", f"{method}_{written}")
        for method in OF_FORMATS
        for written in formats
        if method != "base"
    ]
    return {**parts, "RMSE of the mean against `base`": differences(frame, RMSE, pairs)}


def of_curves(frame: pd.DataFrame) -> Parts:
    """Return best, mean and median of k draws, and the course of fine-tuning."""
    methods = SUITES["curves"]
    draws = {
        f"RMSE of the {name} of k draws": crossed(
            frame,
            {
                method: {f"k = {k}": (method, f"{name}_at_{k}") for k in DRAWS}
                for method in ("base", *methods)
            },
        )
        for name in ("best", "mean", "median")
    }
    course = {
        f"Validation part {words}": crossed(
            frame,
            {
                method: {name: (method, f"{when}_{name}") for name in ALONG}
                for method in methods
            },
        )
        for when, words in {
            "before": "before fine-tuning",
            "after": "after the last epoch, whichever was kept",
        }.items()
    }
    return {**draws, **course, "The epoch that validation kept": epochs(frame)}


def of_tokenizers(frame: pd.DataFrame) -> Parts:
    """Return formats and transforms x objectives, and what each gains."""
    endings = {"normalized": "", **{name: f"_{name}" for name in WRITTEN}}
    parts = {
        caption: crossed(
            frame,
            {
                written: {method: (method + ending, score) for method in OF_WRITTEN}
                for written, ending in endings.items()
            },
        )
        for caption, score in {
            "RMSE of the mean": RMSE,
            "RMSE of the median": "rmse_median",
            "CRPS": "crps",
            "Rate of outliers": "outlier_rate",
        }.items()
    }
    pairs = against("base", [f"base{ending}" for ending in endings.values()])
    pairs += [(f"base{ending}", f"remax{ending}") for ending in endings.values()]
    return {**parts, "RMSE of the mean, gains": differences(frame, RMSE, pairs)}


def of_raft(frame: pd.DataFrame) -> Parts:
    """Return inference rules, heads, grids and losses, epochs and entropies."""
    rules = {
        rule: {method: (method, score) for method in OF_RULES}
        for rule, score in RULES.items()
    }
    named = frame.assign(method=frame["method"].replace(STARTED))
    of_heads = named[named["method"].str.endswith(STARTS)]
    entropies = differences(frame, "string_entropy", against("base", OF_ENTROPY))
    names = {"gain": "fall", "gain_se": "fall_se", "better": "fell", "worse": "rose"}
    return {
        "RMSE by the rule of inference": crossed(frame, rules),
        **heads(of_heads),
        "Grids, weights and losses: RMSE against `raft`": differences(
            frame, RMSE, against("raft", OF_GRIDS)
        ),
        "The epoch that validation kept": epochs(of_heads),
        "Entropy of the number in nats": entropies.rename(columns=names),
    }


def heads(frame: pd.DataFrame) -> Parts:
    """Return RAFT and heads x starts, and RAFT against each from the same start."""
    names = [
        name
        for name in frame["method"].str.rpartition("_")[0].unique()
        if name != "raft"
    ]
    cells = {
        name: {start: (f"{name}_{start}", RMSE) for start in STARTS}
        for name in ("raft", *names)
    }
    pairs = [(f"{name}_{start}", f"raft_{start}") for start in STARTS for name in names]
    return {
        "RAFT and predictive heads: RMSE": crossed(frame, cells),
        "What RAFT gains on each head": differences(frame, RMSE, pairs),
    }


def of_published(frame: pd.DataFrame, path: Path) -> Parts:
    """Return our place among published methods, and our runs of two of them."""
    own = frame[frame["method"] == OURS]
    return {
        "Among published methods": tables.published_ranking(own, path),
        "The default and the best published method on each set": tables.beside_best(
            own, path, OURS
        ),
        "RMSE of published methods and of our own runs of them": (
            tables.beside_published(frame, path, PUBLISHED_TOO)
        ),
    }


TABLES: dict[str, Callable[[pd.DataFrame], Parts]] = {
    "main": of_main,
    "bases": of_bases,
    "curves": of_curves,
    "tokenizers": of_tokenizers,
    "raft": of_raft,
}


def drawn(published: Path) -> dict[str, Callable[[pd.DataFrame], Figure]]:
    """Return how each figure is made of the rows of the experiment it begins with."""
    from talent import figures

    return {
        "main_ranks": lambda rows: figures.critical_difference(rows, RMSE, "base"),
        "main_relative": lambda rows: figures.relative(rows, RMSE, "base"),
        "bases_lines": lambda rows: figures.lines(
            {name: of_bases(rows)[name] for name in ("R2", "RMSE of the mean")}
        ),
        "curves_at_k": lambda rows: figures.at_k(rows, RMSE, "base"),
        "curves_training": lambda rows: figures.training(rows, RMSE, "base"),
        "tokenizers_relative": lambda rows: figures.relative(rows, RMSE, "base"),
        "raft_relative": lambda rows: figures.relative(rows, RMSE, "base"),
        "published_ranks": lambda rows: figures.ranking(
            of_published(rows, published)["Among published methods"]
        ),
    }
