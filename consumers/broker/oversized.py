"""What is too much to be a command, and is refused as it is: nobody reads all of it, and nothing is noted on it."""

from typing import Protocol

from consumers.messages.command import parse_command
from consumers.messages.json_object import MAX_BYTES, too_large
from consumers.messages.violations import BadMessage, KnownMembers, Violation
from consumers.tenants import TenantDirectory


class Sized(Protocol):
    """A message, as far as its size goes."""

    @property
    def size_bytes(self) -> int:
        """How many bytes its body has, kept or not."""
        ...

    @property
    def has_too_many_headers(self) -> bool:
        """Whether it bears more than `HEADERS_MAX`: those after them are not read."""
        ...


def is_whole(message: Sized) -> bool:
    """Whether all of it is at hand."""
    return message.size_bytes <= MAX_BYTES and not message.has_too_many_headers


def check_whole(message: Sized, body: bytes, tenants: TenantDirectory) -> None:
    """Raises `BadMessage` for one that is not whole; with what its body says, where that was kept."""
    if message.size_bytes > MAX_BYTES:
        raise too_large(message.size_bytes)
    if message.has_too_many_headers:
        raise BadMessage((Violation.of("too_many_headers"),), _known(body, tenants))


def _known(body: bytes, tenants: TenantDirectory) -> KnownMembers:
    try:
        return parse_command(body, tenants).known
    except BadMessage as bad:
        return bad.known
