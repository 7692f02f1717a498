"""Jobs in processes of their own, with limits. Standard library alone: workers of a
cluster get this file by value."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

Row = dict[str, Any]

PROGRAM = str(Path(__file__).resolve().with_name("evaluate.py"))
PAUSE = 0.1  # seconds between two looks at a running job
THREADS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "BLIS")


def rows_in(path: Path) -> list[Row]:
    """Return the rows of a file that another process may be writing to."""
    content = path.read_bytes() if path.exists() else b""
    return [json.loads(line) for line in content.split(b"\n")[:-1]]


def attempt(order: Row) -> Row:
    """Do a job and return its row, which says so if it failed.

    The order has the `key` of the row, the `folder`, `method`, `seed` and `threads`,
    and the limits `seconds` and `megabytes`.
    """
    start = time.perf_counter()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, PROGRAM, json.dumps(order)],
            stdin=subprocess.PIPE,  # its end tells the job that this process has ended
            stdout=out,
            stderr=errors,
            start_new_session=True,
            env=environment(order["threads"]),
        )
        try:
            broken = watch(process, order["seconds"], order["megabytes"])
        finally:
            end(process)
        answer = {"error": broken} if broken else read(process.returncode, out, errors)
    seconds = round(time.perf_counter() - start, 3)
    return {**order["key"], **answer, "seconds": seconds}


def environment(threads: int) -> dict[str, str]:
    """Return the environment in which libraries take so many threads."""
    names = [f"{name}_NUM_THREADS" for name in THREADS]
    return {**os.environ, **dict.fromkeys(names, str(threads))}


def watch(
    process: subprocess.Popen[bytes], seconds: float, megabytes: float
) -> str | None:
    """Wait until a process ends or breaks a limit; return which."""
    last = time.monotonic() + seconds
    while True:
        try:
            process.wait(PAUSE)
            return None
        except subprocess.TimeoutExpired:
            if time.monotonic() > last:
                return f"TimeLimit: more than {seconds:g} s"
            if resident(process.pid) > megabytes:
                return f"MemoryLimit: more than {megabytes:g} MB"


def resident(pid: int) -> float:
    """Return the resident size of a process in megabytes, 0 if nothing tells."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGESIZE") / 1e6


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process and what it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
    if process.stdin is not None:
        process.stdin.close()


def read(status: int, out: Any, errors: Any) -> Row:
    """Return what a process answered, or what can be said of one that did not."""
    out.seek(0)
    text = out.read().decode()
    if status == 0 and text:
        answer: Row = json.loads(text)
        return answer
    errors.seek(0)
    said = errors.read().decode(errors="replace").strip().rpartition("\n")[2]
    if status < 0:
        return {"error": f"Killed: by {signal.Signals(-status).name}"}
    return {"error": f"Ended: with status {status}, {said[:300]}"}
