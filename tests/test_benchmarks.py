"""The benchmark on TALENT folders: what is read, scored, resumed and reported."""

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from talent import (
    datasets,
    histories,
    jobs,
    predictions,
    scores,
    tables,
    talent_client,
)
from talent.methods import METHODS, OURS, SUITES
from talent.ours import Ours, Task, kept_history, sayable
from talent.peers import PEERS, codes, filled_codes, one_hot, strings

from sklearn_genre import PredictiveDistribution
from sklearn_genre.losses import LOSSES
from sklearn_genre.networks import DECODERS, HEADS
from sklearn_genre.policy_gradients import POLICY_GRADIENTS
from sklearn_genre.tokenizers import TOKENIZERS

ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT / "benchmarks"
SIZES = {"train": 40, "val": 16, "test": 16}
# What differs between two runs of the same jobs.
OF_THE_RUN = {"seconds", "fit_s", "predict_s", "before_mb", "peak_mb", "commit"}
LINUX = pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="it takes Linux"
)


def write_set(folder, *, talent_match="exact", seed=0):
    """Write a small set with numbers, categories and missing values."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    for part, n in SIZES.items():
        numbers = random.standard_normal((n, 2)).astype(np.float32)
        kinds = random.choice(["a", "b", "nan"], (n, 1))
        y = 100 + 5 * numbers[:, 0] + 3 * (kinds[:, 0] == "a")
        numbers[0, 1] = np.nan
        np.save(folder / f"N_{part}.npy", numbers)
        np.save(folder / f"C_{part}.npy", kinds)
        np.save(folder / f"y_{part}.npy", y + random.standard_normal(n))
    info = {"task_type": "regression", "talent_match": talent_match}
    (folder / "info.json").write_text(json.dumps(info))
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Return a folder of two sets, the second without its test target."""
    folder = tmp_path_factory.mktemp("data")
    write_set(folder / "tiny")
    broken = write_set(folder / "broken", talent_match="rows", seed=1)
    (broken / "y_test.npy").unlink()
    return folder


@pytest.fixture(scope="module")
def tiny(data):
    return datasets.read_table(data / "tiny")


# -- datasets --------------------------------------------------------------------


def test_numbers_first_then_categories(tiny):
    assert tiny.categories == [2]
    assert tiny.train.X.shape == (40, 3)
    assert tiny.train.y.dtype == np.float64
    assert np.isnan(tiny.train.X[0, 1])
    assert set(tiny.train.X[:, 2]) == {"a", "b", None}
    assert tiny.info["talent_match"] == "exact"


def test_numbers_alone_are_float64(tmp_path):
    folder = write_set(tmp_path / "numbers")
    for part in SIZES:
        (folder / f"C_{part}.npy").unlink()
    table = datasets.read_table(folder)
    assert table.train.X.dtype == np.float64
    assert table.categories == []


def _no_target(folder):
    (folder / "y_val.npy").unlink()


def _pickled(folder):
    np.save(folder / "N_train.npy", np.array([[None]] * 40), allow_pickle=True)


def _short(folder):
    np.save(folder / "C_test.npy", np.array([["a"]]))


def _infinite(folder):
    np.save(folder / "y_train.npy", np.full(40, np.inf))


def _classes(folder):
    (folder / "info.json").write_text('{"task_type": "binclass"}')


def _no_columns(folder):
    (folder / "N_val.npy").unlink()
    (folder / "C_val.npy").unlink()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_no_target, "y_val.npy is missing"),
        (_pickled, "without pickle"),
        (_short, "1 rows and y_test.npy has 16"),
        (_infinite, "not finite"),
        (_classes, "binclass"),
        (_no_columns, "neither N_val.npy nor C_val.npy"),
    ],
)
def test_what_is_wrong_with_a_set_is_said(tmp_path, spoil, message):
    folder = write_set(tmp_path / "spoiled")
    spoil(folder)
    with pytest.raises(ValueError, match=re.escape(message)):
        datasets.read_table(folder)


def test_words_for_sets(tmp_path):
    for name in ("c", "a", *datasets.TWINS, "boston"):
        write_set(tmp_path / name, talent_match="exact" if name == "a" else "-")
    assert datasets.choose_sets(tmp_path, ["exact"], None) == ["a"]
    assert datasets.choose_sets(tmp_path, ["c", "exact", "c"], None) == ["c", "a"]
    assert datasets.choose_sets(tmp_path, ["all"], None) == [
        "a",
        "bike_sharing_hour",
        "c",
    ]
    assert datasets.choose_sets(tmp_path, ["all"], 39) == []
    with pytest.raises(ValueError, match="share rows"):
        datasets.choose_sets(tmp_path, sorted(datasets.TWINS), None)
    with pytest.raises(ValueError, match="no set of the name b"):
        datasets.choose_sets(tmp_path, ["b"], None)


