"""Where the documentation of an estimator is, for the link in its HTML repr."""

from functools import lru_cache
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

PACKAGE = "sklearn_genre"


@lru_cache
def documentation_root() -> str:
    """Return where the documentation is: online, built beside the sources, or nowhere.

    Online is the address named Documentation among the project's in ``pyproject.toml``.
    """
    try:
        urls = metadata(PACKAGE).get_all("Project-URL") or []
    except PackageNotFoundError:
        urls = []
    for name, _, url in (entry.partition(", ") for entry in urls):
        if name == "Documentation":
            return url.rstrip("/")
    built = Path(__file__).resolve().parents[1] / "docs" / "_build" / "html"
    return built.as_uri() if (built / "index.html").exists() else ""


def page_of(estimator: object) -> str:
    """Return the address of an estimator's page; empty if it has none.

    Only the estimators of this package have a page, not those that users derive from
    them elsewhere.
    """
    kind, root = type(estimator), documentation_root()
    if not root or kind.__module__.partition(".")[0] != PACKAGE:
        return ""
    return f"{root}/generated/{PACKAGE}.{kind.__name__}.html"
