"""Every method on tables in the TALENT folder layout, at its defaults."""

import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rows import Results, Row, parser, print_table, set_threads
from scipy.special import entr

from sklearn_genre import (
    DecodingRegressor,
    PointwiseRegressor,
    RAFTRegressor,
    RiemannRegressor,
)
from sklearn_genre.distributions import PredictiveDistribution
from sklearn_genre.losses import LOSSES
from sklearn_genre.metrics import coverage_score, crps_score, interval_width
from sklearn_genre.policy_gradients import GRPO, POLICY_GRADIENTS

FINE_TUNING = {
    **{name: name for name in POLICY_GRADIENTS},
    "grpo_unscaled": GRPO(scale_rewards=False),
    **{name: name for name in LOSSES if name != "cross_entropy"},
}
METHODS: dict[str, Callable[..., Any]] = {
    "cross_entropy": partial(DecodingRegressor, fine_tuning=None),
    **{
        name: partial(DecodingRegressor, fine_tuning=objective)
        for name, objective in FINE_TUNING.items()
    },
    "raft": RAFTRegressor,
    "pointwise": PointwiseRegressor,
    "riemann": RiemannRegressor,
}
SCORES = ["rmse_mean", "rmse_median", "rmse_mode", "crps", "coverage_90", "width_90"]


def read_part(folder: Path, part: str) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Return the features, numeric columns first, and the target of a part."""
    y = np.load(folder / f"y_{part}.npy", allow_pickle=False)
    kinds = [kind for kind in "NC" if (folder / f"{kind}_{part}.npy").exists()]
    blocks = [
        np.load(folder / f"{kind}_{part}.npy", allow_pickle=False) for kind in kinds
    ]
    if kinds == ["N"]:
        return blocks[0].astype(np.float64), y.astype(np.float64)
    X = np.concatenate([block.astype(object) for block in blocks], axis=1)
    return X, y.astype(np.float64)


def categorical_columns(folder: Path) -> list[int]:
    """Return the places of the category columns, which come last."""
    numeric, categorical = folder / "N_train.npy", folder / "C_train.npy"
    if not categorical.exists():
        return []
    start = np.load(numeric, mmap_mode="r").shape[1] if numeric.exists() else 0
    n_columns = np.load(categorical, mmap_mode="r").shape[1]
    return list(range(start, start + n_columns))


def scores(
    dist: PredictiveDistribution, y: NDArray[np.float64], unit: float
) -> dict[str, float]:
    """Return the scores of predictions, lengths in units of `unit`."""
    points = {"mean": dist.mean(), "median": dist.median(), "mode": dist.mode()}
    errors = {
        f"rmse_{name}": float(np.sqrt(np.mean((point - y) ** 2))) / unit
        for name, point in points.items()
    }
    return {
        **errors,
        "crps": crps_score(y, dist) / unit,
        "coverage_90": coverage_score(y, dist, 0.9),
        "width_90": interval_width(dist, 0.9) / unit,
        "entropy": float(entr(dist.pmf()).sum(axis=1).mean()),
    }


def evaluate(folder: Path, method: str, seed: int) -> Row:
    """Fit to the train part, select by the val part, score the test part."""
    X, y = read_part(folder, "train")
    X_val, y_val = read_part(folder, "val")
    X_test, y_test = read_part(folder, "test")
    model = METHODS[method](
        categorical_features=categorical_columns(folder), random_state=seed
    )
    start = time.perf_counter()
    model.fit(X, y, X_val=X_val, y_val=y_val)
    fitted = time.perf_counter()
    dist = model.predict_distribution(X_test)
    predicted = time.perf_counter()
    chosen = {row["stage"]: row["epoch"] for row in model.history_ if row["selected"]}
    return {
        **scores(dist, y_test, float(y.std())),
        "fit_s": fitted - start,
        "predict_s": predicted - fitted,
        "chosen_epoch": chosen,
        "epochs": model.n_iter_,
        "n_train": len(y),
        "n_test": len(y_test),
    }


def averages(rows: list[Row]) -> list[Row]:
    """Return the mean of each number over the seeds of a set and method."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["data"], row["method"]), []).append(row)
    return [
        {
            "data": data,
            "method": method,
            "seeds": len(group),
            **{
                name: float(np.mean([row[name] for row in group]))
                for name in (*SCORES, "entropy", "fit_s")
            },
        }
        for (data, method), group in groups.items()
    ]


def main() -> None:
    options = parser(__doc__)
    options.add_argument(
        "--data",
        type=Path,
        default=os.environ.get("SKLEARN_GENRE_DATA"),
        metavar="DIR",
        help="a folder of sets; by default the environment's SKLEARN_GENRE_DATA",
    )
    options.add_argument("--sets", nargs="+", required=True, metavar="NAME")
    options.add_argument(
        "--seeds", type=int, default=2, help="how many, from --seed on"
    )
    options.add_argument("--methods", nargs="+", default=list(METHODS), choices=METHODS)
    args = options.parse_args()
    if args.data is None:
        options.error("give the folder of the sets: --data DIR or SKLEARN_GENRE_DATA")
    missing = [name for name in args.sets if not (args.data / name).is_dir()]
    if missing:
        options.error(f"--data has no folder of the name {', '.join(missing)}")
    set_threads(args.threads)
    results = Results(args.out, args.threads)
    for name in args.sets:
        for seed in range(args.seed, args.seed + args.seeds):
            for method in args.methods:
                piece = {"benchmark": "methods", "data": name, "method": method}
                results.run(
                    {**piece, "seed": seed},
                    partial(evaluate, args.data / name, method, seed),
                )
    columns = ["data", "method", "seeds", *SCORES, "entropy", "fit_s"]
    title = "Test part, in units of the training target's standard deviation"
    print_table(title, averages(results.rows), columns)


if __name__ == "__main__":
    main()
