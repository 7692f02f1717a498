"""The command that predicts, and the report of the run before it."""

import base64
import csv
import io
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from sklearn_genre import DecodingRegressor
from sklearn_genre.cli import main

FAST = ["--epochs", "1", "--length", "4", "--fine-tuning", "none"]
N = 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with a file, the same without its target, and a run."""
    folder = tmp_path_factory.mktemp("predict")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"size": rng.uniform(1, 9, N), "<b>&": rng.choice(["x", "y"], N)}
    )
    frame["price"] = 3 * frame["size"] + rng.normal(size=N)
    frame.to_csv(folder / "data.csv", index=False)
    frame.drop(columns="price").to_csv(folder / "new.csv", index=False)
    argv = ["--target", "price", "--output", str(folder / "out"), *FAST]
    assert main([str(folder / "data.csv"), *argv]) == 0
    return folder


@pytest.fixture
def predict(folder, capsys):
    """Return a function that predicts a file and returns columns by name."""

    def predict(name, *options):
        model = str(folder / "out" / "model.joblib")
        assert main(["predict", model, str(folder / name), *options]) == 0
        rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
        return {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}

    return predict


def test_rows_without_a_target(predict):
    with_target, without = predict("data.csv"), predict("new.csv")
    assert list(without) == ["row", "mean", "median", "lower", "upper"]
    for name, column in without.items():
        assert_allclose(column, with_target[name])


def test_rows_of_empty_cells_keep_their_place(predict, folder, capsys):
    records = (folder / "new.csv").read_text().splitlines()
    whole = predict("new.csv")
    kept = [*records[:3], "", ",", *records[3:], ",", ","]
    (folder / "gaps.csv").write_text("\n".join(kept))
    gaps = predict("gaps.csv")
    assert_allclose(gaps["row"], np.arange(1, N + 2))
    assert_allclose(np.delete(gaps["mean"], 2), whole["mean"])
    frame = pd.read_csv(folder / "gaps.csv").head(N + 1)
    model = joblib.load(folder / "out" / "model.joblib")
    assert_allclose(gaps["mean"], model.predict(frame))


def test_quantiles_that_are_close_have_columns_of_their_own(predict):
    columns = predict("new.csv", "--quantiles", "0.1234567", "0.1234568")
    assert (columns["q0.1234567"] <= columns["q0.1234568"]).all()


def test_quantiles_and_interval(predict, folder):
    levels = ["0.05", "0.5", "0.95"]
    columns = predict("new.csv", "--interval", ".5", "--quantiles", *levels)
    model = joblib.load(folder / "out" / "model.joblib")
    dist = model.predict(pd.read_csv(folder / "new.csv"), output_type="distribution")
    lower, upper = dist.interval(0.5).T
    assert_allclose(columns["lower"], lower)
    assert_allclose(columns["upper"], upper)
    assert_allclose(columns["q0.5"], columns["median"])
    assert (columns["q0.05"] < columns["lower"]).all()
    assert (columns["upper"] < columns["q0.95"]).all()


def test_into_a_file(predict, folder, tmp_path, capsys):
    printed = predict("new.csv")
    path = tmp_path / "made" / "predictions.csv"
    model = str(folder / "out" / "model.joblib")
    argv = ["predict", model, str(folder / "new.csv"), "--output", str(path)]
    assert main(argv) == 0
    assert capsys.readouterr().out == ""
    written = pd.read_csv(path)
    assert list(written) == list(printed)
    for name, column in printed.items():
        assert_allclose(written[name], column)
    assert [*path.parent.iterdir()] == [path]


def test_standard_input(predict, folder, monkeypatch):
    expected = predict("new.csv")
    content = io.BytesIO((folder / "new.csv").read_bytes())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(content))
    model = joblib.load(folder / "out" / "model.joblib")
    assert len(model.steps) == 2
    argv = ["predict", str(folder / "out" / "model.joblib"), "-"]
    output = folder / "stdin.csv"
    assert main([*argv, "--output", str(output)]) == 0
    assert_allclose(pd.read_csv(output)["mean"], expected["mean"])


@pytest.fixture
def refused(capsys):
    """Return a function that expects one line of refusal."""

    def refused(*argv):
        assert main(["predict", *map(str, argv)]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("error: ")
        assert err.count("\n") == 1
        return err

    return refused


def test_refusals(folder, tmp_path, refused):
    model, data = folder / "out" / "model.joblib", folder / "new.csv"
    other = tmp_path / "other.csv"
    other.write_text("size,colour\n1,red\n2,blue\n")
    empty = tmp_path / "empty.csv"
    empty.write_text("size,<b>&\n")
    plain = tmp_path / "plain.joblib"
    joblib.dump(DecodingRegressor(), plain)
    for argv, message in [
        ((), "required"),
        ((model,), "required"),
        ((data, data), "is no model"),
        ((tmp_path / "no.joblib", data), "No such file"),
        ((plain, data), "DecodingRegressor; use it in Python"),
        ((model, tmp_path / "no.csv"), "No such file"),
        ((model, other), "lacks 1 of the 2 columns seen in fit: '<b>&'"),
        ((model, empty), "has no rows"),
        ((model, data, "--quantiles", "2"), "'2' is not a fraction"),
        ((model, data, "--interval", "0"), "'0' is not a fraction"),
        ((model, data, "--output", tmp_path), "is a folder"),
        ((model, data, "--output", ""), "the name is empty"),
    ]:
        assert message in refused(*argv)


def test_what_is_read_is_not_overwritten(folder, tmp_path, refused, capsys):
    model, data = folder / "out" / "model.joblib", folder / "new.csv"
    link = tmp_path / "link.csv"
    link.symlink_to(data)
    before = {path: path.read_bytes() for path in (model, data)}
    for output in (model, data, link, data.parent / "out" / ".." / data.name):
        assert "is read, and would be overwritten" in refused(
            model, data, "--output", output
        )
    named = tmp_path / "predictions.csv"
    named.write_bytes((folder / "data.csv").read_bytes())
    before[named] = named.read_bytes()
    argv = [str(named), "--target", "price", "--output", str(tmp_path), *FAST]
    assert main(argv) == 2
    assert "would be overwritten" in capsys.readouterr().err
    assert before == {path: path.read_bytes() for path in before}


class Page(HTMLParser):
    """Collects the tags of a page and checks that they close."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "wbr"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_the_report_is_one_page_without_network(folder):
    pytest.importorskip("matplotlib")
    source = (folder / "out" / "report.html").read_text(encoding="utf-8")
    page = Page()
    page.feed(source)
    assert page.open == []
    images = [attrs for tag, attrs in page.tags if tag == "img"]
    assert len(images) >= 6
    assert all(len(image["alt"]) > 20 for image in images)
    assert len({image["alt"] for image in images}) == len(images)
    assert all(
        image["src"].startswith("data:image/svg+xml;base64,") for image in images
    )
    assert not {"script", "link", "iframe"} & {tag for tag, _ in page.tags}
    assert not re.search(r"(src|href)=\"?(http|//|file)|url\(|@import", source)
    assert "<b>&" in "".join(page.text)
    assert "<b>&" not in source


def test_the_pictures_of_the_report_load_nothing(folder):
    source = (folder / "out" / "report.html").read_text(encoding="utf-8")
    for data in re.findall(r"base64,([^\"]+)", source):
        root = ElementTree.fromstring(base64.b64decode(data))
        links = [v for e in root.iter() for k, v in e.attrib.items() if "href" in k]
        assert all(link.startswith(("#", "data:")) for link in links)


def test_the_same_run_writes_the_same_report(folder, tmp_path):
    argv = ["--target", "price", "--output", str(tmp_path / "out"), *FAST]
    assert main([str(folder / "data.csv"), *argv]) == 0
    seconds = re.compile(r"<tr><td>seconds</td>.*?</tr>", re.DOTALL)
    first, second = (
        seconds.sub("", (path / "report.html").read_text(encoding="utf-8"))
        for path in (folder / "out", tmp_path / "out")
    )
    assert first == second
