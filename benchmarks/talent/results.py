"""The tables, figures and verdicts of the page "Results", from the kept rows alone."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pandas as pd

from talent import goals, ratios, tables
from talent.ablation import CHOSEN_ON
from talent.claims import CLAIMS, RULE, Frames, judged
from talent.differences import crossed, differences
from talent.histories import ALONG, epochs, expanded
from talent.jobs import Row, rows_in
from talent.methods import FORMATS, OF_FORMATS, OF_WRITTEN, SUITES, WRITTEN
from talent.run import rough
from talent.scores import DRAWS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BENCHMARKS = Path(__file__).resolve().parents[1]
ROWS = BENCHMARKS / "results" / "talent"
PAGES = BENCHMARKS.parent / "docs" / "results"
# Beside the rows: RMSE of published methods on the sets of "published".
PUBLISHED = "published_rmse.csv"
# Methods of ours that are published ones.
PUBLISHED_TOO = {"linear": "LinearRegression", "catboost_tuned": "catboost"}
EXPERIMENTS = ("main", "bases", "curves", "tokenizers", "raft", "published")
# Files of rows about the default, beside those of the experiments.
ABOUT_DEFAULT = ("accuracy", "ablation")
OURS = "default"
RMSE = "rmse_mean"
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
ABOUT_COST = (
    "Hours of jobs, of which two ran at once: what `run.py --dry-run` says before the "
    "first row, and the sum over the rows."
)
ABOUT_ACCURACY = (
    f"{tables.UNIT} Means over seeds; of the seeds, those that `{OURS}` was run with "
    "on the most sets. The last line has geometric means over the sets that have both: "
    f"below 1, `{OURS}` has the smaller error."
)
ABOUT_ABLATION = (
    "Val part of TALENT's split; a fifth of the train part selects, and the test part "
    "is not read. Geometric means over sets of the ratio of a method's error, a mean "
    f"over seeds, to that of `{OURS}`: above 1, the ingredient helps. ± is the "
    f"standard error over sets. Methods within {tables.TIE:.1%} are tied. Seconds are "
    "summed over the sets."
)
# Tables by their captions.
Parts = dict[str, pd.DataFrame]


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    options = argparse.ArgumentParser(description=__doc__)
    add = options.add_argument
    add("--rows", type=Path, default=ROWS, metavar="DIR", help="of files NAME.jsonl")
    add("--out", type=Path, default=PAGES, metavar="DIR", help="of fragments, figures")
    add(
        "--published",
        type=Path,
        metavar="FILE",
        help=f"RMSE of published methods; by default {PUBLISHED} beside the rows",
    )
    return options


def frames_of(folder: Path) -> Frames:
    """Return the rows of the experiments that have some.

    Beside those of "curves" stands the state before fine-tuning, `base` of "main".
    Those of "Original #1" are in the folder above.
    """
    names = (*EXPERIMENTS, *ABOUT_DEFAULT)
    rows = {name: rows_in(folder / f"{name}.jsonl") for name in names}
    fits = {(row["data"], row["seed"]) for row in rows["curves"]}
    rows["curves"] = [
        row
        for row in rows["main"]
        if row["method"] == "base" and (row["data"], row["seed"]) in fits
    ] + rows["curves"]
    original1 = rows_in(folder.parent / "original1.jsonl")
    rows["original1"] = [
        of_original1(row, row["start"]) for row in at_best_rate(original1)
    ]
    rows["original1_rates"] = [
        of_original1(row, f"{row['rate']:g}")
        for row in original1
        if row["start"] == "pretrained"
    ]
    return {name: expanded(tables.framed(rows[name])) for name in rows if rows[name]}


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


def of_accuracy(frame: pd.DataFrame) -> Parts:
    """Return the errors and the CRPS of each method on each set."""
    return {
        "RMSE of the mean": ratios.on_sets(frame, RMSE, OURS),
        "CRPS": ratios.on_sets(frame, "crps", OURS),
        "Failures": tables.failures(frame),
    }


def of_ablation(frame: pd.DataFrame) -> Parts:
    """Return what the default is worth with an ingredient out or exchanged."""
    chosen = frame["data"].isin(CHOSEN_ON)
    return {
        f"Against `{OURS}`": ratios.exchanged(frame, OURS),
        f"Sets that `{OURS}` was chosen on": ratios.exchanged(frame[chosen], OURS),
        "Other sets": ratios.exchanged(frame[~chosen], OURS),
        "Failures": tables.failures(frame),
    }


def about_default(frames: Frames, published: Path) -> dict[str, str]:
    """Return the fragments of the rows about the default that are there."""
    found = {}
    if "accuracy" in frames:
        frame = frames["accuracy"]
        table = goals.measured(frame, goals.goals(published), OURS)
        found["goals"] = fragment(goals.ABOUT, {f"What `{OURS}` reaches": table})
        sets = goals.dev_sets(frame)
        rows = frame[frame["seed"].isin(goals.main_seeds(frame, OURS, sets))]
        found["accuracy"] = of_sets(ABOUT_ACCURACY, rows, of_accuracy)
    if "ablation" in frames:
        found["ablation"] = of_sets(ABOUT_ABLATION, frames["ablation"], of_ablation)
    return found


def of_sets(head: str, frame: pd.DataFrame, parts: Callable[..., Parts]) -> str:
    """Return a fragment of the sets that an average may have."""
    rows = frame[frame["data"].isin(goals.dev_sets(frame))]
    return fragment(f"{tables.counts(rows)}. {head}", parts(rows))


def cost(frames: Frames) -> pd.DataFrame:
    """Return the hours that jobs were estimated to take, and took."""
    table = []
    for name in EXPERIMENTS:
        if name not in frames:
            continue
        rows = frames[name][frames[name]["method"].isin(SUITES[name])]
        sizes = rows.groupby("data")["n_train"].transform("first")
        seconds = map(rough, rows["method"], sizes)
        table.append(
            {
                "experiment": name,
                "jobs": len(rows),
                "failed": int(rows["error"].count()),
                "estimated hours": sum(seconds) / 3600,
                "hours": rows["seconds"].sum() / 3600,
                "commits": ", ".join(sorted(rows["commit"].unique())),
            }
        )
    return pd.DataFrame(table).set_index("experiment")


TABLES: dict[str, Callable[[pd.DataFrame], Parts]] = {
    "main": of_main,
    "bases": of_bases,
    "curves": of_curves,
    "tokenizers": of_tokenizers,
    "raft": of_raft,
}


def fragment(head: str, parts: Parts) -> str:
    """Return a paragraph and tables with their captions, in Markdown."""
    shown = [
        f"**{caption}**\n\n{tables.markdown(table)}"
        for caption, table in parts.items()
        if len(table)
    ]
    return "\n\n".join([head, *shown]) + "\n"


def fragments(frames: Frames, published: Path) -> dict[str, str]:
    """Return the fragments by the names of their files, of the rows that are there."""
    found = {}
    made: dict[str, Callable[[pd.DataFrame], Parts]] = {
        **TABLES,
        "published": partial(of_published, path=published),
    }
    for name, parts in made.items():
        if name in frames:
            frame = frames[name]
            failed = {"Failures": tables.failures(frame)}
            found[name] = fragment(tables.about(frame), {**parts(frame), **failed})
    if "original1" in frames:
        parts = {**heads(frames["original1"]), **by_rate(frames["original1_rates"])}
        found["original1"] = fragment(ABOUT_ORIGINAL1, parts)
    found |= about_default(frames, published)
    verdicts = {paper: judged(claims, frames) for paper, claims in CLAIMS.items()}
    found["claims"] = fragment(RULE, verdicts)
    if set(EXPERIMENTS) & set(frames):
        found["cost"] = fragment(ABOUT_COST, {"Hours": cost(frames)})
    return found


def draw(frames: Frames, published: Path, folder: Path) -> None:
    """Write the figures that the rows have, and say which they do not."""
    from talent import figures

    made: dict[str, Callable[[pd.DataFrame], Figure]] = {
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
    for name, figure in made.items():
        experiment = name.partition("_")[0]
        try:
            if experiment in frames:
                figures.save(figure(frames[experiment]), folder / f"{name}.svg")
        except (ImportError, ValueError) as error:
            print(f"No figure {name}: {error}")


def main() -> None:
    """Run the command line."""
    options = parser()
    args = options.parse_args()
    published = args.published or args.rows / PUBLISHED
    try:
        frames = frames_of(args.rows)
        found = fragments(frames, published)
    except (OSError, ValueError) as error:
        options.error(str(error))
    args.out.mkdir(parents=True, exist_ok=True)
    for name, text in found.items():
        (args.out / f"{name}.md").write_text(text, encoding="utf-8")
    draw(frames, published, args.out)
    for name in (*EXPERIMENTS, *ABOUT_DEFAULT):
        if name not in frames:
            print(f"No {name}: {args.rows / name}.jsonl has no rows")


if __name__ == "__main__":
    main()
