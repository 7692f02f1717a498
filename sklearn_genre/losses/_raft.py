"""Regression-aware fine-tuning: the expected number over a grid, with squared error."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from sklearn_genre._checks import shown
from sklearn_genre._objective import Objective
from sklearn_genre.inputs import Data
from sklearn_genre.losses._expected_number import LogLoss, SquaredError
from sklearn_genre.outputs import (
    DigitOutput,
    Grid,
    check_grid,
    finite_numbers,
    leaves_of,
)
from sklearn_genre.targets import TargetScaler
from sklearn_genre.tokenizers import MAX_STRINGS, Tokenizer

# Levels of the training target whose quantiles make grid="quantiles".
N_QUANTILES = 64
OF_MEAN = ("squared_error", "log")
GRIDS = ("tree", "quantiles")

Array = NDArray[np.float64]


class RAFT(Objective):
    r"""Squared error of the expected number, which is also the prediction [1]_.

    .. math:: \ell = \bigl(y - \hat y(x)\bigr)^2, \qquad
        \hat y(x) = a + \sum_{j} p(\operatorname{str}(y_j) \mid x)\,(w_j - a),
        \qquad w_j = y_j.

    The sum runs over all token sequences or over a grid of numbers, scored by teacher
    forcing. Mass outside the grid counts as `a`, the smallest training target: in the
    paper, whose numbers start near 0, it counts as 0. A grid that holds the smallest
    and the largest target can express every conditional mean (Lemma 3 of the paper),
    and so can the largest alone. The loss asks for the mean alone and leaves the spread
    of the digits free.

    It carries its inference rule: an estimator that was trained by it predicts
    :math:`\hat y(x)` (RAIL [2]_), at temperature 1.

    Parameters
    ----------
    grid : {"tree", "quantiles"} or array-like of shape (n_grid,), default="tree"
        Numbers the expectation is read from. ``"tree"``: all, for formats of at most
        4,096 token sequences. ``"quantiles"``: the training targets at 64 levels, both
        ends included, for larger formats. An array: these numbers, in the units of the
        target, each with tokens of its own; fewer are faster. All must lie within the
        range of the format, that of the training target and its margin. A fold of a
        cross-validation may lack the ends of `y`: take ``"quantiles"`` there, or inner
        numbers.
    normalize : bool, default=False
        Whether the probabilities on the grid are divided by their sum, so that mass
        outside it counts as the mean of the rest. A single number would then be the
        prediction of every sample, and is refused. Without effect on the tree.
    learnable : bool, default=False
        Whether the numbers w are trained, from those of the grid; weight decay pulls
        them there. The paper finds no gain.
    loss : {"squared_error", "log"}, default="squared_error"
        ``"log"``: the cross-entropy of the mean, scaled to [0, 1] by the training
        range; errors near both ends weigh more.
    values : array-like of shape (n_grid,), default=None
        Numbers w that the sequences of the grid stand for in place of their own, in the
        units of the target and the order of the grid: reversed or arbitrary ones show
        what the order of the digits is worth.

    References
    ----------
    .. [1] Lukasik et al., "Better Autoregressive Regression with LLMs via
           Regression-Aware Fine-Tuning" (RAFT), ICLR 2025.
    .. [2] Lukasik et al., "Regression-aware Inference with LLMs" (RAIL), Findings of
           EMNLP 2024, arXiv:2403.04182.

    Examples
    --------
    >>> from sklearn_genre import DecodingRegressor
    >>> from sklearn_genre.losses import RAFT
    >>> model = DecodingRegressor("ieee", fine_tuning=RAFT(grid="quantiles"))
    >>> model.get_params()["fine_tuning__grid"]
    'quantiles'
    """

    def __init__(
        self,
        grid: Any = "tree",
        *,
        normalize: bool = False,
        learnable: bool = False,
        loss: str = "squared_error",
        values: ArrayLike | None = None,
    ) -> None:
        self.grid = grid
        self.normalize = normalize
        self.learnable = learnable
        self.loss = loss
        self.values = values

    def check(self, tokenizer: Tokenizer) -> None:
        """Raise ``ValueError`` or ``TypeError`` if an option is not valid."""
        for name in ("normalize", "learnable"):
            value = getattr(self, name)
            if not isinstance(value, bool | np.bool_):
                raise TypeError(
                    f"RAFT.{name} must be True or False, got {shown(value, repr)}."
                )
        if self.loss not in OF_MEAN:
            raise ValueError(
                f"RAFT.loss must be one of {OF_MEAN}, got {shown(self.loss, repr)}."
            )
        if isinstance(self.grid, str) and self.grid not in GRIDS:
            raise ValueError(
                f"RAFT.grid must be one of {GRIDS} or an array, got "
                f"{shown(self.grid, repr)}."
            )

    def rule(self, tokenizer: Tokenizer, scaler: TargetScaler, data: Data) -> Grid:
        """Return the grid, with the numbers that its sequences stand for."""
        tokens, z = self._grid(tokenizer, scaler, data)
        values = None
        if self.values is not None:
            values = scaler.transform(check_values(self.values, len(z)))
        low = tokenizer.low_ if scaler.increasing_ else tokenizer.high_
        return Grid(
            tokens,
            z,
            float(low),
            normalize=bool(self.normalize),
            learnable=bool(self.learnable),
            values=values,
        )

    def losses(self, dist: DigitOutput, target: Tensor) -> Tensor:
        """Return the loss of the expected number of each sample, shape (batch,)."""
        mean = dist.expectation()
        if self.loss == "log":
            ends = dist.tokenizer.low_, dist.tokenizer.high_
            return LogLoss(*ends).of_mean(mean, target)
        return SquaredError().of_mean(mean, target)

    def _grid(
        self, tokenizer: Tokenizer, scaler: TargetScaler, data: Data
    ) -> tuple[NDArray[np.int64] | None, Array]:
        """Return the sequences of the grid, None for all, and their scaled numbers."""
        if not isinstance(self.grid, str):
            normalize = bool(self.normalize)
            grid = check_grid(self.grid, tokenizer, scaler, normalize=normalize)
            z = scaler.transform(grid)
            return tokenizer.encode(z).numpy(), z
        if self.grid == "tree":
            return None, tree_numbers(tokenizer)
        levels = np.linspace(0, 1, N_QUANTILES)
        y = np.quantile(data.y, levels, weights=data.weight, method="inverted_cdf")
        sequences = tokenizer.encode(scaler.transform(y)).unique(dim=0)
        numbers, order = tokenizer.decode(sequences).sort()
        return sequences[order].numpy(), numbers.numpy()


def tree_numbers(tokenizer: Tokenizer) -> Array:
    """Return all numbers of a format, ascending, or say that there are too many."""
    leaves = leaves_of(tokenizer, torch.device("cpu"), MAX_STRINGS)
    if leaves is None:
        raise ValueError(
            f"RAFT(grid='tree') sums over all token sequences, at most {MAX_STRINGS}; "
            f"{tokenizer} has {tokenizer.n_strings}. Use RAFT(grid='quantiles'), an "
            "array of numbers, or fewer or shorter digits."
        )
    return leaves.values.numpy()


def check_values(values: ArrayLike, n_grid: int) -> Array:
    """Return the numbers attached to a grid, one for each sequence.

    Raises
    ------
    ValueError
        If they are not 1-dimensional, not finite, or not as many as the grid has.
    """
    numbers = finite_numbers(values, "RAFT.values")
    if len(numbers) != n_grid:
        raise ValueError(
            f"RAFT.values has {len(numbers)} numbers, the grid has {n_grid}. Give one "
            "number for each entry of the grid."
        )
    return numbers
