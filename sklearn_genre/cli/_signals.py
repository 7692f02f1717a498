"""Signals that end a run: whatever is under way is cleaned up first."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sklearn_genre.cli._error import Interrupted, Terminated

RAISED = {"SIGINT": Interrupted, "SIGTERM": Terminated, "SIGHUP": Terminated}


@contextmanager
def signals_raised() -> Iterator[None]:
    """Raise an exception at each signal that asks the process to end.

    Estimators stop training at KeyboardInterrupt and keep their best state; a run that
    is interrupted must end instead.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {}
    for name, error in RAISED.items():
        if (number := getattr(signal, name, None)) is not None:
            if signal.getsignal(number) == signal.SIG_IGN:  # nohup
                continue
            before[number] = signal.signal(number, _raiser(error))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _raiser(error: type[BaseException]) -> Any:
    """Return a handler that raises."""

    def handler(number: int, frame: Any) -> None:
        raise error

    return handler
