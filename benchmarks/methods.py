"""Every method on tables in the TALENT folder layout, at its defaults."""

import argparse
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from estimators import RECIPE
from numpy.typing import NDArray
from rows import Results, Row, parser, print_table, set_threads
from sklearn.base import clone
from talent.datasets import categorical_columns, read_part

from sklearn_genre import (
    DecodingRegressor,
    PointwiseRegressor,
    RAFTRegressor,
    RiemannRegressor,
)
from sklearn_genre.distributions import PredictiveDistribution
from sklearn_genre.encoders import ENCODERS
from sklearn_genre.losses import HISTOGRAM_LOSSES, LOSSES, ExpectedError
from sklearn_genre.metrics import coverage_score, crps_score, interval_width
from sklearn_genre.networks import DECODERS, HEADS
from sklearn_genre.policy_gradients import GRPO, POLICY_GRADIENTS, ReMax
from sklearn_genre.tokenizers import TOKENIZERS, IEEETokenizer, P10Tokenizer

Array = NDArray[np.float64]

# What cross-entropy is fine-tuned with.
FINE_TUNING = {
    **{name: name for name in POLICY_GRADIENTS},
    "grpo_unscaled": GRPO(scale_rewards=False),
    "remax_absolute": ReMax(reward="neg_absolute_error"),
    "remax_clipped": ReMax(reward_clip=1.0),
    "remax_quantile": ReMax(reward_scale="quantile"),
    "remax_kl": ReMax(kl_weight=0.1),
    "remax_entropy": ReMax(entropy_weight=0.01),
    "remax_expert": ReMax(expert_weight=0.05),
    **{name: name for name in LOSSES if name != "cross_entropy"},
    "expected_error_0.2": ExpectedError(alpha=0.2),
}
# Networks and number formats other than the default, trained by cross-entropy.
BASES = {
    **{name: {"tokenizer": name} for name in TOKENIZERS if name != "normalized"},
    **{name: {"decoder": name} for name in DECODERS if name != "mlp"},
    **{f"encoder_{name}": {"encoder": name} for name in ENCODERS if name != "mlp"},
}
FROM_RANDOM = {
    "pretraining_epochs": 0,
    "fine_tuning_epochs": 100,
    "fine_tuning_learning_rate": 1.5e-3,
}
# What RAFT reads its expectation from; each is a function of the training targets.
GRIDS: dict[str, Callable[[Array], dict[str, Any]]] = {
    "raft_reversed": lambda y: {"token_values": np.linspace(y.max(), y.min(), 256)},
    "raft_max_only": lambda y: {"grid": [y.max()]},
    "raft_coarse": lambda y: {"grid": np.linspace(y.min(), y.max(), 9)},
    "raft_coarse_normalized": lambda y: {
        "grid": np.linspace(y.min(), y.max(), 9),
        "normalize_grid": True,
    },
}
# Free digits on a plain encoder, as in the papers.
FREE = {"encoder": "mlp", "decoder": "mlp"}
BASE = DecodingRegressor(**FREE, fine_tuning=None)
METHODS: dict[str, Any] = {
    "cross_entropy": BASE,
    **{name: clone(BASE).set_params(**changes) for name, changes in BASES.items()},
    **{
        name: DecodingRegressor(**FREE, fine_tuning=objective)
        for name, objective in FINE_TUNING.items()
    },
    "crps_pretraining": DecodingRegressor(**FREE, pretraining="crps", fine_tuning=None),
    "raft": RAFTRegressor(),
    "raft_random_start": RAFTRegressor(**FROM_RANDOM),
    "raft_learnable": RAFTRegressor(learnable_weights=True),
    "raft_log": RAFTRegressor(loss="log"),
    **{name: RAFTRegressor() for name in GRIDS},
    "raft_ieee": RAFTRegressor(IEEETokenizer(mantissa_digits=2), grid="quantiles"),
    "raft_p10": RAFTRegressor(P10Tokenizer(mantissa_digits=2), grid="quantiles"),
    "pointwise": PointwiseRegressor(),
    "linear_pretrained": PointwiseRegressor(pretraining_epochs=100),
    **{
        f"{head}_{start}": PointwiseRegressor(head=head, pretraining_epochs=epochs)
        for head in HEADS
        if head != "linear"
        for start, epochs in {"pretrained": 100, "random": 0}.items()
    },
    "riemann": RiemannRegressor(),
    "riemann_uniform": RiemannRegressor(edges="uniform"),
    **{
        f"riemann_{loss}": RiemannRegressor(loss=loss)
        for loss in HISTOGRAM_LOSSES
        if loss != "nll"
    },
}
# Inference rules on the cross-entropy model, in the place of its exact mean.
RULES: dict[str, Callable[[Any, Any, Array], Array]] = {
    "greedy": lambda model, X, y: model.predict(X, output_type="greedy"),
    "rail_32_samples": lambda model, X, y: model.predict_from_samples(X, 32),
    "median_of_32_samples": lambda model, X, y: model.predict_from_samples(
        X, 32, aggregate="median"
    ),
    "rail_grid": lambda model, X, y: model.predict_from_grid(
        X, np.linspace(y.min(), y.max(), 9)
    ),
}
ENTROPY = "string_entropy"
SCORES = ["rmse_mean", "rmse_median", "rmse_mode", "crps", "coverage_90", "width_90"]


