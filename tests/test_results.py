"""The page "Results": fragments of the kept rows, and the rule of the verdicts."""

import json

import numpy as np
import pandas as pd
import pytest
from talent import claims, differences, histories, ratios, results, tables
from talent.methods import SUITES
from talent.scores import DRAWS

HEADS = ("special_token", "mlp")


def stage_of(method):
    """Return the last stage of a method."""
    if method.startswith(("base", "untrained")):
        return "pretraining"
    digits = ("raft", "remax", "grpo", "rloo", "ntl", "dist", "crps", "expected")
    return "fine_tuning" if method.startswith(digits) else "training"


def made_row(random, data, method, seed):
    """Return a row of random scores."""
    names = (*tables.SCORES, "string_entropy", "seconds")
    draws = {f"{name}_at_k": [*random.uniform(size=8)] for name in ("best", "mean")}
    row = {
        "data": data,
        "method": method,
        "seed": seed,
        "n_train": 100,
        "unit": 2.0,
        "threads": 1,
        "commit": "abc",
        "parameters": dict.fromkeys(
            ("pretraining_epochs", "fine_tuning_epochs", "max_epochs"), 9
        ),
        "chosen_epoch": {stage_of(method): int(random.integers(9))},
        **dict(zip(names, random.uniform(size=len(names)), strict=True)),
        **draws,
        "median_at_k": draws["mean_at_k"],
    }
    if method.endswith("_curves"):
        row["history"] = {
            "stage": ["pretraining", *["fine_tuning"] * 3],
            "epoch": [9, 0, 1, 2],
            **{name: [None, *random.uniform(size=3)] for name in histories.ALONG},
        }
    return row


