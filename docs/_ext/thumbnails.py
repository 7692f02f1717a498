"""Descriptions of the gallery's small figures, which sphinx-gallery leaves empty."""

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

GALLERY = "auto_examples"


def describe(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Give each small figure the title of its page."""
    for image in doctree.findall(nodes.image):
        path = Path(image["uri"])
        if image.get("alt") or not path.stem.endswith("_thumb"):
            continue
        script = path.stem.removeprefix("sphx_glr_").removesuffix("_thumb")
        title = app.env.titles[f"{GALLERY}/{script}"].astext()
        image["alt"] = f"Figure of the page: {title}"


def setup(app: Sphinx) -> dict[str, Any]:
    """Describe the figures once all titles are known."""
    app.connect("doctree-resolved", describe)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
