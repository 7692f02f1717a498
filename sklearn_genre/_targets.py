"""The scale on which targets are modelled, and back."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.preprocessing import QuantileTransformer


class TargetScaler(BaseEstimator):
    """Optional monotone transformer, then zero mean and unit standard deviation.

    Everything is float64 and centred before it is squared, so that a spread of 1e-12
    around 1e6 and a magnitude of 1e30 both survive.

    Parameters
    ----------
    transformer : "standard", "quantile" or transformer, default="standard"
        ``"standard"``: nothing before standardisation. ``"quantile"``: to a normal law
        by the training quantiles. A transformer must have ``inverse_transform`` and be
        monotone.

    Attributes
    ----------
    transformer_ : transformer or None
    mean_, scale_ : float
        Of the transformed training target; the scale of a constant is 1.
    range_ : tuple of float
        Smallest and largest training target, after transformer and scaling.
    increasing_ : bool
        Whether larger targets have larger scaled values.
    """

    def __init__(self, transformer: Any = "standard") -> None:
        self.transformer = transformer

    def fit(
        self, y: NDArray[np.float64], sample_weight: NDArray[np.float64]
    ) -> "TargetScaler":
        """Learn the scale of targets, shape (n_samples,).

        Raises
        ------
        TypeError
            If the transformer has no ``inverse_transform``.
        ValueError
            If the transformer maps a target to something that is not finite.
        """
        self.transformer_ = _transformer(self.transformer, len(y))
        t = y
        if self.transformer_ is not None:
            self.transformer_.fit(y[:, None])
            t = self._apply(self.transformer_.transform, y)
            if not np.isfinite(t).all():
                raise ValueError(
                    f"target_transform={self.transformer!r} maps the target "
                    f"{y[~np.isfinite(t)][0]!r} to a value that is not finite. Use a "
                    "transformer that is defined on all training targets."
                )
        first = float(t[0])
        self.mean_ = first + float(np.average(t - first, weights=sample_weight))
        self.scale_ = _spread(t - self.mean_, sample_weight)
        z = (t - self.mean_) / self.scale_
        self.range_ = (float(z.min()), float(z.max()))
        self.increasing_ = bool(y[z.argmin()] <= y[z.argmax()])
        return self

    def transform(self, y: ArrayLike) -> NDArray[np.float64]:
        """Return scaled targets, same shape, float64."""
        t = np.asarray(y, dtype=np.float64)
        if self.transformer_ is not None:
            t = self._apply(self.transformer_.transform, t)
        return (t - self.mean_) / self.scale_

    def inverse_transform(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return targets for scaled values of any shape, always finite.

        Where the transformer has no inverse, beyond the training range, the nearer end
        of the training range stands in.
        """
        t = z * self.scale_ + self.mean_
        if self.transformer_ is None:
            return t
        y = self._apply(self.transformer_.inverse_transform, t)
        wrong = ~np.isfinite(y)
        if wrong.any():
            y[wrong] = self.inverse_transform(np.clip(z[wrong], *self.range_))
        return y

    @staticmethod
    def _apply(function: Any, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Apply a transformer of columns to an array of any shape."""
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            column = np.asarray(function(values.reshape(-1, 1)), dtype=np.float64)
        return column.reshape(values.shape)


def _transformer(spec: Any, n_samples: int) -> Any:
    """Return an unfitted transformer, or None for plain standardisation."""
    if isinstance(spec, str):
        if spec == "standard":
            return None
        return QuantileTransformer(
            n_quantiles=min(1000, n_samples),
            output_distribution="normal",
            subsample=None,
        ).set_output(transform="default")
    if not (hasattr(spec, "transform") and hasattr(spec, "inverse_transform")):
        raise TypeError(
            "target_transform must be 'standard', 'quantile' or a transformer with "
            f"inverse_transform, got {spec!r}."
        )
    transformer = clone(spec)
    if hasattr(transformer, "set_output"):
        transformer.set_output(transform="default")
    return transformer


def _spread(centred: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    """Return the root mean square, without overflow; 1 for zeros."""
    size = float(np.abs(centred).max())
    if size == 0:
        return 1.0
    return size * float(np.sqrt(np.average((centred / size) ** 2, weights=weight)))
