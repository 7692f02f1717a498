"""ReMax: the reward of the greedy number is the baseline."""

from collections.abc import Callable

from torch import Tensor

from sklearn_genre.policy_gradients._base import PolicyGradient


class ReMax(PolicyGradient):
    r"""REINFORCE with the reward of the greedy number as baseline [1]_, [2]_.

    .. math:: A_i = R(\hat y_i) - R(\hat y_\text{greedy})

    The gradient is an unbiased estimate of that of :math:`-E[R]`; with the squared
    error as reward, of :math:`(y - E)^2 + \text{Var}`. See :class:`PolicyGradient`
    for when to change a parameter.

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

    References
    ----------
    .. [1] Li et al., "ReMax", arXiv:2310.10505.
    .. [2] "Beyond Token-level Supervision" (GenRe), arXiv:2512.06533.

    Examples
    --------
    >>> from sklearn_genre.policy_gradients import ReMax
    >>> ReMax(n_rollouts=32)
    ReMax(n_rollouts=32)
    >>> ReMax(expert_weight=0.05)
    ReMax(expert_weight=0.05)
    """

    def advantages(
        self, rewards: Tensor, greedy_reward: Callable[[], Tensor]
    ) -> Tensor:
        """Return rewards above the greedy reward, shape (n_rollouts, batch)."""
        return rewards - greedy_reward()
