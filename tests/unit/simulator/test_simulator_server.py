"""The simulator as a server: TLS with its own authority, loopback only, restarts, and what the directory tells."""

import asyncio
import stat
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import aiohttp
import pytest
from exchangelib import CalendarItem, EWSTimeZone, ExtendedProperty
from tzlocal.windows_tz import win_tz

from adapters.simulator import LoseReply, Simulator, zones
from tests.unit.simulator.conftest import StartSimulator
from tests.unit.simulator.exchangelib_client import account_of
from tests.unit.simulator.soap_client import ACCOUNT, PASSWORD, ROOM, SET, SoapClient, an_item, find_item

Connect = Callable[[Simulator], SoapClient]


class Booking(ExtendedProperty):  # type: ignore[misc]  # exchangelib is not typed
    property_set_id = SET
    property_name = "roomsync.booking"
    property_type = "String"


async def test_the_server_is_trusted_through_its_authority_only(simulator: Simulator) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await session.post(simulator.url)


async def test_an_authority_with_a_directory_survives_a_restart(
    start_simulator: StartSimulator, tmp_path: Path
) -> None:
    first = await start_simulator(ca_directory=tmp_path)
    authority = first.ca_file.read_bytes()
    await first.stop()
    second = await start_simulator(ca_directory=tmp_path)
    assert second.ca_file.read_bytes() == authority
    soap = SoapClient(second.url, first.ca_file)
    assert (await soap.post(find_item())).status == 200
    await soap.close()
    assert stat.S_IMODE((tmp_path / "ca-key.pem").stat().st_mode) == 0o600


async def test_an_authority_without_one_leaves_nothing_behind() -> None:
    simulator = Simulator({ACCOUNT: PASSWORD})
    await simulator.start()
    folder = simulator.ca_file.parent
    assert folder.is_dir()
    await simulator.stop()
    assert not folder.exists()


async def test_a_restart_keeps_the_port_and_the_mailboxes(
    start_simulator: StartSimulator, tmp_path: Path, connect: Connect
) -> None:
    simulator = await start_simulator(ca_directory=tmp_path)
    url = simulator.url
    await connect(simulator).create(an_item(booking="acme/B-1"))
    await simulator.stop()
    with pytest.raises(aiohttp.ClientConnectorError):
        await connect(simulator).post(find_item())
    await simulator.start()
    assert simulator.url == url
    assert (await connect(simulator).post(find_item())).texts("t:ExtendedProperty/t:Value") == ["acme/B-1"]


async def test_plain_http_is_there_for_tests(start_simulator: StartSimulator, connect: Connect) -> None:
    simulator = await start_simulator(tls=False)
    assert simulator.url.startswith("http://127.0.0.1:")
    assert (await connect(simulator).post(find_item())).status == 200


