"""How a number is read from a digit decoder, as a user says it."""

from __future__ import annotations

from typing import Any

from sklearn.base import BaseEstimator

from sklearn_genre._checks import check_integer, check_real, shown
from sklearn_genre.decoders import DECODERS
from sklearn_genre.networks._readouts import HEADS
from sklearn_genre.tokenizers import TOKENIZERS, Tokenizer


class DigitHead(BaseEstimator):
    """Options of a head of ``PointwiseRegressor`` that reads a digit decoder.

    Parameters
    ----------
    readout : str, default="pooled_mean"
        What the number is read from: the table of ``PointwiseRegressor`` has the names.
        ``"linear"`` reads the context alone, which pretraining makes another start.
    tokenizer : {"auto", "normalized", "ieee", "p10"} or Tokenizer, default="auto"
        How the decoder writes numbers, as in ``DecodingRegressor``.
    decoder : {"auto", "mlp", "transformer", "anchored"} or callable, default="mlp"
        ``decoder(width, tokenizer)`` returns a digit decoder.
    pretraining_epochs : int, default=0
        Passes over the training set, at most, in which the digits are trained by
        cross-entropy, before the head is: about 100 for a pretrained start. 0 is a
        random start.
    pretraining_learning_rate : float, default=1.5e-3
        Peak learning rate of AdamW in that stage.

    Examples
    --------
    >>> from sklearn_genre.networks import DigitHead
    >>> DigitHead("special_token", pretraining_epochs=100)
    DigitHead(pretraining_epochs=100, readout='special_token')
    """

    def __init__(
        self,
        readout: str = "pooled_mean",
        *,
        tokenizer: Any = "auto",
        decoder: Any = "mlp",
        pretraining_epochs: int = 0,
        pretraining_learning_rate: float = 1.5e-3,
    ) -> None:
        self.readout = readout
        self.tokenizer = tokenizer
        self.decoder = decoder
        self.pretraining_epochs = pretraining_epochs
        self.pretraining_learning_rate = pretraining_learning_rate

    def check(self) -> None:
        """Raise ``ValueError`` or ``TypeError`` if an option is not valid."""
        _check_name(self.readout, "DigitHead.readout", [*HEADS])
        if not isinstance(self.tokenizer, Tokenizer):
            _check_name(self.tokenizer, "DigitHead.tokenizer", ["auto", *TOKENIZERS])
        if not callable(self.decoder):
            _check_name(self.decoder, "DigitHead.decoder", ["auto", *DECODERS])
        check_integer(self.pretraining_epochs, "DigitHead.pretraining_epochs", 0)
        check_real(
            self.pretraining_learning_rate,
            "DigitHead.pretraining_learning_rate",
            0,
            exclusive=True,
        )


def _check_name(value: Any, name: str, choices: list[str]) -> None:
    """Raise ``ValueError`` unless the value is one of the choices."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {choices}, got {shown(value, repr)}.")
