"""Weights of the members of an ensemble."""

from functools import partial

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from sklearn_genre import DecodingRegressor, RAFTRegressor
from sklearn_genre.encoders import TabularEncoder
from sklearn_genre.networks._anchored_decoder import N_EDGES
from sklearn_genre.networks._pooling import PRIOR_ROWS, pool_weights, products_of_errors
from sklearn_genre.tokenizers import NormalizedTokenizer

N_MEMBERS, N_ROWS = 3, 400
ENCODER = partial(TabularEncoder, hidden_layer_sizes=(8,), n_members=N_MEMBERS)


def products_of(n_members, seed, n=40):
    errors = np.random.default_rng(seed).normal(size=(n_members, n)) + 1.0
    return errors @ errors.T / n


def objective(weights, products):
    """Return the CRPS of the mixture and what draws the weights together."""
    mean = np.trace(products) / len(products)
    return (
        weights
        @ (products / mean + PRIOR_ROWS / N_ROWS * np.eye(len(products)))
        @ weights
    )


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n_members", [2, 3, 8])
def test_no_other_weights_are_better(n_members, seed):
    products = products_of(n_members, seed)
    weights = pool_weights(products, N_ROWS)
    assert (weights >= 0).all()
    assert_allclose(weights.sum(), 1)
    others = np.random.default_rng(seed).dirichlet(np.ones(n_members), 500)
    for share in (1.0, 1e-2, 1e-4):  # anywhere, near, and as near as can be
        for other in weights + share * (others - weights):
            assert objective(weights, products) <= objective(other, products) + 1e-12


def test_weights_do_not_depend_on_the_unit():
    products = products_of(4, 0)
    assert_allclose(
        pool_weights(products, N_ROWS), pool_weights(1e-9 * products, N_ROWS)
    )


def test_members_that_are_alike_count_alike():
    assert_allclose(pool_weights(np.ones((4, 4)), 1), 0.25)
    assert_allclose(pool_weights(np.zeros((4, 4)), 1), 0.25)


def test_few_rows_say_little():
    products = products_of(3, 0)
    few, more = pool_weights(products, 2), pool_weights(products, 2000)
    assert few.std() < 0.1 * more.std()


def test_a_member_that_is_far_off_does_not_count():
    products = np.ones((2, 2))
    products[1] = [2.0, 9.0]
    products[:, 1] = [2.0, 9.0]
    assert_allclose(pool_weights(products, N_ROWS), [1, 0], atol=1e-12)


# In estimators


def make_rows(n=120, seed=0):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, 3))
    return X, X[:, 0] * X[:, 1] + 0.3 * random.normal(size=n)


def fit(cls=DecodingRegressor, **options):
    X, y = make_rows()
    defaults = {
        "encoder": ENCODER,
        "decoder": "anchored",
        "fine_tuning_epochs": 2,
        "dtype": "float64",
        "random_state": 0,
    }
    if cls is DecodingRegressor:
        defaults["pretraining_epochs"] = 5
    return cls(**{**defaults, **options}).fit(
        X[:80], y[:80], X_val=X[80:], y_val=y[80:]
    )


def products_on(model, X, y):
    z = torch.from_numpy(model.target_scaler_.transform(y))
    return products_of_errors(model.network_, model._encode(X), z, torch.ones(len(y)))


@pytest.mark.parametrize("cls", [DecodingRegressor, RAFTRegressor])
def test_weights_are_those_of_the_validation_part(cls):
    model = fit(cls)
    X, y = make_rows()
    weights = model.network_.decoder.member_weight.numpy()
    assert weights.std() > 0
    assert_allclose(weights, pool_weights(products_on(model, X[80:], y[80:]), 40))


@pytest.mark.parametrize("length", [2, 12])  # each edge, and some of very many
def test_products_of_errors_are_the_crps(length):
    model = fit(tokenizer=NormalizedTokenizer(base=2, length=length))
    X, y = make_rows(60, seed=1)
    decoder = model.network_.decoder
    weights = decoder.member_weight.numpy()
    predicted = weights @ products_on(model, X, y) @ weights
    edges = decoder.edges.numpy()
    z = model.target_scaler_.transform(y)
    with torch.inference_mode():
        context = model.network_.context(model._encode(X))
        cumulative = decoder.leaf_cumulative(context).numpy()
    squares = (cumulative - (edges >= z[:, None])) ** 2
    step = (len(edges) - 1) / max(min(len(edges), N_EDGES) - 1, 1)
    assert_allclose(predicted, squares.sum(-1).mean() / step, rtol=0.02)


def test_a_prediction_is_the_weighted_mixture():
    model = fit()
    X, _ = make_rows(7, seed=1)
    network = model.network_
    with torch.inference_mode():
        contexts = network.decoder.separated(network.context(model._encode(X)))
        members = network.decoder.leaf_probs(contexts).view(N_MEMBERS, 7, -1)
        mixture = torch.einsum("m,mrl->rl", network.decoder.member_weight, members)
        predicted = network(model._encode(X)).atoms().probs
    assert_allclose(predicted, mixture, atol=1e-12)


def test_without_a_validation_part_members_count_alike():
    X, y = make_rows()
    model = fit(warm_start=True)
    assert model.network_.decoder.member_weight.std() > 0
    model.set_params(early_stopping=False).fit(X, y)
    assert_allclose(model.network_.decoder.member_weight, 1 / N_MEMBERS)


def test_validation_rows_count_by_their_weight():
    X, y = make_rows()
    weight = np.where(np.arange(40) < 20, 1.0, 1e-9)
    few = fit_with(X[80:100], y[80:100], None)
    weighted = fit_with(X[80:], y[80:], weight)
    for model in (few, weighted):
        assert model.network_.decoder.member_weight.std() > 0
    assert_allclose(
        few.network_.decoder.member_weight,
        weighted.network_.decoder.member_weight,
        rtol=1e-6,
    )


def fit_with(X_val, y_val, weight):
    X, y = make_rows()
    model = DecodingRegressor(
        encoder=ENCODER,
        pretraining_epochs=3,
        fine_tuning=None,
        n_iter_no_change=None,
        dtype="float64",
        random_state=0,
    )
    return model.fit(X[:80], y[:80], X_val=X_val, y_val=y_val, sample_weight_val=weight)
