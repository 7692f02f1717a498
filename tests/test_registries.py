"""Every registered name is fitted end to end, documented and in the benchmark."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from sklearn_genre import DecodingRegressor, PointwiseRegressor, RiemannRegressor
from sklearn_genre.encoders import ENCODERS
from sklearn_genre.losses import HISTOGRAM_LOSSES, LOSSES
from sklearn_genre.networks import DECODERS, HEADS
from sklearn_genre.policy_gradients import POLICY_GRADIENTS
from sklearn_genre.tokenizers import TOKENIZERS

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
SHORT = {"pretraining_epochs": 2, "random_state": 0}
FAMILIES = {
    "tokenizer": TOKENIZERS,
    "encoder": ENCODERS,
    "decoder": DECODERS,
    "pretraining": LOSSES,
    "fine_tuning": {**LOSSES, **POLICY_GRADIENTS},
    "head": HEADS,
    "loss": HISTOGRAM_LOSSES,
}
MEMBERS = [(family, name) for family, members in FAMILIES.items() for name in members]


def estimator(family, name):
    """Return an estimator that uses the member, with little training."""
    if family == "head":
        return PointwiseRegressor(head=name, max_epochs=2, **SHORT)
    if family == "loss":
        return RiemannRegressor(16, loss=name, max_epochs=2, random_state=0)
    short = {**SHORT, "fine_tuning_epochs": 1, "fine_tuning": None}
    return DecodingRegressor(**{**short, family: name})


@pytest.mark.parametrize(("family", "name"), MEMBERS)
def test_fitted_end_to_end(family, name):
    random = np.random.RandomState(0)
    X = random.standard_normal((80, 3))
    y = 50 + 10 * X[:, 0] + random.standard_normal(80)
    model = estimator(family, name).fit(X, y)
    prediction = model.predict(X)
    assert prediction.shape == (80,)
    lower, upper = model.predict_interval(X).T
    assert np.isfinite(prediction).all()
    assert (lower < upper).all()


def entry_of(doc, parameter):
    """Return what a docstring says of a parameter, its own entry alone."""
    pattern = rf"^    (?:\w+, )*{parameter}(?:, \w+)* :.*\n(?:(?:        .*)?\n)*"
    return re.search(pattern, doc, re.MULTILINE)[0]


def described(doc, parameter):
    """Return the entry of a parameter, with what it refers to for names."""
    text = entry_of(doc, parameter)
    if "as in `pretraining`" in text:
        text += entry_of(doc, "pretraining")
    if "the table" in text:
        rows = rf"^    ``{parameter}`` .*\n    [= ]+\n((?:    [^=\n].*\n)+)"
        text += re.search(rows, doc, re.MULTILINE)[1]
    return text


@pytest.mark.parametrize(("family", "name"), MEMBERS)
def test_documented(family, name):
    member = FAMILIES[family][name]
    assert member.__doc__
    doc = type(estimator(family, name)).__doc__
    assert f'"{name}"' in described(doc, family)


@pytest.fixture(scope="module")
def methods():
    """Return the benchmark of all methods, or skip outside of a checkout."""
    if not BENCHMARKS.is_dir():
        pytest.skip("the benchmarks are not part of the distribution")
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import methods
    finally:
        sys.path.remove(str(BENCHMARKS))
    return methods


def test_every_member_is_in_the_table_of_methods(methods):
    used = {
        (parameter, value)
        for method in methods.METHODS.values()
        for parameter, value in method.get_params(deep=False).items()
        if isinstance(value, str)
    }
    used |= {("fine_tuning", loss) for stage, loss in used if stage == "pretraining"}
    members = {member for member in MEMBERS if member[0] != "pretraining"}
    assert members <= used


def test_every_method_has_finite_rows(methods):
    lines = (BENCHMARKS / "results" / "methods.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    sets = ("kin8nm", "bank8FM", "Moneyball")
    found = [(row["data"], row["method"], row["seed"]) for row in rows]
    names = [*methods.METHODS, *methods.RULES]
    wanted = [(data, name, seed) for data in sets for name in names for seed in (0, 1)]
    assert sorted(found) == sorted(wanted)
    columns = [*methods.SCORES, "entropy", "fit_s"]
    assert all(np.isfinite(row[name]) for row in rows for name in columns)
