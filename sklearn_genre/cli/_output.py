"""The files of a run: report, predictions, columns, model and picture."""

from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

import joblib

from sklearn_genre.cli._comparison import COVERAGE
from sklearn_genre.cli._console import note
from sklearn_genre.cli._error import InputError, shown_path
from sklearn_genre.cli._folder import fill_folder
from sklearn_genre.cli._importance import importance_of_columns
from sklearn_genre.cli._picture import INSTALL, draw_distributions
from sklearn_genre.cli._predictions import write_predictions
from sklearn_genre.cli._report import report_page
from sklearn_genre.cli._run import Run

FILES = (
    *("columns.csv", "distribution.png", "model.joblib", "predictions.csv"),
    "report.html",
)


def write_output(folder: Path, run: Run) -> None:
    """Write all files of a run; they appear together or not at all.

    Where the folder has become unusable, a temporary one saves what was trained.
    """
    figure: Any = draw_distributions(run.test, run.dist)
    if figure is None:
        note(f"No pictures: {INSTALL}")
    importance = importance_of_columns(run.model, run.raw)
    page = report_page(run, importance, pictured=figure is not None)

    def write(new: Path) -> None:
        run.columns.to_csv(new / "columns.csv", index=False)
        with (new / "predictions.csv").open("w", newline="", encoding="utf-8") as file:
            write_predictions(
                file, run.test.rows, run.dist, coverage=COVERAGE, y=run.test.y
            )
        joblib.dump(run.model, new / "model.joblib")
        (new / "report.html").write_text(page, encoding="utf-8")
        if figure is not None:
            figure.savefig(new / "distribution.png", dpi=150)

    try:
        fill_folder(folder, FILES, write)
    except InputError as error:
        spare = Path(mkdtemp(prefix="sklearn_genre-"))
        try:
            fill_folder(spare, FILES, write)
        except BaseException:
            rmtree(spare, ignore_errors=True)
            raise error from None
        raise InputError(f"{error}; the files are in {shown_path(spare)}") from error
