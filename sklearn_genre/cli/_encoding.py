"""Bytes as text: by the byte-order mark, as UTF-8, or as Windows wrote them."""

import codecs

from sklearn_genre.cli._error import InputError, shown

MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# Bytes in which UTF-16 without a mark is looked for.
N_SEEN = 4096


def decode(content: bytes, encoding: str | None) -> tuple[str, str]:
    """Return text, and the encoding that it was in.

    Parameters
    ----------
    content : bytes
    encoding : str or None
        None detects it.
    """
    if encoding is not None:
        try:
            return content.decode(encoding).removeprefix("\ufeff"), encoding
        except (LookupError, UnicodeError) as error:
            raise InputError(f"--encoding {shown(encoding)}: {error}") from error
    for encoding in _candidates(content):
        try:
            text = content.decode(encoding)
        except UnicodeError:
            continue
        if "\x00" in text:
            break
        return text, encoding
    raise InputError("is no text, and no other kind of table known here")


def _candidates(content: bytes) -> list[str]:
    """Return the encodings to try, one after the other."""
    for mark, encoding in MARKS.items():
        if content.startswith(mark):
            return [encoding, "utf-8", "cp1252"]
    seen = content[:N_SEEN]
    if seen[1::2].count(0) > len(seen) / 4:
        return ["utf-16-le"]
    if seen[::2].count(0) > len(seen) / 4:
        return ["utf-16-be"]
    return ["utf-8", "cp1252", "latin-1"]
