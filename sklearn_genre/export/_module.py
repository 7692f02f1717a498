"""A fitted estimator as one torch module, from raw columns to numbers."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from sklearn_genre._checks import as_floats, shown
from sklearn_genre.estimators import LanguageModelRegressor, check_own
from sklearn_genre.export._features import FeatureModule
from sklearn_genre.export._readings import NormalReading, SharedReading
from sklearn_genre.networks import HeadNetwork, Network, Predictor
from sklearn_genre.outputs import PointDistribution
from sklearn_genre.tokenizers import Tokenizer

# Quantiles, unless others are asked for.
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


class ExportedModule(nn.Module):
    """Raw columns to the mean and quantiles of the target.

    Parameters
    ----------
    features : FeatureModule
    network : Network
    reading : nn.Module
        Returns mean and quantiles of an output of the network.
    """

    def __init__(
        self, features: FeatureModule, network: Network, reading: nn.Module
    ) -> None:
        super().__init__()
        self.features = features
        self.network = network
        self.reading = reading

    def forward(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """Return means (batch,) and quantiles (batch, n_quantiles) of (batch, n)."""
        mean, quantiles = self.reading(self.network(self.features(X)))
        return mean, quantiles


class Middle:
    """A tokenizer that knows how zero is written, which is all that a head asks."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        zero = torch.zeros(1, 1, dtype=torch.float64, device="cpu")
        self.tokens = tokenizer.encode(zero)

    def encode(self, y: Tensor) -> Tensor:
        """Return the tokens of zero."""
        return self.tokens


def export_module(estimator: Any, quantiles: ArrayLike = LEVELS) -> nn.Module:
    """Return a torch module that predicts as a fitted estimator does.

    It is made for ``torch.export.export`` and ``torch.onnx.export``, whose files run
    without this package. It takes one float tensor of shape (batch, n_features), the
    columns in the order of ``fit``: numbers as they are, NaN where they are missing,
    and for categories the codes of `category_codes`. It returns the means, as
    ``predict``, and quantiles, as ``predict_quantiles``, both float64.

    Parameters
    ----------
    estimator : estimator
        Fitted.
    quantiles : array-like of shape (n_quantiles,), default=(.05, .25, .5, .75, .95)
        Levels in (0, 1).

    Returns
    -------
    module : torch.nn.Module
        On the CPU, in evaluation mode.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it reads prompts.
    ValueError
        If a level is outside (0, 1), its number format has too many numbers to
        enumerate, or a head was fitted with a `target_transform`.

    Examples
    --------
    >>> import torch
    >>> from sklearn.datasets import make_regression
    >>> from sklearn_genre import DecodingRegressor
    >>> from sklearn_genre.export import export_module
    >>> X, y = make_regression(100, 3, random_state=0)
    >>> model = DecodingRegressor(pretraining_epochs=1, fine_tuning=None).fit(X, y)
    >>> mean, quantiles = export_module(model, [0.1, 0.9])(torch.tensor(X))
    >>> quantiles.shape
    torch.Size([100, 2])
    """
    if isinstance(estimator, LanguageModelRegressor):
        raise TypeError(
            "LanguageModelRegressor reads prompts, and only estimators of tables can "
            "be exported. Save it by pickle or joblib."
        )
    check_own(estimator)
    levels = np.atleast_1d(as_floats(quantiles, "quantiles"))
    if levels.ndim != 1 or not ((levels > 0) & (levels < 1)).all():
        raise ValueError(
            f"quantiles must be levels in (0, 1), got {shown(quantiles, repr)}."
        )
    network = _to_trace(estimator._network)
    like = next(network.parameters())
    features = FeatureModule(estimator.feature_encoder_, like.dtype)
    temperature = getattr(estimator, "temperature_", 1.0)
    predictor = Predictor(network, estimator.target_scaler_, temperature)
    row = torch.zeros(1, estimator.n_features_in_, device="cpu")
    with torch.no_grad():
        output = network(features(row))
    if isinstance(output, PointDistribution):
        reading: nn.Module = NormalReading(predictor, levels)
    else:
        reading = SharedReading(predictor, output, levels)
    return ExportedModule(features, network, reading).eval()


def _to_trace(network: Network) -> Network:
    """Return a copy on the CPU in which nothing is decided by what a tensor holds."""
    copied = copy.deepcopy(network).cpu().eval().requires_grad_(False)
    if isinstance(copied, HeadNetwork):
        writes_digits = bool(copied.writes_digits)
        del copied.writes_digits
        setattr(copied, "writes_digits", writes_digits)  # noqa: B010
        if not writes_digits:
            setattr(copied.digits, "tokenizer", Middle(copied.digits.tokenizer))  # noqa: B010
    return copied
