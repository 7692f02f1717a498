"""A transformer that reads the columns of a data frame as they were at fit."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from sklearn_genre.preprocessing._columns import (
    Decimal,
    Reading,
    convert,
    decide,
    shown,
)
from sklearn_genre.preprocessing._number_words import decimal_mark
from sklearn_genre.preprocessing._values import values_of

KINDS = ("number", "boolean", "category", "date", "text")
# Names of columns that a message lists.
N_NAMES = 5
DELIMITER_ADVICE = (
    " If that is a whole line, name the delimiter of the file: --delimiter ';', or "
    "pd.read_csv(path, sep=';') in Python."
)


class TableReader(TransformerMixin, BaseEstimator):
    """Reads the columns of a data frame, by name and always as at fit.

    The first step of the pipelines that the command line saves. It takes frames as
    ``pd.read_csv``, ``pd.read_excel`` or ``pd.read_parquet`` return them, with columns
    in any order, further columns beside, and the same values in other types: "1,234",
    "12 %" or "$ 5" for numbers, words for booleans, dates as text or in another unit,
    levels "2" for 2.

    Parameters
    ----------
    kinds : sequence of str, default=("number", "boolean", "category", "date", "text")
        The kinds of columns that are handed on; the others are left out.
    leave_out : sequence of str, default=()
        Names of columns to leave out.
    decimal : {"auto", ".", ","}, default="auto"
        The decimal mark of numbers written as words. ``"auto"`` finds it column by
        column, and takes that of the other columns where both would do.
    missing : sequence of str or number, default=()
        What stands for a missing value, beside the words that pandas knows and "-",
        "--", "." and "?".

    Attributes
    ----------
    table_ : DataFrame
        One row for each column: its ``name``, what it is ``read as``, rows in which it
        is ``missing``, distinct ``levels``, and a ``note``.
    readings_ : dict
        How each column that is handed on is read, by its name.
    feature_names_in_ : array of str
        The columns seen in `fit`.
    n_features_in_ : int
        Their number.

    Notes
    -----
    A column is read as numbers if nine in ten of its values are numbers, or half of
    them, many different ones, with at most three different words between; such words
    become missing values, and `table_` tells the first. Numbers and booleans come out
    as float64, categories as category, dates as datetime64, texts as object.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_genre.preprocessing import TableReader
    >>> frame = pd.DataFrame(
    ...     {"price": ["1,200", "950", "n/a"], "red": [True, False, 1]}
    ... )
    >>> reader = TableReader().fit(frame)
    >>> reader.transform(frame.astype(str)[["red", "price"]])
        price  red
    0  1200.0  1.0
    1   950.0  0.0
    2     NaN  1.0
    >>> reader.table_[["name", "read as", "missing"]]
        name  read as  missing
    0  price   number        1
    1    red  boolean        0
    """

    def __init__(
        self,
        *,
        kinds: Sequence[str] = KINDS,
        leave_out: Sequence[str] = (),
        decimal: str = "auto",
        missing: Sequence[str] = (),
    ) -> None:
        self.kinds = kinds
        self.leave_out = leave_out
        self.decimal = decimal
        self.missing = missing

    def fit(self, X: Any, y: Any = None) -> TableReader:
        """Decide how each column is read.

        Parameters
        ----------
        X : data frame of shape (n_samples, n_features)
        y : None
            Not used.

        Returns
        -------
        self : TableReader

        Raises
        ------
        TypeError
            If `X` is no data frame.
        ValueError
            If a parameter is out of range, two columns have one name, or no column can
            be handed on.

        Warns
        -----
        UserWarning
            If a column to leave out is not there.
        """
        self._check_parameters()
        frame = as_pandas(X)
        where = place_in(frame)
        decimal = self._decimal(frame)
        readings, rows = {}, []
        out = self._left_out(frame)
        for name in frame.columns:
            reading, row = decide(frame[name], decimal, self.missing, where)
            kept = reading.kind in self.kinds and name not in out
            if kept:
                readings[name] = reading._asdict()
            how = reading.kind if kept else f"left out ({reading.kind})"
            rows.append({"name": name, "read as": how, **row})
        if not readings:
            others = [row for row in rows if row["read as"] == "left out (other)"]
            why = f"; {others[0]['note']}" if others else ""
            raise ValueError(
                "X has no column to learn from: all are empty, left out or hold what "
                f"cannot be read{why}; the columns are {listed(frame.columns)}."
            )
        self.readings_, self.table_ = readings, pd.DataFrame(rows)
        self.feature_names_in_ = np.array([*frame.columns], dtype=object)
        self.n_features_in_ = frame.shape[1]
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Return a state of plain values, which skops can store."""
        state = dict(super().__getstate__())
        if "table_" in state:
            state["table_"] = state["table_"].to_dict("list")
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Make the table a frame again."""
        state = dict(state)
        if "table_" in state:
            state["table_"] = pd.DataFrame(state["table_"])
        super().__setstate__(state)

    def transform(self, X: Any) -> pd.DataFrame:
        """Return the columns handed on, in the order and the types of `fit`.

        Parameters
        ----------
        X : data frame of shape (n_samples, any number of columns)

        Returns
        -------
        columns : DataFrame
            With the index of `X` if that is a pandas frame.

        Raises
        ------
        TypeError
            If `X` is no data frame, or a column holds lists or the like.
        ValueError
            If a column is not there.

        Warns
        -----
        UserWarning
            If a value cannot be read as at fit, and was not there; it counts as
            missing.
        """
        check_is_fitted(self)
        frame = as_pandas(X, self.readings_)
        absent = [name for name in self.readings_ if name not in frame.columns]
        if absent:
            raise ValueError(
                f"X lacks {len(absent)} of the {len(self.readings_)} columns seen in "
                f"fit: {listed(absent)}. Its columns are {listed(frame.columns)}."
                + (
                    DELIMITER_ADVICE
                    if frame.shape[1] == 1 < len(self.readings_)
                    else ""
                )
            )
        where = place_in(frame)
        columns = {}
        for name, options in self.readings_.items():
            columns[name], note = convert(
                frame[name], Reading(**options), self.missing, where
            )
            if note:
                warnings.warn(note, UserWarning, stacklevel=2)
        return pd.DataFrame(columns, index=frame.index)

    def get_feature_names_out(
        self, input_features: ArrayLike | None = None
    ) -> NDArray[np.object_]:
        """Return the names of the columns handed on.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Not used: columns keep their names.

        Returns
        -------
        names : array of str
        """
        check_is_fitted(self)
        return np.array([*self.readings_], dtype=object)

    def _check_parameters(self) -> None:
        """Raise an error unless the parameters can be used."""
        for name in ("kinds", "missing", "leave_out"):
            words = getattr(self, name)
            if isinstance(words, str) or not isinstance(words, Iterable):
                raise ValueError(f"{name} must be a sequence of words, got {words!r}.")
        if not {*self.kinds} <= {*KINDS}:
            raise ValueError(f"kinds must be some of {[*KINDS]}, got {self.kinds!r}.")
        if self.decimal not in ("auto", ".", ","):
            raise ValueError(
                f"decimal must be 'auto', '.' or ',', got {self.decimal!r}."
            )

    def _left_out(self, frame: pd.DataFrame) -> set[str]:
        """Return the names of the columns to leave out; warn if one is not there."""
        names = {str(name).strip() for name in self.leave_out}
        absent = sorted(names.difference(frame.columns))
        if absent:
            warnings.warn(
                f"leave_out names what is no column of X: {listed(absent)}; the "
                f"columns are {listed(frame.columns)}.",
                UserWarning,
                stacklevel=3,
            )
        return names

    def _decimal(self, frame: pd.DataFrame) -> Decimal:
        """Return the decimal mark of the columns, at least those that allow both."""
        if self.decimal != "auto":
            return Decimal(self.decimal, is_fixed=True)
        return Decimal(common_mark(frame) or ".")

    def __sklearn_tags__(self) -> Tags:
        """Return what scikit-learn may expect."""
        tags: Tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.no_validation = True
        return tags


def narrowed(
    reader: TableReader, *, kinds: Sequence[str], leave_out: Sequence[str]
) -> TableReader:
    """Return a fitted reader that hands fewer columns on, without another fit.

    Parameters
    ----------
    reader : TableReader
        Fitted.
    kinds, leave_out : sequence of str
        As in `TableReader`.
    """
    narrow = copy.deepcopy(reader).set_params(kinds=kinds, leave_out=leave_out)
    out = set(leave_out)
    narrow.readings_ = {
        name: reading
        for name, reading in reader.readings_.items()
        if reading["kind"] in kinds and name not in out
    }
    gone = reader.readings_.keys() - narrow.readings_.keys()
    how = narrow.table_["read as"]
    is_gone = narrow.table_["name"].isin(gone)
    narrow.table_["read as"] = how.where(~is_gone, "left out (" + how + ")")
    return narrow


def common_mark(frame: pd.DataFrame) -> str | None:
    """Return the decimal mark that more columns need than the other one, or None.

    Parameters
    ----------
    frame : DataFrame
    """
    balance = 0
    for name in frame.columns:
        if frame[name].dtype == object or pd.api.types.is_string_dtype(frame[name]):
            try:
                mark = decimal_mark(values_of(frame[name]).words)
            except TypeError:
                continue
            balance += (mark == ",") - (mark == ".")
    return None if balance == 0 else "," if balance > 0 else "."


def as_pandas(X: Any, known: Any = ()) -> pd.DataFrame:
    """Return a frame with names of columns as text, blanks around them stripped.

    Parameters
    ----------
    X : data frame
    known : collection of str
        Names that are kept as they are.
    """
    if not isinstance(X, pd.DataFrame):
        frame = nw.from_native(X, eager_only=True, pass_through=True)
        if not isinstance(frame, nw.DataFrame):
            raise TypeError(
                "TableReader finds columns by name and needs a data frame, got "
                f"{type(X).__name__}. Use pandas.DataFrame(X, columns=names)."
            )
        X = frame.to_pandas()
    names = [str(name) for name in X.columns]
    names = [name if name in known else name.strip() for name in names]
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise ValueError(f"X has more than one column named {listed(twice)}.")
    return X.set_axis(names, axis=1)


def place_in(frame: pd.DataFrame) -> Callable[[int], str]:
    """Return what names the place of a row: by the frame's index if that has a name."""
    if frame.index.name is None:
        return lambda row: f"row {row}"
    return lambda row: f"{frame.index.name} {frame.index[row]}"


def listed(names: Any) -> str:
    """Return names in quotes, the first few of them."""
    names = [*names]
    rest = f" and {len(names) - N_NAMES} more" if len(names) > N_NAMES else ""
    return ", ".join(map(shown, names[:N_NAMES])) + rest
