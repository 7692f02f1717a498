"""Tables of rows: means over sets, ranks, wins and losses, published ranks."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from talent.jobs import Row, rows_in
from talent.scores import DRAWS

# Scores of which larger is better; of all others smaller is.
LARGER = {"r2", "spearman"}
# Scores of the overview, as far as a method has them.
SCORES = (
    "rmse_mean",
    "rmse_median",
    "rmse_mode",
    "r2",
    "mae",
    "spearman",
    "crps",
    "log_score",
    "coverage_90",
    "width_90",
    "entropy",
    "w1",
    "w1_pooled",
    "rmse_greedy",
    "rmse_mean_of_32",
    "rmse_median_of_32",
    "digit_entropy",
    "outlier_rate",
    "fit_s",
    "predict_s",
    "peak_mb",
)
# Relative difference up to which two methods are tied on a set.
TIE = 0.001
UNIT = "Test part; lengths are in standard deviations of the training target."
# A method and a score of it.
Cell = tuple[str, str]


def load(paths: Iterable[Path]) -> pd.DataFrame:
    """Return the rows of some files; refuse a job that is there twice."""
    return framed([row for path in paths for row in rows_in(path)])


def framed(rows: list[Row]) -> pd.DataFrame:
    """Return rows as a frame; refuse a job that is there twice."""
    if not rows:
        raise ValueError("The files have no rows.")
    frame = pd.DataFrame(rows)
    for name in ("error", *SCORES):
        if name not in frame:
            frame[name] = None
    frame[list(SCORES)] = frame[list(SCORES)].astype(float)
    key = ["data", "method", "seed"]
    if (twice := frame[frame.duplicated(key)]).size:
        raise ValueError(
            f"Some jobs are there twice, such as {twice[key].iloc[0].tolist()}: give "
            "rows of one version and one number of threads."
        )
    return frame


def about(frame: pd.DataFrame) -> str:
    """Return what the numbers of a report mean, in one paragraph."""
    return (
        f"{counts(frame)}. {UNIT} A score is averaged over the sets "
        "on which all methods that have it succeeded; ± is the standard error over "
        f"seeds. Methods within {TIE:.1%} are tied."
    )


def counts(frame: pd.DataFrame) -> str:
    """Return how many rows, sets and seeds there are."""
    n_sets, n_seeds = frame["data"].nunique(), frame["seed"].nunique()
    return f"{len(frame)} rows, {n_sets} sets, {n_seeds} seed{'s' * (n_seeds != 1)}"


def succeeded(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows without an error."""
    return frame[frame["error"].isna()]


def per_set(frame: pd.DataFrame, score: str) -> pd.DataFrame:
    """Return means over the seeds, sets x methods, on sets that all methods have.

    Methods that never have the score are left out.
    """
    rows = succeeded(frame).dropna(subset=[score])
    table = rows.pivot_table(index="data", columns="method", values=score)
    order = [name for name in frame["method"].unique() if name in table]
    return table[order].dropna()


def standard_error(frame: pd.DataFrame, score: str, sets: Iterable[str]) -> pd.Series:
    """Return the standard error over seeds of each method's mean over the sets."""
    rows = succeeded(frame)
    rows = rows[rows["data"].isin(set(sets))]
    means = rows.groupby(["method", "seed"])[score].mean().unstack()
    return means.std(axis=1, ddof=1) / np.sqrt(means.notna().sum(axis=1))


def by_seed(frame: pd.DataFrame, cell: Cell) -> pd.DataFrame:
    """Return a score of a method, sets x seeds, on the sets that have every seed."""
    method, score = cell
    if score not in frame:
        return pd.DataFrame()
    here = (frame["method"] == method) & frame["error"].isna()
    rows = frame.loc[here, ["data", "seed", score]].dropna()
    return rows.pivot(index="data", columns="seed", values=score).dropna()


def seeds_error(values: pd.DataFrame) -> float:
    """Return the standard error over seeds of the mean over sets."""
    return sem(values.mean()) if len(values) else float("nan")


def sem(values: pd.Series) -> float:
    """Return the standard error of a mean."""
    return float(np.std(values, ddof=1) / np.sqrt(len(values)))


def overview(frame: pd.DataFrame, scores: Sequence[str] = SCORES) -> pd.DataFrame:
    """Return counts, and of each score the mean and its error; a row for each method.

    A score is averaged over the sets on which all methods that have it succeeded.
    """
    groups = frame.groupby("method", sort=False)
    columns = {
        "rows": groups.size(),
        "failed": groups["error"].count(),
        "sets": per_set(frame, scores[0]).count(),
    }
    for score in scores:
        means = per_set(frame, score)
        columns[score] = means.mean()
        columns[f"{score}_se"] = standard_error(frame, score, means.index)
        if score == scores[0]:
            columns[f"{score}_median"] = means.median()
    table = pd.DataFrame(columns).reindex(frame["method"].unique())
    table["sets"] = table["sets"].fillna(0).astype(int)
    return table.dropna(axis=1, how="all").rename_axis("method")


def ranks(frame: pd.DataFrame, score: str) -> pd.DataFrame:
    """Return the rank of each method on each set, 1 for the best."""
    return per_set(frame, score).rank(axis=1, ascending=score not in LARGER)


