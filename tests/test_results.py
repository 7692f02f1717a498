"""The page "Results": fragments of the kept rows, and the rule of the verdicts."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from leaderboards import report
from made_rows import frame_of
from papers import claims, fragments
from talent import histories, readme, results, tables
from talent.jobs import rows_in
from talent.methods import SUITES
from talent.scores import DRAWS
from text import results as texts

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
        "pit": random.integers(1, 9, 10).tolist(),
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
        for start in fragments.STARTS
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
    made["language_models"] = texts.fragment(texts.KEPT / "language_models.jsonl")
    made["leaderboards"] = report.fragment(report.KEPT)
    assert sorted(kept) == sorted(made)
    for name, text in made.items():
        assert kept[name] == text, name


def test_pages_include_every_fragment(found):
    pages = results.PAGES.parent.glob("*.md")
    text = "".join(path.read_text(encoding="utf-8") for path in pages)
    missing = [name for name in found if f"{{include}} results/{name}.md" not in text]
    assert not missing
    assert {*results.EXPERIMENTS, *results.ABOUT_DEFAULT} < set(found)


METHODS_MD = results.BENCHMARKS / "METHODS.md"


def test_tables_of_methods_are_those_of_the_rows():
    rows = rows_in(results.BENCHMARKS / "results" / "methods.jsonl")
    means = pd.DataFrame(rows).groupby(["data", "method"])[["rmse_mean", "crps"]].mean()
    shown = {}
    for part in METHODS_MD.read_text(encoding="utf-8").split("\n## ")[1:]:
        data, *lines = part.splitlines()
        names, _, *body = [line.split(" | ") for line in lines if line[:1] == "|"]
        for line in body:
            found = dict(zip(names, line, strict=True))
            method = found["| method"].removeprefix("| ")
            shown[data, method] = [found[name] for name in means]
    expected = {key: [f"{x:.4g}" for x in row] for key, *row in means.itertuples()}
    assert shown == expected


def test_fragments_show_what_the_rows_say(frames, found):
    rows = frames["raft"]
    own = rows[rows["method"] == "untrained"]["rmse_greedy"]
    (line,) = [x for x in found["raft"].splitlines() if x.startswith("| greedy |")]
    assert line.split("|")[2].split("±")[0].strip() == f"{own.mean():.4g}"
    assert "| raft | 0.1 ± 0 | 0.1 ± 0 |" in found["original1"]
    assert "no rows" not in found["claims_genre"] + found["claims_raft"]
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
    [
        ("accuracy", {"accuracy", "goals"}),
        ("ablation", {"ablation"}),
        ("bases", {"bases", "cost"}),
    ],
)
def test_rows_of_one_experiment_are_enough(name, made_of, made, tmp_path):
    folder = tmp_path / "talent"
    folder.mkdir()
    (folder / f"{name}.jsonl").write_text((made / f"{name}.jsonl").read_text())
    found = results.fragments(results.frames_of(folder), made / results.PUBLISHED)
    assert set(found) == {*made_of, "claims", "claims_genre", "claims_raft"}


def test_failures_are_told(frames):
    failed = {"data": "s", "method": "base_2x8", "seed": 2, "error": "Killed"}
    rows = frames["bases"].to_dict("records")
    rows.append({**failed, "commit": "abc", "seconds": 1.0})
    found = results.fragments({"bases": tables.framed(rows)}, None)
    assert "| s | base_2x8 | 2 | Killed |" in found["bases"]
    assert results.cost({"bases": tables.framed(rows)}).loc["bases", "failed"] == 1


def test_figures_of_every_experiment(made, frames, tmp_path):
    results.draw(frames, made / results.PUBLISHED, tmp_path)
    drawn = {path.stem.partition("_")[0] for path in tmp_path.glob("*.svg")}
    assert drawn == {*results.EXPERIMENTS, "called"}


# -- scores side by side ---------------------------------------------------------


def test_lists_and_dicts_of_rows_are_columns():
    row = made_row(np.random.default_rng(0), "s", "remax_curves", 0)
    frame = histories.expanded(tables.framed([row]))
    assert frame[f"best_at_{DRAWS[-1]}"][0] == row["best_at_k"][-1]
    assert frame["best_epoch"][0] == row["chosen_epoch"]["fine_tuning"]
    history = row["history"]
    assert frame["before_digit_entropy"][0] == history["digit_entropy"][1]
    assert frame["after_wasserstein1"][0] == history["wasserstein1"][-1] / row["unit"]


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


def on_sets(*values):
    """Return the scores of two seeds, which agree, on datasets."""
    return [(value, value) for value in values]


START = on_sets(1.0, 1.2, 1.1, 1.4, 1.3, 1.6)
LOWER = on_sets(0.5, 0.8, 0.7, 0.85, 0.71, 0.9)
NEAR = on_sets(1.011, 1.213, 1.109, 1.402, 1.317, 1.605)
MIXED = on_sets(0.5, 0.8, 1.4, 1.85, 0.71, 1.9)


@pytest.mark.parametrize(
    ("kind", "first", "second", "verdict"),
    [
        ("moves", START, LOWER, claims.SUPPORTED),
        ("moves", LOWER, START, claims.CONTRADICTED),
        ("moves", START, START, claims.LEVEL),
        ("moves", START, MIXED, claims.LEVEL),
        # One large gain among losses is the mean, and no proof.
        ("moves", on_sets(9.0, 1.0, 1.0, 1.0), on_sets(0.5, 1.1, 1.2, 1.3),
         claims.LEVEL),
        ("moves", START[:4], LOWER[:4], claims.WEAKLY),
        ("moves", LOWER[:4], START[:4], claims.WEAKLY_NOT),
        ("moves", START[:3], LOWER[:3], claims.UNTESTED),
        ("stays", START, START, claims.SUPPORTED),
        ("stays", START, NEAR, claims.SUPPORTED),
        ("stays", START, LOWER, claims.CONTRADICTED),
        ("stays", LOWER, START, claims.CONTRADICTED),
        ("stays", START, MIXED, claims.UNDECIDED),
        ("no worse", START, LOWER, claims.SUPPORTED),
        ("no worse", START, NEAR, claims.SUPPORTED),
        ("no worse", LOWER, START, claims.CONTRADICTED),
        ("no worse", START, MIXED, claims.UNDECIDED),
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
    assert said == [claims.SUPPORTED, claims.CONTRADICTED]


def test_summary_counts_every_claim_of_a_paper_once(frames):
    judgements = {
        paper: claims.judged(own, frames) for paper, own in fragments.CLAIMS.items()
    }
    table = claims.summary(judgements)
    assert dict(table.sum(axis=1)) == {p: len(t) for p, t in judgements.items()}


def test_claim_without_rows_says_so():
    for paper in fragments.CLAIMS.values():
        assert set(claims.judged(paper, {})["verdict"]) == {"no rows"}


def test_claims_differ_and_name_rows_that_experiments_make(frames):
    starts = {f"{name}_{start}" for name in HEADS for start in fragments.STARTS}
    known = {name: {*SUITES[name], "base"} for name in results.EXPERIMENTS}
    known["original1"] = {*starts, "raft_pretrained", "raft_random"}
    known["original1_rates"] = {f"{name}_0.0005" for name in ("raft", *HEADS)}
    every = [claim for paper in fragments.CLAIMS.values() for claim in paper]
    for claim in every:
        assert {claim.first, claim.second} <= known[claim.experiment], claim.text
        assert claim.here(frames) is not None, claim.text
    assert len({claim.text for claim in every}) == len(every)


def test_the_table_of_the_readme_is_that_of_the_kept_rows():
    frame = tables.load([readme.ROWS])
    kept = tables.markdown(readme.compared(frame, "alone"))
    assert kept in (Path(readme.__file__).parents[2] / "README.md").read_text("utf-8")


def test_ours_beside_a_peer():
    rows = [
        {"data": data, "method": method, "seed": 0, "rmse_mean": error, "fit_s": 1.0}
        for method, errors in {
            "default": (1.0, 1.0, 9.0),
            "catboost": (2.0, 4.0, 6.0),
        }.items()
        for data, error in zip("stu", errors, strict=True)
    ]
    table = readme.compared(tables.framed(rows), "default")
    mean = (1.5 / 8) ** (1 / 3)
    assert table.loc["CatBoost", "RMSE"] == f"{mean:.2f} (0.50), 2 of 3"
    assert table.loc["CatBoost", "CRPS"] == readme.NONE
