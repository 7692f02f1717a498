"""What ``predict`` returns for which arguments, for type checkers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Protocol, cast, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_genre.distributions import PredictiveDistribution

Array = NDArray[np.float64]
Numbers = Literal["mean", "median", "mode", "std", "quantiles", "greedy"]


class Predict(Protocol):
    """The bound method."""

    @overload
    def __call__(
        self,
        X: Any,
        *,
        output_type: Numbers = "mean",
        quantiles: ArrayLike | None = None,
        return_std: Literal[False] = False,
    ) -> Array: ...

    @overload
    def __call__(
        self, X: Any, *, output_type: Literal["distribution"]
    ) -> PredictiveDistribution: ...

    @overload
    def __call__(
        self,
        X: Any,
        *,
        output_type: Literal["mean"] = "mean",
        return_std: Literal[True],
    ) -> tuple[Array, Array]: ...

    @overload
    def __call__(
        self,
        X: Any,
        *,
        output_type: str,
        quantiles: ArrayLike | None = None,
        return_std: bool = False,
    ) -> Any: ...

    def __call__(
        self,
        X: Any,
        *,
        output_type: str = "mean",
        quantiles: ArrayLike | None = None,
        return_std: bool = False,
    ) -> Any:
        """Return what is predicted."""


class PredictMethod(Protocol):
    """The method in its class."""

    def __get__(self, instance: Any, owner: Any = None) -> Predict:
        """Return the bound method."""


def overloaded(method: Callable[..., Any]) -> PredictMethod:
    """Return the method itself, by the types of its overloads."""
    return cast(PredictMethod, method)