def test_folder_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("SKLEARN_GENRE_DATA", str(tmp_path))
    assert datasets.data_folder(None) == tmp_path.resolve()
    monkeypatch.delenv("SKLEARN_GENRE_DATA")
    with pytest.raises(ValueError, match="--data DIR or SKLEARN_GENRE_DATA"):
        datasets.data_folder(None)
    with pytest.raises(ValueError, match="not a folder"):
        datasets.data_folder(tmp_path / "none")


def test_choosing_reads_no_test_part(data, tiny):
    table = datasets.READERS["val"](data / "tiny")
    assert_array_equal(table.test.y, tiny.val.y)
    assert len(table.val.y) == SIZES["train"] // 5
    both = np.concatenate([table.train.y, table.val.y])
    assert_array_equal(np.sort(both), np.sort(tiny.train.y))
    datasets.READERS["val"](data / "broken")


# -- scores ----------------------------------------------------------------------


def test_scores_do_not_depend_on_the_unit():
    random = np.random.default_rng(0)
    y, values = random.standard_normal(30), np.linspace(-3, 3, 16)
    mass = random.uniform(size=(30, 16))
    found = [
        scores.scores(
            predictions.Prediction(
                (dist := PredictiveDistribution(c * values, mass)).mean(), dist
            ),
            c * y,
            c,
        )
        for c in (1.0, 1000.0)
    ]
    assert set(scores.DISTRIBUTION_SCORES) < set(found[0])
    for name, score in found[0].items():
        assert score is not None, name
        np.testing.assert_allclose(found[1][name], score, err_msg=name, atol=1e-9)


def test_scores_of_a_sure_prediction():
    y = np.arange(5.0)
    row = scores.scores(predictions.Prediction(y + 1), y, 2.0)
    assert (row["rmse_mean"], row["mae"]) == (0.5, 0.5)
    assert row["spearman"] == pytest.approx(1.0)
    assert row["r2"] == 0.5
    assert all(row[name] is None for name in scores.DISTRIBUTION_SCORES)
    constant = scores.scores(predictions.Prediction(np.ones(5)), y, 1.0)
    assert constant["spearman"] == 0.0


def test_predictions_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="not finite"):
        scores.scores(predictions.Prediction(np.array([np.nan])), np.ones(1), 1.0)


def test_pooled_distance_weighs_the_masses():
    dist = PredictiveDistribution([0.0, 1.0], [[1.0, 0.0], [1.0, 1.0]])
    assert scores.pooled_distance(dist, np.array([0.0, 0.0])) == pytest.approx(0.25)
    own = PredictiveDistribution([[0.0, 1.0], [2.0, 3.0]], [[1.0, 0.0], [0.0, 1.0]])
    assert scores.pooled_distance(own, np.array([3.0, 0.0])) == pytest.approx(0.0)


def test_quantiles_keep_their_levels():
    levels = (np.arange(100) + 0.5) / 100
    dist = predictions.from_quantiles(levels[None, ::-1])  # of the uniform distribution
    asked = np.array([0.05, 0.5, 0.95])
    np.testing.assert_allclose(dist.ppf(asked)[0], asked, atol=1e-9)
    row = scores.scores(
        predictions.Prediction(dist.mean(), dist, has_density=False), np.ones(1), 1.0
    )
    assert row["log_score"] is row["entropy"] is row["rmse_mode"] is None
    assert row["crps"] == pytest.approx(1 / 3, abs=1e-3)


def test_normal_cells():
    dist = predictions.normal(np.array([2.0]), np.array([3.0]))
    assert dist.std()[0] == pytest.approx(3.0, rel=1e-3)
    entropy = 0.5 * np.log(2 * np.pi * np.e * 9)
    assert dist.entropy()[0] == pytest.approx(entropy, abs=1e-3)


# -- methods ---------------------------------------------------------------------


def test_suites_name_methods():
    assert {name for suite in SUITES.values() for name in suite} <= set(METHODS)
    assert set(METHODS) == set(OURS) | set(PEERS)


