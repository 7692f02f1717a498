"""What the paper of GenRe claims, and where the rows answer."""

from papers.claims import Claim
from papers.suites import FORMATS

CLAIMS = [
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
