"""Build a dataset of programs and their peak memory from docstring examples.

The examples of installed packages run on this machine, which nothing but the limits in
worker.py protects: build from packages that you trust. Linux only. Run again, it goes
on where it ended.
"""

import argparse
import csv
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from rows import Row, print_table, read

from code_memory.blocks import digest

PACKAGES = ["numpy", "scipy", "pandas", "scikit-learn"]
# What packages install as, where they are imported under another name.
IMPORTED = {"scikit-learn": "sklearn", "scikit-image": "skimage"}
COLUMNS = ["code", "bytes", "package", "version", "object", "part"]
# Of 100 names: the test set, the validation set, and the training set for the rest.
TEST, VALIDATION = 20, 10
WORKER = Path(__file__).with_name("worker.py")


def build(packages: list[str], folder: Path, limit: int | None) -> None:
    """Measure the blocks of each package that are not measured yet."""
    for package in packages:
        n_before = -1
        # A worker that dies is started anew, as long as the last one finished blocks.
        while (n_rows := len(read(rows_path(folder)))) > n_before:
            n_before = n_rows
            if work(package, folder, limit) == 0:
                break
        else:
            print(f"{package} is left unfinished: its worker ends before any block.")


def work(package: str, folder: Path, limit: int | None) -> int:
    """Run a worker until it ends and return its exit status."""
    words = [package, str(rows_path(folder))]
    if limit is not None:
        words += ["--limit", str(limit)]
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    same = {"PYTHONHASHSEED": "0", "MPLBACKEND": "Agg"}
    environment = {**os.environ, **one_thread, **same}
    done = subprocess.run([sys.executable, str(WORKER), *words], env=environment)
    return done.returncode


def rows_path(folder: Path) -> Path:
    """Return the file with a row for each finished block."""
    return folder / "blocks.jsonl"


def part(name: str) -> str:
    """Return the part of a documented object, by a hash of its name.

    The name alone, without module and class: `sum` of an array and of a data frame,
    whose texts are much alike, are in the same part.
    """
    number = int(digest(name.rpartition(".")[2]), 16) % 100
    if number < TEST:
        return "test"
    return "validation" if number < TEST + VALIDATION else "train"


def example(row: Row) -> Row:
    """Return a usable row of the dataset."""
    return {
        **{name: row[name] for name in COLUMNS if name in row},
        "bytes": round(sum(row["bytes"]) / 2),
        "part": part(row["object"]),
    }


def write(examples: list[Row], path: Path) -> None:
    """Write the dataset."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(examples)


def report(rows: list[Row], examples: list[Row]) -> None:
    """Print how many blocks there are, by package and reason, and their peaks."""
    counts = Counter((row["package"], row["status"], row["reason"]) for row in rows)
    table = [
        {"package": package, "status": status, "reason": reason, "blocks": n}
        for (package, status, reason), n in sorted(counts.items())
    ]
    print_table("Blocks", table, ["package", "status", "reason", "blocks"])
    sizes: dict[str, list[int]] = {}
    for row in examples:
        for name in (row["package"], f"part: {row['part']}", "all"):
            sizes.setdefault(name, []).append(row["bytes"])
    names = ["min", "quartile_1", "median", "quartile_3", "max"]
    table = [
        {"of": name, "usable": len(of), **dict(zip(names, quartiles(of), strict=True))}
        for name, of in sizes.items()
    ]
    print_table("Peak bytes", table, ["of", "usable", *names])


def quartiles(sizes: list[int]) -> list[int]:
    """Return smallest, quartiles and largest."""
    return [round(size) for size in np.quantile(sizes, [0, 0.25, 0.5, 0.75, 1])]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    add = options.add_argument
    add("--packages", nargs="+", default=PACKAGES, metavar="NAME")
    add("--out", type=Path, required=True, metavar="FOLDER")
    add("--limit", type=int, metavar="N", help="blocks of each package, a random N")
    args = options.parse_args()
    if not sys.platform.startswith("linux"):
        options.error(f"blocks are confined on Linux alone, this is {sys.platform}.")
    args.out.mkdir(parents=True, exist_ok=True)
    packages = [IMPORTED.get(name, name) for name in args.packages]
    build(packages, args.out, args.limit)
    rows = read(rows_path(args.out))  # those of former runs and packages too
    rows.sort(key=lambda row: (row["package"], row["object"], row["code_id"]))
    examples = [example(row) for row in rows if row["status"] == "ok"]
    write(examples, args.out / "code_memory.csv")
    report(rows, examples)


if __name__ == "__main__":
    main()
