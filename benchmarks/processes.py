"""Tasks in fresh processes, and the memory that they take.

This file imports neither torch nor numpy: a process starts with the peak of the one
that started it.
"""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

from rows import Row, set_threads

MEGABYTE = 1e6


def peak() -> float:
    """Return the largest resident size of this process so far, in megabytes."""
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size * (1 if sys.platform == "darwin" else 1024) / MEGABYTE


def in_new_process(program: str, threads: int, task: str, **arguments: Any) -> Row:
    """Run a task of a program in a process of its own and return what it answers."""
    order = json.dumps({"threads": threads, "task": task, "arguments": arguments})
    done = subprocess.run(
        [sys.executable, program, "--task", order],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": str(threads)},
    )
    return json.loads(done.stdout)


def work(order: str, tasks: Mapping[str, Callable[..., Row]]) -> None:
    """Do what :func:`in_new_process` orders."""
    wanted = json.loads(order)
    set_threads(wanted["threads"])
    print(json.dumps(tasks[wanted["task"]](**wanted["arguments"])))


def bytes_per_row(rows: list[Row], size: str) -> float | None:
    """Return the bytes of a further row, from the smallest to the largest table.

    `size` names megabytes; None if all tables have as many rows.
    """
    first, last = (find(rows, key=lambda row: row["rows"]) for find in (min, max))
    added = last["rows"] - first["rows"]
    return (last[size] - first[size]) * MEGABYTE / added if added else None
