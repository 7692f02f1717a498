"""The estimators that speed and scaling are measured of, by their names.

This file does not import sklearn_genre, so that a process which only starts others
stays small.
"""

from typing import Any

ESTIMATORS: dict[str, dict[str, Any]] = {
    "default": {},
    # the digits of the papers with the training of the default
    "free": {"encoder": "mlp", "decoder": "mlp", "fine_tuning": "remax"},
    # the decoder of the default behind a plain perceptron
    "mlp": {"encoder": "mlp"},
}


def regressor(method: str, epochs: int, seed: int) -> Any:
    """Return an estimator that trains each stage for so many epochs."""
    from sklearn_genre import DecodingRegressor

    return DecodingRegressor(
        **ESTIMATORS[method],
        pretraining_epochs=epochs,
        fine_tuning_epochs=epochs,
        random_state=seed,
    )
