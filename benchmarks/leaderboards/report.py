"""Tables of the default beside the published results of the boards."""

import argparse
import sys
from collections import defaultdict
from pathlib import Path
from statistics import geometric_mean, mean, median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rows import Row, read, table

from leaderboards.boards import LEFT_OUT

KEPT = Path(__file__).resolve().parents[1] / "results" / "leaderboards.jsonl"
DIGITS = 2  # of what is published on UCI
RIVALS = {"CatBoost": "CatBoost default (8-fold bag)", "TabFM": "TabFM"}


def by_table(rows: list[Row]) -> dict[str, list[Row]]:
    """Return the rows of each table, the smallest first."""
    tables = defaultdict(list)
    for row in sorted(rows, key=lambda row: row["n_train"]):
        tables[row["data"]].append(row)
    return tables


def of_tabarena(rows: list[Row]) -> list[str]:
    """Return the ratio of errors to those of others, for each table and over all."""
    lines: list[Row] = []
    for data, own in by_table(rows).items():
        line: Row = {"table": data, "samples": own[0]["n_train"], "splits": len(own)}
        for name, rival in RIVALS.items():
            ratios = [row["rmse"] / row["published"][rival] for row in own]
            line[name] = geometric_mean(ratios)
        lines.append(line | of_all_boards(own))
    over = [over_tables(lines, name) for name in RIVALS]
    return [
        "RMSE over that of CatBoost's default in a bag of eight folds, and of TabFM.",
        "",
        *table(lines, list(lines[0])),
        "",
        *table(over, list(over[0])),
    ]


def over_tables(lines: list[Row], name: str) -> Row:
    """Return what the ratios to a rival are over tables."""
    ratios = [line[name] for line in lines]
    return {
        "RMSE over that of": name,
        "geometric mean": geometric_mean(ratios),
        "median": median(ratios),
        "lower on": sum(ratio < 1 for ratio in ratios),
        "tables": len(ratios),
    }


def of_all_boards(rows: list[Row]) -> Row:
    """Return what is said of a table of any board."""
    return {
        "coverage": mean(row["coverage_90"] for row in rows),
        "conformal": mean(row["conformal_90"] for row in rows),
        "worst nll": max(row["worst_nll"] for row in rows),
        "fit s": mean(row["fit_s"] for row in rows),
    }


def of_uci(rows: list[Row]) -> list[str]:
    """Return means over splits beside the best published ones."""
    lines: list[Row] = []
    for data, own in by_table(rows).items():
        line: Row = {"table": data, "samples": own[0]["n_train"], "splits": len(own)}
        for score in ("rmse", "nll"):
            ours, best = mean(row[score] for row in own), own[0]["published"]
            line |= {score: ours, f"best {score}": best[f"best_{score}"]}
            line[f"NGBoost {score}"] = best[f"ngboost_{score}"]
        lines.append(line | of_all_boards(own))
    headlines = [line for line in lines if line["table"] != LEFT_OUT]
    over = [
        {
            "score": score,
            "at most the best": at_most(headlines, score, "best"),
            "at most NGBoost": at_most(headlines, score, "NGBoost"),
            "tables": len(headlines),
        }
        for score in ("rmse", "nll")
    ]
    return [
        f"Means over splits, compared to {DIGITS} decimals, as they are published. "
        f"{LEFT_OUT} has a column that is not for headlines.",
        "",
        *table(lines, list(lines[0])),
        "",
        *table(over, list(over[0])),
    ]


def at_most(lines: list[Row], score: str, rival: str) -> int:
    """Return on how many tables our score is not above that of a rival."""
    pairs = [(line[score], line[f"{rival} {score}"]) for line in lines]
    return sum(round(ours, DIGITS) <= theirs for ours, theirs in pairs)


OURS = ("default", {})
REPORTS = {"tabarena": ("TabArena", of_tabarena), "uci": ("UCI", of_uci)}


def fragment(path: Path) -> str:
    """Return the tables of all boards that a file has rows of."""
    rows = [row for row in read(path) if (row["method"], row["parameters"]) == OURS]
    lines = []
    for board, (title, report) in REPORTS.items():
        if own := [row for row in rows if row["board"] == board]:
            lines += [f"### {title}", "", *report(own), ""]
    return "\n".join(lines)


def main() -> None:
    """Run the command line."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("rows", type=Path, nargs="?", default=KEPT)
    options.add_argument("--out", type=Path, metavar="FILE", help="of the fragment")
    args = options.parse_args()
    text = fragment(args.rows)
    print(text)
    if args.out:
        args.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
