"""The command line: tables in, scores out, and every way it can refuse."""

import csv
import math
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_genre.cli import _command, main
from sklearn_genre.cli._comparison import (
    SCORES,
    comparison_methods,
    format_table,
    score_points,
)
from sklearn_genre.cli._error import LONGEST
from sklearn_genre.cli._output import FILES
from sklearn_genre.cli._source import read_source
from sklearn_genre.cli._table import Table, split, with_target
from sklearn_genre.preprocessing._columns import Decimal

ROOT = Path(__file__).parents[1]
FAST = ["--epochs", "1", "--length", "4", "--fine-tuning", "none"]


def mixed_lines(n_rows=60):
    """Return a small mixed table: numbers, categories, gaps, an empty column."""
    rng = np.random.default_rng(0)
    lines = ["size,colour,note,price"]
    for i in range(n_rows):
        size = rng.uniform(1, 9)
        field = "" if i % 7 == 3 else f"{size:.3f}"
        colour = ("red", "blue", "NA")[i % 3]
        lines.append(f"{field},{colour},,{3 * size + i % 3:.3f}")
    return lines


def many_categories():
    """Return a table of one category with more names than a byte counts."""
    rng = np.random.default_rng(0)
    names = pd.Series([f"name {i}" for i in range(600)]).where(np.arange(600) % 9 > 0)
    X = pd.DataFrame({"name": names.astype("category"), "place": np.arange(600.0)})
    return Table(X, rng.normal(size=600), np.arange(1, 601))


def read(path, target):
    """Return a file as a table."""
    return with_target(read_source(path), path, target, Decimal(), [])


@pytest.fixture
def write(tmp_path):
    """Return a function that writes lines to a CSV file and returns its path."""

    def write(lines):
        path = tmp_path / "data.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write


@pytest.fixture
def csv_file(write):
    """Return the path of the mixed table."""
    return write(mixed_lines())


# ---------------------------------------------------------------- the table


def test_rows_without_a_target_are_left_out(write):
    lines = mixed_lines()
    lines[2] = "4.5,blue,,null"
    table = read(write(lines), "price")
    assert table.X.shape == (59, 3)
    assert table.rows.tolist() == [1, *range(3, 61)]
    assert np.isfinite(table.y).all()
    assert "1 of 60 rows left out" in " ".join(table.notes)


def test_comma_in_a_quoted_field(write):
    lines = ["a, b, y"] + [f'{i}, "x, {i % 2}", {i}' for i in range(25)]
    assert set(read(write(lines), "y").X["b"]) == {"x, 0", "x, 1"}


def test_split_is_a_seeded_partition():
    y = np.arange(40.0)
    table = Table(pd.DataFrame({"a": y}), y, np.arange(1, 41))
    train, test = split(table, 0.2, seed=3)
    repeated, _ = split(table, 0.2, seed=3)
    assert sorted([*train.rows, *test.rows]) == list(range(1, 41))
    assert len(test.y) == 8
    assert_array_equal(train.rows, repeated.rows)
    assert_array_equal(train.X["a"], train.rows - 1)


# ---------------------------------------------------------------- refusals


@pytest.fixture
def refusal(capsys, monkeypatch):
    """Return a function that runs the command and returns its one line of refusal.

    The test fails if anything is fitted before.
    """

    def fail(*_):
        pytest.fail("trained before checking")

    monkeypatch.setattr(_command, "score_points", fail)
    monkeypatch.setattr(_command, "score_distribution", fail)

    def run(*argv):
        assert main([str(argument) for argument in argv]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("error: ")
        assert err.count("\n") == 1
        assert len(err) <= LONGEST + 1
        return err

    return run


def bad_tables():
    """Return broken tables and a part of what is said about them."""
    good = mixed_lines()
    header, *rows = good
    words = [f"{i},red,,{'cheap' if i % 2 else i}" for i in range(40)]
    return {
        "empty": ([""], "is empty"),
        "header only": ([header], "has 0 rows"),
        "few rows": (good[:20], "has 19 rows with a target; at least 20"),
        "long": ([*good, "1,red,,3,4"], "line 62: 5 cells where the header has 4"),
        "quote": ([*good, '1,"red,,3'], "line 62: a quote is opened"),
        "short header": (
            [header, *(f"{i},{row}" for i, row in enumerate(rows))],
            "line 2: 5 cells where the header has 4",
        ),
        "small target": (
            [header, *(f"1,red,,{i}e-200" for i in range(40))],
            "multiply it by a constant",
        ),
        "same name": (["price,size,note,price", *rows], "column named 'price'"),
        "text target": ([header, *words], "line 3 has 'cheap'"),
        "large target": ([*good, "1,red,,1e151"], "line 62 has '1e151'"),
        "dates": (
            [header, *[f"1,red,,2024-01-{i:02}" for i in range(1, 25)]],
            "holds dates",
        ),
        "no target column": (
            ["size,colour,note,Prices", *rows],
            "did you mean 'Prices'? its columns are 'size', 'colour', 'note', 'Prices'",
        ),
        "strange target column": (["a,b,c,d", *rows], "no column 'price': its"),
        "control codes": (["a\x1b[2J,b,c,d", *rows], r"'a\x1b[2J'"),
        "wide": ([",".join(f"c{i:03}" * 5 for i in range(500))], "and 495 more"),
        "only a target": (["price", *map(str, range(30))], "--delimiter says where"),
    }


@pytest.mark.parametrize(("lines", "message"), bad_tables().values(), ids=bad_tables())
def test_bad_table(lines, message, write, refusal):
    path = write(lines)
    output = path.parent / "out"
    assert message in refusal(path, "--target", "price", "--output", output)
    assert list(path.parent.iterdir()) == [path]


def test_unreadable_file(tmp_path, refusal):
    binary = tmp_path / "data.csv"
    binary.write_bytes(b"a,b\n\x00\x01,1\n")
    broken = tmp_path / "data.gz"
    broken.write_bytes(b"\x1f\x8bnothing")
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for path, message in [
        (tmp_path / "none.csv", "No such file"),
        (tmp_path, "Is a directory"),
        (binary, "is no text"),
        (broken, "cannot unpack"),
        (loop, "symbolic links"),
        ("a\x00b", "cannot read 'a"),
        ("a" * 300, "name too long"),
    ]:
        assert message in refusal(path, "--target", "price")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--target", "price"], "--target price needs a file"),
        (["data.csv"], "--target is needed"),
        (["--test-size", "1"], "'1' is not a fraction between 0 and 1"),
        (["--test-size", "nan"], "'nan' is not a fraction"),
        (["--test-size", "half"], "'half' is not a fraction"),
        (["--test-size", "0.99"], "--test-size 0.99 leaves 4 rows to train on"),
        (["--test-size", "0.001"], "holds out 1"),
        (["--epochs", "0"], "'0' is not a positive whole number"),
        (["--seed", "-1"], "--seed"),
        (["--seed", "4294967296"], "'4294967296' is not a whole number below 2**32"),
        (["--base", "1"], "base"),
        (["--base", "two"], "--base"),
        (["--length", "99"], "length"),
        (["--fine-tuning", "sarsa"], "'sarsa'"),
        (["--colour"], "--colour"),
    ],
)
def test_bad_option(argv, message, refusal):
    assert message in refusal(*argv)


