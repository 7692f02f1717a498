"""Fits and predictions on data frames of pandas, polars and Arrow."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

from random_calls.call import Call, Given, Trust, edge, nothing, one_of
from random_calls.checks import check_numbers
from random_calls.fits import check_distribution
from random_calls.models import digits, points

Rng = np.random.Generator
N_ROWS = 40
N_RECIPES = 24
LEVELS = ["red", "green", "blue", "  ", "ü", "1", "True", "nan?"]

Column = Callable[[Rng, int], Any]


# -- columns ---------------------------------------------------------------------


def gaps(rng: Rng, column: pd.Series, missing: Any = None) -> pd.Series:
    """Return a column in which some values are missing."""
    holes = rng.random(len(column)) < one_of(rng, [0.0, 0.0, 0.2])
    return column.mask(holes, missing) if missing is not None else column.mask(holes)


def number(rng: Rng, n: int, dtype: str) -> pd.Series:
    """Return numbers of a type."""
    column = pd.Series(rng.normal(0, 20, n).round(int(rng.integers(0, 4))))
    if dtype.lower().startswith(("i", "u")):
        column = column.abs().round() % 100
    column = column.astype(dtype)
    return gaps(rng, column) if dtype[0].isupper() or dtype[0] == "f" else column


def truth(rng: Rng, n: int, dtype: str) -> pd.Series:
    """Return truth values of a type."""
    column = pd.Series(rng.random(n) < 0.5).astype(dtype)
    return gaps(rng, column) if dtype == "boolean" else column


def text(rng: Rng, n: int, dtype: str, levels: list[Any] | None = None) -> pd.Series:
    """Return levels of a category."""
    drawn = rng.choice(np.array(levels or LEVELS[:4], dtype=object), n)
    return gaps(rng, pd.Series(drawn, dtype=object)).astype(dtype)


def date(rng: Rng, n: int, kind: str) -> pd.Series:
    """Return dates, durations or periods."""
    days = pd.to_timedelta(rng.integers(0, 900, n), unit="D")
    column = pd.Series(pd.Timestamp("2020-01-01") + days)
    if kind == "timedelta":
        return gaps(rng, pd.Series(days))
    if kind == "period":
        return column.dt.to_period("M")
    if kind == "zone":
        return gaps(rng, column.dt.tz_localize("UTC"))
    return gaps(rng, column.astype(f"datetime64[{kind}]"))


# Columns that a table may have: numbers, truth values and categories.
PLAIN: dict[str, Column] = {
    **{
        dtype: partial(number, dtype=dtype)
        for dtype in ("float64", "float32", "int64", "uint8", "Int64", "Float64")
    },
    **{dtype: partial(truth, dtype=dtype) for dtype in ("bool", "boolean")},
    **{dtype: partial(text, dtype=dtype) for dtype in ("category", "str", "string")},
    "object": partial(text, dtype="object"),
    "constant": lambda rng, n: pd.Series(np.full(n, 3.0)),
    "empty": lambda rng, n: pd.Series(np.full(n, np.nan)),
    "integer category": partial(text, dtype="category", levels=[1, 2, 3]),
}
# Columns that are encoded or refused by name.
ODD: dict[str, Column] = {
    **{
        kind: partial(date, kind=kind)
        for kind in ("s", "ns", "us", "zone", "timedelta", "period")
    },
    "mixed": partial(text, dtype="object", levels=["a", 1, 2.5, True]),
    "objects": partial(text, dtype="object", levels=[1, 2.5, None, pd.NA]),
    "lists": lambda rng, n: pd.Series([[1.0, 2.0]] * n),
    "complex": lambda rng, n: pd.Series(rng.normal(size=n) + 1j),
    "infinite": lambda rng, n: pd.Series(np.append(np.zeros(n - 1), np.inf)),
    "bytes": partial(text, dtype="object", levels=[b"a", b"b"]),
    "interval": lambda rng, n: pd.Series(pd.cut(rng.normal(size=n), 3).astype(object)),
    "free text": lambda rng, n: pd.Series([f"{i} some words {i}" for i in range(n)]),
}
NAMES = ["size", "a b", "ü", "x\x1b[2J", "line\nbreak", "n" * 500, " ", "sum(x)", "1"]


def frame(rng: Rng, kinds: list[str], names: list[str], n: int) -> pd.DataFrame:
    """Return a data frame of such columns."""
    makers = {**PLAIN, **ODD}
    columns = [makers[kind](rng, n) for kind in kinds]
    table = pd.concat(columns, axis=1)
    table.columns = names
    return table


def converted(rng: Rng, table: pd.DataFrame, library: str) -> Any:
    """Return a table of a library; pandas where that cannot hold it."""
    try:
        if library == "polars":
            return pl.from_pandas(table)
        if library == "pyarrow":
            return pa.Table.from_pandas(table, preserve_index=False)
    except (ValueError, TypeError, pa.ArrowException, pl.exceptions.PolarsError):
        return table
    if rng.random() < 0.2:
        table.index = rng.integers(0, 3, len(table))
    return table


# -- fits and predictions --------------------------------------------------------


def recipe(rng: Rng) -> tuple[list[str], list[str], str]:
    """Return kinds and names of columns, and a library."""
    width = int(rng.integers(1, 5))
    kinds = [one_of(rng, PLAIN) for _ in range(width)]
    names = rng.choice(NAMES, width, replace=False).tolist()
    return kinds, names, one_of(rng, ["pandas", "pandas", "polars", "pyarrow"])


@cache
def fitted(number: int) -> tuple[Any, tuple[list[str], list[str], str]]:
    """Return an estimator fitted on a table, and the recipe of the table."""
    rng = np.random.default_rng([7, number])
    made = recipe(rng)
    kinds, names, library = made
    X = converted(rng, frame(rng, kinds, names, N_ROWS), library)
    return one_of(rng, [digits, points])().fit(X, rng.normal(size=N_ROWS)), made


def fit(rng: Rng) -> Call:
    """Return a fit on a table, perhaps with a column that is none."""
    kinds, names, library = recipe(rng)
    trust, suspects = Trust.FINE, ()
    if rng.random() < 0.4:
        place = int(rng.integers(len(kinds)))
        kinds[place] = one_of(rng, ODD)
        trust, suspects = Trust.EDGE, (shown(names[place]),)
    X = converted(rng, frame(rng, kinds, names, N_ROWS), library)
    arguments = {"X": Given(X, trust, suspects), "y": Given(rng.normal(size=N_ROWS))}
    if rng.random() < 0.15:
        arguments["categorical_features"] = columns(rng, names)
    return Call("fit", fit_and_predict, arguments, check_distribution)


def fit_and_predict(X: Any, y: Any, **options: Any) -> Any:
    """Return the distributions of the training samples."""
    return digits(**options).fit(X, y).predict_distribution(X)


def columns(rng: Rng, names: list[str]) -> Given:
    """Return which columns are categories, perhaps of no use."""
    n = len(names)
    fine = [[], names[:1], [0], np.arange(n) < 1, None]
    bad = [["no such"], [n], [-1], np.ones(n + 1, bool), "size", [0.5], [None], {}]
    if rng.random() < 0.5:
        return edge(one_of(rng, fine), *map(shown, names))
    return edge(one_of(rng, bad))


def shown(name: str) -> str:
    """Return the start of a name up to what a message must not hold."""
    return "".join(letter for letter in name[:20] if letter.isprintable())


def predict(rng: Rng) -> Call:
    """Return a prediction for a table like that of the fit, or for another."""
    estimator, (kinds, names, library) = fitted(int(rng.integers(N_RECIPES)))
    n = int(rng.choice([1, 2, 9]))
    kinds, names, trust = list(kinds), list(names), Trust.FINE
    place = int(rng.integers(len(kinds)))
    chance = rng.random()
    suspects: tuple[str, ...] = (shown(names[place]),)
    if chance < 0.2:
        kinds[place], trust = one_of(rng, {**PLAIN, **ODD}), Trust.EDGE
    elif chance < 0.25:
        names[place], trust = "other", Trust.WRONG
        suspects = ("feature names", *suspects)
    elif chance < 0.3:
        kinds, names, trust = [*kinds, "float64"], [*names, "new"], Trust.WRONG
        suspects = ("features", "new")
    elif chance < 0.35 and len(kinds) > 1:
        del kinds[place], names[place]
        trust, suspects = Trust.WRONG, ("features", *suspects)
    table = frame(rng, kinds, names, n)
    X = converted(rng, table, library)
    if 0.35 < chance < 0.4 and library == "pandas":
        X.columns = ["twice"] * len(names)
        trust, suspects = Trust.WRONG, ("name", "twice")
    elif 0.4 < chance < 0.45:
        others = [table.to_dict("list"), table.to_numpy(dtype=object), None]
        others += [pl.LazyFrame({"a": [1]}), table.iloc[:0], "x", table.iloc[:, 0]]
        X, trust, suspects = one_of(rng, others), Trust.EDGE, ("sample", "row")
    elif 0.45 < chance < 0.5:
        X = converted(rng, table, one_of(rng, ["pandas", "polars", "pyarrow"]))
    method = one_of(rng, ["predict", "predict_distribution"])
    check: Callable[[Any], None] = check_distribution
    if method == "predict":
        check = partial(check_numbers, shape=(n,), infinite=False)
    if trust is not Trust.FINE:
        check = nothing
    arguments = {"X": Given(X, trust, suspects)}
    return Call(
        f"fitted on {kinds}: {method}", getattr(estimator, method), arguments, check
    )


def draw(rng: Rng) -> Call:
    """Return a random call with a table."""
    return fit(rng) if rng.random() < 0.2 else predict(rng)
