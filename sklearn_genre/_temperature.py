"""One temperature for the predictions of a trained network."""

from collections.abc import Callable, Iterable, Iterator
from numbers import Real
from typing import Any, ClassVar

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from sklearn.utils import gen_batches
from torch import Tensor

from sklearn_genre._base import CHUNK, Interval, Rows, StrOptions
from sklearn_genre._training import Stage
from sklearn_genre.distributions import atoms_of

# Binary logarithms of the temperatures that are tried first; how many more are tried
# around the best of them.
TRIED = (0, -3, -2, -1, 1, 2, 3)
N_REFINEMENTS = 16
# Temperatures beyond would overflow logits, or give mass to tokens that are ruled out.
LOWEST, HIGHEST = 1e-6, 1e6

# Distributions of a block of rows, and how many of the rows are real.
Block = tuple[Any, int]


class TemperatureMixin:
    """The parameter `temperature`.

    Stands before ``BaseDistributionRegressor`` among the bases of an estimator whose
    network returns distributions with ``at_temperature``.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "temperature": [
            Interval(Real, LOWEST, HIGHEST, closed="both"),
            StrOptions({"validation"}),
        ],
    }

    temperature: Any
    early_stopping: Any
    _encode: Callable[..., Tensor]
    _distribution: Callable[..., Any]

    def _train(self, stages: list[Stage], rows: Rows, validation: Rows | None) -> None:
        """Train at temperature 1, if what comes after is possible."""
        if self.temperature == "validation" and validation is None:
            raise ValueError(
                "temperature='validation' needs a validation part, and early_stopping="
                f"{self.early_stopping!r} sets none of {len(rows.y)} rows aside. Set "
                "early_stopping=True, or give fit X_val and y_val."
            )
        self.temperature_ = 1.0
        super()._train(stages, rows, validation)  # type: ignore[misc]

    def _after_training(self, rows: Rows, validation: Rows | None) -> None:
        """Set the temperature."""
        super()._after_training(rows, validation)  # type: ignore[misc]
        if self.temperature != "validation":
            self.temperature_ = float(self.temperature)
        elif validation is not None:
            self.temperature_ = self._best_temperature(validation)

    @torch.inference_mode()
    def _best_temperature(self, rows: Rows) -> float:
        """Return the temperature of the lowest CRPS; the encoder runs only once."""
        encoded = self._encode(rows.X)
        parts = [
            (part, list(self._blocks(encoded[part])))
            for part in gen_batches(len(rows.y), CHUNK)
        ]

        def crps(temperature: float) -> float:
            scores = [
                self._distribution(atoms_of(at_temperature(blocks, temperature))).crps(
                    rows.y[part]
                )
                for part, blocks in parts
            ]
            return float(np.average(np.concatenate(scores), weights=rows.weight))

        return best_temperature(crps)

    def _blocks(self, encoded: Tensor) -> Iterator[Block]:
        """Return the distributions of a block of rows at the temperature."""
        blocks = super()._blocks(encoded)  # type: ignore[misc]
        return at_temperature(blocks, self.temperature_)


def at_temperature(blocks: Iterable[Block], temperature: float) -> Iterator[Block]:
    """Yield distributions, and how many rows are real, at a temperature."""
    return ((dist.at_temperature(temperature), n) for dist, n in blocks)


def best_temperature(score: Callable[[float], float]) -> float:
    """Return the temperature of the lowest score among those tried, 1 if in doubt.

    A coarse grid from 1/8 to 8 that holds 1, then a bounded search around its best.

    Parameters
    ----------
    score : callable
        Maps a temperature to a number; lower is better.

    Returns
    -------
    temperature : float

    Examples
    --------
    >>> from sklearn_genre._temperature import best_temperature
    >>> round(best_temperature(lambda t: (t - 3.0) ** 2), 2)
    3.0
    >>> best_temperature(lambda t: 0.0)
    1.0
    """
    scores: dict[float, float] = {}

    def tried(exponent: float) -> float:
        temperature = float(2.0**exponent)
        if temperature not in scores:
            scores[temperature] = score(temperature)
        return scores[temperature]

    best = min(TRIED, key=tried)
    minimize_scalar(
        tried,
        bounds=(max(best - 1, min(TRIED)), min(best + 1, max(TRIED))),
        method="bounded",
        options={"maxiter": N_REFINEMENTS, "xatol": 1e-3},
    )
    return min(scores, key=scores.__getitem__)
