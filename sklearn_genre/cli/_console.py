"""What a run prints, also where nobody reads it any more."""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sklearn_genre.cli._error import one_line


def say(text: str = "", *, go_on: bool = False) -> None:
    """Print a text at once.

    Parameters
    ----------
    text : str
    go_on : bool, default=False
        Whether to go on in silence if the reader has left, as in ``| head -1``.

    Raises
    ------
    BrokenPipeError
        If the reader has left.
    """
    try:
        print(text, flush=True)
    except BrokenPipeError:
        silence()
        if not go_on:
            raise


def note(text: str) -> None:
    """Print one line on standard error."""
    with suppress(BrokenPipeError):
        print(one_line(text), file=sys.stderr, flush=True)


def silence() -> None:
    """Send standard output nowhere, so that Python does not fail when it ends."""
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


@contextmanager
def short_warnings() -> Iterator[None]:
    """Print each warning as one line, once."""
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", RuntimeWarning)  # of arithmetic
        seen = set()

        def show(message: Any, category: Any, *_: Any, **__: Any) -> None:
            if str(message) not in seen:
                note(f"warning: {message}")
            seen.add(str(message))

        warnings.showwarning = show
        yield


def escaped_output() -> None:
    """Print what the terminal's encoding cannot write as escapes."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
