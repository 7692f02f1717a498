"""The command: check the input, fit, score, print and write."""

import argparse
import sys
from collections.abc import Sequence

from sklearn_genre import DecodingRegressor
from sklearn_genre.cli._arguments import build_parser
from sklearn_genre.cli._comparison import (
    SCORES,
    comparison_methods,
    format_table,
    score_distribution,
    score_points,
)
from sklearn_genre.cli._console import (
    escaped_output,
    note,
    say,
    short_warnings,
    silence,
)
from sklearn_genre.cli._error import (
    InputError,
    Interrupted,
    Terminated,
    reason,
    shown,
    shown_path,
)
from sklearn_genre.cli._folder import check_folder, refuse_overwriting
from sklearn_genre.cli._model import encode, format_columns, pipeline, read_columns
from sklearn_genre.cli._output import FILES, write_output
from sklearn_genre.cli._predict import run_predict
from sklearn_genre.cli._run import Run
from sklearn_genre.cli._signals import signals_raised
from sklearn_genre.cli._source import read_source
from sklearn_genre.cli._table import Table, diabetes, split, with_target
from sklearn_genre.preprocessing._columns import Decimal
from sklearn_genre.preprocessing._number_words import needs_mark
from sklearn_genre.preprocessing._table_reader import common_mark
from sklearn_genre.tokenizers import NormalizedTokenizer

FAULTS = (ValueError, OSError, ArithmeticError, MemoryError)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, default=None
        The arguments; those of the process when None.

    Returns
    -------
    int
        The exit code: 0, 2 for what the user can put right, 130 when interrupted, 143
        when terminated.
    """
    arguments = [*(sys.argv[1:] if argv is None else argv)]
    try:
        with signals_raised(), short_warnings():
            escaped_output()
            if arguments[:1] == ["predict"]:
                run_predict(arguments[1:])
            else:
                _run(build_parser().parse_args(arguments))
    except BrokenPipeError:
        silence()
        return 2
    except InputError as error:
        note(f"error: {error}")
        return 2
    except FAULTS as error:
        note(f"error: {reason(error)}")
        return 2
    except (KeyboardInterrupt, Interrupted):
        note("interrupted")
        return 130
    except Terminated:
        return 143
    return 0


def _run(options: argparse.Namespace) -> None:
    """Check everything, then fit, score, print and write."""
    if options.output is not None:
        check_folder(options.output, FILES)
        refuse_overwriting([options.output / name for name in FILES], [options.data])
    table, decimal, guesses = _load(options)
    columns = read_columns(
        table, drop=options.drop, decimal=decimal, missing=options.missing
    )
    train, test = split(table, options.test_size, options.seed)
    model = _build_model(options, train)
    name = "diabetes data" if options.data is None else shown_path(options.data)[1:-1]
    go_on = options.output is not None
    notes = [*guesses, *table.notes, *columns.notes]
    for text in notes:
        note(f"note: {text}")
    say(format_columns(columns.reader.table_) + "\n", go_on=go_on)
    raw = test
    steps, train, test = encode(columns, train, test)
    summary = (
        f"{name}: {len(train)} rows to train on, {len(test)} held out, "
        f"{train.X.shape[1]} features"
    )
    say(summary + "\n", go_on=go_on)
    scores = _compare(train, test, options.seed)
    scores["DecodingRegressor"], dist = score_distribution(model, train, test)
    said = (
        f"{format_table(scores)}\n\nThe first three predict a point: its CRPS is the "
        "mean absolute error, and it has no interval (-)."
    )
    if options.output is None:
        return say(said)
    say(said, go_on=True)
    fitted = pipeline(steps, model)
    run = Run(summary, notes, columns.reader.table_, scores, fitted, raw, test, dist)
    write_output(options.output, run)
    say(f"\nReport, predictions and model are in {options.output}", go_on=True)


def _compare(train: Table, test: Table, seed: int) -> dict[str, list[float | None]]:
    """Return the scores of the other methods; one that fails has none."""
    scores: dict[str, list[float | None]] = {}
    for name, method in comparison_methods(train, seed).items():
        try:
            scores[name] = score_points(method, train, test)
        except (ValueError, ArithmeticError) as error:
            note(f"note: {name}: {reason(error)}")
            scores[name] = [None] * len(SCORES)
    return scores


def _load(options: argparse.Namespace) -> tuple[Table, str, list[str]]:
    """Return the user's table, or the bundled one, its decimal mark, and notes."""
    decimal = options.decimal or "auto"
    if options.data is None:
        if options.target is not None:
            raise InputError(f"--target {options.target} needs a file to find it in")
        return diabetes(), decimal, []
    if options.target is None:
        raise InputError(
            f"--target is needed: which column of {shown_path(options.data)} to predict"
        )
    source = read_source(
        options.data, delimiter=options.delimiter, encoding=options.encoding
    )
    mark, notes = common_mark(source.frame), []
    if decimal == "auto" and mark is None:
        cells = source.frame.to_numpy().ravel()
        words = [cell for cell in cells if isinstance(cell, str) and needs_mark(cell)]
        commas = [word for word in words if "," in word]
        if commas and source.delimiter == ";":
            decimal = ","
        if words:
            notes.append(_of_marks((commas or words)[0], decimal))
    fixed = Decimal(
        (mark or ".") if decimal == "auto" else decimal, is_fixed=decimal != "auto"
    )
    table = with_target(source, options.data, options.target, fixed, options.missing)
    return table, decimal, notes


def _of_marks(word: str, decimal: str) -> str:
    """Return a note on how a word is read that allows either decimal mark."""
    mark, other = (",", ".") if decimal == "," else (".", ",")
    name = "commas" if "," in word else "points"
    use = "decimal marks" if mark in word else "marks between thousands"
    read = f"{name} are read as {use}, as in {shown(word)}"
    return f"{read}: --decimal {other} says otherwise"


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
        random_state=options.seed,
        verbose=1,
        **epochs,
    )
