"""Weights of the members of an ensemble, from the validation part."""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import nnls
from torch import Tensor

from sklearn_genre.networks._network import DecodingNetwork

# Weights are drawn towards equal ones by as many rows more on which all members err
# alike and independently: without them few validation rows would lead far away.
PRIOR_ROWS = 50
# Rows whose errors are held at once.
CHUNK = 1024


@torch.inference_mode()
def products_of_errors(
    network: DecodingNetwork, X: Tensor, z: Tensor, weight: Tensor
) -> NDArray[np.float64]:
    """Return the mean products of the errors of the members of a network.

    Parameters
    ----------
    network : DecodingNetwork
    X : Tensor of shape (n_samples, n_columns)
        Encoded rows.
    z : float64 Tensor of shape (n_samples,)
        Standardised targets.
    weight : Tensor of shape (n_samples,)
        Weights of the rows.

    Returns
    -------
    products : array of shape (n_members, n_members)
    """
    decoder = network.decoder
    products = torch.zeros(decoder.n_members, decoder.n_members, dtype=torch.float64)
    columns = (X, z, weight / weight.sum())
    parts = (column.split(CHUNK) for column in columns)
    for rows, targets, share in zip(*parts, strict=True):
        errors = decoder.member_errors(network.context(rows), targets)
        weighted = errors * share[:, None]
        products += torch.einsum("mbe,nbe->mn", weighted, errors).cpu()
    return products.numpy()


def pool_weights(products: NDArray[np.float64], n_rows: float) -> NDArray[np.float64]:
    r"""Return the weights of members with which their mixture has the lowest CRPS.

    The CRPS of a mixture :math:`\sum_k w_k F_k` is quadratic in the weights,

    .. math:: \int \Bigl(\sum_k w_k F_k(t) - 1[y \le t]\Bigr)^2 dt = w^\top G w,
        \qquad G_{kl} = \int (F_k(t) - 1[y \le t]) (F_l(t) - 1[y \le t]) \, dt,

    so the best weights that are not negative and add to one are those of a small
    non-negative least-squares problem. Fifty rows more on which all members err alike
    and independently draw the weights together.

    Parameters
    ----------
    products : array of shape (n_members, n_members)
        Mean of :math:`G` over rows, times any constant.
    n_rows : float
        How many rows these are; of rows with weights, how many they are worth.

    Returns
    -------
    weights : array of shape (n_members,)

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_genre.networks._pooling import pool_weights
    >>> pool_weights(np.diag([1.0, 1.0, 7.0]), n_rows=500).round(2)
    array([0.46, 0.46, 0.08])
    """
    n_members = len(products)
    mean = np.trace(products) / n_members
    if not 0 < mean < np.inf:  # all are perfect, or none is worth more
        return np.full(n_members, 1 / n_members)
    root = cholesky(products / mean + PRIOR_ROWS / n_rows * np.eye(n_members))
    # the minimum of w'Gw - 2 sum(w), of which only the direction counts
    weights = nnls(root, solve_triangular(root, np.ones(n_members), trans="T"))[0]
    normalised: NDArray[np.float64] = weights / weights.sum()
    return normalised
