"""The goals of accuracy and the exponents of scaling, on rows that are made."""

import memory
import numpy as np
import profiling
import pytest
import scaling
from talent import goals, policies, tables
from talent.datasets import LEFT_OUT
from talent.methods import SUITES

SETS = {"s": 1.0, "t": 2.0, "u": 4.0}  # scores are multiples of these
OURS = "default"


def job(data, method, factor, seed=0, **changes):
    """Return a row whose scores are a multiple of those of the set."""
    score = factor * SETS.get(data, 1.0)
    row = {"data": data, "method": method, "seed": seed, "unit": 10.0, "threads": 1}
    scores = {"rmse_mean": score, "crps": score, "fit_s": score, "coverage_90": 0.9}
    return {**row, "n_train": 500 if data == "s" else 5_000, **scores, **changes}


def suite(seeds=(0, 1), **factors):
    """Return rows of methods on all sets; they err a little more with each seed."""
    return [
        job(data, method, factor * (1 + 0.01 * seed), seed)
        for method, factor in factors.items()
        for data in SETS
        for seed in seeds
    ]


@pytest.fixture
def published(tmp_path):
    path = tmp_path / "published.csv"
    path.write_text("dataset,train_target_std,good,bad\ns,10,1,9\nt,10,2,8\n")
    return path


def measured(rows, published, method=OURS):
    return goals.measured(tables.framed(rows), goals.goals(published), method)


def test_figures_are_of_common_sets_and_seeds(published):
    rows = suite(default=0.9, catboost=1.0, realmlp=0.9)
    rows += suite((0,), lightgbm=0.9)
    table = measured(rows, published)
    line = table.loc["RMSE / catboost"]
    assert line["measured"] == pytest.approx(0.9)
    assert line["measured_se"] == pytest.approx(0.0, abs=1e-12)
    assert line[["sets", "seeds", "met"]].tolist() == ["3 of 3", "2", "yes"]
    line = table.loc["RMSE / lightgbm"]
    assert line["measured"] == pytest.approx(1.0)
    assert line[["seeds", "met"]].tolist() == ["1", "no"]
    assert np.isnan(line["measured_se"])
    assert table.loc["seconds of fit / realmlp", "met"] == "yes"
    line = table.loc["RMSE / catboost, sets of < 1,000 rows"]
    assert line["measured"] == pytest.approx(0.9)
    assert line["sets"] == "1 of 1"


def test_spread_is_over_seeds(published):
    rows = suite((0, 1, 2), default=1.0)
    line = measured(rows, published).loc["RMSE, exact sets"]
    assert line["measured"] == pytest.approx(1.5 * 1.01)
    assert line["measured_se"] == pytest.approx(1.5 * 0.01)
    assert line["sets"] == "2 of 2"


def test_goals_of_the_default_as_users_call_it(published):
    rows = suite(alone=0.8, catboost_alone=1.0)
    rows += suite(ngboost_alone=2.0, quantile_forest_alone=1.6)
    worse = {"rmse_mean": 12.0, "crps": 12.0, "coverage_90": 0.8, "conformal_90": 0.83}
    fair = {"n_test": 100, "conformal_90": 0.84}  # 84 of 100 is not too few
    rows = [
        row
        | (fair if row["method"] == "alone" else {})
        | (worse if row["method"] == "alone" and row["data"] == "u" else {})
        for row in rows
    ]
    table = goals.measured(tables.framed(rows), goals.goals_alone(published), "alone")
    line = table.loc["conformal: share of sets not below .9 by more than chance"]
    assert line["measured"] == pytest.approx(2 / 3)
    assert table.loc["RMSE, exact sets", "measured"] == pytest.approx(0.8 * 1.5, 0.02)
    assert table.loc["the same, median", "measured"] == pytest.approx(0.8, rel=0.02)
    for what in ("RMSE: share of sets won", "CRPS: share of sets won"):
        assert table.loc[what, "measured"] == pytest.approx(2 / 3)
    line = table.loc["90 % intervals: share of sets within .87 to .93"]
    assert line["measured"] == pytest.approx(2 / 3)
    assert line["met"] == "no"


