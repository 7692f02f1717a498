"""Finished pieces of a benchmark as JSON lines: append, resume, print a table.

This file imports neither torch nor numpy, so that a process which only starts others
stays small.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return an argument parser with the options that all benchmarks have."""
    options = argparse.ArgumentParser(description=description)
    kept = Path(__file__).parent / "results" / f"{Path(sys.argv[0]).stem}.jsonl"
    options.add_argument(
        "--out",
        type=Path,
        default=kept,
        metavar="FILE",
        help="JSON lines, one is appended per finished piece; those in it are skipped; "
        "by default those in benchmarks/results",
    )
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--threads", type=int, default=1)
    return options


def set_threads(n_threads: int) -> None:
    """Limit the threads of torch and of the libraries that numpy uses."""
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(n_threads)
    threadpool_limits(n_threads)


class Results:
    """The rows of a file, and those of this run."""

    def __init__(self, path: Path, threads: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.old_rows = read(path)
        self.rows: list[Row] = []
        self.identity: Row = {"version": package_version(), "threads": threads}
        self.about: Row = {
            **self.identity,
            "torch": version("torch"),
            "scikit-learn": version("scikit-learn"),
            "commit": commit(),
        }

    def run(self, piece: Row, measure: Callable[[], Row]) -> None:
        """Measure a piece, unless the file has it, and print one line.

        A piece is the same if its settings, the version of the package and the number
        of threads are.
        """
        wanted = {**piece, **self.identity}
        row = next(
            (row for row in self.old_rows if wanted.items() <= row.items()), None
        )
        if row is None:
            start = time.perf_counter()
            measured = measure()
            seconds = time.perf_counter() - start
            row = self.add({**piece, **measured, "seconds": seconds})
        else:
            self.rows.append(row)
        shown = {
            name: value
            for name, value in row.items()
            if name not in self.about and not isinstance(value, list)
        }
        print(*(f"{name}={_text(value)}" for name, value in shown.items()), flush=True)

    def add(self, measured: Row) -> Row:
        """Append a row, with the versions and the commit, and return it."""
        row = {**measured, **self.about}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, allow_nan=False) + "\n")
        self.rows.append(row)
        return row


def read(path: Path) -> list[Row]:
    """Return the rows of a file; cut off a last line that was not finished."""
    if not path.exists():
        return []
    content = path.read_bytes()
    size = content.rfind(b"\n") + 1
    if size < len(content):
        os.truncate(path, size)
    return [json.loads(line) for line in content[:size].splitlines()]


def package_version() -> str:
    """Return the version of sklearn_genre, without importing it."""
    spec = find_spec("sklearn_genre")
    if spec is None or spec.origin is None:
        raise SystemExit("sklearn_genre is not installed: python -m pip install -e .")
    source = Path(spec.origin).read_text(encoding="utf-8")
    return re.findall(r'__version__ = "(.+)"', source)[0]


def commit() -> str | None:
    """Return the commit of the checkout, marked if the code differs, or None."""
    name = _git("rev-parse", "--short", "HEAD")
    changes = _git("diff", "HEAD", "--stat", "--", "../sklearn_genre", "*.py")
    return f"{name}-dirty" if changes else name or None


def print_table(title: str, rows: Iterable[Row], columns: Sequence[str]) -> None:
    """Print some columns of rows as a Markdown table; nothing if there is no row."""
    if lines := table(rows, columns):
        print("", title, "", *lines, sep="\n")


def table(rows: Iterable[Row], columns: Sequence[str]) -> list[str]:
    """Return the lines of a Markdown table of some columns; none if there is no row."""
    cells = [[_text(row[name]) for name in columns] for row in rows]
    lines = [list(columns), ["---"] * len(columns), *cells] if cells else []
    return [f"| {' | '.join(line)} |" for line in lines]


def _git(*arguments: str) -> str:
    """Return what git prints, or nothing if there is no git or no checkout."""
    folder = Path(__file__).parent
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True
        )
    except OSError:
        return ""
    return done.stdout.strip()


def _text(value: Any) -> str:
    """Return a value as it is printed."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
