"""Checks of single numbers: each returns a Python number, or says what is wrong."""

import math
from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state

# Lines of a message of another package that are passed on, and how much of each.
MAX_LINES, MAX_LINE = 20, 300
# For `numpy.errstate`: scikit-learn sums numbers to look for infinity, and of 1.8e308
# and -1.8e308 that sum is NaN.
QUIET_SUMS: dict[str, Any] = {"over": "ignore", "invalid": "ignore"}


def check_integer(
    value: Any, name: str, low: int | None = None, high: int | None = None
) -> int:
    """Return an integer from low to high as a Python int.

    Parameters
    ----------
    value : object
        A Python or NumPy integer; no bool.
    name : str
        What errors call it.
    low, high : int or None, default=None
        Smallest and largest integer; None is that of 64 bits.

    Returns
    -------
    number : int

    Raises
    ------
    TypeError
        If `value` is no integer.
    ValueError
        If it is out of its range.
    """
    limits = [f">= {low}"] * (low is not None) + [f"<= {high}"] * (high is not None)
    bounds = " and ".join(limits)
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(_wrong_type(value, name, "int", bounds))
    number = int(value)
    if not -(2**63) <= number < 2**63:
        limits.append("an integer of 64 bits")
    elif (low is None or low <= number) and (high is None or number <= high):
        return number
    raise ValueError(f"{name} == {shown(number)}, must be {' and '.join(limits)}.")


def check_real(
    value: Any,
    name: str,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    exclusive: bool = False,
) -> float:
    """Return a finite real number from low to high as a Python float.

    Parameters
    ----------
    value : object
        A real number of Python, NumPy or the like; no bool.
    name : str
        What errors call it.
    low, high : float, default=-inf and inf
        Smallest and largest number.
    exclusive : bool, default=False
        Whether `low` itself is too low.

    Returns
    -------
    number : float

    Raises
    ------
    TypeError
        If `value` is no real number.
    ValueError
        If it is out of its range, or no float is near it.
    """
    limits = [f"{'>' if exclusive else '>='} {low}"] * math.isfinite(low)
    bounds = " and ".join([*limits, f"<= {high}" if math.isfinite(high) else "finite"])
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(_wrong_type(value, name, "float", bounds))
    number = as_float(value)
    above = low < number if exclusive else low <= number
    if not (above and number <= high and math.isfinite(number)):
        raise ValueError(f"{name} == {shown(value)}, must be {bounds}.")
    return number


def check_generator(random_state: Any) -> np.random.RandomState:
    """Return the generator that a `random_state` stands for.

    Raises
    ------
    ValueError
        If it is no integer that numpy takes for a seed, no generator and not None.
    """
    if isinstance(random_state, Integral):
        random_state = check_integer(int(random_state), "random_state", 0, 2**32 - 1)
    try:
        return check_random_state(random_state)
    except ValueError:
        raise ValueError(
            "random_state must be an integer, a numpy RandomState or None; got "
            f"{shown(random_state, repr)}."
        ) from None


def as_float(value: Any) -> float:
    """Return the float nearest to a number, infinite beyond the largest."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def off_device(values: Any) -> Any:
    """Return a tensor of torch as an array; anything else as it is."""
    if not (hasattr(values, "detach") and hasattr(values, "cpu")):
        return values
    values = values.detach().cpu()
    return (values.float() if "bfloat16" in str(values.dtype) else values).numpy()


def as_floats(values: ArrayLike, name: str) -> NDArray[np.float64]:
    """Return a float64 array, or say what is no number or has no float near it.

    Raises
    ------
    TypeError
        If a value is no number: a date, a complex number, another object.
    ValueError
        If entries are masked, a Python integer is beyond the range of float64, a text
        is no number, or the shape is none.
    """
    values = off_device(values)
    if np.ma.is_masked(values):
        raise ValueError(f"{name} has masked entries; leave them out, or fill them.")
    kind = getattr(getattr(values, "dtype", None), "kind", "")
    if kind in ("M", "m", "c"):
        raise TypeError(
            f"{name} must hold real numbers; got {np.asarray(values).dtype}."
        )
    try:
        return np.asarray(values, dtype=np.float64)
    except OverflowError:
        raise too_large(name) from None
    except (TypeError, ValueError) as error:
        reason = str(error).removesuffix(".")
        raise type(error)(f"{name} must hold real numbers: {reason}.") from None


def flat_column(values: ArrayLike, name: str) -> NDArray[np.float64]:
    """Return `as_floats`, those of a table of one column as its numbers."""
    floats = as_floats(values, name)
    return floats[:, 0] if floats.ndim == 2 and floats.shape[1] == 1 else floats


def as_probabilities(values: ArrayLike, name: str) -> NDArray[np.float64]:
    """Return a float64 array of numbers in [0, 1], or say which is none.

    Raises
    ------
    TypeError
        If a value is no number.
    ValueError
        If a number is not in [0, 1].
    """
    numbers = as_floats(values, name)
    valid = (numbers >= 0) & (numbers <= 1)
    if not valid.all():
        raise ValueError(f"{name} must lie between 0 and 1; got {numbers[~valid][0]}.")
    return numbers


def too_large(name: str, place: str = "") -> ValueError:
    """Return the error for integers that no float is near to."""
    return ValueError(
        f"{name} holds an integer that is beyond the range of float64{place}. Divide "
        "it by a constant, or leave it out."
    )


def _wrong_type(value: Any, name: str, kind: str, bounds: str) -> str:
    """Say what a parameter is and what it must be."""
    must = f", must be {bounds}" if bounds else ""
    return (
        f"{name} must be an instance of {kind}, not {type(value).__name__}: got "
        f"{shown(value, repr)}{must}."
    )


def shown(value: Any, write: Callable[[Any], str] = str) -> str:
    """Return the text of a value on one line, cut where long, escaped where odd."""
    value = str(value) if isinstance(value, str) else value  # no np.str_('a')
    try:
        text = " ".join(write(value).split())
    except ValueError:  # Python writes no integers of more than 4,300 digits
        return "a number of thousands of digits"
    text = printable(text)
    return text if len(text) <= 60 else f"{text[:30]}... ({len(text)} characters)"


def some_of(values: Sequence[Any]) -> str:
    """Return a list of values as text, cut where it is long.

    Examples
    --------
    >>> from sklearn_genre._checks import some_of
    >>> some_of(["a", "b"]), some_of(range(9))
    ("['a', 'b']", '[0, 1, 2, 3, 4, ...] (9 in all)')
    """
    texts = ", ".join(shown(value, repr) for value in values[:5])
    return (
        f"[{texts}]" if len(values) <= 5 else f"[{texts}, ...] ({len(values)} in all)"
    )


def printable(text: str) -> str:
    r"""Return a text with control characters escaped, but for line ends.

    Examples
    --------
    >>> from sklearn_genre._checks import printable
    >>> print(printable("a" + chr(27) + "[2J"))
    a\x1b[2J
    """
    return "".join(
        c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode()
        for c in text
    )


def tidy(text: str) -> str:
    """Return a message whose lines are short and have no control characters."""
    lines = printable(text).split("\n")
    if len(lines) > MAX_LINES:
        lines = [*lines[:MAX_LINES], "..."]
    return "\n".join(
        line if len(line) <= MAX_LINE else f"{line[:MAX_LINE]}..." for line in lines
    )
