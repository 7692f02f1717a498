"""The report of a run: one page of HTML that needs no network."""

import base64
import re
from collections.abc import Sequence
from html import escape
from typing import Any

import pandas as pd

from sklearn_genre.cli._comparison import SCORES, format_score
from sklearn_genre.cli._importance import Importance
from sklearn_genre.cli._picture import (
    INSTALL,
    Picture,
    draw_calibration,
    draw_fans,
    draw_held_out,
    draw_importance,
)
from sklearn_genre.cli._run import Run
from sklearn_genre.preprocessing._columns import escaped

# Columns that the page lists, at most, and bars of their importance.
MOST_COLUMNS, MOST_BARS = 200, 20

# Where a name such as GradientBoosting may break.
CAPITAL = re.compile("(?<=[a-z])(?=[A-Z])")

STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1b1b1b; background: #fff;
  max-width: 70rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; }
h2 { font-size: 1.2rem; margin-top: 2.5rem; border-bottom: 1px solid #ccc; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; }
th, td { padding: .3rem .5rem; border-bottom: 1px solid #ddd; text-align: left;
  vertical-align: top; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
.wide:focus-visible { outline: 2px solid #0058a3; }
.wide table { overflow-wrap: normal; }
.wide td:first-child { overflow-wrap: anywhere; min-width: 5rem; }
.wide td:last-child:not(.number) { overflow-wrap: anywhere; min-width: 9rem; }
.pictures { display: grid; gap: 1.5rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); }
figure { margin: 0; }
img { display: block; max-width: 100%; height: auto; margin: 0 auto; }
figcaption { font-size: .875rem; color: #444; }
ul { padding-left: 1.2rem; }
"""


def report_page(run: Run, importance: Importance | None, *, pictured: bool) -> str:
    """Return the page.

    Parameters
    ----------
    run : Run
    importance : Importance or None
    pictured : bool
        Whether pictures can be drawn.
    """
    pictures: list[Picture] = []
    bars = None
    if pictured:
        pictures += draw_held_out(run.test, run.dist)
        pictures += draw_calibration(run.test, run.dist)
        if importance is not None:
            known = [name for name in importance.names if name in run.test.X.columns]
            pictures += draw_fans(run.model[-1], run.test, known)
            names, mean, std = importance
            bars = draw_importance(names[:MOST_BARS], mean[:MOST_BARS], std[:MOST_BARS])
    parts = [
        f"<h1>{_text(run.summary)}</h1>",
        _scores(run.scores),
        _read(run.columns, run.notes),
        _pictures(pictures),
        _importance(importance, bars),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_text(run.summary)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{''.join(parts)}</main>\n</body>\n</html>\n"
    )


def _scores(scores: dict[str, list[float | None]]) -> str:
    """Return the scores, a column for each method."""
    scores = dict(reversed(scores.items()))  # ours first, where a phone shows it
    rows = [
        [score, *(format_score(values[i]) for values in scores.values())]
        for i, score in enumerate(SCORES)
    ]
    return (
        "<h2>Scores on held-out rows</h2>\n"
        + _table(["", *scores], rows, numbers=range(1, len(scores) + 1))
        + "<p>Smaller is better for RMSE, CRPS and width, larger for R2 and Spearman; "
        "coverage should be 90%. Methods without coverage predict a point: their CRPS "
        "is the mean absolute error.</p>\n"
    )


def _read(columns: pd.DataFrame, notes: Sequence[str]) -> str:
    """Return what was read."""
    listed = "".join(f"<li>{_text(note)}</li>" for note in notes)
    rest = len(columns) - MOST_COLUMNS
    rows = columns.head(MOST_COLUMNS).to_numpy().tolist()
    more = f"<p>… and {rest} more in columns.csv.</p>\n" if rest > 0 else ""
    return (
        "<h2>What was read</h2>\n"
        + (f"<ul>{listed}</ul>\n" if listed else "")
        + _table([*columns.columns], rows, numbers=(2, 3))
        + more
    )


def _pictures(pictures: Sequence[Picture]) -> str:
    """Return the pictures, side by side where there is room."""
    if not pictures:
        return f"<h2>Pictures</h2>\n<p>None: {_text(INSTALL)}.</p>\n"
    figures = "".join(_figure(picture) for picture in pictures)
    return f'<h2>Predictions</h2>\n<div class="pictures">{figures}</div>\n'


def _figure(picture: Picture) -> str:
    """Return one picture with its caption."""
    data = base64.b64encode(picture.svg).decode()
    return (
        "<figure>"
        f'<img alt="{_text(picture.alt)}" src="data:image/svg+xml;base64,{data}">'
        f"<figcaption>{_text(picture.title)}</figcaption></figure>\n"
    )


def _importance(importance: Importance | None, bars: Picture | None) -> str:
    """Return the importance of columns."""
    title = "<h2>Importance of columns</h2>\n"
    if importance is None:
        return title + "<p>Not computed: too many columns.</p>\n"
    rows = [
        [name, f"{mean:.4g}", f"{std:.2g}"]
        for name, mean, std in zip(*importance, strict=True)
    ]
    return (
        title
        + "<p>What the CRPS of held-out rows loses when a column is shuffled; near "
        "zero or below: the model does without it.</p>\n"
        + (_figure(bars) if bars else "")
        + _table(["column", "CRPS lost", "deviation"], rows, numbers=(1, 2))
    )


def _table(
    header: Sequence[Any], rows: Sequence[Sequence[Any]], numbers: Sequence[int]
) -> str:
    """Return a table that scrolls on its own where it is too wide."""

    def line(tag: str, cells: Sequence[Any]) -> str:
        parts = []
        for j, cell in enumerate(cells):
            style = " class=number" if j in numbers else ""
            parts.append(f"<{tag}{style}>{_text(cell)}</{tag}>")
        return f"<tr>{''.join(parts)}</tr>\n"

    head = CAPITAL.sub("<wbr>", line("th", header)).replace("<th", "<th scope=col")
    body = "".join(line("td", row) for row in rows)
    return (
        '<div class="wide" tabindex="0"><table>\n'
        f"<thead>{head}</thead>\n<tbody>{body}</tbody>\n</table></div>\n"
    )


def _text(value: Any) -> str:
    """Return a value as text of a page, without control characters."""
    return escape(escaped(str(value)))
