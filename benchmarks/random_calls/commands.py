"""Runs of the command line in this process, on files of every kind."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import joblib
import numpy as np

from random_calls.call import Call, Given, one_of
from sklearn_genre.cli import main

Rng = np.random.Generator
LONGEST_LINE = 500
PREDICTS = find_spec("sklearn_genre.cli._predict") is not None
SMALL = ["--epochs", "1", "--length", "4", "--fine-tuning", "none"]
BAD_OPTIONS = [
    ["--epochs", "0"],
    ["--epochs", "many"],
    ["--epochs", "9" * 400],
    ["--length", "0"],
    ["--length", "99"],
    ["--base", "1"],
    ["--base", "x"],
    ["--seed", "-1"],
    ["--seed", "9" * 30],
    ["--test-size", "0"],
    ["--test-size", "1.5"],
    ["--test-size", "nan"],
    ["--test-size", "1e-9"],
    ["--fine-tuning", "nonsense"],
    ["--nonsense"],
    ["--target"],
    ["--output", "table.csv"],
    ["--output", "table.csv/folder"],
    ["--output", "n" * 300],
    ["--output", "a\0b"],
]
READING = [
    ["--delimiter", ";"],
    ["--delimiter", "ab"],
    ["--encoding", "latin-1"],
    ["--encoding", "nonsense"],
    ["--decimal", ","],
    ["--decimal", "x"],
    ["--missing", "-"],
    ["--missing", ""],
    ["--drop", "x"],
    ["--drop", "nonsense"],
]
BAD_FILES = ["missing.csv", ".", "n" * 300, "a\0b", "", "\x1b[2J.csv", "table.csv/x"]


# -- files -----------------------------------------------------------------------


def table(rng: Rng) -> bytes:
    """Return a text file with a column `y`, most of the time of use."""
    n = int(rng.choice([0, 3, 25, 40], p=[0.05, 0.1, 0.55, 0.3]))
    x, y = rng.normal(size=n), rng.normal(size=n)
    columns = {"x": [f"{value:.3f}" for value in x], "y": [f"{v:.3f}" for v in y]}
    for _ in range(int(rng.integers(0, 3))):
        name, column = one_of(rng, COLUMNS)(rng, n)
        columns[name] = column
    if n and rng.random() < 0.3:
        column = one_of(rng, [columns["x"], columns["y"]])
        stray = ["", "N/A", "-", "1,234", "12 %", "inf", "1e400", "1e301", "5e-324"]
        column[int(rng.integers(n))] = one_of(rng, [*stray, "x" * 10_000, "\x1b[2J"])
    separator = one_of(rng, [",", ",", ",", ";", "\t", "|"])
    lines = [separator.join(map(quoted, columns))]
    lines += [
        separator.join(map(quoted, row)) for row in zip(*columns.values(), strict=True)
    ]
    end = one_of(rng, ["\n", "\r\n", "\r"])
    if rng.random() < 0.1:
        lines.insert(
            int(rng.integers(len(lines))), one_of(rng, ["# note", "", "a,b,c,d,e"])
        )
    if rng.random() < 0.05:
        lines = [f"{line}{separator}{separator}" for line in lines]
    encoding = one_of(rng, ["utf-8"] * 5 + ["utf-8-sig", "latin-1", "utf-16"])
    content = (end.join(lines) + end).encode(encoding, errors="replace")
    if rng.random() < 0.05:
        place = int(rng.integers(len(content) + 1))
        content = content[:place] + rng.bytes(3) + content[place:]
    return content


def quoted(field: str) -> str:
    """Return a field in quotes if it must be."""
    return f'"{field}"' if {*field} & {*',;\t|"\n'} else field


def words(rng: Rng, n: int) -> tuple[str, list[str]]:
    """Return a category."""
    return "colour", rng.choice(["red", "green", "ü", "NA", ""], n).tolist()


def empty(rng: Rng, n: int) -> tuple[str, list[str]]:
    """Return a column without values."""
    return one_of(rng, ["empty", ""]), [""] * n


def dates(rng: Rng, n: int) -> tuple[str, list[str]]:
    """Return dates."""
    return "date", [f"2020-01-{day:02d}" for day in rng.integers(1, 29, n)]


def prose(rng: Rng, n: int) -> tuple[str, list[str]]:
    """Return a text of its own for each row."""
    return "notes, long", [f'row {i}: some "words"' for i in range(n)]


def constant(rng: Rng, n: int) -> tuple[str, list[str]]:
    """Return a column with one value, under a name that no terminal must see."""
    return "a\x1b[2J", ["7"] * n


def flags(rng: Rng, n: int) -> tuple[str, list[str]]:
    """Return truth values."""
    return "flag", rng.choice(["True", "False"], n).tolist()


COLUMNS = [words, empty, dates, prose, constant, flags]


# -- runs ------------------------------------------------------------------------


def run(arguments: list[str], content: bytes) -> tuple[int, str, str, str]:
    """Return the exit code, both outputs, and what is wrong with the files."""
    out, err, before = io.StringIO(), io.StringIO(), Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "table.csv").write_bytes(content)
        os.chdir(folder)
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = exit_code(arguments)
                problem = problem_of(code, Path(folder))
        finally:
            os.chdir(before)
    return code, out.getvalue(), err.getvalue(), problem


def exit_code(arguments: list[str]) -> int:
    """Return the exit code of a run; only argparse's help may leave by itself."""
    try:
        return main(arguments)
    except SystemExit as leaving:
        return int(leaving.code or 0)


def problem_of(code: int, folder: Path) -> str:
    """Return what is wrong with the files that a run left behind."""
    names = sorted(path.name for path in folder.iterdir())
    if code and names != ["table.csv"]:
        return f"an error left {names}"
    if set(names) - {"table.csv", "results"}:
        return f"left {names}"
    if not (folder / "results").exists():
        return ""
    model = folder / "results" / "model.joblib"
    if not hasattr(joblib.load(model), "predict"):
        return "the saved model does not predict"
    if PREDICTS and exit_code(["predict", str(model), "table.csv"]):
        return "predict fails on the file of the fit"
    return ""


def check_run(result: tuple[int, str, str, str]) -> None:
    """Expect scores, or one line that says what is wrong."""
    code, out, err, problem = result
    assert code in (0, 2), f"exit code {code}"
    assert not problem, problem
    for line in err.splitlines():
        assert len(line) <= LONGEST_LINE, f"a line of {len(line)} characters"
    for letter in out + err:
        assert letter in "\n\r\t" or ord(letter) >= 32, f"control character {letter!r}"
    if code == 0:
        assert out, "no output"
    else:
        assert err.splitlines()[-1].startswith("error: "), f"last line {err[-200:]!r}"


def draw(rng: Rng) -> Call:
    """Return a run of the command."""
    arguments = ["table.csv", "--target", "y", *SMALL]
    chance = rng.random()
    if chance < 0.3:
        arguments += one_of(rng, BAD_OPTIONS)
    elif chance < 0.4:
        arguments[0] = one_of(rng, BAD_FILES)
    elif chance < 0.45:
        arguments[2] = one_of(rng, ["", "z", "Y", "colour", "n" * 10_000, "\x1b[2J"])
    elif chance < 0.55:
        arguments += one_of(rng, READING)
    elif chance < 0.63:
        arguments += ["--output", one_of(rng, ["results", "./results/", "results/."])]
    given = {"arguments": Given(arguments), "content": Given(table(rng))}
    check: Callable[[Any], None] = check_run
    return Call("run", run, given, check, repeatable=False)
