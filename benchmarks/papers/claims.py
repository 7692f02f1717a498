"""A claim of a paper, and the rule that compares it with the rows."""

from math import isfinite
from typing import Literal, NamedTuple

import pandas as pd
from talent.differences import Difference, difference
from talent.tables import LARGER, TIE

# Frames of rows by the names of the experiments.
Frames = dict[str, pd.DataFrame]
# From the first method to the second the score moves as said; it stays; it gets no
# worse.
Kind = Literal["moves", "stays", "no worse"]
# Part of the first score within which a score stays where it is.
MARGIN = 0.02
CONFIRMED, REFUTED = "confirmed", "not confirmed"
LEVEL = "no difference beyond the standard error"
RULE = (
    "A gain is how far the score moves in the claimed direction, from the first method "
    "to the second, mean over sets and seeds; ± is the larger of its standard errors "
    "over seeds and over sets. *For*, *level* and *against* count sets; level is "
    f"within {TIE:.1%}. A claim that a score moves (→) shows *{LEVEL}* if the gain is "
    f"within its error either way, is *{CONFIRMED}* if it is positive and more sets "
    f"are for it than against, and *{REFUTED}* otherwise. A claim that a score stays "
    f"(=) or gets no worse (≤) is *{CONFIRMED}* if the score moves, or gets worse, by "
    f"at most {MARGIN:.0%} of the first one; if by more, the error decides between the "
    "other two."
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


def verdict(kind: Kind, found: Difference) -> str:
    """Return what `RULE` says."""
    level = abs(found.gain) <= error_of(found)
    if kind == "moves":
        if level:
            return LEVEL
        return CONFIRMED if found.gain > 0 and found.better > found.worse else REFUTED
    moved = abs(found.gain) if kind == "stays" else -found.gain
    if moved <= MARGIN * abs(found.before):
        return CONFIRMED
    return LEVEL if level else REFUTED


def judged(claims: list[Claim], frames: Frames) -> pd.DataFrame:
    """Return the table of claims, those without rows too."""
    table = [line(claim, claim.here(frames)) for claim in claims]
    return pd.DataFrame(table, columns=COLUMNS).set_index("claim")


def line(claim: Claim, found: Difference | None) -> dict[str, object]:
    """Return the line of a claim in the table."""
    said = {"claim": claim.text, "paper": claim.paper}
    if found is None:
        return {**said, "verdict": "no rows"}
    return {
        **said,
        "here": f"{found.before:.4g} {SIGNS[claim.kind]} {found.after:.4g}",
        "gain": found.gain,
        "gain_se": error_of(found),
        "for": found.better,
        "level": found.tied,
        "against": found.worse,
        "verdict": verdict(claim.kind, found),
    }
