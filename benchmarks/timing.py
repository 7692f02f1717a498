"""Times of functions that do the same job, measured in turns."""

import statistics
import time
from collections.abc import Callable, Mapping

from rows import Row

Times = dict[str, list[float]]


def interleaved(functions: Mapping[str, Callable[[], object]], repeats: int) -> Times:
    """Time functions in turns, after a call of each that is not timed."""
    for function in functions.values():
        function()
    seconds: Times = {name: [] for name in functions}
    for repeat in range(repeats):
        for name in list(functions)[:: 1 if repeat % 2 else -1]:
            start = time.perf_counter()
            functions[name]()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def summary(seconds: Times) -> Row:
    """Return the shortest and the median time of each function."""
    row: Row = {}
    for name, times in seconds.items():
        row[f"{name}_s_min"] = min(times)
        row[f"{name}_s_median"] = statistics.median(times)
    return row


def ratios(seconds: Times, name: str, slow: str, fast: str) -> Row:
    """Return how many times longer one function took than another."""
    return {
        f"{name}_{kind}": read(seconds[slow]) / read(seconds[fast])
        for kind, read in (("min", min), ("median", statistics.median))
    }
