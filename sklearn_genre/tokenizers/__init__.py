"""Tokenizers: numbers to token strings of one fixed length, and back."""

from sklearn_genre.tokenizers._base import MAX_STRINGS, Tokenizer
from sklearn_genre.tokenizers._decimal import DecimalTokenizer
from sklearn_genre.tokenizers._ieee import IEEETokenizer
from sklearn_genre.tokenizers._normalized import NormalizedTokenizer
from sklearn_genre.tokenizers._p10 import P10Tokenizer

TOKENIZERS: dict[str, type[Tokenizer]] = {
    "normalized": NormalizedTokenizer,
    "ieee": IEEETokenizer,
    "p10": P10Tokenizer,
}

__all__ = [
    "MAX_STRINGS",
    "TOKENIZERS",
    "DecimalTokenizer",
    "IEEETokenizer",
    "NormalizedTokenizer",
    "P10Tokenizer",
    "Tokenizer",
]
