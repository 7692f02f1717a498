"""The tables, figures and verdicts of the page "Results", from the kept rows alone."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pandas as pd
from papers import fragments as of_papers
from papers.claims import RULE, Frames, judged, summary
from papers.fragments import OURS, RMSE, Parts

from talent import goals, ratios, tables
from talent.ablation import CHOSEN_ON
from talent.histories import expanded
from talent.jobs import rows_in
from talent.methods import SUITES
from talent.run import rough

BENCHMARKS = Path(__file__).resolve().parents[1]
ROWS = BENCHMARKS / "results" / "talent"
PAGES = BENCHMARKS.parent / "docs" / "results"
# Beside the rows: RMSE of published methods on the sets of "published".
PUBLISHED = "published_rmse.csv"
EXPERIMENTS = ("main", "bases", "curves", "tokenizers", "raft", "published")
# Files of rows about the default, beside those of the experiments.
ABOUT_DEFAULT = (
    "accuracy",
    "ablation",
    "ablation_alone",
    "ablation_larger",
    "alone",
    "bag",
    "called",
    "ramps",
    "skewed",
    "speeds",
)
ABOUT_CALLED = (
    "TALENT's train and val parts together, `fit(X, y)`, the default of each package "
    "(the forest has 500 trees with leaves of at least five); the test part is "
    "scored. `alone` is `DecodingRegressor()`, `alone_four_kinds` the same with four "
    "kinds of members and fitted weights, `alone_patience_20` that when it waited for "
    "20 epochs, `alone_before` also without functions of ranks, and `alone_held_out` "
    "that with `cv=None`; the seconds of the last three hold the import of torch, four "
    "at least, and only those of `alone`, `catboost_alone` and `lightgbm_alone` are of "
    "one day. Ratios are geometric means over sets, ± their standard "
    "error; `n_train` is the train part alone. On the exact sets, the published "
    "methods train on the train part and select by the val part."
)
# Methods whose calibration is drawn.
CALIBRATED = {"alone_held_out": "a tenth held out", "alone": "folds"}
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
    f"standard error over sets. Methods within {tables.TIE:.1%} are tied. The ratio "
    "of seconds is a geometric mean, too."
)


ABOUT_ALONE = (
    "The train part of TALENT's split alone, `fit(X, y)`; the val part is scored, the "
    "test part not read. Geometric means over sets of the ratio of an error to that of "
    "`alone`, the default: above 1, the default is better. ± is the standard error "
    "over sets. The ratio of seconds is a geometric mean, too."
)


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
        of_papers.of_original1(row, row["start"])
        for row in of_papers.at_best_rate(original1)
    ]
    rows["original1_rates"] = [
        of_papers.of_original1(row, f"{row['rate']:g}")
        for row in original1
        if row["start"] == "pretrained"
    ]
    return {name: expanded(tables.framed(rows[name])) for name in rows if rows[name]}


def of_accuracy(frame: pd.DataFrame) -> Parts:
    """Return the errors and the CRPS of each method on each set."""
    return {
        "RMSE of the mean": ratios.on_sets(frame, RMSE, OURS),
        "CRPS": ratios.on_sets(frame, "crps", OURS),
        "Failures": tables.failures(frame),
    }


def of_ablation(frame: pd.DataFrame, ours: str = OURS) -> Parts:
    """Return what the default is worth with an ingredient out or exchanged."""
    chosen = frame["data"].isin(CHOSEN_ON)
    return {
        f"Against `{ours}`": ratios.exchanged(frame, ours),
        f"Sets that `{ours}` was chosen on": ratios.exchanged(frame[chosen], ours),
        "Other sets": ratios.exchanged(frame[~chosen], ours),
        "Failures": tables.failures(frame),
    }


def of_alone(frame: pd.DataFrame) -> Parts:
    """Return what parts of the default as users call it are worth."""
    return {
        "Against `alone`": ratios.exchanged(frame, "alone"),
        "RMSE of the mean": ratios.on_sets(frame, RMSE, "alone"),
        "CRPS": ratios.on_sets(frame, "crps", "alone"),
        "Coverage of 90 % intervals": ratios.on_sets(frame, "coverage_90", "alone"),
    }


def of_called(frame: pd.DataFrame, published: Path) -> Parts:
    """Return what the default reaches as users call it, over sets and on each."""
    others = frame[~frame["data"].isin(CHOSEN_ON)]
    return {
        "Goals": goals.measured(frame, goals.goals_alone(published), "alone"),
        "Goals, sets on which nothing was chosen": goals.measured(
            others, goals.goals_alone(), "alone"
        ),
        "Against `alone`": ratios.exchanged(frame, "alone"),
        "Against `alone`, sets on which nothing was chosen": ratios.exchanged(
            others, "alone"
        ),
        "RMSE of the mean": ratios.on_sets(frame, RMSE, "alone"),
        "CRPS": ratios.on_sets(frame, "crps", "alone"),
        "Coverage of 90 % intervals": ratios.on_sets(frame, "coverage_90", "alone"),
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
    of_exchanges = partial(of_ablation, ours="alone")
    for name in {"ablation_alone", "ablation_larger"} & frames.keys():
        found[name] = of_sets(ABOUT_ALONE, frames[name], of_exchanges)
    for name in {"alone", "ramps", "speeds", "skewed", "bag"} & frames.keys():
        found[name] = of_sets(ABOUT_ALONE, frames[name], of_alone)
    if "called" in frames:
        parts = partial(of_called, published=published)
        found["called"] = of_sets(ABOUT_CALLED, frames["called"], parts)
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
        **of_papers.TABLES,
        "published": partial(of_papers.of_published, path=published),
    }
    for name, parts in made.items():
        if name in frames:
            frame = frames[name]
            failed = {"Failures": tables.failures(frame)}
            found[name] = fragment(tables.about(frame), {**parts(frame), **failed})
    if "original1" in frames:
        errors = {
            **of_papers.heads(frames["original1"]),
            **of_papers.by_rate(frames["original1_rates"]),
        }
        found["original1"] = fragment(of_papers.ABOUT_ORIGINAL1, errors)
    found |= about_default(frames, published)
    verdicts = {
        paper: judged(claims, frames) for paper, claims in of_papers.CLAIMS.items()
    }
    found["claims"] = fragment(RULE, {"Verdicts": summary(verdicts)})
    for paper, table in verdicts.items():
        about = f"The claims of {paper}, and what the rows say of each."
        found[f"claims_{paper.lower()}"] = fragment(about, {"Claims": table})
    if set(EXPERIMENTS) & set(frames):
        found["cost"] = fragment(ABOUT_COST, {"Hours": cost(frames)})
    return found


def draw(frames: Frames, published: Path, folder: Path) -> None:
    """Write the figures that the rows have, and say which they do not."""
    try:
        from talent import figures
    except ImportError as error:
        print(f"No figures: {error}")
        return
    pits = partial(figures.pit, methods=CALIBRATED)
    for name, figure in {**of_papers.drawn(published), "called_pit": pits}.items():
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
