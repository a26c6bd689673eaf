"""What passes through a worker on a real broker comes back byte for byte, whatever its publisher wrote into it."""

import asyncio
import struct

import pytest

from adapters.errors import Throttled
from tests.bare_publisher import BareClient, Lying
from tests.builders import a_body
from tests.consumer_harness import ConsumerHarness
from tests.poison import MICROSECONDS, ROOM, Poison, headers, is_copy_of, short, text

pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]

SITE = (b"site", text(b"B\xe2t"))
ODD = {
    "a header that is no text": headers(SITE),
    "a time in microseconds": b"\x00\x40" + MICROSECONDS,
    "an id in Latin-1": b"\x00\x80" + short(b"r\xe9f"),
    "neither id nor anything else": b"\0\0",
    "numbers of every width": headers((b"n", b"b\xff"), (b"n", b"l" + b"\xff" * 8), (b"n", b"I" + bytes(4))),
    "an empty table": b"\x20\x00" + bytes(4),
}  # fmt: skip


async def lying_in(harness: ConsumerHarness, queue: str) -> Lying:
    """The first message of a queue, once there is one."""
    async with BareClient.connected(harness.url) as bare, asyncio.timeout(30):
        # Nothing reports it.
        while (message := await bare.get(queue)) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        return message


@pytest.mark.parametrize("properties", ODD.values(), ids=ODD.keys())
async def test_a_command_is_deferred_byte_for_byte(harness: ConsumerHarness, properties: bytes) -> None:
    harness.calendar.fail_next(Throttled(retry_after_s=600), times=50)
    poison = Poison(booking="B-odd", body=a_body(booking_id="B-odd", room=ROOM), properties=properties)
    async with BareClient.connected(harness.url) as bare:
        await bare.publish(harness.names.commands, poison.routing_key, poison.body, poison.properties)
    lying = await lying_in(harness, harness.names.deferred(300))
    assert is_copy_of(lying, poison), lying
    assert b"x-roomsync-first-seen-at" in lying.properties


async def test_an_unroutable_copy_is_noticed_though_it_has_no_id(harness: ConsumerHarness) -> None:
    harness.calendar.fail_next(Throttled(retry_after_s=600), times=50)
    lost_session = harness.intake.session
    assert lost_session is not None
    await harness.channel.queue_delete(harness.names.deferred(300))
    async with BareClient.connected(harness.url) as bare:
        await bare.publish(harness.names.commands, ROOM.encode(), a_body(booking_id="B-bare", room=ROOM))
    await harness.until(lambda: lost_session.is_lost, "the session to be given up", 30)
    await harness.until(lambda: harness.intake.session not in (None, lost_session), "another session")
    await harness.until_ready()
    # It has declared the queue again, and what was given back is deferred there.
    assert (await lying_in(harness, harness.names.deferred(300))).body == a_body(booking_id="B-bare", room=ROOM)


async def test_a_message_of_the_ledger_that_nobody_can_decode_ends_no_session(harness: ConsumerHarness) -> None:
    session = harness.intake.session
    assert session is not None
    kept = await session.peek_ledger()
    assert kept is not None
    async with BareClient.connected(harness.url) as bare:
        await bare.publish(
            "", harness.names.ledger.encode(), kept, b"\x00\xc0" + short(b"r\xe9f") + struct.pack(">Q", 2**63)
        )
    assert await session.peek_ledger() == kept
    assert not session.is_lost
