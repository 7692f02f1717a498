"""The output folder: tested first, filled whole or not at all, whatever interrupts."""

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sklearn_genre.cli import _command, _folder, _output, main
from sklearn_genre.cli._error import InputError
from sklearn_genre.cli._folder import (
    check_folder,
    exchange,
    fill_folder,
    recover,
    write_file,
)
from sklearn_genre.cli._output import FILES

FAST = ["--epochs", "1", "--length", "4", "--fine-tuning", "none"]
NAMES = ("a", "b", "c")


def contents(folder):
    """Return what is in a folder, by path."""
    return {
        path.relative_to(folder).as_posix(): path.is_file() and path.read_text()
        for path in folder.rglob("*")
    }


def write_new(folder):
    """Write new files."""
    for name in NAMES:
        (folder / name).write_text("new")


@pytest.fixture
def no_report(monkeypatch):
    """Leave out what takes the time of a run."""
    monkeypatch.setattr(_output, "importance_of_columns", lambda *_: None)
    monkeypatch.setattr(_output, "report_page", lambda *_, **__: "page")
    monkeypatch.setattr(_output, "draw_distributions", lambda *_: None)


@pytest.fixture
def old(tmp_path):
    """Return a folder with files of an earlier run, and one that is not ours."""
    folder = tmp_path / "out"
    folder.mkdir()
    for name in (*NAMES, *FILES, "mine"):
        (folder / name).write_text("old")
    return folder


def test_files_are_replaced_and_others_kept(old):
    before = contents(old)
    fill_folder(old, NAMES, write_new)
    assert contents(old) == {**before, **dict.fromkeys(NAMES, "new")}


def test_a_file_that_is_not_written_does_not_stay(old):
    fill_folder(old, (*NAMES, FILES[0]), write_new)
    assert FILES[0] not in contents(old)


@pytest.mark.parametrize("fault", [OSError(28, "No space left"), KeyboardInterrupt()])
@pytest.mark.parametrize("number", range(6))
def test_a_fault_in_any_rename_changes_nothing(old, monkeypatch, fault, number):
    before = contents(old)
    rename, calls = Path.rename, []

    def failing(self, target):
        calls.append(self)
        if len(calls) == number + 1:
            raise fault
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises((InputError, KeyboardInterrupt)):
        fill_folder(old, NAMES, write_new)
    assert contents(old) == before


def test_a_fault_in_writing_changes_nothing(old):
    before = contents(old)

    def fail(folder):
        (folder / "a").write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(InputError, match="No space left on device"):
        fill_folder(old, NAMES, fail)
    assert contents(old) == before


def test_two_runs_do_not_mix(old):
    """Each exchange is whole: all files are of the run that came last."""

    def write(text):
        def write_all(folder):
            for name in NAMES:
                (folder / name).write_text(text)

        for _ in range(20):
            fill_folder(old, NAMES, write_all)

    with ThreadPoolExecutor() as pool:
        list(pool.map(write, "xyz"))
    assert len({contents(old)[name] for name in NAMES}) == 1
    assert not [name for name in contents(old) if name.startswith(_folder.PREFIX)]


@pytest.mark.parametrize("number", range(7))
def test_the_next_run_repairs_one_that_was_killed(old, number):
    """Killed before, during or after the exchange: all old files, or all new ones."""
    before = contents(old)
    child = os.fork()
    if not child:
        rename, calls = Path.rename, []

        def killed(self, target=None):
            calls.append(self)
            if len(calls) > number or not target:
                os.kill(os.getpid(), signal.SIGKILL)
            return rename(self, target)

        try:
            Path.rename = killed
            fill_folder(old, NAMES, killed if number == 6 else write_new)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    recover(old)
    changed = before if number == 6 else {**before, **dict.fromkeys(NAMES, "new")}
    assert contents(old) == changed


def test_a_run_that_is_alive_is_left_alone(old):
    def write(folder):
        recover(old)
        write_new(folder)

    fill_folder(old, NAMES, write)
    assert {contents(old)[name] for name in NAMES} == {"new"}


