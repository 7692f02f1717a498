"""What a user reads when something goes wrong, in one line."""

from typing import Any

from sklearn_genre.preprocessing._columns import escaped, shown

__all__ = [
    "InputError",
    "Interrupted",
    "Terminated",
    "one_line",
    "reason",
    "shown",
    "shown_path",
]

# Characters of the longest message.
LONGEST = 300
# Characters of a path that are shown.
LONGEST_PATH = 80


class InputError(Exception):
    """What the user can put right: shown as one line, exit code 2."""


class Interrupted(BaseException):
    """The user has pressed Ctrl-C; no estimator catches this one."""


class Terminated(BaseException):
    """Somebody has asked the process to end."""


def one_line(message: Any) -> str:
    """Return a message as one line without control characters, cut where too long."""
    text = " ".join(str(message).split())
    text = escaped(text)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def shown_path(path: Any) -> str:
    """Return a path in quotes, the end of it where it is long."""
    text = escaped(str(path)[-LONGEST_PATH - 1 :])
    return f"'{text}'" if len(text) <= LONGEST_PATH else f"'…{text[-LONGEST_PATH:]}'"


def reason(error: BaseException) -> str:
    """Return what an exception says, or at least its name."""
    if isinstance(error, OSError) and error.strerror:
        where = f"{shown_path(error.filename)}: " if error.filename is not None else ""
        return f"{where}{error.strerror}"
    if isinstance(error, MemoryError):
        return "not enough memory"
    return str(error) or type(error).__name__
