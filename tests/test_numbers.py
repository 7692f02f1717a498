"""Every measured number of the README and the pages has a kept source."""

import json
import math
import re
import runpy
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS, BENCHMARKS = ROOT / "docs", ROOT / "benchmarks"
KEPT = BENCHMARKS / "results"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
# Decimals and percentages in prose and tables, which is what is measured.
NUMBER = re.compile(
    r"(?<![\w.,/:-])(\d[\d,]*\.\d+|\.\d+|\d[\d,]*(?= ?%))(?![\w])(?!\.\d)"
)
NOT_PROSE = re.compile(r"```.*?```|`[^`]*`|\]\([^)]*\)|!\[[^\]]*\]", re.DOTALL)
# The arguments of commands whose output has the numbers of a section.
COMMANDS = {
    ("README.md", "Beside other methods"): ["talent/readme.py"],
    ("results_genre.md", "Policy gradients on the default network"): [
        "talent/policies.py",
        str(KEPT / "talent" / "policies.jsonl"),
    ],
}
# Files whose rows have them, and what the rows must have.
ROWS = {
    ("defaults.md", "Where the time goes"): [
        ("profiling.jsonl", {"method": "default"}),
        ("speed.jsonl", {"benchmark": "peer", "method": "default"}),
    ],
}
# Where all others come from.
GIVEN = {
    "README.md": {
        "3.11": "requires-python of pyproject.toml",
        "5.8": "du of an environment with torch and CUDA",
        "90": "the coverage that was asked for",
        "4": "one less the median of the table",
        "0.96": "RMSE over that of CatBoost, docs/results/leaderboards.md",
        "1.07": "the same of TabFM",
    },
    "defaults.md": {
        "4": "one less RMSE over that of CatBoost, results/leaderboards.md; and one "
        "less the median of RMSE / CatBoost, results/called.md",
        "1": "one less the median of the former",
        "0.203": "rmse_mean of default on puma32H, benchmarks/results/talent/accuracy",
        "0.243": "the same, second seed",
        "0.239": "the same, third seed",
        "18": "one less RMSE / CatBoost, results/called.md; and crps of default over "
        "the best peer's, autoprice and triazines",
        "12": "the same where nothing was chosen",
        "2": "one less its median",
        "9": "one less the median of RMSE / RealMLP, the table of the README",
        "14": "one less its geometric mean",
        "28": "one less that of CRPS / best of two rivals",
        "27": "crps of default over the best peer's, autoprice and triazines",
        "93": "conformal, mean, in called.md, rounded; and a bound of the goal",
        "87": "a bound of the goal",
        "90": "the coverage that was asked for",
        "7": "the same, ten other tables",
    },
    "language_models.md": {
        ".05": "a setting",
        "1.65": "the entropy of zero_shot in the first table",
        "1.56": "the same of cross_entropy",
        "1.14": "the same of crps",
        "0.48": "the same of raft",
        "1.79": "the logarithm of 6",
        "1.295": "rmse_mean of raft, rows of digits alone",
        "1.070": "the same, last 12 blocks",
        "1.352": "rmse_mean of cross_entropy, rows of digits alone",
        "1.443": "the same of raft, 256 training samples",
        "1.572": "the same of cross_entropy, 256 training samples",
        "1.525": "constant of the first table",
        "1.159": "the same, last 12 blocks",
        "0.269": "rmse_mean of raft, original1",
        "0.319": "the same of head_linear",
        "0.679": "the same of random_raft",
        "0.594": "the same of random_head",
        "1.264": "the same of raft_months, stsb",
    },
}


def sections(path):
    """Return the parts of a page by their headings."""
    text = path.read_text(encoding="utf-8")
    parts = re.split(r"^#+ (.+)$", f"# \n{text}", flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2], strict=True))


def values_of(text):
    """Return the numbers in a text, percentages too."""
    return [float(x) for x in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", text)]


@cache
def printed(command):
    """Return the numbers that a command prints."""
    program, *arguments = command
    said = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [program, *arguments])
        patch.setattr("builtins.print", lambda *words, **_: said.extend(words))
        runpy.run_path(str(BENCHMARKS / program), run_name="__main__")
    return values_of(" ".join(map(str, said)))


def in_rows(name, having):
    """Return the numbers of the rows of a file that have some entries."""
    rows = map(json.loads, (KEPT / name).read_text(encoding="utf-8").splitlines())
    return [
        value
        for row in rows
        if having.items() <= row.items()
        for value in row.values()
        if isinstance(value, float)
    ]


def sources(path, heading, text):
    """Return the numbers that a section may show: of its fragments, commands, rows."""
    found = []
    for name in re.findall(r"\{include\} results/(\w+\.md)", text):
        found += values_of((DOCS / "results" / name).read_text(encoding="utf-8"))
    if command := COMMANDS.get((path.name, heading)):
        found += printed(tuple(command))
    for name, having in ROWS.get((path.name, heading), []):
        found += in_rows(name, having)
    return found


def is_rounded(shown, value):
    """Tell whether a number as it is shown is a value, rounded."""
    digits = len(shown.partition(".")[2])
    gap = abs(float(shown.replace(",", "")) - value)
    return gap <= 0.5 * 10**-digits * (1 + 1e-9) and math.isfinite(value)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_numbers_have_a_source(path):
    unknown = []
    for heading, text in sections(path):
        shown = set(NUMBER.findall(NOT_PROSE.sub("", text))) - {
            *GIVEN.get(path.name, {})
        }
        known = sources(path, heading, text) if shown else []
        unknown += [
            f"{heading}: {number}"
            for number in sorted(shown)
            if not any(is_rounded(number, value) for value in known)
        ]
    assert not unknown, "give the row or command in this file, or correct the number"


def test_sources_name_sections_and_numbers_that_exist():
    headings = {(path.name, heading) for path in PAGES for heading, _ in sections(path)}
    assert {*COMMANDS, *ROWS} <= headings
    texts = {path.name: path.read_text(encoding="utf-8") for path in PAGES}
    for name, given in GIVEN.items():
        assert not [number for number in given if number not in texts[name]]


@pytest.mark.parametrize(
    ("shown", "value", "same"),
    [
        ("0.87", 0.8704, True),
        (".995", 0.9954, True),
        ("1.000", 0.9999, True),
        ("0.87", 0.8762, False),
        ("1,204.5", 1204.46, True),
    ],
)
def test_a_number_is_a_value_rounded(shown, value, same):
    assert is_rounded(shown, value) is same
