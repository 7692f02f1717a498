"""The arguments of the command line."""

import argparse
from pathlib import Path
from typing import NoReturn

from sklearn_genre.cli._error import InputError
from sklearn_genre.cli._table import read_number
from sklearn_genre.policy_gradients import POLICY_GRADIENTS


class _Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        raise InputError(message)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = _Parser(
        prog="python -m sklearn_genre",
        description="Fit a DecodingRegressor and score it on held-out rows.",
    )
    add = parser.add_argument
    add("data", nargs="?", type=Path, help="CSV file (default: the diabetes data)")
    add("--target", metavar="NAME", help="the column to predict")
    add("--output", type=Path, metavar="DIR", help="write predictions and model here")
    add(
        "--fine-tuning",
        choices=["crps", *POLICY_GRADIENTS, "none"],
        default="crps",
        help="the objective after pretraining (default: crps)",
    )
    add("--base", type=int, default=2, help="base of the digits (default: 2)")
    add("--length", type=int, default=8, help="digits per number (default: 8)")
    add("--epochs", type=_count, help="pretraining epochs (default: the estimator's)")
    add(
        "--test-size",
        type=_fraction,
        default=0.2,
        help="fraction of rows held out (default: 0.2)",
    )
    add("--seed", type=_seed, default=0, help="random seed (default: 0)")
    return parser


def _count(text: str) -> int:
    """Read a whole number of at least one."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")
    return int(text)


def _seed(text: str) -> int:
    """Read a seed that numpy takes."""
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number below 2**32")
    return int(text)


def _fraction(text: str) -> float:
    """Read a number strictly between zero and one."""
    number = read_number(text)
    if number is None or not 0 < number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a fraction between 0 and 1")
    return number
