"""Untidy files: the same numbers by the command line and by pandas and joblib."""

import csv
import io
import zipfile
from importlib.util import find_spec

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from untidy_files import FILES, N_ROWS

from sklearn_genre.cli import main

FAST = ["--epochs", "1", "--length", "4", "--fine-tuning", "none"]
LOADERS = {"parquet": "pyarrow", "excel": "openpyxl", "utf16": None}


def means(file):
    """Return the column of means of a file of predictions, by row."""
    rows = list(csv.DictReader(file))
    return {int(row["row"]): float(row["mean"]) for row in rows}


@pytest.fixture(scope="module", params=FILES)
def case(request, tmp_path_factory):
    """Return a file, how to read it, and the folder of a run on it."""
    if LOADERS.get(request.param):
        pytest.importorskip(LOADERS[request.param])
    folder = tmp_path_factory.mktemp(request.param)
    name, read = FILES[request.param](folder)
    output = folder / "out"
    argv = [str(folder / name), "--target", "price", "--output", str(output), *FAST]
    assert main(argv) == 0
    return folder / name, read, output


def test_three_ways_agree(case, capsys):
    path, read, output = case
    with (output / "predictions.csv").open(newline="") as file:
        held_out = means(file)
    assert main(["predict", str(output / "model.joblib"), str(path)]) == 0
    predicted = means(io.StringIO(capsys.readouterr().out))
    model, frame = joblib.load(output / "model.joblib"), read(path)
    assert len(frame.dropna(how="all")) == N_ROWS
    assert sorted(predicted) == [*range(1, len(frame) + 1)]
    loaded = dict(enumerate(model.predict(frame), start=1))
    assert {*held_out} <= {*predicted}
    for ours in (held_out, predicted):
        assert_allclose(list(ours.values()), [loaded[row] for row in ours], rtol=1e-5)


def test_types_order_and_further_columns_do_not_matter(case):
    path, read, output = case
    model = joblib.load(output / "model.joblib")
    frame = read(path).dropna(how="all")
    expected = model.predict(frame)
    changed = frame[frame.columns[::-1]].drop(columns="price")
    changed.insert(1, "further", "x")
    assert_allclose(model.predict(changed), expected, rtol=1e-5)
    if path.suffix != ".parquet":
        words = read(path, dtype=str).dropna(how="all")
        assert_allclose(model.predict(words), expected, rtol=1e-5)


def test_steps_agree_with_the_pipeline(case):
    path, read, output = case
    model = joblib.load(output / "model.joblib")
    frame = read(path).dropna(how="all").head(6)
    dist = model[-1].predict_distribution(model[:-1].transform(frame))
    assert_allclose(dist.mean(), model.predict(frame))
    assert_allclose(
        dist.median(), model.predict(frame, output_type="median"), rtol=1e-6
    )


def test_columns_are_listed(case):
    _, _, output = case
    table = pd.read_csv(output / "columns.csv", keep_default_na=False)
    assert list(table) == ["name", "read as", "missing", "levels", "note"]
    kinds = dict(zip(table["name"], table["read as"], strict=True))
    assert "price" not in kinds
    assert "category" not in {kinds.get("size"), kinds.get("garage"), kinds.get("nr")}
    assert np.all(table["missing"] >= 0)


# ---------------------------------------------------------------- one by one


def run(folder, name, *options, target="price"):
    """Run the command on a file."""
    return main([str(folder / name), "--target", target, *FAST, *options])


def of_numbers(n=40):
    """Return a small frame."""
    size = np.linspace(1.0, 9.0, n)
    return pd.DataFrame({"size": size, "rooms": np.arange(n) % 5, "price": 3 * size})


def test_names_with_dollars_are_drawn_as_they_are(tmp_path):
    frame = of_numbers().rename(columns={"size": "cost_$_per_$"})
    frame.to_csv(tmp_path / "data.csv", index=False)
    assert run(tmp_path, "data.csv", "--output", str(tmp_path / "out")) == 0
    assert (tmp_path / "out" / "report.html").exists()


