"""The check of the built pages finds what is wrong with links."""

import importlib.util
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[1] / "docs" / "check_site.py"
if not PROGRAM.is_file():
    pytest.skip("the pages are not part of the distribution", allow_module_level=True)
spec = importlib.util.spec_from_file_location("check_site", PROGRAM)
check_site = importlib.util.module_from_spec(spec)
spec.loader.exec_module(check_site)


@pytest.fixture
def site(tmp_path):
    """Return a folder of pages, each of which links to the next, and two bad links."""
    (tmp_path / "deep").mkdir()
    pages = {
        "index.html": '<a href="deep/one.html#here">one</a> <a href="https://x.org">',
        "deep/one.html": '<p id="here"><a href="../two.html#there">two</a>',
        "two.html": '<a href="deep/three.html">three</a> <a href="#nowhere">',
        "deep/three.html": '<img src="absent.png">',
    }
    for name, text in pages.items():
        (tmp_path / name).write_text(f"<html><head></head><body>{text}")
    return tmp_path


def test_broken_links_are_those_without_a_file_or_a_place(site):
    pages = check_site.pages_of(site)
    wrong = check_site.broken(site, pages, check_site.links_of(pages))
    assert [line.partition(": broken link to ")[::2] for line in wrong] == [
        ("deep/one.html", "two.html#there"),
        ("deep/three.html", "deep/absent.png#"),
        ("two.html", "two.html#nowhere"),
    ]


def test_answers_are_near_and_exist(site, monkeypatch):
    answers = {
        "near": "two.html",
        "far": "deep/three.html",
        "absent": "four.html",
        "no such place": "deep/one.html#there",
    }
    monkeypatch.setattr(check_site, "ANSWERS", answers)
    pages = check_site.pages_of(site)
    links = check_site.links_of(pages)
    assert check_site.clicks(links)["deep/three.html"] == 3
    wrong = check_site.unanswered(pages, links)
    assert [line.partition(":")[0] for line in wrong] == [
        "far",
        "absent",
        "no such place",
    ]