def against(frame: pd.DataFrame, score: str, reference: str) -> pd.DataFrame:
    """Return average ranks and the sets won, tied and lost against a method."""
    means = per_set(frame, score)
    if reference not in means:
        raise ValueError(
            f"{reference!r} has no row with {score}; there are {list(means)}."
        )
    sign = -1.0 if score in LARGER else 1.0
    table = []
    for method in means:
        gain = sign * (means[reference] - means[method])
        won, tied, lost = counted(gain, means[reference])
        table.append(
            {
                "method": method,
                "average_rank": ranks(frame, score)[method].mean(),
                "won": won,
                "tied": tied,
                "lost": lost,
                "mean_gain": gain.mean(),
                "wilcoxon_p": wilcoxon(gain),
            }
        )
    return pd.DataFrame(table).set_index("method").sort_values("average_rank")


def counted(gain: pd.Series, reference: pd.Series) -> tuple[int, int, int]:
    """Return on how many sets the gain is positive, tied and negative."""
    tied = gain.abs() <= TIE * reference.abs()
    better, worse = (gain[~tied] > 0).sum(), (gain[~tied] < 0).sum()
    return int(better), int(tied.sum()), int(worse)


def wilcoxon(gain: pd.Series) -> float:
    """Return the p-value of the signed-rank test over sets; NaN if all gains are 0."""
    return float(stats.wilcoxon(gain).pvalue) if gain.any() else float("nan")


def failures(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the jobs that failed and what they said."""
    failed = frame[frame["error"].notna()]
    return failed[["data", "method", "seed", "error"]].set_index("data")


def published_ranking(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Return the published methods and those of the rows by average rank.

    Those of the rows are means over seeds.
    """
    published = pd.read_csv(path).set_index("dataset")
    scale = published.pop("train_target_std")
    rows = succeeded(frame).assign(rmse=in_unit)
    own = per_set(rows, "rmse").round(4)  # as the published ones are
    sets = [name for name in published.index if name in own.index]
    if not sets:
        raise ValueError(f"The rows have no set of {path} that all methods have.")
    own = own.loc[sets].add_suffix(" (here)")
    joined = published.loc[sets].join(own)
    rank = joined.rank(axis=1)
    table = pd.DataFrame(
        {
            "average_rank": rank.mean(),
            "median_rank": rank.median(),
            "best_on": (rank == 1).sum(),
            "sets": len(sets),
            "mean_rmse_over_std": joined.div(scale.loc[sets], axis=0).mean(),
        }
    )
    return table.rename_axis("method").sort_values("average_rank")


def beside_published(
    frame: pd.DataFrame, path: Path, names: Mapping[str, str]
) -> pd.DataFrame:
    """Return our own runs of published methods beside what was published, by set.

    `names` are those of the published methods by ours.
    """
    published = pd.read_csv(path).set_index("dataset")
    rows = succeeded(frame).assign(rmse=in_unit)
    table = {}
    for ours, theirs in names.items():
        own = by_seed(rows, (ours, "rmse"))
        table[f"{theirs}, published"] = published[theirs].reindex(own.index)
        table[f"{ours}, here"] = own.mean(axis=1)
        table[f"{ours}, here_se"] = own.sem(axis=1)
        table[f"{ours} over published"] = own.mean(axis=1) / published[theirs]
    shown = pd.DataFrame(table).rename_axis("data")
    return shown[shown.index.isin(published.index)]


def beside_best(frame: pd.DataFrame, path: Path, method: str) -> pd.DataFrame:
    """Return the RMSE of one of ours on each set beside the best published one."""
    published = pd.read_csv(path).set_index("dataset")
    scale = published.pop("train_target_std")
    own = by_seed(succeeded(frame), (method, "rmse_mean"))
    own = own[own.index.isin(published.index)]
    theirs = published.loc[own.index]
    table = {
        method: own.mean(axis=1),
        f"{method}_se": own.sem(axis=1),
        "best published": theirs.min(axis=1) / scale.loc[own.index],
        "which is that of": theirs.idxmin(axis=1),
    }
    return pd.DataFrame(table).rename_axis("data")


def in_unit(rows: pd.DataFrame) -> pd.Series:
    """Return the RMSE of rows in the unit of the target."""
    return rows["rmse_mean"] * rows["unit"].astype(float)


def curves(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return best, mean and median of k draws, methods x k, means over the rows.

    They are over the sets on which all methods that have them succeeded.
    """
    found = {}
    for name in ("best", "mean", "median"):
        column = f"{name}_at_k"
        if column not in frame or frame[column].isna().all():
            continue
        rows = succeeded(frame).dropna(subset=[column])
        counts = rows.groupby("data")["method"].nunique()
        rows = rows[rows["data"].isin(counts[counts == counts.max()].index)]
        means = {
            method: np.mean(group[column].tolist(), axis=0)
            for method, group in rows.groupby("method", sort=False)
        }
        table = pd.DataFrame(means).T.rename_axis("method")
        table.columns = pd.Index(DRAWS)
        found[f"{name} of k draws"] = table
    return found


def markdown(table: pd.DataFrame) -> str:
    """Return a table in Markdown; a score stands with its error, nothing for NaN."""
    shown = table.reset_index()
    shown.columns = shown.columns.astype(str)
    names = [name for name in map(str, shown) if not name.endswith("_se")]
    lines = [names, ["---"] * len(names)]
    lines += [[cell(row, name) for name in names] for _, row in shown.iterrows()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(row: pd.Series, name: str) -> str:
    """Return the text of a cell, with its standard error if there is one."""
    value = row[name]
    if isinstance(value, str):
        return value.replace("|", "/").replace("\n", " ")
    if pd.isna(value):
        return ""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    error = row.get(f"{name}_se")
    return text if error is None or pd.isna(error) else f"{text} ± {error:.2g}"
