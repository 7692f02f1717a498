"""The arguments of the command line."""

import argparse
from pathlib import Path
from typing import Any, NoReturn

from sklearn_genre.cli._error import InputError
from sklearn_genre.policy_gradients import POLICY_GRADIENTS
from sklearn_genre.preprocessing._number_words import read_number

COMMAND = "python -m sklearn_genre"
ESCAPES = {"\\t": "\t", "tab": "\t"}


class _Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        raise InputError(message)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command that fits."""
    parser = _Parser(
        prog=COMMAND,
        description="Fit a DecodingRegressor and score it on held-out rows.",
        epilog=f"{COMMAND} predict MODEL FILE predicts by a model that --output wrote; "
        f"{COMMAND} predict --help lists its options.",
    )
    add = parser.add_argument
    add(
        "data",
        nargs="?",
        type=Path,
        help="CSV, Excel or parquet file, - for standard input (default: the diabetes "
        "data)",
    )
    add("--target", metavar="NAME", help="the column to predict")
    add("--output", type=_path, metavar="DIR", help="write report and model here")
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
    add(
        "--drop", action="append", default=[], metavar="NAME", help="leave a column out"
    )
    _add_reading(add)
    add(
        "--decimal",
        choices=[".", ","],
        help="the decimal mark (default: what each column needs)",
    )
    add(
        "--missing",
        action="append",
        default=[],
        metavar="WORD",
        help="count this word, too, as a missing value; may be repeated",
    )
    return parser


def build_predict_parser() -> argparse.ArgumentParser:
    """Return the parser of the command that predicts."""
    parser = _Parser(
        prog=f"{COMMAND} predict",
        description="Predict the rows of a file by a model that --output wrote.",
    )
    add = parser.add_argument
    add("model", type=Path, help="model.joblib; open only files that you trust")
    add("data", type=Path, help="a file with the columns that the model was trained on")
    add(
        "--quantiles",
        nargs="+",
        type=_fraction,
        default=[],
        metavar="LEVEL",
        help="add a column for each of these quantiles",
    )
    add(
        "--interval",
        type=_fraction,
        default=0.9,
        metavar="COVERAGE",
        help="coverage of the columns lower and upper (default: 0.9)",
    )
    add("--output", type=_path, metavar="FILE", help="a CSV file (default: print it)")
    _add_reading(add)
    return parser


def _add_reading(add: Any) -> None:
    """Add the options that say how a file is read."""
    add(
        "--delimiter",
        type=_delimiter,
        help="what ends a cell, such as ';' or tab (default: detected)",
    )
    add("--encoding", help="encoding of a text file (default: detected)")


def _delimiter(text: str) -> str:
    """Read a single character."""
    text = ESCAPES.get(text, text)
    if len(text) != 1 or text in '"\r\n\x00':
        raise argparse.ArgumentTypeError(
            f"{text!r} is not one character that ends cells"
        )
    return text


def _path(text: str) -> Path:
    """Read the name of a place; that of an unset variable is empty."""
    if not text:
        raise argparse.ArgumentTypeError("the name is empty")
    return Path(text)


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
