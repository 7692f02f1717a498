"""Scores of some methods side by side, and how one moves from another."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import pandas as pd

from talent.tables import LARGER, Cell, by_seed, counted, seeds_error, sem


def crossed(
    frame: pd.DataFrame, cells: Mapping[str, Mapping[str, Cell]]
) -> pd.DataFrame:
    """Return means and their errors, rows x columns, each cell a score of a method.

    They are over the sets that every cell has; a cell that no set has is empty.
    """
    values = {
        (row, column): by_seed(frame, cell)
        for row, line in cells.items()
        for column, cell in line.items()
    }
    sets = common(table for table in values.values() if len(table))
    table: dict[str, dict[str, float]] = {row: {} for row in cells}
    for (row, column), found in values.items():
        if len(found):
            found = found.loc[sets]
            table[row][column] = float(found.mean().mean())
            table[row][f"{column}_se"] = seeds_error(found)
    lines = pd.DataFrame([*table.values()], index=[*table])
    return lines.rename_axis("method")


def common(parts: Iterable[pd.DataFrame]) -> list[str]:
    """Return the sets that all of some tables have."""
    indices = [set(table.index) for table in parts]
    return sorted(set.intersection(*indices)) if indices else []


class Difference(NamedTuple):
    """How a score moves from a reference to a method, on their common sets."""

    before: float
    after: float
    gain: float  # positive where it moves as it should
    gain_se: float  # over seeds
    sets_se: float  # the standard error over sets
    better: int
    tied: int
    worse: int
    gains: tuple[float, ...] = ()  # of each set
    references: tuple[float, ...] = ()  # the scores before, of each set


def difference(
    frame: pd.DataFrame, reference: Cell, method: Cell, rises: bool = False
) -> Difference | None:
    """Return how a score moves; None if no set has both with a common seed."""
    before, after = by_seed(frame, reference), by_seed(frame, method)
    seeds = before.columns.intersection(after.columns)
    if not (sets := common([before, after])) or seeds.empty:
        return None
    before, after = before.loc[sets, seeds], after.loc[sets, seeds]
    gain = (after - before) if rises else (before - after)
    on_sets = gain.mean(axis=1)
    return Difference(
        float(before.mean().mean()),
        float(after.mean().mean()),
        float(on_sets.mean()),
        seeds_error(gain),
        sem(on_sets),
        *counted(on_sets, before.mean(axis=1)),
        tuple(on_sets),
        tuple(before.mean(axis=1)),
    )


def differences(
    frame: pd.DataFrame, score: str, pairs: Iterable[tuple[str, str]]
) -> pd.DataFrame:
    """Return how methods differ from their references, which come first in a pair.

    A gain is positive where the method is better.
    """
    table = []
    for reference, method in pairs:
        cells = (reference, score), (method, score)
        found = difference(frame, *cells, rises=score in LARGER)
        if found is not None:
            names = {"method": method, "reference": reference}
            table.append({**names, **found._asdict()})
    columns = ["method", "reference", *Difference._fields]
    shown = pd.DataFrame(table, columns=columns).set_index("method")
    hidden = ["before", "sets_se", "gains", "references"]
    return shown.drop(columns=hidden).rename(columns={"after": score})
