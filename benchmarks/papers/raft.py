"""What the paper of RAFT claims, and where the rows answer."""

from papers.claims import Claim

HEAD = "special_token_pretrained"
CLAIMS = [
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
