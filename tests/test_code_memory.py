"""Programs from docstrings, the bounds within which they run, and their parts."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from code_memory.blocks import program, why_left_out
from code_memory.build import part
from code_memory.run import verdict

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
N_BYTES = 8_000_000
PROGRAMS = {
    "array": f"x = np.zeros({N_BYTES // 8})",
    "names of the module": "digest('text')",
    "error": "1 / 0",
    "caught": "try:\n    while True: pass\nexcept Exception:\n    pass",
    "memory": "np.ones(2**31)",
    "network": "import socket\nsocket.socket().connect(('127.0.0.1', 9))",
    "ended": "import os\nos._exit(3)",
    "scratch": "import os\nassert not os.listdir()\nopen('file', 'w').close()\n"
    "os.remove('file')",
}
MEASURE = """
import json, sys
import numpy, code_memory.worker as worker
from code_memory.blocks import Block
worker.RUN_S = 1
print(json.dumps({
    name: worker.in_child(Block("", "code_memory.blocks", code), lambda: None)
    for name, code in json.loads(sys.argv[1]).items()
}))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="for Linux alone")
def test_blocks_are_measured_within_their_bounds():
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, json.dumps(PROGRAMS)],
        env={**os.environ, "PYTHONPATH": str(BENCHMARKS)},
        capture_output=True,
        text=True,
        check=True,
    )
    rows = json.loads(done.stdout)
    np.testing.assert_allclose(rows["array"]["bytes"], N_BYTES, rtol=1e-2)
    assert {name for name in rows if rows[name]["status"] == "ok"} == {
        "array",
        "names of the module",
        "scratch",
    }
    assert rows["error"]["reason"] == "ZeroDivisionError"
    assert rows["caught"]["reason"] == "OutOfTime"
    assert rows["memory"]["reason"] in ("MemoryError", "_ArrayMemoryError")
    assert rows["network"]["reason"] == "OSError"


def test_program_is_what_the_docstring_runs():
    text = (
        "Text.\n\n>>> x = 1\n>>> x / 0\nTraceback (most recent call last):\n    ...\n"
    )
    text += (
        "ZeroDivisionError: division by zero\n\nMore.\n\n>>> for i in [x]:\n...     i\n"
    )
    names = {}
    exec(program(text), names)
    assert (names["x"], names["i"]) == (1, 1)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("plt.show()", "plots"),
        ("open('file')", "files"),
        ("f(n_jobs=2)", "threads"),
        ("fetch_openml()", "network"),
        ("f()  # doctest: +SKIP", "skipped"),
        ("f()", None),
    ],
)
def test_blocks_are_left_out_for_a_reason(line, reason):
    code = f"{'x = 1; ' * 9}{line}"
    assert why_left_out(code, f">>> {code}") == reason
    assert why_left_out(line, f">>> {line}") == "short"


def test_objects_of_one_name_are_in_one_part():
    names = [f"name_{i}" for i in range(2000)]
    parts = [part(f"package.{name}") for name in names]
    assert parts == [part(f"other.Class.{name}") for name in names]
    shares = [parts.count(name) / 2000 for name in ("train", "validation", "test")]
    np.testing.assert_allclose(shares, [0.7, 0.1, 0.2], atol=0.04)


def test_verdict_needs_all_seeds():
    low, high = {"spearman": 0.5, "rmse": 1.0}, {"spearman": 0.6, "rmse": 1.2}
    said = verdict([(low, high), (low, high)])
    assert said.count("better on all") == said.count("worse on all") == 1
    assert verdict([(low, high), (high, low)]).count("disagree") == 2
