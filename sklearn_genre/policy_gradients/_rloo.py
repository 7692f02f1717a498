"""RLOO: the mean reward of the other rollouts is the baseline."""

from collections.abc import Callable

from torch import Tensor

from sklearn_genre.policy_gradients._base import PolicyGradient


class RLOO(PolicyGradient):
    r"""REINFORCE with the leave-one-out mean reward as baseline [1]_.

    .. math:: A_i = R_i - \frac{1}{G - 1} \sum_{j \neq i} R_j

    The gradient is an unbiased estimate of that of :math:`-E[R]`. See
    :class:`PolicyGradient` for when to change a parameter.

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
    .. [1] Ahmadian et al., "Back to Basics", arXiv:2402.14740.

    Examples
    --------
    >>> from sklearn_genre.policy_gradients import RLOO
    >>> RLOO(entropy_weight=0.01)
    RLOO(entropy_weight=0.01)
    """

    min_rollouts = 2

    def advantages(
        self, rewards: Tensor, greedy_reward: Callable[[], Tensor]
    ) -> Tensor:
        """Return rewards above the others' mean, shape (n_rollouts, batch)."""
        n_rollouts = len(rewards)
        return (rewards - rewards.mean(0)) * (n_rollouts / (n_rollouts - 1))
