"""Number token loss: Wasserstein distance to the true digit."""

from torch import Tensor

from sklearn_genre.losses._digit_loss import DigitLoss


class NTLWAS(DigitLoss):
    r"""Cross-entropy plus the expected distance of each digit to the true one [1]_.

    .. math:: \ell = \sum_{t=1}^{L} \Bigl[-\log \pi(a_t) +
        \lambda \sum_j p_t(j) \, |v(a_t) - v_j|\Bigr]

    where :math:`p_t` is the next-token distribution restricted to the tokens that are
    numbers at position :math:`t`, with values :math:`v_j`, and :math:`a_t` the true
    token. The distance is the Wasserstein-1 distance of :math:`p_t` to the true digit,
    for digits the sum of absolute differences of their cumulative distributions. Its
    only zero is the true digit.

    Parameters
    ----------
    weight : float, default=0.3
        Weight :math:`\lambda` of the distances; 0 is cross-entropy. Lower it where
        values are far apart, as the exponents of ``P10Tokenizer`` are.

    Notes
    -----
    Digits are compared one by one: 0111 and 1000 are far apart although the numbers are
    neighbours. In base 2 the distance is the probability of the wrong digit, so there
    is no order among digits to learn; the loss is meant for larger bases.

    References
    ----------
    .. [1] Zausinger et al., "Regress, Don't Guess: A Regression-like Loss on Number
           Tokens for Language Models", arXiv:2411.02083.

    Examples
    --------
    >>> from sklearn_genre import DecodingRegressor
    >>> from sklearn_genre.losses import NTLWAS
    >>> from sklearn_genre.tokenizers import NormalizedTokenizer
    >>> digits = NormalizedTokenizer(base=10, length=3)
    >>> model = DecodingRegressor(digits, pretraining=NTLWAS(0.5), fine_tuning=None)
    >>> model.get_params()["pretraining__weight"]
    0.5
    """

    def term(self, log_probs: Tensor, offsets: Tensor, is_number: Tensor) -> Tensor:
        """Return the expected absolute offset at each position, (batch, length)."""
        return (log_probs.exp() * offsets.abs()).sum(-1)
