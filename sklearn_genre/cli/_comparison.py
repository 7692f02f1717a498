"""The scores of the estimator beside those of well-known regressors."""

from time import perf_counter
from typing import Any

import numpy as np
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from sklearn_genre import DecodingRegressor, PredictiveDistribution
from sklearn_genre.cli._table import Table
from sklearn_genre.metrics import (
    coverage_score,
    crps_score,
    interval_width,
    spearman_score,
)

# Nominal coverage of the intervals that are scored, written and drawn.
COVERAGE = 0.9
SCORES = ("RMSE", "R2", "Spearman", "CRPS", "90% coverage", "90% width", "seconds")
# Levels of a category that the linear method tells apart.
MAX_LEVELS = 100

CATEGORIES = make_column_selector(dtype_include="category")
NUMBERS = make_column_selector(dtype_exclude="category")


def comparison_methods(table: Table, seed: int) -> dict[str, Any]:
    """Return the regressors to stand beside, by the name of their row."""
    n_categories = len(CATEGORIES(table.X))
    boosting = HistGradientBoostingRegressor(
        random_state=seed, categorical_features=list(range(n_categories))
    )
    codes = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=np.nan, max_categories=254
    )
    indicators = OneHotEncoder(
        handle_unknown="infrequent_if_exist", max_categories=MAX_LEVELS
    )
    scaled = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
        StandardScaler(),
    )
    return {
        "mean predictor": DummyRegressor(),
        "Ridge (linear)": make_pipeline(
            make_column_transformer((scaled, NUMBERS), (indicators, CATEGORIES)),
            Ridge(),
        ),
        "HistGradientBoostingRegressor": make_pipeline(
            make_column_transformer((codes, CATEGORIES), remainder="passthrough"),
            boosting,
        ),
    }


def score_points(model: Any, train: Table, test: Table) -> list[float | None]:
    """Fit a regressor and return its `SCORES`; None where it has none."""
    start = perf_counter()
    prediction = model.fit(train.X, train.y).predict(test.X)
    seconds = perf_counter() - start
    crps = mean_absolute_error(test.y, prediction)
    return [*_score_mean(test.y, prediction), crps, None, None, seconds]


def score_distribution(
    model: DecodingRegressor, train: Table, test: Table
) -> tuple[list[float | None], PredictiveDistribution]:
    """Fit the estimator and return its `SCORES` and its predictions."""
    start = perf_counter()
    dist = model.fit(train.X, train.y).predict_distribution(test.X)
    seconds = perf_counter() - start
    scores: list[float | None] = [
        *_score_mean(test.y, dist.mean()),
        crps_score(test.y, dist),
        coverage_score(test.y, dist, coverage=COVERAGE),
        interval_width(dist, coverage=COVERAGE),
        seconds,
    ]
    return scores, dist


def _score_mean(y: np.ndarray, prediction: np.ndarray) -> list[float]:
    """Score a point prediction."""
    return [
        root_mean_squared_error(y, prediction),
        r2_score(y, prediction),
        spearman_score(y, prediction),
    ]


def format_table(scores: dict[str, list[float | None]]) -> str:
    """Align the scores of all methods, one line each, under their names."""
    lines: list[tuple[str, ...]] = [("", *SCORES)]
    for name, values in scores.items():
        lines.append((name, *map(format_score, values)))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])])
        for line in lines
    )


def format_score(value: float | None) -> str:
    """Return a score as it is printed; a method without one has a dash."""
    return "-" if value is None else f"{float(f'{value:.4g}'):.7g}"  # 8.507e+04: 85070
