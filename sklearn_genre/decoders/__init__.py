"""Networks from a context to digits."""

from sklearn_genre.decoders._anchored import AnchoredDecoder
from sklearn_genre.decoders._base import DigitDecoder
from sklearn_genre.decoders._mlp import MLPDecoder
from sklearn_genre.decoders._transformer import TransformerDecoder

DECODERS: dict[str, type[DigitDecoder]] = {
    "mlp": MLPDecoder,
    "transformer": TransformerDecoder,
    "anchored": AnchoredDecoder,
}

__all__ = [
    "DECODERS",
    "AnchoredDecoder",
    "DigitDecoder",
    "MLPDecoder",
    "TransformerDecoder",
]
