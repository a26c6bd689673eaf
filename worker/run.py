"""The worker: starts the intake, watches the configuration, serves health, drains on a signal."""

import asyncio
import os
import signal
from contextlib import suppress
from dataclasses import dataclass

import structlog
from prometheus_client import CollectorRegistry

from adapters.ledger import Ledger, LedgerError
from consumers.bookings.milestones import Reached, nobody
from consumers.bookings.policy import BREAKER_READ_EVERY_S
from consumers.intake.intake import Intake
from consumers.intake.lanes import Lanes
from consumers.intake.parked_watch import ParkedWatch
from consumers.intake.partitions import Partitions
from consumers.intake.reading import Reader
from consumers.intake.settle import Settler
from worker import wiring
from worker.http import Views, serve
from worker.metrics import Metrics
from worker.settings import Settings
from worker.snapshot import obstacles, snapshot, stopped_tenants
from worker.tenants import TenantChanges, TenantRegistry

log = structlog.get_logger(__name__)

LOOK_AT_TENANTS_S = 2.0
EXPIRE_EVERY_S = 6 * 3600.0
IDLE_LOOK_S = 0.2


@dataclass(slots=True, kw_only=True)
class Worker:
    """The parts of a running worker, for those who look at it."""

    settings: Settings
    registry: TenantRegistry
    reaches: wiring.Reaches
    intake: Intake
    metrics: CollectorRegistry

    @property
    def idle_s(self) -> float:
        """For how long nothing has arrived or been in flight."""
        intake = self.intake
        busy = intake.lanes.snapshot() or intake.standing.broker is not None
        return 0.0 if busy else intake.clocks.monotonic() - intake.partitions.last_arrival_s


async def run_worker(
    settings: Settings, *, exit_when_idle_s: float | None = None, milestones: Reached = nobody
) -> None:
    """Consume until SIGTERM or SIGINT, or until idle; drain and return.

    Args:
        milestones: told of each milestone of each booking.

    Raises:
        LedgerError, TopologyMismatch, LedgerRefused: it cannot start, or must not go on.
    """
    ledger = await wiring.ledger(settings)
    worker = _assemble(settings, ledger, milestones)
    _on_signals(worker.intake)
    server = await serve(settings.http, _views(worker))
    chores = [asyncio.create_task(_watch_tenants(worker)), asyncio.create_task(_expire(worker))]
    chores.append(asyncio.create_task(_watch_breakers(worker)))
    if exit_when_idle_s is not None:
        chores.append(asyncio.create_task(_stop_when_idle(worker, exit_when_idle_s)))
    log.info("worker.started", tenants=len(worker.registry.names()), http=server.address)
    try:
        await worker.intake.run()
    finally:
        for chore in chores:
            chore.cancel()
        await asyncio.gather(*chores, return_exceptions=True)
        await server.close()
        await worker.reaches.close()
        await ledger.close()
        log.info("worker.stopped")


def _assemble(settings: Settings, ledger: Ledger, milestones: Reached) -> Worker:
    clocks, policy, names = wiring.clocks(), wiring.policy(settings), wiring.names(settings)
    registry = TenantRegistry(settings, os.environ)
    reaches = wiring.Reaches(registry=registry, settings=settings, ledger=ledger, clocks=clocks, reached=milestones)
    metrics = CollectorRegistry()
    settler = Settler(policy=policy, clocks=clocks, observer=Metrics(metrics), reached=milestones)
    lanes = Lanes(
        lambda tenant, address: reaches.room(tenant, address, settler, scan_twice=intake.scan_twice),
        settler,
        clock=clocks.monotonic,
    )
    reader = Reader(registry, clocks)
    partition_count = settings.broker.partitions
    intake = Intake(
        address=wiring.broker_address(settings),
        names=names,
        partition_count=partition_count,
        partitions=Partitions(
            names=names,
            count=partition_count,
            reader=reader,
            lanes=lanes,
            settler=settler,
            clocks=clocks,
            reached=milestones,
        ),
        parked_watch=ParkedWatch(names=names, reader=reader, settler=settler),
        lanes=lanes,
        ledger=ledger,
        policy=policy,
        clocks=clocks,
    )
    return Worker(settings=settings, registry=registry, reaches=reaches, intake=intake, metrics=metrics)


def _views(worker: Worker) -> Views:
    intake, reaches = worker.intake, worker.reaches
    return Views(
        obstacles=lambda: obstacles(intake, reaches.gates()),
        stopped_tenants=lambda: stopped_tenants(reaches.gates()),
        status=lambda: snapshot(intake, reaches.gates()),
        metrics=worker.metrics,
    )


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


async def _expire(worker: Worker) -> None:
    while True:
        try:
            expired = await worker.intake.ledger.expire(keep_days=worker.settings.ledger.keep_days)
        except LedgerError as trouble:
            log.warning("ledger.not_expired", why=str(trouble))
        else:
            log.debug("ledger.expired", rows=expired)
        await asyncio.sleep(EXPIRE_EVERY_S)


async def _stop_when_idle(worker: Worker, after_s: float) -> None:
    # Many small things count as work (a delivery, a lane, a lost connection): looking now and then is simplest.
    while worker.idle_s < after_s:  # noqa: ASYNC110
        await asyncio.sleep(IDLE_LOOK_S)
    log.info("worker.idle", for_s=after_s)
    worker.intake.stop()
