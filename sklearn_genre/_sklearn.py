"""The only file that imports what scikit-learn keeps to itself."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from sklearn.utils import _safe_indexing
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight

if TYPE_CHECKING:  # it has no types of its own, and would hide those of what it wraps
    Method = TypeVar("Method", bound=Callable)

    def _fit_context(
        *, prefer_skip_nested_validation: bool
    ) -> Callable[[Method], Method]:
        """Return a decorator of ``fit``."""
else:
    from sklearn.base import _fit_context

__all__ = [
    "HasMethods",
    "Interval",
    "StrOptions",
    "_check_sample_weight",
    "_fit_context",
    "_safe_indexing",
]
