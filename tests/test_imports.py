"""The sources keep the arrow of imports: it only points down."""

import ast
import subprocess
import sys
from pathlib import Path

import layers
from layers import RANK

import sklearn_genre

ROOT = Path(sklearn_genre.__file__).parent
SOURCES = sorted(ROOT.rglob("*.py"))

# What objectives must not know although it lies below them.
HIDDEN = {"networks", "encoders", "decoders"}
OBJECTIVES = {"losses", "policy_gradients", "_objective"}
WITHOUT_TORCH = [
    *(
        path.relative_to(ROOT).as_posix()
        for folder in ("distributions", "metrics")
        for path in (ROOT / folder).glob("*.py")
    ),
    "_checks.py",
]


def place(path):
    """Return the module or folder, right below the package, of a source file."""
    return layers.place(path.relative_to(ROOT).as_posix())


def imports(source):
    """Return (module, name or None) of every import anywhere in a source."""
    result = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            result += [(alias.name, None) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            result += [(module, alias.name) for alias in node.names]
    return result


def family_imports(source, places):
    """Return the modules and folders of the package that a source imports."""
    result = set()
    for module, name in imports(source):
        first, *rest = module.split(".")
        if first != "sklearn_genre":
            continue
        if not rest and name in places:  # from sklearn_genre import networks
            rest = [name]
        result.add(rest[0] if rest else "")
    return result


def private_sklearn(source):
    """Return the imports of names that scikit-learn keeps to itself."""
    result = []
    for module, name in imports(source):
        parts = [*module.split("."), *([name] if name else [])]
        if parts[0] == "sklearn" and any(part.startswith("_") for part in parts):
            result.append(".".join(parts))
    return result


def offenders(wrong_in):
    """Return what a function finds wrong in each source file, without those clean."""
    wrong = {}
    for path in SOURCES:
        if bad := wrong_in(path, path.read_text(encoding="utf-8")):
            wrong[path.relative_to(ROOT).as_posix()] = bad
    return wrong


def test_imports_point_down():
    def wrong_in(path, source):
        here = place(path)
        others = family_imports(source, set(RANK)) - {here}
        return {other for other in others if RANK[other] >= RANK[here]}

    unknown = {place(path) for path in SOURCES} - set(RANK)
    assert not unknown, f"say in LAYERS where {unknown} lies"
    assert not offenders(wrong_in)


def test_imports_are_absolute():
    def wrong_in(path, source):
        return [module for module, _ in imports(source) if module.startswith(".")]

    assert not offenders(wrong_in)


def test_private_names_of_sklearn_stay_in_one_file():
    wrong = offenders(lambda path, source: private_sklearn(source))
    assert set(wrong) <= {"_sklearn.py"}, wrong


def test_sklearn_callback_stays_in_one_file():
    def wrong_in(path, source):
        parts = [".".join(filter(None, pair)) for pair in imports(source)]
        return [part for part in parts if part.startswith("sklearn.callback")]

    wrong = offenders(wrong_in)
    assert set(wrong) <= {"training/_callbacks.py"}, wrong


def test_what_users_get_is_numpy():
    def wrong_in(path, source):
        roots = {module.split(".")[0] for module, _ in imports(source)}
        return roots & {"torch"}

    assert set(WITHOUT_TORCH) <= {path.relative_to(ROOT).as_posix() for path in SOURCES}
    assert not set(offenders(wrong_in)) & set(WITHOUT_TORCH)


def test_objectives_do_not_know_networks():
    def wrong_in(path, source):
        return place(path) in OBJECTIVES and family_imports(source, set(RANK)) & HIDDEN

    assert not offenders(wrong_in)


def test_no_file_is_long():
    assert not offenders(lambda path, source: max(len(source.splitlines()) - 400, 0))


def test_no_ignore_on_a_call_of_super():
    assert not offenders(
        lambda path, source: [
            line
            for line in source.splitlines()
            if "super()" in line and "type: ignore" in line
        ]
    )


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
    assert family_imports(source, set(RANK)) == {"", "networks", "losses"}
    assert private_sklearn(source) == [
        "sklearn.utils._mask",
        "sklearn.base._fit_context",
    ]
    assert (".", "_base") in imports(source)
    assert ("torch.nn", None) in imports(source)
    assert ("sklearn.callback", "ProgressBar") in imports(source)


def test_the_package_imports_torch_when_it_is_needed_and_has_all_its_folders():
    program = (
        "import sys, sklearn_genre as package\n"
        "assert not {'torch', 'sklearn'} & set(sys.modules)\n"
        "assert all(getattr(package, name) is not None for name in dir(package))\n"
        "print(*sorted(package._PACKAGES))"
    )
    run = [sys.executable, "-c", program]
    printed = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    folders = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert set(printed.split()) == folders - {"cli"}