def write_rows(folder):
    """Write rows of every experiment."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for name in (*results.EXPERIMENTS, *results.ABOUT_DEFAULT):
        rows = [
            made_row(random, data, method, seed)
            for data in ("s", "t", "u")
            for method in SUITES[name]
            for seed in range(2)
        ]
        write(folder / f"{name}.jsonl", rows)
    scores = [("raft", 0.1), ("special_token", 0.2), ("mlp", 0.3)]
    original1 = [
        {
            "method": method,
            "start": start,
            "seed": seed,
            "rate": rate,
            "rmse": score + 100 * (rate - 5e-4),
            "validation_rmse": score + rate,
        }
        for start in results.STARTS
        for method, score in scores
        for seed in range(2)
        for rate in (5e-4, 1e-3)
    ]
    write(folder.parent / "original1.jsonl", original1)
    (folder / results.PUBLISHED).write_text(
        "dataset,train_target_std,LinearRegression,catboost\ns,2,1.0,0.5\nt,2,1.0,2.0\n"
    )
    return folder


def write(path, rows):
    """Write JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a folder of rows of every experiment."""
    return write_rows(tmp_path_factory.mktemp("rows") / "talent")


@pytest.fixture(scope="module")
def frames(made):
    return results.frames_of(made)


@pytest.fixture(scope="module")
def found(made, frames):
    """Return the fragments of all experiments."""
    return results.fragments(frames, made / results.PUBLISHED)


# -- fragments -------------------------------------------------------------------


def test_kept_fragments_are_made_of_the_kept_rows():
    kept = {
        path.stem: path.read_text(encoding="utf-8")
        for path in results.PAGES.glob("*.md")
    }
    frames = results.frames_of(results.ROWS)
    made = results.fragments(frames, results.ROWS / results.PUBLISHED)
    assert sorted(kept) == sorted(made)
    for name, text in made.items():
        assert kept[name] == text, name


def test_page_has_every_fragment():
    page = results.PAGES.with_suffix(".md").read_text(encoding="utf-8")
    names = [*results.EXPERIMENTS, "original1", "claims", "cost"]
    missing = [name for name in names if f"{{include}} results/{name}.md" not in page]
    assert not missing


def test_every_experiment_has_a_fragment(found):
    about_default = {"goals", *results.ABOUT_DEFAULT}
    others = {"original1", "claims", "cost"}
    assert set(found) == {*results.EXPERIMENTS, *about_default, *others}


def test_fragments_show_what_the_rows_say(frames, found):
    rows = frames["raft"]
    own = rows[rows["method"] == "untrained"]["rmse_greedy"]
    (line,) = [x for x in found["raft"].splitlines() if x.startswith("| greedy |")]
    assert line.split("|")[2].split("±")[0].strip() == f"{own.mean():.4g}"
    assert "| raft | 0.1 ± 0 | 0.1 ± 0 |" in found["original1"]
    assert "no rows" not in found["claims"]
    assert "no rows" not in found["goals"]
    rows = frames["ablation"]
    own = rows[rows["method"] == "no_crps"]["coverage_90"]
    line, same = [
        x for x in found["ablation"].splitlines() if x.startswith("| no_crps |")
    ]
    assert f" {own.mean():.4g} " in line.split("|")
    assert same == line  # all of its sets are other ones


@pytest.mark.parametrize(
    ("name", "made_of"),
    [("accuracy", {"accuracy", "goals"}), ("ablation", {"ablation"})],
)
def test_rows_about_the_default_stand_alone(name, made_of, made, tmp_path):
    folder = tmp_path / "talent"
    folder.mkdir()
    (folder / f"{name}.jsonl").write_text((made / f"{name}.jsonl").read_text())
    found = results.fragments(results.frames_of(folder), made / results.PUBLISHED)
    assert set(found) == {*made_of, "claims"}


def test_experiment_without_rows_is_left_out(made, tmp_path):
    folder = tmp_path / "talent"
    folder.mkdir()
    text = (made / "bases.jsonl").read_text()
    (folder / "bases.jsonl").write_text(text)
    frames = results.frames_of(folder)
    found = results.fragments(frames, folder / results.PUBLISHED)
    assert set(found) == {"bases", "claims", "cost"}
    assert "| no rows |" in found["claims"]


def test_failures_are_told(made, tmp_path):
    folder = tmp_path / "talent"
    folder.mkdir()
    text = (made / "bases.jsonl").read_text()
    failed = {"data": "s", "method": "base_2x8", "seed": 2, "error": "Killed"}
    row = json.dumps({**failed, "commit": "abc", "seconds": 1.0})
    (folder / "bases.jsonl").write_text(text + row + "\n")
    found = results.fragments(results.frames_of(folder), folder / "none.csv")
    assert "| s | base_2x8 | 2 | Killed |" in found["bases"]
    assert "| bases | 121 | 1 |" in found["cost"]


def test_figures_of_every_experiment(made, frames, tmp_path):
    results.draw(frames, made / results.PUBLISHED, tmp_path)
    drawn = {path.stem.partition("_")[0] for path in tmp_path.glob("*.svg")}
    assert drawn == set(results.EXPERIMENTS)


# -- scores side by side ---------------------------------------------------------


def frame_of(score="rmse_mean", **values):
    """Return the frame of methods, each with its values on some sets, two seeds."""
    return tables.framed(
        [
            {"data": f"set {i}", "method": method, "seed": seed, score: value}
            for method, of_sets in values.items()
            for i, of_seeds in enumerate(of_sets)
            for seed, value in enumerate(of_seeds)
        ]
    )


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


def test_lists_and_dicts_of_rows_are_columns():
    row = made_row(np.random.default_rng(0), "s", "remax_curves", 0)
    frame = histories.expanded(tables.framed([row]))
    assert frame[f"best_at_{DRAWS[-1]}"][0] == row["best_at_k"][-1]
    assert frame["best_epoch"][0] == row["chosen_epoch"]["fine_tuning"]
    history = row["history"]
    assert frame["before_digit_entropy"][0] == history["digit_entropy"][1]
    assert frame["after_wasserstein1"][0] == history["wasserstein1"][-1] / row["unit"]


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


def test_accuracy_is_of_the_seeds_of_most_sets_without_twins(made):
    frame = results.frames_of(made)["accuracy"]
    more = frame[(frame["data"] == "s") & (frame["method"] == "default")]
    twin = frame[frame["data"] == "s"].assign(data="boston")
    grown = tables.framed(
        [
            *frame.to_dict("records"),
            *more.assign(seed=more["seed"] + 2, rmse_mean=99.0).to_dict("records"),
            *twin.to_dict("records"),
        ]
    )
    for name, rows in {"few": frame, "many": grown}.items():
        found = results.about_default({"accuracy": rows}, made / results.PUBLISHED)
        assert "boston" not in found["accuracy"], name
        assert "42 rows, 3 sets, 2 seeds" in found["accuracy"], name


# -- verdicts --------------------------------------------------------------------

LOWER = [(0.5, 0.5), (0.8, 0.8), (0.7, 0.7)]
START = [(1.0, 1.0), (1.2, 1.2), (1.1, 1.1)]


@pytest.mark.parametrize(
    ("kind", "first", "second", "verdict"),
    [
        ("moves", START, LOWER, claims.CONFIRMED),
        ("moves", LOWER, START, claims.REFUTED),
        ("moves", START, START, claims.LEVEL),
        # The mean of the sets follows the claim, most of the sets do not.
        ("moves", [(2.0, 2.0)] + [(1.0, 1.0)] * 4, [(0.5, 0.5)] + [(1.01, 1.01)] * 4,
         claims.LEVEL),
        # Seeds disagree more than sets.
        ("moves", [(1.0, 1.0), (1.0, 1.0)], [(0.5, 1.2), (0.5, 1.2)], claims.LEVEL),
        ("stays", START, START, claims.CONFIRMED),
        ("stays", [(1.0, 1.0)] * 2, [(1.015, 1.015)] * 2, claims.CONFIRMED),
        ("stays", START, LOWER, claims.REFUTED),
        ("stays", LOWER, START, claims.REFUTED),
        ("stays", [(1.0, 1.0)] * 2, [(1.0, 1.5)] * 2, claims.LEVEL),
        ("no worse", START, LOWER, claims.CONFIRMED),
        ("no worse", LOWER, START, claims.REFUTED),
        ("no worse", [(1.0, 1.0)] * 2, [(1.0, 1.5)] * 2, claims.LEVEL),
    ],
)  # fmt: skip
def test_verdicts(kind, first, second, verdict):
    frames = {"made": frame_of(first=first, second=second)}
    claim = claims.Claim("text", "figure", "made", "first", "second", kind=kind)
    table = claims.judged([claim], frames)
    assert table.loc["text", "verdict"] == verdict


def test_direction_of_a_claim():
    frames = {"made": frame_of("r2", first=LOWER, second=START)}
    claim = claims.Claim("text", "figure", "made", "first", "second", "r2")
    said = [
        claims.judged([c], frames).loc["text", "verdict"]
        for c in (claim, claim._replace(rises=False))
    ]
    assert said == [claims.CONFIRMED, claims.REFUTED]


def test_more_sets_against_than_for_is_no_confirmation():
    found = differences.Difference(1.0, 0.9, 0.1, 0.05, 0.05, 2, 0, 3)
    assert claims.verdict("moves", found) == claims.REFUTED


def test_claim_without_rows_says_so():
    claim = claims.GENRE[0]
    assert claims.judged([claim], {}).loc[claim.text, "verdict"] == "no rows"


@pytest.mark.parametrize(
    "claim", [claim for group in claims.CLAIMS.values() for claim in group]
)
def test_claims_name_rows_that_experiments_make(claim, frames):
    if claim.experiment.startswith("original1"):
        known = {f"{name}_{start}" for name in HEADS for start in results.STARTS}
        known |= {"raft_pretrained", "raft_random"}
        known |= {f"{name}_0.0005" for name in ("raft", *HEADS)}
    else:
        known = {*SUITES[claim.experiment], "base"}
    assert {claim.first, claim.second} <= known
    assert claim.here(frames) is not None


def test_claims_differ():
    texts = [claim.text for group in claims.CLAIMS.values() for claim in group]
    assert len(set(texts)) == len(texts)
