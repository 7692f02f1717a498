"""Multi-layer perceptron for tables of numbers."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from sklearn_genre._checks import shown
from sklearn_genre._device import BORN, dropout
from sklearn_genre.encoders._one_hot import OneHot, check_layers
from sklearn_genre.inputs import Columns, ColumnSpec

# Weights are stored in this unit, so that the optimizer moves the features they are
# made of this many times faster than the same weights in a plain layer.
UNIT = 27.0
# Biases and periods move slower than weights by this factor.
SLOW = 0.1
# How much faster than weights the scales of columns, which find the few informative
# ones among many, and the scales of inputs move.
COLUMN_SPEED, INPUT_SPEED = 30.0, 2.0
# Members, unless a user says otherwise, and those that leave out the same fold.
N_MEMBERS, OF_A_FOLD = 8, 2
# Where mish has become the identity.
LARGE = 20.0
# Learned functions of a column; what they are sums of: ramps of a normal score, cosines
# of another number, and the mean frequency of these at first.
N_FEATURES, N_RAMPS, N_PERIODS, FREQUENCY = 3, 32, 16, 0.1
# Numeric columns beyond which there are none: they make three quarters of a layer whose
# weights, gradients, moments and copies are most of the memory of a fit.
MAX_WITH_FUNCTIONS = 4096


class _Mish(torch.autograd.Function):
    r"""The activation :math:`x \tanh(\operatorname{softplus}(x))`, by one exponential.

    On a CPU, several times faster than what torch has.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """Return the activation, of the shape of x."""
        e = x.clamp(max=LARGE).exp_()
        n = (e + 2).mul_(e)
        inverse = (n + 2).reciprocal_()
        tanh = n.mul_(inverse)
        ctx.save_for_backward(x, e, inverse, tanh)
        return x * tanh

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """Return the gradient of x."""
        x, e, inverse, tanh = ctx.saved_tensors
        slope = (e + 1).mul_(e).mul_(inverse).mul_(inverse).mul_(4)  # of tanh
        return slope.mul_(x).add_(tanh).mul_(gradient)


def mish(x: Tensor) -> Tensor:
    """Return the activation mish, element by element."""
    return _Mish.apply(x) if x.device.type == "cpu" else functional.mish(x)


class _Linear(nn.Module):
    """A linear layer for each member; the speed of its outputs is that of any width."""

    def __init__(self, n_members: int, n_inputs: int, n_outputs: int) -> None:
        super().__init__()
        weight = torch.randn(n_members, n_inputs, n_outputs, **BORN)
        bias = torch.randn(n_members, 1, n_outputs, **BORN)
        self.weight = nn.Parameter(weight / UNIT)
        self.bias = nn.Parameter(bias / (UNIT * SLOW))
        self.gain = UNIT / math.sqrt(n_inputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n_members, batch, n_inputs) to (n_members, batch, n_outputs)."""
        return torch.baddbmm(
            self.bias, x, self.weight, beta=UNIT * SLOW, alpha=self.gain
        )


class _Functions(nn.Module):
    """Learned functions of single columns, a few of each, as further inputs.

    Those of a normal score are piecewise linear in its rank: sums of ramps, each of
    which rises where an equal share of the training samples lies. Those of any other
    number are sums of cosines with learned frequencies. There is one set of them for
    all members, or one for those of each fold.
    """

    ramp_middle: Tensor

    def __init__(self, columns: ColumnSpec, n_members: int, n_folds: int) -> None:
        super().__init__()
        self.sizes = (columns.n_scores, columns.n_numeric - columns.n_scores)
        self.n_folds, self.n_each = n_folds, n_members // n_folds
        middle = torch.arange(N_RAMPS, **BORN)[:, None] + 0.5
        self.register_buffer("ramp_middle", middle, persistent=False)
        self.unit = UNIT * SLOW
        shape = (n_folds, self.sizes[1], N_PERIODS, 1)
        self.frequency = nn.Parameter(
            torch.randn(shape, **BORN) * FREQUENCY / self.unit
        )
        self.phase = nn.Parameter(
            (2 * torch.rand(shape, **BORN) - 1) * math.pi / self.unit
        )
        # sums of either kind have a standard deviation of about a half
        ramps, cosines = (
            (2 * torch.rand(n_folds, size, n_parts, N_FEATURES, **BORN) - 1)
            .mul(bound / math.sqrt(n_parts) / self.unit)
            .mT.clone(memory_format=torch.contiguous_format)
            for size, n_parts, bound in zip(
                self.sizes, (N_RAMPS, N_PERIODS), (2, 1), strict=True
            )
        )
        self.ramps = nn.Parameter(ramps) if columns.n_scores else None
        self.cosines = nn.Parameter(cosines)
        self.bias = nn.Parameter(
            torch.zeros(n_folds, self.sizes[1], N_FEATURES, 1, **BORN)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., n_numeric) to (..., n_numeric * N_FEATURES), column by column."""
        has_members = x.ndim == 3  # each with samples of its own
        n_members = x.shape[0]
        x = x.reshape(self.n_folds, -1, x.shape[-1]) if has_members else x[None]
        # samples last, where sums over parts are fast: (n_folds or 1, c, 1, n)
        scores, others = x.mT.contiguous().unsqueeze(2).split(self.sizes, 1)
        frequency = 2 * math.pi * self.unit * self.frequency
        cosines = (others * frequency).add_(self.unit * self.phase).cos()
        features = self.unit * (self.cosines @ cosines + self.bias)
        if self.ramps is not None:
            rank = (1 + torch.erf(scores / math.sqrt(2))) * (N_RAMPS / 2)
            ramps = (rank - self.ramp_middle).clamp_(-0.5, 0.5)
            features = torch.cat([self.unit * (self.ramps @ ramps), features], 1)
        features = features.flatten(1, 2).mT  # (n_folds, n, c * N_FEATURES)
        if has_members:
            return features.reshape(n_members, -1, features.shape[-1])
        if self.n_folds == 1:
            return features[0]
        return features.repeat_interleave(self.n_each, 0)


