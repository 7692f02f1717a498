"""Encoders: any module from columns to contexts."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.testing import assert_close

from sklearn_genre.encoders import (
    ENCODERS,
    IdentityEncoder,
    MLPEncoder,
    OneHot,
    TabularEncoder,
)
from sklearn_genre.encoders._mlp import ACTIVATIONS
from sklearn_genre.encoders._tabular import (
    COLUMN_SPEED,
    N_FEATURES,
    N_RAMPS,
    UNIT,
    _Functions,
    mish,
)
from sklearn_genre.inputs import Columns, ColumnSpec, FeatureEncoder

every_encoder = pytest.mark.parametrize("member", ENCODERS.values(), ids=ENCODERS)
MIXED = ColumnSpec(3, (4, 2))


def make_columns(n=6, spec=MIXED, dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    numbers = torch.randn(n, spec.n_numeric, generator=generator).to(dtype)
    codes = [torch.randint(size, (n,), generator=generator) for size in (4, 2)]
    codes = torch.stack(codes, 1)[:, : len(spec.cardinalities)]
    return Columns(numbers, codes)


def make(member, spec=MIXED, seed=0, **options):
    torch.manual_seed(seed)
    return member(spec, **options)


# Every encoder


@every_encoder
@pytest.mark.parametrize(
    "spec", [ColumnSpec(1), ColumnSpec(50), ColumnSpec(0, (4,)), MIXED]
)
@pytest.mark.parametrize("n", [1, 6])
def test_contexts_are_as_many_and_as_wide_as_announced(member, spec, n):
    encoder = make(member, spec)
    context = encoder(make_columns(n, spec))
    assert isinstance(encoder.width, int)
    members = [encoder.n_members] if hasattr(encoder, "n_members") else []
    assert context.shape == (*members, n, encoder.width)
    assert context.isfinite().all()


@every_encoder
def test_samples_do_not_see_each_other(member):
    encoder = make(member).double().eval()
    columns = make_columns(dtype=torch.float64)
    together = encoder(columns)
    alone = torch.cat([encoder(columns[i : i + 1]) for i in range(6)], -2)
    assert_close(together, alone, rtol=1e-12, atol=1e-12)
    assert len(together.movedim(-2, 0).flatten(1).unique(dim=0)) == 6


@every_encoder
def test_every_input_and_every_parameter_matters(member):
    encoder = make(member)
    columns = make_columns(50)
    columns.numbers.requires_grad_()
    encoder(columns).square().sum().backward()
    assert (columns.numbers.grad.abs().amax(0) > 0).all()
    for label, parameter in encoder.named_parameters():
        assert parameter.grad.abs().max() > 0, label
    for place, size in enumerate(MIXED.cardinalities):  # and -1, which was not seen
        codes = columns.codes[:1].repeat(size + 1, 1)
        codes[:, place] = torch.arange(-1, size)
        numbers = columns.numbers[:1].expand(size + 1, -1)
        contexts = encoder.eval()(Columns(numbers, codes))
        assert len(contexts.movedim(-2, 0).flatten(1).unique(dim=0)) == size + 1


@every_encoder
def test_weights_come_from_the_seed(member):
    encoders = [make(member, seed=seed).eval() for seed in (0, 0, 1)]
    if not [*encoders[0].parameters()]:
        pytest.skip("an encoder without weights")
    contexts = [encoder(make_columns()) for encoder in encoders]
    assert torch.equal(contexts[0], contexts[1])
    assert not torch.equal(contexts[0], contexts[2])


def test_one_hot_keeps_numbers_and_spreads_codes():
    columns = Columns(
        torch.tensor([[0.5, -1.5], [2.5, 3.5]]), torch.tensor([[0, 1], [2, -1]])
    )
    encoder = OneHot(ColumnSpec(2, (3, 2)))
    expected = [[0.5, -1.5, 1, 0, 0, 0, 1], [2.5, 3.5, 0, 0, 1, 0, 0]]
    assert encoder.width == 7
    assert encoder(columns).tolist() == expected


def test_identity_hands_on_numbers_and_indicators():
    columns = make_columns()
    context = IdentityEncoder(MIXED)(columns)
    assert torch.equal(context, OneHot(MIXED)(columns))
    numbers = make_columns(spec=ColumnSpec(5))
    assert torch.equal(IdentityEncoder(ColumnSpec(5))(numbers), numbers.numbers)


# The multi-layer perceptron


@pytest.mark.parametrize("sizes", [(3,), [5, 6, 2]])
def test_mlp_has_the_layers_asked_for(sizes):
    encoder = MLPEncoder(MIXED, hidden_layer_sizes=sizes)
    linear = [layer[0] for layer in encoder.layers]
    assert [layer.in_features for layer in linear] == [9, *sizes[:-1]]
    assert [layer.out_features for layer in linear] == [*sizes]
    assert encoder.width == sizes[-1]


@pytest.mark.parametrize("normalization", ["layer", None])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_mlp_layer_is_affine_then_norm_then_activation(activation, normalization):
    options = {"activation": activation, "normalization": normalization}
    encoder = make(MLPEncoder, hidden_layer_sizes=(5,), **options).double()
    columns = make_columns(dtype=torch.float64)
    linear = encoder.layers[0][0]
    hidden = encoder.inputs(columns) @ linear.weight.T + linear.bias
    if normalization:
        centred = hidden - hidden.mean(-1, keepdim=True)
        hidden = centred / (hidden.var(-1, correction=0, keepdim=True) + 1e-5).sqrt()
    functions = {
        "relu": lambda z: z.clamp(min=0),
        "silu": lambda z: z / (1 + (-z).exp()),
        "gelu": lambda z: z * (1 + torch.erf(z / 2**0.5)) / 2,
        "tanh": lambda z: (z.exp() - (-z).exp()) / (z.exp() + (-z).exp()),
    }
    expected = functions[activation](hidden)
    assert_close(encoder(columns), expected, rtol=1e-12, atol=1e-12)


def test_mlp_dropout_acts_in_training_alone():
    options = {"hidden_layer_sizes": (64,), "activation": "tanh", "dropout": 0.5}
    encoder, columns = make(MLPEncoder, **options), make_columns(100)
    dropped = encoder(columns)
    share = (dropped == 0).double().mean()
    assert 0.45 < share < 0.55
    encoder.eval()
    kept = dropped != 0
    assert_close(dropped[kept], 2 * encoder(columns)[kept])


@pytest.mark.parametrize(
    ("member", "options"),
    [
        *[(member, {"hidden_layer_sizes": ()}) for member in ENCODERS.values()],
        *[(member, {"hidden_layer_sizes": (8, 0)}) for member in ENCODERS.values()],
        *[
            (member, {"dropout": dropout})
            for member in ENCODERS.values()
            for dropout in (1.0, -0.1, float("nan"))
        ],
        (MLPEncoder, {"activation": "swish"}),
        (MLPEncoder, {"normalization": "batch"}),
        (TabularEncoder, {"n_members": 0}),
    ],
)
def test_options_out_of_range(member, options):
    if member not in (MLPEncoder, TabularEncoder):
        pytest.skip("an encoder with options of its own")
    (name,) = options
    with pytest.raises(ValueError, match=name):
        member(MIXED, **options)


# TabularEncoder


def numbers_only(n=6, n_columns=3):
    return make_columns(n, ColumnSpec(n_columns))


@pytest.mark.parametrize("n_scores", [0, 1, 2])
def test_functions_are_of_numeric_columns_alone(n_scores):
    encoder = TabularEncoder(ColumnSpec(2, (3,), n_scores))
    assert encoder.layers[0].weight.shape[1] == 5 + N_FEATURES * 2
    assert TabularEncoder(ColumnSpec(0, (3,))).functions is None


@pytest.mark.filterwarnings("error")  # torch's, of gradients of another layout
@pytest.mark.parametrize("n_scores", [0, 1, 3])
@pytest.mark.parametrize("n_folds", [1, 2])
def test_functions_of_members_are_those_of_their_fold(n_folds, n_scores):
    functions = _Functions(ColumnSpec(3, (), n_scores), 4, n_folds)
    x = torch.randn(4, 7, 3)
    together = functions(x)  # each member reads samples of its own
    together.sum().backward()
    assert together.shape == (4, 7, 3 * N_FEATURES)
    for member in range(4):
        alone = functions(x[member])
        alone = alone if n_folds == 1 else alone[member]
        assert_close(together[member], alone)


def test_functions_of_a_score_are_straight_between_quantiles_and_of_it_alone():
    functions = _Functions(ColumnSpec(2, (), 1), 1, 1).double()
    share = torch.linspace(0, 1, N_RAMPS + 1).double()  # the ends of the ramps
    share = (share[:-1, None] + torch.tensor([0.1, 0.5, 0.9]) / N_RAMPS).flatten()
    scores = torch.special.ndtri(share)
    x = torch.stack([scores, torch.zeros_like(scores)], 1)
    of_score, of_other = functions(x).split(N_FEATURES, -1)
    low, middle, high = of_score.unflatten(0, (-1, 3)).unbind(1)
    assert_close(middle, (low + high) / 2)
    assert not torch.allclose(middle[1:] - middle[:-1], middle[1] - middle[0])
    assert_close(of_other, of_other[:1].expand_as(of_other))


def test_default_network_knows_which_numbers_are_normal_scores():
    X = np.array([[1.0, 2.0, np.nan], [3.0, 1.0, 0.0], [5.0, 0.0, 2.0]])
    for normal_scores in (False, True):
        encoder = FeatureEncoder(np.zeros(3, bool), normal_scores=normal_scores)
        spec = encoder.fit(X, np.ones(3)).spec_
        assert (spec.n_numeric, spec.n_scores) == ((7, 3) if normal_scores else (4, 0))


def test_optimizer_units_do_not_change_the_function():
    encoder = make(TabularEncoder, hidden_layer_sizes=(400,), n_members=1)
    inputs = torch.randn(1000, encoder.layers[0].weight.shape[1])
    outputs = encoder.layers[0](inputs[None])  # weights and biases of unit variance
    assert 1.2 < outputs.var() < 2.8
    for scale in (encoder.column_scale, encoder.input_scale):
        assert not scale.any()  # all count alike at first


@pytest.mark.parametrize("column", [0, 1, 2])
def test_a_scale_of_zero_silences_a_column(column):
    encoder = make(TabularEncoder, ColumnSpec(3), n_members=3).eval()
    columns = numbers_only()
    changed = columns.numbers.clone()
    changed[:, column] += 1
    before, after = encoder(columns), encoder(Columns(changed, columns.codes))
    assert not torch.isclose(before, after, atol=1e-4).all()
    with torch.no_grad():
        encoder.column_scale[1:, ..., column] = -1 / (UNIT * COLUMN_SPEED)
    before, after = encoder(columns), encoder(Columns(changed, columns.codes))
    same = torch.isclose(before, after, atol=1e-4).flatten(1).all(1)
    assert same.tolist() == [False, True, True]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_mish_is_that_of_torch(dtype):
    x = torch.cat([torch.linspace(-30, 30, 601), torch.tensor([-1e4, -100.0, 1e4])])
    x = x.to(dtype).requires_grad_()
    slopes = torch.linspace(-2, 3, len(x)).to(dtype)
    expected = nn.functional.mish(x)
    (gradient,) = torch.autograd.grad(expected, x, slopes)
    assert_close(mish(x), expected)
    assert_close(torch.autograd.grad(mish(x), x, slopes)[0], gradient)


def test_tabular_dropout_acts_in_training_alone():
    encoder, columns = make(TabularEncoder, dropout=0.5), make_columns()
    assert not torch.equal(encoder(columns), encoder(columns))
    encoder.eval()
    assert torch.equal(encoder(columns), encoder(columns))


def test_members_have_weights_of_their_own():
    encoder = make(TabularEncoder, hidden_layer_sizes=(8, 6), n_members=3).eval()
    before = encoder(make_columns())
    for layer in encoder.layers:
        with torch.no_grad():
            layer.weight[1] = 0
    same = (encoder(make_columns()) == before).all((1, 2))
    assert same.tolist() == [True, False, True]
