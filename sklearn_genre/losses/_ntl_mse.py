"""Number token loss: squared error of the expected digit."""

from torch import Tensor

from sklearn_genre.losses._digit_loss import DigitLoss


class NTLMSE(DigitLoss):
    r"""Cross-entropy plus the squared error of each expected digit [1]_.

    .. math:: \ell = \sum_{t=1}^{L} \Bigl[-\log \pi(a_t) +
        \lambda \Bigl(\sum_j p_t(j) \, v_j - v(a_t)\Bigr)^2\Bigr]

    where :math:`p_t` is the next-token distribution restricted to the tokens that are
    numbers at position :math:`t`, with values :math:`v_j`, and :math:`a_t` the true
    token.

    Parameters
    ----------
    weight : float, default=0.3
        Weight :math:`\lambda` of the squared errors; 0 is cross-entropy. Lower it where
        values are far apart, as the exponents of ``P10Tokenizer`` are.

    Notes
    -----
    The squared error alone does not determine the digit: half of the mass on 3 and half
    on 5 is free of error if 4 is true. :class:`NTLWAS` has no such ties.

    References
    ----------
    .. [1] Zausinger et al., "Regress, Don't Guess: A Regression-like Loss on Number
           Tokens for Language Models", arXiv:2411.02083.

    Examples
    --------
    >>> from sklearn_genre import DecodingRegressor
    >>> from sklearn_genre.losses import NTLMSE
    >>> from sklearn_genre.tokenizers import NormalizedTokenizer
    >>> digits = NormalizedTokenizer(base=10, length=3)
    >>> model = DecodingRegressor(digits, pretraining=NTLMSE(0.1), fine_tuning=None)
    >>> model.get_params()["pretraining__weight"]
    0.1
    """

    def term(self, log_probs: Tensor, offsets: Tensor, is_number: Tensor) -> Tensor:
        """Return the squared expected offset at each position, (batch, length)."""
        return (log_probs.exp() * offsets).sum(-1).square()
