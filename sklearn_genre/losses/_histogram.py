"""Losses of a histogram: HL-Gauss and CRPS."""

from typing import Any

from torch import Tensor
from torch.nn import functional
from torch.special import ndtr

from sklearn_genre._objective import Objective
from sklearn_genre.outputs import HistogramOutput

# Deviation of the soft target of HL-Gauss, in widths of the bin of the target.
SIGMA = 0.75


class HistogramLoss(Objective):
    """Base of the losses that read the bins of a histogram."""

    def check(self, tokenizer: Any) -> None:
        """Raise ``ValueError``: a tokenizer writes digits, which are no bins."""
        raise ValueError(
            f"{self} reads the bins of a histogram, and {tokenizer} writes digits. Use "
            "CRPS() or CrossEntropy(), or RiemannRegressor, which takes this loss by "
            "its name."
        )


class HLGauss(HistogramLoss):
    r"""Cross-entropy to a normal distribution around the target, summed over the bins.

    .. math:: \ell = -\sum_k \bigl[\Phi\bigl(\tfrac{b_{k+1} - y}{\sigma}\bigr)
        - \Phi\bigl(\tfrac{b_k - y}{\sigma}\bigr)\bigr] \log p_k

    with :math:`\sigma` three quarters of the width of the bin of y and the outer bins
    unbounded, so that the weights sum to one. Neighbouring bins learn from each other;
    the distribution comes out wider by the deviation.

    References
    ----------
    .. [1] Imani and White, "Improving Regression Performance with Distributional
           Losses", ICML 2018.

    Examples
    --------
    >>> from sklearn_genre.losses import HLGauss
    >>> HLGauss()
    HLGauss()
    """

    def losses(self, dist: HistogramOutput, target: Tensor) -> Tensor:
        """Return the cross-entropy of each sample, shape (batch,)."""
        sigma = SIGMA * dist.bins.width[dist.bins.bin_of(target)]
        soft = normal_masses(target, dist.bins.borders, sigma)
        return -(soft * dist.log_masses).sum(-1)


class HistogramCRPS(HistogramLoss):
    r"""Continuous ranked probability score of a histogram, exact.

    .. math:: \ell = \int \bigl(F(z) - 1\{z \ge y\}\bigr)^2 dz

    with :math:`F` linear on both sides of the number of each bin. A proper score, by
    which near misses count for something.

    References
    ----------
    .. [1] Gneiting and Raftery, "Strictly Proper Scoring Rules, Prediction, and
           Estimation", JASA 102, 2007.

    Examples
    --------
    >>> from sklearn_genre.losses import HistogramCRPS
    >>> HistogramCRPS()
    HistogramCRPS()
    """

    def losses(self, dist: HistogramOutput, target: Tensor) -> Tensor:
        """Return the score of each sample, shape (batch,)."""
        return piecewise_crps(dist.bins.half_edges, dist.half_masses, target)


def normal_masses(y: Tensor, borders: Tensor, sigma: Tensor) -> Tensor:
    """Return the mass of each bin under normal distributions, the outer bins unbounded.

    Parameters
    ----------
    y : Tensor of shape (batch,)
        Means.
    borders : Tensor of shape (n_bins - 1,)
        Ascending.
    sigma : Tensor of shape (batch,)
        Standard deviations.

    Returns
    -------
    masses : Tensor of shape (batch, n_bins)
        Rows sum to one.
    """
    below = ndtr((borders - y[:, None]) / sigma[:, None])  # (batch, n_bins - 1)
    return functional.pad(functional.pad(below, (1, 0)), (0, 1), value=1.0).diff()


def piecewise_crps(edges: Tensor, masses: Tensor, y: Tensor) -> Tensor:
    """Return the score of distributions that are uniform within pieces.

    Parameters
    ----------
    edges : Tensor of shape (n_pieces + 1,)
        Ascending.
    masses : Tensor of shape (batch, n_pieces)
        Rows sum to one.
    y : Tensor of shape (batch,)

    Returns
    -------
    score : Tensor of shape (batch,)
        Differentiable in ``masses``.
    """
    y = y[:, None]
    left, width = edges[:-1], edges.diff()
    stop = masses.cumsum(-1)
    start = stop - masses
    below = (y.clamp(edges[:-1], edges[1:]) - left) / width  # share of each piece
    middle = start + masses * below
    inside = width * (
        below * _mean_square(start, middle)
        + (1 - below) * _mean_square(1 - middle, 1 - stop)
    )
    outside = y - y.clamp(edges[0], edges[-1])  # (batch, 1)
    return inside.sum(-1) + outside[:, 0].abs()


def _mean_square(a: Tensor, b: Tensor) -> Tensor:
    """Return the mean of the square of a number that runs linearly from a to b."""
    return (a * a + a * b + b * b) / 3
