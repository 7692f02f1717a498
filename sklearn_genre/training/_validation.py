"""Exact scores of a network after an epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from sklearn_genre.calibration import fit_residual_scale, share_of_all_folds
from sklearn_genre.inputs import Inputs
from sklearn_genre.networks import N_AT_ONCE, Network, Predictor
from sklearn_genre.training._batches import Encoded
from sklearn_genre.training._diagnostics import (
    LARGEST_ERROR,
    Column,
    Predicted,
    averages,
    diagnostic_columns,
    sequence_entropy,
)
from sklearn_genre.training._processes import Processes
from sklearn_genre.training._selection import Row, Scores

# What a validation reports: errors of the prediction and of the distribution in units
# of y; expected reward of a sampled number and entropy of its digits, standardised.
VALIDATION = ("validation_rmse", "validation_crps", "reward", "entropy")
# Levels at which formats that are too large to enumerate are decoded for validation.
VALIDATION_LEVELS = 64

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Validation:
    """Scores of a network on a validation set.

    Parameters
    ----------
    predictor : Predictor
        At temperature 1.
    data : Encoded
    diagnostics : sequence of str
    """

    predictor: Predictor
    data: Encoded
    diagnostics: Sequence[str]

    def __call__(self) -> Row:
        """Calibrate the network, and return its scores and diagnostics."""
        data, network = self.data, self.predictor.network
        network.eval()
        calibrate(self.predictor, data)
        share = share_of_all_folds(network, data.inputs, data.z, data.sample_weight)
        values = {
            "validation_rmse": Column(partial(squared_error, self.predictor), True),
            "validation_crps": Column(crps),
            "reward": Column(reward),
            "entropy": Column(sequence_entropy),
            **diagnostic_columns(self.diagnostics),
        }
        row = averages(
            values,
            predicted(self.predictor, data.inputs, data.y, VALIDATION_LEVELS),
            data.sample_weight,
            self.predictor.scaler.unit_,
        )
        if network.predicts_number:  # whose squared error the members share
            row["validation_rmse"] *= share**0.5
        else:
            row["validation_crps"] *= share
        return row


@dataclass(frozen=True)
class SharedScores:
    """Scores that the first of several processes computes for all.

    Parameters
    ----------
    scores : Scores
    processes : Processes
    network : Network
        Its buffers are set by `scores`.
    """

    scores: Scores
    processes: Processes
    network: Network

    def __call__(self) -> Row:
        """Return the scores of the network as it is."""
        self.network.eval()
        row = self.processes.of_first(self.scores)
        self.processes.broadcast(self.network.buffers())
        return row


@dataclass(frozen=True)
class NoValidation:
    """Stands in where there is no validation set: no scores, but finite predictions.

    Parameters
    ----------
    predictor : Predictor
    data : Encoded
        Training samples.
    diagnostics : sequence of str
    """

    predictor: Predictor
    data: Encoded
    diagnostics: Sequence[str]

    def __call__(self) -> Row:
        """See that the network predicts something finite, and return no scores."""
        self.predictor.network.eval()
        self.predictor.support(self.data.inputs[:N_AT_ONCE], VALIDATION_LEVELS)
        return dict.fromkeys([*VALIDATION, *diagnostic_columns(self.diagnostics)])


def calibrate(predictor: Predictor, data: Encoded) -> None:
    """Measure the spread of residuals, if a number is predicted.

    It is a buffer of the network: part of the state that is selected and restored.
    """
    if predictor.network.predicts_number:
        fit_residual_scale(predictor, data.inputs, data.z, data.sample_weight)


def predicted(
    predictor: Predictor, inputs: Inputs, y: Array, n_levels: int | None = None
) -> Iterator[Predicted]:
    """Yield what is predicted for samples with known targets, some at a time."""
    for start in range(0, len(y), N_AT_ONCE):
        index = slice(start, start + N_AT_ONCE)
        support = predictor.support(inputs[index], n_levels)
        yield Predicted(
            inputs=inputs[index],
            support=support,
            pieces=predictor.pieces(support),
            y=y[index],
            z=predictor.scaler.transform(y[index]),
            unit=predictor.scaler.unit_,
        )


def squared_error(predictor: Predictor, some: Predicted) -> Array:
    """Return squared errors of the prediction, in squares of the unit of y."""
    error = predictor.mean(some.inputs, some.pieces) - some.y
    with np.errstate(over="ignore"):
        error = error / some.unit
    return np.clip(error, -LARGEST_ERROR, LARGEST_ERROR) ** 2


def crps(some: Predicted) -> Array:
    """Return the continuous ranked probability score, in the units of y."""
    return some.pieces.crps(some.y)


def reward(some: Predicted) -> Array:
    """Return minus the expected squared error of a sampled number, standardised."""
    bias = some.support.mean.numpy() - some.z
    bias = bias.clip(-LARGEST_ERROR, LARGEST_ERROR)
    return -(bias**2 + some.support.variance.numpy())
