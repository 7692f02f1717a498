"""The HTML repr of an estimator and the link in it."""

import re
from email.message import Message
from pathlib import Path

import pytest
from sklearn.datasets import make_regression
from sklearn.linear_model import Ridge

import sklearn_genre
from sklearn_genre import _doc_link

ESTIMATORS = [name for name in sklearn_genre.__all__ if name.endswith("Regressor")]


@pytest.fixture
def root(monkeypatch):
    """Return a function that says where the documentation is."""

    def place(address):
        monkeypatch.setattr(_doc_link, "documentation_root", lambda: address)

    return place


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_link_leads_to_the_page_of_the_estimator(name, root):
    root("https://example.org/stable")
    html = getattr(sklearn_genre, name)()._repr_html_()
    assert f"https://example.org/stable/generated/sklearn_genre.{name}.html" in html
    assert "scikit-learn.org/stable" not in html
    assert "modules/generated" not in html


def test_no_link_from_what_users_derive(root):
    root("https://example.org/stable")

    class Derived(sklearn_genre.DecodingRegressor):
        pass

    html = Derived()._repr_html_()
    assert "example.org" not in html
    assert "scikit-learn.org/stable" not in html


def test_no_link_where_there_is_no_documentation(root):
    root("")
    html = sklearn_genre.DecodingRegressor()._repr_html_()
    assert "generated/" not in html
    assert "scikit-learn.org/stable" not in html
    assert "modules/generated" not in html


def test_an_address_of_the_project_comes_first(monkeypatch):
    project = Message()
    project["Project-URL"] = "Documentation, https://example.org/latest/"
    monkeypatch.setattr(_doc_link, "metadata", lambda name: project)
    _doc_link.documentation_root.cache_clear()
    assert _doc_link.documentation_root() == "https://example.org/latest"
    _doc_link.documentation_root.cache_clear()


def test_a_local_build_is_linked_only_if_it_is_there():
    _doc_link.documentation_root.cache_clear()
    built = Path(sklearn_genre.__file__).parents[1] / "docs/_build/html/index.html"
    assert bool(_doc_link.documentation_root()) is built.exists()


def test_the_repr_shows_what_was_fitted_and_stays_small():
    X, y = make_regression(60, 2, random_state=0)
    of_ridge = Ridge().fit(X, y)._repr_html_()
    shows_fitted = bool(re.search(r">\s*coef_\s*<", of_ridge))  # newer scikit-learn
    model = sklearn_genre.DecodingRegressor(pretraining_epochs=2, fine_tuning=None)
    html = model.fit(X, y)._repr_html_()
    for name in ("n_iter_", "history_"):
        assert bool(re.search(rf">\s*{name}\s*<", html)) is shows_fitted
    assert len(html) < 100_000
