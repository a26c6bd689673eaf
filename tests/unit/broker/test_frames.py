"""The broker's frames as aiormq gets them: large bodies let go, returned messages told by what was published."""

import asyncio
import struct
from typing import Any, cast

import pytest
from pamqp import commands as spec
from pamqp import frame
from pamqp.heartbeat import Heartbeat

from consumers.broker.frames import Frames, Header
from consumers.broker.headers import copy_of
from consumers.broker.parsing import Reader
from consumers.messages.violations import BadMessage
from consumers.policy import SyncPolicy
from consumers.settlement.settle import Settler
from tests.builders import Tenants, a_tenant
from tests.fake_broker import FakeMessage, FakeObserver, FakeSession
from tests.room_harness import VirtualTime


def framed(kind: int, payload: bytes) -> bytes:
    return struct.pack(">BHI", kind, 1, len(payload)) + payload + b"\xce"


def content(body: bytes, *, properties: bytes = b"\0\0", pieces: int = 1) -> bytes:
    size = -(-len(body) // pieces) or 1
    cut = [body[at : at + size] for at in range(0, len(body), size)]
    header = framed(2, struct.pack(">HHQ", 60, 0, len(body)) + properties)
    return header + b"".join(framed(3, each) for each in cut)


async def frames_of(stream: bytes, **options: Any) -> list[Any]:  # noqa: ANN401 - those of the class
    source = asyncio.StreamReader()
    source.feed_data(stream)
    source.feed_eof()
    return [each async for _, _, each in Frames(source, **options)]


async def test_a_body_that_is_too_large_is_counted_and_every_piece_of_it_is_a_sign_of_life() -> None:
    deliver = frame.marshal(spec.Basic.Deliver("c", 1, False, "", "key"), 1)
    seen = await frames_of(deliver + content(b"x" * 50_000, pieces=5), body_max_bytes=1000)
    (header,) = [each for each in seen if isinstance(each, Header)]
    assert (header.body_size, header.size_bytes, len(header.head)) == (0, 50_000, 4096)
    assert sum(isinstance(each, Heartbeat) for each in seen) == 5
    assert [type(each).__name__ for each in seen if not isinstance(each, Heartbeat)] == ["Deliver", "Header"]


@pytest.mark.parametrize("body", [b"", b"one", b"two"])
async def test_a_message_that_comes_back_is_told_by_what_was_published(body: bytes) -> None:
    published = {("x", "key", b""): "1", ("x", "key", b"one"): "2", ("x", "key", b"two"): "3"}

    def token_of(*called: Any) -> str | None:  # noqa: ANN401 - exchange, key and body
        return published.pop(cast("tuple[str, str, bytes]", called), None)

    method = frame.marshal(spec.Basic.Return(312, "NO_ROUTE", "x", "key"), 1)
    same_id = b"\x00\x80\x04same"
    expected = published["x", "key", body]
    seen = await frames_of(method + content(body, properties=same_id, pieces=2), token_of=token_of)
    returned, header = [each for each in seen if not isinstance(each, Heartbeat)]
    assert isinstance(returned, spec.Basic.Return)
    assert (header.properties.message_id, header.body_size) == (expected, 0)


async def test_what_broke_off_on_a_channel_is_no_part_of_what_comes_next() -> None:
    begun = frame.marshal(spec.Basic.Return(312, "NO_ROUTE", "x", "key"), 1)
    deliver = frame.marshal(spec.Basic.Deliver("c", 1, False, "", "key"), 1)
    seen = await frames_of(begun + deliver + content(b"{}"))
    assert [type(each).__name__ for each in seen] == ["Heartbeat", "Deliver", "Header", "ContentBody"]


async def test_what_was_not_kept_is_rejected_and_left_to_the_watch_to_report() -> None:
    session, time = FakeSession(), VirtualTime()
    settler = Settler(policy=SyncPolicy(), clocks=time.clocks(), observer=FakeObserver())
    message = FakeMessage(b"", session, not_kept_bytes=300_000)
    with pytest.raises(BadMessage, match="300000 bytes") as bad:
        Reader(Tenants(a_tenant()), time.clocks()).glance(cast(Any, message), cast(Any, session))
    await settler.park_unreadable(cast(Any, message), cast(Any, session), bad.value)
    assert session.kinds() == ["drop"]


async def test_a_command_comes_back_as_it_came_with_values_that_no_library_encodes() -> None:
    message = FakeMessage(b"{}", FakeSession(), headers={"site": b"B\xe2t"})
    copy = copy_of(cast(Any, message), attempts=1)
    assert copy.headers == {"site": b"B\xe2t", "x-roomsync-attempts": 1}
