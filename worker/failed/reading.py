"""Reads what `roomsync failed audit` shows, and the lines of an exported file."""

from pathlib import Path

from adapters.audit import AuditedMessage, AuditRecord
from consumers.failed.export import FileMessage, WrongLine, read_line
from worker.failed.opening import open_books
from worker.files import without_byte_order_mark
from worker.settings import Settings


class WrongFile(Exception):
    """A file cannot be read as an export; the text says where."""


def read_export(file: Path) -> list[FileMessage]:
    """The messages of an export. Raises `WrongFile`."""
    messages: list[FileMessage] = []
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(without_byte_order_mark(lines), start=1):
                if line.strip():
                    messages.append(_message(number, line))
    except OSError as error:
        raise WrongFile(f"{file}: {error.strerror}.") from None
    return messages


def _message(number: int, line: bytes) -> FileMessage:
    try:
        return read_line(line)
    except WrongLine as wrong:
        raise WrongFile(f"line {number}: {wrong}.") from None


async def audit_records(settings: Settings, *, limit: int) -> list[AuditRecord]:
    """The latest actions. Raises `LedgerError`."""
    async with open_books(settings) as books:
        return await books.audit.records(limit=limit)


async def audit_record(
    settings: Settings, record_id: str, *, limit: int
) -> tuple[AuditRecord, list[AuditedMessage]] | None:
    """One of the latest actions with its messages, or None. Raises `LedgerError`."""
    async with open_books(settings) as books:
        found = [record for record in await books.audit.records(limit=limit) if record.record_id == record_id]
        return (found[0], await books.audit.messages(record_id)) if found else None
