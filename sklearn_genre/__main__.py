"""The command line demo: from a table to held-out scores and intervals.

``python -m sklearn_genre`` runs on scikit-learn's diabetes data,
``python -m sklearn_genre data.csv --target price`` on your own file.
"""

import argparse
import csv
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, NoReturn

import joblib
import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from sklearn_genre import DecodingRegressor, PredictiveDistribution
from sklearn_genre._table import (
    MIN_ROWS,
    InputError,
    Table,
    read_number,
    read_table,
)
from sklearn_genre.metrics import (
    coverage_score,
    crps_score,
    interval_width,
    spearman_score,
)
from sklearn_genre.policy_gradients import POLICY_GRADIENTS
from sklearn_genre.tokenizers import NormalizedTokenizer

COVERAGE = 0.9
SCORES = ("RMSE", "R2", "Spearman", "CRPS", "90% coverage", "90% width", "seconds")


def _diabetes() -> Table:
    """Return scikit-learn's bundled diabetes data."""
    X, y = load_diabetes(return_X_y=True)
    return Table(X, y, np.arange(1, len(y) + 1), [])


def split(table: Table, test_size: float, seed: int) -> tuple[Table, Table]:
    """Hold out a random part of the rows, enough to train on and to score."""
    n_test = math.ceil(test_size * len(table.y))
    n_train = len(table.y) - n_test
    if n_train < MIN_ROWS // 2 or n_test < 2:
        raise InputError(
            f"--test-size {test_size} leaves {n_train} rows to train on and holds out "
            f"{n_test}: at least {MIN_ROWS // 2} and 2 are needed"
        )
    train, test = train_test_split(
        np.arange(len(table.y)), test_size=n_test, random_state=seed
    )
    return table[train], table[test]


# ----------------------------------------------------------------- the scores


def comparison_methods(table: Table, seed: int) -> dict[str, Any]:
    """Return the regressors to stand beside, by the name of their row."""
    boosting = HistGradientBoostingRegressor(
        random_state=seed, categorical_features=list(range(len(table.categorical)))
    )
    if table.categorical:
        encoder = OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=np.nan, max_categories=254
        )
        boosting = make_pipeline(
            make_column_transformer(
                (encoder, table.categorical), remainder="passthrough"
            ),
            boosting,
        )
    return {
        "mean predictor": DummyRegressor(),
        "HistGradientBoostingRegressor": boosting,
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
        lines.append((name, *("-" if v is None else f"{v:.4g}" for v in values)))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])])
        for line in lines
    )


# ----------------------------------------------------------------- the output


def write_output(
    directory: Path, model: DecodingRegressor, test: Table, dist: PredictiveDistribution
) -> None:
    """Write predictions, model and picture; every file appears complete or not.

    The folder is made if needed; files of the same names are replaced, others kept.
    """
    directory = directory.resolve()
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=directory.parent, prefix=".sklearn_genre-") as name:
            scratch = Path(name)
            _write_predictions(scratch / "predictions.csv", test, dist)
            joblib.dump(model, scratch / "model.joblib")
            _draw(scratch / "distribution.png", test, dist)
            directory.mkdir(exist_ok=True)
            for file in sorted(scratch.iterdir()):
                file.replace(directory / file.name)
    except OSError as error:
        raise InputError(f"cannot write to {directory}: {error.strerror}") from error


def _write_predictions(path: Path, test: Table, dist: PredictiveDistribution) -> None:
    """Write one line per held-out row, in the order of the input."""
    interval = dist.interval(COVERAGE)  # (n, 2)
    values = np.column_stack([test.y, dist.mean(), dist.median(), interval])  # (n, 5)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["row", "y_true", "mean", "median", "lower", "upper"])
        for i in np.argsort(test.rows):
            writer.writerow([int(test.rows[i]), *values[i].tolist()])


