"""Tables of rows: means, ranks, wins, ratios, differences, published ranks."""

import argparse
import json

import numpy as np
import pandas as pd
import pytest
from made_rows import frame_of
from talent import differences, ratios, report, scores, tables


def made_rows(**errors):
    """Return rows of two sets and two seeds, errors by method and set."""
    return [
        {
            "data": data,
            "method": method,
            "seed": seed,
            "rmse_mean": error + 0.01 * seed,
            "unit": 10.0,
            "best_at_k": [error / (k + 1) for k in range(8)],
        }
        for method, of_sets in errors.items()
        for data, error in zip(("s", "t"), of_sets, strict=True)
        for seed in range(2)
    ]


@pytest.fixture
def frame(tmp_path):
    """Return the frame of made rows, one of which failed."""
    rows = made_rows(base=(0.5, 0.6), good=(0.4, 0.6), bad=(0.7, 0.9))
    failed = {"data": "u", "method": "bad", "seed": 0, "error": "TypeError: a | b"}
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, failed]))
    return tables.load([path])


def test_means_and_errors_over_seeds(frame):
    table = tables.overview(frame, ["rmse_mean"])
    assert table.loc["good", "rmse_mean"] == pytest.approx(0.505)
    assert table.loc["good", "rmse_mean_se"] == pytest.approx(0.005)
    assert table.loc["bad", ["rows", "failed", "sets"]].tolist() == [5, 1, 2]


def test_ranks_wins_and_losses(frame):
    table = tables.against(frame, "rmse_mean", "base")
    assert table.index.tolist() == ["good", "base", "bad"]
    assert table["average_rank"].tolist() == [1.25, 1.75, 3.0]
    assert table.loc["good", ["won", "tied", "lost"]].tolist() == [1, 1, 0]
    assert table.loc["bad", ["won", "tied", "lost"]].tolist() == [0, 0, 2]
    with pytest.raises(ValueError, match="'none' has no row"):
        tables.against(frame, "rmse_mean", "none")


def test_curves_are_means(frame):
    (table,) = tables.curves(frame).values()
    assert table.columns.tolist() == list(scores.DRAWS)
    assert table.loc["base", 2] == pytest.approx(0.275)


def test_place_among_published(frame, tmp_path):
    path = tmp_path / "published.csv"
    path.write_text("dataset,train_target_std,old\ns,10,4.5\nt,10,6.0\nz,1,1\n")
    table = tables.published_ranking(frame, path)
    assert table.loc["old", "average_rank"] == 1.5
    assert table.loc["good (here)", "average_rank"] == 1.75  # tied with base on t
    assert table.loc["old", "sets"] == 2
    assert table.loc["old", "mean_rmse_over_std"] == pytest.approx(0.525)


def test_job_that_is_there_twice_is_refused(tmp_path):
    path = tmp_path / "rows.jsonl"
    row = json.dumps(made_rows(base=(1.0, 1.0))[0]) + "\n"
    path.write_text(row + row)
    with pytest.raises(ValueError, match="there twice"):
        tables.load([path])


def test_report_has_the_tables_that_the_rows_allow(frame):
    found = report.report(frame, "rmse_mean", "base", None)
    assert list(found)[-1] == "Failures"
    assert "Among published methods" not in found
    text = report.text(found, frame)
    assert "| u | bad | 0 | TypeError: a / b |" in text
    assert f"| {found['Overview'].loc['good', 'rmse_mean']:.4g} ± 0.005 |" in text
    with pytest.raises(ValueError, match="No row"):
        report.chosen(frame, argparse.Namespace(methods=["none"], sets=None))


# -- ratios ----------------------------------------------------------------------


def with_scores(frame):
    """Return rows whose other scores are multiples of the RMSE, of sets of a size."""
    rmse = frame["rmse_mean"]
    sizes = 10 - frame["data"].str[-1].astype(int)
    return frame.assign(crps=rmse / 2, fit_s=10 * rmse, coverage_90=0.9, n_train=sizes)


def test_twice_the_error_is_a_ratio_of_two():
    frame = frame_of(default=[(1.0, 3.0), (5.0, 5.0)], out=[(3.0, 5.0), (10.0, 10.0)])
    line = ratios.exchanged(with_scores(frame), "default").loc["out"]
    names = ["rmse_ratio", "crps_ratio", "fit_s_ratio"]
    assert line[names].tolist() == pytest.approx([2.0] * 3)
    errors = line[["rmse_ratio_se", "crps_ratio_se"]].tolist()
    assert errors == pytest.approx([0.0, 0.0], abs=1e-12)
    assert line[["default better on", "sets", "coverage_90"]].tolist() == [2, 2, 0.9]


