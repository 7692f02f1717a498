"""What the estimators that write digits share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted

from sklearn_genre._checks import check_generator, check_integer, shown
from sklearn_genre._objective import Objective
from sklearn_genre._warn import warn
from sklearn_genre.decoders import DECODERS
from sklearn_genre.encoders import ENCODERS
from sklearn_genre.estimators._base import BaseDistributionRegressor
from sklearn_genre.estimators._parameters import (
    DIGITS,
    SHARED,
    TEMPERATURE,
    Constraints,
    factory,
    new_tokenizer,
)
from sklearn_genre.estimators._reads import READ, Read
from sklearn_genre.inputs import Data
from sklearn_genre.losses import ExpectedNumberLoss
from sklearn_genre.networks import (
    DecodingNetwork,
    Network,
    Predictor,
    build_decoder,
    build_encoder,
)
from sklearn_genre.outputs import Grid, check_grid
from sklearn_genre.tokenizers import MAX_STRINGS, Tokenizer
from sklearn_genre.training import Stage

# Share of the targets beyond the fitted range above which a warm start warns.
MAX_OUTSIDE = 0.01

AGGREGATES: dict[str, Callable[..., Any]] = {"mean": np.mean, "median": np.median}

Array = NDArray[np.float64]


class DigitRegressor(BaseDistributionRegressor):
    """A tokenizer, a digit decoder, and predictions from token sequences."""

    _parameter_constraints: ClassVar[Constraints] = {**SHARED, **DIGITS, **TEMPERATURE}
    _structural: ClassVar[tuple[str, ...]] = (
        "tokenizer",
        "decoder",
        *BaseDistributionRegressor._structural,
    )
    _architectural: ClassVar[tuple[str, ...]] = (
        "decoder",
        *BaseDistributionRegressor._architectural,
    )

    _read: ClassVar[dict[str, Read]] = {**READ, "greedy": Predictor.greedy}

    tokenizer: Any
    decoder: Any
    tokenizer_: Tokenizer

    def predict_from_samples(
        self,
        X: Any,
        n_samples: int = 32,
        *,
        aggregate: str = "mean",
        random_state: Any = 0,
    ) -> Array:
        """Predict the mean or median of sampled numbers, as the papers do.

        Each number is drawn token by token from the next-token probabilities,
        at the temperature of the distribution. The mean of many is RAIL by sampling
        [1]_. It tends to ``predict_distribution(X).mean()``, which has no noise of
        sampling and is ``predict(X)`` but for a ``RAFTRegressor`` with a grid or a
        temperature. Meant for comparisons.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples_X, n_features)
        n_samples : int, default=32
            Numbers drawn for each sample of X. The standard error of the mean is the
            standard deviation of its distribution over the root of this.
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
        The draws of a sample depend on the seed and on its features alone: not on the
        others, nor on the order. Equal samples get equal draws. No global generator is
        used.

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
        self._check_writes()
        n_samples = check_integer(n_samples, "n_samples", 1)
        if aggregate not in [*AGGREGATES]:
            raise ValueError(
                f"aggregate must be one of {[*AGGREGATES]}, got "
                f"{shown(aggregate, repr)}."
            )
        random = check_generator(random_state)
        seed = int(random.randint(np.iinfo(np.int32).max))
        combine = AGGREGATES[aggregate]

        def function(predictor: Predictor, inputs: Any) -> Array:
            own = inputs.joined().cpu().numpy()
            levels = sample_levels(own, n_samples, seed)
            return combine(predictor.sampled(inputs, levels), axis=-1)

        return np.concatenate(self._map(X, function))

    def predict_from_grid(
        self, X: Any, grid: ArrayLike, *, normalize: bool = False
    ) -> Array:
        r"""Predict the expected number over a grid: RAIL by scoring [1]_.

        .. math:: \hat y(x) = a + \sum_j p(\operatorname{str}(y_j) \mid x)\,(y_j - a)

        The tokens of each number are scored by teacher forcing. Mass outside the grid
        counts as `a`, the smallest training target (as in ``RAFTRegressor``; Eq. 5 of
        [2]_, whose numbers start near 0, counts it as 0). Probabilities are at the
        temperature of the distribution. On the grid that a ``RAFTRegressor`` was
        fitted with, this is its ``predict(X)``, unless the temperature is not 1 or its
        numbers were learned or given.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
        grid : array-like of shape (n_grid,)
            Numbers in the units of the target, each with tokens of its own. The
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
        self._check_writes()
        check_scalar(normalize, "normalize", (bool, np.bool_))
        normalize = bool(normalize)
        scaler, tokenizer = self.target_scaler_, self.tokenizer_
        z = scaler.transform(check_grid(grid, tokenizer, scaler, normalize=normalize))
        low = tokenizer.low_ if scaler.increasing_ else tokenizer.high_
        rule = Grid(tokenizer.encode(z), z, float(low), normalize=normalize)
        numbers = scaler.inverse_transform(z)

        def function(predictor: Predictor, inputs: Any) -> Array:
            grid = rule.to(inputs.device)
            return predictor.expected(inputs, grid.low, numbers, grid.probs)

        return np.concatenate(self._map(X, function))

    def _check_writes(self) -> None:
        """Refuse what is read of digits where none are written."""

    def _learn_head(self, data: Data, z: Array) -> None:
        """Learn the number format."""
        self.tokenizer_ = new_tokenizer(self.tokenizer)
        self.tokenizer_.fit(z)

    def _new_network(self) -> Network:
        """Return encoder and decoder with fresh weights."""
        return new_decoding_network(
            self._architecture["encoder"],
            self._architecture["decoder"],
            self.tokenizer_,
            self.feature_encoder_.spec_,
        )

    def _check_warm_start(self, data: Data) -> None:
        """Warn if the scales of the first fit do not reach the new targets."""
        z = self.target_scaler_.transform(data.y)
        low, high = self.tokenizer_.low_, self.tokenizer_.high_
        outside = float(np.mean((z < low) | (z > high)))
        if outside > MAX_OUTSIDE:
            warn(
                f"The range of the first fit is kept, and {outside:.0%} "
                "of the new targets lie outside of it: they are trained as its ends.",
            )


def new_decoding_network(
    encoder: Any, decoder: Any, tokenizer: Tokenizer, columns: Any
) -> DecodingNetwork:
    """Return an encoder and a decoder of some names or factories, together."""
    if isinstance(decoder, str) and decoder == "auto":
        decoder = "anchored" if tokenizer.evenly_spaced else "mlp"
    encoding = build_encoder(factory(encoder, ENCODERS), columns)
    decoding = build_decoder(factory(decoder, DECODERS), encoding, tokenizer)
    return DecodingNetwork(encoding, decoding, tokenizer)


def check_stages(stages: list[Stage], tokenizer: Tokenizer) -> list[Stage]:
    """Return the stages if their objectives fit the tokenizer.

    Raises
    ------
    ValueError
        If an option is wrong, or the exact expected number is wanted of a format that
        is too large.
    """
    for stage in stages:
        stage.objective.check(tokenizer)
        check_expectation(stage.objective, tokenizer)
    return stages


def check_expectation(objective: Objective, tokenizer: Tokenizer) -> None:
    """Raise ``ValueError`` if the exact expected number is wanted of a large format."""
    n_strings = tokenizer.n_strings
    if isinstance(objective, ExpectedNumberLoss) and n_strings > MAX_STRINGS:
        raise ValueError(
            f"{objective} reads the expected number, which is exact for at most "
            f"{MAX_STRINGS} token sequences; {tokenizer} has {n_strings}. Use "
            "RAFT(grid='quantiles'), ExpectedError(alpha=0), which samples, or fewer "
            "or shorter digits."
        )


def sample_levels(samples: Array, n_levels: int, seed: int) -> Array:
    """Return uniform numbers that depend on the seed and the sample, nothing else.

    Parameters
    ----------
    samples : float64 array of shape (n_samples, n_columns)
    n_levels : int
    seed : int

    Returns
    -------
    levels : array of shape (n_samples, n_levels)
        In [0, 1).
    """
    words = np.ascontiguousarray(samples + 0.0).view(np.uint32)  # -0.0 becomes 0.0
    words = np.insert(words, 0, seed, axis=1)
    return np.stack([np.random.default_rng(row).random(n_levels) for row in words])
