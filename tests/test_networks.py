"""Encoders with what reads them: digits, bins, a number, or a number of digits."""

import copy
from functools import partial

import pytest
import torch
from digit_distributions import assert_near, decoders_with, fitted, shaken

from sklearn_genre.decoders import DECODERS, MLPDecoder
from sklearn_genre.encoders import ENCODERS, MLPEncoder, TabularEncoder
from sklearn_genre.inputs import Columns, ColumnSpec
from sklearn_genre.networks import (
    HEADS,
    DecodingNetwork,
    HeadNetwork,
    HistogramNetwork,
    PointNetwork,
    build_decoder,
    build_encoder,
)
from sklearn_genre.outputs import PointDistribution, TokenDistribution, bins_around
from sklearn_genre.tokenizers import TOKENIZERS, IEEETokenizer, NormalizedTokenizer

SPEC = ColumnSpec(2, (3,))
BASE_3 = NormalizedTokenizer(3, 3)
Z = torch.linspace(-1.5, 1.5, 6, dtype=torch.float64)
mlp = partial(MLPEncoder, hidden_layer_sizes=(8, 5))
ensemble = partial(TabularEncoder, hidden_layer_sizes=(8,), n_members=3)
both = pytest.mark.parametrize("encoder", [mlp, ensemble], ids=["mlp", "ensemble"])
every_head = pytest.mark.parametrize("head", HEADS)
every_format = decoders_with(BASE_3, IEEETokenizer(3, 1, 2), names=DECODERS)


