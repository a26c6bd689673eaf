"""The worker: starts the intake, watches the configuration, serves health, drains on a signal."""

import asyncio
import gc
import os
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import structlog

from adapters.ledger import LedgerError
from consumers.consumer import Consumer
from consumers.milestones import OnMilestone, ignore
from consumers.policy import BREAKER_READ_EVERY_S
from worker import wiring
from worker.assembly import Worker, assemble
from worker.chores import Chore
from worker.http import serve
from worker.metrics.queues import READ_EVERY_S as READ_QUEUES_EVERY_S
from worker.metrics.rates import SAMPLE_EVERY_S, Rates
from worker.settings import Settings, SettingsComplaint
from worker.settings.warnings import warnings_about
from worker.tenants import FORGIVEN_S, TenantChanges, TenantRegistry
from worker.tracing import open_tracing

log = structlog.get_logger(__name__)

LOOK_AT_TENANTS_S = 2.0
EXPIRE_EVERY_S = 6 * 3600.0
IDLE_LOOK_S = 0.2
COLLECT_AFTER = (20_000, 20, 20)
"""Objects more than were freed, and rounds: when Python looks for garbage in cycles."""


async def run_worker(
    settings: Settings, *, exit_when_idle_s: float | None = None, milestones: OnMilestone = ignore
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
    chores = worker.chores.begin(_chores(worker, exit_when_idle_s))
    _collect_seldom()
    _tell_refused(settings.troubles)
    for warning in warnings_about(settings):
        log.warning("config.warning", file=str(warning.file), key=warning.key, why=warning.message)
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


def _chores(worker: Worker, exit_when_idle_s: float | None) -> Iterator[Chore]:
    yield Chore(name="tenants", work=partial(_look_at_tenants, worker.registry), every_s=LOOK_AT_TENANTS_S)
    yield Chore(name="breakers", work=partial(_look_at_breakers, worker), every_s=BREAKER_READ_EVERY_S)
    yield Chore(name="expiry", work=partial(_expire, worker), every_s=EXPIRE_EVERY_S, first_after_s=0.0)
    yield Chore(name="queues", work=partial(_read_queues, worker, _Pace(READ_QUEUES_EVERY_S)), every_s=1.0)
    yield Chore(name="rates", work=partial(_sample_rates, worker.view.rates), every_s=SAMPLE_EVERY_S)
    if exit_when_idle_s is not None:
        stop = partial(_stop_when_idle, worker, exit_when_idle_s)
        yield Chore(name="idleness", work=stop, every_s=IDLE_LOOK_S, first_after_s=0.0)


def _collect_seldom() -> None:
    """Thousands of commands in hand are no garbage: Python's own thresholds would look through all of them often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def _on_signals(intake: Consumer) -> None:
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


async def _look_at_tenants(registry: TenantRegistry) -> None:
    # A folder may lie on a slow file server, and a great many files take their time.
    changes = await asyncio.to_thread(registry.reload_if_changed)
    if changes is not None:
        _tell(changes)


def _tell(changes: TenantChanges) -> None:
    log.info("tenants.reloaded", added=changes.added, changed=changes.changed, removed=changes.removed)
    if changes.removed:
        log.warning("tenants.gone", tenants=changes.removed, why="their settings are gone", waiting_s=FORGIVEN_S)
    _tell_refused(changes.complaints)


def _tell_refused(complaints: Iterable[SettingsComplaint]) -> None:
    for complaint in complaints:
        log.error("tenants.refused", file=str(complaint.file), key=complaint.key, why=complaint.message)


async def _look_at_breakers(worker: Worker) -> None:
    """Look at what other workers and the operator do to breakers, also while a tenant has no commands here."""
    for gate in list(worker.reaches.gates().values()):
        with suppress(LedgerError):
            await gate.breaker.look()


@dataclass(slots=True)
class _Pace:
    """Lets something be done every so often, the first time at once."""

    every_s: float
    done_s: float | None = None

    def is_due(self) -> bool:
        return self.done_s is None or time.monotonic() - self.done_s >= self.every_s

    def done(self) -> None:
        self.done_s = time.monotonic()


async def _read_queues(worker: Worker, pace: _Pace) -> None:
    session = worker.intake.session
    if session is None or not worker.intake.standing.is_consuming or not pace.is_due():
        return
    pace.done()
    await worker.metrics.queues.read(session)


async def _sample_rates(rates: Rates) -> None:
    rates.sample()


async def _expire(worker: Worker) -> None:
    try:
        expired = await worker.ledger.expire(keep_days=worker.settings.ledger.keep_days)
        forgotten = await worker.ledger.expire_story(keep_days=worker.settings.ledger.story_days)
    except LedgerError as trouble:
        log.warning("ledger.not_expired", why=str(trouble))
    else:
        log.debug("ledger.expired", rows=expired, entries=forgotten)


async def _stop_when_idle(worker: Worker, after_s: float) -> None:
    # Many small things count as work (a delivery, a lane, a lost connection): looking now and then is simplest.
    if worker.idle_s >= after_s and not worker.intake.is_stopping:
        log.info("worker.idle", for_s=after_s)
        worker.intake.stop()
