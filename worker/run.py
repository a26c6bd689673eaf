"""The worker: starts the intake, watches the configuration, serves health, drains on a signal."""

import asyncio
import gc
import os
import signal
from collections.abc import Coroutine, Iterator
from contextlib import suppress

import structlog

from adapters.ledger import LedgerError
from consumers.bookings.milestones import Reached, nobody
from consumers.bookings.policy import BREAKER_READ_EVERY_S
from consumers.intake.intake import Intake
from worker import wiring
from worker.assembly import Worker, assemble
from worker.http import serve
from worker.metrics.queues import READ_EVERY_S as READ_QUEUES_EVERY_S
from worker.metrics.rates import SAMPLE_EVERY_S, Rates
from worker.settings import Settings
from worker.tenants import TenantChanges, TenantRegistry
from worker.tracing import open_tracing

log = structlog.get_logger(__name__)

LOOK_AT_TENANTS_S = 2.0
EXPIRE_EVERY_S = 6 * 3600.0
IDLE_LOOK_S = 0.2
COLLECT_AFTER = (20_000, 20, 20)
"""Objects more than were freed, and rounds: when Python looks for garbage in cycles."""


async def run_worker(
    settings: Settings, *, exit_when_idle_s: float | None = None, milestones: Reached = nobody
) -> None:
    """Consume until SIGTERM or SIGINT, or until idle; drain and return.

    Args:
        milestones: told of each milestone of each booking.

    Raises:
        LedgerError, TopologyMismatch, LedgerRefused: it cannot start, or must not go on.
    """
    tracing = open_tracing(os.environ)
    loading = asyncio.create_task(asyncio.to_thread(wiring.load_calendars))
    worker = await assemble(settings, milestones=milestones, tracing=tracing)
    await loading
    _on_signals(worker.intake)
    server = await serve(settings.http, worker.view, worker.metrics.registry)
    chores = [asyncio.create_task(chore) for chore in _chores(worker)]
    if exit_when_idle_s is not None:
        chores.append(asyncio.create_task(_stop_when_idle(worker, exit_when_idle_s)))
    _collect_seldom()
    log.info("worker.started", tenants=len(worker.registry.names()), http=server.address)
    try:
        await worker.intake.run()
    finally:
        for chore in chores:
            chore.cancel()
        await asyncio.gather(*chores, return_exceptions=True)
        await server.close()
        await worker.reaches.close()
        await worker.ledger.close()
        if tracing is not None:
            await tracing.close()
        log.info("worker.stopped")


def _chores(worker: Worker) -> Iterator[Coroutine[None, None, None]]:
    yield _watch_tenants(worker)
    yield _watch_breakers(worker)
    yield _expire(worker)
    yield _read_queues(worker)
    yield _sample_rates(worker.view.rates)


def _collect_seldom() -> None:
    """Thousands of commands in hand are no garbage: Python's own thresholds would look through all of them often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def _on_signals(intake: Intake) -> None:
    loop = asyncio.get_running_loop()

    def stop(number: signal.Signals) -> None:
        log.info("worker.draining", signal=number.name)
        intake.stop()
        for each in (signal.SIGTERM, signal.SIGINT):
            # A second signal ends at once: what is not acknowledged comes again.
            loop.remove_signal_handler(each)
            signal.signal(each, signal.SIG_DFL)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)


async def _watch_tenants(worker: Worker) -> None:
    while True:
        await asyncio.sleep(LOOK_AT_TENANTS_S)
        changes = worker.registry.reload_if_changed()
        if changes is not None:
            _tell(worker.registry, changes)


def _tell(registry: TenantRegistry, changes: TenantChanges) -> None:
    log.info("tenants.reloaded", added=changes.added, changed=changes.changed, removed=changes.removed)
    for complaint in changes.complaints:
        log.error("tenants.refused", file=str(complaint.file), key=complaint.key, why=complaint.message)
    for name in (*changes.added, *changes.changed):
        settings = registry.settings(name)
        why = wiring.unsupported(settings) if settings else None
        if why:
            log.error("tenants.refused", why=why)


async def _watch_breakers(worker: Worker) -> None:
    """Look at what other workers and the operator do to breakers, also while a tenant has no commands here."""
    while True:
        await asyncio.sleep(BREAKER_READ_EVERY_S)
        for gate in list(worker.reaches.gates().values()):
            with suppress(LedgerError):
                await gate.breaker.look()


async def _read_queues(worker: Worker) -> None:
    while True:
        session = worker.intake.session
        if session is None or not worker.intake.standing.is_consuming:
            await asyncio.sleep(1)
            continue
        await worker.metrics.queues.read(session)
        await asyncio.sleep(READ_QUEUES_EVERY_S)


async def _sample_rates(rates: Rates) -> None:
    while True:
        await asyncio.sleep(SAMPLE_EVERY_S)
        rates.sample()


async def _expire(worker: Worker) -> None:
    while True:
        try:
            expired = await worker.ledger.expire(keep_days=worker.settings.ledger.keep_days)
            forgotten = await worker.ledger.expire_story(keep_days=worker.settings.ledger.story_days)
        except LedgerError as trouble:
            log.warning("ledger.not_expired", why=str(trouble))
        else:
            log.debug("ledger.expired", rows=expired, entries=forgotten)
        await asyncio.sleep(EXPIRE_EVERY_S)


async def _stop_when_idle(worker: Worker, after_s: float) -> None:
    # Many small things count as work (a delivery, a lane, a lost connection): looking now and then is simplest.
    while worker.idle_s < after_s:  # noqa: ASYNC110
        await asyncio.sleep(IDLE_LOOK_S)
    log.info("worker.idle", for_s=after_s)
    worker.intake.stop()
