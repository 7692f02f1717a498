"""The README: its Python runs, its commands are the ones that work."""

import doctest
import re
import shlex
from pathlib import Path

import pytest

from sklearn_genre.__main__ import build_parser

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
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
