"""The demo: tables in, scores and files out, and every way it can refuse."""

import csv
import math
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest

from sklearn_genre import __main__ as demo
from sklearn_genre._table import InputError, Table, read_number, read_table

ROOT = Path(__file__).parents[1]
FAST = ["--epochs", "1", "--length", "4", "--fine-tuning", "none"]


def _lines(n_rows: int = 60) -> list[str]:
    """Return a small mixed table: numbers, categories, gaps, an empty column."""
    rng = np.random.default_rng(0)
    lines = ["size,colour,note,price"]
    for i in range(n_rows):
        size = rng.uniform(1, 9)
        cell = "" if i % 7 == 3 else f"{size:.3f}"
        colour = ("red", "blue", "NA")[i % 3]
        lines.append(f"{cell},{colour},,{3 * size + i % 3:.3f}")
    return lines


@pytest.fixture
def csv_file(tmp_path: Path) -> Path:
    """Return the path of the mixed table."""
    return _write(tmp_path, _lines())


def _write(folder: Path, lines: list[str]) -> Path:
    path = folder / "data.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


# ---------------------------------------------------------------- the table


@pytest.mark.parametrize(
    ("cell", "number"),
    [("1e3", 1000.0), ("-2", -2.0), ("1_000", None), ("inf", None), ("red", None)],
)
def test_read_number(cell: str, number: float | None) -> None:
    assert read_number(cell) == number


@pytest.mark.parametrize("cell", ["", "NA", "NaN", "NULL", "None", "?"])
def test_read_number_missing(cell: str) -> None:
    number = read_number(cell)
    assert number is not None
    assert math.isnan(number)


def test_mixed_table(tmp_path: Path) -> None:
    lines = _lines()
    lines[2] = "4.5,blue,,null"
    table = read_table(_write(tmp_path, lines), "price")
    assert table.X.shape == (59, 2)
    assert table.X.dtype == object
    assert table.categorical == [1]
    assert table.rows.tolist() == [1, *range(3, 61)]
    assert {cell for cell in table.X[:, 1] if cell == cell} == {"red", "blue"}
    assert [cell != cell for cell in table.X[:, 0]].count(True) == 9
    assert np.isfinite(table.y).all()
    assert table.notes == (
        "1 of 60 rows left out: no value in 'price'",
        "columns left out: no value in 'note'",
    )


def test_all_numeric_table(tmp_path: Path) -> None:
    lines = ["\ufeffa, b , y", ""]
    lines += [f'{i},"{i * i}",{i / 2}' for i in range(25)]
    table = read_table(_write(tmp_path, lines), "y")
    assert table.X.dtype == np.float64
    np.testing.assert_array_equal(table.X[:, 1], np.arange(25.0) ** 2)
    assert table.categorical == []
    assert table.notes == ()


def test_comma_in_a_quoted_cell(tmp_path: Path) -> None:
    lines = ["a, b, y"] + [f'{i}, "x, {i % 2}", {i}' for i in range(25)]
    table = read_table(_write(tmp_path, lines), "y")
    assert set(table.X[:, 1]) == {"x, 0", "x, 1"}


def test_split_is_a_seeded_partition() -> None:
    y = np.arange(40.0)
    table = Table(y[:, None], y, np.arange(1, 41), [])
    train, test = demo.split(table, 0.2, seed=3)
    again, _ = demo.split(table, 0.2, seed=3)
    assert sorted([*train.rows, *test.rows]) == list(range(1, 41))
    assert len(test.y) == 8
    np.testing.assert_array_equal(train.rows, again.rows)
    np.testing.assert_array_equal(train.X[:, 0], train.rows - 1)


# ---------------------------------------------------------------- refusals


