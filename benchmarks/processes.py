"""Tasks in fresh processes, and the memory that they take.

This file imports neither torch nor numpy: a process starts with the peak of the one
that started it.
"""

import json
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from rows import Row, set_threads

MEGABYTE = 1e6


def peak() -> float:
    """Return the largest resident size of this process so far, in megabytes."""
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size * (1 if sys.platform == "darwin" else 1024) / MEGABYTE


def anonymous() -> float:
    """Return the resident memory of this process that no file is behind, in megabytes.

    Parts of a file that is mapped into memory are resident too, and are not its own.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024 / MEGABYTE
    raise RuntimeError("this system does not tell anonymous memory")


class Watch:
    """The largest anonymous memory while a block runs, looked at ten times a second."""

    def __enter__(self) -> Self:
        """Begin to look."""
        self.largest = self.before = anonymous()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Look a last time."""
        self._ended.set()
        self._thread.join()
        self.largest = max(self.largest, anonymous())

    def _look(self) -> None:
        """Look until the end."""
        while not self._ended.wait(0.1):
            self.largest = max(self.largest, anonymous())


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
