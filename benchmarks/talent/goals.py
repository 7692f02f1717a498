"""What one of our methods reaches against the goals of accuracy and speed.

It reads the rows of ``run.py --suite accuracy``; for ``--method alone`` those of
``--suite called``.
"""

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import pandas as pd
from scipy.stats import binom

from talent import tables
from talent.datasets import LEFT_OUT

PUBLISHED = Path(__file__).parents[1] / "results" / "talent" / "published_rmse.csv"
RIVALS = ("ngboost", "quantile_forest", "catboost_quantiles")
SMALL = 1_000  # sets with fewer training rows are small
CHANCE = 0.025  # a coverage is too low if a true one of .9 gives a lower one less often
ROUNDING = 1e-9
ABOUT = (
    "Test part, in standard deviations of the training target; a figure is made of "
    "means over seeds, on the sets and seeds that all methods it names have; of our "
    "seeds, those run on the most sets. ± is the standard deviation of the same figure "
    "over single seeds. Of two sets that share rows one counts; "
    f"{' and '.join(sorted(LEFT_OUT))} are left out."
)
COLUMNS = ["what", "goal", "measured", "measured_se", "sets", "seeds", "met"]

# Scores, sets x methods, and the name of ours, to one figure.
Read = Callable[[pd.DataFrame, str], float]


class Goal(NamedTuple):
    """What is measured, on which sets, and where it should lie."""

    what: str
    score: str
    read: Read
    sets: Callable[[pd.DataFrame], list[str]]
    peers: tuple[str, ...] = ()
    low: float = -np.inf
    high: float = np.inf
    stretch: float | None = None

    def text(self) -> str:
        """Return where the figure should lie."""
        parts = [f">= {self.low:g}"] if np.isfinite(self.low) else []
        parts += [f"<= {self.high:g}"] if np.isfinite(self.high) else []
        parts += [f"stretch {self.stretch:g}"] if self.stretch is not None else []
        return ", ".join(parts)

    def met(self, value: float) -> str:
        """Return whether a figure lies there."""
        if not self.low <= value <= self.high:
            return "no"
        return "stretch" if self.stretch and value <= self.stretch else "yes"


# -- sets --------------------------------------------------------------------------


def dev_sets(frame: pd.DataFrame) -> list[str]:
    """Return the sets of the rows, without those that an average must not have."""
    return sorted(set(frame["data"]) - LEFT_OUT)


def small_sets(frame: pd.DataFrame) -> list[str]:
    """Return those of them with few training rows."""
    rows = tables.succeeded(frame).reindex(columns=["data", "n_train"])
    n_rows = rows.groupby("data")["n_train"].max()
    return [name for name in dev_sets(frame) if n_rows.get(name, SMALL) < SMALL]


# -- figures -----------------------------------------------------------------------


def mean(scores: pd.DataFrame, ours: str) -> float:
    """Return the mean of our score."""
    return float(scores[ours].mean())


def ratio(scores: pd.DataFrame, ours: str) -> float:
    """Return the geometric mean of our score over the best of the others."""
    return float(np.exp(np.log(scores[ours] / best_peer(scores, ours)).mean()))


def median_ratio(scores: pd.DataFrame, ours: str) -> float:
    """Return the median of our score over the best of the others."""
    return float((scores[ours] / best_peer(scores, ours)).median())


def near_90(scores: pd.DataFrame, ours: str) -> float:
    """Return the part of the sets on which our coverage is .87 to .93."""
    return float(scores[ours].between(0.87, 0.93).mean())


def wins(scores: pd.DataFrame, ours: str) -> float:
    """Return the part of the sets on which our score is lower than all others."""
    return float((scores[ours] < best_peer(scores, ours)).mean())


def total_ratio(scores: pd.DataFrame, ours: str) -> float:
    """Return our sum over the sets over the smallest of the others."""
    totals = scores.sum()
    return float(totals[ours] / np.min(totals.drop(ours)))


def best_peer(scores: pd.DataFrame, ours: str) -> pd.Series:
    """Return the lowest score of the others on each set."""
    return scores.drop(columns=ours).min(axis=1)


