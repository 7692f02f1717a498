"""Encoders and decoders of a user's: what the loop does with them, and their faults."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_genre import (
    DecodingRegressor,
    PointwiseRegressor,
    RAFTRegressor,
    RiemannRegressor,
)
from sklearn_genre.decoders import MLPDecoder
from sklearn_genre.encoders import MLPEncoder, OneHot, TabularEncoder
from sklearn_genre.inputs import ColumnSpec
from sklearn_genre.networks import DigitHead

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 3))
Y = 2 * X[:, 0] - X[:, 1] + 0.1 * RNG.normal(size=400)
ESTIMATORS = [DecodingRegressor, RAFTRegressor, PointwiseRegressor, RiemannRegressor]
SMALL = partial(MLPEncoder, hidden_layer_sizes=(8,))


class Normed(nn.Module):
    """A batch norm, whose running statistics are buffers."""

    def __init__(self, columns):
        super().__init__()
        self.width = 32
        self.inputs = OneHot(columns)
        self.layers = nn.Sequential(
            nn.Linear(self.inputs.width, 32), nn.BatchNorm1d(32), nn.ReLU()
        )

    def forward(self, columns):
        return self.layers(self.inputs(columns))


class TooWide(MLPEncoder):
    """Returns one number more than it says."""

    def forward(self, columns):
        return nn.functional.pad(super().forward(columns), (0, 1))


class TooMany(TabularEncoder):
    """Returns one member more than it says."""

    def forward(self, columns):
        context = super().forward(columns)
        return torch.cat([context, context[:1]])


class NoWidth(MLPEncoder):
    """Does not say how wide it is."""

    def __init__(self, columns):
        super().__init__(columns, hidden_layer_sizes=(8,))
        del self.width


def short(estimator, **options):
    """Return an estimator that is trained for two epochs a stage."""
    names = {name for name in estimator().get_params() if name.endswith("epochs")}
    return estimator(random_state=0, **dict.fromkeys(names, 2), **options)


# Buffers --------------------------------------------------------------------


@pytest.mark.parametrize("estimator", [PointwiseRegressor, RiemannRegressor])
def test_a_batch_norm_does_as_well_with_averaged_weights(estimator):
    scores = []
    for options in ({}, {"ema_decay": 0.0}):
        model = short(estimator, encoder=Normed, learning_rate=1e-2, **options)
        scores.append(model.set_params(max_epochs=40).fit(X, Y).score(X, Y))
    assert min(scores) > 0.9
    assert abs(scores[0] - scores[1]) < 0.05


# Faults ---------------------------------------------------------------------


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize(
    "encoder",
    [
        partial(TooWide, hidden_layer_sizes=(8,)),
        partial(TooMany, hidden_layer_sizes=(8,), n_members=2),
        partial(TabularEncoder, nonsense=1),
        NoWidth,
        nn.Linear,
        lambda columns: "encoder",
        MLPEncoder(ColumnSpec(3)),
    ],
    ids=["width", "members", "option", "no_width", "signature", "text", "module"],
)
def test_a_faulty_encoder_is_named(estimator, encoder):
    with pytest.raises((TypeError, ValueError), match=r"^encoder\b.*got|^encoder="):
        short(estimator, encoder=encoder).fit(X, Y)


@pytest.mark.parametrize("estimator", [DecodingRegressor, RAFTRegressor])
@pytest.mark.parametrize(
    "decoder",
    [
        partial(MLPDecoder, nonsense=1),
        nn.Linear,
        lambda width, tokenizer: nn.Linear(width, 2),
        nn.Linear(2, 2),
    ],
    ids=["option", "signature", "no_decoder", "module"],
)
def test_a_faulty_decoder_is_named(estimator, decoder):
    with pytest.raises(TypeError, match=r"^decoder\b.*got|^decoder="):
        short(estimator, encoder=SMALL, decoder=decoder).fit(X, Y)


def test_a_faulty_decoder_of_a_head_is_named():
    head = DigitHead(decoder=partial(MLPDecoder, nonsense=1))
    with pytest.raises(TypeError, match=r"^decoder="):
        short(PointwiseRegressor, encoder=SMALL, head=head).fit(X, Y)
