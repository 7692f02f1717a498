"""GRPO: rewards relative to their group, with a clipped ratio."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sklearn_genre._checks import check_integer, check_real, shown
from sklearn_genre.policy_gradients._base import PolicyGradient


class GRPO(PolicyGradient):
    r"""Group relative policy optimization [1]_, scaled or not [2]_.

    .. math:: A_i = \frac{R_i - \bar R}{s + 10^{-8}}, \qquad
        \ell = -\frac{1}{G} \sum_{i,t} \min\bigl(\rho_{i,t} A_i,
        \operatorname{clip}(\rho_{i,t}, 1 - \epsilon, 1 + \epsilon) A_i\bigr)

    Strings have a fixed length, so the sum over tokens replaces the mean of the paper
    and only rescales the loss. Scaling by the group's standard deviation :math:`s`
    favours rows whose last digits alone vary; the GenRe paper finds it harmful for
    large bases, and ``scale_rewards=False`` the cure. See :class:`PolicyGradient` for
    when to change the common parameters.

    Parameters
    ----------
    n_rollouts : int, default=16
        Sampled numbers per sample and batch. More cost time in proportion and lower the
        noise of the gradient.
    reward : {"neg_squared_error", "neg_absolute_error"}, default="neg_squared_error"
        Reward of a sampled number, on the `reward_scale`. The first moves the mean, the
        second the median.
    reward_scale : {"standard", "quantile"}, default="standard"
        Units of the standardised target, or normal scores of the ranks among the
        training targets: for heavy tails, where the order of rows matters most.
    reward_clip : float or None, default=None
        If given, rewards are at least ``-reward_clip``: wise for heavy-tailed targets.
    temperature : float, default=1.0
        Temperature of the distribution that is sampled and scored. Above 1 explores.
    entropy_weight : float, default=0.0
        Weight of the entropy bonus, in loss per nat. Small positive values (1e-3 to
        1e-2) slow down the sharpening.
    kl_weight : float, default=0.0
        Weight of the divergence from the distribution at the start of the stage, near
        which positive values keep the model.
    expert_weight : float, default=0.0
        Weight of the cross-entropy to the tokens that would bring each rollout nearest
        to the target. Positive values (0.05 to 0.1) help where few rollouts are good.
    scale_rewards : bool, default=True
        Whether to divide by the standard deviation of the group's rewards.
    clip_range : float, default=0.2
        How far the ratio of new to old probability may leave one. Only matters with
        ``n_updates > 1``.
    n_updates : int, default=1
        Gradient steps on each batch of rollouts.

    References
    ----------
    .. [1] Shao et al., "DeepSeekMath", arXiv:2402.03300.
    .. [2] Liu et al., "Understanding R1-Zero-Like Training", arXiv:2503.20783.

    Examples
    --------
    >>> from sklearn_genre.policy_gradients import GRPO
    >>> GRPO(scale_rewards=False)
    GRPO(scale_rewards=False)
    >>> GRPO(n_rollouts=4, reward_scale="quantile", reward_clip=50.0)
    GRPO(n_rollouts=4, reward_clip=50.0, reward_scale='quantile')
    """

    min_rollouts = 2

    def __init__(
        self,
        n_rollouts: int = 16,
        *,
        reward: str = "neg_squared_error",
        reward_scale: str = "standard",
        reward_clip: float | None = None,
        temperature: float = 1.0,
        entropy_weight: float = 0.0,
        kl_weight: float = 0.0,
        expert_weight: float = 0.0,
        scale_rewards: bool = True,
        clip_range: float = 0.2,
        n_updates: int = 1,
    ) -> None:
        super().__init__(
            n_rollouts,
            reward=reward,
            reward_scale=reward_scale,
            reward_clip=reward_clip,
            temperature=temperature,
            entropy_weight=entropy_weight,
            kl_weight=kl_weight,
            expert_weight=expert_weight,
        )
        self.scale_rewards = scale_rewards
        self.clip_range = clip_range
        self.n_updates = n_updates

    def check(self, tokenizer: Any) -> None:
        """Raise ``ValueError`` or ``TypeError`` if a parameter is out of its range."""
        super().check(tokenizer)
        if not isinstance(self.scale_rewards, (bool, np.bool_)):
            raise TypeError(
                "GRPO.scale_rewards must be True or False, not "
                f"{shown(self.scale_rewards, repr)} of type "
                f"{type(self.scale_rewards).__name__}."
            )
        check_real(self.clip_range, "GRPO.clip_range", 0, exclusive=True)
        check_integer(self.n_updates, "GRPO.n_updates", 1)

    def advantages(
        self, rewards: Tensor, greedy_reward: Callable[[], Tensor]
    ) -> Tensor:
        """Return rewards relative to their group, shape (n_rollouts, batch)."""
        centred = rewards - rewards.mean(0)
        return centred / (rewards.std(0) + 1e-8) if self.scale_rewards else centred

    def surrogate(self, ratio: Tensor, advantages: Tensor) -> Tensor:
        """Return the clipped objective of each token."""
        reach = float(self.clip_range)
        clipped = ratio.clamp(1 - reach, 1 + reach)
        return torch.minimum(ratio * advantages, clipped * advantages)
