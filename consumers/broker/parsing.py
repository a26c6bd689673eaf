"""From a message to a command, in two steps: a glance tells whose it is, and only what is worked on is read.

Past `Reader` nobody meets JSON.
"""

from collections.abc import Sequence
from typing import Any

from adapters.calendar import BookingId, RoomAddress, TenantName
from consumers.broker.credible_headers import credible_notes
from consumers.broker.delivery import ParsedDelivery, RawDelivery, RoomKey
from consumers.broker.headers import RoomsyncHeaders
from consumers.broker.incoming_message import IncomingMessage, Sized
from consumers.broker.redeliveries import Returns
from consumers.broker.session import Session
from consumers.messages.command import parse_command
from consumers.messages.json_object import MAX_BYTES, glance_at, too_large
from consumers.messages.violations import BadMessage, KnownMembers, Violation
from consumers.milestones import Milestone, OnMilestone, ignore, unfailing
from consumers.sync.room import Clocks
from consumers.tenants import Tenant, TenantDirectory

_NO_NOTES = RoomsyncHeaders()


class Reader:
    """Reads messages as commands of the tenants that are configured now."""

    def __init__(self, tenants: TenantDirectory, clocks: Clocks, reached: OnMilestone = ignore) -> None:
        self._tenants = tenants
        self._clocks = clocks
        self._reached = unfailing(reached)
        self._returns = Returns()

    def glance(self, message: IncomingMessage, session: Session) -> tuple[RoomKey, RawDelivery]:
        """Whose command it is. Raises `BadMessage` where not even that can be told; the rest is checked by `read`."""
        check_whole(message, message.body, self._tenants)
        tenant, room, booking_id, version = self._whose(message.body)
        notes = _NO_NOTES
        if message.headers:
            now = self._clocks.now()
            notes = credible_notes(message.headers, booking_id=booking_id, version=version, now=now)
        envelope = RawDelivery(
            message=message,
            session=session,
            notes=notes,
            first_seen_at=notes.first_seen_at or self._clocks.now(),
            received_s=self._clocks.monotonic(),
            returned=self._returns.count(message),
            booking_id=booking_id,
        )
        return (tenant, room), envelope

    def _whose(self, body: bytes) -> tuple[TenantName, RoomAddress, BookingId, Any]:
        try:
            members = glance_at(body)
            tenant, room, booking_id = members["tenant"], members["room"], members["booking_id"]
        except (ValueError, LookupError, TypeError, RecursionError):
            tenant = room = booking_id = None
        if isinstance(tenant, str) and isinstance(room, str) and isinstance(booking_id, str):
            return TenantName(tenant), RoomAddress(room.lower()), BookingId(booking_id), members.get("version")
        # The whole check says what is wrong.
        command = parse_command(body, self._tenants)
        return command.tenant, command.room, command.booking_id, command.version

    def read(self, held: RawDelivery) -> ParsedDelivery:
        """The command in hand. Raises `BadMessage` with every complaint."""
        command = parse_command(held.message.body, self._tenants)
        tenant = self._tenants.get(command.tenant)
        self._reached(Milestone.PARSED, command.key)
        return ParsedDelivery(
            message=held.message,
            session=held.session,
            notes=held.notes,
            first_seen_at=held.first_seen_at,
            received_s=held.received_s,
            returned=held.returned,
            command=command,
            backend=tenant.backend if isinstance(tenant, Tenant) else "",
        )

    def read_all(
        self, waiting: Sequence[RawDelivery]
    ) -> tuple[list[ParsedDelivery], list[tuple[RawDelivery, Exception]]]:
        """The commands, and what is none or met an error of ours."""
        deliveries: list[ParsedDelivery] = []
        unreadable: list[tuple[RawDelivery, Exception]] = []
        for envelope in waiting:
            try:
                deliveries.append(self.read(envelope))
            except Exception as error:  # noqa: BLE001 - one of them must not cost the others, nor itself its settlement
                unreadable.append((envelope, error))
        return deliveries, unreadable


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
