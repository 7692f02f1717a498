"""Every command of the benchmarks at toy size, and the table of methods."""

import json
import os
import runpy
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import processes
import pytest
from code_memory.features import PARTS
from leaderboards.boards import BOARDS
from leaderboards.report import RIVALS
from papers import suites
from papers.recipe import RECIPE
from small_language_models import save_model
from talent.methods import METHODS, OURS, SUITES, registered
from talent.ours import sayable
from talent.peers import PEERS
from talent_sets import write_sentences, write_set

from sklearn_genre.losses import LOSSES, CrossEntropy

ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT / "benchmarks"
COMMANDS = sorted(
    str(path.relative_to(BENCHMARKS))
    for path in BENCHMARKS.rglob("*.py")
    if '\nif __name__ == "__main__":' in path.read_text(encoding="utf-8")
)
ONE = "--seeds 1 --epochs 1"
# What makes a command small: {data} is a folder with a set, {rows} are rows of it,
# {out} is a file to be.
TOYS = {
    "speed.py": "--decoders mlp --methods free --repeats 1 --rows 8 --peer-rows 8 "
    "--train-rows 64 --out {out}",
    "memory.py": "--only predict --bases 2 --outputs mean --rows 8 --out {out}",
    "scaling.py": "--methods free --rows 64 --columns --epochs 1 --out {out}",
    "out_of_core.py": "--rows 64 --out {out}",
    "gpu_check.py": "--device cpu --kinds decoder --rows 40 --epochs 1 --batches 64 "
    "--max-rows 0 --out {out}",
    "profiling.py": "--methods free --rows 64 --epochs 1 --out {out}",
    "calibration.py": f"--data {{data}} --sets tiny --methods raft {ONE} --out {{out}}",
    "code_memory/build.py": "--packages numpy --limit 3 --out {out}",
    "code_memory/run.py": "--data {data} --methods base remax ridge constant "
    f"--features svd tokens {ONE} --out {{out}}",
    "leaderboards/run.py": "uci --data {data} --splits 1 --out {out}",
    "leaderboards/report.py": "{board_rows} --out {out}",
    "papers/original1.py": f"--methods raft --starts random --rows 60 {ONE} "
    "--out {out}",
    "stress.py": "--calls 20 --seed 3 --out {out}",
    "talent/run.py": "--data {data} --sets tiny --methods dummy xgboost --seeds 1 "
    "--out {out}",
    "talent/report.py": "{rows} --out {out}",
    "talent/goals.py": "{rows} --method default_base",
    "talent/policies.py": "{rows}",
    "talent/readme.py": "{rows} --method default_base",
    "talent/results.py": "--rows {folder} --published {published} --out {out}",
    "talent/talent_client.py": "--data {data} --set tiny --save-path {out} "
    """--model '{{"pretraining_epochs": 1, "fine_tuning": null}}'""",
    "text/language_models.py": "--data {data} --model {model} --cache {cache} "
    "--methods zero_shot raft head_linear --rows 30 --dev 10 --test 10 "
    "--seeds 1 --epochs 1 --out {out}",
    "text/results.py": "--rows {text_rows} --out {out}",
    "text/samples.py": "--data {data} --model {model} --texts 8 --samples 4 "
    "--repeats 1 --out {out}",
    "text/sentences.py": "--data {data} --model hash --methods ridge identity mlp "
    f"riemann {ONE} --out {{out}}",
    "together.py": "--rows 64 --epochs 1 --batch-sizes 32 --processes 1 --out {out}",
    "tracing.py": "--epochs 1",
}
# A command that another starts; test_runs.py looks at the rows of the first.
STARTED = {
    "talent/evaluate.py": "talent/run.py",
    "code_memory/worker.py": "code_memory/build.py",
}
LINUX_ONLY = {"code_memory/build.py", "out_of_core.py"}
# Commands whose processes would each import torch: their tasks run in this one.
IN_ONE_PROCESS = {"gpu_check.py", "memory.py", "out_of_core.py", "scaling.py"}
# Commands that write no rows.
PROSE = {"leaderboards/report.py", "text/results.py"}
# Packages without which a command says so: it ends, or leaves something out.
NEEDS = {"calibration.py": "mapie"}
LEFT_OUT = {"talent/run.py": "xgboost"}


