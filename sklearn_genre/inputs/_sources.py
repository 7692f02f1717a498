"""Tables that are read some rows at a time: files, datasets, and large arrays."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray

from sklearn_genre._checks import shown, some_of, tidy
from sklearn_genre._sklearn import _safe_indexing
from sklearn_genre.inputs._frames import frame_of

# Rows that a file is decoded by.
DECODED = 2**14
# What is sliced but holds no rows to slice, or not by `len`.
NO_SOURCE = (list, tuple, dict, set, bytes, str)


class Source(Protocol):
    """Rows of a table, of which a slice is an array or a data frame."""

    def __len__(self) -> int:
        """Return the number of rows."""

    def __getitem__(self, index: slice) -> Any:
        """Return consecutive rows."""


class ArrowSource:
    """Rows of a pyarrow dataset, decoded some at a time.

    Reading on from where the last slice ended decodes nothing twice.

    Parameters
    ----------
    dataset : pyarrow.dataset.Dataset
    columns : list of str
    name : str
        What errors call it.
    """

    def __init__(self, dataset: Any, columns: list[str], name: str) -> None:
        self.dataset, self.columns, self.name = dataset, columns, name
        check_columns(dataset, columns)
        self.parts = [part for each in dataset.get_fragments() for part in _parts(each)]
        sizes = [_n_rows(part) for part in self.parts]
        self.starts = np.cumsum([0, *sizes])
        self._lock = threading.Lock()
        self._decoder: Iterator[Any] = iter(())
        self._place, self._left = -1, None

    def __len__(self) -> int:
        """Return the number of rows."""
        return int(self.starts[-1])

    def __getitem__(self, index: slice) -> Any:
        """Return consecutive rows as a table of Arrow."""
        import pyarrow  # an optional package

        start, stop, _ = index.indices(len(self))
        try:
            with self._lock:
                batches = [*self._batches(start, stop)]
        except (pyarrow.ArrowException, OSError) as error:
            raise ValueError(
                f"X={tidy(repr(self.name))} cannot be read on from row {start}: "
                f"{tidy(str(error))}"
            ) from error
        schema = self.dataset.schema
        schema = pyarrow.schema([schema.field(name) for name in self.columns])
        return pyarrow.Table.from_batches(batches, schema)

    def select(self, columns: list[str]) -> ArrowSource:
        """Return the same rows with some of the columns."""
        return ArrowSource(self.dataset, columns, self.name)

    def _batches(self, start: int, stop: int) -> Iterator[Any]:
        """Yield the rows of a slice as they are decoded."""
        if start != self._place:
            self._decoder, self._left = self._decoded(start), None
        self._place = start
        while self._place < stop:
            batch = next(self._decoder) if self._left is None else self._left
            wanted = batch.slice(0, stop - self._place)
            rest = batch.slice(len(wanted))
            self._left = rest if len(rest) else None
            self._place += len(wanted)
            yield wanted

    def _decoded(self, start: int) -> Iterator[Any]:
        """Yield all rows from one on."""
        first = int(np.searchsorted(self.starts, start, "right")) - 1
        skipped = start - int(self.starts[first])
        for part in self.parts[first:]:
            for batch in part.to_batches(
                schema=self.dataset.schema,
                columns=self.columns,
                batch_size=DECODED,
                batch_readahead=1,
                fragment_readahead=1,
                use_threads=False,
            ):
                if skipped >= len(batch):
                    skipped -= len(batch)
                    continue
                yield batch.slice(skipped)
                skipped = 0


class SlicedSource:
    """Rows of an array, a data frame, or anything else that has `len` and slices."""

    def __init__(self, rows: Any) -> None:
        self.rows = rows
        self.frame = frame_of(rows)
        self.is_file = is_whole_file(rows)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    def __getitem__(self, index: slice) -> Any:
        """Return consecutive rows; those of a file are read and not kept mapped."""
        start, stop, _ = index.indices(len(self))
        if self.frame is not None:
            return self.frame[start:stop].to_native()
        rows = self.rows
        if self.is_file:
            size = rows.itemsize * int(np.prod(rows.shape[1:]))
            shape = (stop - start, *rows.shape[1:])
            place = rows.offset + start * size
            with suppress(OSError):  # deleted, and mapped all the same
                return np.array(np.memmap(rows.filename, rows.dtype, "r", place, shape))
        part = rows[start:stop]
        return np.array(part) if isinstance(part, np.memmap) else part


def check_columns(dataset: Any, columns: list[str]) -> None:
    """Refuse a dataset of which a file lacks a column: it would be read as missing.

    Raises
    ------
    ValueError
        With the first such file and column.
    """
    for part in dataset.get_fragments():
        there = set(part.physical_schema.names)
        for name in columns:
            if name not in there:
                raise ValueError(
                    f"X={tidy(repr(getattr(part, 'path', str(part))))} has no column "
                    f"{shown(name, repr)}, which other files of the dataset have."
                )


def is_whole_file(rows: Any) -> bool:
    """Return whether an array is a file mapped as it was opened, row after row."""
    return (
        isinstance(rows, np.memmap)
        and rows.filename is not None
        and rows.mode != "c"  # what was written there is in memory alone
        and rows.flags.c_contiguous
        and not isinstance(rows.base, np.ndarray)
        and rows.size > 0
    )


def source_of(X: Any) -> Source | None:
    """Return the rows of a file, a dataset, or an object that is read by slices.

    None for what is in memory already, and for what is no table.

    Raises
    ------
    ValueError, ImportError
        If there is no such file, it is of another kind, or what reads it is missing.
    """
    if isinstance(X, (str, os.PathLike)):
        return opened(Path(X))
    if type(X).__module__.partition(".")[0] == "pyarrow" and hasattr(X, "scanner"):
        return ArrowSource(X, list(X.schema.names), type(X).__name__)
    if isinstance(X, np.memmap):
        return SlicedSource(X)
    has_rows = hasattr(X, "__len__") and hasattr(X, "__getitem__")
    is_array = hasattr(X, "shape") or hasattr(X, "__array__")
    if not has_rows or is_array or isinstance(X, NO_SOURCE) or hasattr(X, "keys"):
        return None
    return SlicedSource(X) if frame_of(X) is None else None


def opened(path: Path) -> Source:
    """Return the rows of a ``.npy`` file, of a parquet file, or of a folder of them."""
    if not path.exists():
        raise ValueError(
            f"X={tidy(repr(str(path)))} does not exist as a file or folder. Give the "
            "samples, or the path of a .npy or parquet file."
        )
    if path.suffix == ".npy" and not path.is_dir():
        return SlicedSource(mapped(path))
    try:
        from pyarrow import ArrowInvalid  # an optional package
        from pyarrow.dataset import dataset
    except ImportError as error:
        raise ImportError(
            "Files of parquet need pyarrow: python -m pip install pyarrow."
        ) from error
    try:
        found = dataset(path, format="parquet")
        return ArrowSource(found, list(found.schema.names), str(path))
    except (ArrowInvalid, OSError) as error:
        raise ValueError(
            f"X={tidy(repr(str(path)))} is no parquet file, nor a folder of them, nor "
            f"a .npy file: {tidy(str(error))}"
        ) from None


def mapped(path: Path) -> NDArray[Any]:
    """Return the array of a ``.npy`` file, mapped.

    Raises
    ------
    ValueError
        If the file is damaged, or holds no rows of numbers.
    """
    name = f"X={tidy(repr(str(path)))}"
    try:
        with path.open("rb") as file:  # np.load takes other files for pickles
            np.lib.format.read_magic(file)
        array: NDArray[Any] = np.load(path, mmap_mode="r")
    except (EOFError, OSError, ValueError) as error:
        raise ValueError(
            f"{name} cannot be read as a .npy file of numbers: {tidy(str(error))}"
        ) from None
    if array.ndim != 2:
        raise ValueError(
            f"{name} must hold a table of two axes, got shape {array.shape}."
        )
    return array


def without_columns(
    source: Source, names: dict[str, str]
) -> tuple[Source, dict[str, Source]]:
    """Take columns out of a table, and return each as a source of its own.

    Parameters
    ----------
    source : Source
    names : dict of str to str
        The column of each argument.

    Raises
    ------
    ValueError
        If the rows have no such column.
    """
    if not names:
        return source, {}
    columns = names_in(source)
    for argument, name in names.items():
        if name not in columns:
            there = f" The columns are {some_of(columns)}." if columns else ""
            raise ValueError(
                f"{argument}={shown(name, repr)} is not a column of X.{there} Give one "
                "of them, or an array."
            )
    kept = [name for name in columns if name not in names.values()]
    taken = {key: _selected(source, [name]) for key, name in names.items()}
    return _selected(source, kept), taken


def with_columns(source: Source, names: list[str]) -> Source:
    """Return the columns of some names, in their order; an array as it is.

    Raises
    ------
    ValueError
        If one is missing.
    """
    columns = names_in(source)
    missing = [name for name in names if name not in columns]
    if columns and missing:
        raise ValueError(
            f"X lacks columns that the model was fitted on: {some_of(missing)}. The "
            f"columns are {some_of(columns)}."
        )
    return _selected(source, names) if columns else source


def names_in(source: Source) -> list[str]:
    """Return the names of the columns, none for an array."""
    if isinstance(source, ArrowSource):
        return source.columns
    frame = frame_of(source[0:1])
    return [] if frame is None else list(frame.columns)


def _selected(source: Source, columns: list[str]) -> Source:
    """Return some columns of a table."""
    if isinstance(source, ArrowSource):
        return source.select(columns)
    return SelectedSource(source, columns)


class SelectedSource:
    """Some columns of what is read by slices."""

    def __init__(self, source: Source, columns: list[str]) -> None:
        self.source, self.columns = source, columns

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.source)

    def __getitem__(self, index: slice) -> Any:
        """Return consecutive rows."""
        frame = frame_of(self.source[index])
        assert frame is not None
        return frame.select(self.columns).to_native()


def rows_at(source: Source, index: NDArray[np.intp]) -> Any:
    """Return some rows, in the order of the index, at least one."""
    order = np.unique(index)
    runs = np.split(order, np.flatnonzero(np.diff(order) > DECODED) + 1)
    parts = [
        _safe_indexing(source[int(run[0]) : int(run[-1]) + 1], run - run[0])
        for run in runs
    ]
    return _safe_indexing(joined(parts), np.searchsorted(order, index))


def joined(parts: list[Any]) -> Any:
    """Return arrays or data frames one below the other."""
    if len(parts) == 1:
        return parts[0]
    frames = [frame_of(part) for part in parts]
    if frames[0] is None:
        return np.concatenate(parts)
    return nw.concat([frame for frame in frames if frame is not None]).to_native()


def _parts(fragment: Any) -> list[Any]:
    """Return the row groups of a file of parquet, any other file whole."""
    split = getattr(fragment, "split_by_row_group", None)
    return [fragment] if split is None else split()


def _n_rows(part: Any) -> int:
    """Return the number of rows of a row group, or of a file."""
    groups = getattr(part, "row_groups", None)
    return sum(g.num_rows for g in groups) if groups else part.count_rows()


def column_values(values: Any, index: slice) -> Any:
    """Return a slice of one column: of a source, or of an array-like."""
    if not isinstance(values, (np.ndarray, ArrowSource, SelectedSource)):
        values = np.asarray(values)
    if isinstance(values, np.memmap):
        values = SlicedSource(values)
    part = values[index]
    frame = frame_of(part)
    return part if frame is None else frame[:, 0].to_numpy()
