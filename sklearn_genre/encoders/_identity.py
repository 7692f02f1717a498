"""No network: the columns as they are."""

from torch import Tensor, nn

from sklearn_genre.encoders._one_hot import OneHot
from sklearn_genre.inputs import Columns, ColumnSpec


class IdentityEncoder(nn.Module):
    """The columns as they are, one-hot encoded: the decoder or head reads them.

    Meant for embeddings, columns that a pretrained network has made already. It has no
    weights to train, so a fit takes a fraction of the time; what the rest of the
    network can make of the columns is all that is learned. ``decoder="auto"`` is linear
    in them, ``decoder="mlp"`` has a hidden layer.

    Parameters
    ----------
    columns : ColumnSpec
        How many numbers there are, and the levels of each category. Estimators give it.

    Attributes
    ----------
    width : int
        Columns of the context.

    Examples
    --------
    >>> import torch
    >>> from sklearn_genre.encoders import IdentityEncoder
    >>> from sklearn_genre.inputs import Columns, ColumnSpec
    >>> encoder = IdentityEncoder(ColumnSpec(1, (3,)))
    >>> encoder(Columns(torch.ones(2, 1), torch.tensor([[0], [2]])))
    tensor([[1., 1., 0., 0.],
            [1., 0., 0., 1.]])
    """

    def __init__(self, columns: ColumnSpec) -> None:
        super().__init__()
        self.inputs = OneHot(columns)
        self.width = self.inputs.width

    def forward(self, columns: Columns) -> Tensor:
        """Return the context, (batch, width)."""
        context: Tensor = self.inputs(columns)
        return context