def write_board(folder):
    """Write a table with a split, what is published on it, and rows."""
    folder.mkdir()
    random = np.random.default_rng(0)
    X = random.normal(size=(66, 2))
    test = np.arange(66)[None] % 3 == 0
    np.savez(folder / "yacht.npz", X=X, y=X[:, 0], test=test)
    (folder / "published.csv").write_text("dataset,best_rmse,best_nll\nyacht,1.0,1.0\n")
    names = ("best_rmse", "best_nll", "ngboost_rmse", "ngboost_nll", "TabFM")
    published = dict.fromkeys([*names, RIVALS["CatBoost"]], 1.0)
    scores = ("rmse", "nll", "worst_nll", "coverage_90", "conformal_90", "fit_s")
    about = {"method": "default", "parameters": {}, "split": "0", "n_train": 44}
    about |= {"data": "yacht", "published": published, **dict.fromkeys(scores, 1.0)}
    path = folder / "rows.jsonl"
    rows = [{"board": board, **about} for board in BOARDS]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def write_toy(folder):
    """Write a set and rows of methods on it; return what names them."""
    write_set(folder / "tiny")
    write_sentences(folder / "stsb")
    moments = dict.fromkeys(("before", "selected", "last"), 1.0)
    policy = {"rmse_mode": 1.0, "rmse_mean": 1.0, "reward": moments, "rmse": moments}
    about = {"data": "tiny", "seed": 0, "n_train": 40, "threads": 1, "policy": policy}
    scores = dict.fromkeys(("rmse_mean", "rmse_mode", "crps", "fit_s"), 1.0)
    rows = folder / "accuracy.jsonl"
    names = ("default", "default_base", "default_remax")
    lines = [json.dumps({**about, "method": name, **scores}) for name in names]
    rows.write_text("".join(f"{line}\n" for line in lines))
    text_rows = folder / "language_models.jsonl"
    about = {"task": "stsb", "trainable": 0, "seed": 0, "n_train": 40, "dev_rmse": 1.0}
    numbers = ("rmse_mean", "pearson_mean", "spearman_mean", "crps", "constant")
    scores = {**dict.fromkeys(numbers, 0.5), "fit_cpu_s": 1.0}
    errors = {"raft": [1.0, 2.0, 1.5], "head_linear": [2.0, 2.5, 3.0]}
    lines = [
        json.dumps({**about, **scores, "method": name, "squared_errors": values})
        for name, values in errors.items()
    ]
    text_rows.write_text("".join(f"{line}\n" for line in lines))
    programs = [
        f"np.ones({n % 7}) + {n % 4},{1000 + n},{part}\n"
        for n in range(30)
        for part in PARTS
    ]
    board_rows = write_board(folder / "uci")
    (folder / "code_memory.csv").write_text("".join(["code,bytes,part\n", *programs]))
    return {
        "model": save_model(folder / "llama"),
        "cache": folder / "states",
        "text_rows": text_rows,
        "data": folder,
        "folder": folder,
        "rows": rows,
        "board_rows": board_rows,
        "published": BENCHMARKS / "results" / "talent" / "published_rmse.csv",
    }


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """Return what the command lines name."""
    return write_toy(tmp_path_factory.mktemp("toy"))


def in_this_process(program, threads, task, **arguments):
    """Do a task of a program; what it answers must be JSON."""
    return json.loads(json.dumps(runpy.run_path(program)["TASKS"][task](**arguments)))


def test_every_command_has_a_toy_size():
    assert set(COMMANDS) == {*TOYS, *STARTED}
    assert set(STARTED.values()) <= set(TOYS)


