"""RAFT against predictive heads on the RAFT paper's synthetic set "Original #1".

x is uniform on [0, 100], y = x + 10 sin(5 pi x / 100) + 10 cos(6 pi x / 100), scaled
to [0, 9]: 10,000 rows to train, 1,000 to select and 1,000 to test, without noise.
"""

import time
from functools import partial
from typing import Any

import numpy as np
from estimators import RECIPE
from methods import Array
from rows import Results, Row, parser, print_table, set_threads
from sklearn.preprocessing import minmax_scale

from sklearn_genre import DecodingRegressor, PointwiseRegressor, RAFTRegressor
from sklearn_genre.networks import HEADS

SIZES = [10_000, 1_000, 1_000]
# Epochs of pretraining; the second stage has the same budget from both starts.
STARTS = {"pretrained": 50, "random": 0}
EPOCHS = 50
RATE = 1.5e-3


def original1(seed: int) -> list[tuple[Array, Array]]:
    """Return the rows of the train, validation and test parts."""
    random = np.random.RandomState(seed)
    x = random.uniform(0, 100, sum(SIZES))
    wave = 10 * np.sin(5 * np.pi * x / 100) + 10 * np.cos(6 * np.pi * x / 100)
    y = minmax_scale(x + wave, (0, 9))
    parts = np.split(np.arange(len(x)), np.cumsum(SIZES)[:-1])
    return [(x[part, None], y[part]) for part in parts]


def model(method: str, start: str, rate: float, **common: Any) -> Any:
    """Return the estimator of a method: "raft" or the name of a head."""
    if method == "raft":
        return RAFTRegressor(
            pretraining_epochs=STARTS[start],
            fine_tuning_epochs=EPOCHS,
            fine_tuning_learning_rate=rate,
            **RECIPE,
            **common,
        )
    return PointwiseRegressor(
        head=method,
        pretraining_epochs=STARTS[start],
        max_epochs=EPOCHS,
        learning_rate=rate,
        **RECIPE,
        **common,
    )


def evaluate(method: str, start: str, rate: float, seed: int) -> Row:
    """Fit, select on the validation part, score the test part."""
    (X, y), (X_val, y_val), (X_test, y_test) = original1(seed)
    output_type = "mean"
    if method == "autoregressive":
        estimator: Any = DecodingRegressor(
            fine_tuning=None,
            encoder="mlp",
            decoder="mlp",
            pretraining_epochs=STARTS[start],
            random_state=seed,
            **RECIPE,
        )
        output_type = "greedy"
    else:
        estimator = model(method, start, rate, random_state=seed)
    begin = time.perf_counter()
    estimator.fit(X, y, X_val=X_val, y_val=y_val)
    seconds = time.perf_counter() - begin
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
    options.add_argument("--seeds", type=int, default=2, help="how many, from --seed")
    options.add_argument("--starts", nargs="+", default=[*STARTS], choices=STARTS)
    options.add_argument("--rates", type=float, nargs="+", default=[RATE])
    args = options.parse_args()
    set_threads(args.threads)
    results = Results(args.out, args.threads)
    jobs = [("autoregressive", "pretrained", RATE)] + [
        (method, start, rate)
        for start in args.starts
        for method in ("raft", *HEADS)
        for rate in args.rates
    ]
    for seed in range(args.seed, args.seed + args.seeds):
        for method, start, rate in jobs:
            piece = {"benchmark": "original1", "method": method, "start": start}
            results.run(
                {**piece, "rate": rate, "seed": seed},
                partial(evaluate, method, start, rate, seed),
            )
    columns = ["start", "method", "rate", "seeds", "rmse", "sd", "validation_rmse"]
    title = 'RMSE on the test part of "Original #1", targets in [0, 9]'
    print_table(title, averages(results.rows), [*columns, "fit_s"])


if __name__ == "__main__":
    main()
