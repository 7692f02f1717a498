"""Ensembles: what they predict, and what their error is."""

from functools import partial

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.model_selection import PredefinedSplit

from sklearn_genre import (
    DecodingRegressor,
    PointwiseRegressor,
    RAFTRegressor,
    RiemannRegressor,
)
from sklearn_genre.calibration import share_of_all_folds, whole_share
from sklearn_genre.decoders._anchored import N_EDGES
from sklearn_genre.encoders import TabularEncoder
from sklearn_genre.inputs import FoldedInputs
from sklearn_genre.networks import OutOfFold
from sklearn_genre.tokenizers import NormalizedTokenizer

N_MEMBERS = 3
ENCODER = partial(TabularEncoder, hidden_layer_sizes=(8,), n_members=N_MEMBERS)


@pytest.mark.parametrize("n_mixed", [2, 3])
@pytest.mark.parametrize("n_folds", [4, 8])
@pytest.mark.parametrize("shared", [0.0, 0.5, 5.0])
def test_the_share_is_that_of_the_mean_of_all_members(n_mixed, n_folds, shared):
    """Errors of a shared part, and a part of each member's own."""
    random = np.random.default_rng(0)
    own = random.normal(size=(n_folds * n_mixed, 40_000))
    errors = shared * random.normal(size=40_000) + own
    of_a_fold = errors[:n_mixed]
    single, mixed = np.mean(of_a_fold**2), np.mean(of_a_fold.mean(0) ** 2)
    share = whole_share(single, mixed, n_mixed, n_folds)
    expected = np.mean(errors.mean(0) ** 2) / mixed
    assert_allclose(share, expected, rtol=0.03, atol=0.02)


@pytest.mark.parametrize(
    "errors",
    [(1.0, 1.0, 1, 8), (1.0, 0.7, 4, 1), (0.0, 0.0, 2, 8), (1e400, 1e400, 2, 8)],
)
def test_the_share_is_one_where_nothing_is_known_of_others(errors):
    assert whole_share(*errors) == 1.0


def test_members_that_are_alike_gain_nothing_from_others():
    assert_allclose(whole_share(2.0, 2.0, 2, 8), 1.0)
    assert_allclose(whole_share(2.0, 0.5, 2, 8), 0.25)  # less than independent ones


# In estimators


def make_data(n=120, seed=0):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, 3))
    return X, X[:, 0] * X[:, 1] + 0.3 * random.normal(size=n)


MODELS = {
    "digits": DecodingRegressor(pretraining_epochs=5, fine_tuning_epochs=2),
    "side_by_side": DecodingRegressor(decoder="mlp", pretraining_epochs=5),
    "raft": RAFTRegressor(pretraining_epochs=5, fine_tuning_epochs=2),
    "pointwise": PointwiseRegressor(max_epochs=5),
    "riemann": RiemannRegressor(16, max_epochs=5),
}
ENSEMBLES = [name for name in MODELS if name != "side_by_side"]


def make(name="digits", **options):
    """Return an unfitted ensemble of three members."""
    shared = {"encoder": ENCODER, "dtype": "float64", "random_state": 0}
    return clone(MODELS[name]).set_params(**(shared | options))


def fit(name="digits", **options):
    """Return an ensemble fitted with a validation set of 40 samples."""
    X, y = make_data()
    return make(name, **options).fit(X[:80], y[:80], X_val=X[80:], y_val=y[80:])


@pytest.mark.parametrize("length", [2, 12])  # each edge, and some of very many
def test_errors_of_members_are_those_of_their_crps(length):
    model = fit(tokenizer=NormalizedTokenizer(base=2, length=length))
    X, y = make_data(60, seed=1)
    network, inputs = model.network_, model._encode(X)
    z = torch.from_numpy(model.target_scaler_.transform(y))
    edges = network.decoder.edges.numpy()
    with torch.inference_mode():
        errors = network.member_errors(inputs, z).mean(0)
        context = network.decoder.read(network.encode(inputs))
        cumulative = network.decoder.leaf_cumulative(context).numpy()
    squares = (cumulative - (edges >= z.numpy()[:, None])) ** 2
    step = (len(edges) - 1) / max(min(len(edges), N_EDGES) - 1, 1)
    expected = squares.sum(-1).mean() / step
    assert_allclose((errors**2).sum(-1).mean(), expected, rtol=0.02)


def test_errors_of_numbers_are_those_of_the_prediction():
    model = fit("pointwise")
    X, y = make_data(60, seed=1)
    z = torch.from_numpy(model.target_scaler_.transform(y))
    with torch.inference_mode():
        errors = model.network_.member_errors(model._encode(X), z).mean(0)
    expected = (model.predict(X) - y) / model.target_scaler_.scale_
    assert_allclose(errors[:, 0], expected, atol=1e-12)


@pytest.mark.parametrize("name", ENSEMBLES)
def test_a_prediction_is_the_mixture_of_the_members(name):
    model = fit(name)
    inputs = model._encode(make_data(7, seed=1)[0])
    network = model.network_
    with torch.inference_mode():
        members, mixed = network.members(inputs), network(inputs)
        if name == "pointwise":
            each, predicted = members.expectation()[:, None], mixed.expectation()
        else:
            each, predicted = members.support().probs, mixed.support().probs
        mixture = each.view(N_MEMBERS, 7, -1).mean(0)
    assert_allclose(predicted, mixture.view_as(predicted), atol=1e-12)


def test_contexts_read_side_by_side_are_one_member():
    network = fit("side_by_side").network_
    assert network.n_members == 1
    assert network.encoder.n_members == N_MEMBERS


def test_samples_count_by_their_weight_in_the_share():
    """A weight of nothing is as a sample that is not there."""
    X, y = make_data()
    fold = np.arange(len(y)) % 4
    model = make(encoder=partial(TabularEncoder, n_members=8), cv=PredefinedSplit(fold))
    model.set_params(pretraining_epochs=1, fine_tuning=None).fit(X, y)
    network, inputs = OutOfFold(model.network_, 4), model._encode(X)
    folded = FoldedInputs(inputs, torch.arange(len(y)), torch.from_numpy(fold), 4)
    z = torch.from_numpy(model.target_scaler_.transform(y))
    few = share_of_all_folds(network, folded[:60], z[:60], np.ones(60))
    weight = np.where(np.arange(len(y)) < 60, 2.0, 0.0)
    share = share_of_all_folds(network, folded, z, weight)
    assert 0 < share < 1
    assert_allclose(share, few, rtol=1e-6)
    everything = share_of_all_folds(network, folded, z, np.ones(len(y)))
    assert abs(everything - share) > 1e-4
