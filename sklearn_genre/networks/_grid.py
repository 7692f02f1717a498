"""Expected numbers over chosen strings."""

from typing import Any

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

# Strings of a row that pass through the decoder together while predicting.
LANES = 256


class Grid(nn.Module):
    """Strings whose probabilities, times a number each, make the prediction.

    Everything is float64 and standardised. Learned numbers are stored as their shift
    from the first ones, so that weight decay pulls them there and not to zero.

    Parameters
    ----------
    tokens : array-like of shape (n_grid, length) or None
        The strings; None means every number of a format that can be enumerated.
    numbers : array-like of shape (n_grid,)
        Number of each string.
    low : float
        What the mass outside the grid counts as.
    normalize : bool
        Whether the probabilities are divided by their sum.
    learnable : bool
        Whether the numbers are trained.
    """

    tokens: Tensor | None
    numbers: Tensor
    shift: nn.Parameter | None

    def __init__(
        self,
        tokens: ArrayLike | None,
        numbers: ArrayLike,
        low: float,
        *,
        normalize: bool,
        learnable: bool,
    ) -> None:
        super().__init__()
        strings = None if tokens is None else torch.as_tensor(tokens)
        numbers = torch.as_tensor(numbers, dtype=torch.float64)
        self.register_buffer("tokens", strings, persistent=False)
        self.register_buffer("numbers", numbers, persistent=False)
        shift = nn.Parameter(torch.zeros_like(numbers)) if learnable else None
        self.register_parameter("shift", shift)
        self.low = low
        self.normalize = normalize

    @property
    def weights(self) -> Tensor:
        """Number of each string as it is now, shape (n_grid,)."""
        return self.numbers if self.shift is None else self.numbers + self.shift

    def probs(self, dist: Any) -> Tensor:
        """Return the probability of each string, (batch, n_grid), float64."""
        if self.tokens is None:
            probs: Tensor = dist.atoms().probs
            return probs
        return string_probs(dist, self.tokens, self.normalize)

    def mean(self, dist: Any) -> Tensor:
        """Return the differentiable expected number of each row, (batch,)."""
        mean: Tensor = expected_number(self.probs(dist), self.weights, self.low)
        return mean


def string_probs(dist: Any, tokens: Tensor, normalize: bool) -> Tensor:
    """Return probabilities of strings, (batch, n), float64.

    Without gradient some strings at a time, to save memory.

    Parameters
    ----------
    dist : TokenDistribution
    tokens : int64 Tensor of shape (n, length)
    normalize : bool
        Whether the probabilities are divided by their sum.
    """
    lanes = len(tokens) if torch.is_grad_enabled() else LANES
    parts = [
        dist.token_log_probs(part[:, None].expand(-1, len(dist.context), -1))
        for part in tokens.split(lanes)
    ]
    log_probs = torch.cat([part.double().sum(-1) for part in parts]).T  # (batch, n)
    return log_probs.softmax(-1) if normalize else log_probs.exp()


def expected_number(probs: Any, weights: Any, low: Any) -> Any:
    """Return expected numbers, the mass that is missing to one standing for low.

    Parameters
    ----------
    probs : array or Tensor of shape (batch, n_grid)
    weights : array or Tensor of shape (n_grid,)
    low : float

    Returns
    -------
    mean : array or Tensor of shape (batch,)

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_genre.networks import expected_number
    >>> expected_number(np.array([[0.5, 0.25]]), np.array([2.0, 6.0]), low=1.0)
    array([2.75])
    """
    return low + (probs * (weights - low)).sum(-1)
