"""Statements over the whole ledger: what it is, what it holds, what may go; each stands alone in its transaction."""

import secrets

from sqlalchemy import Connection, delete, exists, func, insert, or_, select, union, update

from adapters.calendar import BookingId, RoomAddress, TenantName
from adapters.ledger import LedgerIdentity, LedgerRow, State
from adapters.sql import audit
from adapters.sql.schema import DAY_US, bookings, ledgers, rooms, row_of

_KEEP_AFTER_END_DAYS = 90


def found(connection: Connection, now_us: int) -> None:
    """Give a ledger that has no id one."""
    if connection.execute(select(ledgers.c.ledger_id)).first() is None:
        identity = {"ledger_id": secrets.token_hex(16), "generation": 0, "made_us": now_us}
        connection.execute(insert(ledgers), identity)


def identity(connection: Connection) -> LedgerIdentity:
    """Which ledger this is, and whether it holds no booking, no scanned room, and no worker ever started on it."""
    ledger_id, generation, has_bookings, has_rooms = connection.execute(
        select(
            ledgers.c.ledger_id,
            ledgers.c.generation,
            exists(select(bookings.c.booking_id)),
            exists(select(rooms.c.room)),
        )
    ).one()
    is_empty = not (has_bookings or has_rooms or generation)
    return LedgerIdentity(ledger_id=ledger_id, generation=generation, is_empty=is_empty)


def next_generation(connection: Connection) -> LedgerIdentity:
    """Count one more worker start."""
    connection.execute(update(ledgers).values(generation=ledgers.c.generation + 1))
    return identity(connection)


def forget_scans(connection: Connection, tenant: TenantName | None, room: RoomAddress | None) -> int:
    """Mark rooms unscanned; returns how many were scanned."""
    statement = delete(rooms)
    if tenant is not None:
        statement = statement.where(rooms.c.tenant == tenant)
    if room is not None:
        statement = statement.where(rooms.c.room == room)
    return connection.execute(statement).rowcount


def history(connection: Connection, now_us: int, tenant: TenantName | None, booking: BookingId) -> list[LedgerRow]:
    """Every row of a booking, room by room."""
    statement = select(bookings).where(bookings.c.booking_id == booking).order_by(bookings.c.tenant, bookings.c.room)
    if tenant is not None:
        statement = statement.where(bookings.c.tenant == tenant)
    return [row_of(record, now_us) for record in connection.execute(statement)]


def known_rooms(connection: Connection, tenant: TenantName | None) -> list[tuple[TenantName, RoomAddress]]:
    """Every room that has a row or was scanned."""
    of_rows, of_scans = select(bookings.c.tenant, bookings.c.room), select(rooms.c.tenant, rooms.c.room)
    if tenant is not None:
        of_rows, of_scans = of_rows.where(bookings.c.tenant == tenant), of_scans.where(rooms.c.tenant == tenant)
    found = connection.execute(union(of_rows, of_scans))
    return sorted((TenantName(of_tenant), RoomAddress(room)) for of_tenant, room in found)


def room_rows(connection: Connection, now_us: int, tenant: TenantName, room: RoomAddress) -> list[LedgerRow]:
    """Every row of a room."""
    statement = select(bookings).where(bookings.c.tenant == tenant, bookings.c.room == room)
    return [row_of(record, now_us) for record in connection.execute(statement)]


def counts(connection: Connection) -> dict[str, int]:
    """Rows by state, `claimed` whether the claim is live or has expired, scanned `rooms`."""
    by_state = select(bookings.c.state, func.count(), func.count(bookings.c.claim_token)).group_by(bookings.c.state)
    found = {state: (rows, claimed) for state, rows, claimed in connection.execute(by_state)}
    return {state.value: found.get(state.value, (0, 0))[0] for state in State} | {
        "claimed": sum(claimed for _, claimed in found.values()),
        "rooms": connection.execute(select(func.count()).select_from(rooms)).scalar_one(),
    }


def expire(connection: Connection, now_us: int, keep_days: int) -> int:
    """Delete what nothing can refer to any more; a tombstone that never saw an event counts as ended."""
    audit.expire(connection, now_us, keep_days)
    ended = or_(bookings.c.event_ends_us.is_(None), bookings.c.event_ends_us < now_us - _KEEP_AFTER_END_DAYS * DAY_US)
    old = bookings.c.recorded_us < now_us - keep_days * DAY_US
    return connection.execute(delete(bookings).where(bookings.c.claim_token.is_(None), old, ended)).rowcount
