"""Networks from a context to digits."""

from sklearn_genre.decoders._anchored import AnchoredDecoder
from sklearn_genre.decoders._backbone import Backbone, freeze
from sklearn_genre.decoders._base import DigitDecoder, by_fold
from sklearn_genre.decoders._language_model import (
    CacheDecoder,
    LanguageModelDecoder,
    fits_table,
    last_states,
    new_decoder,
)
from sklearn_genre.decoders._line import Line, line_of
from sklearn_genre.decoders._mlp import MLPDecoder
from sklearn_genre.decoders._spelling import Spelling, spell
from sklearn_genre.decoders._transformer import TransformerDecoder

DECODERS: dict[str, type[DigitDecoder]] = {
    "mlp": MLPDecoder,
    "transformer": TransformerDecoder,
    "anchored": AnchoredDecoder,
}

__all__ = [
    "DECODERS",
    "AnchoredDecoder",
    "Backbone",
    "CacheDecoder",
    "DigitDecoder",
    "LanguageModelDecoder",
    "Line",
    "MLPDecoder",
    "Spelling",
    "TransformerDecoder",
    "by_fold",
    "fits_table",
    "freeze",
    "last_states",
    "line_of",
    "new_decoder",
    "spell",
]
