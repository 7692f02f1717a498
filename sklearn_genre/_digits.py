"""What the estimators that write digits share."""

import warnings
from collections.abc import Callable
from functools import partial
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state, check_scalar
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from sklearn_genre._base import BLOCK, BaseDistributionRegressor, Rows, StrOptions
from sklearn_genre._registry import factory, resolve
from sklearn_genre._targets import TargetScaler
from sklearn_genre._training import Row, Stage
from sklearn_genre.distributions import TokenDistribution
from sklearn_genre.encoders import ENCODERS
from sklearn_genre.networks import (
    DECODERS,
    DecodingNetwork,
    decoding_network,
    expected_number,
    string_probs,
)
from sklearn_genre.networks._grid import LANES
from sklearn_genre.networks._pooling import pool_weights, products_of_errors
from sklearn_genre.tokenizers import TOKENIZERS, Tokenizer

# Share of the targets beyond the fitted range above which a warm start warns.
MAX_OUTSIDE = 0.01
# How far a grid may reach beyond the format, as a share of its range: rounding noise.
SLACK = 1e-9

AGGREGATES: dict[str, Callable[..., Any]] = {"mean": np.mean, "median": np.median}

Array = NDArray[np.float64]


class DigitsMixin:
    """A tokenizer, a digit decoder, and predictions from strings.

    Stands before ``BaseDistributionRegressor`` among the bases of an estimator.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseDistributionRegressor._parameter_constraints,
        "tokenizer": [StrOptions(set(TOKENIZERS)), Tokenizer],
        "decoder": [StrOptions({"auto", *DECODERS}), callable],
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
    _network: Any
    _blocks: Callable[..., Any]
    _map: Callable[..., list[Any]]
    _tensor: Callable[..., Tensor]

    def predict_from_samples(
        self,
        X: Any,
        n_samples: int = 32,
        *,
        aggregate: str = "mean",
        random_state: Any = 0,
    ) -> Array:
        """Predict the mean or median of sampled numbers, as the papers do.

        Each number is a string drawn token by token from the next-token probabilities,
        at the temperature of the distribution. The mean of many is RAIL by sampling
        [1]_. It tends to ``predict_distribution(X).mean()``, which has no noise of
        sampling and is ``predict(X)`` but for a ``RAFTRegressor`` with a grid or a
        temperature. Meant for comparisons.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples_X, n_features)
        n_samples : int, default=32
            Numbers drawn per row. The standard error of the mean is the standard
            deviation of the row's distribution over the root of it.
        aggregate : {"mean", "median"}, default="mean"
            What is made of the numbers, once clipped and in the units of the target.
            The median is robust where a format can write far outliers.
        random_state : int, RandomState instance or None, default=0
            Source of the draws.

        Returns
        -------
        y : float64 array of shape (n_samples_X,)

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError, ValueError
            If an option is not valid.

        Notes
        -----
        The draws of a row depend on the seed and on its features alone: not on other
        rows, nor on the order. Equal rows get equal draws. No global generator is used.

        References
        ----------
        .. [1] Lukasik et al., "Regression-aware Inference with LLMs" (RAIL), Findings
               of EMNLP 2024, arXiv:2403.04182.

        Examples
        --------
        >>> from sklearn.datasets import make_regression
        >>> from sklearn_genre import DecodingRegressor
        >>> X, y = make_regression(100, 3, random_state=0)
        >>> model = DecodingRegressor(pretraining_epochs=2, fine_tuning=None).fit(X, y)
        >>> model.predict_from_samples(X[:2], 64, aggregate="median").shape
        (2,)
        """
        check_is_fitted(self)
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        if aggregate not in [*AGGREGATES]:
            raise ValueError(
                f"aggregate must be one of {[*AGGREGATES]}, got {aggregate!r}."
            )
        random = check_random_state(random_state)
        seed = int(random.randint(np.iinfo(np.int32).max))
        read = partial(
            self._aggregated,
            n_samples=int(n_samples),
            seed=seed,
            aggregate=AGGREGATES[aggregate],
        )
        return np.concatenate(self._map(X, read))

    def predict_from_grid(
        self, X: Any, grid: ArrayLike, *, normalize: bool = False
    ) -> Array:
        r"""Predict the expected number over a grid: RAIL by scoring [1]_.

        .. math:: \hat y(x) = a + \sum_j p(\operatorname{str}(y_j) \mid x)\,(y_j - a)

        The string of each number is scored by teacher forcing. Mass outside the grid
        counts as `a`, the smallest training target (as in ``RAFTRegressor``; Eq. 5 of
        [2]_, whose numbers start near 0, counts it as 0). Probabilities are at the
        temperature of the distribution. On the grid that a ``RAFTRegressor`` was
        fitted with, this is its ``predict(X)``, unless the temperature is not 1 or its
        numbers were learned or given.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
        grid : array-like of shape (n_grid,)
            Numbers in the units of the target, each with a string of its own. The
            finer, the nearer to ``predict(X)``; the time grows in proportion.
        normalize : bool, default=False
            Whether the probabilities are divided by their sum, so that mass outside
            the grid counts as the mean of the rest: better for a grid that leaves out
            much of it. A single number would then be the prediction whatever the row,
            and is refused.

        Returns
        -------
        y : float64 array of shape (n_samples,)

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError, ValueError
            If `normalize` is no bool, or the grid is empty, not 1-dimensional, not
            finite, beyond what the format can write, holds two numbers that are
            written alike, or a single one that is normalised.

        References
        ----------
        .. [1] Lukasik et al., "Regression-aware Inference with LLMs" (RAIL), Findings
               of EMNLP 2024, arXiv:2403.04182.
        .. [2] Lukasik et al., "Better Autoregressive Regression with LLMs via
               Regression-Aware Fine-Tuning" (RAFT), ICLR 2025.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import make_regression
        >>> from sklearn_genre import DecodingRegressor
        >>> X, y = make_regression(100, 3, random_state=0)
        >>> model = DecodingRegressor(pretraining_epochs=2, fine_tuning=None).fit(X, y)
        >>> grid = np.linspace(y.min(), y.max(), 5)
        >>> model.predict_from_grid(X[:2], grid, normalize=True).shape
        (2,)
        """
        check_is_fitted(self)
        check_scalar(normalize, "normalize", (bool, np.bool_))
        scaler, tokenizer = self.target_scaler_, self.tokenizer_
        z = scaler.transform(
            check_grid(grid, tokenizer, scaler, normalize=bool(normalize))
        )
        tokens = tokenizer.encode(z).to(next(self._network.parameters()).device)
        read = partial(
            self._expected,
            numbers=scaler.inverse_transform(z),
            probs=partial(string_probs, tokens=tokens, normalize=bool(normalize)),
        )
        return np.concatenate(self._map(X, read))

    def _fit_head(self, z: NDArray[np.float64], weight: NDArray[np.float64]) -> None:
        """Learn the number format."""
        self.tokenizer_ = resolve(self.tokenizer, TOKENIZERS)
        self.tokenizer_.fit(z)

    def _new_network(self) -> DecodingNetwork:
        """Return encoder and decoder with fresh weights."""
        return new_decoding_network(self)

    def _check_stages(self, stages: list[Stage]) -> None:
        """Raise ``ValueError`` if an objective is unfit for the tokenizer."""
        for stage in stages:
            stage.objective.check(self.tokenizer_)

    def _scores(self, encoded: Tensor, z: Array, y: Array, weight: Array) -> Row:
        """Weigh the members of the decoder and return the scores, on validation rows.

        The weights are part of the state that is selected and restored.
        """
        decoder = self._network.decoder
        if decoder.n_members > 1:
            self._network.eval()
            columns = encoded, self._tensor(z, torch.float64), self._tensor(weight)
            products = products_of_errors(self._network, *columns)
            n_rows = weight.sum() ** 2 / (weight**2).sum()
            decoder.weigh(self._tensor(pool_weights(products, n_rows)))
        scores: Row = super()._scores(encoded, z, y, weight)  # type: ignore[misc]
        return scores

    def _after_training(self, rows: Rows, validation: Rows | None) -> None:
        """Let the members count alike if there is no validation part."""
        super()._after_training(rows, validation)  # type: ignore[misc]
        decoder = self._network.decoder
        if decoder.n_members > 1 and validation is None:
            alike = np.full(decoder.n_members, 1 / decoder.n_members)
            decoder.weigh(self._tensor(alike))

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

    @property
    def _lowest(self) -> float:
        """Smallest training target, scaled."""
        tokenizer = self.tokenizer_
        low = tokenizer.low_ if self.target_scaler_.increasing_ else tokenizer.high_
        return float(low)

    @torch.inference_mode()
    def _expected(
        self,
        encoded: Tensor,
        numbers: Array,
        probs: Callable[[TokenDistribution], Tensor],
    ) -> Array:
        """Return the expected number of encoded rows, over strings of some numbers."""
        low = self.target_scaler_.inverse_transform(np.array([self._lowest]))
        return np.concatenate(
            [
                expected_number(probs(dist)[:n].cpu().numpy(), numbers, low)
                for dist, n in self._blocks(encoded)
            ]
        )

    @torch.inference_mode()
    def _aggregated(
        self,
        encoded: Tensor,
        n_samples: int,
        seed: int,
        aggregate: Callable[..., Any],
    ) -> Array:
        """Return the mean or median of sampled numbers of encoded rows."""
        to_y = self.target_scaler_.inverse_transform
        parts = []
        for block in encoded.split(BLOCK):
            ((dist, n),) = self._blocks(block)
            levels = np.zeros((BLOCK, n_samples))
            levels[:n] = row_levels(block.double().cpu().numpy(), n_samples, seed)
            numbers = numbers_at(dist, torch.from_numpy(levels).to(encoded.device))
            parts.append(aggregate(to_y(numbers[:n].cpu().numpy()), axis=-1))
        return np.concatenate(parts)


def new_decoding_network(estimator: Any) -> DecodingNetwork:
    """Return encoder and decoder of an estimator, with fresh weights."""
    decoder = estimator._architecture["decoder"]
    if isinstance(decoder, str) and decoder == "auto":
        decoder = "anchored" if estimator.tokenizer_.evenly_spaced else "mlp"
    return decoding_network(
        factory(estimator._architecture["encoder"], ENCODERS),
        factory(decoder, DECODERS),
        estimator.tokenizer_,
        estimator.feature_encoder_.n_numeric_,
        estimator.feature_encoder_.cardinalities_,
    )


def row_levels(rows: Array, n_samples: int, seed: int) -> Array:
    """Return uniform numbers that depend on the seed and the row, nothing else.

    Parameters
    ----------
    rows : float64 array of shape (n_rows, n_features)
    n_samples : int
    seed : int

    Returns
    -------
    levels : array of shape (n_rows, n_samples)
        In [0, 1).
    """
    words = np.ascontiguousarray(rows + 0.0).view(np.uint32)  # -0.0 becomes 0.0
    words = np.insert(words, 0, seed, axis=1)
    return np.stack([np.random.default_rng(row).random(n_samples) for row in words])


def numbers_at(dist: TokenDistribution, levels: Tensor) -> Tensor:
    """Return the scaled numbers of rows at levels of their own, both (batch, n)."""
    return torch.cat(
        [dist.numbers(dist.at_levels(part)[0]) for part in levels.split(LANES, 1)]
    ).T


def check_grid(
    grid: ArrayLike, tokenizer: Tokenizer, scaler: TargetScaler, *, normalize: bool
) -> Array:
    """Return the numbers of a grid, each with a string of its own.

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
    alike = numbers[inverse == counts.argmax()]
    if len(alike) > 1:
        raise ValueError(
            f"grid holds {alike[0]} and {alike[1]}, which {tokenizer} writes alike. "
            "Leave one out or write numbers with more digits."
        )
    if normalize and len(numbers) == 1:
        raise ValueError(
            f"grid={numbers.tolist()}, normalised, predicts {numbers[0]} for every "
            "row, because a probability divided by itself is 1. Do not normalise, or "
            "give more numbers."
        )
    return numbers


def finite_numbers(values: ArrayLike, name: str) -> Array:
    """Return finite numbers in one dimension, at least one."""
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must hold numbers, got {values!r}.") from None
    if numbers.ndim != 1 or not len(numbers):
        raise ValueError(
            f"{name} must hold at least one number in one dimension, got shape "
            f"{numbers.shape}."
        )
    if not (finite := np.isfinite(numbers)).all():
        raise ValueError(f"{name} must be finite, got {numbers[~finite][0]}.")
    return numbers


def _writable_range(tokenizer: Tokenizer, scaler: TargetScaler) -> tuple[float, float]:
    """Return the smallest and largest target that has a string of its own."""
    ends = tokenizer.decode(tokenizer.encode([-np.inf, np.inf])).numpy()
    low, high = min(ends[0], tokenizer.low_), max(ends[1], tokenizer.high_)
    with np.errstate(over="ignore"):
        low, high = np.sort(scaler.inverse_transform(np.array([low, high])))
    return float(low), float(high)
