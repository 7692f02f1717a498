"""Small samples, and estimators that fit them in a few hundredths of a second."""

from functools import partial

import numpy as np
import torch
from numpy.testing import assert_array_equal

from sklearn_genre import DecodingRegressor
from sklearn_genre.decoders import MLPDecoder
from sklearn_genre.encoders import MLPEncoder
from sklearn_genre.policy_gradients import ReMax

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 4))
Y = 3 * X[:, 0] + 0.3 * RNG.normal(size=300)
ENCODER = partial(MLPEncoder, hidden_layer_sizes=(16,))
DECODER = partial(MLPDecoder, hidden_size=16)
NUMBERS = ["mean", "median", "mode", "greedy", "std"]


def small(**parameters):
    """Return a regressor with plain networks and both stages."""
    defaults = {
        "encoder": ENCODER,
        "decoder": DECODER,
        "fine_tuning": ReMax(n_rollouts=4),
        "learning_rate": 2e-3,
        "pretraining_epochs": 3,
        "fine_tuning_epochs": 1,
        "random_state": 0,
    }
    return DecodingRegressor(**(defaults | parameters))


def weights_of(model):
    """Return the weights of the fitted network as one array."""
    weights = [p.detach().flatten() for p in model.network_.parameters()]
    return torch.cat(weights).numpy()


def assert_same_predictions(model, other, rows):
    """Check that two models predict the same bits, and have the same history."""
    for output in (*NUMBERS, "quantiles"):
        assert_array_equal(
            model.predict(rows, output_type=output),
            other.predict(rows, output_type=output),
        )
    assert other.history_ == model.history_
