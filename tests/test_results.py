"""The page "Results": fragments of the kept rows, and the rule of the verdicts."""

import json

import numpy as np
import pytest
from talent import claims, differences, histories, results, tables
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
    for name in results.EXPERIMENTS:
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
    assert set(found) == {*results.EXPERIMENTS, "original1", "claims", "cost"}


def test_fragments_show_what_the_rows_say(frames, found):
    rows = frames["raft"]
    own = rows[rows["method"] == "untrained"]["rmse_greedy"]
    (line,) = [x for x in found["raft"].splitlines() if x.startswith("| greedy |")]
    assert line.split("|")[2].split("±")[0].strip() == f"{own.mean():.4g}"
    assert "| raft | 0.1 ± 0 | 0.1 ± 0 |" in found["original1"]
    assert "no rows" not in found["claims"]


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