def test_nothing_crosses_devices(old, monkeypatch):
    """A mount point takes no file from elsewhere: all renames stay inside."""
    moves = []
    rename = Path.rename
    monkeypatch.setattr(
        Path, "rename", lambda a, b: (moves.append((a, b)), rename(a, b))
    )
    fill_folder(old, NAMES, write_new)
    assert moves
    assert all(old in path.parents for move in moves for path in move)


def test_check_leaves_no_trace(tmp_path):
    check_folder(tmp_path / "deep" / "out", FILES)
    assert contents(tmp_path) == {}


def bad_folders(tmp_path):
    """Return folders that cannot be filled."""
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "out" / "model.joblib").mkdir(parents=True)
    names = ["file", "file/deep/out", "loop", "out", "nul\x00", "a" * 300]
    return [tmp_path / name for name in names]


def test_bad_folders_are_refused_before_training(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(_command, "diabetes", lambda: pytest.fail("read the data"))
    for folder in bad_folders(tmp_path):
        before = contents(tmp_path)
        assert main(["--output", str(folder)]) == 2
        err = capsys.readouterr().err
        assert err.startswith("error: --output")
        assert err.count("\n") == 1
        assert contents(tmp_path) == before


def test_read_only_folder(old, monkeypatch, capsys):
    """The file that is written for a trial says so; root may write anywhere."""

    def fail(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(_folder, "TemporaryDirectory", fail)
    assert main(["--output", str(old)]) == 2
    assert "Permission denied" in capsys.readouterr().err


def test_full_disk_at_the_end(old, no_report, monkeypatch, capsys):
    def fail(*_):
        raise OSError(28, "No space left on device")

    before = contents(old)
    monkeypatch.setattr(_output.joblib, "dump", fail)
    assert main(["--output", str(old), *FAST]) == 2
    assert capsys.readouterr().err.endswith("No space left on device\n")
    assert contents(old) == before


def test_what_was_trained_is_saved_elsewhere(
    old, no_report, tmp_path, monkeypatch, capsys
):
    before = contents(old)
    fill, spare = _output.fill_folder, tmp_path / "spare"

    def full(folder, names, write):
        if folder == old:
            raise InputError("cannot write: No space left on device")
        fill(folder, names, write)

    monkeypatch.setattr(_output, "fill_folder", full)
    monkeypatch.setattr(_output, "mkdtemp", lambda prefix: str(spare))
    assert main(["--output", str(old), *FAST]) == 2
    assert f"the files are in '{spare}'"[-60:] in capsys.readouterr().err
    assert {path.name for path in spare.iterdir()} == {*FILES} - {"distribution.png"}
    assert contents(old) == before


@pytest.fixture(autouse=True)
def heeds_signals():
    """Let SIGINT interrupt, which a shell has background jobs ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def send(number):
    """Return a function that sends this process a signal."""
    return lambda *_: os.kill(os.getpid(), number)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_signals_leave_the_folder_as_it_was(old, no_report, monkeypatch, number, code):
    before = contents(old)
    handlers = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    monkeypatch.setattr(_output.joblib, "dump", send(number))
    assert main(["--output", str(old), *FAST]) == code
    assert contents(old) == before
    assert handlers == [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]


def test_an_interrupted_training_ends_the_run(old, capsys, monkeypatch):
    """Estimators keep the best state at Ctrl-C; the command must not write it."""
    before = contents(old)
    score, timers = _command.score_distribution, []

    def interrupt_soon(*arguments):
        timers.append(threading.Timer(1.0, send(signal.SIGINT)))
        timers[0].start()
        return score(*arguments)

    monkeypatch.setattr(_command, "score_distribution", interrupt_soon)
    assert main(["--output", str(old), "--epochs", "10000"]) == 130
    assert capsys.readouterr().err.splitlines()[-1] == "interrupted"
    assert contents(old) == before


def test_exchange_moves_the_old_files_out(old, tmp_path):
    new, kept = tmp_path / "new", tmp_path / "kept"
    new.mkdir()
    kept.mkdir()
    write_new(new)
    exchange(old, new, kept, NAMES)
    assert contents(kept) == dict.fromkeys(NAMES, "old")
    assert contents(new) == {}


def test_a_single_file_keeps_its_link(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    write_file(tmp_path / "link", lambda path: path.write_text("new"))
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"
