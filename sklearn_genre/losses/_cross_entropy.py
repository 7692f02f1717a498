"""Cross-entropy on digits, or the log-density of a distribution that has one."""

from torch import Tensor

from sklearn_genre._objective import Objective
from sklearn_genre.outputs import Output


class CrossEntropy(Objective):
    r"""Negative log-probability of the digits of the target.

    .. math:: \ell = -\sum_{t=1}^{L} \log \pi(a_t \mid x, a_{<t}),

    the sum over the tokens of one number, in nats, under the masked softmax that is
    also used for sampling. Where there is a density it is minus the log-density.

    Examples
    --------
    >>> from sklearn_genre.losses import CrossEntropy
    >>> CrossEntropy()
    CrossEntropy()
    """

    def losses(self, dist: Output, target: Tensor) -> Tensor:
        """Return the negative log-likelihood of each sample in nats, shape (batch,)."""
        return -dist.log_prob(target)
