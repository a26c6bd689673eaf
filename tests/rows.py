"""Builders of ledger rows for the usual booking."""

from dataclasses import replace

from adapters.calendar import ItemRef, RoomAddress, TenantName
from adapters.ledger import BookingKey, Claim, LedgerRow
from consumers.messages.command import BookingCommand
from consumers.sync.booking_batch import by_booking
from consumers.sync.plan import present
from tests.builders import a_booking_command
from tests.room_harness import BOARD, FakeRequest, VirtualTime

KEY = BookingKey(tenant=TenantName("acme"), room=RoomAddress(BOARD), booking_id=a_booking_command().booking_id)
NEW = LedgerRow(key=KEY)
ITEM = ItemRef(item_id="AAMk1", change_key="1")


def digest_of(command: BookingCommand) -> str | None:
    (pending,) = by_booking([FakeRequest(command=command, first_seen_at=VirtualTime().now())], "{subject}")
    return pending.rendered.digest


def present_as(command: BookingCommand, **changes: object) -> LedgerRow:
    return present(command, NEW, digest_of(command)).settled(**{"item": ITEM, **changes})


def claimed(row: LedgerRow, remaining_s: float, version: int = 9) -> LedgerRow:
    return replace(row, claim=Claim(token="t", version=version, remaining_s=remaining_s))
