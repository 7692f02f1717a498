"""Settings of the documentation, which can be built and read without a network."""

import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the same figures, and neighbours' peace
sys.path.insert(0, str(Path(__file__).parent / "_ext"))

import sklearn_genre

project = "sklearn_genre"
author = copyright = "The sklearn_genre developers"
version = release = sklearn_genre.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "sphinx_copybutton",
    "sphinx_design",
    "myst_parser",
    "mathml",
    "registry",
    "thumbnails",
]
if os.environ.get("DOCS_ONLINE"):  # links to the pages of other packages
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3", None),
        "numpy": ("https://numpy.org/doc/stable", None),
        "sklearn": ("https://scikit-learn.org/stable", None),
        "torch": ("https://docs.pytorch.org/docs/stable", None),
    }
exclude_patterns = ["_build", "_templates", "gallery", "results"]
templates_path = ["_templates"]
default_role = "literal"

# The reference: a page for each public name, from the modules' own lists.
autosummary_ignore_module_all = False
autosummary_context = {
    "shown": {
        "sklearn_genre.distributions": ["PiecewiseUniform"],
        "sklearn_genre.networks": ["DigitHead", "Network", "Readout"],
        "sklearn_genre.inputs": ["ColumnSpec", "Columns", "Inputs"],
        "sklearn_genre.outputs": [
            "TokenDistribution",
            "HistogramDistribution",
            "PointDistribution",
            "Support",
            "Grid",
        ],
    }
}
autodoc_typehints = "none"
autodoc_member_order = "bysource"
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False

# The gallery.
sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "auto_examples",
    "within_subsection_order": "gallery_order.Story",
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("sklearn_genre",),
    "capture_repr": (),
    "inspect_global_variables": False,
    "show_signature": False,
    "write_computation_times": False,
    "download_all_examples": False,
    "matplotlib_animations": False,
    "reset_modules": ("matplotlib",),
    "remove_config_comments": True,
}

# The pages.
html_theme = "pydata_sphinx_theme"
html_title = "sklearn_genre"
html_static_path = ["_static"]
html_logo = "_static/logo.svg"
html_favicon = "_static/logo.svg"
html_css_files = ["site.css"]
html_math_renderer = "mathml"
html_show_sourcelink = False
html_copy_source = False
html_sidebars = {
    page: []
    for page in (
        "changelog",
        "comparison",
        "defaults",
        "design",
        "extending",
        "genindex",
        "glossary",
        "index",
        "language_models",
        "measurements",
        "papers",
        "py-modindex",
        "results",
        "results_genre",
        "results_published",
        "results_raft",
        "search",
        "talent",
    )
}
html_theme_options = {
    "logo": {"text": "sklearn_genre", "alt_text": "Logo: home"},
    "show_prev_next": True,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 6,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def leave_out_others(
    app: Any, what: str, name: str, member: Any, skip: bool, options: Any
) -> bool | None:
    """Leave out of a class what it has from scikit-learn or torch."""
    function = member.fget if isinstance(member, property) else member
    module = getattr(function, "__module__", None) or project
    return None if module.startswith(project) else True


def setup(app: Any) -> None:
    """Connect the filter of members."""
    app.connect("autodoc-skip-member", leave_out_others)
