"""What policy gradients do to the default: rewards, errors of the mode and the mean.

It reads the rows of ``run.py --suite policies``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import pandas as pd

from talent import tables

BASE = "default_base"
ABOUT = (
    "Of each method, the jobs whose dataset and seed `{base}` has too. *Reward rose* "
    "counts datasets on which the expected reward on the validation set, mean over "
    "seeds, is higher than before fine-tuning, at the selected and at the last epoch. "
    "A ratio is the RMSE over that of `{base}` on the same dataset and seed: its "
    "geometric mean, its median, and the jobs in which it is below 1. *mode* and "
    "*mean* are of the part that the rows score, *val* of the validation set; *val "
    "mean, last* is the last epoch over that before fine-tuning."
)


def ratio_columns(name: str, ratios: pd.Series) -> dict[str, object]:
    """Return the geometric mean, the median and the wins of some ratios."""
    return {
        name: float(np.exp(np.log(ratios).mean())),
        f"{name}, median": float(ratios.median()),
        f"{name}, wins": f"{int((ratios < 1).sum())} of {len(ratios)}",
    }


def rises(facts: pd.DataFrame, moment: str) -> str:
    """Return on how many datasets the reward at a moment is above that before."""
    before, after = (
        facts["reward"].map(lambda reward, when=when: reward[when])
        for when in ("before", moment)
    )
    gains = (after - before).groupby(level="data").mean()
    return f"{int((gains > 0).sum())} of {len(gains)}"


def line(own: pd.DataFrame, base: pd.DataFrame) -> dict[str, object]:
    """Return the line of a method, of jobs by dataset and seed."""
    jobs = own.index.intersection(base.index)
    own, base = own.loc[jobs], base.loc[jobs]
    facts, of_base = (
        pd.DataFrame(rows["policy"].tolist(), index=jobs) for rows in (own, base)
    )
    shown: dict[str, object] = {
        "datasets": len(jobs.unique("data")),
        "jobs": len(jobs),
        "reward rose, selected": rises(facts, "selected"),
        "reward rose, last": rises(facts, "last"),
    }
    for point in ("mode", "mean"):
        score = f"rmse_{point}"
        shown |= ratio_columns(point, own[score] / base[score])
        shown |= ratio_columns(f"val {point}", facts[score] / of_base[score])
    last = facts["rmse"].map(lambda errors: errors["last"] / errors["before"])
    return {**shown, **ratio_columns("val mean, last", last)}


def compared(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a line for each method that has been fine-tuned."""
    rows = tables.succeeded(frame)
    if "policy" in rows:
        rows = rows.dropna(subset=["policy"])
    by_method = {
        str(method): own.set_index(["data", "seed"])
        for method, own in rows.groupby("method", sort=False)
        if "policy" in own
    }
    base = by_method.pop(BASE, None)
    if base is None:
        raise ValueError(f"The rows have none of {BASE}: run.py --suite policies.")
    lines = {
        method: line(own, base)
        for method, own in by_method.items()
        if len(own.index.intersection(base.index))
    }
    return pd.DataFrame.from_dict(lines, orient="index").rename_axis("method")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument(
        "rows", type=Path, nargs="+", metavar="FILE", help="that run.py has written"
    )
    return options


def main() -> None:
    """Run the command line."""
    options = parser()
    args = options.parse_args()
    try:
        frame = tables.load(args.rows)
        # methods as columns: there are more figures than methods
        table = compared(frame).T.rename_axis("figure")
    except ValueError as error:
        options.error(str(error))
    print(f"{tables.counts(frame)}. {ABOUT.format(base=BASE)}\n")
    print(tables.markdown(table))


if __name__ == "__main__":
    main()
