"""The examples of "Extending", put into a copy of the package as CONTRIBUTING says."""

import doctest
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXTENDING = ROOT / "docs" / "extending.rst"
# What each class of the page becomes: its folder, the dict there, and its name.
NEWCOMERS = {
    "GrayTokenizer": ("tokenizers", "TOKENIZERS", "gray"),
    "ExpectedAbsoluteError": ("losses", "LOSSES", "expected_absolute_error"),
    "Reinforce": ("policy_gradients", "POLICY_GRADIENTS", "reinforce"),
    "ResidualEncoder": ("encoders", "ENCODERS", "residual"),
    "EmbeddingEncoder": ("encoders", "ENCODERS", "embedding"),
    "RecurrentDecoder": ("decoders", "DECODERS", "recurrent"),
}
FAMILIES = {
    "TOKENIZERS": ["tokenizer"],
    "LOSSES": ["pretraining", "fine_tuning"],
    "POLICY_GRADIENTS": ["fine_tuning"],
    "ENCODERS": ["encoder"],
    "DECODERS": ["decoder"],
}
# Tests that read the dicts.
FILES = ["registries", "tokenizers", "checks", "imports", "documentation"]
# Those of them that do not, or are of the old members, and take long.
OLD = (
    f"fitted_end_to_end and not ({' or '.join(key for *_, key in NEWCOMERS.values())})"
)
CHOSEN = f"not pages_run and not python_blocks_run and not ({OLD})"


def sources():
    """Return a file for each class of the page, with what it imports."""
    text = EXTENDING.read_text(encoding="utf-8")
    imports, found = ["import torch\n"], {}
    for example in doctest.DocTestParser().get_examples(text):
        source = example.source
        if source.startswith("from sklearn_genre."):
            imports.append(source)
        if match := re.match(r"class (\w+)", source):
            used = [line for line in imports if line.split()[-1] in source]
            found[match[1]] = "\n".join(['"""An example."""', *used, "", source])
    return found


def put(package, name, source):
    """Put a class into a package: one file, one line in the dict and its import."""
    folder, registry, key = NEWCOMERS[name]
    (package / folder / f"_{key}.py").write_text(source, encoding="utf-8")
    path = package / folder / "__init__.py"
    lines = path.read_text(encoding="utf-8").splitlines()
    (start,) = (
        i for i, line in enumerate(lines) if re.match(rf"{registry}\b.*=", line)
    )
    lines[start] = lines[start].replace("{", f'{{"{key}": {name}, ')
    lines.insert(start, f"from sklearn_genre.{folder}._{key} import {name}\n")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.mark.skipif(not EXTENDING.is_file(), reason="the documentation is not here")
def test_newcomers_are_one_file_and_one_line(tmp_path):
    for name in ("sklearn_genre", "tests", "docs", ".ci"):
        ignored = shutil.ignore_patterns("__pycache__", "_build", "auto_examples")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    for path in [*ROOT.glob("*.md"), ROOT / "pyproject.toml"]:
        shutil.copy(path, tmp_path)
    found = sources()
    assert found.keys() == NEWCOMERS.keys()
    for name, source in found.items():
        put(tmp_path / "sklearn_genre", name, source)
    files = [f"tests/test_{name}.py" for name in FILES]
    command = [sys.executable, "-m", "pytest", "-v", "-k", CHOSEN, *files]
    outside = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    result = subprocess.run(
        command,
        cwd=tmp_path,
        env={**outside, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-8000:] + result.stderr[-2000:]
    for _folder, registry, key in NEWCOMERS.values():
        for family in FAMILIES[registry]:
            assert f"[{family}-{key}] PASSED" in result.stdout
