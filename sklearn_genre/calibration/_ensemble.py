"""Weights of the members of an ensemble, from the validation set."""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import nnls
from torch import Tensor

from sklearn_genre.inputs import Inputs
from sklearn_genre.networks import Network

# Weights are shrunk towards equal ones by a prior worth this many samples.
PRIOR_SAMPLES = 50
# Samples whose errors are held at once.
N_HELD = 1024


def fit_ensemble_weights(
    network: Network, inputs: Inputs, z: Tensor, weight: NDArray[np.float64]
) -> float:
    """Let the members count by what their mixture is worth on validation samples.

    Parameters
    ----------
    network : Network
        Its `member_weight` is changed.
    inputs : Inputs
    z : float64 Tensor of shape (n_samples,)
        Standardised targets.
    weight : array of shape (n_samples,)

    Returns
    -------
    share : float
        The mean product of the errors of the whole ensemble, as a share of that of its
        members here: 1 unless these are of one of several folds.
    """
    products = products_of_errors(
        network, inputs, z, torch.tensor(weight, dtype=z.dtype, device=z.device)
    )
    n_samples = weight.sum() ** 2 / (weight**2).sum()
    whole = products
    if network.n_folds > 1:
        whole = of_all_folds(products, network.n_folds)
    weights = ensemble_weights(whole, n_samples)
    shared = torch.tensor(weights / network.n_folds, dtype=torch.float64)
    network.member_weight.copy_(shared.repeat(network.n_folds))
    here = float(weights @ products @ weights)
    return float(weights @ whole @ weights) / here if here > 0 else 1.0


def of_all_folds(products: NDArray[np.float64], n_folds: int) -> NDArray[np.float64]:
    r"""Return the products of errors that the means over members of all folds have.

    A sample is out of fold for few members, its prediction comes from the members of
    all folds. The mean of n members of a kind, one of each fold, has an error whose
    square is

    .. math:: G'_{kk} = \frac 1 n G_{kk} + \frac{n - 1} n
        \min\Bigl(G_{kk}, \operatorname{mean}_{l \ne k} G_{kl}\Bigr),

    because the product of the errors of two of them is about that of two members that
    have left out the same sample.

    Parameters
    ----------
    products : array of shape (n_members, n_members)
        Mean products of the errors of the members of a fold.
    n_folds : int

    Returns
    -------
    products : array of shape (n_members, n_members)

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_genre.calibration import of_all_folds
    >>> of_all_folds(np.array([[1.0, 0.5], [0.5, 1.0]]), n_folds=5)
    array([[0.6, 0.5],
           [0.5, 0.6]])
    """
    n_members = len(products)
    if n_folds == 1 or n_members == 1:
        return products
    own = np.diag(products)
    others = (products.sum(axis=1) - own) / (n_members - 1)
    shared = np.clip(others, 0.0, own)  # errors of two members of a kind
    whole = products.copy()
    np.fill_diagonal(whole, own / n_folds + (1 - 1 / n_folds) * shared)
    values, vectors = np.linalg.eigh(whole)
    positive: NDArray[np.float64] = (vectors * values.clip(0)) @ vectors.T
    return positive


@torch.inference_mode()
def products_of_errors(
    network: Network, inputs: Inputs, z: Tensor, weight: Tensor
) -> NDArray[np.float64]:
    """Return the mean products of the errors of the members, (n_members, n_members).

    Parameters
    ----------
    network : Network
    inputs : Inputs
    z : float64 Tensor of shape (n_samples,)
        Standardised targets.
    weight : Tensor of shape (n_samples,)
    """
    n_members = network.n_members
    products = torch.zeros(n_members, n_members, dtype=torch.float64, device="cpu")
    weight = weight / weight.sum()
    for start in range(0, len(inputs), N_HELD):
        some = slice(start, start + N_HELD)
        errors = network.member_errors(inputs[some], z[some])
        weighted = errors * weight[some, None].to(errors)
        products += torch.einsum("mbe,nbe->mn", weighted, errors).cpu()
    return products.numpy()


def ensemble_weights(
    products: NDArray[np.float64], n_samples: float
) -> NDArray[np.float64]:
    r"""Return the weights of members that give their mixture the lowest CRPS.

    The CRPS of a mixture :math:`\sum_k w_k F_k` is quadratic in the weights,

    .. math:: \int \Bigl(\sum_k w_k F_k(t) - 1[y \le t]\Bigr)^2 dt = w^\top G w,
        \qquad G_{kl} = \int (F_k(t) - 1[y \le t]) (F_l(t) - 1[y \le t]) \, dt,

    so the best weights that are not negative and add to one solve a small non-negative
    least-squares problem. They are shrunk towards equal ones, by a prior worth fifty
    samples on which the errors of all members are alike and independent. For numbers
    in place of distributions it is the squared error that is quadratic.

    Parameters
    ----------
    products : array of shape (n_members, n_members)
        Mean of :math:`G` over samples, times any constant.
    n_samples : float
        How many samples these are; with weights, how many they are worth.

    Returns
    -------
    weights : array of shape (n_members,)

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_genre.calibration import ensemble_weights
    >>> ensemble_weights(np.diag([1.0, 1.0, 7.0]), n_samples=500).round(2)
    array([0.46, 0.46, 0.08])
    """
    n_members = len(products)
    mean = np.trace(products) / n_members
    if not 0 < mean < np.inf:  # all are perfect, or none is worth more
        return np.full(n_members, 1 / n_members)
    root = cholesky(products / mean + PRIOR_SAMPLES / n_samples * np.eye(n_members))
    # the minimum of w'Gw - 2 sum(w), of which only the direction counts
    weights = nnls(root, solve_triangular(root, np.ones(n_members), trans="T"))[0]
    normalised: NDArray[np.float64] = weights / weights.sum()
    return normalised
