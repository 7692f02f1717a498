"""Expected numbers over chosen token sequences."""

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from sklearn_genre._checks import shown
from sklearn_genre.targets import TargetScaler
from sklearn_genre.tokenizers import Tokenizer

# Token sequences of a sample that pass through the decoder together while predicting.
N_SCORED = 256
# How far a grid may reach beyond the format, as a share of its range: rounding noise.
SLACK = 1e-9

Array = NDArray[np.float64]


class Grid(nn.Module):
    """Token sequences whose probabilities, times a number each, make the prediction.

    Everything is float64 and standardised. Learned numbers are stored as their shift
    from the first ones, so that weight decay pulls them there and not to zero.

    Parameters
    ----------
    tokens : array-like of shape (n_grid, length) or None
        The sequences; None means every number of a format that can be enumerated.
    numbers : array-like of shape (n_grid,)
        What the sequences are written for.
    low : float
        What the mass outside the grid counts as.
    normalize : bool
        Whether the probabilities are divided by their sum.
    learnable : bool
        Whether the numbers that they stand for are trained.
    values : array-like of shape (n_grid,), default=None
        What the sequences stand for, if not their own numbers.
    """

    tokens: Tensor | None
    numbers: Tensor
    values: Tensor
    shift: nn.Parameter | None

    def __init__(
        self,
        tokens: ArrayLike | None,
        numbers: ArrayLike,
        low: float,
        *,
        normalize: bool = False,
        learnable: bool = False,
        values: ArrayLike | None = None,
    ) -> None:
        super().__init__()
        self.options = {
            "tokens": tokens,
            "numbers": numbers,
            "low": low,
            "normalize": normalize,
            "learnable": learnable,
            "values": values,
        }
        born: dict[str, Any] = {"dtype": torch.float64, "device": "cpu"}
        sequences = None if tokens is None else torch.as_tensor(tokens, device="cpu")
        self.register_buffer("tokens", sequences, persistent=False)
        numbers = torch.as_tensor(numbers, **born)
        self.register_buffer("numbers", numbers, persistent=False)
        own = numbers if values is None else torch.as_tensor(values, **born)
        self.register_buffer("values", own, persistent=False)
        shift = nn.Parameter(torch.zeros_like(numbers)) if learnable else None
        self.register_parameter("shift", shift)
        self.low = low
        self.normalize = normalize
        self.reads_all = tokens is None
        self.is_mean = self.reads_all and values is None and not learnable

    @property
    def weights(self) -> Tensor:
        """What each sequence stands for as it is now, shape (n_grid,)."""
        return self.values if self.shift is None else self.values + self.shift

    def probs(self, dist: Any) -> Tensor:
        """Return the probability of each sequence, (batch, n_grid), float64."""
        if self.tokens is None:
            probs: Tensor = dist.support().probs
            return probs
        return sequence_probs(dist, self.tokens, self.normalize)

    def mean(self, dist: Any) -> Tensor:
        """Return the differentiable expected number of each sample, (batch,)."""
        if self.is_mean:
            mean: Tensor = dist.support().mean
            return mean
        return expected_number(self.probs(dist), self.weights, self.low)


def sequence_probs(dist: Any, tokens: Tensor, normalize: bool) -> Tensor:
    """Return probabilities of token sequences, (batch, n), float64.

    Without gradient some at a time, to save memory.

    Parameters
    ----------
    dist : TokenDistribution
    tokens : int64 Tensor of shape (n, length)
    normalize : bool
        Whether the probabilities are divided by their sum.
    """
    n_together = len(tokens) if torch.is_grad_enabled() else N_SCORED
    parts = [
        dist.token_log_probs(part[:, None].expand(-1, dist.batch_size, -1))
        for part in tokens.split(n_together)
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
    >>> from sklearn_genre.outputs import expected_number
    >>> expected_number(np.array([[0.5, 0.25]]), np.array([2.0, 6.0]), low=1.0)
    array([2.75])
    """
    return low + (probs * (weights - low)).sum(-1)


def check_grid(
    grid: ArrayLike, tokenizer: Tokenizer, scaler: TargetScaler, *, normalize: bool
) -> Array:
    """Return the numbers of a grid, each with tokens of its own.

    Parameters
    ----------
    grid : array-like of shape (n_grid,)
        In the units of y.
    tokenizer : Tokenizer
    scaler : TargetScaler
        Both fitted.
    normalize : bool
        Whether the probabilities will be divided by their sum.

    Returns
    -------
    grid : float64 array of shape (n_grid,)

    Raises
    ------
    ValueError
        If the grid is not 1-dimensional, empty or not finite, if a number is outside
        the range that can be written, if two are written alike, or if there is one
        number alone and it is normalised.
    """
    numbers = finite_numbers(grid, "grid")
    low, high = _writable_range(tokenizer, scaler)
    slack = SLACK * (high - low)
    outside = (numbers < low - slack) | (numbers > high + slack)
    if outside.any():
        raise ValueError(
            f"grid holds {numbers[outside][0]}, outside of what {tokenizer} can write "
            f"after these training targets: {low} to {high}. The nearest that works is "
            f"{np.clip(numbers[outside][0], low, high)}; leave it out if the grid has "
            "that."
        )
    tokens = tokenizer.encode(scaler.transform(numbers)).numpy()
    _, inverse, counts = np.unique(
        tokens, axis=0, return_inverse=True, return_counts=True
    )
    alike = numbers[inverse.reshape(-1) == counts.argmax()]  # 2-d in numpy 2.0
    if len(alike) > 1:
        raise ValueError(
            f"grid holds {alike[0]} and {alike[1]}, which {tokenizer} writes alike. "
            "Leave one out or write numbers with more digits."
        )
    if normalize and len(numbers) == 1:
        raise ValueError(
            f"grid={numbers.tolist()}, normalised, predicts {numbers[0]} for every "
            "sample, because a probability divided by itself is 1. Do not normalise, "
            "or give more numbers."
        )
    return numbers


def finite_numbers(values: ArrayLike, name: str) -> Array:
    """Return finite numbers in one dimension, at least one."""
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(
            f"{name} must hold numbers, got {shown(values, repr)}."
        ) from None
    if numbers.ndim != 1 or not len(numbers):
        raise ValueError(
            f"{name} must hold at least one number in one dimension, got shape "
            f"{numbers.shape}."
        )
    if not (finite := np.isfinite(numbers)).all():
        raise ValueError(f"{name} must be finite, got {numbers[~finite][0]}.")
    return numbers


def _writable_range(tokenizer: Tokenizer, scaler: TargetScaler) -> tuple[float, float]:
    """Return the smallest and largest target that has tokens of its own."""
    ends = tokenizer.decode(tokenizer.encode([-np.inf, np.inf])).numpy()
    low, high = min(ends[0], tokenizer.low_), max(ends[1], tokenizer.high_)
    with np.errstate(over="ignore"):
        low, high = np.sort(scaler.inverse_transform(np.array([low, high])))
    return float(low), float(high)