def make_inputs(n=6, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    numbers = torch.randn(n, 2, generator=generator, dtype=torch.float64)
    return Columns(numbers.to(dtype), torch.arange(n)[:, None] % 4 - 1)


def make_digits(name, tokenizer=BASE_3, encoder=mlp):
    """Return a network that writes digits, with random weights."""
    torch.manual_seed(0)
    encoding = build_encoder(encoder, SPEC)
    tokenizer = fitted(tokenizer, (-2.0, 2.0))
    decoding = build_decoder(DECODERS[name], encoding, tokenizer)
    network = DecodingNetwork(encoding, shaken(decoding), tokenizer)
    return network.double().eval()


def make_ensemble(kind):
    """Return a network with three members."""
    torch.manual_seed(0)
    if kind in DECODERS:
        network = make_digits(kind, encoder=ensemble)
    elif kind == "histogram":
        bins = bins_around([-1.0, -0.5, 0.5, 2.0])
        network = HistogramNetwork(build_encoder(ensemble, SPEC), bins)
    else:
        network = PointNetwork(build_encoder(ensemble, SPEC))
    return network.double().eval()


def probs_of(network, inputs):
    """Return the probabilities of members, (n_members, batch, n_values)."""
    probs = network.members(inputs).support().probs
    return probs.unflatten(0, (network.n_members, len(inputs)))


# Digits


@pytest.mark.parametrize("encoder", ENCODERS)
@decoders_with(*(member() for member in TOKENIZERS.values()), names=DECODERS)
def test_network_maps_samples_to_distributions(name, tokenizer, encoder):
    network = make_digits(name, tokenizer, ENCODERS[encoder])
    inputs = make_inputs(4)
    dist = network(inputs)
    assert dist.batch_size == 4
    assert dist.device == inputs.device
    assert network(inputs).leaves is dist.leaves  # enumerated once
    support = dist.support()
    assert_near(support.probs.sum(-1), torch.ones(4).double(), 1e-12)
    means = support.mean  # the category of the first sample was not in training
    assert means.isfinite().all()
    assert len(means.unique()) == 4


@pytest.mark.parametrize("kind", [*DECODERS, "histogram"])
def test_a_prediction_is_the_mixture_of_the_members(kind):
    network, inputs = make_ensemble(kind), make_inputs()
    probs = probs_of(network, inputs)
    assert_near(network(inputs).support().probs, probs.mean(0))


def test_a_predicted_number_is_the_mean_of_the_members():
    network, inputs = make_ensemble("point"), make_inputs()
    numbers = network.members(inputs).mean.unflatten(0, (3, 6))
    assert_near(network(inputs).mean, numbers.mean(0))
    assert len(numbers.unique()) == 18


@pytest.mark.parametrize("kind", [*DECODERS, "histogram", "point"])
def test_errors_of_the_members_add_up_to_that_of_the_mixture(kind):
    network, inputs = make_ensemble(kind), make_inputs()
    if network.n_members == 1:
        pytest.skip("members are read side by side")
    mixed = network.member_errors(inputs, Z).mean(0)
    if kind == "point":
        expected = (network(inputs).mean - Z)[:, None]
    elif kind == "histogram":
        masses, borders = network(inputs).log_masses.exp(), network.bins.borders
        width = torch.cat([borders.diff(), borders[-1:] - borders[-2:-1]])
        error = masses.cumsum(-1)[:, :-1] - (borders >= Z[:, None]).double()
        expected = error * width.sqrt()
    else:
        numbers = network(inputs).leaves.values
        edges = (numbers[1:] + numbers[:-1]) / 2
        expected = network(inputs).cumulative() - (edges >= Z[:, None]).double()
    assert_near(mixed, expected)


@pytest.mark.parametrize("kind", [*DECODERS, "histogram", "point"])
def test_members_learn_each_from_its_own_loss(kind):
    network, inputs = make_ensemble(kind), make_inputs()
    log_probs = network.members(inputs).log_prob(Z.repeat(network.n_members))
    log_probs.unflatten(0, (network.n_members, 6))[0].sum().backward()
    last = network.encoder.layers[-1].weight.grad.abs().amax((1, 2))
    assert last[0] > 0
    assert (last[1:] == 0).all() == (network.n_members > 1)


@both
@pytest.mark.parametrize("kind", ["histogram", "point"])
def test_every_weight_of_bins_and_numbers_learns(kind, encoder):
    torch.manual_seed(0)
    encoding = build_encoder(encoder, SPEC)
    network = (
        PointNetwork(encoding)
        if kind == "point"
        else HistogramNetwork(encoding, bins_around([-1.0, 0.0, 1.0]))
    )
    dist = network(make_inputs(dtype=torch.float32))
    dist.log_prob(Z).sum().backward()
    assert all(weight.grad.abs().max() > 0 for weight in network.head.parameters())
    assert all(weight.grad.isfinite().all() for weight in network.parameters())
    assert dist.expectation().shape == (6,)


# Building


def no_width(columns):
    """Return a module without the attribute that says how wide its output is."""
    return torch.nn.Identity()


class Liar(torch.nn.Module):
    """An encoder whose context is not as wide as it says."""

    def __init__(self, columns):
        super().__init__()
        self.width = 7

    def forward(self, columns):
        return columns.numbers


def no_decoder(width, tokenizer):
    """Return a module that is no digit decoder."""
    return torch.nn.Linear(width, 2)


def test_factories_that_return_something_else():
    with pytest.raises(TypeError, match="attribute width, got Identity"):
        build_encoder(no_width, SPEC)
    with pytest.raises(TypeError, match="must return a DigitDecoder, got Linear"):
        build_decoder(no_decoder, build_encoder(mlp, SPEC), fitted(BASE_3))


def test_modules_are_no_factories():
    with pytest.raises(TypeError, match="encoder must be a factory"):
        build_encoder(torch.nn.Linear(3, 4), SPEC)
    with pytest.raises(TypeError, match=r"encoder=.* failed for"):
        build_encoder(lambda: None, SPEC)


def test_a_context_that_is_not_as_promised_is_refused():
    encoding, tokenizer = Liar(SPEC), fitted(BASE_3)
    network = DecodingNetwork(encoding, MLPDecoder(7, tokenizer), tokenizer)
    with pytest.raises(ValueError, match=r"encoder=Liar .* \(6, 2\), .* \(6, 7\)"):
        network(make_inputs())


# Heads that read a decoder


def make_head_network(name, head, tokenizer=BASE_3, encoder=mlp):
    """Return a network that reads a number from digits, and inputs for it."""
    torch.manual_seed(0)
    network = HeadNetwork(make_digits(name, tokenizer, encoder), HEADS[head])
    return network.double().eval(), make_inputs()


def number_by_hand(network, head, inputs):
    """Return what a head should read, from its weights and the table of heads."""
    tokenizer, decoder = network.digits.tokenizer, network.digits.decoder
    output = network.digits.encode(inputs)
    context = decoder.read(output)
    string = tokenizer.encode(torch.zeros(1, len(inputs)).double())
    states = decoder.states(context, string)[0]  # (batch, length, hidden_size)
    logits = decoder(context, string)[0]  # (batch, length, vocab_size)
    allowed = tokenizer.allowed_tokens
    read = {
        "linear": output,
        "special_token": states[:, 0],
        "mlp": logits[:, allowed],
        "pooled_mean": states.sum(1) / decoder.length,
        "pooled_min": states.min(1).values,
        "pooled_max": states.max(1).values,
        "projection": logits.softmax(-1)[:, allowed],
    }[head]
    weights = list(network.readout.parameters())
    if head == "mlp":
        hidden, bias, *weights = weights
        read = 1 / (1 + (-(read @ hidden.T + bias)).exp())
    weight, bias = weights
    return read @ weight[0] + bias


FORMULAS = {*"linear special_token mlp projection".split()}
FORMULAS |= {f"pooled_{pool}" for pool in ("mean", "min", "max")}


@every_format
@pytest.mark.parametrize("head", [head for head in HEADS if head in FORMULAS])
def test_heads_are_their_formulas(name, head, tokenizer):
    network, inputs = make_head_network(name, head, tokenizer)
    assert_near(network(inputs).mean, number_by_hand(network, head, inputs))


@both
@every_head
@every_format
def test_heads_read_one_number_of_each_sample(name, head, tokenizer, encoder):
    network, inputs = make_head_network(name, head, tokenizer, encoder)
    dist = network(inputs)
    assert isinstance(dist, PointDistribution)
    assert dist.mean.shape == (6,)
    assert dist.mean.isfinite().all()
    assert len(dist.mean.unique()) == 6
    alone = torch.cat([network(inputs[i : i + 1]).mean for i in range(6)])
    assert_near(dist.mean, alone)
    dist.expectation().square().sum().backward()
    used = [*network.readout.parameters(), *network.digits.encoder.parameters()]
    assert all(parameter.grad.isfinite().all() for parameter in used)
    assert all(parameter.grad.any() for parameter in network.readout.parameters())
    assert any(p.grad.any() for p in network.digits.encoder.parameters())


@every_head
@pytest.mark.parametrize("name", DECODERS)
def test_network_turns_from_digits_to_a_number(name, head):
    network, inputs = make_head_network(name, head, encoder=ensemble)
    digits = network.digits(inputs).support().probs
    network.begin_stage("pretraining")
    assert isinstance(network(inputs), TokenDistribution)
    assert not network.predicts_number
    assert network.n_members == network.digits.n_members
    assert torch.equal(network(inputs).support().probs, digits)
    members = network.members(inputs)
    assert members.batch_size == network.n_members * 6
    other = copy.deepcopy(network)
    other.begin_stage("training")
    assert isinstance(other(inputs), PointDistribution)
    assert other.predicts_number
    assert other.n_members == 1
    assert torch.equal(other.members(inputs).mean, other(inputs).mean)
    other.load_state_dict(network.state_dict())  # which of the two is part of the state
    assert isinstance(other(inputs), TokenDistribution)


def test_the_linear_head_leaves_the_decoder_alone():
    network, inputs = make_head_network("mlp", "linear")
    network(inputs).mean.sum().backward()
    assert all(p.grad is None for p in network.digits.decoder.parameters())


@pytest.mark.parametrize("name", DECODERS)
def test_pooled_numbers_are_in_order(name):
    numbers = []
    for head in ("pooled_min", "pooled_mean", "pooled_max"):
        network, inputs = make_head_network(name, head)
        with torch.no_grad():
            network.readout.out.weight.fill_(1.0)
            network.readout.out.bias.zero_()
        numbers.append(network(inputs).mean)
    low, middle, high = numbers
    assert (low < middle).all()
    assert (middle < high).all()


def test_the_limit_of_enumeration_is_the_decoder_s():
    class Short(MLPDecoder):
        max_strings = 26

    tokenizer, inputs = fitted(BASE_3, (-2.0, 2.0)), make_inputs()
    for decoder, exact in ((MLPDecoder, True), (Short, False)):
        encoding = build_encoder(mlp, SPEC)
        network = DecodingNetwork(encoding, decoder(5, tokenizer), tokenizer).double()
        assert (network(inputs).leaves is not None) == exact
        support = network(inputs).support()
        assert_near(support.probs.sum(-1), torch.ones(6).double(), 1e-12)
