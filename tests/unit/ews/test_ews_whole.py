"""Reading a room's whole calendar: what it costs, and what a server may answer."""

from dataclasses import dataclass, replace

import pytest

from adapters.calendar import EventBody, TenantName
from adapters.errors import Refused, Transient
from adapters.ews.calendar import EwsCalendar
from adapters.simulator import ItemCode, Simulator
from adapters.simulator.troubles import Answer, Call
from tests.contract.calendar_harness import ALL_DAY, BOARD, a_create, a_room_event, created
from tests.unit.ews.on_simulator import connected


async def test_only_bodies_of_events_that_changed_are_read_and_ten_at_once(
    simulator: Simulator, calendar: EwsCalendar
) -> None:
    refs = await created(calendar, *(a_create(f"B-{number}") for number in range(30)))
    for ref in refs[:11]:
        simulator.outlook.edit(BOARD, ref.item_id, body="Bring a pen")
    before = simulator.counts.requests.copy()
    reading = await calendar.read(BOARD, refs)
    assert simulator.counts.requests - before == {"FindItem": 1, "GetItem": 2}
    assert [read.members.body for read in reading.events].count("Bring a pen") == 11
    assert [read.members.body for read in reading.events].count(None) == 19


async def test_a_body_that_people_turned_into_html_is_read_as_text(simulator: Simulator, calendar: EwsCalendar) -> None:
    (ref,) = await created(calendar, a_create(body=EventBody(content="Bring a pen")))
    simulator.outlook.edit(BOARD, ref.item_id, body="<p>Bring <b>two</b> pens</p>", body_type="HTML")
    (read,) = (await calendar.read(BOARD, [])).events
    assert read.members.body == "Bring two pens"


async def test_an_event_that_goes_between_the_requests_has_no_body(simulator: Simulator, calendar: EwsCalendar) -> None:
    await created(calendar, a_create("a"), a_create("b"))
    simulator.faults.next(ItemCode(0, "ErrorItemNotFound"), operation="GetItem")
    assert [read.members.body for read in (await calendar.read(BOARD, [])).events] == [None, ""]


@pytest.mark.parametrize(
    ("operation", "code", "kind"),
    [
        ("FindItem", "ErrorMailboxStoreUnavailable", Transient),
        ("GetItem", "ErrorMailboxStoreUnavailable", Transient),
        ("FindItem", "ErrorAccessDenied", Refused),
        ("GetItem", "ErrorAccessDenied", Refused),
    ],
)
async def test_trouble_with_either_request_fails_the_reading(
    simulator: Simulator, calendar: EwsCalendar, operation: str, code: str, kind: type[Exception]
) -> None:
    await created(calendar, a_create())
    simulator.faults.next(ItemCode(0, code), operation=operation)
    with pytest.raises(kind):
        await calendar.read(BOARD, [])


async def test_a_long_calendar_is_read_page_after_page(simulator: Simulator, calendar: EwsCalendar) -> None:
    simulator.limits.find_page = 7
    refs = await created(calendar, *(a_create(f"B-{number}") for number in range(20)))
    assert len((await calendar.read(BOARD, refs)).events) == 20
    assert simulator.counts.requests["FindItem"] == 3


async def test_events_of_another_tenant_in_the_same_room_are_foreign(
    simulator: Simulator, calendar: EwsCalendar
) -> None:
    (ref,) = await created(calendar, a_create())
    async with connected(simulator, tenant=TenantName("other")) as other:
        reading = await other.read(BOARD, [])
    assert (reading.events, [each.item_id for each in reading.foreign]) == ((), [ref.item_id])


async def test_an_event_that_was_written_in_utc_for_want_of_its_zone_is_kept_so(calendar: EwsCalendar) -> None:
    event = a_room_event(
        starts_at=ALL_DAY.starts_at, ends_at=ALL_DAY.ends_at, all_day=True, time_zone="Moon/Tranquility"
    )
    await created(
        calendar, a_create(starts_at=event.starts_at, ends_at=event.ends_at, all_day=True, time_zone=event.time_zone)
    )
    (read,) = (await calendar.read(BOARD, [])).events
    assert (read.members.time_zone, read.members.all_day) == (None, False)
    assert calendar.as_stored(event).starts_at == read.members.starts_at
    assert not calendar.as_stored(event).all_day


async def test_words_that_we_have_no_name_for_stay_exchanges(simulator: Simulator, calendar: EwsCalendar) -> None:
    (ref,) = await created(calendar, a_create())
    simulator.outlook.edit(BOARD, ref.item_id, show_as="WorkingElsewhere", sensitivity="Confidential")
    (read,) = (await calendar.read(BOARD, [])).events
    assert (read.members.show_as, read.members.sensitivity) == ("WorkingElsewhere", "Confidential")


async def test_a_control_character_in_anybodys_event_keeps_no_room_from_being_read(
    simulator: Simulator, calendar: EwsCalendar
) -> None:
    await created(calendar, a_create())
    # As Exchange sends it: the character that people pasted, as a reference.
    simulator.faults.next(SentAsIs(b"Design review", b"Design&#x1; review"))
    (read,) = (await calendar.read(BOARD, [])).events
    assert read.members.subject == "Design review"


@dataclass(frozen=True)
class SentAsIs:
    """The answer with other bytes for some of its own."""

    before: bytes
    after: bytes

    async def play(self, call: Call) -> Answer:
        whole = call.apply()
        return replace(whole, body=whole.body.replace(self.before, self.after))