def rank_among(published: Path) -> Read:
    """Return what reads our mean rank among the published methods."""
    units = pd.read_csv(published).set_index("dataset")["train_target_std"]

    def rank(scores: pd.DataFrame, ours: str) -> float:
        rows = pd.DataFrame({"rmse_mean": scores[ours], "unit": units}).dropna()
        rows = rows.rename_axis("data").reset_index()
        rows = rows.assign(method=ours, seed=0, error=None)
        table = tables.published_ranking(rows, published)
        return float(table.loc[f"{ours} (here)", "average_rank"])

    return rank


# -- the table ---------------------------------------------------------------------


def goals(published: Path) -> list[Goal]:
    """Return the goals with a validation set."""
    rmse = "rmse_mean"
    return [
        *on_exact_sets(published, error=0.205, rank=3.5, stretch=2.5),
        *(
            Goal(f"RMSE / {peer}", rmse, ratio, dev_sets, (peer,), high=high)
            for peer, high in {
                "catboost": 0.95,
                "realmlp": 0.97,
                "lightgbm": 0.95,
            }.items()
        ),
        Goal("CRPS: sets won", "crps", wins, dev_sets, RIVALS, low=0.8),
        Goal("CRPS / best", "crps", ratio, dev_sets, RIVALS, high=0.9),
        Goal("90 % coverage", "coverage_90", mean, dev_sets, low=0.88, high=0.92),
        Goal(
            "seconds of fit / realmlp",
            "fit_s",
            total_ratio,
            dev_sets,
            ("realmlp",),
            high=1.0,
            stretch=0.5,
        ),
        Goal(
            f"RMSE / catboost, sets of < {SMALL:,} rows",
            rmse,
            ratio,
            small_sets,
            ("catboost",),
            high=1.0,
        ),
    ]


def on_exact_sets(
    published: Path, *, error: float, rank: float, stretch: float | None = None
) -> list[Goal]:
    """Return the goals on the sets whose published scores are of the same rows."""
    names = pd.read_csv(published)["dataset"].tolist()

    def exact(frame: pd.DataFrame) -> list[str]:
        return names

    return [
        Goal("RMSE, exact sets", "rmse_mean", mean, exact, high=error),
        Goal(
            "mean rank among published methods, exact sets",
            "rmse_mean",
            rank_among(published),
            exact,
            high=rank,
            stretch=stretch,
        ),
    ]


def goals_alone(published: Path | None = None) -> list[Goal]:
    """Return the goals of the default as users call it, ``fit(X, y)``.

    Those on the exact sets are among them if the published scores are given.
    """
    rmse, catboost = "rmse_mean", ("catboost_alone",)
    rivals = ("ngboost_alone", "quantile_forest_alone")
    return [
        Goal("RMSE / CatBoost", rmse, ratio, dev_sets, catboost, high=0.85),
        Goal("the same, median", rmse, median_ratio, dev_sets, catboost, high=0.95),
        Goal("RMSE: share of sets won", rmse, wins, dev_sets, catboost, low=0.79),
        Goal("CRPS / best of two rivals", "crps", ratio, dev_sets, rivals, high=0.77),
        Goal("CRPS: share of sets won", "crps", wins, dev_sets, rivals, low=0.9),
        Goal(
            "log score: share of sets better than NGBoost",
            "log_score",
            wins,
            dev_sets,
            rivals[:1],
            low=0.8,
        ),
        Goal(
            "90 % intervals: share of sets within .87 to .93",
            "coverage_90",
            near_90,
            dev_sets,
            low=0.9,
        ),
        Goal("conformal, mean", "conformal_90", mean, dev_sets, low=0.9),
        Goal(
            "conformal: share of sets not below .9 by more than chance",
            "conformal_is_fair",
            mean,
            dev_sets,
            low=1.0,
        ),
        Goal("seconds of fit / CatBoost", "fit_s", ratio, dev_sets, catboost, high=6.0),
        *(on_exact_sets(published, error=0.2, rank=3.0) if published else ()),
    ]


