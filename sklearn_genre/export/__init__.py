"""Fitted estimators in other programs: torch modules, codes of levels, stored types."""

from sklearn_genre.export._codes import category_codes
from sklearn_genre.export._module import export_module
from sklearn_genre.export._types import trusted_types

__all__ = ["category_codes", "export_module", "trusted_types"]
