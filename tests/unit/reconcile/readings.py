"""Rows and readings of the usual room, told by the one detail that a case is about."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from adapters.calendar import BookingId, FoundEvent, ItemRef, Mark, ReadEvent, RoomEvent, RoomReading, StoredFields
from adapters.ledger import LedgerRow
from consumers.messages.booking_event import event_from_snapshot
from consumers.reconcile.compare import Wanted
from consumers.sync.render import digest_of_written, render
from tests.fakes import FakeCalendar
from tests.rows import ITEM, KEY

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)

as_stored: Callable[[RoomEvent], StoredFields] = FakeCalendar().as_stored


def wanted_of(row: LedgerRow, subject_template: str = "{subject}") -> Wanted | None:
    if row.snapshot is None:
        return None
    event, _ = render(event_from_snapshot(row.snapshot), subject_template)
    return Wanted(members=as_stored(event), written_digest=digest_of_written(event))


def standing(
    row: LedgerRow, *, item: str = ITEM.item_id, version: int | None = None, minute: int = 0, **changes: object
) -> ReadEvent:
    """The row's event as it stands in the calendar, with members that people changed."""
    wanted = wanted_of(row)
    assert wanted is not None
    mark = Mark(booking_id=BookingId(KEY.booking_id), version=row.version if version is None else version)
    created_at = datetime(2026, 11, 1, 9, minute, tzinfo=UTC)
    return ReadEvent(
        found=FoundEvent(mark=mark, ref=ItemRef(item_id=item), created_at=created_at),
        members=replace(wanted.members, **changes),  # type: ignore[arg-type]  # a builder takes any
    )


def reading(*events: ReadEvent, foreign: tuple[str, ...] = ()) -> RoomReading:
    return RoomReading(events=events, foreign=tuple(ItemRef(item_id=item) for item in foreign))
