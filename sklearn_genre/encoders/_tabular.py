"""Multi-layer perceptron for tables of numbers."""

import math
from collections.abc import Sequence
from itertools import cycle, islice, pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from sklearn_genre.encoders._mlp import check_layers

# Weights are stored in this unit, so that the optimizer moves the features they are
# made of this many times faster than the same weights in a plain layer.
UNIT = 27.0
# How much slower than that biases and periods move.
SLOW = 0.1


class Kind(NamedTuple):
    """How one member chooses its inputs: how much faster than weights scales move."""

    columns: float  # scales of columns; with 0, the member has none
    inputs: float  # scales of inputs
    wait: int  # training steps during which the scales of columns rest


# The members in turn. Fast scales find the few columns that matter among many; slow
# ones and those that wait do not silence columns that are needed later. Which is better
# depends on the table, so there are all, and the weights of the members decide.
KINDS = (
    Kind(columns=30, inputs=2, wait=0),
    Kind(columns=120, inputs=2, wait=0),
    Kind(columns=30, inputs=2, wait=1000),
    Kind(columns=0, inputs=6, wait=0),
    Kind(columns=60, inputs=2, wait=0),
    Kind(columns=120, inputs=2, wait=0),
    Kind(columns=30, inputs=2, wait=1000),
    Kind(columns=0, inputs=6, wait=0),
)
# Where mish has become the identity.
LARGE = 20.0
# Cosines a column, their mean frequency at first, and the numbers they are reduced to.
N_PERIODS, FREQUENCY, N_FEATURES = 16, 0.1, 3


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
    """Linear layers side by side, whose outputs move at one speed.

    That does not depend on how many inputs there are.
    """

    def __init__(self, n_members: int, n_inputs: int, n_outputs: int) -> None:
        super().__init__()
        weight = torch.randn(n_members, n_inputs, n_outputs)
        bias = torch.randn(n_members, 1, n_outputs)
        self.weight = nn.Parameter(weight / UNIT)
        self.bias = nn.Parameter(bias / (UNIT * SLOW))
        self.gain = UNIT / math.sqrt(n_inputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n_members, batch, n_inputs) to (n_members, batch, n_outputs)."""
        return torch.baddbmm(
            self.bias, x, self.weight, beta=UNIT * SLOW, alpha=self.gain
        )


class _Periods(nn.Module):
    """Cosines of each column with learned frequencies, reduced to a few numbers."""

    def __init__(self, n_columns: int) -> None:
        super().__init__()
        shape = (n_columns, N_PERIODS)
        self.unit = UNIT * SLOW
        self.frequency = nn.Parameter(torch.randn(shape) * FREQUENCY / self.unit)
        self.phase = nn.Parameter((2 * torch.rand(shape) - 1) * math.pi / self.unit)
        bound = 1 / math.sqrt(N_PERIODS)
        weight = (2 * torch.rand(*shape, N_FEATURES) - 1) * bound
        self.weight = nn.Parameter(weight / self.unit)
        self.bias = nn.Parameter(torch.zeros(n_columns, N_FEATURES))

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, n_columns) to (batch, n_columns * N_FEATURES)."""
        frequency = 2 * math.pi * self.unit * self.frequency
        cosines = (x[..., None] * frequency + self.unit * self.phase).cos()
        reduced = torch.einsum("bcp,cpf->bcf", cosines, self.unit * self.weight)
        return (reduced + self.unit * self.bias).flatten(1)


class TabularEncoder(nn.Module):
    r"""Multi-layer perceptron with what tables of numbers need.

    Each numeric column is joined by three combinations of sixteen cosines with learned
    frequencies, so that steep and wavy functions of one column are within reach. Each
    column has a learned scale, shared with its cosines, that moves fast: a soft choice
    of columns; within it, each input has one of its own. Such a choice may come too
    late or too early, so members differ: scales of columns move at three speeds, those
    of one member in four begin after a thousand steps, and one in four has scales of
    inputs alone. The activation is mish. Layers are in the neural-tangent
    parametrisation. The recipe follows RealMLP [1]_, which has scales of inputs alone
    and a learned slope of the activation.

    Parameters
    ----------
    n_features : int
        Columns of the input, after one-hot encoding.
    n_numeric : int or None, default=None
        How many of the first columns are numbers; None means all. Estimators give it.
    hidden_layer_sizes : sequence of int, default=(96, 96, 96)
        Units of each layer of a member.
    n_members : int, default=8
        Perceptrons side by side, which share the cosines and nothing else; their last
        layers together are the context. With ``decoder="anchored"`` each is trained on
        its own and the distribution is their mixture, weighed on the validation part:
        an ensemble at the price of one fit. More are better and slower.
    dropout : float, default=0
        Dropout after each activation. Raise it for small and noisy tables; it costs
        most where there is little noise.

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
    >>> encoder = TabularEncoder(3, n_numeric=2, n_members=2)
    >>> encoder(torch.zeros(5, 3)).shape
    torch.Size([5, 192])
    """

    column_speed: Tensor
    input_speed: Tensor
    wait: Tensor
    n_steps: Tensor

    def __init__(
        self,
        n_features: int,
        *,
        n_numeric: int | None = None,
        hidden_layer_sizes: Sequence[int] = (96, 96, 96),
        n_members: int = 8,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_layers(hidden_layer_sizes, dropout)
        if n_members < 1:
            raise ValueError(f"n_members must be at least 1, got {n_members!r}.")
        self.n_numeric = n_features if n_numeric is None else n_numeric
        self.periods = _Periods(self.n_numeric) if self.n_numeric else None
        n_inputs = n_features + N_FEATURES * self.n_numeric
        self.n_members = n_members
        self.column_scale = nn.Parameter(torch.zeros(n_members, 1, n_features))
        self.input_scale = nn.Parameter(torch.zeros(n_members, 1, n_inputs))
        kinds = torch.tensor([*islice(cycle(KINDS), n_members)], dtype=torch.float32)
        columns, inputs, wait = kinds.T[..., None, None]  # each (n_members, 1, 1)
        self.register_buffer("column_speed", UNIT * columns, persistent=False)
        self.register_buffer("input_speed", UNIT * inputs, persistent=False)
        self.register_buffer("wait", wait, persistent=False)
        self.register_buffer("n_steps", torch.zeros(()), persistent=False)
        sizes = [n_inputs, *hidden_layer_sizes]
        self.layers = nn.ModuleList(
            _Linear(n_members, *pair) for pair in pairwise(sizes)
        )
        self.dropout = dropout
        self.width = n_members * sizes[-1]

    def forward(self, X: Tensor) -> Tensor:
        """Map (batch, n_features) to (batch, width), member after member."""
        if torch.is_grad_enabled():
            self.n_steps += 1
        column_scale = torch.where(
            self.n_steps > self.wait, self.column_scale, self.column_scale.detach()
        )
        scale = 1 + self.column_speed * column_scale  # (n_members, 1, n_features)
        if self.periods is not None:
            X = torch.cat([X, self.periods(X[:, : self.n_numeric])], 1)
            repeated = scale[..., : self.n_numeric].repeat_interleave(N_FEATURES, -1)
            scale = torch.cat([scale, repeated], -1)
        scale = scale * (1 + self.input_speed * self.input_scale)
        X = X * scale  # (n_members, batch, n_inputs)
        for layer in self.layers:
            X = functional.dropout(mish(layer(X)), self.dropout, self.training)
        return X.transpose(0, 1).flatten(1)
