"""Several processes train one model: the same as one process, whole, and in time."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import fit_together
import joblib
import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.preprocessing import FunctionTransformer

from sklearn_genre import DecodingRegressor
from sklearn_genre._device import generator
from sklearn_genre.estimators._state import description
from sklearn_genre.training import _processes
from sklearn_genre.training._processes import Processes

pytest.importorskip("accelerate")

N = 2
LIMIT = 240  # seconds for the processes of a task


def run(task, folder):
    """Run a task in two processes, and return their exit statuses and errors."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    settings = {"WORLD_SIZE": N, "LOCAL_WORLD_SIZE": N, "OMP_NUM_THREADS": 1}
    settings |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    command = [sys.executable, fit_together.__file__, task, str(folder)]
    started = []
    for rank in range(N):
        own = {**settings, "RANK": rank, "LOCAL_RANK": rank}
        environment = os.environ | {name: str(value) for name, value in own.items()}
        said = (folder / f"{task}{rank}.txt").open("w")
        started.append(subprocess.Popen(command, env=environment, stderr=said))
        said.close()
    try:
        status = [process.wait(LIMIT) for process in started]
    finally:
        for process in started:
            process.kill()
    return status, [(folder / f"{task}{rank}.txt").read_text() for rank in range(N)]


def results(task, folder):
    """Return what the processes of a task have left."""
    return [joblib.load(Path(folder) / f"{task}{rank}.joblib") for rank in range(N)]


@pytest.fixture(scope="module")
def fits(tmp_path_factory):
    """Return the results of both processes."""
    folder = tmp_path_factory.mktemp("fits")
    status, errors = run("all", folder)
    assert status == [0, 0], errors
    return results("all", folder)


def assert_same(one, other, tolerance):
    """Compare weights, predictions and scores."""
    assert one["state"].keys() == other["state"].keys()
    for name, value in one["state"].items():
        assert_allclose(value, other["state"][name], rtol=0, atol=tolerance)
    assert_allclose(one["prediction"], other["prediction"], rtol=0, atol=tolerance)
    for row, its in zip(one["history"], other["history"], strict=True):
        for name, value in row.items():
            if isinstance(value, float):
                assert_allclose(value, its[name], rtol=0, atol=tolerance)
            else:
                assert value == its[name]


@pytest.mark.parametrize("name", fit_together.SAME)
def test_two_processes_train_what_one_trains(name, fits):
    model = fit_together.SAME[name]().fit(fit_together.X, fit_together.Y)
    assert_same(fit_together.result(model), fits[0][name], 1e-5)


@pytest.mark.parametrize("name", [*fit_together.SAME, *fit_together.OTHERS])
def test_all_processes_end_with_the_same_model(name, fits):
    assert_same(fits[0][name], fits[1][name], 0)


def test_other_samples_in_another_process_are_refused(fits):
    for each in fits:
        assert "samples in process 1 differ" in each["refused"]
        assert "samples in process 1 differ" in each["refused_kinds"]
        assert "groups in process 1 differ" in each["refused_groups"]
        assert "integer random_state" in each["refused_seed"]


def test_generators_of_the_caller_stay_alike(fits):
    assert fits[0]["draw"] == fits[1]["draw"]


@pytest.mark.skipif(sys.platform == "win32", reason="it kills by a signal")
def test_a_killed_process_ends_the_others_and_all_go_on(fits, tmp_path):
    status, errors = run("killed", tmp_path)
    assert status == [1, -9]
    assert "RuntimeError: Another process of this fit has ended" in errors[0]
    assert (tmp_path / "fit.pt").exists()
    status, errors = run("resumed", tmp_path)
    assert status == [0, 0], errors
    assert not (tmp_path / "fit.pt").exists()
    for resumed in results("resumed", tmp_path):
        assert_same(resumed["long"], fits[0]["long"], 0)


# Without other processes -----------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 7, 12])
@pytest.mark.parametrize("n_members", [0, 3])
def test_parts_of_a_batch_add_up_to_the_whole(size, n_members):
    shape = (n_members, size) if n_members else (size,)
    z, weight = torch.rand(*shape, device="cpu"), torch.rand(*shape, device="cpu")
    parts = [Processes(3, rank).part_of((z, (z, weight))) for rank in range(3)]
    means = [(w * each).mean() for _, (each, w) in parts]
    assert_allclose(sum(means), (weight * z).mean(), rtol=1e-6)
    assert all(torch.equal(inputs, own) for inputs, (own, _) in parts)


def test_draws_differ_by_process_and_step_and_not_by_run():
    def drawn(rank, step):
        processes = Processes(2, rank, seed=1)
        with processes.draws(torch.device("cpu"), step, 0):
            own = generator(torch.device("cpu"))
            return torch.rand((), generator=own, device="cpu").item()

    seen = [drawn(rank, step) for rank in range(2) for step in range(3)]
    assert len(set(seen)) == 6
    assert seen == [drawn(rank, step) for rank in range(2) for step in range(3)]


def test_one_process_is_an_ordinary_fit():
    model = DecodingRegressor(
        encoder="mlp", pretraining_epochs=2, fine_tuning=None, random_state=0
    )
    X, y = fit_together.X, fit_together.Y
    together = clone(model).set_params(distributed=True, device="cpu").fit(X, y)
    assert np.array_equal(model.fit(X, y).predict(X), together.predict(X))


def test_one_device_for_all_is_refused():
    with pytest.raises(ValueError, match="one device"):
        _processes.launched_processes(torch.device("cuda:0"))


def test_jobs_of_joblib_do_not_train_together():
    model = DecodingRegressor(distributed=True, device="cpu")
    fit = delayed(model.fit)(fit_together.X, fit_together.Y)
    for prefer in ("processes", "threads"):
        with pytest.raises(ValueError, match="n_jobs=None"):
            Parallel(2, prefer=prefer)([fit, fit])


def test_partial_fit_is_for_one_process():
    with pytest.raises(ValueError, match="distributed=False"):
        DecodingRegressor(distributed=True).partial_fit(fit_together.X, fit_together.Y)


class Halves:
    """A splitter whose text has its address in memory."""


def test_parameters_are_the_same_wherever_they_are_in_memory():
    assert description(Halves()) == description(Halves())
    logarithm = FunctionTransformer(np.log1p, inverse_func=np.expm1)
    assert description(logarithm) == description(clone(logarithm))
    assert description(logarithm) != description(FunctionTransformer(np.log1p))
