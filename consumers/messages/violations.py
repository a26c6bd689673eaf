"""What is wrong with a message: every complaint at once, and what of the message may still be repeated.

No complaint quotes the value it is about: a value may hold a subject or a person. It says what was expected instead.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from adapters.calendar import BookingId, RoomAddress, TenantName
from consumers.messages.codes import code_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """Why a message is refused. `code` is a key of `codes.MESSAGE_CODES`, `member` a JSON Pointer (RFC 6901)."""

    code: str
    message: str
    member: str | None = None

    @classmethod
    def of(cls, code: str, member: str | None = None) -> Self:
        """The complaint with the sentence that belongs to its code."""
        return cls(code=code, message=code_of(code).sentence, member=member)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """A warning: the command is carried out, but not to the letter. `member` is a JSON Pointer (RFC 6901)."""

    code: str
    message: str
    member: str | None = None

    @classmethod
    def of(cls, code: str, member: str | None = None) -> Self:
        """The warning with the sentence that belongs to its code."""
        return cls(code=code, message=code_of(code).sentence, member=member)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownMembers:
    """Those members of a refused message that passed their own check; only these may be repeated outwards."""

    tenant: TenantName | None = None
    booking_id: BookingId | None = None
    version: int | None = None
    room: RoomAddress | None = None
    previous_room: RoomAddress | None = None
    command: str | None = None
    issued_at: datetime | None = None


class BadMessage(Exception):
    """The message is no command. `complaints` is never empty; the first one is the error of the result event."""

    def __init__(self, complaints: tuple[Violation, ...], known: KnownMembers | None = None) -> None:
        self.complaints = complaints
        self.known = known or KnownMembers()
        super().__init__("; ".join(f"{c.member or 'message'}: {c.message}" for c in complaints))

    @property
    def first(self) -> Violation:
        """The complaint that a result event names."""
        return self.complaints[0]