def _draw(path: Path, test: Table, dist: PredictiveDistribution) -> None:
    """Draw the intervals against the truth, and the densities of three rows."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print('No picture: install the plot extra: pip install "sklearn_genre[plot]"')
        return
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    order = np.argsort(dist.mean())
    _draw_intervals(left, test.y[order], dist[order])
    three = order[np.round(np.array([0.1, 0.5, 0.9]) * (len(order) - 1)).astype(int)]
    _draw_densities(right, test[three], dist[three])
    figure.savefig(path, dpi=150)


def _draw_intervals(ax: Any, y: np.ndarray, dist: PredictiveDistribution) -> None:
    """Draw the interval of every row, sorted by its mean, and the true value."""
    place = np.arange(len(y))
    lower, upper = dist.interval(COVERAGE).T
    ax.fill_between(
        place, lower, upper, step="mid", alpha=0.3, linewidth=0, label="90 % interval"
    )
    ax.plot(place, dist.mean(), color="C0", label="mean")
    ax.plot(place, y, ".", color="black", markersize=4, label="truth")
    ax.set(xlabel="held-out row, sorted by predicted mean", ylabel="target")
    ax.legend()


def _draw_densities(ax: Any, rows: Table, dist: PredictiveDistribution) -> None:
    """Draw the density of every row and a dashed line at its true value."""
    ends = dist.ppf([0.001, 0.999])  # (n, 2)
    grid = np.linspace(ends.min(), ends.max(), 500)
    density = dist.pdf(np.tile(grid, (len(rows.y), 1)))  # (n, 500)
    for i, row in enumerate(rows.rows):
        ax.plot(grid, density[i], color=f"C{i}", linewidth=1, label=f"row {row}")
        ax.axvline(rows.y[i], color=f"C{i}", linewidth=1, linestyle="--")
    ax.set(xlabel="target (dashed: truth)", ylabel="predicted density")
    ax.legend()


# ---------------------------------------------------------------- the command


class _Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        raise InputError(message)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = _Parser(
        prog="python -m sklearn_genre",
        description="Fit a DecodingRegressor and score it on held-out rows.",
    )
    add = parser.add_argument
    add("data", nargs="?", type=Path, help="CSV file (default: the diabetes data)")
    add("--target", metavar="NAME", help="the column to predict")
    add("--output", type=Path, metavar="DIR", help="write predictions and model here")
    add(
        "--fine-tuning",
        choices=["crps", *POLICY_GRADIENTS, "none"],
        default="crps",
        help="the objective after pretraining (default: crps)",
    )
    add("--base", type=int, default=2, help="base of the digits (default: 2)")
    add("--length", type=int, default=8, help="digits per number (default: 8)")
    add("--epochs", type=_count, help="pretraining epochs (default: the estimator's)")
    add(
        "--test-size",
        type=_fraction,
        default=0.2,
        help="fraction of rows held out (default: 0.2)",
    )
    add("--seed", type=_seed, default=0, help="random seed (default: 0)")
    return parser


def _count(text: str) -> int:
    """Read a whole number of at least one."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")
    return int(text)


def _seed(text: str) -> int:
    """Read a seed that numpy takes."""
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number below 2**32")
    return int(text)


def _fraction(text: str) -> float:
    """Read a number strictly between zero and one."""
    number = read_number(text)
    if number is None or not 0 < number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a fraction between 0 and 1")
    return number


def _load(data: Path | None, target: str | None) -> Table:
    """Return the user's table, or the bundled one."""
    if data is None:
        if target is not None:
            raise InputError(f"--target {target} needs a CSV file to find it in")
        return _diabetes()
    if target is None:
        raise InputError(f"--target is needed: which column of {data} to predict")
    return read_table(data, target)


def _check_output(directory: Path) -> None:
    """Refuse, before any training, a folder that could not be made."""
    directory = directory.resolve()
    if directory.exists() and not directory.is_dir():
        raise InputError(f"--output {directory} is a file, not a folder")
    above = next(parent for parent in directory.parents if parent.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise InputError(f"--output {directory}: no folder can be made in {above}")


def _build_model(options: argparse.Namespace, train: Table) -> DecodingRegressor:
    """Return the estimator that the options ask for, checked but not fitted."""
    tokenizer = NormalizedTokenizer(base=options.base, length=options.length)
    try:
        tokenizer.fit(train.y)
    except ValueError as error:
        raise InputError(str(error)) from error
    epochs = {} if options.epochs is None else {"pretraining_epochs": options.epochs}
    return DecodingRegressor(
        tokenizer=tokenizer,
        fine_tuning=None if options.fine_tuning == "none" else options.fine_tuning,
        categorical_features=train.categorical,
        random_state=options.seed,
        verbose=1,
        **epochs,
    )


def _run(options: argparse.Namespace) -> None:
    """Check everything, then fit, score, print and write."""
    if options.output is not None:
        _check_output(options.output)
    table = _load(options.data, options.target)
    train, test = split(table, options.test_size, options.seed)
    model = _build_model(options, train)
    for note in table.notes:
        print(f"note: {note}", file=sys.stderr)
    print(
        f"{options.data or 'diabetes data'}: {len(train.y)} rows to train on, "
        f"{len(test.y)} held out, {table.X.shape[1]} features\n"
    )
    scores = {
        name: score_points(method, train, test)
        for name, method in comparison_methods(table, options.seed).items()
    }
    scores["DecodingRegressor"], dist = score_distribution(model, train, test)
    print(format_table(scores))
    print(
        "\nThe first two predict a point: its CRPS is the mean absolute error, "
        "and it has no interval (-)."
    )
    if options.output is not None:
        write_output(options.output, model, test, dist)
        print(f"\nPredictions and model are in {options.output}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo.

    Parameters
    ----------
    argv : sequence of str, default=None
        The arguments; those of the process when None.

    Returns
    -------
    int
        The exit code: 0, 2 for input that the user can put right, 130 when
        interrupted.
    """
    try:
        _run(build_parser().parse_args(argv))
    except InputError as error:
        print("error:", " ".join(str(error).split()), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
