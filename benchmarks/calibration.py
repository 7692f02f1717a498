"""Coverage, width and CRPS of intervals: fine-tuning, temperature, conformal."""

import argparse
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from rows import Results, Row, parser, print_table, set_threads
from sklearn.base import BaseEstimator, RegressorMixin
from talent.datasets import Array, choose_sets, data_folder, read_table
from talent.methods import OURS

from sklearn_genre.distributions import PredictiveDistribution
from sklearn_genre.metrics import (
    coverage_score,
    crps_score,
    interval_score,
    interval_width,
)

COVERAGE = 0.9
SETS = [
    "airfoil_self_noise",
    "concrete_compressive_strength",
    "debutanizer",
    "energy_efficiency",
    "healthcare_insurance_expenses",
    "Moneyball",
    "qsar_fish_toxicity",
    "space_ga",
    "stock",
    "Wine_Quality_red",
]
# Methods by the names that the rows have.
METHODS = {
    "cross_entropy": OURS["base"],
    **{name: OURS[name] for name in ("remax", "crps", "raft")},
}


class Quantile(RegressorMixin, BaseEstimator):
    """One quantile of a fitted model, as MAPIE wants it."""

    def __init__(self, model: Any, level: float) -> None:
        self.model = model
        self.level = level

    @property
    def n_features_in_(self) -> int:
        return int(self.model.n_features_in_)

    def fit(self, X: Any, y: Array) -> "Quantile":
        return self

    def predict(self, X: Any) -> Array:
        quantiles: Array = self.model.predict_quantiles(X, [self.level])
        return quantiles[:, 0]


def from_distribution(dist: PredictiveDistribution, y: Array, unit: float) -> Row:
    """Return the scores of a distribution and its intervals, lengths in `unit`."""
    return {
        "coverage_90": coverage_score(y, dist, COVERAGE),
        "width_90": interval_width(dist, COVERAGE) / unit,
        "interval_score": interval_score(y, dist.interval(COVERAGE), COVERAGE) / unit,
        "crps": crps_score(y, dist) / unit,
    }


def conformal(model: Any, held_out: Any, X: Any, y: Array, unit: float) -> Row:
    """Return the scores of intervals that MAPIE calibrates on held-out rows."""
    from mapie.regression import ConformalizedQuantileRegressor

    tail = (1 - COVERAGE) / 2
    quantiles = [Quantile(model, level) for level in (tail, 1 - tail, 0.5)]
    mapie = ConformalizedQuantileRegressor(quantiles, COVERAGE, prefit=True)
    mapie.conformalize(*held_out)
    interval = mapie.predict_interval(X)[1][:, :, 0]
    lower, upper = interval.T
    return {
        "coverage_90": float(np.mean((lower <= y) & (y <= upper))),
        "width_90": float(np.mean(upper - lower)) / unit,
        "interval_score": interval_score(y, interval, COVERAGE) / unit,
        "crps": None,
    }


def evaluate(folder: Path, method: str, seed: int, epochs: int | None = None) -> Row:
    """Fit once; score the test part with and without what comes after training.

    Half of the val part selects the state and the temperature; the other half is seen
    by MAPIE alone.
    """
    table = read_table(folder)
    (X, y), (X_val, y_val), (X_test, y_test) = table.train, table.val, table.test
    order = np.random.RandomState(seed).permutation(len(y_val))
    first, second = np.array_split(order, 2)
    new = METHODS[method].changed(temperature="validation")
    if epochs is not None:
        new = new.changed(pretraining_epochs=epochs, fine_tuning_epochs=epochs)
    model = new(y, categorical_features=table.categories, random_state=seed)
    model.fit(X, y, X_val=X_val[first], y_val=y_val[first])
    unit = float(y.std())
    after: Row = {"temperature_": model.temperature_}
    for name, temperature in {"": 1.0, "_temperature": model.temperature_}.items():
        model.temperature_ = temperature
        dist = model.predict_distribution(X_test)
        after[f"distribution{name}"] = from_distribution(dist, y_test, unit)
        held_out = X_val[second], y_val[second]
        after[f"conformal{name}"] = conformal(model, held_out, X_test, y_test, unit)
    return after


def averages(rows: list[Row]) -> list[Row]:
    """Return the means over sets and seeds, a row for each method and treatment."""
    table = []
    for method in dict.fromkeys(row["method"] for row in rows):
        group = [row for row in rows if row["method"] == method]
        for after in [name for name in group[0] if isinstance(group[0][name], dict)]:
            scores = [row[after] for row in group]
            means = {
                name: float(np.mean([score[name] for score in scores]))
                if scores[0][name] is not None
                else "-"
                for name in scores[0]
            }
            far = [abs(score["coverage_90"] - COVERAGE) for score in scores]
            table.append(
                {
                    "method": method,
                    "after": after,
                    "fits": len(group),
                    **means,
                    "off_by": float(np.mean(far)),
                }
            )
    return table


def arguments() -> tuple[argparse.Namespace, Path]:
    """Return the options and the folder of the sets, or end with what is wrong."""
    options = parser(__doc__)
    add = options.add_argument
    add("--data", type=Path, metavar="DIR", help="by default SKLEARN_GENRE_DATA")
    add("--sets", nargs="+", default=SETS, metavar="NAME")
    add("--methods", nargs="+", default=list(METHODS), choices=METHODS)
    add("--seeds", type=int, default=2, help="how many, from --seed on")
    add("--epochs", type=int, help="of each stage of training, if not the usual ones")
    args = options.parse_args()
    if find_spec("mapie") is None:
        options.error('mapie is not installed: python -m pip install "mapie>=1.0"')
    try:
        data = data_folder(args.data)
        args.sets = choose_sets(data, args.sets, None)
    except ValueError as error:
        options.error(str(error))
    return args, data


def main() -> None:
    args, data = arguments()
    set_threads(args.threads)
    results = Results(args.out, args.threads)
    given = {} if args.epochs is None else {"epochs": args.epochs}
    for name in args.sets:
        for seed in range(args.seed, args.seed + args.seeds):
            for method in args.methods:
                piece = {"benchmark": "calibration", "data": name, "method": method}
                results.run(
                    {**piece, "seed": seed, **given},
                    partial(evaluate, data / name, method, seed, **given),
                )
    columns = ["method", "after", "fits", "coverage_90", "off_by", "width_90"]
    title = "Test parts: 90 % intervals, lengths in standard deviations of the target"
    print_table(title, averages(results.rows), [*columns, "interval_score", "crps"])


if __name__ == "__main__":
    main()
