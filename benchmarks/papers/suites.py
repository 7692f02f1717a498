"""The methods of the papers' experiments, by their names.

This file imports neither torch nor sklearn_genre.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from talent.ours import New

from papers.recipe import BASE, FROM_RANDOM, RIEMANN, objective, point, raft

# Experiment 1: objectives and heads on the same encoder.
MAIN: dict[str, New] = {
    "base": BASE,
    "ntl_was": objective("ntl_was"),
    "ntl_mse": objective("ntl_mse"),
    "dist": objective("dist"),
    "remax": objective("remax"),
    "grpo": objective("grpo"),
    "grpo_unscaled": objective("policy_gradients.GRPO", scale_rewards=False),
    "rloo": objective("rloo"),
    "crps": objective("crps"),
    "expected_error": objective("expected_error"),
    "expected_error_0.2": objective("losses.ExpectedError", alpha=0.2),
    "raft": raft(),
    "pointwise": point(),
    "riemann": RIEMANN,
}
# Experiment 2: base and length of the normalized digits.
FORMATS = ((2, 8), (4, 4), (6, 4), (8, 3), (10, 3))
OF_FORMATS = ("base", "remax", "grpo", "grpo_unscaled")
BASES = {
    f"{name}_{base}x{length}": MAIN[name].changed(
        tokenizer=New("tokenizers.NormalizedTokenizer", base=base, length=length)
    )
    for name in OF_FORMATS
    for base, length in FORMATS
}
# Experiment 3: what k draws give and what changes along training.
DIAGNOSTICS = (
    "digit_entropy",
    "string_entropy",
    "wasserstein1",
    "best_at_k",
    "mean_at_k",
    "median_at_k",
)
OF_CURVES = ("remax", "grpo", "grpo_unscaled", "crps", "raft")
CURVES = {
    f"{name}_curves": MAIN[name].changed(diagnostics=DIAGNOSTICS) for name in OF_CURVES
}
# Experiment 4: number formats and transforms of the target.
WRITTEN = {
    "normalized_quantile": {"target_transform": "quantile"},
    "ieee": {"tokenizer": "ieee"},
    "ieee_quantile": {"tokenizer": "ieee", "target_transform": "quantile"},
    "p10": {"tokenizer": "p10"},
    "p10_quantile": {"tokenizer": "p10", "target_transform": "quantile"},
}
OF_WRITTEN = ("base", "remax")
TOKENIZERS = {
    f"{name}_{written}": MAIN[name].changed(**options)
    for name in OF_WRITTEN
    for written, options in WRITTEN.items()
}
# Experiment 5: RAFT, its grids and weights, and predictive heads. The rows of `base`
# and `untrained` have all rules of inference; expected_error is the paper's MBR.
PREDICTIVE_HEADS = (
    "special_token",
    "mlp",
    "pooled_mean",
    "pooled_min",
    "pooled_max",
    "projection",
)
PRETRAINING_EPOCHS = {"pretrained": 100, "random": 0}
RAFT_FAMILY = {
    # A step of 1e-12 leaves the random weights as they are.
    "untrained": BASE.changed(pretraining_epochs=1, learning_rate=1e-12),
    "raft_random": raft(**FROM_RANDOM),
    "raft_two_ends": raft(grid=lambda y: [y.min(), y.max()]),
    "raft_max_only": raft(grid=lambda y: [y.max()]),
    "raft_coarse": raft(grid=lambda y: np.linspace(y.min(), y.max(), 9)),
    "raft_coarse_normalized": raft(
        grid=lambda y: np.linspace(y.min(), y.max(), 9), normalize=True
    ),
    "raft_reversed": raft(values=lambda y: np.linspace(y.max(), y.min(), 256)),
    "raft_learnable": raft(learnable=True),
    "raft_log": raft(loss="log"),
    "linear_pretrained": point(pretraining_epochs=100),
    **{
        f"{head}_{start}": point(head, pretraining_epochs=epochs)
        for head in PREDICTIVE_HEADS
        for start, epochs in PRETRAINING_EPOCHS.items()
    },
}
# Beside the experiments: options of objectives, other networks, formats and bins.
SHORT = {"mantissa_digits": 2}
REMAX: dict[str, dict[str, Any]] = {
    "absolute": {"reward": "neg_absolute_error"},
    "clipped": {"reward_clip": 1.0},
    "quantile": {"reward_scale": "quantile"},
    "kl": {"kl_weight": 0.1},
    "entropy": {"entropy_weight": 0.01},
    "expert": {"expert_weight": 0.05},
}
OTHERS = {
    "transformer": BASE.changed(decoder="transformer"),
    "anchored": BASE.changed(decoder="anchored"),
    "tabular": BASE.changed(encoder="tabular"),
    "crps_pretraining": BASE.changed(pretraining="crps"),
    **{
        f"remax_{name}": objective("policy_gradients.ReMax", **options)
        for name, options in REMAX.items()
    },
    "raft_ieee": raft(
        tokenizer=New("tokenizers.IEEETokenizer", **SHORT), grid="quantiles"
    ),
    "raft_p10": raft(
        tokenizer=New("tokenizers.P10Tokenizer", **SHORT), grid="quantiles"
    ),
    "riemann_uniform": RIEMANN.changed(edges="uniform"),
    "riemann_hl_gauss": RIEMANN.changed(loss="hl_gauss"),
    "riemann_crps": RIEMANN.changed(loss="crps"),
}
METHODS: dict[str, New] = {
    **MAIN,
    **BASES,
    **CURVES,
    **TOKENIZERS,
    **RAFT_FAMILY,
    **OTHERS,
}
SUITES: dict[str, list[str]] = {
    "main": list(MAIN),
    "bases": list(BASES),
    "curves": list(CURVES),
    "tokenizers": [*OF_WRITTEN, *TOKENIZERS],
    "raft": ["base", "expected_error", "raft", "pointwise", *RAFT_FAMILY],
    # What METHODS.md has.
    "every": [
        *MAIN,
        "base_ieee",
        "base_p10",
        *(name for name in RAFT_FAMILY if name not in ("untrained", "raft_two_ends")),
        *OTHERS,
    ],
}
