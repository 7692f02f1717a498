"""Differentiable losses: what holds for every member of LOSSES."""

from functools import partial
from itertools import product

import numpy as np
import pytest
import torch
from digit_distributions import (
    ENUMERABLE,
    OWN,
    assert_near,
    decoders_with,
    evaluate,
    fitted,
    free_dist,
    gradient_of,
    rule_of,
    string_index,
)
from sklearn.base import clone

from sklearn_genre import DecodingRegressor, RAFTRegressor
from sklearn_genre._objective import Objective
from sklearn_genre.decoders import DECODERS, MLPDecoder
from sklearn_genre.encoders import MLPEncoder
from sklearn_genre.inputs import Columns, ColumnSpec
from sklearn_genre.losses import LOSSES, RAFT, CrossEntropy
from sklearn_genre.networks import DecodingNetwork, build_decoder, build_encoder
from sklearn_genre.tokenizers import TOKENIZERS, IEEETokenizer, NormalizedTokenizer

N = 40
BASE_3 = NormalizedTokenizer(3, 3)
every_loss = pytest.mark.parametrize("member", LOSSES.values(), ids=LOSSES)
every_decoder = pytest.mark.parametrize("decoder", DECODERS)


def make_data(dtype=torch.float64):
    """Return inputs and their targets, standardised."""
    X = torch.randn(N, 3, generator=torch.Generator().manual_seed(0))
    y = (X[:, 0] + X[:, 1] ** 2).double()
    codes = torch.zeros(N, 0, dtype=torch.int64)
    return Columns(X.to(dtype), codes), (y - y.mean()) / y.std(correction=0)


def make_network(y, objective, decoder="mlp", dtype=torch.float64):
    """Return a network that predicts as an objective does."""
    torch.manual_seed(0)
    tokenizer = fitted(BASE_3, y.tolist())
    encoding = build_encoder(
        partial(MLPEncoder, hidden_layer_sizes=(16,)), ColumnSpec(3)
    )
    decoding = build_decoder(DECODERS[decoder], encoding, tokenizer)
    network = DecodingNetwork(encoding, decoding, tokenizer).to(dtype)
    network.rule = rule_of(objective, tokenizer, y)
    objective.start(y, torch.ones(len(y)))
    return network