def test_error_of_a_ratio_is_over_sets_in_its_unit():
    found = ratios.ratio(pd.Series([1.0, np.nan, 4.0]))
    assert found.value == pytest.approx(2.0)
    assert found.error == pytest.approx(2.0 * np.log(2.0))


def test_largest_error_comes_first_and_level_sets_are_no_win():
    frame = frame_of(
        default=[(1.0, 1.0)] * 2,
        less=[(0.9, 0.9), (1.0, 1.0)],
        more=[(1.0005, 1.0005), (3.0, 3.0)],
    )
    table = ratios.exchanged(with_scores(frame), "default")
    assert table.index.tolist() == ["more", "default", "less"]
    assert table["default better on"].tolist() == [1, 0, 0]
    assert table.loc["default", ["rmse_ratio", "rmse_ratio_se"]].tolist() == [1, 0]


def test_ratios_are_of_the_sets_and_seeds_of_both():
    frame = with_scores(
        frame_of(default=[(1.0,), (1.0, 9.0)], out=[(2.0, 7.0), (2.0, 18.0), (9.0,)])
    )
    failed = {"data": "set 0", "method": "failed", "seed": 0, "error": "Killed"}
    frame = tables.framed([*frame.to_dict("records"), failed])
    table = ratios.exchanged(frame, "default")
    assert table["rmse_ratio"].to_dict() == {"out": 2.0, "default": 1.0}
    assert table.loc["out", "sets"] == 2
    assert ratios.exchanged(frame, "none").empty


def test_sets_by_size_and_ratios_below():
    frame = frame_of(
        twice=[(2.0, 2.0), (6.0, 6.0), (1.0, 1.0)],
        default=[(1.0, 1.0), (2.0, 4.0)],
        some=[(4.0, 4.0)],
    )
    table = ratios.on_sets(with_scores(frame), "rmse_mean", "default")
    *sets, both, below = table.index
    assert sets == ["set 2", "set 1", "set 0"]
    assert table.columns[1] == "default"
    assert table["n_train"].tolist()[:3] == [8, 9, 10]
    assert table["default"].tolist()[1:3] == [3.0, 1.0]
    assert np.isnan(table.loc["set 1", "some"])
    names = ["default", "twice", "some"]
    assert table.loc[both, names].tolist() == [2, 2, 1]
    assert table.loc[below, names].tolist() == pytest.approx([1.0, 0.5, 0.25])
    assert "| set 1 | 9 | 3 | 6 |  |" in tables.markdown(table)
    assert ratios.on_sets(frame, "rmse_mean", "none").empty


def test_differences_are_paired():
    frame = frame_of(a=[(1.0, 2.0), (3.0, 4.0)], b=[(0.9, 1.9), (2.7, 3.7), (0.0, 0.0)])
    found = differences.difference(frame, ("a", "rmse_mean"), ("b", "rmse_mean"))
    assert found.before == pytest.approx(2.5)
    assert found.gain == pytest.approx(0.2)
    assert found.gain_se == pytest.approx(0.0)
    assert found.sets_se == pytest.approx(0.1)
    assert (found.better, found.tied, found.worse) == (2, 0, 0)
    turned = differences.difference(
        frame, ("a", "rmse_mean"), ("b", "rmse_mean"), rises=True
    )
    assert turned.gain == pytest.approx(-0.2)
    assert turned.worse == 2
    none = differences.difference(frame, ("a", "rmse_mean"), ("c", "rmse_mean"))
    assert none is None


def test_crossed_tables_are_over_common_sets():
    frame = frame_of(a=[(1.0, 3.0), (9.0, 9.0)], b=[(5.0, 7.0)])
    cells = {
        "x": {"left": ("a", "rmse_mean"), "right": ("b", "rmse_mean")},
        "y": {"left": ("none", "rmse_mean")},
    }
    table = differences.crossed(frame, cells)
    assert table.loc["x", ["left", "right"]].tolist() == [2.0, 6.0]
    assert table.loc["x", "left_se"] == pytest.approx(1.0)
    assert table.loc["y"].isna().all()
