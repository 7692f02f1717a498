"""What the policy gradients share: rollouts, rewards, advantages, surrogate."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor

from sklearn_genre._checks import check_integer, check_real, shown
from sklearn_genre._objective import Objective
from sklearn_genre.outputs import DigitOutput
from sklearn_genre.policy_gradients._normal_scores import (
    normal_scores,
    quantile_levels,
)
from sklearn_genre.policy_gradients._rewards import REWARDS

REWARD_SCALES = ("standard", "quantile")


class Rollouts(NamedTuple):
    """Sampled numbers of a batch and what is known of them before the update."""

    tokens: Tensor  # (n_rollouts, batch, length)
    log_probs: Tensor | None  # (n_rollouts, batch, length), under the sampling policy
    rewards: Tensor  # (n_rollouts, batch)
    advantages: Tensor  # (n_rollouts, batch)
    reference_log_probs: Tensor | None  # (n_rollouts, batch, length, vocab_size)
    expert_tokens: Tensor | None  # (n_rollouts, batch, length)


class PolicyGradient(Objective):
    r"""Base of the objectives that reward whole sampled numbers.

    :meth:`prepare` draws ``n_rollouts`` numbers for each sample without gradient,
    rewards each whole number :math:`\hat y` and turns rewards into advantages
    :math:`A_i`; :meth:`losses` scores the same digits in one teacher-forced pass,

    .. math:: \ell = -\frac{1}{G} \sum_{i=1}^{G} A_i \sum_{t=1}^{L} \rho_{i,t},
        \qquad \rho_{i,t} = \pi(a_{i,t}) / \pi_\text{old}(a_{i,t}),

    whose gradient on fresh rollouts (:math:`\rho = 1`) is that of REINFORCE. Dropout is
    off, so that the ratio is one at the first update. Entropy bonus and divergence are
    those of each next digit along the rollouts; as is usual, the probability of coming
    to a prefix is not differentiated.

    An expert that knows the target may be imitated along the rollouts: at each
    position it writes the first token of the completion whose number is nearest to the
    target, given the digits drawn before, right or wrong. With :math:`e_{i,t}` that
    token, the loss gets

    .. math:: -\frac{w}{G L} \sum_{i=1}^{G} \sum_{t=1}^{L} \log \pi(e_{i,t}),

    the mean over the positions, as in the follow-up of the GenRe paper. Entropy and
    divergence are sums over them.

    Its stage keeps the state with the best expected reward on the validation set, read
    off the exact distribution as the expected squared error of a sampled number: the
    surrogate is near zero on fresh rollouts, whatever the model is worth. With another
    reward, scale or clip the state is selected by the scoring of the estimator.

    A new policy gradient is a file with one class that writes :meth:`advantages`, and a
    line in ``POLICY_GRADIENTS``.

    Parameters
    ----------
    n_rollouts : int, default=16
        Sampled numbers per sample and batch. More cost time in proportion and lower the
        noise of the gradient.
    reward : {"neg_squared_error", "neg_absolute_error"}, default="neg_squared_error"
        Reward of a number against the target, both on the `reward_scale`. The first
        moves the mean, the second the median.
    reward_scale : {"standard", "quantile"}, default="standard"
        ``"standard"``: units of the standard deviation of the (transformed) training
        target. ``"quantile"``: number and target are replaced by their normal scores,
        the quantiles of the normal distribution at their levels among the training
        targets, from -5.2 to 5.2. It rewards ranks, whatever the tails of the target:
        wise where the order of rows matters more than their errors.
    reward_clip : float or None, default=None
        If given, rewards are at least ``-reward_clip``: wise for heavy-tailed targets
        (GenRe uses 50).
    temperature : float, default=1.0
        Temperature of the distribution that is sampled and scored, from 1e-6 to 1e6.
        Above 1 explores.
    entropy_weight : float, default=0.0
        Weight of the entropy of the digits (nats per number), subtracted from the loss.
        Small positive values (1e-3 to 1e-2) slow down the sharpening.
    kl_weight : float, default=0.0
        Weight of the Kullback-Leibler divergence to the distribution at the start of
        the stage, summed over the digits of the rollouts. Positive values keep the
        model near its pretrained state.
    expert_weight : float, default=0.0
        Weight :math:`w` of the cross-entropy to the expert's tokens, in nats per token.
        It tells each digit what to do where the reward only judges the number, which
        helps where few rollouts are good: long strings, IEEE and P10. The follow-up
        uses 0.05 to 0.1. A tokenizer of one's own with more than 4,096 strings must
        write ``_nearest_tokens``.

    Attributes
    ----------
    knots_, levels_ : Tensor of shape (n_knots,)
        Distinct training targets of the stage and their levels, with
        ``reward_scale="quantile"``.

    References
    ----------
    "Beyond Token-level Supervision" (GenRe), arXiv:2512.06533, and the expert
    cross-entropy of its released code.
    """

    uses_dropout = False
    min_rollouts = 1

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
    ) -> None:
        self.n_rollouts = n_rollouts
        self.reward = reward
        self.reward_scale = reward_scale
        self.reward_clip = reward_clip
        self.temperature = temperature
        self.entropy_weight = entropy_weight
        self.kl_weight = kl_weight
        self.expert_weight = expert_weight

    @property
    def scoring(self) -> str | None:
        """What selects the state of the stage: the reward, where that can be read."""
        asked = (self.reward, self.reward_scale, self.reward_clip)
        plain = ("neg_squared_error", "standard", None)
        return "expected_error" if asked == plain else None

    @property
    def needs_reference(self) -> bool:
        """Whether the distribution at the start of the stage is wanted."""
        return self.kl_weight > 0

    def check(self, tokenizer: Any) -> None:
        """Raise ``ValueError`` or ``TypeError`` if a parameter is out of its range.

        And if there is to be an expert and the tokenizer cannot tell what it writes.
        """
        name = type(self).__name__
        check_integer(self.n_rollouts, f"{name}.n_rollouts", self.min_rollouts)
        _check_choice(self.reward, f"{name}.reward", [*REWARDS])
        _check_choice(self.reward_scale, f"{name}.reward_scale", [*REWARD_SCALES])
        if self.reward_clip is not None:
            check_real(self.reward_clip, f"{name}.reward_clip", 0, exclusive=True)
        check_real(self.temperature, f"{name}.temperature", 1e-6, 1e6)
        check_real(self.entropy_weight, f"{name}.entropy_weight", 0)
        check_real(self.kl_weight, f"{name}.kl_weight", 0)
        check_real(self.expert_weight, f"{name}.expert_weight", 0)
        if self.expert_weight:
            tokenizer.check_nearest_tokens()

    def start(self, y: Tensor, weight: Tensor) -> None:
        """Learn the levels of the training targets, for the quantile scale."""
        if self.reward_scale == "quantile":
            self.knots_, self.levels_ = quantile_levels(y, weight)

    @abstractmethod
    def advantages(
        self, rewards: Tensor, greedy_reward: Callable[[], Tensor]
    ) -> Tensor:
        """Return how much better than expected each rollout was.

        Parameters
        ----------
        rewards : Tensor of shape (n_rollouts, batch)
        greedy_reward : callable
            Returns the reward of the greedy number, shape (batch,). Decoding it costs
            one rollout, so it is called only by those that use it.

        Returns
        -------
        advantages : Tensor of shape (n_rollouts, batch)
        """

    def rewards(self, numbers: Tensor, y: Tensor) -> Tensor:
        """Return the clipped rewards of numbers (..., batch) against y (batch,)."""
        if self.reward_scale == "quantile":
            numbers = normal_scores(numbers, self.knots_, self.levels_)
            y = normal_scores(y, self.knots_, self.levels_)
        rewards = REWARDS[self.reward](numbers, y)
        if self.reward_clip is not None:
            rewards = rewards.clamp(min=-float(self.reward_clip))
        return rewards

    def prepare(
        self, dist: DigitOutput, y: Tensor, reference: DigitOutput | None = None
    ) -> Rollouts:
        """Sample numbers and score them, without gradient."""
        dist = dist.at_temperature(float(self.temperature))
        log_probs: Tensor | None = None
        if dist.knows_sequences and self._reads_sequences:
            tokens = dist.sample(int(self.n_rollouts))
        else:
            tokens, log_probs = dist.rollout(int(self.n_rollouts))
        rewards = self.rewards(dist.numbers(tokens), y)  # (n_rollouts, batch)
        advantages = self.advantages(
            rewards, lambda: self.rewards(dist.numbers(dist.greedy()), y)
        )
        reference_log_probs = None
        if reference is not None:
            reference = reference.at_temperature(float(self.temperature))
            reference_log_probs = reference.log_probs(tokens)
        expert_tokens = None
        if self.expert_weight:
            expert_tokens = dist.tokenizer.nearest_tokens(tokens, y)
        return Rollouts(
            tokens, log_probs, rewards, advantages, reference_log_probs, expert_tokens
        )

    def losses(self, dist: DigitOutput, target: Rollouts) -> Tensor:
        """Return the surrogate of each sample, shape (batch,)."""
        dist = dist.at_temperature(float(self.temperature))
        if target.log_probs is None:
            return self._losses_of_sequences(dist, target)
        step_log_probs = dist.log_probs(target.tokens)  # (n, batch, length, vocab_size)
        log_probs = _of_tokens(step_log_probs, target.tokens)
        advantages = target.advantages.to(log_probs.dtype)[..., None]
        ratio = (log_probs - target.log_probs).exp()  # (n_rollouts, batch, length)
        loss = -self.surrogate(ratio, advantages).sum(-1).mean(0)  # (batch,)
        if self.entropy_weight:
            step_entropy = -_mean_of_next(step_log_probs, step_log_probs)
            loss = loss - float(self.entropy_weight) * step_entropy.sum(-1).mean(0)
        if target.reference_log_probs is not None:
            excess = step_log_probs - target.reference_log_probs
            divergence = _mean_of_next(step_log_probs, excess).sum(-1).mean(0)
            loss = loss + float(self.kl_weight) * divergence
        if target.expert_tokens is not None:
            imitation = _of_tokens(step_log_probs, target.expert_tokens).mean((0, -1))
            loss = loss - float(self.expert_weight) * imitation
        return loss

    @property
    def _reads_sequences(self) -> bool:
        """Whether the probabilities of whole sequences are all that is needed."""
        weights = (self.entropy_weight, self.kl_weight, self.expert_weight)
        return int(self.n_updates) == 1 and not any(weights)

    def _losses_of_sequences(self, dist: DigitOutput, target: Rollouts) -> Tensor:
        """Return the same surrogate where each ratio is one.

        The gradients of the ratios of all tokens then add up to that of the sequence.
        """
        log_probs = dist.sequence_log_probs(target.tokens)  # (n_rollouts, batch)
        ratio = (log_probs - log_probs.detach()).exp()
        advantages = target.advantages.to(log_probs.dtype)
        others = (target.tokens.shape[-1] - 1) * advantages  # what is constant
        return -(self.surrogate(ratio, advantages) + others).mean(0)

    def surrogate(self, ratio: Tensor, advantages: Tensor) -> Tensor:
        """Return the objective of each token, to be maximised."""
        return ratio * advantages


def _of_tokens(step_log_probs: Tensor, tokens: Tensor) -> Tensor:
    """Return the log-probabilities (...) of tokens (...), of all (..., vocab_size)."""
    return step_log_probs.gather(-1, tokens[..., None])[..., 0]


def _mean_of_next(log_probs: Tensor, values: Tensor) -> Tensor:
    """Return the mean of values (..., vocab_size) over the tokens that are allowed."""
    return (log_probs.exp() * values.masked_fill(log_probs.isneginf(), 0)).sum(-1)


def _check_choice(value: Any, name: str, choices: list[str]) -> None:
    """Raise ``ValueError`` unless the value is one of the choices."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {choices}, got {shown(value, repr)}.")
