"""Modules whose forward returns a predictive distribution."""

from sklearn_genre.networks._decoder import DigitDecoder
from sklearn_genre.networks._grid import Grid, expected_number
from sklearn_genre.networks._mlp_decoder import MLPDecoder
from sklearn_genre.networks._network import DecodingNetwork, decoding_network
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
    "MLPDecoder",
    "TransformerDecoder",
    "decoding_network",
    "expected_number",
]
