"""An EWS calendar with the simulator behind it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from adapters.calendar import BookingId, EventBody, Mark, RoomAddress, RoomEvent, TenantName
from adapters.ews.calendar import EwsCalendar
from adapters.ews.settings import BasicAuth, EwsSettings
from adapters.simulator import LoseReply, SimEvent, Simulator, Throttle
from tests.contract.calendar_harness import Seen, a_room_event

ACCOUNT = "svc-rooms@acme.example"
PASSWORD = "correct horse"


def settings_for(simulator: Simulator, **changes: object) -> EwsSettings:
    """How tenant `acme` reaches the simulator; the test names what is different."""
    settings = EwsSettings(
        tenant=TenantName("acme"),
        service_url=simulator.url,
        access="impersonation",
        auth=BasicAuth(username=ACCOUNT, password=PASSWORD),
        ca_file=simulator.ca_file if simulator.url.startswith("https") else None,
        request_timeout_s=10,
        concurrency=4,
    )
    return replace(settings, **changes)  # type: ignore[arg-type]  # a builder takes any


@asynccontextmanager
async def running_simulator(**options: object) -> AsyncIterator[Simulator]:
    """A simulator with one account; recording, so that every test can look at what was said."""
    simulator = Simulator(**({"accounts": {ACCOUNT: PASSWORD}, "record": True} | options))  # type: ignore[arg-type]  # a builder takes any
    await simulator.start()
    try:
        yield simulator
    finally:
        await simulator.stop()


@asynccontextmanager
async def connected(simulator: Simulator, **changes: object) -> AsyncIterator[EwsCalendar]:
    """A calendar of tenant `acme` (or as changed) on the simulator."""
    calendar = EwsCalendar(settings_for(simulator, **changes))
    try:
        yield calendar
    finally:
        await calendar.close()


class SimulatorWorld:
    """What the contract wants to see and do, through the simulator's own eyes and hands."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    def events(self, room: RoomAddress) -> list[Seen]:
        return [_seen(event) for event in self._simulator.calendar(room)]

    def trash(self, room: RoomAddress) -> list[Seen]:
        return [_seen(event) for event in self._simulator.deleted_items(room)]

    def requests_count(self) -> int:
        return self._simulator.counts.requests.total()

    def people_create(self, room: RoomAddress, subject: str) -> None:
        event = a_room_event()
        self._simulator.outlook.create(room, subject=subject, start=event.starts_at, end=event.ends_at)

    def people_rename(self, room: RoomAddress, item_id: str, subject: str) -> None:
        self._simulator.outlook.edit(room, item_id, subject=subject)

    def people_delete(self, room: RoomAddress, item_id: str) -> None:
        self._simulator.outlook.delete(room, item_id)

    def people_restore(self, room: RoomAddress, item_id: str) -> None:
        self._simulator.outlook.restore(room, item_id)

    def people_repeat(self, room: RoomAddress, item_id: str) -> None:
        self._simulator.outlook.repeat(room, item_id)

    def people_copy(self, room: RoomAddress, item_id: str) -> None:
        self._simulator.outlook.copy(room, item_id)

    def lose_next_reply(self) -> None:
        self._simulator.faults.next(LoseReply())

    def throttle_next(self, retry_after_s: float) -> None:
        self._simulator.faults.next(Throttle(back_off_ms=int(retry_after_s * 1000)))


def _seen(event: SimEvent) -> Seen:
    return Seen(item_id=event.item_id, mark=_mark(event), event=_room_event(event))


def _mark(event: SimEvent) -> Mark | None:
    if event.booking is None or event.version is None:
        return None
    return Mark(booking_id=BookingId(event.booking.removeprefix("acme/")), version=int(event.version))


def _room_event(event: SimEvent) -> RoomEvent:
    return RoomEvent(
        subject=event.subject,
        starts_at=event.start,
        ends_at=event.end,
        time_zone="",
        all_day=event.all_day,
        body=EventBody(content_type="html" if event.body_type == "HTML" else "text", content=event.body),
        location=event.location,
        categories=event.categories,
        sensitivity="private" if event.sensitivity == "Private" else "normal",
        show_as=event.show_as.lower(),  # type: ignore[arg-type]  # Busy, Tentative, Free, OOF
    )
