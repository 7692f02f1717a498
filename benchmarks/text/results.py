"""Tables, a figure and verdicts of the experiments on texts, from their kept rows."""

import argparse
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from rows import Row, read

KEPT = Path(__file__).resolve().parents[1] / "results" / "text"
DOCS = Path(__file__).resolve().parents[2] / "docs" / "results"
# A difference counts if a paired t test over the test samples says so at this level.
LEVEL = 0.05
COLUMNS = (
    "dev RMSE",
    "test RMSE",
    "Pearson",
    "Spearman",
    "CRPS",
    "entropy",
    "seconds of fit",
)
RULES = {
    "mean": "mean",
    "greedy": "greedy",
    "median": "median",
    "samples": "32 samples",
    "grid_1..5": "grid 1..5",
    "grid_1..5_normalised": "grid 1..5, normalised",
    "grid_0..5_normalised": "grid 0..5, normalised",
}
# What the papers say of two methods: better, and worse; with the outputs that are read.
CLAIMS = [
    ("raft", "mean", "cross_entropy", "mean", "RAFT beats cross-entropy with RAIL"),
    ("raft", "mean", "cross_entropy", "greedy", "RAFT beats standard fine-tuning"),
    ("raft", "mean", "head_linear", "mean", "RAFT beats a predictive head"),
    (
        "random_head",
        "mean",
        "random_raft",
        "mean",
        "from random weights a head beats RAFT",
    ),
    ("raft", "mean", "expected_error", "mean", "RAFT beats MBR training"),
    ("raft", "mean", "zero_shot", "mean", "RAFT beats RAIL without training"),
    (
        "cross_entropy",
        "mean",
        "cross_entropy",
        "greedy",
        "RAIL beats greedy decoding after cross-entropy",
    ),
    ("remax", "mean", "cross_entropy", "mean", "ReMax beats its start, by the mean"),
    ("remax", "greedy", "cross_entropy", "greedy", "ReMax beats its start, greedy"),
    ("crps", "mean", "raft", "mean", "CRPS beats RAFT (not of the papers)"),
]


# What is the same in runs that differ in the learning rate.
JOB = ("task", "trainable", "n_train", "method", "seed")


def best_rates(rows: list[Row]) -> list[Row]:
    """Return the rows of the learning rate that is best on the dev set."""
    of_job = defaultdict(list)
    for row in rows:
        job = (row[name] for name in JOB)
        of_job[tuple(job)].append(row)
    return [min(jobs, key=lambda row: row["dev_rmse"] or 0) for jobs in of_job.values()]


def lines_of(rows: list[Row], method: str) -> list[list[str]]:
    """Return the lines of a method: its prediction, and what else its digits say."""
    mine = [row for row in rows if row["method"] == method]
    lines = []
    for rule, label in RULES.items():
        if not all(f"rmse_{rule}" in row for row in mine):
            continue
        if rule not in ("mean", "greedy") and method not in SEVERAL_RULES:
            continue
        first = rule == "mean"
        numbers = [
            mean(mine, "dev_rmse") if first else "",
            mean(mine, f"rmse_{rule}"),
            mean(mine, f"pearson_{rule}", 3),
            mean(mine, f"spearman_{rule}", 3),
            mean(mine, "crps") if first else "",
            mean(mine, "digit_entropy", 2) if first else "",
            mean(mine, "fit_cpu_s", 0) if first else "",
        ]
        lines.append([method if first else "", label, *numbers])
    return lines


SEVERAL_RULES = ("zero_shot", "cross_entropy")


def mean(rows: list[Row], name: str, digits: int = 3) -> str:
    """Return the mean over seeds as a text."""
    values = [row[name] for row in rows if row.get(name) is not None]
    return f"{np.mean(values):.{digits}f}" if values else ""


