"""The only file that imports what scikit-learn keeps to itself."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import narwhals.stable.v2 as nw
import pandas as pd
import sklearn
from sklearn.utils import _safe_indexing, check_array
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.fixes import parse_version
from sklearn.utils.validation import _check_sample_weight, validate_data

if TYPE_CHECKING:  # it has no types of its own, and would hide those of what it wraps
    Method = TypeVar("Method", bound=Callable)

    def _fit_context(
        *, prefer_skip_nested_validation: bool
    ) -> Callable[[Method], Method]:
        """Return a decorator of ``fit``."""
else:
    from sklearn.base import _fit_context

if parse_version(sklearn.__version__) < parse_version("1.9"):
    of_scikit_learn = validate_data

    def validate_data(estimator: Any, X: Any, *, reset: bool, **options: Any) -> Any:
        """Check samples and the names of their columns.

        Before 1.9, scikit-learn reads names by ``__dataframe__``, which newer versions
        of polars do not have. It gets them from an empty frame of pandas.
        """
        if not nw.dependencies.is_into_dataframe(X) or hasattr(X, "__dataframe__"):
            return of_scikit_learn(estimator, X, reset=reset, **options)
        names = pd.DataFrame(columns=list(X.columns))
        of_scikit_learn(estimator, names, reset=reset, skip_check_array=True)
        if options.pop("skip_check_array", False):
            return X
        return check_array(X, estimator=estimator, input_name="X", **options)


__all__ = [
    "HasMethods",
    "Interval",
    "StrOptions",
    "_check_sample_weight",
    "_fit_context",
    "_safe_indexing",
    "validate_data",
]