def test_a_note_says_that_commas_are_decimal_marks(tmp_path, capsys):
    words = [f"{i};{i},{100 + i}" for i in range(1, 41)]
    (tmp_path / "data.csv").write_text("\n".join(["size;price", *words]))
    assert run(tmp_path, "data.csv") == 0
    assert "decimal marks, as in '1,101': --decimal" in capsys.readouterr().err


def test_an_index_with_a_name_is_a_column(tmp_path, capsys):
    pytest.importorskip("pyarrow")
    of_numbers().set_index("size").to_parquet(tmp_path / "data.parquet")
    assert run(tmp_path, "data.parquet") == 0
    assert "2 features" in capsys.readouterr().out


def test_years_as_names_are_those_that_the_sheet_shows(tmp_path):
    pytest.importorskip("openpyxl")
    frame = of_numbers().set_axis([2018, 2019, 2020], axis=1)
    frame.to_excel(tmp_path / "data.xlsx", index=False)
    assert run(tmp_path, "data.xlsx", target="2020") == 0


def locked(path):
    """Mark the one file of an archive as one that has a password."""
    content = bytearray(path.read_bytes())
    for start, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(start) + place] |= 1
    path.write_bytes(content)


def test_archives_and_sheets_that_cannot_be_read_are_refused_in_one_line(
    tmp_path, capsys
):
    of_numbers().to_csv(tmp_path / "data.csv", index=False)
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        archive.write(tmp_path / "data.csv", "data.csv")
    locked(tmp_path / "data.zip")
    names = ["data.zip"]
    if find_spec("openpyxl"):
        of_numbers().to_excel(tmp_path / "whole.xlsx", index=False)
        names.append("data.xlsx")
        with (
            zipfile.ZipFile(tmp_path / "whole.xlsx") as whole,
            zipfile.ZipFile(tmp_path / "data.xlsx", "w") as cut,
        ):
            for name in whole.namelist():
                part = whole.read(name)
                cut.writestr(name, part[: len(part) // 2] if "sheet1" in name else part)
    for name in names:
        assert run(tmp_path, name) == 2
        said = capsys.readouterr().err
        assert said.startswith("error: cannot ") and said.count("\n") == 1
        assert name in said


def test_a_note_says_how_marks_are_read_that_may_be_either(tmp_path, capsys):
    words = [f"{i};{i}.{100 + i}" for i in range(1, 41)]
    (tmp_path / "data.csv").write_text("\n".join(["size;price", *words]))
    assert run(tmp_path, "data.csv") == 0
    said = capsys.readouterr().err
    assert "points are read as decimal marks, as in '1.101': --decimal ," in said
    words = [f'{i},"{i},{100 + i}"' for i in range(1, 41)]
    (tmp_path / "data.csv").write_text("\n".join(["size,price", *words]))
    assert run(tmp_path, "data.csv") == 0
    said = capsys.readouterr().err
    assert "commas are read as marks between thousands, as in '1,101'" in said


def test_a_note_says_that_some_targets_are_in_percent(tmp_path, capsys):
    frame = of_numbers()
    frame["price"] = [f"{y}%" if i % 2 else y for i, y in enumerate(frame["price"])]
    frame.to_csv(tmp_path / "data.csv", index=False)
    assert run(tmp_path, "data.csv") == 0
    said = capsys.readouterr().err
    assert "the target 'price'" in said
    assert "is in percent, and others are not" in said


def test_a_header_may_leave_most_columns_without_a_name(tmp_path, capsys):
    rows = [f"{i},{i % 3},{2 * i},{5 * i}" for i in range(40)]
    (tmp_path / "data.csv").write_text("\n".join([",,size,price", *rows]))
    assert run(tmp_path, "data.csv") == 0
    assert "size" in capsys.readouterr().out
