"""Opens what the commands of `roomsync failed` work with: the broker, the ledger, the tenants of this moment."""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from adapters.audit import Audit
from adapters.ledger import Ledger
from adapters.story import StoriedLedger
from consumers.broker.ledger_registration import LedgerRefused, check_registration, read_registration
from consumers.broker.queue_names import QueueNames
from consumers.broker.session import Session
from consumers.failed.queue import FailedQueue
from worker import wiring
from worker.settings import Settings
from worker.tenants import TenantRegistry


@dataclass(frozen=True, slots=True, kw_only=True)
class AtBroker:
    """The failed queue and a session beside it, for publishing."""

    names: QueueNames
    session: Session
    queue: FailedQueue


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """The ledger and the audit, which lie in one database."""

    ledger: StoriedLedger
    audit: Audit


def oldest_at(settings: Settings) -> datetime:
    """What was first seen before this is too old where the ledger has no row (`too_old`)."""
    return wiring.clocks().now() - timedelta(seconds=wiring.policy(settings).too_old_after_s)


def tenants(settings: Settings) -> TenantRegistry:
    """The tenants that are configured now."""
    return TenantRegistry(settings, os.environ)


@asynccontextmanager
async def open_broker(settings: Settings, *, patience_s: float, whole: bool = False) -> AsyncIterator[AtBroker]:
    """Connect. Raises `TopologyMismatch`, and what connections raise.

    Args:
        patience_s: how long to wait for another operator.
        whole: see also bodies that are larger than a command may be.
    """
    address, names = wiring.broker_address(settings), wiring.names(settings)
    session = await Session.open(address, names, name="roomsync failed")
    try:
        queue = await FailedQueue.open(address, names, session.broker_version, patience_s=patience_s, whole=whole)
        try:
            yield AtBroker(names=names, session=session, queue=queue)
        finally:
            await queue.close()
    finally:
        await session.close()


@asynccontextmanager
async def open_books(settings: Settings) -> AsyncIterator[Books]:
    """Open ledger and audit. Raises `LedgerError`."""
    async with AsyncExitStack() as ending:
        ledger = await wiring.ledger(settings)
        ending.push_async_callback(ledger.close)
        audit = await wiring.audit(settings)
        ending.push_async_callback(audit.close)
        yield Books(ledger=ledger, audit=audit)


async def check_ledger(session: Session, ledger: Ledger) -> None:
    """A forecast from another ledger than the workers' would be wrong. Raises `LedgerRefused`."""
    # None: no worker ever started here, or one reads the message at this moment.
    seat = await read_registration(session)
    if seat is not None and check_registration(seat, await ledger.identity()) != "same":
        raise LedgerRefused(
            f"Another ledger is in use at this broker ({seat.ledger_id}), and the configured one is empty: nothing "
            "was done. Configure the one in use."
        )
