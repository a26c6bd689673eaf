"""How long commits take is told, once for each transaction that writes."""

import asyncio
from pathlib import Path

from adapters.calendar import BookingId, RoomAddress, TenantName
from adapters.ledger import BookingKey
from adapters.sql import open_ledger

TENANT, ROOM = TenantName("acme"), RoomAddress("board@acme.example")


async def test_every_transaction_that_writes_tells_its_seconds_and_no_read_does(tmp_path: Path) -> None:
    told_s: list[float] = []
    ledger = await open_ledger(f"sqlite:///{tmp_path}/ledger.db", committed=told_s.append)
    try:
        await ledger.rows(TENANT, ROOM, [BookingId("B-1")])
        assert told_s == []
        for number in range(3):
            await ledger.bar([(BookingKey(tenant=TENANT, room=ROOM, booking_id=BookingId(f"B-{number}")), 1)])
    finally:
        await ledger.close()
    assert len(told_s) == 3
    assert min(told_s) >= 0


async def test_who_shares_a_transaction_shares_its_seconds(tmp_path: Path) -> None:
    told_s: list[float] = []
    ledger = await open_ledger(f"sqlite:///{tmp_path}/ledger.db", committed=told_s.append)
    try:
        keys = [BookingKey(tenant=TENANT, room=ROOM, booking_id=BookingId(f"B-{number}")) for number in range(200)]
        await asyncio.gather(*(ledger.bar([(key, 1)]) for key in keys))
    finally:
        await ledger.close()
    assert 1 <= len(told_s) < len(keys)
