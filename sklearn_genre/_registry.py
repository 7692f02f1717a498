"""Names and instances to fresh objects."""

from collections.abc import Mapping
from typing import Any

from sklearn.base import clone


def resolve(spec: Any, registry: Mapping[str, type]) -> Any:
    """Return a new object for a name of the registry, or a clone of an instance."""
    return registry[spec]() if isinstance(spec, str) else clone(spec)


def factory(spec: Any, registry: Mapping[str, Any]) -> Any:
    """Return the factory behind a name of the registry, or the factory given."""
    return registry[spec] if isinstance(spec, str) else spec
