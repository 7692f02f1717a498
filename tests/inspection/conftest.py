"""What the tests of the pictures share: figures without a screen, a small model."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest

from sklearn_genre import DecodingRegressor
from sklearn_genre.distributions import PredictiveDistribution
from sklearn_genre.tokenizers import NormalizedTokenizer


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="session")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    return X, 50 + 10 * X[:, 0] + rng.normal(size=60)


@pytest.fixture(scope="session")
def small():
    """Return a function that makes a small model, pretrained unless told otherwise."""

    def make(**options):
        defaults = {
            "tokenizer": NormalizedTokenizer(base=2, length=4),
            "pretraining_epochs": 3,
            "fine_tuning": None,
            "fine_tuning_epochs": 2,
            "random_state": 0,
        }
        return DecodingRegressor(**{**defaults, **options})

    return make


@pytest.fixture(scope="session")
def model(small, data):
    return small(fine_tuning="crps").fit(*data)


@pytest.fixture(scope="session")
def calibrated():
    """Return a function that makes distributions and a true target from each."""

    def make(n_rows=400):
        rng = np.random.default_rng(0)
        dist = PredictiveDistribution(np.arange(8.0), rng.dirichlet(np.ones(8), n_rows))
        return dist.sample(random_state=1)[:, 0], dist

    return make
