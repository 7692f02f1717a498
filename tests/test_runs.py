"""Runs of jobs: limits, resuming, failures, clusters."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from joblib import parallel_config
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold
from talent import jobs
from talent_sets import SIZES, write_set

from sklearn_genre import DecodingRegressor

ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT / "benchmarks"
# What differs between two runs of the same jobs.
OF_THE_RUN = {"seconds", "fit_s", "predict_s", "before_mb", "peak_mb", "commit"}
# Copies of data on further workers are kept, so that one may be lost.
AMM = "DASK_DISTRIBUTED__SCHEDULER__ACTIVE_MEMORY_MANAGER__START"
LINUX = pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="it takes Linux"
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Return a folder of two sets, the second without its test target."""
    folder = tmp_path_factory.mktemp("data")
    write_set(folder / "tiny")
    broken = write_set(folder / "broken", talent_match="rows", seed=1)
    (broken / "y_test.npy").unlink()
    return folder


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
    limit = 0.5 if error.startswith("Time") else 30.0
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
def dask_cluster(tmp_path):
    """Start a scheduler and two workers that know nothing of this checkout."""
    pytest.importorskip("distributed")
    sign = str(tmp_path / "scheduler.json")
    shared = ("--scheduler-file", sign, "--no-dashboard")
    workers = ("worker", *shared, "--nthreads", "1", "--no-nanny")
    commands = [("scheduler", *shared, "--port", "0"), workers, workers]
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "dask", *words],
            cwd=tmp_path,
            env={**os.environ, AMM: "False"},
        )
        for words in commands
    ]
    wait_for(lambda: Path(sign).exists())
    yield json.loads(Path(sign).read_text())["address"]
    for process in reversed(processes):
        process.kill()
        process.wait()


@pytest.fixture
def ray_cluster(monkeypatch):
    """Start a node with two workers."""
    pytest.importorskip("ray")
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = str(one.getsockname()[1])
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    program = str(Path(sys.executable).with_name("ray"))
    options = ("--num-cpus", "2", "--port", port, "--include-dashboard", "false")
    process = subprocess.Popen(
        [program, "start", "--head", "--block", "--disable-usage-stats", *options],
        stdout=subprocess.PIPE,
        text=True,
    )
    for line in process.stdout:
        if "Ray runtime started" in line:
            break
    yield f"127.0.0.1:{port}"
    process.terminate()
    process.communicate()


def parent_of(pid):
    """Return the process that started another."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@LINUX
@pytest.mark.parametrize("kind", ["dask", "ray"])
def test_cluster_that_loses_a_worker(kind, data, undisturbed, tmp_path, request):
    address = request.getfixturevalue(f"{kind}_cluster")
    out = tmp_path / "rows.jsonl"
    process = subprocess.Popen(
        command(data, out, *JOBS, "--backend", kind, "--scheduler", address),
        env=environment(),
    )
    seen = []
    text = f'{data / "tiny"}", "method'  # of the order of a job
    wait_for(lambda: seen.extend(running(text)) or seen)
    os.kill(parent_of(seen[0]), signal.SIGKILL)
    assert process.wait(120) == 0
    assert lasting(rows_of(out)) == lasting(rows_of(undisturbed))


# -- searches ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def search():
    """Return a search that is not fitted, its samples and its splits."""
    random = np.random.default_rng(0)
    X = random.normal(size=(200, 3))
    y = X[:, 0] + 0.1 * random.normal(size=200)
    model = DecodingRegressor(
        encoder="mlp", pretraining_epochs=20, fine_tuning=None, random_state=0
    )
    splits = list(KFold(2).split(X))
    rates = {"learning_rate": [1e-3, 3e-3, 1e-2]}
    return GridSearchCV(model, rates, cv=splits, n_jobs=2), X, y, splits


@pytest.fixture(scope="module")
def scores(search):
    """Return the scores in one process."""
    serial, X, y, _ = search
    return clone(serial).set_params(n_jobs=None).fit(X, y).cv_results_


def test_search_on_dask_that_loses_a_worker(search, scores, dask_cluster):
    distributed = pytest.importorskip("distributed")
    on_cluster, X, y, splits = search
    indices = [index for pair in splits for index in pair]
    with distributed.Client(dask_cluster) as client:
        client.wait_for_workers(2, timeout=60)
        workers = client.run(os.getpid)
        pid = next(iter(workers.values()))

        def kill():
            wait_for(lambda: all(client.processing().values()))
            os.kill(pid, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        with parallel_config("dask", scatter=[X, y, *indices]):
            found = on_cluster.fit(X, y).cv_results_
        killer.join()
        assert len(client.scheduler_info()["workers"]) == 1
    assert_array_equal(found["mean_test_score"], scores["mean_test_score"])
