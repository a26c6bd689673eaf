"""Reads all that is known of a booking, room by room, and says how it stands; asks neither Exchange nor a worker."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from adapters.calendar import BookingId, RoomAddress, TenantName
from adapters.ledger import LedgerRow, State
from adapters.story import Entry, StoriedLedger
from consumers.story.current_state import CurrentState, standing_of
from consumers.story.trails import OpenMessage, open_messages

Place = tuple[TenantName, RoomAddress]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomStory:
    """A booking in one room. `elsewhere`: the room of the same tenant that holds a version at least as new."""

    tenant: TenantName
    room: RoomAddress
    row: LedgerRow | None
    entries: tuple[Entry, ...]
    messages: tuple[OpenMessage, ...]
    standing: CurrentState
    elsewhere: RoomAddress | None = None


async def read_story(
    ledger: StoriedLedger, tenant: TenantName | None, booking: BookingId, now: datetime
) -> list[RoomStory]:
    """The booking's story in every room that it ever touched, those that hold it first. Raises `LedgerError`."""
    rows = await ledger.history(tenant, booking)
    return stories_of(rows, await ledger.story(tenant, booking), now)


def stories_of(rows: Iterable[LedgerRow], entries: Iterable[Entry], now: datetime) -> list[RoomStory]:
    """The stories of a booking: pure.

    Args:
        rows: the ledger's rows of the booking.
        entries: all of its entries, the oldest first.
        now: zone-aware; what was deferred until then lies in a queue again.
    """
    rows_by_place = {(row.key.tenant, row.key.room): row for row in rows}
    entries_by_place: dict[Place, list[Entry]] = {place: [] for place in rows_by_place}
    for entry in entries:
        entries_by_place.setdefault((entry.key.tenant, entry.key.room), []).append(entry)
    stories = [
        _story(place, rows_by_place.get(place), told, _elsewhere(place, rows_by_place), now)
        for place, told in entries_by_place.items()
    ]
    return sorted(stories, key=lambda each: (each.tenant, not _is_present(each.row), each.room))


def _story(
    place: Place, row: LedgerRow | None, entries: list[Entry], elsewhere: RoomAddress | None, now: datetime
) -> RoomStory:
    messages = open_messages(entries, now)
    return RoomStory(
        tenant=place[0],
        room=place[1],
        row=row,
        entries=tuple(entries),
        messages=tuple(messages),
        standing=standing_of(row, entries, messages),
        elsewhere=elsewhere,
    )


def _elsewhere(place: Place, rows: dict[Place, LedgerRow]) -> RoomAddress | None:
    own = rows.get(place)
    version = 0 if own is None else max(own.version, own.removed_version)
    return next(
        (
            room
            for (tenant, room), row in rows.items()
            if tenant == place[0] and room != place[1] and _is_present(row) and row.version >= version
        ),
        None,
    )


def _is_present(row: LedgerRow | None) -> bool:
    return row is not None and row.state is State.PRESENT
