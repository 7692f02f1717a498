"""Docstring examples of a package: which there are, and which are left out."""

import doctest
import hashlib
import importlib
import inspect
import pkgutil
import re
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from types import ModuleType
from typing import Any, NamedTuple

MIN_LENGTH = 40
# Parts of the names of modules that hold no documentation, or do something if imported.
NO_DOCUMENTATION = re.compile(
    r"(^|\.)_?(tests?|testing|conftest|setup|externals?|__main__|_?array_api_compat|"
    r"array_api_extra|distutils|f2py|benchmarks|_build_utils|antlr|_antlr|plotting)(\.|$)"
)
# Why a block is left out, and how it gives itself away.
LEFT_OUT = {
    "plots": r"plot|\bplt\b|Display\b|\.hist\(|\.boxplot\(|preview\(",
    "files": r"\bopen\(|tempfile|\bos\.|pathlib|\bPath\(|shutil|subprocess|memmap"
    r"|\bsave\w*\(|\bload(txt|mat|_npz|arff)?\(|tofile|from(file|txt)|mm(read|write)"
    r"|wavfile|ExcelWriter|HDFStore|(to|read)_(clipboard|csv|excel|feather|hdf|orc"
    r"|parquet|pickle|sas|spss|sql|stata)\b|load_files|dump\(|input\(",
    "threads": r"thread|multiprocessing|concurrent|n_jobs|workers|joblib|\bPool\b"
    r"|asyncio|\bawait\b",
    "network": r"fetch_|urllib|requests\.|socket|https?://",
}


class Block(NamedTuple):
    """The examples of one docstring as one program."""

    object: str  # the documented object, by its full name
    module: str  # whose names the examples may use
    code: str


def blocks(package: str) -> tuple[list[Block], Counter[str]]:
    """Return the distinct blocks of a package in the order of a hash, and who is out.

    In that order, the first blocks are a random sample of all.
    """
    found: dict[str, Block] = {}
    out: Counter[str] = Counter()
    for name, module, text in docstrings(package):
        try:
            code = program(text)
        except ValueError:
            out["not a doctest"] += 1
            continue
        if not code:
            continue
        reason = "repeated" if code in found else why_left_out(code, text)
        if reason:
            out[reason] += 1
        else:
            found[code] = Block(name, module, code)
    return sorted(found.values(), key=lambda block: digest(block.code)), out


def program(docstring: str) -> str:
    """Return the examples of a docstring as a program, without those that must fail."""
    examples = doctest.DocTestParser().get_examples(docstring)
    return "".join(
        example.source for example in examples if example.exc_msg is None
    ).strip()


def why_left_out(code: str, docstring: str) -> str | None:
    """Return the reason to leave a block out, or None."""
    if len(code) < MIN_LENGTH:
        return "short"
    if re.search(r"doctest:.*\+SKIP", docstring):
        return "skipped"
    return next(
        (reason for reason, sign in LEFT_OUT.items() if re.search(sign, code)), None
    )


def docstrings(package: str) -> Iterator[tuple[str, str, str]]:
    """Yield name, module and docstring of all objects of a package, each once."""
    seen: set[int] = set()
    for module in modules(package):
        if module.__doc__:
            yield module.__name__, module.__name__, module.__doc__
        for name, value in [*vars(module).items()]:
            if belongs(value, package) and id(value) not in seen:
                seen.add(id(value))
                home = getattr(value, "__module__", None) or module.__name__
                home = home if home in sys.modules else module.__name__
                yield from documented(f"{home}.{name}", home, value)


def documented(name: str, module: str, value: Any) -> Iterator[tuple[str, str, str]]:
    """Yield an object and, if it is a class, its members, where they have a text."""
    members = {name: value}
    if inspect.isclass(value):
        members |= {f"{name}.{key}": member for key, member in vars(value).items()}
    for full_name, member in members.items():
        text = getattr(member, "__doc__", None)
        if isinstance(text, str) and ">>>" in text:
            yield full_name, module, inspect.cleandoc(text)


def belongs(value: Any, package: str) -> bool:
    """Return whether something callable is a package's own."""
    if isinstance(value, ModuleType) or not callable(value):
        return False
    try:
        home = getattr(value, "__module__", None) or package  # a ufunc has none
    except Exception:
        return False
    return isinstance(home, str) and home.partition(".")[0] == package


def modules(package: str) -> Iterator[ModuleType]:
    """Yield a package and what can be imported of its modules."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        top = importlib.import_module(package)
        yield top
        paths = getattr(top, "__path__", [])
        names = pkgutil.walk_packages(paths, f"{package}.", onerror=lambda name: None)
        for info in names:
            if NO_DOCUMENTATION.search(info.name):
                continue
            try:
                yield importlib.import_module(info.name)
            except (Exception, SystemExit):
                continue  # an optional dependency that is not installed


def digest(text: str) -> str:
    """Return a short hash of a text, the same on all machines."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
