"""Networks from features to a context vector."""

from sklearn_genre.encoders._mlp import MLPEncoder
from sklearn_genre.encoders._tabular import TabularEncoder

ENCODERS = {"mlp": MLPEncoder, "tabular": TabularEncoder}

__all__ = ["ENCODERS", "MLPEncoder", "TabularEncoder"]
