"""DIST2Loss: divergence from digits that thin out with their distance."""

from typing import Any

from torch import Tensor

from sklearn_genre._checks import check_real
from sklearn_genre.losses._digit_loss import DigitLoss, log_softmax_over


class DIST(DigitLoss):
    r"""Cross-entropy plus the divergence from a discretised bell of digits [1]_.

    .. math:: \ell = \sum_{t=1}^{L} \bigl[-\log \pi(a_t) +
        \lambda \operatorname{KL}(q_t \,\|\, p_t)\bigr],
        \qquad q_t(j) \propto \exp\bigl(-(v_j - v(a_t))^2 / \tau\bigr)

    where :math:`p_t` is the next-token distribution restricted to the tokens that are
    numbers at position :math:`t`, with values :math:`v_j`, and :math:`a_t` the true
    token. As :math:`\tau \to 0` the divergence becomes cross-entropy; a large
    :math:`\tau` pulls towards uniform digits.

    Parameters
    ----------
    weight : float, default=0.1
        Weight :math:`\lambda` of the divergence; 0 is cross-entropy.
    temperature : float, default=1.0
        Squared width :math:`\tau` of the bell, in squared digits, from 1e-6 to 1e6.
        With 1, a neighbour of the true digit has 0.37 times its mass; raise it for
        bases above 10.

    Notes
    -----
    The divergence is never zero at a sure digit: it keeps some mass on the neighbours.
    In base 2 that is label smoothing, the same for either digit.

    References
    ----------
    .. [1] Chung et al., "Teaching Metric Distance to Discrete Autoregressive Language
           Models", arXiv:2503.02379.

    Examples
    --------
    >>> from sklearn_genre import DecodingRegressor
    >>> from sklearn_genre.losses import DIST
    >>> from sklearn_genre.tokenizers import NormalizedTokenizer
    >>> digits = NormalizedTokenizer(base=10, length=3)
    >>> model = DecodingRegressor(digits, fine_tuning=DIST(temperature=2.0))
    >>> model.get_params()["fine_tuning__temperature"]
    2.0
    """

    def __init__(self, weight: float = 0.1, temperature: float = 1.0) -> None:
        super().__init__(weight)
        self.temperature = temperature

    def check(self, tokenizer: Any) -> None:
        """Raise ``ValueError`` or ``TypeError`` if a parameter is out of its range."""
        super().check(tokenizer)
        check_real(self.temperature, "DIST.temperature", 1e-6, 1e6)

    def term(self, log_probs: Tensor, offsets: Tensor, is_number: Tensor) -> Tensor:
        """Return the divergence at each position, (batch, length)."""
        exponents = -offsets.square() / float(self.temperature)
        log_target = log_softmax_over(exponents, is_number)
        return (log_target.exp() * (log_target - log_probs)).sum(-1)
