"""The command: check the input, fit, score, print and write."""

import argparse
import sys
from collections.abc import Sequence

from sklearn_genre import DecodingRegressor
from sklearn_genre.cli._arguments import build_parser
from sklearn_genre.cli._comparison import (
    comparison_methods,
    format_table,
    score_distribution,
    score_points,
)
from sklearn_genre.cli._data import load_table, split
from sklearn_genre.cli._error import InputError
from sklearn_genre.cli._output import check_output, write_output
from sklearn_genre.cli._table import Table
from sklearn_genre.tokenizers import NormalizedTokenizer


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo.

    Parameters
    ----------
    argv : sequence of str, default=None
        The arguments; those of the process when None.

    Returns
    -------
    int
        The exit code: 0, 2 for input that the user can put right, 130 when
        interrupted.
    """
    try:
        _run(build_parser().parse_args(argv))
    except InputError as error:
        print("error:", " ".join(str(error).split()), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 0


def _run(options: argparse.Namespace) -> None:
    """Check everything, then fit, score, print and write."""
    if options.output is not None:
        check_output(options.output)
    table = load_table(options.data, options.target)
    train, test = split(table, options.test_size, options.seed)
    model = _build_model(options, train)
    for note in table.notes:
        print(f"note: {note}", file=sys.stderr)
    print(
        f"{options.data or 'diabetes data'}: {len(train.y)} rows to train on, "
        f"{len(test.y)} held out, {table.X.shape[1]} features\n"
    )
    scores = {
        name: score_points(method, train, test)
        for name, method in comparison_methods(table, options.seed).items()
    }
    scores["DecodingRegressor"], dist = score_distribution(model, train, test)
    print(format_table(scores))
    print(
        "\nThe first two predict a point: its CRPS is the mean absolute error, "
        "and it has no interval (-)."
    )
    if options.output is not None:
        write_output(options.output, model, test, dist)
        print(f"\nPredictions and model are in {options.output}")


def _build_model(options: argparse.Namespace, train: Table) -> DecodingRegressor:
    """Return the estimator that the options ask for, checked but not fitted."""
    tokenizer = NormalizedTokenizer(base=options.base, length=options.length)
    try:
        tokenizer.fit(train.y)
    except ValueError as error:
        raise InputError(str(error)) from error
    epochs = {} if options.epochs is None else {"pretraining_epochs": options.epochs}
    return DecodingRegressor(
        tokenizer=tokenizer,
        fine_tuning=None if options.fine_tuning == "none" else options.fine_tuning,
        categorical_features=train.categorical,
        random_state=options.seed,
        verbose=1,
        **epochs,
    )