def with_chance(frame: pd.DataFrame) -> pd.DataFrame:
    """Add whether conformal intervals hold no fewer targets than chance allows."""
    if "conformal_90" not in frame:
        return frame
    fewest = binom.ppf(CHANCE, frame["n_test"], 0.9) / frame["n_test"]
    is_fair = (frame["conformal_90"] >= fewest - ROUNDING).astype(float)
    return frame.assign(conformal_is_fair=is_fair.where(frame["conformal_90"].notna()))


def measured(frame: pd.DataFrame, goals: Iterable[Goal], method: str) -> pd.DataFrame:
    """Return the table of goals for one of our methods; what is missing is said."""
    frame = with_chance(frame)
    table = [line(frame, goal, method) for goal in goals]
    return pd.DataFrame(table, columns=COLUMNS).set_index("what")


def line(frame: pd.DataFrame, goal: Goal, method: str) -> dict[str, object]:
    """Return the line of a goal."""
    said: dict[str, object] = {"what": goal.what, "goal": goal.text()}
    wanted = goal.sets(frame)
    try:
        rows = side_by_side(frame, (method, *goal.peers), goal.score, wanted)
    except LookupError as error:
        return {**said, "measured": str(error.args[0])}
    value = goal.read(tables.per_set(rows, goal.score), method)
    of_seeds = [
        goal.read(tables.per_set(own, goal.score), method)
        for _, own in rows.groupby("seed")
    ]
    return {
        **said,
        "measured": value,
        "measured_se": pd.Series(of_seeds).std(),
        "sets": f"{rows['data'].nunique()} of {len(wanted)}",
        "seeds": str(len(of_seeds)),
        "met": goal.met(value),
    }


def side_by_side(
    frame: pd.DataFrame, methods: tuple[str, ...], score: str, sets: list[str]
) -> pd.DataFrame:
    """Return the rows of the seeds and the sets that all methods have, ours first.

    Of our seeds, those run on the most sets; of seconds, those on one thread alone.
    LookupError says which method has no rows, or that the methods share none.
    """
    if not sets:
        raise LookupError("no such set")
    rows = tables.succeeded(frame).dropna(subset=[score])
    rows = rows[rows["method"].isin(methods) & rows["data"].isin(sets)]
    if score == "fit_s":
        rows = rows[rows["threads"] == 1]
    if absent := [name for name in methods if name not in set(rows["method"])]:
        raise LookupError(f"no rows of {', '.join(absent)}")
    rows = rows[rows["seed"].isin(main_seeds(frame, methods[0], sets))]
    seeds = rows.groupby("seed")["method"].nunique() == len(methods)
    rows = rows[rows["seed"].map(seeds).astype(bool)]
    complete = rows.groupby("data").size() == len(methods) * rows["seed"].nunique()
    rows = rows[rows["data"].map(complete).astype(bool)]
    if rows.empty:
        raise LookupError(f"no common seeds and sets of {', '.join(methods)}")
    return rows


def main_seeds(frame: pd.DataFrame, method: str, sets: list[str]) -> list[int]:
    """Return the seeds that a method was run with on the most of some sets."""
    runs = frame[(frame["method"] == method) & frame["data"].isin(sets)]
    counts = runs["seed"].value_counts()
    return sorted(counts[counts == counts.max()].index)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    options = argparse.ArgumentParser(description=__doc__)
    add = options.add_argument
    add("rows", type=Path, nargs="+", help="files that run.py has written")
    add("--method", default="default", metavar="NAME", help="which of ours")
    return options


def main() -> None:
    """Run the command line."""
    options = parser()
    args = options.parse_args()
    try:
        frame = tables.load(args.rows)
    except ValueError as error:
        options.error(str(error))
    wanted = (goals_alone if args.method == "alone" else goals)(PUBLISHED)
    table = measured(frame, wanted, args.method)
    print(f"## {args.method}\n\n{ABOUT}\n\n{tables.markdown(table)}")


if __name__ == "__main__":
    main()
