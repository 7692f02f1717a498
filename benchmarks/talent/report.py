"""Tables and figures of the rows of run.py."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pandas as pd

from talent import tables


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    options = argparse.ArgumentParser(description=__doc__)
    add = options.add_argument
    add("rows", type=Path, nargs="+", help="files that run.py has written")
    add("--score", default="rmse_mean", choices=tables.SCORES)
    add("--reference", help="method to compare with; by default base, or the first")
    add("--methods", nargs="+", metavar="NAME", help="leave out all others")
    add("--sets", nargs="+", metavar="NAME", help="leave out all others")
    add("--published", type=Path, metavar="FILE", help="RMSE of published methods")
    add("--out", type=Path, metavar="DIR", help="write report.md, CSV files, figures")
    return options


def chosen(frame: pd.DataFrame, args: argparse.Namespace) -> pd.DataFrame:
    """Return the rows of the chosen methods and sets."""
    for column, names in {"method": args.methods, "data": args.sets}.items():
        if names:
            frame = frame[frame[column].isin(names)]
    if frame.empty:
        raise ValueError("No row is of the chosen methods and sets.")
    return frame


def report(
    frame: pd.DataFrame, score: str, reference: str, published: Path | None
) -> dict[str, pd.DataFrame]:
    """Return the tables by their titles."""
    means = tables.per_set(frame, score)
    found = {
        "Overview": tables.overview(
            frame, [score, *(name for name in tables.SCORES if name != score)]
        ),
    }
    if len(means):
        found[f"Against {reference} by {score}"] = tables.against(
            frame, score, reference
        )
        found[f"Each set by {score}"] = means
    for name, table in tables.curves(frame).items():
        found[f"RMSE of the {name}"] = table
    if published is not None:
        found["Among published methods"] = tables.published_ranking(frame, published)
    failed = tables.failures(frame)
    if len(failed):
        found["Failures"] = failed
    return found


def text(found: dict[str, pd.DataFrame], frame: pd.DataFrame) -> str:
    """Return the report in Markdown."""
    parts = [f"## {title}\n\n{tables.markdown(found[title])}" for title in found]
    return "\n\n".join([tables.about(frame), *parts]) + "\n"


def draw(frame: pd.DataFrame, score: str, reference: str, folder: Path) -> None:
    """Write the figures that the rows have, and say which they do not."""
    try:
        from talent.figures import FIGURES, save
    except ImportError as error:
        print(f"No figures: {error}")
        return
    for name, figure in FIGURES.items():
        try:
            drawn = figure(frame, score, reference)
        except ValueError as error:
            print(f"No figure {name}: {error}")
            continue
        save(drawn, folder / f"{name}.svg")


def main() -> None:
    """Run the command line."""
    options = parser()
    args = options.parse_args()
    try:
        frame = chosen(tables.load(args.rows), args)
        names = frame["method"].unique()
        reference = args.reference or ("base" if "base" in names else names[0])
        found = report(frame, args.score, reference, args.published)
    except ValueError as error:
        options.error(str(error))
    print(text(found, frame))
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
        (args.out / "report.md").write_text(text(found, frame), encoding="utf-8")
        for title, table in found.items():
            name = title.split(" by ")[0].replace(" ", "_").lower()
            table.to_csv(args.out / f"{name}.csv")
        draw(frame, args.score, reference, args.out)


if __name__ == "__main__":
    main()
