"""The link from an estimator's HTML repr to its page of the documentation."""

from functools import lru_cache
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import ClassVar

PAGE = "generated/{estimator_module}.{estimator_name}.html"


class DocLinkMixin:
    """Links the HTML repr to the documentation, where there is one to link to."""

    _doc_link_module: ClassVar[str] = "sklearn_genre"

    @property
    def _doc_link_template(self) -> str:
        """Address of the page, with scikit-learn's placeholders."""
        return f"{documentation_root()}/{PAGE}"

    def _get_doc_link(self) -> str:
        """Return the address of the page, or nothing."""
        link: str = super()._get_doc_link()  # type: ignore[misc]
        return link if documentation_root() else ""


@lru_cache
def documentation_root() -> str:
    """Return where the documentation is: online, built beside the sources, or nowhere.

    Online is the address named Documentation among the project's in ``pyproject.toml``.
    """
    try:
        urls = metadata("sklearn_genre").get_all("Project-URL") or []
    except PackageNotFoundError:
        urls = []
    for name, _, url in (entry.partition(", ") for entry in urls):
        if name == "Documentation":
            return url.rstrip("/")
    built = Path(__file__).resolve().parents[1] / "docs" / "_build" / "html"
    return built.as_uri() if (built / "index.html").exists() else ""
