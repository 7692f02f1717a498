"""Regression with a full predictive distribution, written as digits."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sklearn_genre.distributions import PredictiveDistribution
    from sklearn_genre.estimators import (
        DecodingRegressor,
        LanguageModelRegressor,
        PointwiseRegressor,
        RAFTRegressor,
        RiemannRegressor,
    )
    from sklearn_genre.training import ProgressBar

__version__ = "0.1.0"

__all__ = [
    "DecodingRegressor",
    "LanguageModelRegressor",
    "PointwiseRegressor",
    "PredictiveDistribution",
    "ProgressBar",
    "RAFTRegressor",
    "RiemannRegressor",
    "__version__",
]

# Where the names above live; importing one imports torch, importing the package not.
_HOMES = {"PredictiveDistribution": "distributions", "ProgressBar": "training"}
_PACKAGES = {
    "calibration",
    "decoders",
    "distributions",
    "encoders",
    "estimators",
    "export",
    "inputs",
    "inspection",
    "losses",
    "metrics",
    "model_selection",
    "networks",
    "outputs",
    "policy_gradients",
    "preprocessing",
    "targets",
    "tokenizers",
    "training",
}


def __getattr__(name: str) -> Any:
    """Import a name, or a package, when it is first asked for."""
    if name in _PACKAGES:
        return import_module(f"{__name__}.{name}")
    if name in __all__:
        home = import_module(f"{__name__}.{_HOMES.get(name, 'estimators')}")
        return getattr(home, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return what there is to import."""
    return sorted({*globals(), *__all__, *_PACKAGES})
