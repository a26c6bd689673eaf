"""What `roomsync failed list`, `show` and `export` look up; nothing of the queue is changed."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from adapters.calendar import BookingId, TenantName
from adapters.ledger import LedgerRow
from consumers.failed.export import pieces_of_line
from consumers.failed.message import FailedMessage, Queued, describe
from consumers.failed.planning import Planned, Planner, Seen, gather
from consumers.failed.selection import Group, GroupBy, Groups, Selection, in_order
from worker.failed.opening import check_ledger, oldest_at, open_books, open_broker, tenants
from worker.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The messages that are meant, and how many lie in the queue in all."""

    messages: list[FailedMessage]
    matched_count: int
    total_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Everything about one message. `rows`: what the ledger knows about its booking, in all rooms."""

    seen: Seen
    planned: Planned
    rows: list[LedgerRow] = field(default_factory=list)


async def list_messages(settings: Settings, selection: Selection, *, patience_s: float) -> Listing:
    """The messages that are meant, in the order of their failure."""
    registry, found = tenants(settings), list[FailedMessage]()

    def see(message: Queued) -> None:
        failed = describe(message, registry)
        if selection.matches(failed):
            found.append(failed)

    async with open_broker(settings, patience_s=patience_s) as broker:
        total = await broker.queue.look_through(see)
    return Listing(messages=in_order(found)[: selection.limit], matched_count=len(found), total_count=total)


async def list_groups(settings: Settings, selection: Selection, by: GroupBy, *, patience_s: float) -> list[Group]:
    """The groups of the messages that are meant."""
    registry, groups = tenants(settings), Groups(by)

    def see(message: Queued) -> None:
        failed = describe(message, registry)
        if selection.matches(failed):
            groups.add(failed)

    async with open_broker(settings, patience_s=patience_s) as broker:
        await broker.queue.look_through(see)
    return list(groups.largest_first())[: selection.limit]


async def look_up(settings: Settings, selection: Selection, *, patience_s: float) -> Shown:
    """One message. Raises `NotOneMessage`, `LedgerError`."""
    registry = tenants(settings)
    async with open_books(settings) as books:
        async with open_broker(settings, patience_s=patience_s) as broker:
            (seen,) = await gather(broker.queue, selection, registry)
            await check_ledger(broker.session, books.ledger)
        planner = Planner(registry, books.ledger, oldest_at=oldest_at(settings))
        plan = await planner.plan([seen])
        rows: list[LedgerRow] = []
        if seen.failed.booking_id is not None:
            tenant = TenantName(seen.failed.tenant) if seen.failed.tenant else None
            rows = await books.ledger.history(tenant, BookingId(seen.failed.booking_id))
    return Shown(seen=seen, planned=(*plan.planned, *plan.left)[0], rows=rows)


async def export(settings: Settings, selection: Selection, file: Path, *, patience_s: float) -> int:
    """Write the messages that are meant into a file of its owner's alone; returns how many. They stay in the queue.

    Raises:
        OSError: the file exists, or cannot be written.
    """
    registry, count = tenants(settings), 0

    async with open_broker(settings, patience_s=patience_s, whole=True) as broker:
        with _new_file(file) as lines:

            def see(message: Queued) -> None:
                nonlocal count
                if selection.matches(describe(message, registry)) and (selection.limit or count + 1) > count:
                    lines.writelines(pieces_of_line(message))
                    lines.write("\n")
                    count += 1

            await broker.queue.look_through(see)
            lines.flush()
            os.fsync(lines.fileno())
    return count


def _new_file(file: Path) -> IO[str]:
    # It holds subjects and people; and an older export is never overwritten.
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii")
