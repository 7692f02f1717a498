"""RAFT against predictive heads on the RAFT paper's synthetic set "Original #1".

x is uniform on [0, 100], y = x + 10 sin(5 pi x / 100) + 10 cos(6 pi x / 100), scaled
to [0, 9]: 10,000 rows to train, 1,000 to select and 1,000 to test, without noise.
"""

import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from rows import Results, Row, parser, print_table, set_threads
from sklearn.preprocessing import minmax_scale
from talent.datasets import Array
from talent.ours import New

from papers.recipe import BASE, point, raft
from sklearn_genre.networks import HEADS

N_TRAIN = 10_000
# Epochs of pretraining; the second stage has the same budget from both starts.
EPOCHS = 50
STARTS = {"pretrained": 1, "random": 0}
RATE = 1.5e-3


def original1(seed: int, n_train: int = N_TRAIN) -> list[tuple[Array, Array]]:
    """Return the rows of the train, validation and test parts."""
    random = np.random.RandomState(seed)
    sizes = [n_train, n_train // 10, n_train // 10]
    x = random.uniform(0, 100, sum(sizes))
    wave = 10 * np.sin(5 * np.pi * x / 100) + 10 * np.cos(6 * np.pi * x / 100)
    y = minmax_scale(x + wave, (0, 9))
    parts = np.split(np.arange(len(x)), np.cumsum(sizes)[:-1])
    return [(x[part, None], y[part]) for part in parts]


def model(method: str, start: str, rate: float, epochs: int) -> New:
    """Return a method: "autoregressive", "raft" or the name of a head."""
    pretraining: dict[str, Any] = {"pretraining_epochs": epochs * STARTS[start]}
    if method == "autoregressive":
        return BASE.changed(**pretraining)
    if method == "raft":
        return raft(
            **pretraining, fine_tuning_epochs=epochs, fine_tuning_learning_rate=rate
        )
    return point(method, **pretraining, max_epochs=epochs, learning_rate=rate)


def evaluate(
    method: str,
    start: str,
    rate: float,
    seed: int,
    n_train: int = N_TRAIN,
    epochs: int = EPOCHS,
) -> Row:
    """Fit, select on the validation part, score the test part."""
    (X, y), (X_val, y_val), (X_test, y_test) = original1(seed, n_train)
    estimator = model(method, start, rate, epochs)(y, random_state=seed)
    begin = time.perf_counter()
    estimator.fit(X, y, X_val=X_val, y_val=y_val)
    seconds = time.perf_counter() - begin
    output_type = "greedy" if method == "autoregressive" else "mean"
    error = estimator.predict(X_test, output_type=output_type) - y_test
    best = [row for row in estimator.history_ if row["selected"]][-1]
    return {
        "rmse": float(np.sqrt(np.mean(error**2))),
        "validation_rmse": best["validation_rmse"],
        "fit_s": seconds,
        "epochs": estimator.n_iter_,
    }


def averages(rows: list[Row]) -> list[Row]:
    """Return mean and spread over the seeds, at the rate that validation prefers."""
    groups: dict[tuple[str, str], dict[float, list[Row]]] = {}
    for row in rows:
        rates = groups.setdefault((row["start"], row["method"]), {})
        rates.setdefault(row["rate"], []).append(row)
    table = []
    for (start, method), rates in groups.items():
        best = min(rates.values(), key=lambda g: mean_of(g, "validation_rmse"))
        table.append(
            {
                "start": start,
                "method": method,
                "rate": best[0]["rate"],
                "seeds": len(best),
                "rmse": mean_of(best, "rmse"),
                "sd": float(np.std([row["rmse"] for row in best])),
                "validation_rmse": mean_of(best, "validation_rmse"),
                "fit_s": mean_of(best, "fit_s"),
            }
        )
    return sorted(table, key=lambda row: (row["start"], row["rmse"]))


def mean_of(rows: list[Row], name: str) -> float:
    """Return the mean of a column."""
    return float(np.mean([row[name] for row in rows]))


def main() -> None:
    options = parser(__doc__)
    add = options.add_argument
    names = ["raft", *HEADS]
    add("--seeds", type=int, default=2, help="how many, from --seed")
    add("--starts", nargs="+", default=[*STARTS], choices=STARTS)
    add("--methods", nargs="+", default=names, choices=names)
    add("--rates", type=float, nargs="+", default=[RATE])
    add("--rows", type=int, help="to train; a tenth selects and a tenth is scored")
    add("--epochs", type=int, help="of each stage")
    args = options.parse_args()
    set_threads(args.threads)
    results = Results(args.out, args.threads)
    jobs = [("autoregressive", "pretrained", RATE)] + [
        (method, start, rate)
        for start in args.starts
        for method in args.methods
        for rate in args.rates
    ]
    sizes = {"n_train": args.rows, "epochs": args.epochs}
    given = {name: size for name, size in sizes.items() if size is not None}
    for seed in range(args.seed, args.seed + args.seeds):
        for method, start, rate in jobs:
            piece = {"benchmark": "original1", "method": method, "start": start}
            piece |= {"rate": rate, "seed": seed, **given}
            results.run(piece, partial(evaluate, method, start, rate, seed, **given))
    columns = ["start", "method", "rate", "seeds", "rmse", "sd", "validation_rmse"]
    title = 'RMSE on the test part of "Original #1", targets in [0, 9]'
    print_table(title, averages(results.rows), [*columns, "fit_s"])


if __name__ == "__main__":
    main()