class TabularEncoder(nn.Module):
    r"""An ensemble of multi-layer perceptrons for tables of numbers.

    ======================  ===========================================================
    ingredient              what it is for
    ======================  ===========================================================
    functions of a column   Each number is joined by three learned functions of it:
                            sums of cosines with learned frequencies, steep or
                            periodic; of a normal score, piecewise linear functions of
                            its rank, which follow steps. Up to 4,096 numbers.
    scales of columns       A learned factor for each column and its functions, which
                            moves fast: a soft selection of columns.
    scales of inputs        A learned factor for each input of the first layer.
    ensemble                The members differ in the weights that they begin with and
                            in their batches; they share the functions of columns.
    parametrisation         Neural-tangent layers with the activation mish.
    ======================  ===========================================================

    The recipe follows RealMLP [1]_, which has scales of inputs alone and a learned
    slope of the activation; ramps of ranks are the piecewise linear encoding of [2]_,
    summed by learned weights.

    Parameters
    ----------
    columns : ColumnSpec
        How many numbers there are, how many of them are normal scores, and the levels
        of each category, which are one-hot encoded. Estimators give it.
    hidden_layer_sizes : sequence of int, default=(96, 96, 96)
        Units of each layer of a member.
    n_members : int or None, default=None
        Members of the ensemble. With ``decoder="anchored"`` each is trained on its own
        loss and the prediction is their weighted mixture; other decoders read the
        contexts of all members side by side. More are better and slower. None means
        8, or 2 for each fold.
    dropout : float, default=0
        Dropout after each activation. Raise it for small and noisy tables; it costs
        most where there is little noise.
    n_folds : int, default=1
        Beyond 1, the members are divided into so many groups, neighbours together, that
        share nothing, so that each may leave out a fold. Estimators give it.

    Raises
    ------
    ValueError
        If a parameter is outside the values above.

    References
    ----------
    .. [1] Holzmüller, Grinsztajn and Steinwart, "Better by Default: Strong Pre-Tuned
           MLPs and Boosted Trees on Tabular Data", NeurIPS 2024.
    .. [2] Gorishniy, Rubachev and Babenko, "On Embeddings for Numerical Features in
           Tabular Deep Learning", NeurIPS 2022.

    Examples
    --------
    >>> import torch
    >>> from sklearn_genre.encoders import TabularEncoder
    >>> from sklearn_genre.inputs import Columns, ColumnSpec
    >>> encoder = TabularEncoder(ColumnSpec(2, (3,)), n_members=2)
    >>> codes = torch.zeros(5, 1, dtype=torch.int64)
    >>> encoder(Columns(torch.zeros(5, 2), codes)).shape
    torch.Size([2, 5, 96])
    """

    takes_folds = True  # reads columns with an axis of members as well

    def __init__(
        self,
        columns: ColumnSpec,
        *,
        hidden_layer_sizes: Sequence[int] = (96, 96, 96),
        n_members: int | None = None,
        dropout: float = 0.0,
        n_folds: int = 1,
    ) -> None:
        super().__init__()
        check_layers(hidden_layer_sizes, dropout)
        if n_members is None:
            n_members = N_MEMBERS if n_folds == 1 else OF_A_FOLD * n_folds
        if n_members < 1 or n_members % n_folds:
            raise ValueError(
                f"n_members must be positive and a multiple of the {n_folds} folds, "
                f"got {shown(n_members, repr)}."
            )
        self.inputs = OneHot(columns)
        self.n_numeric = columns.n_numeric
        has_functions = 0 < self.n_numeric <= MAX_WITH_FUNCTIONS
        self.functions = (
            _Functions(columns, n_members, n_folds) if has_functions else None
        )
        n_features = self.inputs.width
        n_inputs = n_features + has_functions * N_FEATURES * self.n_numeric
        self.n_members = n_members
        self.column_scale = nn.Parameter(torch.zeros(n_members, 1, n_features, **BORN))
        self.input_scale = nn.Parameter(torch.zeros(n_members, 1, n_inputs, **BORN))
        sizes = [n_inputs, *hidden_layer_sizes]
        self.layers = nn.ModuleList(
            _Linear(n_members, *pair) for pair in pairwise(sizes)
        )
        self.dropout = dropout
        self.width = sizes[-1]

    def forward(self, columns: Columns) -> Tensor:
        """Return the contexts of the members, (n_members, batch, width)."""
        X = self.inputs(columns) if columns.codes.shape[-1] else columns.numbers
        # (n_members, 1, n_features)
        scale = 1 + UNIT * COLUMN_SPEED * self.column_scale
        if self.functions is not None:
            features = self.functions(X[..., : self.n_numeric])
            if features.ndim > X.ndim:
                X = X.expand(self.n_members, *X.shape)
            X = torch.cat([X, features], -1)
            repeated = scale[..., : self.n_numeric].repeat_interleave(N_FEATURES, -1)
            scale = torch.cat([scale, repeated], -1)
        scale = scale * (1 + UNIT * INPUT_SPEED * self.input_scale)
        X = X * scale  # (n_members, batch, n_inputs)
        for layer in self.layers:
            X = mish(layer(X))
            if self.dropout and self.training:
                X = dropout(X, self.dropout)
        return X