@pytest.mark.parametrize("command", TOYS)
def test_every_command_runs_at_toy_size(command, toy, tmp_path, monkeypatch, capfd):
    """Run it in this process, where torch is imported already."""
    if command in LINUX_ONLY and not sys.platform.startswith("linux"):
        pytest.skip("for Linux alone")
    out = tmp_path / "out"
    given = {name: shlex.quote(str(value)) for name, value in toy.items()}
    program = str(BENCHMARKS / command)
    words = shlex.split(TOYS[command].format(**given, out=out))
    monkeypatch.setattr(sys, "argv", [program, *words])
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # of the processes that it starts
    monkeypatch.chdir(tmp_path)
    if command in IN_ONE_PROCESS:
        monkeypatch.setattr(processes, "in_new_process", in_this_process)
    needed, optional = NEEDS.get(command), LEFT_OUT.get(command)
    if needed and find_spec(needed) is None:
        with pytest.raises(SystemExit, match="2"):
            runpy.run_path(program, run_name="__main__")
        assert f"{needed} is not installed" in capfd.readouterr().err
        return
    runpy.run_path(program, run_name="__main__")
    said = capfd.readouterr().out
    assert said
    if out.is_file() and command not in PROSE:
        rows = [json.loads(line) for line in out.read_text().splitlines()]
        assert not [row for row in rows if "error" in row]
    if optional:
        absent = find_spec(optional) is None
        assert (f"{optional} is left out" in said) == absent


# -- the table of methods --------------------------------------------------------


def test_suites_name_methods():
    assert {name for suite in SUITES.values() for name in suite} <= set(METHODS)
    assert not set(OURS) & set(PEERS)


@pytest.mark.parametrize("name", sorted({*registered(), *OURS} - {*PEERS}))
def test_ours_are_estimators_that_json_can_say(name):
    new = METHODS[name].make.args[0]
    parameters = new(np.linspace(0.0, 1.0, 50), random_state=0).get_params(deep=False)
    said = json.dumps({key: sayable(parameters[key]) for key in parameters})
    assert " at 0x" not in said  # of a function
    if name in suites.METHODS:  # a default may change, what the papers did may not
        assert {key for key in RECIPE if key in parameters} <= set(new.options)


KEPT = BENCHMARKS / "results" / "talent"


@pytest.mark.parametrize("name", ["main", "bases", "tokenizers", "raft"])
def test_methods_are_what_the_kept_rows_were_made_with(name):
    """The rows have the parameters of their time; those that still exist are equal."""
    lines = (KEPT / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    kept = {row["method"]: row["parameters"] for row in map(json.loads, lines)}
    for method, before in kept.items():
        estimator = OURS[method](np.linspace(0.0, 1.0, 50))
        assert type(estimator).__name__ == before["estimator"]
        now = estimator.get_params(deep=False)
        now = json.loads(json.dumps({key: sayable(now[key]) for key in now}))
        shared = {*now} & {*before} - {"head"}  # which has options of its own now
        assert {key: now[key] for key in shared} == {key: before[key] for key in shared}
        assert now["encoder"] == "mlp"
        digits = estimator.get_params()
        digits = digits.get("decoder", digits.get("head__decoder"))
        assert digits in (before.get("decoder"), None)  # None: it has none


def test_member_without_a_method_gets_one(monkeypatch):
    class Mine(CrossEntropy):
        """A loss of a newcomer."""

    registered.cache_clear()
    monkeypatch.setitem(LOSSES, "mine", Mine)
    estimator = METHODS["mine"].make.args[0](np.arange(9.0))
    assert estimator.fine_tuning == "mine"
    assert (estimator.encoder, estimator.decoder) == ("mlp", "mlp")
    registered.cache_clear()
    monkeypatch.undo()
    with pytest.raises(KeyError, match="no method 'mine'"):
        METHODS["mine"]


def test_importing_the_methods_imports_neither_torch_nor_peers():
    code = "import sys, talent.methods; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(BENCHMARKS)},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "numpy" in loaded
    assert not loaded & {"torch", "sklearn", "sklearn_genre", "lightgbm", "pandas"}
