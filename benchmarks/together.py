"""Processes that train one model against one process: seconds, losses, weights."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from rows import Results, Row, parser, print_table, set_threads

# Packages that take memory are imported by the workers alone.

N_COLUMNS = 20


def table(n_rows: int, seed: int) -> tuple[Any, Any]:
    """Return features and a target that is smooth in them and noisy."""
    import numpy as np

    generator = np.random.default_rng(seed)
    X = generator.standard_normal((n_rows, N_COLUMNS))
    noise = 0.3 * generator.standard_normal(n_rows)
    return X, np.sin(2 * X[:, 0]) + X[:, 1] * np.tanh(X[:, 2]) + noise


def fit(folder: str, n_rows: int, epochs: int, batch_size: int, seed: int) -> None:
    """Fit in this process, together with the others, and leave what came of it."""
    import joblib

    from sklearn_genre import DecodingRegressor

    set_threads(int(os.environ["OMP_NUM_THREADS"]))
    model = DecodingRegressor(
        distributed=True,
        fine_tuning=None,
        pretraining_epochs=epochs,
        n_iter_no_change=None,
        batch_size=batch_size,
        dtype="float64",
        device="cpu",
        random_state=seed,
    )
    X, y = table(n_rows, seed)
    begun = time.perf_counter()
    model.fit(X, y)
    found = {
        "fit_s": time.perf_counter() - begun,
        "epoch_s": sum(row["seconds"] for row in model.history_) / epochs,
        "losses": [row["train_loss"] for row in model.history_],
        "scores": [row["validation_crps"] for row in model.history_],
        "state": {k: v.numpy() for k, v in model.network_.state_dict().items()},
    }
    joblib.dump(found, Path(folder) / f"{os.environ['RANK']}.joblib")


def started(n: int, folder: str, setting: Row, threads: int) -> list[Row]:
    """Return what each of some processes found."""
    import joblib

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    shared = {"WORLD_SIZE": n, "LOCAL_WORLD_SIZE": n, "OMP_NUM_THREADS": threads}
    shared |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    values = [str(value) for value in setting.values()]
    running = []
    for rank in range(n):
        own = {**shared, "RANK": rank, "LOCAL_RANK": rank}
        environment = os.environ | {name: str(value) for name, value in own.items()}
        command = [sys.executable, __file__, "--task", folder, *values]
        running.append(subprocess.Popen(command, env=environment))
    for process in running:
        if process.wait():
            raise RuntimeError(f"a process ended with status {process.returncode}")
    return [joblib.load(Path(folder) / f"{rank}.joblib") for rank in range(n)]


def apart(one: Row, other: Row) -> float:
    """Return the largest difference between two states."""
    return max(
        float(abs(value - other["state"][name]).max())
        for name, value in one["state"].items()
    )


def measure(setting: Row, n_processes: int, threads: int) -> Row:
    """Return seconds and losses, and the largest differences of weights."""
    with tempfile.TemporaryDirectory() as folder:
        (alone,) = started(1, folder, setting, threads)
        together = started(n_processes, folder, setting, threads)
    return {
        "one_fit_s": alone["fit_s"],
        "one_epoch_s": alone["epoch_s"],
        "fit_s": together[0]["fit_s"],
        "epoch_s": together[0]["epoch_s"],
        "one_losses": alone["losses"],
        "losses": together[0]["losses"],
        "one_scores": alone["scores"],
        "scores": together[0]["scores"],
        "from_one": apart(alone, together[0]),
        "between": max(apart(together[0], each) for each in together),
    }


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--rows", type=int, default=50_000)
    options.add_argument("--epochs", type=int, default=3)
    options.add_argument("--processes", type=int, default=2)
    options.add_argument("--batch-sizes", nargs="+", type=int, default=[256, 2048])
    args = options.parse_args()
    results = Results(args.out, args.threads)
    for batch_size in args.batch_sizes:
        setting = {"rows": args.rows, "epochs": args.epochs}
        setting |= {"batch_size": batch_size, "seed": args.seed}
        piece = {"benchmark": "together", "processes": args.processes, **setting}
        results.run(piece, partial(measure, setting, args.processes, args.threads))
    columns = ["batch_size", "one_fit_s", "fit_s", "one_epoch_s", "epoch_s"]
    print_table(
        "One process, and several", results.rows, [*columns, "from_one", "between"]
    )
    for row in results.rows:
        print(f"\nTraining losses, batches of {row['batch_size']}:")
        for name in ("one_losses", "losses"):
            print(*(f"{loss:.10f}" for loss in row[name]))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--task"]:
        fit(sys.argv[2], *map(int, sys.argv[3:]))
    else:
        main()
