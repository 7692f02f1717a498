"""The codes by which a network reads the levels of categories."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_genre.estimators import check_own
from sklearn_genre.inputs import FeatureEncoder

# The code of a level that training has not seen.
UNSEEN = -1


def category_codes(estimator: Any) -> list[dict[Any, int]]:
    """Return the codes of the levels of each column, for an exported module.

    Parameters
    ----------
    estimator : estimator
        Fitted.

    Returns
    -------
    codes : list of dict
        For each column the code of each level, empty for a column of numbers. None
        stands for a missing value; a level that is not there has the code -1.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn_genre import DecodingRegressor
    >>> from sklearn_genre.export import category_codes
    >>> X = pd.DataFrame({"size": np.arange(60.0), "town": ["Bonn", "Ulm", None] * 20})
    >>> model = DecodingRegressor(pretraining_epochs=1, fine_tuning=None)
    >>> category_codes(model.fit(X, X["size"]))
    [{}, {'Bonn': 0, 'Ulm': 1, None: 2}]
    """
    check_own(estimator)
    encoder: FeatureEncoder = estimator.feature_encoder_
    columns = np.flatnonzero(encoder.is_categorical)
    codes: list[dict[Any, int]] = [{} for _ in encoder.is_categorical]
    if not len(columns):
        return codes
    for place, levels in enumerate(encoder.levels_.categories_):
        known = [None if level != level else level for level in levels]
        table = np.zeros((len(known) + 1, len(codes)), dtype=object)
        table[:, columns[place]] = [*known, None]
        own = encoder.transform(table)[:, encoder.n_numeric_ + place]
        codes[columns[place]] = dict(
            zip([*known, None], own.astype(int).tolist(), strict=True)
        )
    return codes
