"""Predict the peak memory of programs from their code, and ask what ReMax adds.

The target is the natural logarithm of the bytes. GenRe says that ReMax raises the rank
correlation of the cross-entropy model. `build.py` makes the data.
"""

import sys
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from rows import Results, Row, parser, print_table, set_threads
from scipy import stats

from code_memory.features import FEATURES, Array, Data, installed_model, load
from code_memory.methods import METHODS, points
from sklearn_genre.metrics import crps_score

KEPT = Path(__file__).parents[1] / "results" / "text" / "code_memory.jsonl"
# The cross-entropy models, the same after ReMax, and the rule that reads both.
PAIRS = {"genre_base": "genre_remax", "base": "remax"}
RULE = "median_of_32"
SCORES = ("rmse", "spearman", "kendall")  # of each rule
MORE = ("crps", "fit_s")  # of the fit


def evaluate(
    method: str,
    seed: int,
    data: Data,
    read: Callable[[], dict[str, Any]],
    options: Row,
) -> Row:
    """Fit, select on the validation set, score the test set."""
    chosen = METHODS[method]
    parts = read()
    y, y_val, y_test = data.targets.values()
    model = chosen.new(seed, y)
    model.set_params(**options)
    begin = time.perf_counter()
    chosen.fit(model, parts["train"], y, parts["validation"], y_val)
    fitted = time.perf_counter()
    predictions = points(model, parts["test"])
    row: Row = {
        "n_train": len(y),
        "n_test": len(y_test),
        "fit_s": fitted - begin,
        "predict_s": time.perf_counter() - fitted,
        "scores": {rule: scores(of, y_test) for rule, of in predictions.items()},
    }
    if hasattr(model, "predict_distribution"):
        row["crps"] = float(
            crps_score(y_test, model.predict_distribution(parts["test"]))
        )
    if hasattr(model, "history_"):
        best = [row for row in model.history_ if row["selected"]]
        row["chosen_epoch"] = {row["stage"]: row["epoch"] for row in best}
    return row


def scores(predicted: Array, y: Array) -> dict[str, float]:
    """Return the error of a prediction and its rank correlations."""
    ranks = dict.fromkeys(SCORES[1:], 0.0)
    if np.ptp(predicted) > 0:
        ranks["spearman"] = float(stats.spearmanr(predicted, y).statistic)
        ranks["kendall"] = float(stats.kendalltau(predicted, y).statistic)
    return {"rmse": float(np.sqrt(np.mean((predicted - y) ** 2))), **ranks}


def averages(rows: list[Row]) -> list[Row]:
    """Return the means over the seeds, a line for each rule, the best ranks first."""
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        for rule, of in row["scores"].items():
            line = {**of, **{name: row[name] for name in MORE if name in row}}
            key = (row["method"], row["features"], rule)
            groups.setdefault(key, []).append(line)
    table: list[Row] = []
    for (method, features, rule), group in groups.items():
        line = {"method": method, "features": features, "rule": rule}
        line |= {"seeds": len(group)}
        for name in (*SCORES, *MORE):
            values = [row[name] for row in group if name in row]
            line[name] = float(np.mean(values)) if values else "-"
        table.append(line)
    return sorted(table, key=lambda row: -row["spearman"])


def verdicts(rows: list[Row]) -> list[str]:
    """Return what ReMax adds to each cross-entropy model, seed by seed."""
    by_job = {(row["method"], row["features"], row["seed"]): row for row in rows}
    lines = []
    for base, remax in PAIRS.items():
        for features in FEATURES:
            pairs = [
                (by_job[job]["scores"][RULE], row["scores"][RULE])
                for (method, *about), row in by_job.items()
                if method == remax
                and about[0] == features
                and (job := (base, *about)) in by_job
            ]
            if pairs:
                lines.append(f"{base} -> {remax} ({features}): {verdict(pairs)}")
    return lines


def verdict(pairs: list[tuple[dict[str, float], dict[str, float]]]) -> str:
    """Return the scores before and after, and whether all seeds agree with GenRe."""
    parts = []
    for name, better in (("spearman", 1), ("rmse", -1)):
        before, after = np.transpose(
            [[pair[i][name] for i in (0, 1)] for pair in pairs]
        )
        gains = better * (after - before)
        word = "better" if (gains > 0).all() else "worse" if (gains < 0).all() else None
        parts.append(
            f"{name} {before.mean():.3f} -> {after.mean():.3f}, "
            + (f"{word} on all {len(pairs)} seeds" if word else "the seeds disagree")
        )
    return "; ".join(parts)


def main() -> None:
    options = parser(__doc__)
    options.set_defaults(out=KEPT)
    add = options.add_argument
    add("--data", type=Path, required=True, metavar="FOLDER", help="of build.py")
    add("--model", type=Path, metavar="DIR", help="of the sentence model")
    add("--methods", nargs="+", default=[*METHODS], choices=METHODS)
    add("--features", nargs="+", default=[*FEATURES], choices=FEATURES)
    add("--seeds", type=int, default=2, help="how many, from --seed")
    add("--epochs", type=int, help="of each stage of our estimators")
    args = options.parse_args()
    set_threads(args.threads)
    data = load(args.data)
    model = args.model or installed_model()
    features = [name for name in args.features if name != "sentence" or model]
    if features != args.features:
        print("sentence is left out: no sentence model is installed (--model DIR).")
    read = cache(lambda name, seed: FEATURES[name](data, seed, model))
    results = Results(args.out, args.threads)
    for absent in [name for name in args.methods if not METHODS[name].is_there]:
        print(f"{absent} is left out: it is not installed.")
    jobs = [
        (seed, name, method)
        for name in features
        for seed in range(args.seed, args.seed + args.seeds)
        for method in args.methods
        if METHODS[method].is_there and name in METHODS[method].features
    ]
    for seed, name, method in jobs:
        given: Row = {}
        if args.epochs is not None and METHODS[method].package == "sklearn_genre":
            given = dict.fromkeys(
                ("pretraining_epochs", "fine_tuning_epochs"), args.epochs
            )
        piece = {"benchmark": "code_memory", "data": data.name, "method": method}
        piece |= {"features": name, "seed": seed, **given}
        measure = partial(
            evaluate, method, seed, data, partial(read, name, seed), given
        )
        results.run(piece, measure)
    columns = ["method", "features", "rule", "seeds", *SCORES, *MORE]
    title = (
        "Errors of the logarithm of peak bytes, and rank correlations, on the test set"
    )
    print_table(title, averages(results.rows), columns)
    print("", *verdicts(results.rows), sep="\n")


if __name__ == "__main__":
    main()
