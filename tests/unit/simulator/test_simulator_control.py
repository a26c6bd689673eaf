"""The simulator's own routes, for other processes and for people with a browser; and what people do in Outlook."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ssl import create_default_context

import aiohttp
import pytest

from adapters.simulator import Simulator
from adapters.simulator.outlook import NoSuchItem
from tests.unit.simulator.conftest import StartSimulator
from tests.unit.simulator.soap_client import ROOM, SoapClient, an_item, field, get_item, item_id, update_item

AT = datetime(2026, 12, 1, 9, tzinfo=UTC)


@pytest.fixture
async def web(simulator: Simulator) -> AsyncIterator[aiohttp.ClientSession]:
    context = create_default_context(cafile=str(simulator.ca_file))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
        yield session


async def test_rooms_and_their_calendars_are_shown_to_machines(
    simulator: Simulator, soap: SoapClient, web: aiohttp.ClientSession
) -> None:
    await soap.create(an_item(booking="acme/B-1", subject="Planning"))
    async with web.get(f"{simulator.control_url}/rooms") as response:
        assert await response.json() == [{"room": ROOM, "events": 1}]
    async with web.get(f"{simulator.control_url}/rooms/{ROOM}") as response:
        shown = await response.json()
    assert [(event["booking"], event["start"]) for event in shown["calendar"]] == [
        ("acme/B-1", "2026-12-01T09:00:00+00:00")
    ]
    assert shown["deleted_items"] == []


async def test_rooms_and_their_calendars_are_shown_to_people(
    simulator: Simulator, soap: SoapClient, web: aiohttp.ClientSession
) -> None:
    await soap.create(an_item(booking="acme/B-1", subject="<b>Planning</b>"))
    html = {"Accept": "text/html"}
    async with web.get(f"{simulator.control_url}/rooms", headers=html) as response:
        assert f'href="/simulator/rooms/{ROOM}"' in await response.text()
    async with web.get(f"{simulator.control_url}/rooms/{ROOM}", headers=html) as response:
        page = await response.text()
    assert "&lt;b&gt;Planning&lt;/b&gt;" in page
    assert "acme/B-1" in page


async def test_a_room_that_does_not_exist_is_not_shown(simulator: Simulator, web: aiohttp.ClientSession) -> None:
    async with web.get(f"{simulator.control_url}/rooms/board@other.example") as response:
        assert response.status == 404


async def test_rooms_that_were_named_are_listed_before_anybody_books_them(start_simulator: StartSimulator) -> None:
    simulator = await start_simulator(rooms=["board@acme.example", "annex@acme.example"], tls=False)
    async with aiohttp.ClientSession() as session, session.get(f"{simulator.control_url}/rooms") as response:
        listed = await response.json()
    assert listed == [{"room": "annex@acme.example", "events": 0}, {"room": "board@acme.example", "events": 0}]


async def test_counts_are_shown(simulator: Simulator, soap: SoapClient, web: aiohttp.ClientSession) -> None:
    await soap.create(an_item())
    async with web.get(f"{simulator.control_url}/counts") as response:
        counts = await response.json()
    assert counts["requests"] == {"CreateItem": 1}
    assert counts["by_room"] == {f"{ROOM} CreateItem": 1}


async def test_trouble_is_scripted_and_cleared_from_outside(
    simulator: Simulator, soap: SoapClient, web: aiohttp.ClientSession
) -> None:
    script = {
        "fault": "Throttle",
        "arguments": {"back_off_ms": 10},
        "room": ROOM,
        "operation": "CreateItem",
        "times": 2,
    }
    async with web.post(f"{simulator.control_url}/faults", json=script) as response:
        assert await response.json() == {"pending": 2}
    assert (await soap.create(an_item())).fault == "ErrorServerBusy"
    async with web.delete(f"{simulator.control_url}/faults") as response:
        assert await response.json() == {"pending": 0}
    assert (await soap.create(an_item())).status == 200


async def test_a_share_of_trouble_is_set_from_outside(
    simulator: Simulator, soap: SoapClient, web: aiohttp.ClientSession
) -> None:
    share = {"rate": 1.0, "seed": 1, "kinds": [{"fault": "RequestCode", "arguments": {"code": "ErrorADUnavailable"}}]}
    async with web.post(f"{simulator.control_url}/faults", json=share) as response:
        assert response.status == 200
    assert (await soap.create(an_item())).fault == "ErrorADUnavailable"


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("faults", b"no json"),
        ("faults", b"[]"),
        ("faults", b'{"fault": "Earthquake"}'),
        ("faults", b'{"fault": "Throttle", "arguments": {"magnitude": 9}}'),
        ("outlook", b'{"action": "edit", "room": "board@acme.example", "item_id": "x"}'),
        ("outlook", b'{"action": "create", "room": "board@acme.example"}'),
        (
            "outlook",
            b'{"action": "create", "room": "r@acme.example", "fields": '
            b'{"subject": "no offset", "start": "2026-01-01T00:00:00", "end": "2026-01-01T00:00:00"}}',
        ),
    ],
)
async def test_nonsense_from_outside_is_a_bad_request(
    route: str, body: bytes, simulator: Simulator, web: aiohttp.ClientSession
) -> None:
    async with web.post(f"{simulator.control_url}/{route}", data=body) as response:
        assert response.status == 400
        assert "error" in await response.json()


async def test_people_act_from_outside(simulator: Simulator, web: aiohttp.ClientSession) -> None:
    made = {
        "action": "create",
        "room": ROOM,
        "fields": {"subject": "By hand", "start": "2026-12-01T09:00:00+01:00", "end": "2026-12-01T10:00:00+01:00"},
    }
    async with web.post(f"{simulator.control_url}/outlook", json=made) as response:
        event = await response.json()
    changed = {"action": "edit", "room": ROOM, "item_id": event["item_id"], "fields": {"subject": "Changed"}}
    async with web.post(f"{simulator.control_url}/outlook", json=changed) as response:
        assert (await response.json())["subject"] == "Changed"
    (event_now,) = simulator.calendar(ROOM)
    assert event_now.start == datetime(2026, 12, 1, 8, tzinfo=UTC)


async def test_an_edit_in_outlook_keeps_the_id_and_the_mark_and_changes_the_key(
    simulator: Simulator, soap: SoapClient
) -> None:
    created = await soap.create(an_item(booking="acme/B-1"))
    edited = simulator.outlook.edit(ROOM, created.ids[0], subject="Edited", start=AT - timedelta(hours=1))
    assert (edited.item_id, edited.booking, edited.subject) == (created.ids[0], "acme/B-1", "Edited")
    assert edited.change_key != created.change_keys[0]
    assert (await soap.post(get_item(created.ids[0]))).texts("t:Start") == ["2026-12-01T08:00:00Z"]


async def test_deleting_and_restoring_in_outlook_gives_new_ids_each_time(
    simulator: Simulator, soap: SoapClient
) -> None:
    created = await soap.create(an_item(booking="acme/B-1"))
    deleted = simulator.outlook.delete(ROOM, created.ids[0])
    restored = simulator.outlook.restore(ROOM, deleted.item_id)
    assert len({created.ids[0], deleted.item_id, restored.item_id}) == 3
    assert [event.booking for event in simulator.calendar(ROOM)] == ["acme/B-1"]
    assert simulator.deleted_items(ROOM) == []


async def test_a_copy_in_outlook_carries_the_mark(simulator: Simulator, soap: SoapClient) -> None:
    created = await soap.create(an_item(booking="acme/B-1"))
    copy = simulator.outlook.copy(ROOM, created.ids[0])
    assert copy.item_id != created.ids[0]
    assert [event.booking for event in simulator.calendar(ROOM)] == ["acme/B-1", "acme/B-1"]


async def test_an_event_made_in_outlook_carries_no_mark(simulator: Simulator) -> None:
    event = simulator.outlook.create(ROOM, subject="Lunch", start=AT, end=AT + timedelta(hours=1), location="Canteen")
    assert (event.booking, event.version, event.location) == (None, None, "Canteen")


async def test_people_cannot_touch_what_is_not_in_the_room(simulator: Simulator, soap: SoapClient) -> None:
    created = await soap.create(an_item())
    with pytest.raises(NoSuchItem):
        simulator.outlook.edit("other@acme.example", created.ids[0], subject="x")
    with pytest.raises(TypeError, match="colour"):
        simulator.outlook.edit(ROOM, created.ids[0], colour="red")


async def test_a_series_that_people_made_is_a_master_until_a_client_deletes_its_recurrence(
    simulator: Simulator, soap: SoapClient
) -> None:
    created = await soap.create(an_item(booking="acme/B-1"), an_item(booking="acme/B-2"))
    assert simulator.outlook.repeat(ROOM, created.ids[0], times=4).is_recurring
    asked = await soap.post(get_item(*created.ids))
    assert asked.texts("t:CalendarItemType") == ["RecurringMaster", "Single"]
    assert asked.texts("t:NumberOfOccurrences") == ["4"]
    gone = f"<t:DeleteItemField>{field('calendar:Recurrence')}</t:DeleteItemField>"
    updated = await soap.post(update_item(*((item_id(each), gone) for each in created.ids)))
    assert updated.codes == ["NoError", "NoError"]
    assert [event.is_recurring for event in simulator.calendar(ROOM)] == [False, False]


async def test_people_make_a_series_from_outside(
    simulator: Simulator, soap: SoapClient, web: aiohttp.ClientSession
) -> None:
    (created,) = (await soap.create(an_item())).ids
    wanted = {"action": "repeat", "room": ROOM, "item_id": created, "fields": {"times": 3}}
    async with web.post(f"{simulator.control_url}/outlook", json=wanted) as response:
        assert (await response.json())["is_recurring"]
