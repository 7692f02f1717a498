"""The kinds of calls, and how often each is made."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from random_calls import commands, distributions, fits, metrics, tables, tokenizers
from random_calls.call import Call, one_of

KINDS: dict[str, tuple[float, Callable[[np.random.Generator], Call]]] = {
    "fit": (0.03, fits.draw_fit),
    "predict": (0.06, fits.draw_predict),
    "distribution": (0.45, distributions.draw),
    "metric": (0.24, metrics.draw),
    "table": (0.045, tables.draw),
    "tokenizer": (0.172, tokenizers.draw),
    "command": (0.003, commands.draw),
}


def kind_of(seed: int, number: int) -> tuple[str, np.random.Generator]:
    """Return the kind of a call, and the generator that its arguments come from."""
    rng = np.random.default_rng([seed, number])
    shares = [share for share, _ in KINDS.values()]
    return one_of(rng, KINDS, p=shares), rng


def draw(kind: str, rng: np.random.Generator) -> Call:
    """Return a call of a kind with random arguments."""
    return KINDS[kind][1](rng)
