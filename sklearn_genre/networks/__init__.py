"""Modules whose forward returns a predictive distribution."""

from sklearn_genre.networks._decoder import DigitDecoder
from sklearn_genre.networks._grid import Grid, expected_number
from sklearn_genre.networks._heads import HistogramNetwork, PointNetwork
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
}

__all__ = [
    "DECODERS",
    "DecodingNetwork",
    "DigitDecoder",
    "Grid",
    "HistogramNetwork",
    "MLPDecoder",
    "OneHot",
    "PointNetwork",
    "TransformerDecoder",
    "decoding_network",
    "encoding_modules",
    "expected_number",
]
