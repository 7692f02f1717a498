"""Tables of the default beside the published results of a board."""

import argparse
import sys
from pathlib import Path
from statistics import geometric_mean, mean, median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rows import Row, print_table, read
from talent.datasets import data_folder

from leaderboards.boards import BOARDS, LEFT_OUT, published

RIVALS = {"CatBoost": "CatBoost default (8-fold bag)", "TabFM": "TabFM"}


def by_table(rows: list[Row]) -> dict[str, list[Row]]:
    """Return the rows of each table."""
    tables: dict[str, list[Row]] = {}
    for row in rows:
        tables.setdefault(row["data"], []).append(row)
    return tables


def of_tabarena(rows: list[Row], known: dict[str, dict[str, float]]) -> None:
    """Print the ratio of errors to those of others, for each table and over all."""
    table: list[Row] = []
    for data, own in by_table(rows).items():
        line: Row = {"table": data, "splits": len(own)}
        line["coverage"] = mean(row["coverage_90"] for row in own)
        line["conformal"] = mean(row["conformal_90"] for row in own)
        line["worst nll"] = max(row["worst_nll"] for row in own)
        for name, rival in RIVALS.items():
            line[name] = geometric_mean(
                row["rmse"] / known[f"{data} {row['split']}"][rival] for row in own
            )
        table.append(line)
    columns = ["table", "splits", *RIVALS, "coverage", "conformal", "worst nll"]
    print_table("RMSE as a share of", table, columns)
    print_table("Over tables", [over_tables(table, name) for name in RIVALS], OVER)


OVER = ["rival", "geometric mean", "median", "better on", "of"]


def over_tables(table: list[Row], name: str) -> Row:
    """Return what the ratios to a rival are over tables."""
    ratios = [line[name] for line in table]
    better = sum(ratio < 1 for ratio in ratios)
    values = (name, geometric_mean(ratios), median(ratios), better, len(ratios))
    return dict(zip(OVER, values, strict=True))


def of_uci(rows: list[Row], known: dict[str, dict[str, float]]) -> None:
    """Print means over splits beside the best published ones."""
    table: list[dict[str, Any]] = []
    for data, own in by_table(rows).items():
        rmse, nll = (mean(row[name] for row in own) for name in ("rmse", "nll"))
        best = known[data]
        table.append(
            {
                "table": data + (" (see README)" if data == LEFT_OUT else ""),
                "splits": len(own),
                "rmse": rmse,
                "best rmse": best["best_rmse"],
                "nll": nll,
                "best nll": best["best_nll"],
                "is best": f"{rmse <= best['best_rmse']}, {nll <= best['best_nll']}",
                "coverage": mean(row["coverage_90"] for row in own),
            }
        )
    print_table("Means over splits", table, list(table[0]) if table else [])


def main() -> None:
    """Run the command line."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("board", choices=BOARDS)
    options.add_argument("rows", type=Path)
    options.add_argument("--data", type=Path, metavar="DIR")
    options.add_argument("--folds", type=int, help="rows of so many folds")
    args = options.parse_args()
    given = {} if args.folds is None else {"cv": args.folds}
    rows = [
        row
        for row in read(args.rows)
        if row["board"] == args.board and row["parameters"] == given
    ]
    known = published(data_folder(args.data) / args.board, args.board)
    {"tabarena": of_tabarena, "uci": of_uci}[args.board](rows, known)


if __name__ == "__main__":
    main()
