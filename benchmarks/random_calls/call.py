"""A call with its arguments, and which of them the package must take or refuse."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np

# Longest text of one argument.
WIDTH = 160


class Trust(Enum):
    """What the package must do with an argument."""

    FINE = "take it"
    EDGE = "take it, or refuse it by name"
    WRONG = "refuse it by name"


@dataclass(frozen=True)
class Given:
    """An argument, what must become of it, and other words that name it."""

    value: Any
    trust: Trust = Trust.FINE
    names: tuple[str, ...] = ()
    text: str | Code = ""


class Code:
    """Code that is written when it is read: texts, and values between them."""

    def __init__(self, *pieces: Any) -> None:
        self.pieces = pieces

    def __str__(self) -> str:
        """Return the code."""
        return "".join(
            str(piece) if isinstance(piece, str | Code) else text_of(piece)
            for piece in self.pieces
        )


def edge(value: Any, *names: str) -> Given:
    """Return an argument that may be taken or refused."""
    return Given(value, Trust.EDGE, names)


def wrong(value: Any, *names: str) -> Given:
    """Return an argument that must be refused."""
    return Given(value, Trust.WRONG, names)


def nothing(result: Any) -> None:
    """Expect nothing of a result."""


@dataclass(frozen=True)
class Call:
    """A function, its arguments by name, and what must hold of its result.

    Parameters
    ----------
    text : str or Code
        The function.
    function : callable
    arguments : mapping of str to Given
    check : callable
        Raises ``AssertionError`` unless a result is right.
    repeatable : bool
        Whether a second call gives the same bits.
    may_fail : bool
        Whether training may end in an error that names no argument.
    """

    text: str | Code
    function: Callable[..., Any]
    arguments: Mapping[str, Given] = field(default_factory=dict)
    check: Callable[[Any], None] = nothing
    repeatable: bool = True
    may_fail: bool = False

    @property
    def values(self) -> dict[str, Any]:
        """The arguments as the function takes them."""
        return {name: given.value for name, given in self.arguments.items()}

    @property
    def must_fail(self) -> bool:
        """Whether an argument must be refused."""
        return any(given.trust is Trust.WRONG for given in self.arguments.values())

    @property
    def suspects(self) -> list[str]:
        """Words of which the message of an error must have one."""
        return [
            word
            for name, given in self.arguments.items()
            if given.trust is not Trust.FINE
            for word in (name, *given.names)
        ]

    def __str__(self) -> str:
        """Return the call as code."""
        words = [
            f"{name}={given.text or text_of(given.value)}"
            for name, given in self.arguments.items()
        ]
        return f"{self.text}({', '.join(words)})"


def text_of(value: Any) -> str:
    """Return a value as code on one line, cut where it is long."""
    kind = type(value).__name__
    module = type(value).__module__.partition(".")[0]
    try:
        if module == "numpy" and hasattr(value, "tolist") and value.shape:
            about = f"{value.shape}, {value.dtype}"
            text = f"{kind}({about}, {value.tolist()!r})"
        elif module in ("pandas", "polars", "pyarrow"):
            text = f"{module}.{kind}({value!r})"
        else:
            text = repr(value)
    except ValueError:  # Python writes no integers of more than 4,300 digits
        text = f"<{kind}>"
    text = " ".join(text.split())
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 3]}..."


def one_of(rng: np.random.Generator, options: Any, p: Any = None) -> Any:
    """Return one of some options, of any type."""
    options = list(options)
    if p is None:
        return options[rng.integers(len(options))]
    return options[int(rng.choice(len(options), p=p))]
