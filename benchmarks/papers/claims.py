"""A claim of a paper, and the rule that compares it with the rows."""

from math import isfinite
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from talent.differences import Difference, difference
from talent.tables import LARGER, TIE

# Frames of rows by the names of the experiments.
Frames = dict[str, pd.DataFrame]
# From the first method to the second the score moves as said; it stays; it gets no
# worse.
Kind = Literal["moves", "stays", "no worse"]
# Part of the first score within which a score stays where it is.
MARGIN = 0.02
# One-sided p-values below which a test supports, or weakly supports.
STRONG, WEAK = 0.025, 0.1
N_LEAST = 4  # with fewer datasets no p-value of the test is below `WEAK`
SUPPORTED, WEAKLY = "supported", "weakly supported"
CONTRADICTED, WEAKLY_NOT = "contradicted", "weakly contradicted"
LEVEL, UNDECIDED = "no difference shown", "undecided"
UNTESTED = "too few datasets to test"
VERDICTS = [SUPPORTED, WEAKLY, LEVEL, UNDECIDED, WEAKLY_NOT, CONTRADICTED, UNTESTED]
RULE = (
    "A gain is how far the score moves in the claimed direction, from the first method "
    "to the second, mean over datasets and seeds; ± is the larger of its standard "
    "errors over seeds and over datasets. *For*, *level* and *against* count datasets; "
    f"level is within {TIE:.1%}. The verdict is that of one-sided Wilcoxon signed-rank "
    "tests over datasets, each of which counts once, by its mean over seeds, and not "
    f"at all where nothing moved. A claim that a score moves (→) is *{SUPPORTED}* if "
    f"p < {STRONG} for gains above zero, and *{WEAKLY}* if p < {WEAK}; it is "
    f"*{CONTRADICTED}* or *{WEAKLY_NOT}* if that holds for gains below zero; otherwise "
    f"there is *{LEVEL}*. A claim that a score stays (=) or gets no worse (≤) is "
    f"tested alike, against a change of {MARGIN:.0%} of the first score, and may be "
    f"*{UNDECIDED}*. p is that of the side which the verdict names, the smaller one "
    "if it names none. On four datasets no p is below 0.0625, so that a claim is "
    f"weakly supported at best; fewer are *{UNTESTED}*. p-values are not corrected for "
    "the number of claims: of claims without any truth, one in ten is weakly supported."
)
COLUMNS = [
    "claim",
    "paper",
    "here",
    "gain",
    "gain_se",
    "for",
    "level",
    "against",
    "p",
    "verdict",
]
SIGNS: dict[Kind, str] = {"moves": "→", "stays": "=", "no worse": "≤"}


class Claim(NamedTuple):
    """What a paper says, its figure, and which two scores answer here."""

    text: str
    paper: str
    experiment: str
    first: str
    second: str
    score: str = "rmse_mean"
    second_score: str | None = None  # None: the same
    kind: Kind = "moves"
    rises: bool | None = None  # None: to the better

    def here(self, frames: Frames) -> Difference | None:
        """Return how the score moves; None without rows of both methods."""
        if self.experiment not in frames:
            return None
        return difference(
            frames[self.experiment],
            (self.first, self.score),
            (self.second, self.second_score or self.score),
            self.score in LARGER if self.rises is None else self.rises,
        )


def error_of(found: Difference) -> float:
    """Return the larger standard error; infinite if there is but one fit."""
    errors = [e for e in (found.gain_se, found.sets_se) if isfinite(e)]
    return max(errors, default=float("inf"))


def p_above(values: np.ndarray) -> float:
    """Return the p-value of the signed-rank test that values lie above zero."""
    values = values[values != 0]
    return (
        float(stats.wilcoxon(values, alternative="greater").pvalue)
        if len(values)
        else 1.0
    )


def p_values(kind: Kind, found: Difference) -> tuple[float, float]:
    """Return p for a claim, and p against it."""
    gains = np.asarray(found.gains)
    if kind == "moves":
        return p_above(gains), p_above(-gains)
    margin = MARGIN * np.abs(found.references)
    no_worse, worse = p_above(gains + margin), p_above(-gains - margin)
    if kind == "no worse":
        return no_worse, worse
    return max(no_worse, p_above(margin - gains)), min(worse, p_above(gains - margin))


def verdict(kind: Kind, found: Difference) -> tuple[str, float]:
    """Return what `RULE` says, and its p-value."""
    if len(found.gains) < N_LEAST:
        return UNTESTED, float("nan")
    p_for, p_against = p_values(kind, found)
    words = {SUPPORTED: (p_for, STRONG), CONTRADICTED: (p_against, STRONG)}
    words |= {WEAKLY: (p_for, WEAK), WEAKLY_NOT: (p_against, WEAK)}
    for word, (p, limit) in words.items():
        if p < limit:
            return word, p
    return LEVEL if kind == "moves" else UNDECIDED, min(p_for, p_against)


def judged(claims: list[Claim], frames: Frames) -> pd.DataFrame:
    """Return the table of claims, those without rows too."""
    table = [line(claim, claim.here(frames)) for claim in claims]
    return pd.DataFrame(table, columns=COLUMNS).set_index("claim")


def line(claim: Claim, found: Difference | None) -> dict[str, object]:
    """Return the line of a claim in the table."""
    said = {"claim": claim.text, "paper": claim.paper}
    if found is None:
        return {**said, "verdict": "no rows"}
    word, p = verdict(claim.kind, found)
    return {
        **said,
        "here": f"{found.before:.4g} {SIGNS[claim.kind]} {found.after:.4g}",
        "gain": found.gain,
        "gain_se": error_of(found),
        "for": found.better,
        "level": found.tied,
        "against": found.worse,
        "p": p,
        "verdict": word,
    }


def summary(judgements: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return how many claims of each paper have each verdict."""
    counts = {
        paper: table["verdict"].value_counts() for paper, table in judgements.items()
    }
    names = [name for name in VERDICTS if any(name in own for own in counts.values())]
    table = pd.DataFrame(counts).T.reindex(columns=names).fillna(0).astype(int)
    return table.rename_axis("paper")
