"""What the server sees: how many requests, and what stands in them."""

import asyncio
import re
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from lxml import etree

from adapters.calendar import BookingId, Create, Done, ItemRef, Remove, RoomAddress, TenantName, Update
from adapters.errors import CalendarError, Transient
from adapters.ews.calendar import EwsCalendar
from adapters.ews.names import M
from adapters.ews.settings import BasicAuth, EwsSettings
from adapters.exchange.http import USER_AGENT
from adapters.simulator import ItemCode, Simulator
from tests.contract.calendar_harness import ALL_DAY, BOARD, a_create, a_mark, a_room_event, created
from tests.unit.ews.on_simulator import connected, running_simulator
from tests.unit.ews.raw_server import an_answer, raw_server, read_request


async def test_the_very_first_command_costs_one_request(simulator: Simulator, calendar: EwsCalendar) -> None:
    await created(calendar, a_create())
    assert dict(simulator.counts.requests) == {"CreateItem": 1}


async def test_each_command_costs_one_request(simulator: Simulator, calendar: EwsCalendar) -> None:
    (ref,) = await created(calendar, a_create())
    await calendar.apply(BOARD, [Update(mark=a_mark(version=2), ref=ref, event=a_room_event())])
    await calendar.find(BOARD, [BookingId("B-1001")])
    await calendar.apply(BOARD, [Remove(ref=ref)])
    await calendar.scan(BOARD)
    assert dict(simulator.counts.requests) == {"CreateItem": 1, "UpdateItem": 1, "DeleteItem": 1, "FindItem": 2}


async def test_every_request_names_its_room_and_its_sender(simulator: Simulator, calendar: EwsCalendar) -> None:
    (ref,) = await created(calendar, a_create())
    await calendar.scan(BOARD)
    await calendar.apply(BOARD, [Remove(ref=ref)])
    for request in simulator.requests:
        assert request.headers["X-AnchorMailbox"] == BOARD
        assert request.headers["User-Agent"].startswith("roomsync/")
        assert request.room == BOARD
    assert len(simulator.requests) == 3


def test_the_user_agent_is_the_name_and_the_version_and_nothing_that_changes_otherwise() -> None:
    assert re.fullmatch(r"roomsync/\d[\w.]*", USER_AGENT)


async def test_nobody_is_invited_reminded_or_told(simulator: Simulator, calendar: EwsCalendar) -> None:
    (ref,) = await created(calendar, a_create())
    await calendar.apply(BOARD, [Update(mark=a_mark(version=2), ref=ref, event=a_room_event())])
    (event,) = simulator.calendar(BOARD)
    assert (event.attendees, event.is_meeting, event.reminder_set) == ((), False, False)
    await calendar.apply(BOARD, [Remove(ref=ref)])
    roots = [etree.fromstring(request.body) for request in simulator.requests]
    requests = [next(iter(root[1])) for root in roots]
    assert requests[0].get("SendMeetingInvitations") == "SendToNone"
    assert requests[1].get("SendMeetingInvitationsOrCancellations") == "SendToNone"
    assert requests[1].get("ConflictResolution") == "AlwaysOverwrite"
    assert requests[2].get("SendMeetingCancellations") == "SendToNone"
    assert requests[2].get("DeleteType") == "MoveToDeletedItems"


async def test_an_update_leaves_what_is_not_ours(simulator: Simulator, calendar: EwsCalendar) -> None:
    (ref,) = await created(calendar, a_create())
    simulator.outlook.edit(BOARD, ref.item_id, importance="High", reminder_set=True)
    await calendar.apply(BOARD, [Update(mark=a_mark(version=2), ref=ref, event=a_room_event())])
    (event,) = simulator.calendar(BOARD)
    assert (event.importance, event.reminder_set) == ("High", True)


async def test_an_update_needs_no_fresh_change_key(simulator: Simulator, calendar: EwsCalendar) -> None:
    (ref,) = await created(calendar, a_create())
    update = Update(mark=a_mark(), ref=ItemRef(item_id=ref.item_id, change_key="AAAA"), event=a_room_event())
    assert [type(outcome) for outcome in await calendar.apply(BOARD, [update])] == [Done]


async def test_an_update_puts_a_lost_mark_back(simulator: Simulator, calendar: EwsCalendar) -> None:
    (ref,) = await created(calendar, a_create())
    simulator.outlook.edit(BOARD, ref.item_id, properties={})
    await calendar.apply(BOARD, [Update(mark=a_mark(version=2), ref=ref, event=a_room_event())])
    assert [(event.booking, event.version) for event in simulator.calendar(BOARD)] == [("acme/B-1001", "2")]


async def test_zones_are_named_as_exchange_names_them(simulator: Simulator, calendar: EwsCalendar) -> None:
    await calendar.apply(BOARD, [a_create("a", time_zone="Asia/Kolkata"), a_create("b", time_zone="Asia/Calcutta")])
    zones = {(event.start_zone, event.end_zone) for event in simulator.calendar(BOARD)}
    assert zones == {("India Standard Time", "India Standard Time")}


async def test_a_zone_without_a_windows_name_is_written_as_utc_with_a_warning(
    simulator: Simulator, calendar: EwsCalendar
) -> None:
    (outcome,) = await calendar.apply(BOARD, [a_create(time_zone="Moon/Tranquility")])
    assert isinstance(outcome, Done)
    assert outcome.warnings == ("time_zone_as_utc",)
    (event,) = simulator.calendar(BOARD)
    assert (event.start_zone, event.start) == ("UTC", a_room_event().starts_at)


