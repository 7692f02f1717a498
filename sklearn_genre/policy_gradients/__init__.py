"""Objectives on the whole decoded number, by sampling."""

from sklearn_genre.policy_gradients._base import PolicyGradient
from sklearn_genre.policy_gradients._grpo import GRPO
from sklearn_genre.policy_gradients._remax import ReMax
from sklearn_genre.policy_gradients._rewards import REWARDS
from sklearn_genre.policy_gradients._rloo import RLOO

POLICY_GRADIENTS: dict[str, type[PolicyGradient]] = {
    "remax": ReMax,
    "grpo": GRPO,
    "rloo": RLOO,
}

__all__ = ["GRPO", "POLICY_GRADIENTS", "REWARDS", "RLOO", "PolicyGradient", "ReMax"]
