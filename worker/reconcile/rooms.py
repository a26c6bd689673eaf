"""Compares rooms with the ledger and asks a worker to mend them, over the real ledger, calendars and broker."""

import asyncio
import os
import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from adapters.calendar import RoomAddress, TenantName
from adapters.ledger import Ledger
from consumers.broker.headers import look_message
from consumers.broker.ledger_registration import LedgerRefused, check_registration, read_registration
from consumers.broker.session import Session
from consumers.messages.disposition import Look
from consumers.reconcile.mend import Asked, ask_to_mend
from consumers.reconcile.read import report_on
from consumers.reconcile.report import RoomReport
from consumers.story.outside import entries_of
from worker import wiring
from worker.settings import Settings
from worker.tenants import TenantRegistry

ROOMS_AT_ONCE = 4
"""A worker asks the same Exchange meanwhile; each room sees one request of ours at a time."""

RoomKey = tuple[TenantName, RoomAddress]

Watch = Callable[[int], AbstractContextManager[Callable[[], None]]]
"""Shows progress over so many rooms; what it gives is called after each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which rooms: all that the ledger knows, or those of one tenant, or one."""

    tenant: TenantName | None = None
    room: RoomAddress | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The rooms that were compared, and those whose tenant is not configured or not served by this version."""

    reports: tuple[RoomReport, ...]
    left_out: tuple[RoomKey, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mending:
    """What was asked for, room by room, and whether a worker is there to do it."""

    asked: tuple[Asked, ...]
    is_worked_on: bool


async def compare_rooms(settings: Settings, choice: Choice, watch: Watch) -> Comparison:
    """Compare every chosen room. Raises `LedgerError`."""
    ledger = await wiring.ledger(settings)
    registry = TenantRegistry(settings, os.environ)
    clocks = wiring.clocks()
    reaches = wiring.TenantConnections(registry=registry, settings=settings, ledger=ledger, clocks=clocks)
    try:
        rooms = await _rooms(ledger, registry, choice)
        reports = await _compare(reaches, rooms, watch)
        ledger.note(*entries_of([report for report in reports if report is not None], clocks.now()))
    finally:
        await reaches.close()
        await ledger.close()
    return Comparison(
        reports=tuple(report for report in reports if report is not None),
        left_out=tuple(key for key, report in zip(rooms, reports, strict=True) if report is None),
    )


async def _rooms(ledger: Ledger, registry: TenantRegistry, choice: Choice) -> list[RoomKey]:
    known = [key for key in await ledger.rooms(choice.tenant) if choice.room in (None, key[1])]
    if choice.room is not None and not known:
        # A ledger that was lost knows no room; the calendar may hold our events all the same.
        known = [(tenant, choice.room) for tenant in _tenants_of(choice.room, registry, choice.tenant)]
    return known


def _tenants_of(room: RoomAddress, registry: TenantRegistry, only: TenantName | None) -> Iterable[TenantName]:
    domain = room.rpartition("@")[2]
    return [each.name for each in registry.tenants() if only in (None, each.name) and domain in each.domains]


async def _compare(
    reaches: wiring.TenantConnections, rooms: Sequence[RoomKey], watch: Watch
) -> list[RoomReport | None]:
    places = asyncio.Semaphore(ROOMS_AT_ONCE)
    with watch(len(rooms)) as advance:

        async def one(tenant: TenantName, room: RoomAddress) -> RoomReport | None:
            async with places:
                view = reaches.view(tenant, room)
                report = None if view is None else await report_on(view)
            advance()
            return report

        return await asyncio.gather(*(one(*key) for key in rooms))


async def mend_rooms(settings: Settings, reports: Sequence[RoomReport]) -> Mending:
    """Ask for everything that can be mended.

    Raises:
        LedgerRefused: this ledger is not the one that the workers use.
        NotPublished, LedgerError: part of it was asked for; the rest is found again.
    """
    names = wiring.names(settings)
    ledger = await wiring.ledger(settings)
    try:
        session = await Session.open(wiring.broker_address(settings), names, name="roomsync reconcile")
        try:
            await _check_seat(session, ledger)
            asked = [await _mend(session, ledger, report) for report in reports if report.mendable]
            depth = await session.depth(names.partition(0))
        finally:
            await session.close()
    finally:
        await ledger.close()
    return Mending(asked=tuple(asked), is_worked_on=depth is not None and depth[1] > 0)


async def _check_seat(session: Session, ledger: Ledger) -> None:
    # None: no worker ever started here, or one reads the message at this moment.
    seat = await read_registration(session)
    if seat is not None and check_registration(seat, await ledger.identity()) != "same":
        raise LedgerRefused(
            f"Another ledger is in use at this broker ({seat.ledger_id}), and the configured one is empty: nothing "
            "was asked for. Configure the one in use."
        )


async def _mend(session: Session, ledger: Ledger, report: RoomReport) -> Asked:
    async def ask(body: bytes, room: RoomAddress, look: Look) -> None:
        await session.to_commands(look_message(body, str(uuid.uuid4()), look), room)

    return await ask_to_mend(report, ledger, ask, wiring.clocks().now())
