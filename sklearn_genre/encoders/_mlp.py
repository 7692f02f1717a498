"""Multi-layer perceptron."""

from collections.abc import Sequence

from torch import Tensor, nn

from sklearn_genre._checks import shown
from sklearn_genre._device import BORN, dropout
from sklearn_genre.encoders._one_hot import OneHot, check_layers
from sklearn_genre.inputs import Columns, ColumnSpec

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
}


class MLPEncoder(nn.Module):
    """Multi-layer perceptron from the columns, one-hot encoded, to a context vector.

    Give other options by a factory: ``functools.partial(MLPEncoder, dropout=0.1)``.

    Parameters
    ----------
    columns : ColumnSpec
        How many numbers there are, and the levels of each category. Estimators give it.
    hidden_layer_sizes : sequence of int, default=(256, 256)
        Units of each layer; the last is the width of the context.
    activation : {"relu", "silu", "gelu", "tanh"}, default="silu"
        Activation of each layer.
    normalization : {"layer", None}, default=None
        Layer normalization before each activation: worth a try with many layers.
    dropout : float, default=0.0
        Dropout after each activation. Raise it (0.1 to 0.3) on small noisy tables.

    Raises
    ------
    ValueError
        If a parameter is outside the values above.

    Examples
    --------
    >>> import torch
    >>> from sklearn_genre.encoders import MLPEncoder
    >>> from sklearn_genre.inputs import Columns, ColumnSpec
    >>> encoder = MLPEncoder(ColumnSpec(3), hidden_layer_sizes=(16, 8))
    >>> codes = torch.zeros(5, 0, dtype=torch.int64)
    >>> encoder(Columns(torch.zeros(5, 3), codes)).shape
    torch.Size([5, 8])
    """

    def __init__(
        self,
        columns: ColumnSpec,
        *,
        hidden_layer_sizes: Sequence[int] = (256, 256),
        activation: str = "silu",
        normalization: str | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_layers(hidden_layer_sizes, dropout)
        if activation not in ACTIVATIONS:
            raise ValueError(
                f"activation must be one of {sorted(ACTIVATIONS)}, got "
                f"{shown(activation, repr)}."
            )
        if normalization not in ("layer", None):
            raise ValueError(
                "normalization must be 'layer' or None, got "
                f"{shown(normalization, repr)}."
            )
        self.inputs = OneHot(columns)
        self.width = self.inputs.width
        layers: list[nn.Module] = []
        for size in hidden_layer_sizes:
            layer: list[nn.Module] = [nn.Linear(self.width, size, **BORN)]
            if normalization == "layer":
                layer.append(nn.LayerNorm(size, **BORN))
            layers.append(nn.Sequential(*layer, ACTIVATIONS[activation]()))
            self.width = size
        self.layers = nn.ModuleList(layers)
        self.dropout = dropout

    def forward(self, columns: Columns) -> Tensor:
        """Return the context, (batch, width)."""
        X = self.inputs(columns)
        for layer in self.layers:
            X = layer(X)
            if self.dropout and self.training:
                X = dropout(X, self.dropout)
        return X