# ---------------------------------------------------------------- whole runs


def run(csv_file, output):
    """Run the command on the mixed table and return its exit code."""
    return main([str(csv_file), "--target", "price", "--output", str(output), *FAST])


def printed_scores(out):
    """Return the entries of the printed table by the name of their row."""
    lines = out[out.index("RMSE") :].splitlines()
    rows = [line for line in lines if line.endswith(tuple("0123456789"))]
    return {row[:30].strip(): row[30:].split() for row in rows}


def test_run_on_a_mixed_file(csv_file, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    output = tmp_path / "made" / "out"
    output.mkdir(parents=True)
    (output / "kept.txt").write_text("mine")
    (output / "predictions.csv").write_text("old")
    assert run(csv_file, output) == 0
    out, err = capsys.readouterr()
    assert "left out (empty)" in out
    assert "\r" not in err
    assert "48 rows to train on, 12 held out, 2 features" in out
    table = read(csv_file, "price")
    scores = printed_scores(out)
    assert list(scores) == [*comparison_methods(table, 0), "DecodingRegressor"]
    assert all(len(entries) == len(SCORES) for entries in scores.values())
    assert scores["mean predictor"][4:6] == ["-", "-"]
    assert 0 <= float(scores["DecodingRegressor"][4]) <= 1

    with (output / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    place = [int(row["row"]) - 1 for row in rows]
    assert place == sorted(place)
    values = {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}
    assert_array_equal(values["y_true"], table.y[place])
    assert (values["lower"] < values["median"]).all()
    assert (values["median"] < values["upper"]).all()
    model = joblib.load(output / "model.joblib")
    assert_allclose(model.predict(table.X.iloc[place]), values["mean"])
    assert (output / "distribution.png").read_bytes().startswith(b"\x89PNG")
    assert (output / "kept.txt").read_text() == "mine"
    assert {path.name for path in output.iterdir()} == {*FILES, "kept.txt"}
    assert list(output.parent.iterdir()) == [output]


def test_a_method_that_fails_does_not_end_the_run(write, capsys):
    x = np.random.default_rng(0).normal(size=60)
    lines = ["size,price", *(f"{v * 1e307},{v}" for v in x)]
    assert main([str(write(lines)), "--target", "price", *FAST]) == 0
    out, err = capsys.readouterr()
    assert set(printed_scores(out)["DecodingRegressor"]) != {"-"}
    assert "note: Ridge (linear): " in err
    assert len(err.splitlines()) == len(set(err.splitlines()))


def test_no_picture_without_matplotlib(csv_file, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    output = tmp_path / "new" / "out"
    assert run(csv_file, output) == 0
    assert "pip install matplotlib" in capsys.readouterr().err
    names = {path.name for path in output.iterdir()}
    assert names == {*FILES} - {"distribution.png"}


def test_command_without_arguments():
    result = subprocess.run(
        [sys.executable, "-m", "sklearn_genre", *FAST],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "353 rows to train on, 89 held out, 10 features" in result.stdout
    assert "\r" not in result.stderr


# ---------------------------------------------------------------- the scores


def test_comparison_with_many_and_unseen_categories():
    train, test = split(many_categories(), 0.2, seed=0)
    for model in comparison_methods(train, 0).values():
        scores = score_points(model, train, test)
        assert len(scores) == len(SCORES)
        assert all(score is None or math.isfinite(score) for score in scores)


def test_scores_are_aligned():
    scores = {
        "a": [1.0, -2.5, None, 1e9, 0.25, None, 3.0],
        "long name": [123456.0] * 7,
    }
    lines = format_table(scores).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[1].split() == ["a", "1", "-2.5", "-", "1e+09", "0.25", "-", "3"]
    assert lines[2].split()[-1] == "123500"
