"""The random calls of ``benchmarks/stress.py``: what they notice, and their numbers."""

import random
import warnings

import numpy as np
import pytest
import torch
from random_calls.call import Call, Given, edge, wrong
from random_calls.invariants import outcome_of
from random_calls.kinds import KINDS, draw, kind_of


def raises(error):
    def function(**arguments):
        raise error

    return function


def overwrites(y):
    y[0] = 7.0


def warns(y):
    for _ in range(9):
        warnings.warn("look out", stacklevel=1)


def overflows(y):
    return np.square(y * 1e300)


def fails(result):
    raise AssertionError("too large")


NUMBERS = Given(np.ones(3))
BAD = wrong(np.full(3, np.nan))


@pytest.mark.parametrize(
    ("function", "given", "failure"),
    [
        (np.sum, NUMBERS, "unexpected keyword"),
        (lambda y: y, NUMBERS, ""),
        (lambda y: y, BAD, "took y"),
        (lambda y: y, edge(1), ""),
        (overwrites, NUMBERS, "changed an argument"),
        (lambda y: np.random.normal(), NUMBERS, "numpy's generator"),  # noqa: NPY002
        (lambda y: torch.rand(1), NUMBERS, "torch's generator"),
        (lambda y: random.random(), NUMBERS, "Python's generator"),
        (warns, NUMBERS, "9 warnings"),
        (overflows, NUMBERS, "RuntimeWarning"),
        (raises(ValueError("y holds nan")), BAD, ""),
        (raises(ValueError("y holds nan")), NUMBERS, "nothing was wrong"),
        (raises(ValueError("a nan")), BAD, "names none of y"),
        (raises(ValueError("anyway")), BAD, "names none of y"),
        (raises(ValueError("y\nholds nan")), BAD, "several lines"),
        (raises(ValueError("y" * 500)), BAD, "500 characters"),
        (raises(ValueError("y \x1b[2J")), BAD, "control characters"),
        (raises(OverflowError("y is too large")), BAD, "not allowed"),
    ],
)
def test_what_is_noticed(function, given, failure):
    outcome = outcome_of(Call("function", function, {"y": given}), twice=False)
    assert failure in outcome.failure
    assert bool(failure) == bool(outcome.failure)


def test_results_are_checked_and_repeated():
    call = Call("function", lambda: 1, check=fails)
    assert "too large" in outcome_of(call, twice=False).failure
    stream = iter(range(9))
    call = Call("function", lambda: next(stream))
    assert not outcome_of(call, twice=False).failure
    assert "other bits" in outcome_of(call, twice=True).failure


def test_a_number_makes_the_same_call():
    kinds = set()
    for number in range(60):
        kind, rng = kind_of(3, number)
        kinds.add(kind)
        if kind in ("command", "fit", "tokenizer"):  # those that need no fitted model
            first, second = (str(draw(kind, r)) for r in (rng, kind_of(3, number)[1]))
            assert first.split(" at 0x")[0] == second.split(" at 0x")[0]
    assert kinds <= set(KINDS)
    assert len(kinds) > 4
