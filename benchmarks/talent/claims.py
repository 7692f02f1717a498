"""The papers' claims as data, and the rule that compares each with the rows."""

from math import isfinite
from typing import Literal, NamedTuple

import pandas as pd

from talent.differences import Difference, difference
from talent.methods import FORMATS
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


HEAD = "special_token_pretrained"
GENRE = [
    Claim("ReMax lowers the RMSE of Base", "0.548 → 0.519", "main", "base", "remax"),
    Claim("GRPO lowers the RMSE of Base", "improves", "main", "base", "grpo"),
    Claim(
        "ReMax raises the rank correlation of Base",
        "0.77 → 0.78",
        "main",
        "base",
        "remax",
        "spearman",
    ),
    Claim(
        "Base is competitive with Riemann: its RMSE is no larger",
        "competitive",
        "main",
        "riemann",
        "base",
        kind="no worse",
    ),
    *(
        Claim(
            f"Token losses do not replace RL: ReMax has a lower RMSE than {name}",
            "lower",
            "main",
            method,
            "remax",
        )
        for method, name in {
            "ntl_was": "NTL-WAS",
            "ntl_mse": "NTL-MSE",
            "dist": "DIST",
        }.items()
    ),
    Claim(
        "RL sharpens: ReMax lowers the entropy of the digits",
        "falls",
        "main",
        "base",
        "remax",
        "digit_entropy",
    ),
    Claim(
        "RL sharpens: the RMSE of one draw falls (best@1)",
        "falls",
        "main",
        "base",
        "remax",
        "best_at_1",
    ),
    Claim(
        "RL sharpens: the RMSE of the mean of 32 draws falls (mean@32)",
        "falls",
        "main",
        "base",
        "remax",
        "mean_at_32",
    ),
    Claim(
        "RL explores less: the RMSE of the best of 128 draws rises (best@128)",
        "rises",
        "main",
        "base",
        "remax",
        "best_at_128",
        rises=True,
    ),
    Claim(
        "W1 from the distribution to the target falls under ReMax",
        "falls",
        "main",
        "base",
        "remax",
        "w1",
    ),
    *(
        Claim(
            f"The same in training, last epoch against the state before: {text}",
            "rises" if rises else "falls",
            "curves",
            "remax_curves",
            "remax_curves",
            f"before_{score}",
            f"after_{score}",
            rises=rises,
        )
        for text, score, rises in (
            ("entropy", "digit_entropy", False),
            ("best@1", "best_at_1", False),
            ("best@128", "best_at_128", True),
            ("W1", "wasserstein1", False),
        )
    ),
    *(
        Claim(
            f"ReMax raises the R2 of Base with {length} digits to base {base}",
            "best of all at every base",
            "bases",
            f"base_{base}x{length}",
            f"remax_{base}x{length}",
            "r2",
        )
        for base, length in FORMATS
    ),
    Claim(
        "ReMax is robust over bases: R2 at base 10 as at base 2",
        "robust",
        "bases",
        "remax_2x8",
        "remax_10x3",
        "r2",
        kind="stays",
    ),
    Claim(
        "GRPO falls towards base 10: R2 at base 10 below that at base 2",
        "falls",
        "bases",
        "grpo_2x8",
        "grpo_10x3",
        "r2",
        rises=False,
    ),
    Claim(
        "GRPO at base 10 is repaired by unscaled rewards: R2",
        "repaired",
        "bases",
        "grpo_10x3",
        "grpo_unscaled_10x3",
        "r2",
    ),
    *(
        Claim(
            f"ReMax lowers the rate of outliers of {name}",
            "falls, not to zero",
            "tokenizers",
            f"base_{written}",
            f"remax_{written}",
            "outlier_rate",
        )
        for written, name in {"ieee": "IEEE", "p10": "P10"}.items()
    ),
]
RAFT = [
    Claim(
        "Without training, RAIL is better than decoding",
        "1.10 → 1.05 (STSB 2B)",
        "raft",
        "untrained",
        "untrained",
        "rmse_greedy",
        "rmse_mean_of_32",
    ),
    Claim(
        "Cross-entropy and decoding is better than RAIL without training",
        "0.88 → 0.70 (Wireless 2B)",
        "raft",
        "untrained",
        "base",
        "rmse_mean_of_32",
        "rmse_greedy",
    ),
    Claim(
        "After cross-entropy, RAIL is better than decoding",
        "0.70 → 0.67 (Wireless 2B)",
        "raft",
        "base",
        "base",
        "rmse_greedy",
        "rmse_mean_of_32",
    ),
    Claim(
        "The predictive head is better than cross-entropy and RAIL",
        "0.67 → 0.51 (Wireless 2B)",
        "raft",
        "base",
        HEAD,
        "rmse_mean_of_32",
        "rmse_mean",
    ),
    Claim(
        "RAFT is better than the predictive head",
        "0.51 → 0.47 (Wireless 2B)",
        "raft",
        HEAD,
        "raft",
    ),
    Claim(
        "RAIL by 32 samples is near exact RAIL",
        "taken for it",
        "raft",
        "base",
        "base",
        "rmse_mean",
        "rmse_mean_of_32",
        kind="stays",
    ),
    Claim(
        "From random weights the head is better than RAFT",
        "in a figure (Wireless 2B)",
        "raft",
        "raft_random",
        "special_token_random",
    ),
    Claim(
        "Original #1, pretrained: RAFT is better than the head",
        "0.013 → 0.005 (2B)",
        "original1",
        HEAD,
        "raft_pretrained",
    ),
    Claim(
        "The same, both at a learning rate of 0.0005",
        "0.013 → 0.005 (2B)",
        "original1_rates",
        "special_token_0.0005",
        "raft_0.0005",
    ),
    Claim(
        "Original #1, random weights: the head is better than RAFT",
        "1.704 → 0.327 (2B)",
        "original1",
        "raft_random",
        "special_token_random",
    ),
    *(
        Claim(
            f"The grid hardly matters: {text}",
            paper,
            "raft",
            "raft",
            f"raft_{grid}",
            kind="stays",
        )
        for text, grid, paper in (
            ("the two ends alone", "two_ends", "0.47 = 0.48 (Wireless 2B)"),
            ("the largest number alone", "max_only", "0.47 = 0.48 (Wireless 2B)"),
            ("nine numbers", "coarse", "0.61 to 0.64 (PaLM-2 1B)"),
        )
    ),
    Claim(
        "Normalising over the grid hardly matters",
        "0.63 = 0.63 (PaLM-2 1B)",
        "raft",
        "raft_coarse",
        "raft_coarse_normalized",
        kind="stays",
    ),
    Claim(
        "Learnable weights do not help: RAFT without them is no worse",
        "0.48 ≤ 0.47 (Wireless 2B)",
        "raft",
        "raft_learnable",
        "raft",
        kind="no worse",
    ),
    Claim(
        "Numbers attached in reverse hardly matter",
        "0.47 = 0.48 (Wireless 2B)",
        "raft",
        "raft",
        "raft_reversed",
        kind="stays",
    ),
    Claim(
        "The log loss is level with the squared error",
        "0.63 = 0.63 (PaLM-2 1B)",
        "raft",
        "raft",
        "raft_log",
        kind="stays",
    ),
    Claim(
        "MBR training is worse than RAFT",
        "0.98 → 0.40 (STSB 9B)",
        "raft",
        "expected_error",
        "raft",
    ),
    *(
        Claim(
            f"RAFT takes fewer epochs than the head to its best state, {text}",
            "fewer steps",
            "raft",
            f"special_token_{start}",
            raft,
            "best_epoch",
        )
        for text, start, raft in (
            ("pretrained (RAFT's budget is smaller here)", "pretrained", "raft"),
            ("random weights, equal budgets", "random", "raft_random"),
        )
    ),
    Claim(
        "The entropy of the numbers rises under RAFT",
        "rises",
        "raft",
        "base",
        "raft",
        "string_entropy",
        rises=True,
    ),
    Claim(
        "The entropy of the numbers falls under MBR training",
        "falls (Lemma 4)",
        "raft",
        "base",
        "expected_error",
        "string_entropy",
    ),
]
CLAIMS = {"GenRe": GENRE, "RAFT": RAFT}
