"""README and documentation: their Python runs, and no public name is left out."""

import ast
import doctest
import importlib
import inspect
import pkgutil
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sklearn_genre
from sklearn_genre.cli import build_parser

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = ROOT / "docs"
API = (DOCS / "api.rst").read_text(encoding="utf-8")
BUILD = (
    'python -m pip install -e ".[docs]" && '
    "python -m sphinx -W --keep-going -b html docs docs/_build/html"
)
COMMANDS = (
    "python -m pip install -e . && python -m sklearn_genre",
    'python -m pip install -e ".[test]" && python -m pytest',
)


def _blocks(language: str) -> list[str]:
    """Return the code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


DEMO_LINES = [
    line
    for block in _blocks("bash")
    for line in block.splitlines()
    if line.startswith("python -m sklearn_genre")
]


@pytest.mark.parametrize("number", range(len(_blocks("python"))))
def test_python_blocks_run(number: int) -> None:
    parser = doctest.DocTestParser()
    test = parser.get_doctest(_blocks("python")[number], {}, "README", "README.md", 0)
    assert test.examples
    assert doctest.DocTestRunner().run(test).failed == 0


def test_readme_has_python() -> None:
    assert _blocks("python")


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_stand_alone_in_a_block(command: str) -> None:
    assert [command] in [block.splitlines() for block in _blocks("bash")]


def test_gate_runs_the_test_command() -> None:
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert any(line.startswith(COMMANDS[1]) for line in lines)


@pytest.mark.parametrize("line", DEMO_LINES)
def test_demo_options_exist(line: str) -> None:
    options = build_parser().parse_args(shlex.split(line)[3:])
    assert options.target == "price"


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_says_how_to_build_the_documentation(name: str) -> None:
    assert BUILD in (ROOT / name).read_text(encoding="utf-8").splitlines()


# ------------------------------------------------------- the pages under docs/

PAGES = [
    path
    for path in [*DOCS.glob("*.rst"), *DOCS.glob("user_guide/*.rst")]
    if ">>> " in path.read_text(encoding="utf-8")
]
SCRIPTS = sorted(DOCS.glob("gallery/plot_*.py"))
# Folders of the package that its users have no need to know.
INNER = {"calibration", "cli", "estimators", "targets", "training"}
PUBLIC = [
    importlib.import_module(f"sklearn_genre.{module.name}")
    for module in pkgutil.iter_modules(sklearn_genre.__path__)
    if not module.name.startswith("_") and module.name not in INNER
]
# Each dict where it lives, and not where it is exported as well.
REGISTRIES = {
    id(getattr(module, name)): (module, name)
    for module in reversed(PUBLIC)
    for name in module.__all__
    if name.isupper() and isinstance(getattr(module, name), dict)
}.values()


def _by_stem(paths: list[Path]) -> pytest.MarkDecorator:
    """Parametrize a test by files."""
    return pytest.mark.parametrize("path", paths, ids=[path.stem for path in paths])


@_by_stem(PAGES)
def test_pages_run(path: Path) -> None:
    if ".set_callbacks(" in path.read_text(encoding="utf-8"):
        pytest.importorskip("sklearn.callback")
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    result = doctest.testfile(str(path), module_relative=False, optionflags=flags)
    assert result.attempted
    assert result.failed == 0


def test_each_kind_of_page_has_python() -> None:
    stems = {path.stem for path in PAGES}
    assert {"index", "extending", "papers", "getting_started"} <= stems


@_by_stem(SCRIPTS)
def test_scripts_ask_one_question_and_draw(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    title, underline = (ast.get_docstring(ast.parse(source)) or "").splitlines()[:2]
    assert title.endswith("?")
    assert underline == "=" * len(title)
    assert "plt.show()" in source


@_by_stem(SCRIPTS)
def test_scripts_import_what_exists(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and "sklearn_genre" in (node.module or ""):
            module = importlib.import_module(node.module or "")
            assert not [a.name for a in node.names if not hasattr(module, a.name)]


def test_there_are_eight_scripts() -> None:
    assert len(SCRIPTS) >= 8


def _listed(text: str) -> set[str]:
    """Return the names listed by a page, each on a line of its own."""
    return set(re.findall(r"^   ([\w.]+)$", text, re.MULTILINE))


@pytest.mark.parametrize("name", sorted({*sklearn_genre.__all__} - {"__version__"}))
def test_reference_lists_the_package(name: str) -> None:
    assert name in _listed(API)


@pytest.mark.parametrize("name", [n for n in sklearn_genre.__all__ if "Regr" in n])
def test_parameters_are_documented_once_and_in_order(name: str) -> None:
    estimator = getattr(sklearn_genre, name)
    text = inspect.getdoc(estimator) or ""
    section = text.split("\nParameters\n")[1].split("\nAttributes\n")[0]
    names = re.findall(r"^(\w[\w, ]*) : ", section, re.MULTILINE)
    assert ", ".join(names).split(", ") == [*inspect.signature(estimator).parameters]
    assert not re.search(r"^ *<\w+>$", text, re.MULTILINE)  # a text left out


def _members(module: Any) -> Iterator[Any]:
    """Yield the public functions, classes and methods of a module."""
    for value in (getattr(module, name) for name in module.__all__):
        if inspect.isfunction(value) or inspect.isclass(value):
            yield value
        if inspect.isclass(value):
            yield from filter(inspect.isfunction, vars(value).values())


def _documented(member: Any) -> Iterator[tuple[str, str]]:
    """Yield the parameters that a docstring gives a default, and the default."""
    _, _, rest = (inspect.getdoc(member) or "").partition("Parameters\n----------\n")
    section = re.split(r"\n\w[^\n]*\n---", rest)[0]
    entries = re.findall(r"^(\w[\w, ]*) : .*default=(.*)$", section, re.MULTILINE)
    for names, values in entries:
        each = values.split(" and ")
        yield from zip(names.split(", "), each * (names.count(",") + 1), strict=False)


@pytest.mark.parametrize("module", [sklearn_genre, *PUBLIC], ids=lambda m: m.__name__)
def test_documented_defaults_are_those_of_the_signature(module: Any) -> None:
    wrong = []
    for member in _members(module):
        for name, text in _documented(member):
            try:
                value = ast.literal_eval(text)
            except (ValueError, SyntaxError):  # such as inf
                continue
            default = inspect.signature(member).parameters[name].default
            if value != default:
                wrong.append((member.__qualname__, name, text, default))
    assert not wrong


@pytest.mark.parametrize("module", PUBLIC, ids=lambda module: module.__name__)
def test_reference_lists_the_modules(module: object) -> None:
    """The page of a module lists all names of its ``__all__``; see the template."""
    name = module.__name__.removeprefix("sklearn_genre.")
    assert any(line.split(".")[0] == name for line in _listed(API))


@pytest.mark.parametrize(
    ("module", "name"), REGISTRIES, ids=[name for _, name in REGISTRIES]
)
def test_registries_are_in_the_guide(module: object, name: str) -> None:
    guide = "".join(path.read_text() for path in DOCS.glob("user_guide/*.rst"))
    assert f".. registry:: {module.__name__}.{name}\n" in guide
    for member in getattr(module, name).values():
        assert (getattr(member, "func", member).__doc__ or "").strip()
