"""The scale on which targets are modelled."""

from sklearn_genre.targets._scaler import SMALLEST_SPREAD, TargetScaler

__all__ = ["SMALLEST_SPREAD", "TargetScaler"]