def test_rank_is_among_the_published_and_ours_alone(published):
    rows = suite(default=0.5, other=0.01)  # good has 0.1 and 0.2, bad 0.9 and 0.8
    line = measured(rows, published).loc[
        "mean rank among published methods, exact sets"
    ]
    assert line["measured"] == 2.5  # behind one on s, two on t
    assert line["met"] == "stretch"
    line = measured(rows, published, "other").loc[line.name]
    assert line["measured"] == 1.0


def test_crps_is_against_the_best_of_the_rivals(published):
    rows = suite(default=1.0, quantile_forest=2.0, catboost_quantiles=3.0)
    rows += [
        job(data, "ngboost", 0.5 if data == "u" else 4.0, s)
        for data in SETS
        for s in (0, 1)
    ]
    table = measured(rows, published)
    assert table.loc["CRPS: sets won", "measured"] == pytest.approx(2 / 3)
    assert table.loc["CRPS: sets won", "met"] == "no"
    expected = (0.5 * 0.5 * 2.01) ** (1 / 3)
    assert table.loc["CRPS / best", "measured"] == pytest.approx(expected)


def test_coverage_has_two_sides(published):
    for coverage, met in {0.87: "no", 0.9: "yes", 0.93: "no"}.items():
        rows = [{**row, "coverage_90": coverage} for row in suite(default=1.0)]
        table = measured(rows, published)
        assert table.loc["90 % coverage", "met"] == met


def test_what_is_missing_is_said(published):
    rows = suite(default=1.0, catboost=1.0, ngboost=1.0)
    failed = {"seed": 1, "error": "TimeLimit: more than 1 s", "threads": 1}
    rows = [row for row in rows if (row["data"], row["seed"]) != ("u", 1)]
    rows += [{"data": "u", "method": "default", **failed}]
    rows += [{**row, "threads": 2} for row in suite(realmlp=1.0)]
    table = measured(rows, published)
    assert table.loc["RMSE / catboost", "sets"] == "2 of 3"
    assert table.loc["RMSE / lightgbm", "measured"] == "no rows of lightgbm"
    rivals = "no rows of quantile_forest, catboost_quantiles"
    assert table.loc["CRPS / best", "measured"] == rivals
    assert table.loc["seconds of fit / realmlp", "measured"] == "no rows of realmlp"
    assert table["met"].isna().sum() == 4
    assert "| no rows of lightgbm |  |  |  |" in tables.markdown(table)
    none = measured(rows, published, "other")
    assert none["met"].isna().all()
    alone = measured([job("u", OURS, 1.0), job("u", "catboost", 1.0)], published)
    assert alone["measured"].iloc[-1] == "no such set"


def test_more_seeds_on_some_sets_do_not_take_the_other_sets_away(published):
    rows = suite((0,), default=1.0, catboost=1.0)
    more = suite((1, 2), default=1.0, catboost=1.0)
    rows += [row for row in more if row["data"] in ("s", "t")]
    table = measured(rows, published)
    counts = table[["sets", "seeds"]]
    assert counts.loc["RMSE, exact sets"].tolist() == ["2 of 2", "3"]
    assert counts.loc["90 % coverage"].tolist() == ["3 of 3", "1"]
    assert counts.loc["RMSE / catboost"].tolist() == ["3 of 3", "1"]


def test_twins_and_boston_do_not_count(published):
    rows = suite(default=1.0, catboost=1.0)
    left_out = [
        job(data, method, factor, seed)
        for data in sorted(LEFT_OUT)
        for method, factor in {"default": 100.0, "catboost": 1.0}.items()
        for seed in (0, 1)
    ]
    table = measured(rows + left_out, published)
    assert table.loc["RMSE / catboost", "measured"] == pytest.approx(1.0)
    assert table.loc["RMSE / catboost", "sets"] == "3 of 3"


def test_suite_has_what_the_goals_compare():
    asked = {peer for goal in goals.goals(goals.PUBLISHED) for peer in goal.peers}
    assert asked | {"default"} == set(SUITES["accuracy"])