async def test_an_all_day_event_in_such_a_zone_keeps_its_instants(simulator: Simulator, calendar: EwsCalendar) -> None:
    starts_at, ends_at = datetime(2026, 12, 1, 5, tzinfo=UTC), datetime(2026, 12, 2, 5, tzinfo=UTC)
    odd = a_room_event(starts_at=starts_at, ends_at=ends_at, all_day=True, time_zone="Moon/Tranquility")
    await created(calendar, Create(mark=a_mark(), event=odd))
    (event,) = simulator.calendar(BOARD)
    assert (event.start, event.end, event.all_day) == (starts_at, ends_at, False)


async def test_a_zone_that_this_server_refuses_is_written_as_utc_the_next_time(simulator: Simulator) -> None:
    async with connected(simulator) as calendar:
        simulator.faults.next(ItemCode(0, "ErrorTimeZone"))
        first = await calendar.apply(BOARD, [a_create("a"), a_create("b")])
        assert [type(outcome) for outcome in first] == [Transient, Done]
        (second,) = await calendar.apply(BOARD, [a_create("a")])
        assert isinstance(second, Done)
        assert second.warnings == ("time_zone_as_utc",)


async def test_an_all_day_event_covers_whole_days_of_its_zone(simulator: Simulator, calendar: EwsCalendar) -> None:
    await created(calendar, Create(mark=a_mark(), event=ALL_DAY))
    (event,) = simulator.calendar(BOARD)
    assert (event.start, event.end, event.all_day) == (ALL_DAY.starts_at, ALL_DAY.ends_at, True)


async def test_another_tenants_marks_are_not_ours(simulator: Simulator, calendar: EwsCalendar) -> None:
    async with connected(simulator, tenant=TenantName("ACME")) as other:
        await created(other, a_create("B-1"))
    await created(calendar, a_create("B-2"))
    assert [event.mark.booking_id for event in (await calendar.scan(BOARD)).events] == ["B-2"]
    assert await calendar.find(BOARD, [BookingId("B-1")]) == []


async def test_a_mark_whose_version_was_spoilt_is_the_oldest_and_not_overlooked(
    simulator: Simulator, calendar: EwsCalendar
) -> None:
    (ref,) = await created(calendar, a_create(version=5))
    (event,) = simulator.calendar(BOARD)
    spoilt = {key: "acme/B-1001" if "booking" in key.name else "five" for key in event.properties}
    simulator.outlook.edit(BOARD, ref.item_id, properties=spoilt)
    assert [found.mark for found in await calendar.find(BOARD, [BookingId("B-1001")])] == [a_mark(version=0)]


async def test_many_rooms_share_connections_up_to_the_ceiling(simulator: Simulator) -> None:
    rooms = [RoomAddress(f"room{number}@acme.example") for number in range(30)]
    async with connected(simulator, concurrency=3) as calendar:
        outcomes = await asyncio.gather(*(calendar.apply(room, [a_create()]) for room in rooms))
    assert all(isinstance(outcome, Done) for (outcome,) in outcomes)
    assert simulator.counts.peak_total <= 3


async def test_what_is_said_keeps_to_the_schema(shared: Path) -> None:
    messages = etree.XMLSchema(file=str(shared / "xsd" / "messages.xsd"))
    async with running_simulator() as simulator, connected(simulator) as calendar:
        (ref,) = await created(calendar, a_create())
        await calendar.apply(BOARD, [Update(mark=a_mark(version=2), ref=ref, event=ALL_DAY), Remove(ref=ref)])
        await calendar.find(BOARD, [BookingId("a"), BookingId("b")])
        await calendar.scan(BOARD)
        await created(calendar, a_create())
        await calendar.read(BOARD, [])
        for request in simulator.requests:
            content = etree.fromstring(request.body)[1][0]
            assert content.tag.startswith(M)
            messages.assertValid(etree.ElementTree(content))


async def test_a_basic_request_goes_out_byte_for_byte_as_a_session_of_exchangelibs_would_send_it() -> None:
    """Rules of firewalls and of Exchange's allow list were written for these bytes."""
    requests: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await read_request(reader))
        writer.write(an_answer("503 Service Unavailable"))

    async with raw_server(answer) as url:
        calendar = EwsCalendar(a_tenant_at(url))
        with pytest.raises(CalendarError):
            await calendar.scan(BOARD)
        await calendar.close()
    head, _, body = requests[0].partition(b"\r\n\r\n")
    assert head.decode() == "\r\n".join(
        [
            "POST /EWS/Exchange.asmx HTTP/1.1",
            f"Host: {urlsplit(url).netloc}",
            f"User-Agent: {USER_AGENT}",
            "Accept-Encoding: gzip, deflate",
            "Accept: */*",
            "Connection: keep-alive",
            "Content-Type: text/xml; charset=utf-8",
            "Authorization: Basic c3ZjQGFjbWUuZXhhbXBsZTpodW50ZXIy",
            "X-AnchorMailbox: board@acme.example",
            f"Content-Length: {len(body)}",
        ]
    )


def a_tenant_at(url: str) -> EwsSettings:
    return EwsSettings(
        tenant=TenantName("acme"),
        service_url=url,
        access="impersonation",
        auth=BasicAuth(username="svc@acme.example", password="hunter2"),
        ca_file=None,
        request_timeout_s=10,
        concurrency=4,
    )
