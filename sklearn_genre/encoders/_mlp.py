"""Multi-layer perceptron."""

from collections.abc import Sequence

from torch import Tensor, nn

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
}


class MLPEncoder(nn.Module):
    """Multi-layer perceptron from a feature row to a context vector.

    An encoder is any module built by ``encoder(n_features)`` that maps
    (batch, n_features) to (batch, ``width``) and has the attribute ``width``. Give one
    with other options as a factory: ``functools.partial(MLPEncoder, dropout=0.1)``.

    Parameters
    ----------
    n_features : int
        Columns of the input, after one-hot encoding.
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
    >>> encoder = MLPEncoder(3, hidden_layer_sizes=(16, 8))
    >>> encoder(torch.zeros(5, 3)).shape
    torch.Size([5, 8])
    """

    def __init__(
        self,
        n_features: int,
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
                f"activation must be one of {sorted(ACTIVATIONS)}, got {activation!r}."
            )
        if normalization not in ("layer", None):
            raise ValueError(
                f"normalization must be 'layer' or None, got {normalization!r}."
            )
        layers: list[nn.Module] = []
        for size in hidden_layer_sizes:
            layers.append(nn.Linear(n_features, size))
            if normalization == "layer":
                layers.append(nn.LayerNorm(size))
            layers.append(ACTIVATIONS[activation]())
            if dropout:
                layers.append(nn.Dropout(dropout))
            n_features = size
        self.layers = nn.Sequential(*layers)
        self.width = n_features

    def forward(self, X: Tensor) -> Tensor:
        """Map (batch, n_features) to (batch, width)."""
        return self.layers(X)


def check_layers(hidden_layer_sizes: Sequence[int], dropout: float) -> None:
    """Raise ``ValueError`` unless there are layers, and dropout is a probability."""
    if not hidden_layer_sizes or min(hidden_layer_sizes) < 1:
        raise ValueError(
            "hidden_layer_sizes must hold at least one positive number, got "
            f"{hidden_layer_sizes!r}."
        )
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must be in [0, 1), got {dropout!r}.")
