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
        Sampled numbers per row and batch. More cost time in proportion and lower the
        noise of the gradient.
    reward : {"neg_squared_error", "neg_absolute_error"}, default="neg_squared_error"
        Reward of a sampled number, in units of the standardised target.
    reward_clip : float or None, default=None
        If given, rewards are at least ``-reward_clip``.
    temperature : float, default=1.0
        Temperature of the distribution that is sampled and scored.
    entropy_weight : float, default=0.0
        Weight of the entropy bonus, in loss per nat.
    kl_weight : float, default=0.0
        Weight of the divergence from the distribution at the start of the stage.

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