def test_every_member_of_the_families_is_there():
    names = {*OURS}
    members = {*LOSSES, *POLICY_GRADIENTS} - {"cross_entropy"}  # which is the base
    assert members <= names
    assert {f"{head}_pretrained" for head in HEADS} <= names
    assert {f"base_{name}" for name in TOKENIZERS if name != "normalized"} <= names
    assert {name for name in DECODERS if name != "mlp"} <= names


def test_functions_are_said_without_their_address():
    for name in ("no_cosines", "one_member"):
        options = OURS[name].options
        assert " at 0x" not in sayable(options["encoder"](np.zeros(2)))


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


@pytest.mark.parametrize("name", OURS)
def test_ours_are_estimators(name):
    estimator = OURS[name](np.linspace(0.0, 1.0, 50), random_state=0)
    parameters = estimator.get_params(deep=False)
    assert json.dumps({key: sayable(parameters[key]) for key in parameters})


@pytest.mark.parametrize(
    "name", ["remax", "raft_coarse_normalized", "untrained", "remax_curves", "riemann"]
)
def test_ours_predict_and_say_what_they_did(tiny, name):
    new = OURS[name]
    given = new(tiny.train.y).get_params(deep=False)
    short = {key: 2 for key in given if key.endswith("epochs") and given[key]}
    model = Ours(new.changed(**short), Task(0, 1, tiny.categories))
    model.fit(tiny.train, tiny.val)
    row = scores.scores(model.predict(tiny.test.X), tiny.test.y, 5.0)
    row |= model.extras(tiny.test.X, tiny.test.y, 5.0)
    row["parameters"] = model.parameters()
    assert json.dumps(row, allow_nan=False)
    assert row["parameters"]["estimator"] == new.name
    assert ("rmse_greedy" in row) == (name != "riemann")
    assert ("history" in row) == (name == "remax_curves")
    kept = histories.numbers({**row, "unit": 5.0})
    assert ("after_best_at_128" in kept) == (name == "remax_curves")


def test_kept_history_thins_pretraining_alone():
    rows = [
        {"stage": stage, "epoch": epoch, "selected": epoch == 7}
        for stage, n in {"pretraining": 20, "fine_tuning": 3}.items()
        for epoch in range(1, n + 1)
    ]
    assert kept_history(rows)["epoch"] == [7, 10, 20, 1, 2, 3]


PEERS_THERE = [name for name in PEERS if PEERS[name].path.startswith("sklearn.")]


@pytest.mark.parametrize("name", PEERS_THERE)
def test_peers_predict_in_the_unit_of_the_target(tiny, name):
    model = METHODS[name].make(Task(0, 1, tiny.categories))
    model.fit(tiny.train, tiny.val)
    mean = model.predict(tiny.test.X).mean
    assert np.isfinite(mean).all()
    assert np.abs(mean - 100).max() < 30
    assert json.dumps(model.parameters())


@pytest.mark.parametrize("target", [0.0, 0.69, 645.0])
def test_equal_quantiles_of_a_peer_survive_the_unit_of_the_target(tiny, target):
    model = METHODS["dummy"].make(Task(0, 1, tiny.categories))
    model.fit(tiny.train, tiny.val)
    scaled = (target - model.center) / model.scale
    tied = predictions.from_quantiles(np.full((len(tiny.test.X), 100), scaled))
    read = predictions.Prediction(np.full(len(tiny.test.X), scaled), tied, False)
    model.peer = replace(model.peer, read=lambda estimator, X: read)
    dist = model.predict(tiny.test.X).dist
    np.testing.assert_allclose(dist.interval(0.9), target, atol=1e-9)


@pytest.mark.parametrize("columns", [one_hot, codes, filled_codes, strings])
def test_columns_know_levels_and_what_is_missing(tiny, columns):
    X = tiny.test.X.copy()
    X[0, 2] = "never seen"
    found = columns(tiny.train.X, tiny.categories).transform(X)
    assert len(found) == len(X)
    assert found.shape[1] == (5 if columns is one_hot else 3)
    if columns in (one_hot, filled_codes):
        assert np.isfinite(np.asarray(found, dtype=float)).all()


# -- jobs ------------------------------------------------------------------------


