"""The scale on which targets are modelled, and back."""

import copy
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer

from sklearn_genre._checks import check_real, shown
from sklearn_genre._warn import warn

# How far beyond the training range an inverse is probed, as a share of its width, and
# in how many steps.
MARGIN = 0.25
N_PROBES = 64
# How far from itself a training target may come back, in units of their spread.
MAX_INVERSE_ERROR = 1e-2
# Largest size of a limit, that of a target.
LARGEST_LIMIT = 1e300
# Smallest spread that is divided by; predictions of smaller ones are that far off.
SMALLEST_SPREAD = 1e-300
# Predictions are in this range, so that their sums and differences stay finite.
LARGEST_RANGE = (-1e307, 1e307)
# Largest scaled target; those of a validation set may be that far from training.
LARGEST_Z = 1e300
# Means beyond this many spreads are taken off before quantiles: all targets are near.
FAR_OFF = 1024


class TargetScaler(BaseEstimator):
    """Optional monotone transformer, then zero mean and unit standard deviation.

    Everything is float64 and centred before it is squared, so that a spread of 1e-12
    around 1e6 and a magnitude of 1e30 both survive.

    Parameters
    ----------
    transformer : "standard", "quantile" or transformer, default="standard"
        ``"standard"``: nothing before standardisation. ``"quantile"``: to a normal
        distribution by the training quantiles. A transformer must have
        ``inverse_transform`` and be monotone; it does not see the weights.
    target_range : tuple of two, or None, default=None
        The smallest and the largest target there can be, None for no limit. What is
        inverted is clipped to it.

    Attributes
    ----------
    unit_ : float
        Root mean square of the targets around their mean; 1 for a constant.
    transformer_ : transformer or None
    mean_, scale_ : float
        Of the transformed training target; the scale of a constant is 1.
    range_ : tuple of float
        Smallest and largest scaled training target.
    domain_ : tuple of float
        Scaled values with an inverse, around those of training. Beyond them the nearer
        end is inverted.
    increasing_ : bool
        Whether larger targets have larger scaled values.
    limits_ : tuple of float, or None
        Smallest and largest target; None without a limit.
    """

    def __init__(self, transformer: Any = "standard", target_range: Any = None) -> None:
        self.transformer = transformer
        self.target_range = target_range

    def fit(
        self, y: NDArray[np.float64], sample_weight: NDArray[np.float64]
    ) -> "TargetScaler":
        """Learn the scale of targets, shape (n_samples,).

        Raises
        ------
        TypeError
            If the transformer has no ``inverse_transform``.
        ValueError
            If the transformer maps a target to something that is not finite, or has no
            inverse there, or if a target is outside of the range.
        """
        self.limits_ = None
        if self.target_range is not None:
            self.limits_ = limits_of(self.target_range)
            self.check_inside(y, "y")
        _, self.unit_ = _mean_and_spread(y, sample_weight)
        if self.unit_ == SMALLEST_SPREAD:
            warn(
                f"y varies by {y.max() - y.min():.3g}, and predictions are no better "
                f"than to about {SMALLEST_SPREAD:g}. Multiply y by a constant."
            )
        self.transformer_ = _transformer(self.transformer, y)
        t = y
        if self.transformer_ is not None:
            self.transformer_.fit(y[:, None])
            t = self._forward(y)
            self._check_inverse(y, t)
        self.mean_, self.scale_ = _mean_and_spread(t, sample_weight)
        self.domain_, self.increasing_ = (-np.inf, np.inf), True
        z = (t - self.mean_) / self.scale_
        self.range_ = (float(z.min()), float(z.max()))
        if self.transformer_ is not None:
            self._find_domain()
        return self

    def transform(self, y: ArrayLike) -> NDArray[np.float64]:
        """Return scaled targets, same shape, float64.

        Raises
        ------
        ValueError
            If the transformer maps a target to something that is not finite.
        """
        t = np.asarray(y, dtype=np.float64)
        if self.transformer_ is not None:
            t = self._forward(t)
        with np.errstate(over="ignore"):
            return np.clip((t - self.mean_) / self.scale_, -LARGEST_Z, LARGEST_Z)

    def inverse_transform(self, z: NDArray[Any]) -> NDArray[np.float64]:
        """Return targets for scaled values of any shape."""
        with np.errstate(over="ignore"):
            t = np.clip(z, *self.domain_) * self.scale_ + self.mean_
        if self.transformer_ is not None:
            t = _apply(self.transformer_.inverse_transform, t)
        return np.clip(t, *(self.limits_ or LARGEST_RANGE))

    def without_limits(self) -> "TargetScaler":
        """Return the same scaler, as if there were no `target_range`."""
        free = copy.copy(self)
        free.limits_ = None
        return free

    def check_inside(self, y: NDArray[np.float64], name: str) -> None:
        """Refuse targets outside of the range that they are said to have."""
        if self.limits_ is None:
            return
        low, high = self.limits_
        outside = (y < low) | (y > high)
        if outside.any():
            raise ValueError(
                f"{name} holds {y[outside][0]:g}, outside of target_range="
                f"{shown(self.target_range, repr)}. Widen the range, or leave the "
                "sample out."
            )

    def _forward(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return transformed targets, or say which has no transform."""
        t = _apply(self.transformer_.transform, y)
        if not np.isfinite(t).all():
            raise ValueError(
                f"target_transform={shown(self.transformer, repr)} maps the target "
                f"{y[~np.isfinite(t)][0]!r} to a value that is not finite. Use a "
                "transformer that is defined on all targets."
            )
        return t

    def _check_inverse(self, y: NDArray[np.float64], t: NDArray[np.float64]) -> None:
        """Raise unless transformed targets come back."""
        error = np.abs(_apply(self.transformer_.inverse_transform, t) - y)
        if not (error <= MAX_INVERSE_ERROR * self.unit_).all():
            worst = np.nan_to_num(error, nan=np.inf).argmax()
            raise ValueError(
                f"target_transform={shown(self.transformer, repr)} does not bring "
                "the target "
                f"{y[worst]!r} back. Use a monotone transformer with an inverse."
            )

    def _find_domain(self) -> None:
        """Walk outwards from the training values as far as the inverse is monotone."""
        low, high = self.range_
        step = (high - low or 1.0) * MARGIN / N_PROBES
        walk = np.arange(N_PROBES + 1, dtype=np.float64) * step
        down, up = (
            self.inverse_transform(low - walk),
            self.inverse_transform(high + walk),
        )
        if not (np.isfinite(down[0]) and np.isfinite(up[0])):
            raise ValueError(
                f"target_transform={shown(self.transformer, repr)} cannot be "
                "inverted at the ends "
                f"of the training range: {down[0]!r} and {up[0]!r}. Use a transformer "
                "whose inverse is defined there."
            )
        direction = np.sign(up[0] - down[0]) or np.sign(up[1] - down[1]) or 1.0
        self.increasing_ = bool(direction > 0)
        n_down = _n_monotone(-direction * down)
        n_up = _n_monotone(direction * up)
        self.domain_ = (low - walk[n_down], high + walk[n_up])


def limits_of(target_range: Any) -> tuple[float, float] | None:
    """Return both ends of a range of targets, infinite where there is none.

    Raises
    ------
    ValueError, TypeError
        If it is not two numbers, or None, of which the first is smaller.

    Examples
    --------
    >>> from sklearn_genre.targets._scaler import limits_of
    >>> limits_of((0, None)), limits_of((None, None))
    ((0.0, inf), None)
    """
    if np.shape(target_range) != (2,):
        raise ValueError(
            "target_range must hold the smallest and the largest target, None for no "
            f"limit, such as (0, None); got {shown(target_range, repr)}."
        )
    first, last = target_range
    bound = LARGEST_LIMIT
    low = (
        -np.inf
        if first is None
        else check_real(first, "target_range[0]", -bound, bound)
    )
    high = (
        np.inf if last is None else check_real(last, "target_range[1]", -bound, bound)
    )
    if not low < high:
        raise ValueError(
            f"target_range must be ascending, got {shown(target_range, repr)}."
        )
    return None if np.isinf([low, high]).all() else (low, high)


def _n_monotone(values: NDArray[np.float64]) -> int:
    """Return how many steps from the first value are finite and surely do not fall.

    The turn may lie inside the step before the one where it shows.
    """
    with np.errstate(invalid="ignore"):
        good = np.isfinite(values[1:]) & (np.diff(values) >= 0)
    n_good = int(np.logical_and.accumulate(good).sum())
    return n_good if n_good == len(good) else max(n_good - 1, 0)


def _apply(function: Any, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Apply a function of one column to an array of any shape."""
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        column = function(values.reshape(-1, 1))
    if np.shape(column) != (values.size, 1):
        raise ValueError(
            "target_transform must map one column to one column of numbers, got shape "
            f"{np.shape(column)} for {(values.size, 1)}."
        )
    return np.asarray(column, dtype=np.float64).reshape(values.shape)


def _transformer(spec: Any, y: NDArray[np.float64]) -> Any:
    """Return an unfitted transformer of one column, or None for standardisation."""
    if isinstance(spec, str):
        if spec == "standard":
            return None
        # QuantileTransformer compares with absolute tolerances: standardise before
        quantiles = QuantileTransformer(
            n_quantiles=min(1000, len(y)),
            output_distribution="normal",
            subsample=None,
        )
        quantiles.set_output(transform="default")
        return make_pipeline(_Standardiser(), quantiles)
    if isinstance(spec, type):
        raise TypeError(
            "target_transform must be a transformer, not a class: give "
            f"{spec.__name__}()."
        )
    if not (hasattr(spec, "transform") and hasattr(spec, "inverse_transform")):
        raise TypeError(
            "target_transform must be 'standard', 'quantile' or a transformer with "
            f"inverse_transform, got {shown(spec, repr)}."
        )
    transformer = clone(spec)
    if hasattr(transformer, "set_output"):
        transformer.set_output(transform="default")
    return transformer


class _Standardiser(TransformerMixin, BaseEstimator):
    """Roughly a StandardScaler, whose inverse is exact: recurring values come back."""

    def fit(self, X: NDArray[np.float64], y: None = None) -> "_Standardiser":
        """Learn a power of two as the spread, and the mean where that is far off."""
        mean, spread = _mean_and_spread(X[:, 0], np.ones(len(X)))
        self.spread_ = 2.0 ** np.round(np.log2(spread))
        self.mean_ = mean if abs(mean) > FAR_OFF * spread else 0.0
        return self

    def transform(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return standardised values."""
        return np.clip((X - self.mean_) / self.spread_, -LARGEST_Z, LARGEST_Z)

    def inverse_transform(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return values in the first unit."""
        return X * self.spread_ + self.mean_


def _mean_and_spread(
    values: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[float, float]:
    """Return mean and root mean square around it, 1 for a constant; no overflow.

    A spread that is too small to divide by is `SMALLEST_SPREAD`.
    """
    first = float(values[0])
    centred = values - first
    shift = float(np.average(centred, weights=weight))
    centred = centred - shift
    size = float(np.abs(centred).max())
    if size == 0:
        return first + shift, 1.0
    mean_square = float(np.average((centred / size) ** 2, weights=weight))
    spread = size * float(np.sqrt(mean_square)) or size
    return first + shift, max(spread, SMALLEST_SPREAD)
