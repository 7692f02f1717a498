"""Every registered name is fitted end to end, and stored."""

import pickle

import numpy as np
import pytest

from sklearn_genre import DecodingRegressor, PointwiseRegressor, RiemannRegressor
from sklearn_genre.decoders import DECODERS
from sklearn_genre.encoders import ENCODERS
from sklearn_genre.losses import HISTOGRAM_LOSSES, LOSSES
from sklearn_genre.networks import HEADS, DigitHead
from sklearn_genre.policy_gradients import POLICY_GRADIENTS
from sklearn_genre.tokenizers import TOKENIZERS

FAMILIES = {
    "tokenizer": TOKENIZERS,
    "encoder": ENCODERS,
    "decoder": DECODERS,
    "pretraining": LOSSES,
    "fine_tuning": {**LOSSES, **POLICY_GRADIENTS},
    "head": HEADS,
    "loss": HISTOGRAM_LOSSES,
}
MEMBERS = [(family, name) for family, members in FAMILIES.items() for name in members]


def estimator(family, name):
    """Return an estimator that uses the member, with little training."""
    short = {"encoder": "mlp", "random_state": 0}
    if family == "head":
        head = DigitHead(name, pretraining_epochs=1)
        return PointwiseRegressor(head=head, max_epochs=2, **short)
    if family == "loss":
        return RiemannRegressor(16, loss=name, max_epochs=2, **short)
    short |= {"decoder": "mlp", "pretraining_epochs": 2}
    short |= {"fine_tuning": None, "fine_tuning_epochs": 1}
    return DecodingRegressor(**{**short, family: name})


@pytest.mark.parametrize(("family", "name"), MEMBERS)
def test_fitted_end_to_end(family, name):
    random = np.random.RandomState(0)
    X = random.standard_normal((80, 3))
    y = 50 + 10 * X[:, 0] + random.standard_normal(80)
    model = estimator(family, name).fit(X, y)
    prediction = model.predict(X)
    assert prediction.shape == (80,)
    lower, upper = model.predict_interval(X).T
    assert np.isfinite(prediction).all()
    assert (lower < upper).all()
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict(X), prediction)
