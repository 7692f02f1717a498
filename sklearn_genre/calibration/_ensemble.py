"""What the error of a whole ensemble is, from that of the members of single folds."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sklearn_genre.inputs import Inputs
from sklearn_genre.networks import Network

# Samples whose errors are held at once.
N_HELD = 1024


def whole_share(own: float, mixed: float, n_mixed: int, n_folds: int) -> float:
    r"""Return what the error of all members is of that of the members of a fold.

    A sample is out of fold for few members, its prediction comes from the members of
    all folds. The CRPS of a mixture is quadratic, and so is the squared error of a
    mean: for n members alike it is

    .. math:: \frac 1 n \, G_{kk} + \frac{n - 1} n \, G_{kl}, \qquad
        G_{kl} = E \int (F_k(t) - 1[y \le t]) (F_l(t) - 1[y \le t]) \, dt,

    and the product of the errors of two members is about the same whether or not they
    have left out the same fold.

    Parameters
    ----------
    own : float
        Mean error of a single member on the fold that it has left out.
    mixed : float
        That of the mixture of the members of a fold.
    n_mixed : int
        How many these are.
    n_folds : int

    Returns
    -------
    share : float
        In [0, 1]; 1 if there is one member for each fold, so that no product of the
        errors of two is known.

    Examples
    --------
    >>> from sklearn_genre.calibration import whole_share
    >>> round(whole_share(own=1.0, mixed=0.75, n_mixed=2, n_folds=5), 4)
    0.7333
    """
    if n_mixed == 1 or n_folds == 1 or not 0 < mixed < np.inf:
        return 1.0
    between = max((n_mixed * mixed - own) / (n_mixed - 1), 0.0)
    n_members = n_mixed * n_folds
    return (own / n_members + (1 - 1 / n_members) * between) / mixed


@torch.inference_mode()
def share_of_all_folds(
    network: Network, inputs: Inputs, z: Tensor, weight: NDArray[np.float64]
) -> float:
    """Return what the error of the whole ensemble is of that of the members here.

    Parameters
    ----------
    network : Network
        With the members of a fold.
    inputs : Inputs
    z : float64 Tensor of shape (n_samples,)
        Standardised targets.
    weight : array of shape (n_samples,)

    Returns
    -------
    share : float
        1 unless there are folds, and several members for each.
    """
    if network.n_folds == 1 or network.n_members == 1:
        return 1.0
    own = mixed = 0.0
    normalised = torch.tensor(weight / weight.sum(), dtype=z.dtype, device=z.device)
    for start in range(0, len(inputs), N_HELD):
        some = slice(start, start + N_HELD)
        errors = network.member_errors(inputs[some], z[some])  # (n_members, n, ...)
        weighted = normalised[some, None].to(errors)
        own += float((weighted * errors**2).sum(dtype=torch.float64) / len(errors))
        mixed += float((weighted * errors.mean(0) ** 2).sum(dtype=torch.float64))
    return whole_share(own, mixed, network.n_members, network.n_folds)
