"""Modules whose forward returns a predictive distribution."""

from sklearn_genre.networks._anchored_decoder import AnchoredDecoder
from sklearn_genre.networks._decoder import DigitDecoder
from sklearn_genre.networks._digit_heads import (
    DigitHead,
    LinearHead,
    LogitMLPHead,
    PooledMaxHead,
    PooledMeanHead,
    PooledMinHead,
    ProjectionHead,
    SpecialTokenHead,
)
from sklearn_genre.networks._grid import (
    Grid,
    expected_number,
    string_probs,
)
from sklearn_genre.networks._heads import HeadNetwork, HistogramNetwork, PointNetwork
from sklearn_genre.networks._mlp_decoder import MLPDecoder
from sklearn_genre.networks._network import (
    DecodingNetwork,
    OneHot,
    decoding_network,
    encoding_modules,
)
from sklearn_genre.networks._transformer_decoder import TransformerDecoder

DECODERS: dict[str, type[DigitDecoder]] = {
    "mlp": MLPDecoder,
    "transformer": TransformerDecoder,
    "anchored": AnchoredDecoder,
}

HEADS: dict[str, type[DigitHead]] = {
    "linear": LinearHead,
    "special_token": SpecialTokenHead,
    "mlp": LogitMLPHead,
    "pooled_mean": PooledMeanHead,
    "pooled_min": PooledMinHead,
    "pooled_max": PooledMaxHead,
    "projection": ProjectionHead,
}

__all__ = [
    "DECODERS",
    "HEADS",
    "AnchoredDecoder",
    "DecodingNetwork",
    "DigitDecoder",
    "DigitHead",
    "Grid",
    "HeadNetwork",
    "HistogramNetwork",
    "MLPDecoder",
    "OneHot",
    "PointNetwork",
    "TransformerDecoder",
    "decoding_network",
    "encoding_modules",
    "expected_number",
    "string_probs",
]
