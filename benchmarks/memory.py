"""Peak resident memory of predict and fit, each measured in a fresh process."""

import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from processes import MEGABYTE, bytes_per_row, in_new_process, peak, work
from rows import Results, Row, parser, print_table

# Packages that take memory are imported by the workers alone: a process starts with the
# peak of the one that started it.

N_COLUMNS = 20
N_TRAIN = 2_000
FORMATS = {2: 8, 8: 4}  # base and length: 256 and 4,096 leaves
OUTPUTS = ("mean", "quantiles", "distribution")
GOAL = 1000.0  # megabytes, at most


def table_of(rows: int, seed: int) -> tuple[Any, Any]:
    """Return features and target, float64."""
    import numpy as np

    generator = np.random.default_rng(seed)
    X = generator.standard_normal((rows, N_COLUMNS))
    return X, X[:, 0] + generator.standard_normal(rows)


def regressor(base: int, length: int, seed: int) -> Any:
    """Return free digits that are trained for one epoch a stage."""
    from sklearn_genre import DecodingRegressor
    from sklearn_genre.tokenizers import NormalizedTokenizer

    return DecodingRegressor(
        NormalizedTokenizer(base, length),
        encoder="mlp",
        decoder="mlp",
        fine_tuning="remax",
        pretraining_epochs=1,
        fine_tuning_epochs=1,
        normal_scores=False,
        random_state=seed,
    )


def save_model(path: str, base: int, length: int, seed: int) -> Row:
    """Fit a model to few rows and write it to a file."""
    import joblib

    joblib.dump(regressor(base, length, seed).fit(*table_of(N_TRAIN, seed)), path)
    return {}


def measure_predict(
    rows: int, base: int, length: int, output_type: str, seed: int
) -> Row:
    """Return what predict adds to the peak, its output apart.

    Of distributions, the output is their mean and two quantiles.
    """
    import joblib
    import numpy as np

    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.joblib")
        save = partial(in_new_process, __file__, 1, "save", path=path, seed=seed)
        save(base=base, length=length)
        model = joblib.load(path)
    X, _ = table_of(rows, seed)
    before = peak()
    prediction = model.predict(X, output_type=output_type)
    if output_type == "distribution":
        prediction = np.column_stack(
            [prediction.mean(), prediction.ppf([[0.05, 0.95]])]
        )
    added = peak() - before
    output = prediction.nbytes / MEGABYTE
    return {
        "input_mb": X.nbytes / MEGABYTE,
        "output_mb": output,
        "before_mb": before,
        "beyond_mb": added - output,
    }


def measure_fit(rows: int, base: int, length: int, seed: int) -> Row:
    """Return what fit adds to the peak."""
    model = regressor(base, length, seed)
    X, y = table_of(rows, seed)
    before = peak()
    model.fit(X, y)
    return {
        "input_mb": (X.nbytes + y.nbytes) / MEGABYTE,
        "before_mb": before,
        "beyond_mb": peak() - before,
        "rows_x_leaves_mb": 8 * rows * base**length / MEGABYTE,
    }


TASKS: dict[str, Callable[..., Row]] = {
    "save": save_model,
    "predict": measure_predict,
    "fit": measure_fit,
}


def growth(fits: list[Row]) -> list[Row]:
    """Return the bytes that a further row costs, from the smallest to the largest."""
    slopes = []
    for leaves in dict.fromkeys(row["leaves"] for row in fits):
        same = [row for row in fits if row["leaves"] == leaves]
        if (size := bytes_per_row(same, "beyond_mb")) is not None:
            slopes.append(
                {
                    "leaves": leaves,
                    "bytes_per_row": size,
                    "input_bytes_per_row": 8 * (N_COLUMNS + 1),
                    "leaves_bytes_per_row": 8 * leaves,
                }
            )
    return slopes


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--only", choices=("predict", "fit"))
    options.add_argument("--outputs", nargs="+", default=OUTPUTS, choices=OUTPUTS)
    options.add_argument(
        "--bases", nargs="+", type=int, default=[*FORMATS], choices=FORMATS
    )
    options.add_argument("--rows", type=int, default=1_000_000, help="rows to predict")
    options.add_argument(
        "--fit-rows", type=int, nargs="+", default=[20_000, 40_000, 160_000]
    )
    args = options.parse_args()
    results = Results(args.out, args.threads)
    new_process = partial(in_new_process, __file__, args.threads)
    for base in args.bases:
        length = FORMATS[base]
        setting = {"base": base, "length": length, "seed": args.seed}
        common = {"data": "synthetic", "leaves": base**length, **setting}
        for output_type in args.outputs if args.only != "fit" else ():
            arguments = {"rows": args.rows, "output_type": output_type, **setting}
            piece = {"benchmark": "predict", "method": output_type, "rows": args.rows}
            task = partial(new_process, "predict", **arguments)
            results.run(piece | common, task)
        for rows in args.fit_rows if args.only != "predict" else ():
            piece = {"benchmark": "fit", "method": "remax", "rows": rows}
            task = partial(new_process, "fit", rows=rows, **setting)
            results.run(piece | common, task)
    predictions = [
        row | {"met": row["beyond_mb"] <= GOAL}
        for row in results.rows
        if row["benchmark"] == "predict"
    ]
    fits = [row for row in results.rows if row["benchmark"] == "fit"]
    sizes = ["leaves", "rows", "input_mb"]
    columns = ["method", *sizes, "output_mb", "beyond_mb", "met"]
    print_table(
        f"predict, beyond input and output: at most {GOAL:g} MB", predictions, columns
    )
    print_table("fit, beyond input", fits, [*sizes, "beyond_mb", "rows_x_leaves_mb"])
    columns = ["bytes_per_row", "input_bytes_per_row", "leaves_bytes_per_row"]
    print_table("fit, bytes of a further row", growth(fits), ["leaves", *columns])


if __name__ == "__main__":
    if sys.argv[1:2] == ["--task"]:
        work(sys.argv[2], TASKS)
    else:
        main()
