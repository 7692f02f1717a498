"""A folder whose files appear together or not at all."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory, mkdtemp

from sklearn_genre.cli._error import InputError, reason, shown_path

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

PREFIX, TRIAL = ".sklearn_genre-", ".sklearn_genre_trial-"
PATH_FAULTS = (OSError, ValueError, RuntimeError)  # NUL bytes, loops of links


def check_folder(folder: Path, names: Sequence[str]) -> None:
    """Refuse a folder in which files cannot be made and replaced.

    A file is written in it and renamed; what was made for that is removed.

    Parameters
    ----------
    folder : Path
    names : sequence of str
        The files to come.

    Raises
    ------
    InputError
        If the folder is none or cannot be made, is not writable, or a file to come is
        there already as a folder.
    """
    made = []
    try:
        for level in [*reversed(folder.parents), folder]:
            if not level.is_dir():
                level.mkdir()
                made.append(level)
        with TemporaryDirectory(dir=folder, prefix=TRIAL) as name:
            trial = Path(name, "trial")
            trial.write_bytes(b"\0" * 4096)
            trial.replace(Path(name, "renamed"))
        for name in names:
            if Path(folder, name).is_dir():
                raise InputError(f"--output: {shown_path(folder / name)} is a folder")
    except PATH_FAULTS as error:
        raise InputError(
            f"--output {shown_path(folder)}: no file can be made there: {_why(error)}"
        ) from error
    finally:
        for level in reversed(made):
            with suppress(OSError):
                level.rmdir()


def refuse_overwriting(files: Sequence[Path], read: Sequence[Path | None]) -> None:
    """Refuse to write a file that is read.

    Parameters
    ----------
    files : sequence of Path
        The files to come.
    read : sequence of Path or None
        Those that are read; None for one that comes with the package.

    Raises
    ------
    InputError
        If two are one file, by whatever name.
    """
    for source in filter(None, read):
        for path in files:
            with suppress(*PATH_FAULTS):
                if path.is_file() and path.samefile(source):
                    raise InputError(
                        f"--output: {shown_path(path)} is read, and would be "
                        "overwritten; name another place"
                    )


def fill_folder(
    folder: Path, names: Sequence[str], write: Callable[[Path], None]
) -> None:
    """Write files in a scratch folder inside a folder, then rename them all.

    Parameters
    ----------
    folder : Path
        Made if needed; other files in it are kept.
    names : sequence of str
        The files that belong together; one that is not written is removed.
    write : callable
        Writes the files in a folder that it is given.

    Raises
    ------
    InputError
        If something cannot be written; the folder is then as it was.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _scratch(folder) as scratch:
            new, old = scratch / "new", scratch / "old"
            new.mkdir()
            write(new)
            for file in new.iterdir():
                _flush(file)
            with _locked(folder), _undisturbed():
                old.mkdir()
                exchange(folder, new, old, names)
    except PATH_FAULTS as error:
        raise InputError(
            f"cannot write to {shown_path(folder)}: {_why(error)}"
        ) from error


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """Make a folder inside another one for a while, and clear up after dead runs."""
    with ExitStack() as stack:
        with _locked(folder), _undisturbed():
            recover(folder)
            scratch = Path(mkdtemp(dir=folder, prefix=PREFIX))
            stack.enter_context(_locked(scratch))  # until it is removed
            stack.callback(rmtree, scratch, ignore_errors=True)
        yield scratch


def recover(folder: Path) -> None:
    """Remove what killed runs have left, and finish an exchange that one had begun.

    The new files of an exchange are complete before the first one is moved.

    Parameters
    ----------
    folder : Path
    """
    if fcntl is None:
        return
    for scratch in folder.glob(PREFIX + "*"):
        try:
            number = os.open(scratch, os.O_RDONLY)
        except OSError:  # its run has just removed it
            continue
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # of a run that is alive
            continue
        finally:
            os.close(number)
        if (scratch / "old").is_dir():
            for file in (scratch / "new").glob("*"):
                file.replace(folder / file.name)
        rmtree(scratch, ignore_errors=True)


def exchange(folder: Path, new: Path, old: Path, names: Sequence[str]) -> None:
    """Move files out of a folder, and new ones in, or leave all as it was.

    The folder `old` is there while an exchange is under way, and after it.
    """
    moved: list[tuple[Path, Path]] = []

    def move(source: Path, target: Path) -> None:
        if source.exists():
            source.rename(target)
            moved.append((source, target))

    try:
        for name in names:
            move(folder / name, old / name)
            move(new / name, folder / name)
    except BaseException:
        for source, target in reversed(moved):
            target.rename(source)
        old.rmdir()
        raise


def write_file(path: Path, write: Callable[[Path], None]) -> None:
    """Write one file, which appears complete or not at all."""
    try:
        if path.is_dir():
            raise InputError(f"--output {shown_path(path)} is a folder, not a file")
        if path.exists() and not path.is_file():  # a device or a pipe
            return write(path)
        path = Path(os.path.realpath(path))  # a link stays one
    except PATH_FAULTS as error:
        raise InputError(
            f"cannot write to {shown_path(path)}: {_why(error)}"
        ) from error
    fill_folder(path.parent, [path.name], lambda new: write(new / path.name))


def _flush(file: Path) -> None:
    """Wait until a file is on the disk; a full one says so here at the latest."""
    with file.open("rb") as stream:
        os.fsync(stream.fileno())


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other runs from exchanging files in a folder meanwhile."""
    if fcntl is None:
        yield
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep signals waiting."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(
        signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    )
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _why(error: BaseException) -> str:
    """Return what a fault of a path is, without the path."""
    return (
        error.strerror
        if isinstance(error, OSError) and error.strerror
        else reason(error)
    )
