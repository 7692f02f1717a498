"""Seconds and peak memory of fit and predict as rows and columns grow."""

import math
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import linear_regression
from typing import Any

from estimators import ESTIMATORS, regressor
from processes import MEGABYTE, bytes_per_row, in_new_process, peak, work
from rows import Results, Row, parser, print_table

# Packages that take memory are imported by the workers alone.

N_ROWS = 10_000  # where columns grow
N_COLUMNS = 20  # where rows grow
ROWS = (1_000, 10_000, 100_000, 1_000_000)
COLUMNS = (10, 100, 1_000)
PART = 10_000  # rows made at once
WARM_UP = 64  # rows of a call before the measured one
LEVELS = (0.05, 0.95)
TIMES = ("fit_s", "mean_s", "predict_s")
MEMORY = ("fit_peak_mb", "predict_peak_mb")


def table_of(rows: int, columns: int, seed: int) -> tuple[Any, Any]:
    """Return features and a target that is smooth in them and noisy, float64."""
    import numpy as np

    generator = np.random.default_rng(seed)
    X, y = np.empty((rows, columns)), np.empty(rows)
    for start in range(0, rows, PART):
        part = slice(start, start + PART)
        x = generator.standard_normal(out=X[part])
        noise = generator.standard_normal(len(x))
        y[part] = np.sin(2 * x[:, 0]) + x[:, 1] * np.tanh(x[:, -1]) + 0.3 * noise
    return X, y


def measure_fit(
    path: str, method: str, rows: int, columns: int, epochs: int, seed: int
) -> Row:
    """Return seconds and memory of fit, and write the model to a file."""
    import joblib

    model = regressor(method, epochs, seed)
    regressor(method, 1, seed).fit(*table_of(WARM_UP, columns, seed))
    X, y = table_of(rows, columns, seed)
    before = peak()
    start = time.perf_counter()
    model.fit(X, y)
    seconds = time.perf_counter() - start
    after = peak()
    joblib.dump(model, path)
    return {
        "fit_s": seconds,
        "seconds_per_epoch": seconds / model.n_iter_,
        "input_mb": (X.nbytes + y.nbytes) / MEGABYTE,
        "fit_peak_mb": after,
        "fit_beyond_mb": after - before,
    }


def measure_predict(path: str, rows: int, columns: int, seed: int) -> Row:
    """Return seconds of the mean alone, and seconds and memory of the distribution.

    Its mean and two quantiles are read, which are the output.
    """
    import joblib

    model = joblib.load(path)
    X, _ = table_of(rows, columns, seed)

    def read(X: Any) -> int:
        """Return the bytes of what was read."""
        dist = model.predict_distribution(X)
        return dist.mean().nbytes + dist.ppf([LEVELS]).nbytes

    read(X[:WARM_UP])
    before = peak()
    start = time.perf_counter()
    model.predict(X)
    middle = time.perf_counter()
    output = read(X)
    end = time.perf_counter()
    after = peak()
    return {
        "mean_s": middle - start,
        "predict_s": end - middle,
        "predict_peak_mb": after,
        "predict_beyond_mb": after - before - output / MEGABYTE,
    }


TASKS: dict[str, Callable[..., Row]] = {"fit": measure_fit, "predict": measure_predict}


def measure(
    threads: int, method: str, rows: int, columns: int, epochs: int, seed: int
) -> Row:
    """Return what fit and predict take, each in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.joblib"
        size: Row = {"rows": rows, "columns": columns, "seed": seed}
        run = partial(in_new_process, __file__, threads, path=str(model), **size)
        return run("fit", method=method, epochs=epochs) | run("predict")


def per_thousand(row: Row) -> Row:
    """Return seconds for each 1,000 rows."""
    return {f"{name}_per_1000": 1000 * row[name] / row["rows"] for name in TIMES}


def exponent(rows: list[Row], size: str, name: str) -> float:
    """Return the exponent of a size that a figure grows with: 1 is linear."""
    sizes = [math.log(row[size]) for row in rows]
    return linear_regression(sizes, [math.log(row[name]) for row in rows]).slope


def series(rows: list[Row], size: str) -> dict[str, list[Row]]:
    """Return the rows of each method in which one size alone differs.

    Methods with fewer than two sizes are left out.
    """
    other, fixed = {"rows": ("columns", N_COLUMNS), "columns": ("rows", N_ROWS)}[size]
    found: dict[str, list[Row]] = {}
    for row in rows:
        if row[other] == fixed:
            found.setdefault(row["method"], []).append(row)
    return {name: own for name, own in found.items() if len(own) > 1}


def exponents(rows: list[Row], size: str) -> list[Row]:
    """Return how times and memory of each method grow with rows or with columns."""
    names = (*TIMES, *MEMORY)
    return [
        {"method": method, **{name: exponent(own, size, name) for name in names}}
        for method, own in series(rows, size).items()
    ]


def row_bytes(rows: list[Row]) -> list[Row]:
    """Return the bytes of a further row of each method, beyond the input's."""
    return [
        {
            "method": method,
            "fit_bytes": bytes_per_row(own, "fit_beyond_mb"),
            "predict_bytes": bytes_per_row(own, "predict_beyond_mb"),
            "input_bytes": 8 * (N_COLUMNS + 1),
        }
        for method, own in series(rows, "rows").items()
    ]


def print_tables(rows: list[Row]) -> None:
    """Print the figures of each size, and how they grow."""
    sizes = ["method", "rows", "columns", "epochs"]
    times = ["seconds_per_epoch", *(f"{name}_per_1000" for name in TIMES)]
    shown = [row | per_thousand(row) for row in rows]
    print_table("Seconds, for each epoch and for 1,000 rows", shown, [*sizes, *times])
    beyond = ["fit_beyond_mb", "predict_beyond_mb"]
    columns = [*sizes, "input_mb", *MEMORY, *beyond]
    print_table("Memory, in MB", rows, columns)
    columns = ["method", *TIMES, *MEMORY]
    for size in ("rows", "columns"):
        title = f"Exponent of the number of {size}: 1 is linear"
        print_table(title, exponents(rows, size), columns)
    columns = ["method", "fit_bytes", "predict_bytes", "input_bytes"]
    print_table("Bytes of a further row, beyond the input", row_bytes(rows), columns)


def main() -> None:
    options = parser(__doc__)
    add = options.add_argument
    add("--methods", nargs="+", default=list(ESTIMATORS), choices=ESTIMATORS)
    add("--rows", type=int, nargs="*", default=ROWS, help=f"of {N_COLUMNS} columns")
    add("--columns", type=int, nargs="*", default=COLUMNS, help=f"of {N_ROWS:,} rows")
    add("--epochs", type=int, default=2, help="of each stage of training")
    args = options.parse_args()
    results = Results(args.out, args.threads)
    sizes = [(rows, N_COLUMNS) for rows in args.rows]
    sizes += [(N_ROWS, columns) for columns in args.columns]
    for method in args.methods:
        for rows, columns in dict.fromkeys(sizes):
            size = {"method": method, "rows": rows, "columns": columns}
            setting = {**size, "epochs": args.epochs, "seed": args.seed}
            piece = {"benchmark": "scaling", "data": "synthetic", **setting}
            results.run(piece, partial(measure, args.threads, **setting))
    print_tables(results.rows)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--task"]:
        work(sys.argv[2], TASKS)
    else:
        main()
