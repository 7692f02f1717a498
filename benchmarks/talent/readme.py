"""The table of the README: our default beside each peer, from kept rows.

It reads the rows of ``run.py --suite called``; those of ``--suite accuracy`` too, with
``--method default``.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pandas as pd

from talent import tables
from talent.ablation import CHOSEN_ON
from talent.datasets import LEFT_OUT
from talent.ratios import beside, ratio

ROWS = Path(__file__).parents[1] / "results" / "talent" / "called.jsonl"
PEERS = {
    "catboost": "CatBoost",
    "lightgbm": "LightGBM",
    "realmlp": "RealMLP",
    "catboost_quantiles": "CatBoost, 99 quantiles",
    "ngboost": "NGBoost",
    "quantile_forest": "quantile forest",
}
# Scores of which we give the ratio of ours to a peer's.
RATIOS = {
    "rmse_mean": "RMSE",
    "crps": "CRPS",
    "fit_s": "fit seconds",
    "predict_s": "predict seconds",
}
COVERAGE = "90 % intervals cover"
NONE = "no distribution"
ABOUT = (
    "Ours over theirs, on the test parts of the sets that both have: geometric mean "
    "(median), on how many sets ours is lower. Coverage: mean, first to last decile."
)


def compared(frame: pd.DataFrame, ours: str) -> pd.DataFrame:
    """Return a line for each peer that has rows, ours first."""
    suffix = "_alone" if ours == "alone" else ""
    peers = [f"{name}{suffix}" for name in PEERS]
    known = [name for name in peers if (frame["method"] == name).any()]
    own = "`DecodingRegressor()`" if ours == "alone" else ours
    lines = [{"over": own, COVERAGE: covered(frame, ours)}]
    lines += [line(frame, ours, peer) for peer in known]
    columns = ["over", *RATIOS.values(), COVERAGE]
    return pd.DataFrame(lines).reindex(columns=columns).set_index("over")


def line(frame: pd.DataFrame, ours: str, peer: str) -> dict[str, str]:
    """Return the ratios of ours to a peer, and its coverage."""
    said = {
        column: against(beside(frame, score, (peer, ours)))
        for score, column in RATIOS.items()
        if score in frame
    }
    name = PEERS[peer.removesuffix("_alone")]
    return {"over": name, **said, COVERAGE: covered(frame, peer)}


def against(pairs: pd.DataFrame) -> str:
    """Return mean, median and wins of the second column over the first."""
    if pairs.empty:
        return NONE
    ratios = pairs["second"] / pairs["first"]
    wins = int((ratios < 1.0).sum())
    mean, median = (figure(x) for x in (ratio(ratios).value, ratios.median()))
    return f"{mean} ({median}), {wins} of {len(ratios)}"


def figure(value: float) -> str:
    """Return a ratio with two or three digits."""
    digits = 2 if value < 2 else 1 if value < 10 else 0
    return f"{value:.{digits}f}"


def covered(frame: pd.DataFrame, method: str) -> str:
    """Return the mean of the coverage over sets, and its outer deciles."""
    rows = tables.succeeded(frame)
    rows = rows[(rows["method"] == method) & (rows["seed"] == rows["seed"].min())]
    values = rows["coverage_90"].dropna()
    if values.empty:
        return NONE
    low, high = values.quantile([0.1, 0.9])
    return f"{values.mean():.0%}, {low:.0%} to {high:.0%}"


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    options = argparse.ArgumentParser(description=__doc__)
    add = options.add_argument
    add("rows", type=Path, nargs="*", default=[ROWS], help="files of run.py")
    add("--method", default="alone", metavar="NAME", help="which of ours")
    return options


def main() -> None:
    """Run the command line."""
    options = parser()
    args = options.parse_args()
    try:
        frame = tables.load(args.rows)
    except ValueError as error:
        options.error(str(error))
    frame = frame[~frame["data"].isin(LEFT_OUT)]
    chosen = frame["data"].isin(CHOSEN_ON)
    parts = {"All sets": frame, "Sets that no choice was made on": frame[~chosen]}
    print(ABOUT)
    for title, part in parts.items():
        table = tables.markdown(compared(part, args.method))
        print(f"\n## {title}: {part['data'].nunique()}\n\n{table}")


if __name__ == "__main__":
    main()