@pytest.mark.parametrize("bind", ["0.0.0.0", "192.0.2.1", "example.org", "::"])  # noqa: S104  # refused
def test_only_loopback_is_bound_unless_that_is_meant(bind: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        Simulator({ACCOUNT: PASSWORD}, bind=bind)
    Simulator({ACCOUNT: PASSWORD}, bind=bind, allow_remote=True)


async def test_the_path_is_compared_without_case(simulator: Simulator, connect: Connect) -> None:
    lower = SoapClient(simulator.url.replace("/EWS/Exchange.asmx", "/ews/exchange.ASMX"), simulator.ca_file)
    assert (await lower.post(find_item())).status == 200
    await lower.close()


async def test_exchangelib_keeps_a_booking_from_first_to_last(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    zone = EWSTimeZone("Europe/Brussels")
    start = datetime(2026, 12, 1, 9, tzinfo=zone)

    def life() -> None:
        event = CalendarItem(
            account=account, folder=account.calendar, subject="Planning", start=start, end=start + timedelta(hours=1)
        )
        event.booking = "acme/B-1"
        event.save(send_meeting_invitations="SendToNone")
        (found,) = account.calendar.filter(booking="ACME/b-1")
        assert (found.id, found.booking, found.start) == (event.id, "acme/B-1", start)
        found.subject = "Changed"
        found.save(update_fields=["subject"], send_meeting_invitations="SendToNone")
        (seen,) = account.calendar.view(start=start, end=start + timedelta(hours=1))
        assert (seen.subject, str(seen._start_timezone)) == ("Changed", "Europe/Paris")
        seen.move_to_trash(send_meeting_cancellations="SendToNone")
        assert [one.booking for one in account.trash.all().only("booking")] == ["acme/B-1"]
        assert list(account.calendar.all()) == []

    CalendarItem.register("booking", Booking)
    try:
        with account_of(simulator, monkeypatch) as account:
            await asyncio.to_thread(life)
    finally:
        CalendarItem.deregister("booking")
    assert [event.booking for event in simulator.deleted_items(ROOM)] == ["acme/B-1"]


async def test_exchangelib_takes_the_servers_version_without_guessing_on(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    with account_of(simulator, monkeypatch) as account:
        version = await asyncio.to_thread(lambda: account.protocol.version)
    assert (version.build.major_version, version.build.minor_version, version.api_version) == (15, 1, "Exchange2016")


async def test_exchangelib_notices_a_lost_reply(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    with account_of(simulator, monkeypatch) as account:
        folder = await asyncio.to_thread(lambda: account.calendar)
        simulator.faults.next(LoseReply())
        with pytest.raises(Exception, match="Connection"):
            await asyncio.to_thread(folder.refresh)


async def test_rooms_come_in_lists_of_at_most_a_hundred(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    rooms = [f"room-{n:03}@acme.example" for n in range(120)]
    simulator.directory.add_room_list("Building 32", "b32@acme.example", rooms)
    with account_of(simulator, monkeypatch) as account:
        (listed,) = await asyncio.to_thread(lambda: list(account.protocol.get_roomlists()))
        found = await asyncio.to_thread(lambda: list(account.protocol.get_rooms(listed.email_address)))
        with pytest.raises(Exception, match="No results"):
            await asyncio.to_thread(lambda: list(account.protocol.get_rooms("nothing@acme.example")))
    assert (listed.name, listed.email_address) == ("Building 32", "b32@acme.example")
    assert [room.email_address for room in found] == rooms[:100]


async def test_names_are_resolved_to_one_mailbox_several_or_none(
    start_simulator: StartSimulator, connect: Connect
) -> None:
    soap = connect(await start_simulator(rooms=["board@acme.example", "boiler@acme.example", "annex@acme.example"]))

    async def resolved(entry: str) -> tuple[list[str], list[str]]:
        operation = (
            '<m:ResolveNames ReturnFullContactData="false"><m:UnresolvedEntry>%s</m:UnresolvedEntry></m:ResolveNames>'
        )
        reply = await soap.post(operation % entry, room=None)
        return reply.codes, reply.texts("t:Resolution/t:Mailbox/t:EmailAddress")

    assert await resolved("ann") == (["NoError"], ["annex@acme.example"])
    assert await resolved("Annex@acme.example") == (["NoError"], ["annex@acme.example"])
    several = (["ErrorNameResolutionMultipleResults"], ["board@acme.example", "boiler@acme.example"])
    assert await resolved("bo") == several
    assert await resolved("zzz") == (["ErrorNameResolutionNoResults"], [])
    assert await resolved("zzz@acme.example") == (["ErrorNameResolutionNoResults"], [])


async def test_the_servers_zones_come_with_their_rules(simulator: Simulator, soap: SoapClient) -> None:
    named = (
        '<m:GetServerTimeZones ReturnFullTimeZoneData="true"><m:Ids><t:Id>Romance Standard Time</t:Id>'
        "<t:Id>Tokyo Standard Time</t:Id><t:Id>Mars Standard Time</t:Id></m:Ids></m:GetServerTimeZones>"
    )
    reply = await soap.post(named, room=None)
    romance, tokyo = reply.all("t:TimeZoneDefinition")
    assert [period.get("Bias") for period in romance.iter("{*}Period")] == ["-PT1H0M", "-PT2H0M"]
    assert [period.get("Bias") for period in tokyo.iter("{*}Period")] == ["-PT9H0M"]
    assert [
        (
            change.findtext("{*}To"),
            change.findtext("{*}TimeOffset"),
            change.findtext("{*}Month"),
            change.findtext("{*}Occurrence"),
        )
        for change in romance.iter("{*}RecurringDayTransition")
    ] == [("dlt", "PT2H0M", "3", "-1"), ("std", "PT3H0M", "10", "-1")]


async def test_all_zones_are_named(soap: SoapClient) -> None:
    reply = await soap.post("<m:GetServerTimeZones/>", room=None)
    assert len(reply.all("t:TimeZoneDefinition")) == len(zones.WINDOWS_IDS) > 130


@pytest.mark.parametrize("windows_id", zones.WINDOWS_IDS)
def test_zones_are_those_that_an_independent_table_names(windows_id: str) -> None:
    ours = zones.zone(windows_id)
    theirs = ZoneInfo(win_tz[windows_id])
    at = datetime(2026, 7, 1, 12)  # noqa: DTZ001  # a wall-clock time, the same in both
    assert at.replace(tzinfo=ours).utcoffset() == at.replace(tzinfo=theirs).utcoffset()
