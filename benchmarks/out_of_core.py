"""Rows per second and peak memory of fit on tables that are on disk, by rows."""

import math
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from statistics import linear_regression
from typing import Any

from estimators import ESTIMATORS
from processes import Watch, in_new_process, peak, work
from rows import Results, Row, parser, print_table

# Packages that take memory are imported by the workers alone.

N_COLUMNS = 50
ROWS = (100_000, 1_000_000, 5_000_000, 20_000_000)
PART = 100_000  # rows made at once, and rows of a row group
GOAL = 3_000.0  # megabytes, at most
KINDS = ("npy", "parquet")


def part_of(rows: int, seed: int) -> tuple[Any, Any]:
    """Return features and a target that is smooth in them and noisy, float32."""
    import numpy as np

    generator = np.random.default_rng(seed)
    x = generator.standard_normal((rows, N_COLUMNS), dtype=np.float32)
    noise = 0.3 * generator.standard_normal(rows, dtype=np.float32)
    return x, np.sin(2 * x[:, 0]) + x[:, 1] * np.tanh(x[:, -1]) + noise


def write(folder: str, kind: str, rows: int, seed: int) -> Row:
    """Write a table, some rows at a time."""
    import numpy as np

    places = range(0, rows, PART)
    parts = (part_of(min(PART, rows - at), seed + at // PART) for at in places)
    if kind == "npy":
        shape = (rows, N_COLUMNS)
        X = np.lib.format.open_memmap(f"{folder}/X.npy", "w+", np.float32, shape)
        target = np.lib.format.open_memmap(f"{folder}/y.npy", "w+", np.float32, (rows,))
        for at, (x, y) in zip(places, parts, strict=True):
            X[at : at + PART], target[at : at + PART] = x, y
        return {}
    import pyarrow
    from pyarrow.parquet import write_table

    for number, (x, y) in enumerate(parts):
        columns = {f"x{j}": x[:, j] for j in range(N_COLUMNS)} | {"y": y}
        write_table(pyarrow.table(columns), f"{folder}/{number:05}.parquet")
    return {}


def written(folder: str, kind: str) -> tuple[Any, Any]:
    """Return what ``fit`` takes of a table that was written."""
    import numpy as np

    if kind == "parquet":
        return folder, "y"
    return f"{folder}/X.npy", np.load(f"{folder}/y.npy", mmap_mode="r")


def fit(folder: str, kind: str, rows: int, epochs: int, seed: int, method: str) -> Row:
    """Return seconds and memory of a fit of one stage."""
    from estimators import regressor

    model = regressor(method, epochs, seed).set_params(fine_tuning=None)
    model.fit(*part_of(1_000, seed))  # imports
    X, y = written(folder, kind)
    start, began = time.perf_counter(), time.process_time()
    with Watch() as memory:
        model.fit(X, y)
    seconds = time.perf_counter() - start
    processor = time.process_time() - began
    trained = sum(row["seconds"] for row in model.history_)
    return {
        "fit_s": seconds,
        "cpu_s": processor,
        "epoch_s": trained / model.n_iter_,
        "rows_per_s": rows * model.n_iter_ / trained,
        "fit_peak_mb": peak(),
        "fit_beyond_mb": memory.largest - memory.before,
        "validation_crps": model.history_[-1]["validation_crps"],
    }


TASKS: dict[str, Callable[..., Row]] = {"write": write, "fit": fit}


def measure(
    threads: int,
    kind: str,
    rows: int,
    epochs: int,
    seed: int,
    method: str,
    folder: str | None,
) -> Row:
    """Return what fit takes; the table is written by a process of its own."""
    table: Row = {"kind": kind, "rows": rows, "seed": seed}
    with tempfile.TemporaryDirectory(dir=folder) as name:
        run = partial(in_new_process, __file__, threads, folder=name, **table)
        run("write")
        return run("fit", epochs=epochs, method=method)


def exponent(rows: list[Row], name: str) -> float:
    """Return the exponent of the rows that a figure grows with: 1 is linear."""
    sizes = [math.log(row["rows"]) for row in rows]
    return linear_regression(sizes, [math.log(row[name]) for row in rows]).slope


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--rows", nargs="+", type=int, default=ROWS)
    options.add_argument("--kinds", nargs="+", default=["npy"], choices=KINDS)
    options.add_argument("--epochs", type=int, default=1)
    options.add_argument("--method", default="default", choices=ESTIMATORS)
    options.add_argument("--folder", help="where tables are written for a while")
    args = options.parse_args()
    results = Results(args.out, args.threads)
    for kind in args.kinds:
        for rows in args.rows:
            setting = {"method": args.method, "kind": kind, "rows": rows}
            setting |= {"epochs": args.epochs}
            piece = {"benchmark": "out_of_core", **setting}
            setting |= {"seed": args.seed}
            task = partial(measure, args.threads, **setting, folder=args.folder)
            results.run(piece | {"columns": N_COLUMNS, "seed": args.seed}, task)
    columns = ["kind", "rows", "fit_s", "cpu_s", "rows_per_s", "fit_peak_mb"]
    title = f"fit, peak of at most {GOAL:g} MB"
    print_table(title, results.rows, [*columns, "fit_beyond_mb"])
    for kind in args.kinds:
        own = [row for row in results.rows if row["kind"] == kind]
        if len({row["rows"] for row in own}) > 1:
            for name in ("fit_s", "cpu_s"):
                print(
                    f"\n{kind}: {name} grows with rows to the {exponent(own, name):.3f}"
                )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--task"]:
        work(sys.argv[2], TASKS)
    else:
        main()
