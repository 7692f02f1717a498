"""Types that a stored estimator may hold."""

from __future__ import annotations

from collections.abc import Iterator

from sklearn.base import BaseEstimator
from torch import nn

from sklearn_genre.inputs import Folds, Writings
from sklearn_genre.training import ProgressBar

# What encoders and decoders with options are given as, folds, how levels are written,
# and a callback.
OTHERS = (
    "functools.partial",
    *(f"{cls.__module__}.{cls.__qualname__}" for cls in (Folds, Writings, ProgressBar)),
)


def trusted_types() -> list[str]:
    """Return the names of the types that a stored estimator of the package may hold.

    ``skops`` loads types that it does not know only if they are named; so does
    ``mlflow``, which stores by it. Types of your own, such as an encoder or a target
    transformer, and those of other packages are not in the list.

    Returns
    -------
    names : list of str
        Sorted.

    Examples
    --------
    >>> from sklearn_genre.export import trusted_types
    >>> "sklearn_genre.estimators._decoding.DecodingRegressor" in trusted_types()
    True
    """
    own = {
        f"{cls.__module__}.{cls.__qualname__}"
        for base in (BaseEstimator, nn.Module)
        for cls in _subclasses(base)
        if cls.__module__.split(".")[0] == __name__.split(".")[0]
    }
    return sorted({*own, *OTHERS})


def _subclasses(cls: type) -> Iterator[type]:
    """Yield all classes below one."""
    below: list[type] = cls.__subclasses__()
    for each in below:
        yield each
        yield from _subclasses(each)
