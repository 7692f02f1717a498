"""Small fitted estimators that many calls share: each is fitted once, when needed."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
from sklearn.preprocessing import FunctionTransformer

from sklearn_genre import (
    DecodingRegressor,
    PointwiseRegressor,
    RAFTRegressor,
    RiemannRegressor,
)
from sklearn_genre.decoders import MLPDecoder, TransformerDecoder
from sklearn_genre.encoders import MLPEncoder, TabularEncoder
from sklearn_genre.networks import DigitHead
from sklearn_genre.tokenizers import IEEETokenizer, NormalizedTokenizer, P10Tokenizer

N_FEATURES = 3
ENCODER = partial(MLPEncoder, hidden_layer_sizes=(8,))
ENSEMBLE = partial(TabularEncoder, hidden_layer_sizes=(8,), n_members=2)
FREE = partial(MLPDecoder, hidden_size=8)
ATTENTION = partial(TransformerDecoder, hidden_size=8, n_layers=1, n_heads=2)
COMMON: dict[str, Any] = {"encoder": ENCODER, "random_state": 0, "device": "cpu"}

digits = partial(
    DecodingRegressor, **COMMON, fine_tuning=None, pretraining_epochs=1, decoder="auto"
)
raft = partial(RAFTRegressor, **COMMON, pretraining_epochs=1, fine_tuning_epochs=1)
points = partial(PointwiseRegressor, **COMMON, max_epochs=1)
histogram = partial(RiemannRegressor, **COMMON, max_epochs=1, n_bins=16)

logarithm = partial(FunctionTransformer, func=np.log1p, inverse_func=np.expm1)

MODELS: dict[str, Callable[[], Any]] = {
    "digits": digits,
    "remax": partial(digits, fine_tuning="remax", fine_tuning_epochs=1, decoder=FREE),
    "crps": partial(digits, fine_tuning="crps", fine_tuning_epochs=1),
    "ieee": partial(digits, tokenizer=IEEETokenizer(2, 1, 3), decoder=FREE),
    "p10": partial(digits, tokenizer=P10Tokenizer(1, 1), decoder=FREE),
    "long": partial(digits, tokenizer=NormalizedTokenizer(2, 14), decoder=FREE),
    "attention": partial(
        digits, tokenizer=NormalizedTokenizer(4, 3), decoder=ATTENTION
    ),
    "ensemble": partial(digits, encoder=ENSEMBLE),
    "quantile": partial(digits, target_transform="quantile"),
    "logarithm": partial(digits, target_transform=logarithm(check_inverse=False)),
    "warm": partial(digits, temperature=2.0, dtype="float64"),
    "raft": raft,
    "points": points,
    "digit_head": partial(
        points, head=DigitHead("mlp", decoder=FREE, tokenizer=NormalizedTokenizer(2, 4))
    ),
    "histogram": histogram,
    "quantile_histogram": partial(histogram, target_transform="quantile", loss="crps"),
}


def training_data() -> tuple[np.ndarray, np.ndarray]:
    """Return features, some missing, and positive targets."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(48, N_FEATURES))
    y = np.exp(X[:, 0] + 0.3 * rng.normal(size=len(X)))
    X[::7, 1] = np.nan
    return X, y


@cache
def model(name: str) -> Any:
    """Return a fitted estimator that no call may change."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MODELS[name]().fit(*training_data())
