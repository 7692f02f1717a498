"""What every test shares."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
# The benchmarks are not part of the distribution, and their tests need them.
collect_ignore = []
if BENCHMARKS.is_dir():
    sys.path.insert(0, str(BENCHMARKS))
else:
    names = ("benchmarks", "code_memory", "goals", "reports", "results", "runs")
    names += ("numbers", "random_calls", "talent", "tracing")
    collect_ignore += ["made_rows.py", *(f"test_{name}.py" for name in names)]


@pytest.fixture(autouse=True, scope="session")
def _one_torch_thread() -> Iterator[None]:
    """Small networks are fastest, and bits the same, on one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
