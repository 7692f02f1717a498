"""Which of the training samples validate: folds of all of them, or a share."""

from __future__ import annotations

from functools import partial
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import GroupShuffleSplit
from sklearn.utils import column_or_1d

from sklearn_genre._checks import shown
from sklearn_genre.encoders import ENCODERS
from sklearn_genre.estimators._parameters import factory, lets_fold
from sklearn_genre.estimators._state import digest
from sklearn_genre.estimators._warnings import warn_of_folds, warn_of_seen
from sklearn_genre.inputs import Data, Folds, StoredData, folds_of, split

# Fewest training samples of which early_stopping="auto" holds some out.
MIN_SAMPLES_TO_SPLIT = 40

Codes = NDArray[np.int64]


def group_codes(groups: ArrayLike | None, data: Data) -> Codes | None:
    """Return the group of each checked sample as a number, None without groups.

    Parameters
    ----------
    groups : array-like of shape (n_samples,) or None
    data : Data
        The samples whose weight is positive.

    Returns
    -------
    codes : int64 array of shape (len(data),) or None

    Raises
    ------
    ValueError
        If there are not as many as samples, if one is missing, or if samples are read
        in blocks.
    """
    if groups is None:
        return None
    if isinstance(data, StoredData):
        raise ValueError(
            f"groups need samples that are trained on at once, and the {len(data)} "
            "samples are read in blocks. Give X_val and y_val."
        )
    try:
        if isinstance(groups, np.ma.MaskedArray):  # values are there, and not meant
            is_masked = np.ma.getmaskarray(groups)
            groups = np.array(groups.data, dtype=object)
            groups[is_masked] = None
        codes = pd.factorize(column_or_1d(groups))[0].astype(np.int64)
    except ValueError:
        raise ValueError(
            f"groups must be one column, got shape {np.shape(groups)}."
        ) from None
    if (codes < 0).any():
        raise ValueError(
            f"groups has no value for sample {int(codes.argmin())}. Give each sample a "
            "group; a sample alone is a group of one."
        )
    chosen = data.has_weight
    n_given = len(data) if chosen is None else len(chosen)
    if len(codes) != n_given:
        raise ValueError(
            f"groups holds {len(codes)} samples and X {n_given}: they must be as many."
        )
    return pd.factorize(codes if chosen is None else codes[chosen])[0].astype(np.int64)


def set_aside(
    draft: Any, data: Data, groups: Codes | None, random: np.random.RandomState
) -> tuple[Data, Data | Folds | None]:
    """Return the samples to train on, and what validates.

    Parameters
    ----------
    draft : estimator
        With folds it gets a new network, of members that share nothing between them.
    data : Data
    groups : int64 array of shape (n_samples,) or None
        Samples of a group stay together.
    random : RandomState
    """
    if draft.early_stopping == "auto":
        if len(data) < MIN_SAMPLES_TO_SPLIT:
            return data, None
    elif not draft.early_stopping or len(data) < 2:
        return data, None
    if not isinstance(data, StoredData) and getattr(draft, "cv", None) is not None:
        folds = new_folds(draft, data, groups, random)
        if folds is not None:
            return data, folds
    if groups is None:
        return split(data, draft.validation_fraction, random)
    if groups.max() == 0:
        raise ValueError(
            "groups holds one group, of which no part can be held out. Give X_val and "
            "y_val, or set early_stopping=False."
        )
    share = draft.validation_fraction
    cut = GroupShuffleSplit(1, test_size=share, random_state=random)
    try:
        train, validation = next(cut.split(groups, groups=groups))
    except ValueError:
        raise ValueError(
            f"validation_fraction={share} of {groups.max() + 1} groups leaves none to "
            "train on. Lower it."
        ) from None
    return data.take(train), data.take(validation)


def new_folds(
    draft: Any, data: Data, groups: Codes | None, random: np.random.RandomState
) -> Folds | None:
    """Return which samples each member leaves out; None: one validation set."""
    if draft._folds is not None:  # a warm start
        return former_folds(draft._folds, draft.cv, data, groups, random)
    if draft.warm_start and draft.n_iter_:
        # the members of the former fit share what folds must not
        if not isinstance(draft.cv, str):
            warn_of_folds(draft)
        return None
    encoder = factory(draft.encoder, ENCODERS)
    can_fold = draft._network.takes_folds and lets_fold(draft.cv, encoder)
    folds = folds_of(draft.cv, data.X, data.y, random, groups, can_fold=can_fold)
    if folds is not None:
        draft._architecture["encoder"] = partial(encoder, n_folds=folds.n_folds)
        device = next(draft._network.parameters()).device
        draft._network = draft._build_network(device)
    return folds


def former_folds(
    former: Folds,
    cv: Any,
    data: Data,
    groups: Codes | None,
    random: np.random.RandomState,
) -> Folds | None:
    """Return the folds of the former fit, or as many of other samples.

    Raises
    ------
    ValueError
        If another number of folds is asked for, or if groups cannot have so many.
    """
    n_folds, n_asked, own = former.n_folds, former.n_folds, None
    if isinstance(cv, Integral):
        n_asked = int(cv)
    elif not isinstance(cv, str):
        own = folds_of(cv, data.X, data.y, random, groups)
        assert own is not None
        n_asked = own.n_folds
    if n_asked != n_folds:
        raise ValueError(
            f"cv={shown(cv, repr)} makes {n_asked} folds, and the fitted network has "
            f"{n_folds}, which a warm start keeps. Set cv back, or fit with "
            "warm_start=False to start anew."
        )
    if own is not None:
        return own
    if groups is None:
        return former.of(len(data), random)
    advice = (
        f"The {n_folds} folds are those of the first fit: give groups to that one as "
        "well, or fit with warm_start=False to start anew."
    )
    if len(data) == len(former.fold):
        former.check_groups(groups, advice)
        return former
    if groups.max() + 1 < n_folds:
        raise ValueError(f"There are {groups.max() + 1} groups. {advice}")
    return folds_of(n_folds, data.X, data.y, random, groups)


def are_unseen(
    draft: Any,
    data: Data,
    held_out: Data | Folds | None,
    own: Data | None,
    *,
    is_warm: bool,
) -> bool:
    """Return whether no former fit has trained on the held-out samples, or warn.

    Parameters
    ----------
    draft : estimator
        It keeps a digest of the held-out samples, for the next warm start.
    data : Data
        Training samples.
    held_out : Data, Folds or None
        What validates.
    own : Data or None
        The validation set that the user gave, which is taken to be new.
    is_warm : bool
        Whether the fit goes on from a former one.
    """
    former = getattr(draft, "_left_out", None)
    draft._left_out = None
    if own is not None or held_out is None:
        return True
    if isinstance(held_out, Folds):
        now = digest([data.X, data.y, held_out.fold])
    else:
        now = digest([held_out.X, held_out.y])
    if is_warm and now != former:
        warn_of_seen(draft)
        return False
    draft._left_out = now
    return True
