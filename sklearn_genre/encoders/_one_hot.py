"""What the encoders of columns share: indicators of categories, checks of layers."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from sklearn_genre._checks import shown
from sklearn_genre.inputs import Columns, ColumnSpec


class OneHot(nn.Module):
    """Numbers as they are, category codes as indicator columns.

    A code of -1, a level that training has not seen, gives zeros.

    Parameters
    ----------
    columns : ColumnSpec

    Attributes
    ----------
    width : int
        Columns of the output.

    Examples
    --------
    >>> import torch
    >>> from sklearn_genre.encoders import OneHot
    >>> from sklearn_genre.inputs import Columns, ColumnSpec
    >>> codes = torch.tensor([[2], [-1]])
    >>> OneHot(ColumnSpec(1, (3,)))(Columns(torch.ones(2, 1), codes))
    tensor([[1., 0., 0., 1.],
            [1., 0., 0., 0.]])
    """

    def __init__(self, columns: ColumnSpec) -> None:
        super().__init__()
        self.cardinalities = columns.cardinalities
        self.width = columns.one_hot_width

    def forward(self, columns: Columns) -> Tensor:
        """Return numbers and indicators side by side, (..., width)."""
        if not self.cardinalities:
            return columns.numbers
        indicators = [
            functional.one_hot(code + 1, size + 1)[..., 1:]
            for code, size in zip(
                columns.codes.unbind(-1), self.cardinalities, strict=True
            )
        ]
        return torch.cat([columns.numbers, *indicators], -1)


def check_layers(hidden_layer_sizes: Sequence[int], dropout: float) -> None:
    """Raise ``ValueError`` unless there are layers, and dropout is a probability."""
    if not hidden_layer_sizes or min(hidden_layer_sizes) < 1:
        raise ValueError(
            "hidden_layer_sizes must hold at least one positive number, got "
            f"{shown(hidden_layer_sizes, repr)}."
        )
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must be in [0, 1), got {shown(dropout, repr)}.")
