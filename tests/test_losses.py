"""Differentiable losses: what holds for every member of LOSSES, then each one."""

from functools import partial

import pytest
import torch
from sklearn.base import clone

from sklearn_genre._objective import Objective
from sklearn_genre.encoders import MLPEncoder
from sklearn_genre.losses import LOSSES, CrossEntropy
from sklearn_genre.networks import DECODERS, decoding_network
from sklearn_genre.tokenizers import (
    TOKENIZERS,
    IEEETokenizer,
    NormalizedTokenizer,
    P10Tokenizer,
)

ROWS = 40
SMALL = {  # formats that are listed string by string; a new one: its defaults
    **{name: member() for name, member in TOKENIZERS.items()},
    "normalized": NormalizedTokenizer(3, 3),
    "ieee": IEEETokenizer(2, 1, 3),
    "p10": P10Tokenizer(1, 2),
}
every_loss = pytest.mark.parametrize("member", LOSSES.values(), ids=LOSSES)
every_decoder = pytest.mark.parametrize("decoder", DECODERS)
every_tokenizer = pytest.mark.parametrize("tokenizer", SMALL.values(), ids=repr)


def make_data(dtype=torch.float64):
    """Return rows and their targets, standardised."""
    X = torch.randn(ROWS, 3, generator=torch.Generator().manual_seed(0))
    y = (X[:, 0] + X[:, 1] ** 2).double()
    return X.to(dtype), (y - y.mean()) / y.std()


def make_network(y, tokenizer=SMALL["normalized"], decoder="mlp", dtype=torch.float64):
    torch.manual_seed(0)
    return decoding_network(
        partial(MLPEncoder, hidden_layer_sizes=(16,)),
        DECODERS[decoder],
        clone(tokenizer).fit(y),
        n_numeric=3,
    ).to(dtype)


def loss_of(objective, dist, y):
    """Return the loss of each row as the training engine computes it."""
    with torch.no_grad():
        target = objective.prepare(dist, y)
    return objective.loss(dist, target)


def train(objective, network, X, y, n_steps=20):
    """Return the mean loss before each step of AdamW."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    losses = []
    for _ in range(n_steps):
        loss = loss_of(objective, network(X), y).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


# Every loss


@every_loss
def test_members_are_objectives_that_clone(member):
    objective = member()
    objective.check(SMALL["normalized"])
    assert isinstance(objective, Objective)
    assert clone(objective).get_params() == objective.get_params()
    assert objective.n_updates == 1
    assert objective.uses_dropout is True
    assert objective.needs_reference is False


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@every_decoder
@every_loss
def test_one_finite_differentiable_loss_per_row(member, decoder, dtype):
    X, y = make_data(dtype)
    network = make_network(y, decoder=decoder, dtype=dtype)
    loss = loss_of(member(), network(X), y)
    assert loss.shape == (ROWS,)
    assert loss.isfinite().all()
    loss.mean().backward()
    for label, parameter in network.named_parameters():
        assert parameter.grad.isfinite().all(), label
        assert parameter.grad.any(), label


@every_loss
def test_the_loss_of_a_row_is_its_own(member):
    X, y = make_data()
    network, objective = make_network(y), member()
    together = loss_of(objective, network(X), y)
    apart = torch.cat(
        [loss_of(objective, network(X[i : i + 1]), y[i : i + 1]) for i in range(ROWS)]
    )
    torch.testing.assert_close(together, apart, rtol=1e-10, atol=1e-10)


@every_loss
def test_targets_beyond_the_training_range_stay_finite(member):
    X, y = make_data()
    network = make_network(y)
    y = torch.where(torch.arange(ROWS) % 2 == 0, 1e6, -1e6).double()
    loss = loss_of(member(), network(X), y)
    assert loss.isfinite().all()
    loss.mean().backward()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())


@every_decoder
@every_loss
def test_training_lowers_the_loss(member, decoder):
    X, y = make_data(torch.float32)
    losses = train(member(), make_network(y, decoder=decoder, dtype=X.dtype), X, y)
    assert losses[-1] < 0.8 * losses[0]


@every_loss
def test_training_improves_the_number(member):
    X, y = make_data(torch.float32)
    network = make_network(y, dtype=X.dtype)
    before = (network(X).atoms().mean - y).square().mean()
    train(member(), network, X, y, n_steps=60)
    after = (network(X).atoms().mean - y).square().mean()
    assert after < 0.5 * before


# Cross-entropy


@every_tokenizer
@every_decoder
def test_cross_entropy_is_minus_the_log_mass_of_the_string(decoder, tokenizer):
    X, y = make_data()
    network = make_network(y, tokenizer, decoder)
    dist = network(X)
    strings = network.tokenizer.grid()
    is_target = (strings == network.tokenizer.encode(y)[:, None]).all(-1)
    assert (is_target.sum(-1) == 1).all()
    leaves = network.decoder.leaf_log_probs(dist.context)  # (batch, n_strings)
    loss = loss_of(CrossEntropy(), dist, y)
    torch.testing.assert_close(loss, -leaves[is_target], rtol=1e-10, atol=1e-10)
    parameters = list(network.parameters())
    for one, other in zip(
        torch.autograd.grad(loss.sum(), parameters, retain_graph=True),
        torch.autograd.grad(-leaves[is_target].sum(), parameters),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_expected_cross_entropy_is_the_entropy():
    X, y = make_data()
    network = make_network(y)
    values = network.tokenizer.decode(network.tokenizer.grid())
    atoms = network(X).atoms()
    losses = [loss_of(CrossEntropy(), network(X), v.expand(ROWS)) for v in values]
    expected = (atoms.probs * torch.stack(losses, -1)).sum(-1)
    torch.testing.assert_close(expected, atoms.entropy, rtol=1e-10, atol=1e-10)