def table(rows: list[Row]) -> list[str]:
    """Return a Markdown table of all methods, the best first."""
    methods = sorted(
        {row["method"] for row in rows},
        key=lambda name: np.mean([r["rmse_mean"] for r in rows if r["method"] == name]),
    )
    head = ["method", "read by", *COLUMNS]
    lines = [head, ["---"] * len(head)]
    for method in methods:
        lines += lines_of(rows, method)
    return ["| " + " | ".join(line) + " |" for line in lines]


def errors(rows: list[Row], method: str, rule: str) -> Any:
    """Return squared errors of each test sample, averaged over seeds, or None."""
    name = "squared_errors" + "_greedy" * (rule == "greedy")
    found = [row[name] for row in rows if row["method"] == method and name in row]
    return np.mean(found, axis=0) if found else None


def verdicts(rows: list[Row]) -> list[str]:
    """Return a table of the claims, each with its test."""
    from scipy.stats import ttest_rel

    lines = [
        "| claim | RMSE | against | p | verdict |",
        "| --- | --- | --- | --- | --- |",
    ]
    for better, rule, worse, other, claim in CLAIMS:
        a, b = errors(rows, better, rule), errors(rows, worse, other)
        if a is None or b is None:
            continue
        p = float(ttest_rel(a, b).pvalue) if (a != b).any() else 1.0
        held = "holds" if a.mean() < b.mean() else "the other way round"
        verdict = held if p < LEVEL else "no difference"
        roots = f"{np.sqrt(a.mean()):.3f} | {np.sqrt(b.mean()):.3f}"
        lines.append(f"| {claim} | {roots} | {p:.2g} | {verdict} |")
    return lines


def section(rows: list[Row], task: str, trainable: int) -> list[str]:
    """Return the tables of a task."""
    mine = [r for r in rows if r["task"] == task and r["trainable"] == trainable]
    if not mine:
        return []
    what = f"last {trainable} blocks" if trainable else "rows of digits alone"
    by_size = sizes(mine)
    largest = max(row["n_train"] for row in mine)
    mine = [row for row in mine if row["n_train"] == largest]
    seeds = len({row["seed"] for row in mine})
    title = f"### {task}, {what}"
    about = (
        f"{largest:,} training samples, {seeds} "
        f"{'seed' if seeds == 1 else 'seeds'}, {len(mine[0]['squared_errors']):,} test "
        f"samples; a constant has {mean(mine, 'constant')}."
    )
    parts = [table(mine), verdicts(mine), by_size, epochs(mine) if trainable else []]
    return [title, "", about, "", *(x for each in parts if each for x in [*each, ""])]


def sizes(rows: list[Row]) -> list[str]:
    """Return test errors by the number of training samples, of methods with several."""
    found = sorted({row["n_train"] for row in rows})
    if len(found) < 2:
        return []
    head = ["test RMSE, training samples", *(f"{size:,}" for size in found)]
    lines = [head, ["---"] * len(head)]
    for method in dict.fromkeys(row["method"] for row in rows):
        mine = [row for row in rows if row["method"] == method]
        if len({row["n_train"] for row in mine}) > 1:
            of_sizes = [[r for r in mine if r["n_train"] == size] for size in found]
            lines.append([method, *(mean(some, "rmse_mean") for some in of_sizes)])
    return ["| " + " | ".join(line) + " |" for line in lines]


def epochs(rows: list[Row]) -> list[str]:
    """Return the dev error before training of the blocks, and after each epoch."""
    n_epochs = max(row["max_epochs"] for row in rows)
    head = ["dev RMSE after epochs", *map(str, range(n_epochs + 1))]
    lines = [head, ["---"] * len(head)]
    for row in rows:
        curve = row["dev_curve"][-row["max_epochs"] - 1 :]
        numbers = [f"{error:.3f}" for error in curve]
        lines.append([row["method"], *numbers, *[""] * (n_epochs + 1 - len(curve))])
    return ["| " + " | ".join(line) + " |" for line in lines]