def _error(capsys: pytest.CaptureFixture[str], argv: list[str]) -> str:
    """Run the demo, check that it refuses in one line, and return that line."""
    assert demo.main(argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    return err


@pytest.fixture
def no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail the test if anything is fitted."""

    def fail(*_: object) -> None:
        pytest.fail("trained before checking")

    monkeypatch.setattr(demo, "score_points", fail)
    monkeypatch.setattr(demo, "score_distribution", fail)


def _bad_files() -> dict[str, tuple[list[str], str]]:
    """Return broken tables and a part of what is said about them."""
    good = _lines()
    return {
        "empty": ([""], "is empty"),
        "header only": (good[:1], "has 0 rows"),
        "few rows": (good[:20], "has 19 rows with a target; at least 20"),
        "ragged": ([*good[:5], "1,red", *good[5:]], "line 6: 2 cells where the header"),
        "long": ([*good, "1,red,,3,4"], "line 62: 5 cells where the header has 4"),
        "quote": ([*good, '1,"red,,3'], "line 62: unexpected end of data"),
        "same name": (["size,size,note,price", *good[1:]], "column named 'size'"),
        "text target": ([*good, "1,red,,cheap"], "line 62 has 'cheap'"),
        "infinite target": ([*good, "1,red,,-inf"], "line 62 has '-inf'"),
        "no target column": (
            ["size,colour,note,Prices", *good[1:]],
            "did you mean 'Prices'? its columns are size, colour, note, Prices",
        ),
        "strange target column": (["a,b,c,d", *good[1:]], "no column 'price': its"),
        "only a target": (["price", *map(str, range(30))], "separated by commas"),
    }


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize("name", _bad_files())
def test_bad_file(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines, message = _bad_files()[name]
    path, output = _write(tmp_path, lines), tmp_path / "out"
    argv = [str(path), "--target", "price", "--output", str(output)]
    assert message in _error(capsys, argv)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.usefixtures("no_training")
def test_unreadable_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    binary = tmp_path / "data.csv"
    binary.write_bytes(b"a,b\n\xff\xfe,1\n")
    for path, message in [
        (tmp_path / "none.csv", "No such file"),
        (tmp_path, "Is a directory"),
        (binary, "not UTF-8"),
    ]:
        assert message in _error(capsys, [str(path), "--target", "price"])


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--target", "price"], "--target price needs a CSV file"),
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
def test_bad_option(
    argv: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in _error(capsys, argv)


@pytest.mark.usefixtures("no_training")
def test_output_is_a_file(
    csv_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = csv_file.read_bytes()
    assert "is a file" in _error(capsys, ["--output", str(csv_file)])
    inside = csv_file / "deep" / "out"
    assert "no folder can be made" in _error(capsys, ["--output", str(inside)])
    assert csv_file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [csv_file]


@pytest.mark.usefixtures("no_training")
def test_output_without_permission(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(demo.os, "access", lambda *_: False)
    argv = ["--output", str(tmp_path / "out")]
    assert "no folder can be made" in _error(capsys, argv)


def test_interrupt(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "score_points", interrupt)
    assert demo.main([]) == 130
    assert capsys.readouterr().err == "interrupted\n"


# ---------------------------------------------------------------- whole runs


def _scores(out: str) -> dict[str, list[str]]:
    """Return the cells of the printed table by the name of their row."""
    rows = [line for line in out.splitlines() if line.endswith(tuple("0123456789"))]
    return {row[:30].strip(): row[30:].split() for row in rows}


def test_run_on_a_mixed_file(
    csv_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "made" / "out"
    output.mkdir(parents=True)
    (output / "kept.txt").write_text("mine")
    (output / "predictions.csv").write_text("old")
    argv = [str(csv_file), "--target", "price", "--output", str(output), *FAST]
    assert demo.main(argv) == 0
    out, err = capsys.readouterr()
    assert "note: columns left out: no value in 'note'" in err
    assert "\r" not in err
    assert "48 rows to train on, 12 held out, 2 features" in out
    scores = _scores(out)
    assert list(scores) == [*demo.comparison_methods(_tiny(), 0), "DecodingRegressor"]
    assert all(len(cells) == len(demo.SCORES) for cells in scores.values())
    assert scores["mean predictor"][4:6] == ["-", "-"]
    assert 0 <= float(scores["DecodingRegressor"][4]) <= 1

    table = read_table(csv_file, "price")
    with (output / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    place = [int(row["row"]) - 1 for row in rows]
    assert place == sorted(place)
    values = {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}
    np.testing.assert_array_equal(values["y_true"], table.y[place])
    assert (values["lower"] < values["median"]).all()
    assert (values["median"] < values["upper"]).all()
    model = joblib.load(output / "model.joblib")
    np.testing.assert_allclose(model.predict(table.X[place]), values["mean"])
    assert (output / "distribution.png").read_bytes().startswith(b"\x89PNG")
    assert (output / "kept.txt").read_text() == "mine"
    assert len(list(output.iterdir())) == 4
    assert list(output.parent.iterdir()) == [output]


def _tiny() -> Table:
    """Return a table of one category with more names than a byte counts."""
    rng = np.random.default_rng(0)
    X = np.array([[f"name {i}", float(i)] for i in range(600)], dtype=object)
    X[::9, 0] = np.nan
    return Table(X, rng.normal(size=600), np.arange(1, 601), [0])


def test_comparison_with_many_and_unseen_categories() -> None:
    train, test = demo.split(_tiny(), 0.2, seed=0)
    for model in demo.comparison_methods(train, 0).values():
        scores = demo.score_points(model, train, test)
        assert len(scores) == len(demo.SCORES)
        assert all(score is None or math.isfinite(score) for score in scores)


def test_table_is_aligned() -> None:
    scores: dict[str, list[float | None]] = {
        "a": [1.0, -2.5, None, 1e9, 0.25, None, 3.0],
        "long name": [123456.0] * 7,
    }
    lines = demo.format_table(scores).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[1].split() == ["a", "1", "-2.5", "-", "1e+09", "0.25", "-", "3"]


def test_no_picture_without_matplotlib(
    csv_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    output = tmp_path / "new" / "out"
    argv = [str(csv_file), "--target", "price", "--output", str(output), *FAST]
    assert demo.main(argv) == 0
    assert 'pip install "sklearn_genre[plot]"' in capsys.readouterr().out
    assert {p.name for p in output.iterdir()} == {"predictions.csv", "model.joblib"}


def test_failing_write_changes_nothing(
    csv_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(demo.joblib, "dump", fail)
    output = tmp_path / "out"
    argv = [str(csv_file), "--target", "price", "--output", str(output), *FAST]
    assert demo.main(argv) == 2
    assert capsys.readouterr().err.endswith(f"{output}: No space left on device\n")
    assert list(tmp_path.iterdir()) == [csv_file]


def test_too_few_rows_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="19 rows"):
        read_table(_write(tmp_path, _lines(19)), "price")


def test_command_without_arguments() -> None:
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


def test_infinite_cells_are_an_error(tmp_path, capsys):
    rows = [f"{i},{'-inf' if i == 7 else i / 3},{i % 5}" for i in range(40)]
    path = tmp_path / "data.csv"
    path.write_text("\n".join(["a,b,price", *rows]))
    assert demo.main([str(path), "--target", "price"]) == 2
    assert "column 'b' must hold finite numbers: line 9" in capsys.readouterr().err
