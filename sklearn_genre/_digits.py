"""What the estimators that write digits share."""

import warnings
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sklearn_genre._base import BaseDistributionRegressor, StrOptions
from sklearn_genre._registry import factory, resolve
from sklearn_genre._training import Stage
from sklearn_genre.encoders import ENCODERS
from sklearn_genre.networks import DECODERS, DecodingNetwork, decoding_network
from sklearn_genre.tokenizers import TOKENIZERS, Tokenizer

# Share of the targets beyond the fitted range above which a warm start warns.
MAX_OUTSIDE = 0.01


class DigitsMixin:
    """A tokenizer, a digit decoder and greedy decoding.

    Stands before ``BaseDistributionRegressor`` among the bases of an estimator.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseDistributionRegressor._parameter_constraints,
        "tokenizer": [StrOptions(set(TOKENIZERS)), Tokenizer],
        "decoder": [StrOptions(set(DECODERS)), callable],
    }

    _structural: ClassVar[tuple[str, ...]] = (
        "tokenizer",
        "decoder",
        *BaseDistributionRegressor._structural,
    )
    _architectural: ClassVar[tuple[str, ...]] = (
        "decoder",
        *BaseDistributionRegressor._architectural,
    )

    tokenizer: Any
    decoder: Any
    feature_encoder_: Any
    target_scaler_: Any
    _architecture: dict[str, Any]
    _blocks: Callable[..., Any]

    def _fit_head(self, z: NDArray[np.float64], weight: NDArray[np.float64]) -> None:
        """Learn the number format."""
        self.tokenizer_ = resolve(self.tokenizer, TOKENIZERS)
        self.tokenizer_.fit(z)

    def _new_network(self) -> DecodingNetwork:
        """Return encoder and decoder with fresh weights."""
        return decoding_network(
            factory(self._architecture["encoder"], ENCODERS),
            factory(self._architecture["decoder"], DECODERS),
            self.tokenizer_,
            self.feature_encoder_.n_numeric_,
            self.feature_encoder_.cardinalities_,
        )

    def _check_stages(self, stages: list[Stage]) -> None:
        """Raise ``ValueError`` if an objective is unfit for the tokenizer."""
        for stage in stages:
            stage.objective.check(self.tokenizer_)

    def _warn_out_of_range(self, y: NDArray[np.float64]) -> None:
        """Warn if the scales of the first fit do not reach the new targets."""
        z = self.target_scaler_.transform(y)
        low, high = self.tokenizer_.low_, self.tokenizer_.high_
        outside = float(np.mean((z < low) | (z > high)))
        if outside > MAX_OUTSIDE:
            warnings.warn(
                f"warm_start=True keeps the range of the first fit, and {outside:.0%} "
                "of the new targets lie outside of it: they are trained as its ends.",
                stacklevel=4,
            )

    def _points(self) -> dict[str, Callable[[Tensor], NDArray[np.float64]]]:
        """Return what ``predict`` can compute, greedy decoding included."""
        points = super()._points()  # type: ignore[misc]
        return {**points, "greedy": self._greedy}

    @torch.inference_mode()
    def _greedy(self, encoded: Tensor) -> NDArray[np.float64]:
        """Return the greedy number of encoded rows, in the units of y."""
        numbers = [dist.numbers(dist.greedy())[:n] for dist, n in self._blocks(encoded)]
        greedy: NDArray[np.float64] = self.target_scaler_.inverse_transform(
            torch.cat(numbers).cpu().numpy()
        )
        return greedy
