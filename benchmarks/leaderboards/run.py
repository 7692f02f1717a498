"""The default on public splits, called as users call it: fit(X, y), one row a split.

Nothing is chosen by these rows. Run again, it does what is missing.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from rows import Results, Row, set_threads
from talent.datasets import data_folder

from leaderboards.boards import BOARDS, Split, published


def scored(split: Split, seed: int) -> Row:
    """Return the scores of one fit on the test rows of a split."""
    from sklearn_genre import DecodingRegressor

    train, test = ~split.is_test, split.is_test
    X_train, X_test = (split.X[rows] for rows in (train, test))
    y_train, y_test = split.y[train], split.y[test]
    start = time.perf_counter()
    model = DecodingRegressor(random_state=seed).fit(X_train, y_train)
    fitted = time.perf_counter()
    dist = model.predict_distribution(X_test)
    mean, density = model.predict(X_test), dist.logpdf(y_test)
    low, high = dist.interval(0.9).T
    conformal = model.predict_interval(X_test, 0.9, method="conformal")
    return {
        "n_train": len(y_train),
        "rmse": rmse(mean, y_test),
        "rmse_median": rmse(dist.median(), y_test),
        "crps": float(dist.crps(y_test).mean()),
        "nll": -float(density.mean()),
        "worst_nll": -float(density.min()),
        "coverage_90": share(low, high, y_test),
        "conformal_90": share(*conformal.T, y_test),
        "fit_s": fitted - start,
        "predict_s": time.perf_counter() - fitted,
    }


def rmse(predicted: Any, y: Any) -> float:
    """Return the root mean squared error."""
    return float(np.sqrt(np.mean((predicted - y) ** 2)))


def share(low: Any, high: Any, y: Any) -> float:
    """Return the share of targets inside."""
    return float(((low <= y) & (y <= high)).mean())


def main() -> None:
    """Run the command line."""
    options = argparse.ArgumentParser(description=__doc__)
    add = options.add_argument
    add("board", choices=BOARDS)
    add(
        "--data",
        type=Path,
        metavar="DIR",
        help="folder of the boards; by default SKLEARN_GENRE_DATA",
    )
    add("--tables", nargs="+", metavar="NAME", help="these alone")
    add("--splits", type=int, default=3, help="of each table")
    add("--seed", type=int, default=0)
    add("--threads", type=int, default=1)
    add("--out", type=Path, required=True, metavar="FILE", help="rows, appended")
    args = options.parse_args()
    set_threads(args.threads)
    results = Results(args.out, args.threads)
    folder = data_folder(args.data) / args.board
    known = published(folder, args.board)
    for split in BOARDS[args.board](folder, args.splits):
        if args.tables and split.data not in args.tables:
            continue
        piece = {"board": args.board, "data": split.data, "split": split.split}
        piece |= {"method": "default", "seed": args.seed, "parameters": {}}
        others = {"published": known[split.data][split.split]}
        results.run(
            piece,
            lambda split=split, others=others: scored(split, args.seed) | others,
        )


if __name__ == "__main__":
    main()
