"""One job in a process of its own: fit, predict, score; the row to standard output."""

import json
import os
import platform
import resource
import signal
import sys
import threading
import time
import traceback
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from talent.datasets import READERS
from talent.methods import METHODS
from talent.ours import Task
from talent.scores import scores

DIGITS = 7  # significant ones of the numbers in a row
MEGABYTE = 1e6
# The package of a module, where the names differ.
DISTRIBUTIONS = {"sklearn": "scikit-learn", "quantile_forest": "quantile-forest"}


def evaluate(order: dict[str, Any]) -> dict[str, Any]:
    """Fit to the train part, select by the val part, score the test part once.

    Where the val part is to be scored, a fifth of train takes its place.
    """
    table = READERS[order["part"]](Path(order["folder"]))
    method = METHODS[order["method"]]
    model = method.make(Task(order["seed"], order["threads"], table.categories))
    unit = float(table.train.y.std()) or 1.0
    before = peak()
    start = time.perf_counter()
    model.fit(table.train, table.val)
    fitted = time.perf_counter()
    prediction = model.predict(table.test.X)
    predicted = time.perf_counter()
    test = table.test.X, table.test.y
    return {
        "parameters": model.parameters(),
        "versions": versions(method.package),
        "n_train": len(table.train.y),
        "n_test": len(table.test.y),
        "unit": unit,
        "fit_s": fitted - start,
        "predict_s": predicted - fitted,
        "before_mb": before,
        "peak_mb": peak(),
        **scores(prediction, table.test.y, unit),
        **model.extras(*test, unit),
    }


def peak() -> float:
    """Return the largest resident size of this process so far, in megabytes."""
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size * (1 if sys.platform == "darwin" else 1024) / MEGABYTE


def versions(package: str) -> dict[str, str]:
    """Return the versions of what a row depends on."""
    found = {"python": platform.python_version()}
    names = (package, "sklearn_genre", "torch", "scikit-learn", "numpy")
    for name in dict.fromkeys(DISTRIBUTIONS.get(name, name) for name in names):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def rounded(value: Any) -> Any:
    """Return a value with fewer digits, in lists and dicts too."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, list | tuple):
        return [rounded(part) for part in value]
    if isinstance(value, dict):
        return {name: rounded(part) for name, part in value.items()}
    return value


def end_with_parent() -> None:
    """End this process and what it started when the one that started it has ended."""
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGKILL)


def failure(error: BaseException) -> dict[str, str]:
    """Return what went wrong, and where."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    text = f"{type(error).__name__}: {error}"
    return {"error": text[:500], "where": f"{Path(last.filename).name}:{last.lineno}"}


def main() -> None:
    """Answer one order; what libraries print goes to standard error."""
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    threading.Thread(target=end_with_parent, daemon=True).start()
    order = json.loads(sys.argv[1])
    try:
        row = json.dumps(rounded(evaluate(order)), allow_nan=False)
    except Exception as error:
        traceback.print_exc()
        row = json.dumps(failure(error))
    answer.write(row)
    answer.close()
    os._exit(0)  # not waiting for the threads of libraries


if __name__ == "__main__":
    main()
