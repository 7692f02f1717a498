"""Networks from features to a context vector."""

from sklearn_genre.encoders._mlp import MLPEncoder

ENCODERS = {"mlp": MLPEncoder}

__all__ = ["ENCODERS", "MLPEncoder"]