def order_of(folder, method, **changes):
    """Return the order of one job."""
    key = {"data": folder.name, "method": method, "seed": 0, "threads": 1}
    limits = {"seconds": 60.0, "megabytes": 8000.0}
    return {**key, "key": key, "folder": str(folder), **limits, **changes}


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Let jobs run a line of Python in the place of a method."""

    def write(line):
        path = tmp_path / "program.py"
        path.write_text(f"import os, sys, time\n{line}\n")
        monkeypatch.setattr(jobs, "PROGRAM", str(path))

    return write


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("time.sleep(60)", "TimeLimit: more than 0.5 s"),
        ("os.kill(os.getpid(), 9)", "Killed: by SIGKILL"),
        ("sys.exit('no reason')", "Ended: with status 1, no reason"),
        pytest.param(
            "x = b'1' * 300_000_000; time.sleep(60)",
            "MemoryLimit: more than 200 MB",
            marks=LINUX,
        ),
    ],
)
def test_job_that_breaks_a_limit_or_down(program, tmp_path, line, error):
    program(line)
    limit = 30.0 if error.startswith("Memory") else 0.5
    row = jobs.attempt(order_of(tmp_path, "x", seconds=limit, megabytes=200.0))
    assert row["error"] == error
    assert row["method"] == "x"
    assert row["seconds"] < 20


def test_job_has_its_threads(program, tmp_path):
    program("import json; print(json.dumps(dict(n=os.environ['OMP_NUM_THREADS'])))")
    assert jobs.attempt(order_of(tmp_path, "x", threads=3))["n"] == "3"


# -- runs ------------------------------------------------------------------------

JOBS = ("--sets", "tiny", "--methods", "dummy", "ridge", "--seeds", "2")


def command(data, out, *options):
    """Return the command line of a run."""
    run = str(BENCHMARKS / "talent" / "run.py")
    return [sys.executable, run, "--data", str(data), "--out", str(out), *options]


def environment():
    """Return an environment in which this checkout is found."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def run(data, out, *options):
    """Run to the end and return what was printed."""
    done = subprocess.run(
        command(data, out, *options), env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows_of(out):
    """Return the rows of a file by their jobs; refuse two of one job."""
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    found = {(row["data"], row["method"], row["seed"]): row for row in rows}
    assert len(found) == len(rows)
    return found


def lasting(rows):
    """Return the rows without what no two runs share."""
    return {
        job: {name: row[name] for name in row if name not in OF_THE_RUN}
        for job, row in rows.items()
    }


@pytest.fixture(scope="module")
def undisturbed(data, tmp_path_factory):
    """Return the file of a run of two jobs at a time that nothing disturbed."""
    out = tmp_path_factory.mktemp("out") / "rows.jsonl"
    run(data, out, *JOBS, "--n-jobs", "2")
    return out


def test_val_part_is_scored_in_a_file_of_its_own(data, tmp_path):
    out = tmp_path / "rows.jsonl"
    job = ("--sets", "broken", "--methods", "dummy", "--seeds", "1")
    run(data, out, *job, "--part", "val")
    (row,) = rows_of(out).values()
    assert (row["part"], row["n_train"], row["n_test"]) == ("val", 32, SIZES["val"])
    refused = subprocess.run(
        command(data, out, *job), env=environment(), capture_output=True, text=True
    )
    assert refused.returncode != 0
    assert "another part than test" in refused.stderr


def wait_for(condition, seconds=60.0):
    """Wait until something is so."""
    last = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < last, "it did not come"
        time.sleep(0.02)


def running(text):
    """Return the processes whose command line has a text."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            content = path.read_bytes()
        except OSError:
            continue
        if text.encode() in content:
            found.append(int(path.parent.name))
    return found


def test_rows_say_what_they_are(undisturbed):
    rows = rows_of(undisturbed)
    assert set(rows) == {("tiny", m, s) for m in ("dummy", "ridge") for s in (0, 1)}
    row = rows["tiny", "ridge", 0]
    assert row["parameters"]["estimator"] == "sklearn.linear_model.Ridge"
    assert row["threads"] == 1
    assert row["versions"]["scikit-learn"]
    assert row["n_train"] == SIZES["train"]
    assert 0 < row["rmse_mean"] < rows["tiny", "dummy", 0]["rmse_mean"]
    assert row["peak_mb"] >= row["before_mb"] > 0
    assert row["crps"] is None


@LINUX
def test_killed_and_started_again(data, undisturbed, tmp_path):
    out = tmp_path / "rows.jsonl"
    first = subprocess.Popen(
        command(data, out, *JOBS), env=environment(), stdout=subprocess.DEVNULL
    )
    wait_for(lambda: out.exists() and out.read_bytes().count(b"\n") > 0)
    first.send_signal(signal.SIGKILL)
    first.wait()
    kept = out.read_bytes()
    assert 0 < kept.count(b"\n") < 4
    wait_for(lambda: not running(str(data / "tiny")))  # its job has ended with it
    with out.open("ab") as file:
        file.write(kept.splitlines()[0][:50])  # a line that was cut off
    assert "4 to do" not in run(data, out, *JOBS)
    assert out.read_bytes().startswith(kept)
    assert lasting(rows_of(out)) == lasting(rows_of(undisturbed))


def test_one_run_writes_at_a_time(data, undisturbed):
    with undisturbed.with_name("rows.jsonl.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(
            command(data, undisturbed, *JOBS),
            env=environment(),
            capture_output=True,
            text=True,
        )
    assert done.returncode == 2
    assert "Another run writes to" in done.stderr


def test_done_jobs_are_not_done_again(data, undisturbed):
    before = undisturbed.read_bytes()
    assert "4 jobs are done, 0 to do" in run(data, undisturbed, *JOBS)
    assert undisturbed.read_bytes() == before
    assert "0 of 4 jobs" in run(data, undisturbed, *JOBS, "--dry-run")


def test_failing_job_is_a_row(data, tmp_path):
    out = tmp_path / "rows.jsonl"
    options = ("--sets", "broken", "tiny", "--methods", "dummy", "--seeds", "1")
    run(data, out, *options)
    failed, done = rows_of(out).values()
    assert failed["data"] == "broken"
    assert "y_test.npy is missing" in failed["error"]
    assert failed["where"].startswith("datasets.py:")
    assert "error" not in done
    assert "2 jobs are done, 0 to do" in run(data, out, *options)
    assert "1 jobs are done, 1 to do" in run(data, out, *options, "--retry")
    assert len(rows_of(out)) == 2


@pytest.fixture
def cluster(tmp_path):
    """Start a scheduler and two workers that know nothing of this checkout."""
    sign = str(tmp_path / "scheduler.json")
    shared = ("--scheduler-file", sign, "--no-dashboard")
    workers = ("worker", *shared, "--nthreads", "1", "--no-nanny")
    commands = [("scheduler", *shared, "--port", "0"), workers, workers]
    processes = [
        subprocess.Popen([sys.executable, "-m", "dask", *words], cwd=tmp_path)
        for words in commands
    ]
    wait_for(lambda: Path(sign).exists())
    yield json.loads(Path(sign).read_text())["address"], processes[1:]
    for process in reversed(processes):
        process.kill()
        process.wait()


@pytest.mark.skipif(find_spec("distributed") is None, reason="it takes dask")
def test_cluster_that_loses_a_worker(data, undisturbed, cluster, tmp_path):
    address, workers = cluster
    out = tmp_path / "rows.jsonl"
    process = subprocess.Popen(
        command(data, out, *JOBS, "--backend", "dask", "--scheduler", address),
        env=environment(),
    )
    wait_for(lambda: running(str(data / "tiny")))
    workers[0].kill()
    assert process.wait(120) == 0
    assert lasting(rows_of(out)) == lasting(rows_of(undisturbed))


# -- reports ---------------------------------------------------------------------


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


def test_report_is_made_of_the_rows(frame, tmp_path):
    path, out = tmp_path / "rows.jsonl", tmp_path / "report"
    program = str(BENCHMARKS / "talent" / "report.py")
    done = subprocess.run(
        [sys.executable, program, str(path), "--out", str(out)],
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    text = (out / "report.md").read_text()
    assert text.strip() in done.stdout
    assert "| good | 4 | 0 | 2 | 0.505 ± 0.005 |" in text
    assert "| u | bad | 0 | TypeError: a / b |" in text
    assert (out / "against_base.csv").exists()
    assert (out / "relative.svg").exists()


# -- inside TALENT ---------------------------------------------------------------


def test_client_speaks_as_talent_does(data, tmp_path):
    folder = write_set(tmp_path / "sets" / "one").parent
    train_val, test, info = talent_client.get_dataset("one", folder)
    small = {"pretraining_epochs": 2, "fine_tuning": None}
    args = SimpleNamespace(seed=0, save_path=tmp_path, config={"model": small})
    method = talent_client.DecodingMethod(args, info["task_type"] == "regression")
    assert method.fit(train_val, info) > 0
    again = talent_client.DecodingMethod(args, True)
    assert again.fit(train_val, info, train=False) is None
    values, names, predicted = again.predict(test, info, "best-val")
    assert names == ("MAE", "R2", "RMSE")
    error = predicted - test[2]["test"]
    assert values[2] == pytest.approx(np.sqrt(np.mean(error**2)))
    assert len(again.distribution) == SIZES["test"]
    with pytest.raises(ValueError, match="regression"):
        talent_client.DecodingMethod(args, False)
