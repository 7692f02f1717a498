"""Coverage, width and CRPS of intervals: fine-tuning, temperature, conformal."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from estimators import RECIPE
from mapie.regression import ConformalizedQuantileRegressor
from methods import (
    FINE_TUNING,
    FREE,
    Array,
    categorical_columns,
    data_folder,
    parser_of_sets,
    read_part,
)
from rows import Results, Row, print_table, set_threads
from sklearn.base import BaseEstimator, RegressorMixin

from sklearn_genre import DecodingRegressor, RAFTRegressor
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
METHODS: dict[str, Any] = {
    "cross_entropy": partial(DecodingRegressor, **FREE, fine_tuning=None),
    **{
        name: partial(DecodingRegressor, **FREE, fine_tuning=FINE_TUNING[name])
        for name in ("remax", "crps")
    },
    "raft": RAFTRegressor,
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


def evaluate(folder: Path, method: str, seed: int) -> Row:
    """Fit once; score the test part with and without what comes after training.

    Half of the val part selects the state and the temperature; the other half is seen
    by MAPIE alone.
    """
    X, y = read_part(folder, "train")
    X_val, y_val = read_part(folder, "val")
    X_test, y_test = read_part(folder, "test")
    order = np.random.RandomState(seed).permutation(len(y_val))
    first, second = np.array_split(order, 2)
    model = METHODS[method](
        categorical_features=categorical_columns(folder),
        temperature="validation",
        **RECIPE,
        random_state=seed,
    )
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


def main() -> None:
    options = parser_of_sets(__doc__, sets=SETS)
    options.add_argument("--methods", nargs="+", default=list(METHODS), choices=METHODS)
    args = options.parse_args()
    data = data_folder(options, args)
    set_threads(args.threads)
    results = Results(args.out, args.threads)
    for name in args.sets:
        for seed in range(args.seed, args.seed + args.seeds):
            for method in args.methods:
                piece = {"benchmark": "calibration", "data": name, "method": method}
                results.run(
                    {**piece, "seed": seed},
                    partial(evaluate, data / name, method, seed),
                )
    columns = ["method", "after", "fits", "coverage_90", "off_by", "width_90"]
    title = "Test parts: 90 % intervals, lengths in standard deviations of the target"
    print_table(title, averages(results.rows), [*columns, "interval_score", "crps"])


if __name__ == "__main__":
    main()
