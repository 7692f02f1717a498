"""The bytes of a file: uncompressed, and the kind of file they are."""

import bz2
import gzip
import io
import lzma
import sys
import zipfile
import zlib
from pathlib import Path

from sklearn_genre.cli._error import InputError, reason, shown, shown_path

# How the bytes of a kind begin.
UNPACK = {b"\x1f\x8b": gzip.decompress, b"BZh": bz2.decompress}
UNPACK[b"\xfd7zXZ\x00"] = lzma.decompress
# A file may be packed in another one so many times.
DEEPEST = 3
# RuntimeError: zip files that need a password, or an algorithm that is not here.
FAULTS = (
    *(OSError, EOFError, RuntimeError),
    *(zlib.error, lzma.LZMAError, zipfile.BadZipFile),
)


def read_bytes(path: Path) -> tuple[bytes, str]:
    """Return the bytes of a file, uncompressed, and what they are.

    Parameters
    ----------
    path : Path
        ``-`` is standard input.

    Returns
    -------
    content : bytes
    kind : str
        "text", "parquet" or "xlsx".

    Raises
    ------
    InputError
        If the file cannot be read, or is of another kind.
    """
    try:
        content = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except (OSError, ValueError) as error:  # of a NUL in the path
        why = getattr(error, "strerror", None) or error
        raise InputError(f"cannot read {shown_path(path)}: {why}") from error
    try:
        for _ in range(DEEPEST):
            content, is_packed = _unpacked(content)
            if not is_packed:
                break
    except FAULTS as error:
        raise InputError(
            f"cannot unpack {shown_path(path)}: {reason(error)}"
        ) from error
    return content, _kind(content, path)


def _unpacked(content: bytes) -> tuple[bytes, bool]:
    """Return what is packed in a file, if something is."""
    for start, unpack in UNPACK.items():
        if content.startswith(start):
            return unpack(content), True
    if not content.startswith(b"PK\x03\x04"):
        return content, False
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = [
            name
            for name in archive.namelist()
            if not name.endswith("/") and not name.startswith("__MACOSX/")
        ]
        if any(name in ("xl/workbook.xml", "content.xml") for name in names):
            return content, False
        if len(names) != 1:
            raise InputError(
                f"the zip file holds {len(names)} files, where one is needed: "
                + ", ".join(shown(name) for name in names[:5])
            )
        return archive.read(names[0]), True


def _kind(content: bytes, path: Path) -> str:
    """Return what the bytes are."""
    if content.startswith(b"PAR1"):
        return "parquet"
    if content.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if "xl/workbook.xml" in archive.namelist():
                return "xlsx"
        raise InputError(
            f"{shown_path(path)} is no Excel file: save it as .xlsx or .csv"
        )
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise InputError(
            f"{shown_path(path)} is an old Excel file, or one with a password: save it "
            "as .xlsx or .csv"
        )
    return "text"