def train(objective, network, inputs, y, n_steps=20):
    """Return the mean loss before each step of AdamW."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    losses = []
    for _ in range(n_steps):
        loss = evaluate(objective, network.members(inputs), y).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


# Every loss


@every_loss
def test_members_are_objectives_that_clone(member):
    objective = member()
    objective.check(fitted(BASE_3))
    assert isinstance(objective, Objective)
    assert clone(objective).get_params() == objective.get_params()
    assert objective.needs_reference is False
    assert objective.uses_dropout is True


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@every_decoder
@every_loss
def test_one_finite_differentiable_loss_for_each_sample(member, decoder, dtype):
    (inputs, y), objective = make_data(dtype), member()
    network = make_network(y, objective, decoder, dtype)
    loss = evaluate(objective, network.members(inputs), y)
    assert loss.shape == (N,)
    assert loss.isfinite().all()
    loss.mean().backward()
    for label, parameter in network.named_parameters():
        assert parameter.grad.isfinite().all(), label
        assert parameter.grad.any(), label


@every_loss
def test_the_loss_of_a_sample_is_its_own(member):
    (inputs, y), objective = make_data(), member()
    network = make_network(y, objective)
    together = evaluate(objective, network(inputs), y)
    apart = [
        evaluate(objective, network(inputs[i : i + 1]), y[i : i + 1]) for i in range(N)
    ]
    assert_near(together, torch.cat(apart))


@every_loss
def test_targets_beyond_the_training_range_stay_finite(member):
    (inputs, y), objective = make_data(), member()
    network = make_network(y, objective)
    y = torch.where(torch.arange(N) % 2 == 0, 1e6, -1e6).double()
    loss = evaluate(objective, network(inputs), y)
    assert loss.isfinite().all()
    loss.mean().backward()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())


# Every loss with one decoder, every decoder with two losses.
@pytest.mark.parametrize(
    ("loss", "decoder"),
    dict.fromkeys(
        [
            *((loss, "mlp") for loss in LOSSES),
            *product(("cross_entropy", "crps"), DECODERS),
        ]
    ),
)
def test_training_lowers_the_loss_and_improves_the_number(loss, decoder):
    member = LOSSES[loss]
    (inputs, y), objective = make_data(torch.float32), member()
    network = make_network(y, objective, decoder, torch.float32)
    before = (network(inputs).expectation() - y).square().mean()
    losses = train(objective, network, inputs, y, n_steps=60)
    assert losses[-1] < 0.8 * losses[0]
    assert (network(inputs).expectation() - y).square().mean() < 0.5 * before


@every_loss
@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_either_stage_of_a_fit_takes_it(tokenizer, member):
    X, y = np.random.default_rng(0).normal(size=(2, N, 3))
    objective = member()
    model = DecodingRegressor(
        tokenizer,
        partial(MLPEncoder, hidden_layer_sizes=(8,), dropout=0.1),
        partial(MLPDecoder, hidden_size=8),
        pretraining=objective,
        fine_tuning=objective,
        pretraining_epochs=2,
        fine_tuning_epochs=2,
        early_stopping=False,
        random_state=0,
    )
    try:
        model.fit(X, y[:, 0])
    except ValueError as error:
        assert "token sequences" in str(error)  # a format too large to enumerate
        return
    losses = [row["train_loss"] for row in model.history_ if row["epoch"]]
    assert len(losses) == 4
    assert np.isfinite(losses).all()
    assert np.isfinite(model.predict(X)).all()
    assert objective.get_params() == member().get_params()  # as it was


# Cross-entropy


@decoders_with(*ENUMERABLE.values())
def test_cross_entropy_is_minus_the_log_mass_of_the_string(name, tokenizer):
    dist = free_dist(name, tokenizer)
    y = torch.tensor([-0.9, 0.35, 2.6], dtype=torch.float64)
    index = string_index(tokenizer, dist.tokenizer.encode(y))[:, None]
    expected = -dist.decoder.leaf_log_probs(dist.context).gather(1, index)[:, 0]
    loss = evaluate(CrossEntropy(), dist, y)
    assert_near(loss, expected)
    assert_near(gradient_of(loss.sum(), dist), gradient_of(expected.sum(), dist), 1e-9)


def test_expected_cross_entropy_is_the_entropy():
    dist = free_dist("mlp", BASE_3)
    support = dist.support()
    losses = [evaluate(CrossEntropy(), dist, v.expand(3)) for v in support.values]
    expected = (support.probs * torch.stack(losses, -1)).sum(-1)
    assert_near(expected, support.entropy)


# RAFT


GRIDS = ["tree", "quantiles", [-0.5, 0.5, 1.2]]


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("grid", GRIDS, ids=str)
@pytest.mark.parametrize("name", OWN)
def test_raft_is_the_squared_error_of_the_enumerated_expectation(name, grid, normalize):
    _, y = make_data()
    dist = free_dist(name, BASE_3, batch=N, y=y.tolist())
    objective = RAFT(grid, normalize=normalize)
    dist.rule = rule_of(objective, dist.tokenizer, y)
    masses = dist.decoder.leaf_log_probs(dist.context).exp()
    numbers = dist.tokenizer.decode(dist.tokenizer.grid())
    if grid != "tree":
        is_named = isinstance(grid, str)
        chosen = y if is_named else torch.tensor(grid, dtype=torch.float64)
        tokens = dist.tokenizer.encode(chosen).unique(dim=0)
        numbers = dist.tokenizer.decode(tokens) if is_named else chosen
        masses = masses[:, string_index(BASE_3, tokens)]
        if normalize:
            masses = masses / masses.sum(-1, keepdim=True)
    low = dist.tokenizer.low_
    expected = (low + (masses * (numbers - low)).sum(-1) - y) ** 2
    loss = evaluate(objective, dist, y)
    assert_near(loss, expected, 1e-9)
    assert_near(gradient_of(loss.sum(), dist), gradient_of(expected.sum(), dist), 1e-8)


SCORED_ALIKE = {
    "tokenizer": IEEETokenizer(2, 1, 3),
    "encoder": partial(MLPEncoder, hidden_layer_sizes=(8,)),
    "decoder": partial(MLPDecoder, hidden_size=8),
    "pretraining_epochs": 2,
    "fine_tuning_epochs": 2,
    "scoring": "rmse",
    "random_state": 0,
}


@pytest.mark.parametrize(
    "raft",
    [RAFT(), RAFT("quantiles", normalize=True), RAFT(learnable=True), RAFT(loss="log")],
    ids=repr,
)
def test_raft_predicts_alike_as_an_objective_and_as_an_estimator(raft):
    X = np.random.default_rng(0).normal(size=(60, 3))
    y = 50 + 10 * X[:, 0]
    own = RAFTRegressor(fine_tuning=raft, **SCORED_ALIKE).fit(X, y)
    model = DecodingRegressor(fine_tuning=raft, **SCORED_ALIKE).fit(X, y)
    assert np.array_equal(model.predict(X), own.predict(X))
    if raft.grid == "quantiles":  # the rule is not the mean of the distribution
        mean = model.predict_distribution(X).mean()
        assert not np.allclose(mean, model.predict(X))
        grid = model.predict_from_grid(X, own.grid_, normalize=True)
        np.testing.assert_allclose(grid, model.predict(X))
