"""Reads the files that people and programs lay down beside a worker: regular ones only, and never more than is meant.

A pipe or a device in such a place would keep the whole worker waiting, and nobody means one there.
"""

import os
import stat
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_PIECE_BYTES = 64 * 1024


class FileUnusable(Exception):
    """Why a file cannot be read, as the end of a sentence that begins with it; quotes nothing of its content."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What of a file changes with its content."""

    modified_ns: int
    size_bytes: int
    inode: int


def signature_of(path: Path) -> Signature | None:
    """Tells one content of a file from another without reading it; None where there is no file."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return Signature(status.st_mtime_ns, status.st_size, status.st_ino)


def check_readable(path: Path) -> None:
    """Raises `FileUnusable` for what is no regular file, or not for us to read."""
    os.close(_opened(path))


def read_text(path: Path, *, max_bytes: int) -> str:
    """The text of a file in UTF-8, less the byte order mark that some editors begin it with. Raises `FileUnusable`."""
    content = _read_bytes(path, max_bytes)
    if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        raise FileUnusable("is UTF-16; save it as UTF-8")
    try:
        return content.removeprefix(BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError:
        raise FileUnusable("is not UTF-8") from None


def without_byte_order_mark(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a file, less the mark that some editors begin it with."""
    for number, line in enumerate(lines):
        yield line if number else line.removeprefix(BOM_UTF8)


def bounded_lines(file: BinaryIO, *, max_bytes: int, give_up_bytes: int) -> Iterator[bytes]:
    """The lines of a file, however long they are: longer ones are cut, to more than the maximum even less a mark.

    Raises `FileUnusable` at a line that has no end for so many bytes: a device may give them for ever.
    """
    while line := file.readline(max_bytes + len(BOM_UTF8) + 1):
        skipped, rest = len(line), line
        while not rest.endswith(b"\n") and (rest := file.readline(_PIECE_BYTES)):
            skipped += len(rest)
            if skipped > give_up_bytes:
                raise FileUnusable(f"has a line that does not end within {give_up_bytes >> 20} MiB")
        yield line


def _read_bytes(path: Path, max_bytes: int) -> bytes:
    with os.fdopen(_opened(path), "rb") as file:
        try:
            content = file.read(max_bytes + 1)
        except OSError as error:
            raise FileUnusable(f"cannot be read ({error.strerror})") from None
    if len(content) > max_bytes:
        raise FileUnusable(f"is larger than {max_bytes >> 10} KiB")
    return content


def _opened(path: Path) -> int:
    try:
        # Before it is opened: opening alone does something to some devices.
        _check_regular(path.stat().st_mode)
        # Not waiting for whoever may hold the other end of a pipe that came in its place since.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise FileUnusable(f"cannot be read ({error.strerror})") from None
    except ValueError:
        raise FileUnusable("has a name that no file can have") from None
    try:
        _check_regular(os.fstat(descriptor).st_mode)
    except FileUnusable:
        os.close(descriptor)
        raise
    return descriptor


def _check_regular(mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise FileUnusable("is not a regular file")
