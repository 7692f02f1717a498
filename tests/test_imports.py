"""The sources keep the arrow of imports: it only points down."""

import ast
from pathlib import Path

import pytest

import sklearn_genre

ROOT = Path(sklearn_genre.__file__).parent
SOURCES = sorted(ROOT.rglob("*.py"))

OBJECTIVES = {"losses", "policy_gradients"}
TOKENS = {"tokenizers"}
NETWORKS = TOKENS | {"encoders", "distributions"}
TRAINING = NETWORKS | {"networks", "_objective"}
LEAVES = {"_callbacks", "_device", "_doc_link", "_features", "_registry", "_targets"}
BASE = TRAINING | {"_training", "_diagnostics"} | LEAVES
ESTIMATOR = BASE | {"_base", "_temperature"} | OBJECTIVES
DIGITS = ESTIMATOR | {"_digits"}
ESTIMATORS = {"_decoding", "_raft", "_baselines"}
PUBLIC = DIGITS | ESTIMATORS
# What each module or folder may import beside itself. "" is the package itself.
ALLOWED = {
    "tokenizers": set(),
    "encoders": TOKENS,
    "distributions": TOKENS,
    "networks": NETWORKS,
    "_objective": set(),
    "losses": {"_objective"},
    "policy_gradients": {"_objective"},
    "_registry": set(),
    "_callbacks": set(),
    "_device": set(),
    "_doc_link": set(),
    "_features": set(),
    "_targets": set(),
    "_table": set(),
    "_diagnostics": NETWORKS,
    "_training": TRAINING,
    "_base": BASE,
    "_temperature": BASE | {"_base"},
    "_digits": BASE | {"_base"},
    "_decoding": DIGITS,
    "_raft": DIGITS,
    "_baselines": DIGITS,
    "metrics": PUBLIC,
    "inspection": PUBLIC | {"metrics"},
    "": PUBLIC | {"metrics", "inspection"},
    "__main__": PUBLIC | {"", "metrics", "inspection", "_table"},
}
WITHOUT_TORCH = [
    *(path.relative_to(ROOT).as_posix() for path in (ROOT / "metrics").glob("*.py")),
    "distributions/_arguments.py",
    "distributions/_cells.py",
    "distributions/_draws.py",
    "distributions/_lazy.py",
    "distributions/_predictive.py",
    "distributions/_rows.py",
    "distributions/_tables.py",
]


def place(path):
    """Return the module or folder, right below the package, of a source file."""
    first = path.relative_to(ROOT).parts[0].removesuffix(".py")
    return "" if first == "__init__" else first


def imports(source):
    """Return (module, name or None) of every import anywhere in a source."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [(alias.name, None) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            found += [(module, alias.name) for alias in node.names]
    return found


def family_imports(source, places):
    """Return the modules and folders of the package that a source imports."""
    found = set()
    for module, name in imports(source):
        first, *rest = module.split(".")
        if first != "sklearn_genre":
            continue
        if not rest and name in places:  # from sklearn_genre import networks
            rest = [name]
        found.add(rest[0] if rest else "")
    return found


def private_sklearn(source):
    """Return the imports of names that scikit-learn keeps to itself."""
    found = []
    for module, name in imports(source):
        parts = [*module.split("."), *([name] if name else [])]
        if parts[0] == "sklearn" and any(part.startswith("_") for part in parts):
            found.append(".".join(parts))
    return found


def sources():
    """Parametrize a test by every source file of the package."""
    return pytest.mark.parametrize(
        "path", SOURCES, ids=[path.relative_to(ROOT).as_posix() for path in SOURCES]
    )


@sources()
def test_imports_point_down(path):
    where = place(path)
    assert where in ALLOWED, f"say in ALLOWED what {where} may import"
    imported = family_imports(path.read_text(encoding="utf-8"), set(ALLOWED))
    assert imported <= ALLOWED[where] | {where}


@sources()
def test_imports_are_absolute(path):
    found = imports(path.read_text(encoding="utf-8"))
    assert not [module for module, _ in found if module.startswith(".")]


@sources()
def test_private_names_of_sklearn_stay_in_one_file(path):
    found = private_sklearn(path.read_text(encoding="utf-8"))
    assert not found or path == ROOT / "_base.py"


@sources()
def test_sklearn_callback_stays_in_one_file(path):
    parts = [
        ".".join(filter(None, found))
        for found in imports(path.read_text(encoding="utf-8"))
    ]
    found = [part for part in parts if part.startswith("sklearn.callback")]
    assert not found or path == ROOT / "_callbacks.py"


@pytest.mark.parametrize("name", WITHOUT_TORCH)
def test_what_users_get_is_numpy(name):
    found = imports((ROOT / name).read_text(encoding="utf-8"))
    assert not [module for module, _ in found if module.split(".")[0] == "torch"]


def test_allowed_imports_make_no_circle():
    order = []
    while len(order) < len(ALLOWED):
        ready = [
            where
            for where, allowed in ALLOWED.items()
            if where not in order and allowed - {where} <= set(order)
        ]
        assert ready, f"a circle among {set(ALLOWED) - set(order)}"
        order += ready


def test_objectives_and_networks_do_not_know_each_other():
    for objective in OBJECTIVES:
        assert not ALLOWED[objective] & {"networks", *NETWORKS}
    assert not ALLOWED["networks"] & {"_objective", *OBJECTIVES}


def test_the_walk_finds_every_kind_of_import():
    source = """
import torch.nn, sklearn.utils._mask
from sklearn_genre import networks, DecodingRegressor
from . import _base
from sklearn.base import _fit_context
def late():
    from sklearn_genre.losses._cross_entropy import CrossEntropy
    from sklearn.callback import ProgressBar
"""
    assert family_imports(source, set(ALLOWED)) == {"", "networks", "losses"}
    assert private_sklearn(source) == [
        "sklearn.utils._mask",
        "sklearn.base._fit_context",
    ]
    assert (".", "_base") in imports(source)
    assert ("torch.nn", None) in imports(source)
    assert ("sklearn.callback", "ProgressBar") in imports(source)
