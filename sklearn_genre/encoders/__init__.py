"""Networks from columns to a context.

An encoder is a torch module that ``encoder(columns)`` builds from a
:class:`~sklearn_genre.inputs.ColumnSpec`. It maps
:class:`~sklearn_genre.inputs.Columns` to a context of shape (batch, ``width``); with
the attribute ``n_members`` it is an ensemble, and the context has shape
(``n_members``, batch, ``width``).
"""

from sklearn_genre.encoders._identity import IdentityEncoder
from sklearn_genre.encoders._mlp import MLPEncoder
from sklearn_genre.encoders._one_hot import OneHot
from sklearn_genre.encoders._tabular import TabularEncoder

ENCODERS = {"identity": IdentityEncoder, "mlp": MLPEncoder, "tabular": TabularEncoder}

__all__ = ["ENCODERS", "IdentityEncoder", "MLPEncoder", "OneHot", "TabularEncoder"]
