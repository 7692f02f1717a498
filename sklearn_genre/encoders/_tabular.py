"""Multi-layer perceptron for tables of numbers."""

import math
from collections.abc import Sequence
from itertools import cycle, islice, pairwise
from typing import Any, NamedTuple

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


class Speeds(NamedTuple):
    """How much faster than its weights the scales of an ensemble member move."""

    columns: float  # scales of columns; 0: the member has none
    inputs: float  # scales of inputs
    wait: int  # first training step in which the scales of columns move


# The ensemble members in turn. Fast scales find the few informative columns among many;
# slow and late ones do not silence a column that is needed later. Which is better
# depends on the dataset, so the ensemble has all, and its weights decide.
SPEEDS = (
    Speeds(columns=30, inputs=2, wait=0),
    Speeds(columns=120, inputs=2, wait=0),
    Speeds(columns=30, inputs=2, wait=1000),
    Speeds(columns=0, inputs=6, wait=0),
    Speeds(columns=60, inputs=2, wait=0),
    Speeds(columns=120, inputs=2, wait=0),
    Speeds(columns=30, inputs=2, wait=1000),
    Speeds(columns=0, inputs=6, wait=0),
)
# Of two members that leave out the same fold, one is fast and one is slow.
IN_FOLDS = tuple(SPEEDS[i] for i in (0, 2, 1, 3, 4, 6, 5, 7))
# Members, unless a user says otherwise, and those that leave out the same fold.
N_MEMBERS, OF_A_FOLD = 8, 2
# Where mish has become the identity.
LARGE = 20.0
# Cosines a column, their mean frequency at first, and the numbers they are reduced to.
N_PERIODS, FREQUENCY, N_FEATURES = 16, 0.1, 3
# Numeric columns beyond which there are no cosines: they make three quarters of a layer
# whose weights, gradients, moments and copies are most of the memory of a fit.
MAX_PERIODIC = 4096


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


class _Periods(nn.Module):
    """Cosines of each column with learned frequencies, reduced to a few numbers.

    There is one set of them for all members, or one for those of each fold.
    """

    def __init__(self, n_columns: int, n_members: int, n_folds: int) -> None:
        super().__init__()
        self.n_each = n_members // n_folds if n_folds > 1 else 0
        sets = (n_folds, 1) if n_folds > 1 else ()
        shape = (*sets, n_columns, N_PERIODS)
        self.unit = UNIT * SLOW
        self.frequency = nn.Parameter(
            torch.randn(shape, **BORN) * FREQUENCY / self.unit
        )
        self.phase = nn.Parameter(
            (2 * torch.rand(shape, **BORN) - 1) * math.pi / self.unit
        )
        bound = 1 / math.sqrt(N_PERIODS)
        weight = (2 * torch.rand(*shape, N_FEATURES, **BORN) - 1) * bound
        self.weight = nn.Parameter(weight / self.unit)
        self.bias = nn.Parameter(torch.zeros(*shape[:-1], N_FEATURES, **BORN))

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., n_columns) to (..., n_columns * N_FEATURES)."""
        tensors = [
            2 * math.pi * self.unit * self.frequency,
            self.unit * self.phase,
            self.unit * self.weight,
            self.unit * self.bias,
        ]
        has_members = x.ndim == 3  # each with samples of its own
        equation = "mbcp,cpf->mbcf" if has_members else "bcp,cpf->bcf"
        if self.n_each:
            equation = "...cp,...cpf->...cf"
            if has_members:
                tensors = [each.repeat_interleave(self.n_each, 0) for each in tensors]
        frequency, phase, weight, bias = tensors
        cosines = (x[..., None] * frequency + phase).cos()
        features = (torch.einsum(equation, cosines, weight) + bias).flatten(-2)
        if self.n_each and not has_members:
            features = features.repeat_interleave(self.n_each, 0)
        return features


class TabularEncoder(nn.Module):
    r"""An ensemble of multi-layer perceptrons for tables of numbers.

    ======================  ===========================================================
    ingredient              what it is for
    ======================  ===========================================================
    cosines                 Each numeric column is joined by three combinations of
                            sixteen cosines with learned frequencies: steep and
                            periodic functions of one column. Up to 4,096 of them.
    scales of columns       A learned factor for each column and its cosines, which
                            moves fast: a soft selection of columns.
    scales of inputs        A learned factor for each input of the first layer.
    ensemble                The members differ in how fast, and from which step on,
                            their scales move (`SPEEDS`); they share the cosines alone.
    parametrisation         Neural-tangent layers with the activation mish.
    ======================  ===========================================================

    The recipe follows RealMLP [1]_, which has scales of inputs alone and a learned
    slope of the activation.

    Parameters
    ----------
    columns : ColumnSpec
        How many numbers there are, and the levels of each category, which are one-hot
        encoded. Estimators give it.
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
    column_speed: Tensor
    input_speed: Tensor
    wait: Tensor

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
        is_periodic = 0 < self.n_numeric <= MAX_PERIODIC
        self.periods = (
            _Periods(self.n_numeric, n_members, n_folds) if is_periodic else None
        )
        n_features = self.inputs.width
        n_inputs = n_features + is_periodic * N_FEATURES * self.n_numeric
        self.n_members = n_members
        self.column_scale = nn.Parameter(torch.zeros(n_members, 1, n_features, **BORN))
        self.input_scale = nn.Parameter(torch.zeros(n_members, 1, n_inputs, **BORN))
        kinds = SPEEDS if n_folds == 1 else IN_FOLDS
        speeds = torch.tensor([*islice(cycle(kinds), n_members)], **BORN)
        column, inputs, wait = speeds.T[..., None, None]  # each (n_members, 1, 1)
        self.register_buffer("column_speed", UNIT * column, persistent=False)
        self.register_buffer("input_speed", UNIT * inputs, persistent=False)
        self.register_buffer("wait", wait, persistent=False)
        self.step = 0
        sizes = [n_inputs, *hidden_layer_sizes]
        self.layers = nn.ModuleList(
            _Linear(n_members, *pair) for pair in pairwise(sizes)
        )
        self.dropout = dropout
        self.width = sizes[-1]

    def at_step(self, step: int) -> None:
        """Take note of how many steps of training there have been, in all stages."""
        self.step = step

    def forward(self, columns: Columns) -> Tensor:
        """Return the contexts of the members, (n_members, batch, width)."""
        X = self.inputs(columns) if columns.codes.shape[-1] else columns.numbers
        column_scale = torch.where(
            self.wait <= self.step, self.column_scale, self.column_scale.detach()
        )
        scale = 1 + self.column_speed * column_scale  # (n_members, 1, n_features)
        if self.periods is not None:
            features = self.periods(X[..., : self.n_numeric])
            if features.ndim > X.ndim:
                X = X.expand(self.n_members, *X.shape)
            X = torch.cat([X, features], -1)
            repeated = scale[..., : self.n_numeric].repeat_interleave(N_FEATURES, -1)
            scale = torch.cat([scale, repeated], -1)
        scale = scale * (1 + self.input_speed * self.input_scale)
        X = X * scale  # (n_members, batch, n_inputs)
        for layer in self.layers:
            X = mish(layer(X))
            if self.dropout and self.training:
                X = dropout(X, self.dropout)
        return X