def scores(
    mean: Array, dist: PredictiveDistribution, y: Array, unit: float
) -> dict[str, float]:
    """Return the scores of predictions, lengths in units of `unit`."""
    points = {"mean": mean, "median": dist.median(), "mode": dist.mode()}
    errors = {
        f"rmse_{name}": float(np.sqrt(np.mean((point - y) ** 2))) / unit
        for name, point in points.items()
    }
    return {
        **errors,
        "crps": crps_score(y, dist) / unit,
        "coverage_90": coverage_score(y, dist, 0.9),
        "width_90": interval_width(dist, 0.9) / unit,
    }


def evaluate(folder: Path, method: str, seed: int) -> Row:
    """Fit to the train part, select by the val part, score the test part."""
    X, y = read_part(folder, "train")
    X_val, y_val = read_part(folder, "val")
    X_test, y_test = read_part(folder, "test")
    model = clone(BASE if method in RULES else METHODS[method])
    model.set_params(
        categorical_features=categorical_columns(folder),
        random_state=seed,
        **RECIPE,
        **(GRIDS[method](y) if method in GRIDS else {}),
    )
    start = time.perf_counter()
    model.fit(X, y, X_val=X_val, y_val=y_val)
    fitted = time.perf_counter()
    dist = model.predict_distribution(X_test)
    predicted = time.perf_counter()
    point = (
        RULES[method](model, X_test, y) if method in RULES else model.predict(X_test)
    )
    chosen = {row["stage"]: row["epoch"] for row in model.history_ if row["selected"]}
    return {
        **scores(point, dist, y_test, float(y.std())),
        "entropy": model.diagnose(X_test, y_test, diagnostics=[ENTROPY])[ENTROPY],
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


def parser_of_sets(
    description: str | None, sets: list[str] | None = None
) -> argparse.ArgumentParser:
    """Return a parser with the options of a benchmark that reads sets."""
    options = parser(description)
    options.add_argument(
        "--data",
        type=Path,
        default=os.environ.get("SKLEARN_GENRE_DATA"),
        metavar="DIR",
        help="a folder of sets; by default the environment's SKLEARN_GENRE_DATA",
    )
    options.add_argument(
        "--sets", nargs="+", default=sets, required=sets is None, metavar="NAME"
    )
    options.add_argument(
        "--seeds", type=int, default=2, help="how many, from --seed on"
    )
    return options


def data_folder(options: argparse.ArgumentParser, args: argparse.Namespace) -> Path:
    """Return the folder of the sets, or end with what is wrong."""
    if args.data is None:
        options.error("give the folder of the sets: --data DIR or SKLEARN_GENRE_DATA")
    folder = Path(args.data)
    missing = [name for name in args.sets if not (folder / name).is_dir()]
    if missing:
        options.error(f"--data has no folder of the name {', '.join(missing)}")
    return folder


def main() -> None:
    options = parser_of_sets(__doc__)
    names = [*METHODS, *RULES]
    options.add_argument("--methods", nargs="+", default=names, choices=names)
    args = options.parse_args()
    data = data_folder(options, args)
    set_threads(args.threads)
    results = Results(args.out, args.threads)
    for name in args.sets:
        for seed in range(args.seed, args.seed + args.seeds):
            for method in args.methods:
                piece = {"benchmark": "methods", "data": name, "method": method}
                results.run(
                    {**piece, "seed": seed},
                    partial(evaluate, data / name, method, seed),
                )
    columns = ["data", "method", "seeds", *SCORES, "entropy", "fit_s"]
    title = "Test part, in units of the training target's standard deviation"
    print_table(title, averages(results.rows), columns)


if __name__ == "__main__":
    main()