def sentences(rows: list[Row]) -> list[str]:
    """Return a table of STS-B on frozen embeddings."""
    if not rows:
        return []
    head = ["method", "seeds", "dev RMSE", "dev Pearson", "test RMSE", "Pearson"]
    head += ["Spearman", "CRPS", "seconds of fit"]
    lines = [head, ["---"] * len(head)]
    groups = defaultdict(list)
    for row in rows:
        groups[row["method"]].append(row)
    for method, group in sorted(
        groups.items(), key=lambda item: np.mean([r["dev"]["rmse"] for r in item[1]])
    ):
        parts = {part: [row[part] for row in group] for part in ("dev", "test")}
        lines.append(
            [
                method,
                str(len(group)),
                mean(parts["dev"], "rmse"),
                mean(parts["dev"], "pearson"),
                mean(parts["test"], "rmse"),
                mean(parts["test"], "pearson"),
                mean(parts["test"], "spearman"),
                mean(parts["test"], "crps"),
                mean(group, "fit_cpu_s", 0),
            ]
        )
    table = ["| " + " | ".join(line) + " |" for line in lines]
    return ["### stsb, frozen MiniLM embeddings", "", *table, ""]


def code_memory(rows: list[Row]) -> list[str]:
    """Return a table of the logarithm of peak memory from code."""
    if not rows:
        return []
    head = [
        "method",
        "features",
        "seeds",
        "read by",
        "test RMSE",
        "Spearman",
        "Kendall",
    ]
    lines = [head, ["---"] * len(head)]
    groups = defaultdict(list)
    for row in rows:
        for rule, values in row["scores"].items():
            groups[row["method"], row["features"], rule].append(values)
    for (method, features, rule), group in sorted(
        groups.items(), key=lambda item: -np.mean([v["spearman"] for v in item[1]])
    ):
        read_by = rule.replace("_", " ")
        numbers = [mean(group, name) for name in ("rmse", "spearman", "kendall")]
        lines.append([method, features, str(len(group)), read_by, *numbers])
    table = ["| " + " | ".join(line) + " |" for line in lines]
    about = f"{rows[0]['n_train']:,} training and {rows[0]['n_test']:,} test samples."
    return ["### code to peak memory", "", about, "", *table, ""]


def samples(rows: list[Row]) -> list[str]:
    """Return a table of what a prediction costs."""
    if not rows:
        return []
    columns = {
        "samples": "samples",
        "tree_ms": "tree, ms",
        "samples_ms": "samples, ms",
        "ratio": "ratio",
        "generate_ms": "generate of transformers, ms",
        "generate_ratio": "ratio",
        "samples_rmse_to_exact": "RMSE of the mean of samples to the exact mean",
    }
    lines = [[*columns.values()], ["---"] * len(columns)]
    lines += [[f"{row[name]:.3g}" for name in columns] for row in rows]
    table = ["| " + " | ".join(line) + " |" for line in lines]
    return [
        "### the exact tree against samples (stsb, untouched model)",
        "",
        *table,
        "",
    ]


def fragment(path: Path) -> str:
    """Return the tables of all experiments on texts.

    Parameters
    ----------
    path : Path
        Rows of the language models; those of the others are in the same folder.
    """
    rows = best_rates(read(path))
    kinds = dict.fromkeys((row["task"], row["trainable"]) for row in rows)
    lines = [line for kind in kinds for line in section(rows, *kind)]
    lines += sentences(read(path.with_name("sentences.jsonl")))
    lines += code_memory(read(path.with_name("code_memory.jsonl")))
    lines += samples(read(path.with_name("samples.jsonl")))
    return "\n".join(lines)


def main() -> None:
    """Write the fragment of the page "Language models"."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=Path, default=KEPT / "language_models.jsonl")
    options.add_argument("--out", type=Path, default=DOCS / "language_models.md")
    arguments = options.parse_args()
    text = fragment(arguments.rows)
    arguments.out.write_text(text, encoding="utf-8")
    print(f"{arguments.out.name}: {text.count('###')} tables")


if __name__ == "__main__":
    main()
