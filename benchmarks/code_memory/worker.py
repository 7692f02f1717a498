"""Measures the peak memory of a package's docstring examples, in a fork for each.

Started by build.py. The process imports the package; each block then runs in a child
of its own, with an alarm, a limit of its address space, a scratch folder, no terminal
and no network, so that no block sees what another one did. Linux only.
"""

import argparse
import builtins
import contextlib
import gc
import importlib
import json
import os
import random
import resource
import select
import signal
import socket
import sys
import tempfile
import time
import tracemalloc
import warnings
from collections.abc import Callable
from importlib.metadata import packages_distributions, version
from pathlib import Path
from types import CodeType
from typing import Any, NoReturn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from rows import Row, read

from code_memory.blocks import Block, blocks, digest

RUN_S = 5  # seconds of the processor for one run of a block
BLOCK_S = 60  # on the clock for all three
ADDRESS_SPACE = 6 * 2**30
FILE_SIZE = 16 * 2**20
# By how much two measurements may differ, relative to the larger.
MAX_DIFFERENCE = 0.02
# What examples of a package use without importing it.
ABBREVIATIONS = {"numpy": "np", "pandas": "pd", "networkx": "nx"}


class OutOfTime(BaseException):
    """A block has run too long; no block catches it by ``except Exception``."""


def measure(block: Block, clear: Callable[[], object]) -> Row:
    """Return the peaks of two runs after a first one, and whether they agree."""
    begin = time.perf_counter()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code = compile(block.code, "<block>", "exec")
            run(code, block.module, clear)
            peaks = [peak(code, block.module, clear) for _ in range(2)]
    except BaseException as error:
        return {"status": "error", "reason": type(error).__name__}
    row: Row = {"bytes": peaks, "block_s": time.perf_counter() - begin}
    if max(peaks) - min(peaks) > MAX_DIFFERENCE * max(peaks):
        return {"status": "unstable", "reason": "peaks differ", **row}
    return {"status": "ok", "reason": "", **row}


def peak(code: CodeType, module: str, clear: Callable[[], object]) -> int:
    """Run a block and return the largest number of bytes that it had allocated."""
    try:
        run(code, module, clear, tracemalloc.start)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def run(
    code: CodeType,
    module: str,
    clear: Callable[[], object],
    start: Callable[[], object] = gc.collect,
) -> None:
    """Execute a block with the names of its module, the same numbers drawn each time.

    `clear` empties the caches of the package and `start` comes just before the block.
    The given names are among the built-in ones, so that the block's own begin with an
    empty dictionary, whose growth is the block's.
    """
    given = {**vars(builtins), **usual_names(), **vars(sys.modules[module])}
    names = {"__name__": "__main__", "__builtins__": given}
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - what the examples draw from
    clear()
    gc.collect()
    signal.setitimer(signal.ITIMER_PROF, RUN_S)
    try:
        start()
        exec(code, names)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def usual_names() -> dict[str, Any]:
    """Return the abbreviations of the packages that are imported."""
    return {
        short: sys.modules[name]
        for name, short in ABBREVIATIONS.items()
        if name in sys.modules
    }


def in_child(block: Block, clear: Callable[[], object]) -> Row:
    """Measure a block in a forked process; whatever ends that is an error."""
    with tempfile.TemporaryDirectory() as scratch:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            be_child(block, clear, scratch, writing)
        os.close(writing)
        answer = receive(reading, time.monotonic() + BLOCK_S)
        os.close(reading)
        for kill in (os.killpg, os.kill):  # what it has started, and the child itself
            try:
                kill(child, signal.SIGKILL)
            except ProcessLookupError:
                pass
        os.waitpid(child, 0)
    if answer.endswith(b"\n"):
        return json.loads(answer)
    return {"status": "error", "reason": "process ended or was out of time"}


def receive(reading: int, deadline: float) -> bytes:
    """Return one line from a pipe, or what there is at its end or at the deadline."""
    answer = b""
    while not answer.endswith(b"\n"):
        left = max(0.0, deadline - time.monotonic())
        if not select.select([reading], [], [], left)[0]:
            break
        piece = os.read(reading, 4096)
        if not piece:
            break
        answer += piece
    return answer


def be_child(
    block: Block, clear: Callable[[], object], scratch: str, writing: int
) -> NoReturn:
    """Measure a block, write the row and end, without returning to the loop."""
    try:
        os.setsid()
        confine(scratch)
        row = measure(block, clear)
        os.write(writing, f"{json.dumps(row)}\n".encode())
    finally:
        os._exit(0)


def confine(scratch: str) -> None:
    """Bound what this process can do before it runs a block."""
    os.chdir(scratch)
    os.environ["HOME"] = os.environ["TMPDIR"] = scratch
    tempfile.tempdir = None
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nothing, descriptor)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_SIZE, FILE_SIZE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for name in ("connect", "connect_ex", "bind", "sendto"):
        setattr(socket.socket, name, no_network)
    signal.signal(signal.SIGPROF, out_of_time)
    signal.alarm(BLOCK_S)  # which ends the process, even if the worker has gone


def no_network(*arguments: Any) -> NoReturn:
    """Refuse what a socket would do."""
    raise OSError("A block may not use the network.")


def out_of_time(*arguments: Any) -> NoReturn:
    """End a run from the handler of the timer."""
    raise OutOfTime


def cache_of(package: str) -> Callable[[], object]:
    """Return what empties the cache of a package, so that a later run computes too."""
    if package != "sympy":
        return lambda: None
    return importlib.import_module("sympy.core.cache").clear_cache


def own_version(package: str) -> str:
    """Return the version of an import package, by the name that it installs as."""
    return version(packages_distributions()[package][0])


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    add = options.add_argument
    add("package")
    add("out", type=Path, metavar="FILE", help="JSON lines, one is appended per block")
    add("--limit", type=int, metavar="N", help="the first N blocks, a random sample")
    args = options.parse_args()
    about = {"package": args.package, "version": own_version(args.package)}
    about |= {"python": sys.version.split()[0]}
    key = ("package", "version", "code_id")
    done = {tuple(row[name] for name in key) for row in read(args.out)}
    with open(os.devnull, "w") as nothing:
        with contextlib.redirect_stdout(nothing), contextlib.redirect_stderr(nothing):
            there, out = blocks(args.package)
    wanted = there[: args.limit]
    left_out = ", ".join(f"{n} {reason}" for reason, n in sorted(out.items()))
    print(f"{args.package}: {len(there)} blocks; left out: {left_out}", flush=True)
    clear = cache_of(args.package)
    gc.collect()
    gc.freeze()
    with args.out.open("a", encoding="utf-8") as file:
        for block in wanted:
            row = {**about, "code_id": digest(block.code), **block._asdict()}
            if tuple(row[name] for name in key) not in done:
                row |= in_child(block, clear)
                file.write(json.dumps(row) + "\n")
                file.flush()


if __name__ == "__main__":
    main()
