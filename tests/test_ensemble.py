"""Weights of the members of an ensemble."""

from functools import partial

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.base import clone

from sklearn_genre import (
    DecodingRegressor,
    PointwiseRegressor,
    RAFTRegressor,
    RiemannRegressor,
)
from sklearn_genre.calibration import ensemble_weights, products_of_errors
from sklearn_genre.calibration._ensemble import PRIOR_SAMPLES
from sklearn_genre.decoders._anchored import N_EDGES
from sklearn_genre.encoders import TabularEncoder
from sklearn_genre.tokenizers import NormalizedTokenizer

N_MEMBERS, N_SAMPLES = 3, 400
ENCODER = partial(TabularEncoder, hidden_layer_sizes=(8,), n_members=N_MEMBERS)


def products_of(n_members, seed, n=40):
    errors = np.random.default_rng(seed).normal(size=(n_members, n)) + 1.0
    return errors @ errors.T / n


def objective(weights, products):
    """Return the CRPS of the mixture and what draws the weights together."""
    mean = np.trace(products) / len(products)
    return (
        weights
        @ (products / mean + PRIOR_SAMPLES / N_SAMPLES * np.eye(len(products)))
        @ weights
    )


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n_members", [2, 3, 8])
def test_no_other_weights_are_better(n_members, seed):
    products = products_of(n_members, seed)
    weights = ensemble_weights(products, N_SAMPLES)
    assert (weights >= 0).all()
    assert_allclose(weights.sum(), 1)
    others = np.random.default_rng(seed).dirichlet(np.ones(n_members), 500)
    for share in (1.0, 1e-2, 1e-4):  # anywhere, near, and as near as can be
        for other in weights + share * (others - weights):
            assert objective(weights, products) <= objective(other, products) + 1e-12


def test_weights_do_not_depend_on_the_unit():
    products = products_of(4, 0)
    assert_allclose(
        ensemble_weights(products, N_SAMPLES),
        ensemble_weights(1e-9 * products, N_SAMPLES),
    )


def test_members_that_are_alike_count_alike():
    assert_allclose(ensemble_weights(np.ones((4, 4)), 1), 0.25)
    assert_allclose(ensemble_weights(np.zeros((4, 4)), 1), 0.25)


def test_few_samples_say_little():
    products = products_of(3, 0)
    few, more = ensemble_weights(products, 2), ensemble_weights(products, 2000)
    assert few.std() < 0.1 * more.std()


def test_a_member_that_is_far_off_does_not_count():
    products = np.ones((2, 2))
    products[1] = [2.0, 9.0]
    products[:, 1] = [2.0, 9.0]
    assert_allclose(ensemble_weights(products, N_SAMPLES), [1, 0], atol=1e-12)


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


def products_on(model, X, y):
    z = torch.from_numpy(model.target_scaler_.transform(y))
    return products_of_errors(model.network_, model._encode(X), z, torch.ones(len(y)))


@pytest.mark.parametrize("name", ENSEMBLES)
def test_weights_are_those_of_the_validation_set(name):
    model = fit(name)
    X, y = make_data()
    weights = model.network_.member_weight.numpy()
    assert weights.std() > 0
    assert_allclose(weights, ensemble_weights(products_on(model, X[80:], y[80:]), 40))


@pytest.mark.parametrize("length", [2, 12])  # each edge, and some of very many
def test_products_of_errors_are_the_crps(length):
    model = fit(tokenizer=NormalizedTokenizer(base=2, length=length))
    X, y = make_data(60, seed=1)
    decoder = model.network_.decoder
    weights = decoder.member_weight.numpy()
    predicted = weights @ products_on(model, X, y) @ weights
    edges = decoder.edges.numpy()
    z = model.target_scaler_.transform(y)
    with torch.inference_mode():
        context = decoder.read(model.network_.encode(model._encode(X)))
        cumulative = decoder.leaf_cumulative(context).numpy()
    squares = (cumulative - (edges >= z[:, None])) ** 2
    step = (len(edges) - 1) / max(min(len(edges), N_EDGES) - 1, 1)
    assert_allclose(predicted, squares.sum(-1).mean() / step, rtol=0.02)


@pytest.mark.parametrize("name", ["pointwise", "riemann"])
def test_products_of_errors_are_those_of_the_mixture(name):
    """Linear errors: the product for one member is the square of its error."""
    model = fit(name)
    X, y = make_data(60, seed=1)
    network, inputs = model.network_, model._encode(X)
    z = torch.from_numpy(model.target_scaler_.transform(y))
    weights = network.member_weight.numpy()
    with torch.inference_mode():
        errors = torch.einsum(
            "m,mbe->be", network.member_weight, network.member_errors(inputs, z)
        )
    expected = (errors**2).sum(-1).mean()
    assert_allclose(weights @ products_on(model, X, y) @ weights, expected)
    if name == "pointwise":
        mean_square = np.mean((model.predict(X) - y) ** 2)
        assert_allclose(expected * model.target_scaler_.scale_**2, mean_square)


@pytest.mark.parametrize("name", ENSEMBLES)
def test_a_prediction_is_the_weighted_mixture(name):
    model = fit(name)
    inputs = model._encode(make_data(7, seed=1)[0])
    network = model.network_
    with torch.inference_mode():
        members, mixed = network.members(inputs), network(inputs)
        if name == "pointwise":
            each, predicted = members.expectation()[:, None], mixed.expectation()
        else:
            each, predicted = members.support().probs, mixed.support().probs
        mixture = torch.einsum(
            "m,mrl->rl", network.member_weight, each.view(N_MEMBERS, 7, -1)
        )
    assert_allclose(predicted, mixture.view_as(predicted), atol=1e-12)


@pytest.mark.parametrize("name", ENSEMBLES)
def test_without_a_validation_set_members_count_alike(name):
    X, y = make_data()
    model = fit(name, warm_start=True)
    assert model.network_.member_weight.std() > 0
    model.set_params(early_stopping=False).fit(X, y)
    assert_allclose(model.network_.member_weight, 1 / N_MEMBERS)


def test_contexts_read_side_by_side_are_one_member():
    network = fit("side_by_side").network_
    assert network.n_members == 1
    assert network.encoder.n_members == N_MEMBERS


def test_validation_samples_count_by_their_weight():
    X, y = make_data()
    weight = np.where(np.arange(40) < 20, 1.0, 1e-9)
    model = make(fine_tuning=None, pretraining_epochs=3, n_iter_no_change=None)
    few = clone(model).fit(X[:80], y[:80], X_val=X[80:100], y_val=y[80:100])
    weighted = clone(model).fit(
        X[:80], y[:80], X_val=X[80:], y_val=y[80:], sample_weight_val=weight
    )
    assert few.network_.member_weight.std() > 0
    assert_allclose(
        few.network_.member_weight, weighted.network_.member_weight, rtol=1e-6
    )
