"""The scale on which targets are modelled."""

from sklearn_genre.targets._scaler import TargetScaler

__all__ = ["TargetScaler"]
