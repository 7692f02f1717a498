"""Untidy files: the same numbers by the command line and by pandas and joblib."""

import csv
import io

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
    assert sorted(predicted) == [*range(1, N_ROWS + 1)]
    model = joblib.load(output / "model.joblib")
    frame = read(path).dropna(how="all")
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
