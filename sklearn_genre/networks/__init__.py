"""Modules from inputs to a predictive distribution, and predictions in units of y."""

from sklearn_genre.decoders import (
    DECODERS,
    AnchoredDecoder,
    DigitDecoder,
    MLPDecoder,
    TransformerDecoder,
)
from sklearn_genre.networks._digit_head import DigitHead
from sklearn_genre.networks._histogram import HistogramNetwork
from sklearn_genre.networks._language_model import (
    PROMPT_HEADS,
    LanguageModelNetwork,
    PromptHeadNetwork,
)
from sklearn_genre.networks._network import (
    DecodingNetwork,
    EncodedNetwork,
    Network,
    build_decoder,
    build_encoder,
)
from sklearn_genre.networks._out_of_fold import OutOfFold
from sklearn_genre.networks._predictor import (
    N_AT_ONCE,
    Predictor,
    joined_support,
)
from sklearn_genre.networks._readouts import HEADS, Readout
from sklearn_genre.networks._scalar import HeadNetwork, PointNetwork

__all__ = [
    "DECODERS",
    "HEADS",
    "N_AT_ONCE",
    "PROMPT_HEADS",
    "AnchoredDecoder",
    "DecodingNetwork",
    "DigitDecoder",
    "DigitHead",
    "EncodedNetwork",
    "HeadNetwork",
    "HistogramNetwork",
    "LanguageModelNetwork",
    "MLPDecoder",
    "Network",
    "OutOfFold",
    "PointNetwork",
    "Predictor",
    "PromptHeadNetwork",
    "Readout",
    "TransformerDecoder",
    "build_decoder",
    "build_encoder",
    "joined_support",
]
