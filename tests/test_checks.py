"""Single numbers: every parameter of tokenizers and objectives that is one."""

import math
from fractions import Fraction
from inspect import signature

import numpy as np
import pytest
import torch
from sklearn.base import clone

from sklearn_genre import DecodingRegressor
from sklearn_genre._checks import as_float, check_integer, check_real
from sklearn_genre.losses import LOSSES, LogLoss
from sklearn_genre.networks import DECODERS
from sklearn_genre.outputs import TokenDistribution, leaves_of
from sklearn_genre.policy_gradients import GRPO, POLICY_GRADIENTS
from sklearn_genre.tokenizers import TOKENIZERS, NormalizedTokenizer

TARGETS = torch.tensor([-1.0, 0.25, 2.0], dtype=torch.float64)
OBJECTIVES = {**LOSSES, **POLICY_GRADIENTS}
MEMBERS = [*TOKENIZERS.values(), *OBJECTIVES.values(), LogLoss]
HUGE = [10**400, -(10**400), 10**5000]
every_member = pytest.mark.parametrize("member", MEMBERS)
every_objective = pytest.mark.parametrize("member", OBJECTIVES.values(), ids=OBJECTIVES)


def parameters(member, kind):
    """Return the names of the parameters that are an int, or a float or None."""
    return [
        name
        for name, parameter in signature(member).parameters.items()
        if type(parameter.default) is kind or parameter.annotation == kind | None
    ]


def check(instance):
    """Let a tokenizer or an objective check its parameters."""
    if hasattr(instance, "fit"):
        instance.fit(TARGETS)
    else:
        instance.check(NormalizedTokenizer(2, 3).fit(TARGETS))


def refused(error, name, function, *args, **kwargs):
    """Check that a call names a parameter in an error of one short line."""
    with pytest.raises(error, match=name) as caught:
        function(*args, **kwargs)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


@every_member
def test_integer_parameters_take_integers_alone(member):
    for name in parameters(member, int):
        for value in (True, np.True_, 2.0, np.float64(2), "2", None, [2]):
            refused(TypeError, name, check, member(**{name: value}))
        for value in HUGE:
            refused(ValueError, name, check, member(**{name: value}))


@every_member
def test_real_parameters_take_finite_numbers_alone(member):
    for name in parameters(member, float):
        for value in (True, np.True_, "2", [2.0], 2j):
            refused(TypeError, name, check, member(**{name: value}))
        for value in (*HUGE, Fraction(10) ** 400, math.nan, math.inf, -math.inf):
            refused(ValueError, name, check, member(**{name: value}))


@every_member
def test_parameters_stay_what_was_given(member):
    for kind, value in ((int, np.uint8(2)), (float, np.float32(2))):
        for name in set(parameters(member, kind)) - {"low", "high", "margin"}:
            instance = member(**{name: value})
            check(instance)
            assert instance.get_params()[name] is value
            assert type(clone(instance).get_params()[name]) is type(value)


@pytest.mark.parametrize("member", TOKENIZERS.values(), ids=TOKENIZERS)
def test_tokenizers_compute_with_python_integers(member):
    values = torch.linspace(-3, 3, 50, dtype=torch.float64)
    plain = member().fit(TARGETS)
    for name in parameters(member, int):
        for kind in (np.uint8, np.int8, np.int64):
            given = member(**{name: kind(getattr(plain, name))}).fit(TARGETS)
            assert given.length == plain.length
            assert given.vocab_size == plain.vocab_size
            assert given.n_strings == plain.n_strings
            assert given.token_texts == plain.token_texts
            assert given.position_names == plain.position_names
            tokens = plain.encode(values)
            assert torch.equal(given.encode(values), tokens)
            assert torch.equal(given.decode(tokens), plain.decode(tokens))


def gradient(objective):
    """Return the gradient of the loss under random weights, exact and sampled."""
    tokenizer = NormalizedTokenizer(2, 3).fit(TARGETS)
    torch.manual_seed(0)
    decoder = DECODERS["mlp"](4, tokenizer).double().eval()
    for weight in decoder.parameters():
        torch.nn.init.normal_(weight)
    context = torch.randn(3, 4, dtype=torch.float64)
    cpu = torch.device("cpu")
    for leaves in (leaves_of(tokenizer, cpu, 8), None):
        dist = TokenDistribution(decoder, context, 3, cpu, tokenizer, leaves)
        with torch.no_grad():
            target = objective.prepare(dist, TARGETS, dist.at_temperature(3.0))
        objective.losses(dist, target).sum().backward()
    return torch.cat([weight.grad.flatten() for weight in decoder.parameters()])


@every_objective
def test_objectives_compute_with_python_numbers(member):
    for kind, of in ((int, (np.uint8,)), (float, (np.uint8, np.float32, Fraction))):
        for name in parameters(member, kind):
            expected = gradient(member(**{name: kind(2)}))
            for like in of:
                actual = gradient(member(**{name: like(2)}))
                assert torch.equal(actual, expected), (name, like)


def test_training_counts_with_python_integers():
    X, y = np.random.default_rng(0).normal(size=(2, 12, 2))
    predictions = []
    for integer in (int, np.int8):
        objective = GRPO(integer(2), n_updates=integer(64))
        model = DecodingRegressor(
            NormalizedTokenizer(2, integer(3)),
            encoder="mlp",
            fine_tuning=objective,
            pretraining_epochs=1,
            fine_tuning_epochs=2,
            random_state=0,
        )
        predictions.append(model.fit(X, y[:, 0]).predict(X))
    assert np.array_equal(*predictions)


def test_the_ends_of_the_log_loss_may_be_small_integers():
    mean = torch.linspace(-2, 2, 3, dtype=torch.float64)
    small = LogLoss(np.int8(-100), np.int8(100)).of_mean(mean, TARGETS)
    assert torch.equal(small, LogLoss(-100.0, 100.0).of_mean(mean, TARGETS))


def test_checks_return_python_numbers_within_their_bounds():
    rng = np.random.default_rng(0)
    for value, low, high in rng.integers(-5, 6, size=(300, 3)):
        inside = low <= value <= high
        for like in (int, np.int8, np.int64):
            if inside:
                number = check_integer(like(value), "k", low, high)
                assert (type(number), number) == (int, value)
            else:
                refused(ValueError, "k", check_integer, like(value), "k", low, high)
        for like in (int, float, np.float32, Fraction):
            if inside:
                number = check_real(like(int(value)), "w", low, high)
                assert (type(number), number) == (float, value)
            else:
                refused(ValueError, "w", check_real, like(int(value)), "w", low, high)
    assert check_real(1e-300, "w", 0, exclusive=True) == 1e-300
    refused(ValueError, "w", check_real, 0, "w", 0, exclusive=True)


def test_numbers_beyond_float_are_infinite():
    assert as_float(10**400) == math.inf
    assert as_float(Fraction(-(10**400), 3)) == -math.inf
    assert as_float(Fraction(1, 3)) == 1 / 3
