"""The model inside a pipeline or a search, and what it predicts."""

from __future__ import annotations

from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.pipeline import Pipeline

from sklearn_genre._checks import shown
from sklearn_genre.distributions import PredictiveDistribution
from sklearn_genre.outputs import TokenDistribution


def best_estimator(estimator: Any) -> Any:
    """Return the best estimator of a fitted search, or the estimator itself."""
    return getattr(estimator, "best_estimator_", estimator)


def last_step(estimator: Any) -> Any:
    """Return the last step of a pipeline, or the estimator itself."""
    return estimator[-1] if isinstance(estimator, Pipeline) else estimator


def predict_distribution(estimator: Any, X: Any) -> PredictiveDistribution:
    """Return what an estimator, a pipeline or a search predicts for X."""
    estimator = best_estimator(estimator)
    if not hasattr(last_step(estimator), "predict_distribution"):
        raise TypeError(
            "estimator must predict distributions, as DecodingRegressor does, or be a "
            "Pipeline that ends in one that does, or a fitted search over either; got "
            f"{shown(estimator, repr)}."
        )
    dist: PredictiveDistribution = estimator.predict(X, output_type="distribution")
    return dist


@torch.inference_mode()
def token_distribution(estimator: Any, X: Any) -> TokenDistribution:
    """Return the distribution over strings that an estimator or pipeline predicts."""
    model = last_step(estimator)
    if model is not estimator and len(estimator) > 1:
        X = estimator[:-1].transform(X)
    (dist,) = model._map(X, lambda predictor, inputs: predictor.network(inputs))
    scaled: TokenDistribution = dist.at_temperature(getattr(model, "temperature_", 1.0))
    return scaled


def take_rows(X: Any, rows: ArrayLike) -> Any:
    """Return rows of a data frame, or of anything else as an array."""
    index = np.asarray(rows)
    frame = nw.from_native(X, eager_only=True, pass_through=True)
    if isinstance(frame, nw.DataFrame):
        return frame[index.tolist()].to_native()
    return np.asarray(X)[index]
