"""Data that can be read, and that are probably not what the user meant."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_genre._checks import shown, some_of
from sklearn_genre._warn import warn
from sklearn_genre.inputs import FeatureEncoder

# Validation samples of which a spread is told, and the share of that of the training
# samples below which their units differ.
FEWEST, NARROW = 20, 1e-2
# Columns that are compared, at most.
MOST = 100


def warn_of_unseen(encoder: FeatureEncoder, X: Any) -> None:
    """Warn of category columns that hold not one level of training."""
    unseen = encoder.unseen(X)
    if not unseen:
        return
    name, (levels, known) = next(iter(unseen.items()))
    others = [*unseen][1:]
    also = f" The same holds for {some_of(others)}." if others else ""
    warn(
        f"Column {shown(name, repr)} holds no level of training: {some_of(levels)} "
        f"in place of {some_of(known)}, so it tells nothing.{also} Are the texts or "
        "types those of training?"
    )


def warn_of_validation(estimator: Any, X: Any, X_val: Any) -> None:
    """Warn of a validation set that looks nothing like the training samples."""
    encoder = estimator.feature_encoder_
    if not isinstance(encoder, FeatureEncoder):
        return
    n_features = estimator.n_features_in_
    names = getattr(estimator, "feature_names_in_", np.arange(n_features))
    warn_of_other_units(
        encoder.numbers(X), encoder.numbers(X_val), names[~encoder.is_categorical]
    )
    if encoder.is_categorical.any():
        warn_of_unseen(encoder, X_val)


def warn_of_other_units(
    X: NDArray[np.float64], X_val: NDArray[np.float64], names: NDArray[Any]
) -> None:
    """Warn of a validation set that has not been through what transformed X.

    Parameters
    ----------
    X, X_val : float64 arrays of shape (n_samples, n_numeric)
        NaN where missing.
    names : array of shape (n_numeric,)
    """
    places = np.unique(np.linspace(0, max(len(names) - 1, 0), MOST).round().astype(int))
    if not len(names):
        return
    names = names[places].tolist()
    odd = other_units(X[:, places], X_val[:, places])
    some = [name for name, is_odd in zip(names, odd, strict=True) if is_odd]
    if len(some) > len(names) / 2:
        warn(
            f"X_val is far from X in {len(some)} of {len(names)} columns compared, "
            f"{some_of(some)}. A Pipeline transforms X alone, unless it is told: "
            "Pipeline(steps, transform_input=['X_val'])."
        )


def other_units(
    X: NDArray[np.float64], X_val: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return which columns have another place or unit in the validation set.

    Their median is beyond the range of X by more than that range, or their quartiles
    are a hundred times nearer to one another than those of X.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_genre.estimators._warnings import other_units
    >>> X = np.arange(40.0)[:, None] + [0, 0, 0]
    >>> other_units(X, X * [1, 1, 1e-3] + [0, 100, 0])
    array([False,  True,  True])
    """
    odd = np.zeros(X.shape[1], dtype=bool)
    X, X_val = X / 4, X_val / 4  # differences of the largest floats stay finite
    for j, (before, column) in enumerate(zip(X.T, X_val.T, strict=True)):
        before, column = before[~np.isnan(before)], column[~np.isnan(column)]
        if not (len(before) and len(column)) or before.min() == before.max():
            continue
        low, median, high = np.quantile(column, [0.25, 0.5, 0.75])
        first, last = np.quantile(before, [0.25, 0.75])
        room = before.max() - before.min()
        far = not before.min() - room <= median <= before.max() + room
        is_narrow = 0 < high - low < NARROW * (last - first)
        odd[j] = far or (is_narrow and len(column) >= FEWEST)
    return odd


def not_finite(error: FloatingPointError) -> ValueError:
    """Return what to say of a trained network whose predictions are not finite."""
    return ValueError(
        f"The trained network predicts no finite numbers: {error}. Lower the learning "
        "rate, or check features and targets for outliers."
    )


def warn_of_seen(estimator: Any) -> None:
    """Warn of a warm start that validates on samples which may have been trained on."""
    warn(
        f"{type(estimator).__name__}(warm_start=True) validates on other samples than "
        "the former fit, which may have trained on them: validation scores are too "
        "good, and there are no conformal intervals. Give X_val and y_val, or the same "
        "samples with an integer random_state."
    )


def temperature_without(estimator: Any, n_samples: int) -> float:
    """Return 1 where a small table has no validation set; else that is an error."""
    message = (
        "temperature='validation' needs a validation set, and early_stopping="
        f"{estimator.early_stopping!r} sets none of {n_samples} samples aside"
    )
    advice = "Set early_stopping=True, or give fit X_val and y_val."
    if n_samples == 1:
        advice = "Give fit X_val and y_val."
    if estimator.early_stopping != "auto":
        raise ValueError(f"{message}. {advice}")
    warn(f"{message}: temperature_ is 1. {advice}")
    return 1.0


def warn_of_folds(estimator: Any) -> None:
    """Warn of a number of folds that a warm start cannot have."""
    warn(
        f"cv={shown(estimator.cv, repr)} is not used: the former fit had no folds, "
        "which a warm start keeps, so a share of the samples is held out. Set cv=None, "
        "or fit with warm_start=False to start anew."
    )
