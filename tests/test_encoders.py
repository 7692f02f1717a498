"""Encoders: any module from (batch, n_features) to (batch, width)."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from sklearn_genre.encoders import ENCODERS, MLPEncoder, TabularEncoder
from sklearn_genre.encoders._mlp import ACTIVATIONS
from sklearn_genre.encoders._tabular import KINDS, mish

every_encoder = pytest.mark.parametrize("member", ENCODERS.values(), ids=ENCODERS)


def make_rows(n=6, n_features=4):
    return torch.randn(n, n_features, generator=torch.Generator().manual_seed(0))


# Every encoder


@every_encoder
@pytest.mark.parametrize("n_features", [1, 4, 50])
@pytest.mark.parametrize("n_rows", [1, 6])
def test_rows_become_contexts_as_wide_as_announced(member, n_features, n_rows):
    torch.manual_seed(0)
    encoder = member(n_features)
    context = encoder(make_rows(n_rows, n_features))
    assert isinstance(encoder.width, int)
    assert context.shape == (n_rows, encoder.width)
    assert context.isfinite().all()


@every_encoder
def test_rows_do_not_see_each_other(member):
    torch.manual_seed(0)
    encoder = member(4).double().eval()
    X = make_rows().double()
    alone = torch.cat([encoder(row[None]) for row in X])
    torch.testing.assert_close(encoder(X), alone, rtol=1e-12, atol=1e-12)
    assert len(encoder(X).unique(dim=0)) == len(X)


@every_encoder
def test_every_input_and_every_parameter_matters(member):
    torch.manual_seed(0)
    encoder = member(4)
    X = make_rows(50).requires_grad_()
    encoder(X).square().sum().backward()
    assert (X.grad.abs().amax(0) > 0).all()
    for label, parameter in encoder.named_parameters():
        assert parameter.grad.abs().max() > 0, label


@every_encoder
def test_weights_come_from_the_seed(member):
    contexts = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        contexts.append(member(4).eval()(make_rows()))
    assert torch.equal(contexts[0], contexts[1])
    assert not torch.equal(contexts[0], contexts[2])


# The multi-layer perceptron


@pytest.mark.parametrize("sizes", [(3,), (7, 3), [5, 6, 2]])
def test_mlp_has_the_layers_asked_for(sizes):
    encoder = MLPEncoder(4, hidden_layer_sizes=sizes)
    linear = [layer for layer in encoder.layers if isinstance(layer, nn.Linear)]
    assert [layer.in_features for layer in linear] == [4, *sizes[:-1]]
    assert [layer.out_features for layer in linear] == list(sizes)
    assert encoder.width == sizes[-1]


@pytest.mark.parametrize("normalization", ["layer", None])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_mlp_layer_is_affine_then_norm_then_activation(activation, normalization):
    torch.manual_seed(0)
    encoder = MLPEncoder(
        4, hidden_layer_sizes=(5,), activation=activation, normalization=normalization
    ).double()
    X = make_rows().double()
    linear = encoder.layers[0]
    hidden = X @ linear.weight.T + linear.bias
    if normalization:
        centred = hidden - hidden.mean(-1, keepdim=True)
        hidden = centred / (hidden.var(-1, correction=0, keepdim=True) + 1e-5).sqrt()
    functions = {
        "relu": lambda z: z.clamp(min=0),
        "silu": lambda z: z / (1 + (-z).exp()),
        "gelu": lambda z: z * (1 + torch.erf(z / 2**0.5)) / 2,
        "tanh": lambda z: (z.exp() - (-z).exp()) / (z.exp() + (-z).exp()),
    }
    torch.testing.assert_close(
        encoder(X), functions[activation](hidden), rtol=1e-12, atol=1e-12
    )


def test_mlp_dropout_acts_in_training_alone():
    torch.manual_seed(0)
    encoder = MLPEncoder(4, hidden_layer_sizes=(64,), activation="tanh", dropout=0.5)
    X = make_rows(100)
    dropped = encoder(X)
    share = (dropped == 0).double().mean()
    assert 0.45 < share < 0.55
    encoder.eval()
    kept = dropped != 0
    torch.testing.assert_close(dropped[kept], 2 * encoder(X)[kept])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden_layer_sizes": ()}, r"hidden_layer_sizes .* got \(\)"),
        ({"hidden_layer_sizes": (8, 0)}, r"hidden_layer_sizes .* got \(8, 0\)"),
        ({"activation": "swish"}, "activation .*'relu'.* got 'swish'"),
        ({"normalization": "batch"}, "normalization .* got 'batch'"),
        ({"dropout": 1.0}, r"dropout .* got 1\.0"),
        ({"dropout": -0.1}, r"dropout .* got -0\.1"),
        ({"dropout": float("nan")}, "dropout .* got nan"),
    ],
)
def test_mlp_rejects_options_it_cannot_use(options, message):
    with pytest.raises(ValueError, match=message):
        MLPEncoder(4, **options)


# TabularEncoder


def test_periods_are_of_numeric_columns_alone():
    torch.manual_seed(0)
    encoder = TabularEncoder(5, n_numeric=2)
    assert encoder.layers[0].weight.shape[1] == 5 + 3 * 2
    assert TabularEncoder(5, n_numeric=0).periods is None


def test_optimizer_units_do_not_change_the_function():
    torch.manual_seed(0)
    encoder = TabularEncoder(6, hidden_layer_sizes=(400,), n_members=1, dropout=0.0)
    inputs = torch.randn(1000, 24)
    outputs = encoder.layers[0](inputs[None])  # weights and biases of unit variance
    assert 1.2 < outputs.var() < 2.8
    for scale in (encoder.column_scale, encoder.input_scale):
        assert not scale.any()  # all count alike at first


@pytest.mark.parametrize("column", [0, 1, 2])
def test_a_scale_of_zero_silences_a_column_where_it_has_one(column):
    torch.manual_seed(0)
    encoder = TabularEncoder(3, n_numeric=2, n_members=len(KINDS)).eval()
    with torch.no_grad():
        encoder.column_scale[..., column] = -1 / encoder.column_speed.squeeze(-1)
        encoder.column_scale.nan_to_num_(neginf=-1.0)
    X, other = make_rows()[:, :3], make_rows()[:, :3] + 1
    mixed = torch.where(torch.arange(3) == column, other, X)
    contexts = (encoder(rows).unflatten(1, (len(KINDS), -1)) for rows in (X, mixed))
    pairs = zip(*(c.unbind(1) for c in contexts), strict=True)
    for kind, (before, after) in zip(KINDS, pairs, strict=True):
        assert torch.allclose(before, after, atol=1e-4) == bool(kind.columns)


def test_scales_of_columns_rest_until_their_member_begins():
    encoder = TabularEncoder(3, n_members=len(KINDS))
    waits = torch.tensor([kind.wait for kind in KINDS])
    chooses = torch.tensor([kind.columns > 0 for kind in KINDS])
    encoder(make_rows()[:, :3]).square().mean().backward()
    moves = encoder.column_scale.grad.abs().amax((1, 2)) > 0
    assert moves.tolist() == (chooses & (waits == 0)).tolist()
    encoder.column_scale.grad = None
    encoder.n_steps.fill_(waits.max())
    encoder(make_rows()[:, :3]).square().mean().backward()
    moves = encoder.column_scale.grad.abs().amax((1, 2)) > 0
    assert moves.tolist() == chooses.tolist()


def test_predictions_do_not_count_as_steps():
    encoder = TabularEncoder(3, n_members=2)
    with torch.inference_mode():
        encoder(make_rows()[:, :3])
    assert encoder.n_steps == 0


@pytest.mark.parametrize("n_members", [1, 3, 8, 11])
def test_kinds_of_members_take_turns(n_members):
    speeds = TabularEncoder(3, n_members=n_members).column_speed.flatten()
    kinds = [kind.columns for kind in KINDS * 2][:n_members]
    assert_close(speeds / speeds[0], torch.tensor(kinds) / KINDS[0].columns)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_mish_is_that_of_torch(dtype):
    x = torch.cat([torch.linspace(-30, 30, 601), torch.tensor([-1e4, -100.0, 1e4])])
    x = x.to(dtype).requires_grad_()
    slopes = torch.linspace(-2, 3, len(x)).to(dtype)
    expected = torch.nn.functional.mish(x)
    (gradient,) = torch.autograd.grad(expected, x, slopes)
    assert_close(mish(x), expected)
    assert_close(torch.autograd.grad(mish(x), x, slopes)[0], gradient)


def test_the_gradient_of_mish_is_that_of_its_values():
    x = torch.linspace(-6, 6, 13, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(mish, x)


def test_tabular_dropout_acts_in_training_alone():
    torch.manual_seed(0)
    encoder, X = TabularEncoder(4, dropout=0.5), make_rows()
    assert not torch.equal(encoder(X), encoder(X))
    encoder.eval()
    assert torch.equal(encoder(X), encoder(X))


def test_members_have_weights_of_their_own():
    torch.manual_seed(0)
    encoder = TabularEncoder(4, hidden_layer_sizes=(8, 6), n_members=3).eval()
    X = make_rows()
    before = encoder(X)
    assert before.shape == (len(X), encoder.width) == (len(X), 18)
    for layer in encoder.layers:
        with torch.no_grad():
            layer.weight[1] = 0
    same = (encoder(X) == before).all(0)
    assert same.tolist() == [True] * 6 + [False] * 6 + [True] * 6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden_layer_sizes": ()}, "at least one positive number"),
        ({"dropout": 1.0}, "dropout must be in"),
        ({"n_members": 0}, "n_members must be at least 1, got 0"),
    ],
)
def test_tabular_options_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        TabularEncoder(4, **options)
