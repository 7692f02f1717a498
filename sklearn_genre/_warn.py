"""Warnings that point at the line of the user."""

import sys
import warnings

# Packages that a warning is not about.
INSIDE = ("sklearn_genre", "sklearn", "skorch", "joblib", "contextlib")


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn whoever called the package, whatever is called in between."""
    frame, level = sys._getframe(1), 2
    while frame.f_back and frame.f_globals["__name__"].split(".")[0] in INSIDE:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