# -- policies --------------------------------------------------------------------


def policy_rows(method, factor, rewards, seeds=(0, 1)):
    """Return rows of two sets, the errors multiples of those of the base."""
    return [
        {
            "data": data,
            "method": method,
            "seed": seed,
            "rmse_mean": factor * (1 + seed),
            "rmse_mode": factor**2 * (1 + seed),
            "policy": {
                "rmse_mean": factor,
                "rmse_mode": factor**2,
                "reward": {"before": -1.0, "selected": rewards[data], "last": -2.0},
                "rmse": {"before": 2.0, "selected": 1.0, "last": 3.0},
            },
        }
        for data in ("s", "t")
        for seed in seeds
    ]


def test_policies_are_compared_with_the_base_of_their_set_and_seed():
    rows = policy_rows("default_base", 1.0, {"s": 0.0, "t": 0.0})
    for row in rows:
        del row["policy"]["reward"], row["policy"]["rmse"]
    rows += policy_rows("up", 0.5, {"s": -0.5, "t": -1.5}, seeds=(1, 2))
    rows.append({"data": "u", "method": "up", "seed": 0, "error": "Killed"})
    rows.append({"data": "s", "method": "other", "seed": 0, "rmse_mean": 1.0})
    table = policies.compared(tables.framed(rows))
    assert table.index.tolist() == ["up"]
    found = table.loc["up"]
    assert found[["datasets", "jobs"]].tolist() == [2, 2]
    assert found["reward rose, selected"] == "1 of 2"
    assert found["reward rose, last"] == "0 of 2"
    names = ["mode", "mean", "val mode", "val mean, last"]
    assert found[names].tolist() == pytest.approx([0.25, 0.5, 0.25, 1.5])
    assert found["mode, wins"] == "2 of 2"
    with pytest.raises(ValueError, match="none of default_base"):
        policies.compared(tables.framed(rows[4:]))


# -- scaling ---------------------------------------------------------------------


def sizes(method, power):
    """Return rows whose figures grow with a power of rows and with columns."""
    names = [*scaling.TIMES, *scaling.MEMORY, "fit_beyond_mb", "predict_beyond_mb"]
    pairs = [(1_000, 20), (10_000, 20), (100_000, 20), (10_000, 10), (10_000, 100)]
    return [
        {"method": method, "rows": n, "columns": d}
        | dict.fromkeys(names, (n / 1e6) ** power * d)
        for n, d in pairs
    ]


def test_exponents_of_rows_and_of_columns():
    rows = sizes("default", 1) + sizes("free", 2)
    by_rows = scaling.exponents(rows, "rows")
    assert [row["fit_s"] for row in by_rows] == pytest.approx([1.0, 2.0])
    by_columns = scaling.exponents(rows, "columns")
    assert [row["predict_s"] for row in by_columns] == pytest.approx([1.0, 1.0])
    assert scaling.exponents(rows[:1], "rows") == []
    (line, _) = scaling.row_bytes(rows)
    assert line["fit_bytes"] == pytest.approx(20.0)  # MB for a million rows, bytes each


def test_table_of_fewer_rows_is_its_start(monkeypatch):
    monkeypatch.setattr(scaling, "PART", 8)
    (X, y), (few, of_few) = (scaling.table_of(n, 3, 0) for n in (24, 16))
    np.testing.assert_array_equal(X[:16], few)
    np.testing.assert_array_equal(y[:16], of_few)
    assert len(np.unique(X)) == X.size


def test_memory_of_fit_is_beyond_its_input():
    row = memory.measure_fit(rows=64, base=2, length=8, seed=0)
    assert row["input_mb"] == 64 * 21 * 8 / 1e6
    assert row["rows_x_leaves_mb"] == 64 * 2**8 * 8 / 1e6


def test_profile_finds_every_part_of_fit():
    row = profiling.measure("default", rows=100, columns=5, epochs=1, seed=0)
    parts = [row[name] for name in (*profiling.PARTS, "loss", "the rest")]
    assert min(parts) > 0
    assert sum(parts) == pytest.approx(1)
