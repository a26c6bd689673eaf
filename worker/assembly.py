"""Puts the parts of a worker together; `worker.run` runs it."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapters.story import StoriedLedger
from consumers.broker.parsing import Reader
from consumers.consumer import Consumer
from consumers.milestones import OnMilestone, ignore, unfailing
from consumers.partitions import Partitions
from consumers.scheduling.dispatcher import Dispatcher
from consumers.scheduling.load_shedding import put_off
from consumers.settlement.dead_letter_watch import DeadLetterWatch
from consumers.settlement.observer import Observer, Observers
from consumers.settlement.settle import Settler
from consumers.story.telling import Storyteller
from consumers.sync.room import Clocks
from worker import wiring
from worker.chores import Chores
from worker.metrics import Metrics, TimedCalendar, WorkerState
from worker.metrics.rates import Rates
from worker.settings import Settings
from worker.snapshot import WorkerView
from worker.tenants import TenantRegistry

if TYPE_CHECKING:
    from worker.tracing.spans import Tracing


@dataclass(slots=True, kw_only=True)
class Worker:
    """The parts of a worker, for those who run it and look at it."""

    settings: Settings
    registry: TenantRegistry
    ledger: StoriedLedger
    reaches: wiring.TenantConnections
    intake: Consumer
    metrics: Metrics
    view: WorkerView
    chores: Chores

    @property
    def idle_s(self) -> float:
        """For how long nothing has arrived or been in flight."""
        intake = self.intake
        busy = not intake.lanes.is_empty or intake.standing.broker is not None
        return 0.0 if busy else intake.clocks.monotonic() - intake.partitions.last_arrival_s


@dataclass(slots=True, kw_only=True)
class _Common:
    """What several parts are made of."""

    settings: Settings
    clocks: Clocks
    ledger: StoriedLedger
    registry: TenantRegistry
    reader: Reader
    """What the partitions are read with."""
    settler: Settler


async def assemble(settings: Settings, *, milestones: OnMilestone = ignore, tracing: "Tracing | None" = None) -> Worker:
    """Open the ledger and put everything around it. Raises `LedgerError`."""
    clocks, registry = wiring.clocks(), TenantRegistry(settings, os.environ)
    metrics = _metrics(settings, registry)
    ledger = await wiring.ledger(settings, committed=metrics.ledger_commits.observe)
    reader, reached = Reader(registry, clocks, milestones), milestones
    observers = _observers(metrics, ledger, clocks, tracing)
    if tracing is not None:
        reader, reached = tracing.reader(registry, clocks, milestones), tracing.along(milestones)
    reached = unfailing(reached)
    settler = Settler(policy=wiring.policy(settings), clocks=clocks, observer=observers, reached=reached)
    reaches = wiring.TenantConnections(
        registry=registry,
        settings=settings,
        ledger=ledger,
        clocks=clocks,
        reached=reached,
        watch=lambda calendar: TimedCalendar(calendar, metrics.requests),
    )
    common = _Common(
        settings=settings,
        clocks=clocks,
        ledger=ledger,
        registry=registry,
        reader=reader,
        settler=settler,
    )
    intake, chores = _intake(common, reaches), Chores()
    return Worker(
        settings=settings,
        registry=registry,
        ledger=ledger,
        reaches=reaches,
        intake=intake,
        metrics=metrics,
        view=_view(intake, reaches, registry, metrics, chores),
        chores=chores,
    )


def _metrics(settings: Settings, registry: TenantRegistry) -> Metrics:
    return Metrics(
        wiring.names(settings),
        partition_count=settings.broker.partitions,
        is_tenant=registry.is_named,
    )


def _observers(metrics: Metrics, ledger: StoriedLedger, clocks: Clocks, tracing: "Tracing | None") -> Observer:
    storyteller = Storyteller(ledger.note, clocks.now)
    watching = Observers(metrics.commands, storyteller)
    return watching if tracing is None else Observers(watching, tracing)


def _intake(common: _Common, reaches: wiring.TenantConnections) -> Consumer:
    settings, clocks, reader, settler = common.settings, common.clocks, common.reader, common.settler
    names, count = wiring.names(settings), settings.broker.partitions
    lanes = Dispatcher(
        lambda tenant, address: reaches.room(
            tenant, address, scan_twice=clocks.monotonic() < intake.scan_twice_until_s
        ),
        reader,
        settler,
        clock=clocks.monotonic,
        away=lambda tenant: put_off(tenant, common.registry.away_s(tenant)),
    )
    intake = Consumer(
        address=wiring.broker_address(settings),
        names=names,
        partition_count=count,
        partitions=Partitions(
            names=names,
            count=count,
            reader=reader,
            lanes=lanes,
            settler=settler,
            clocks=clocks,
        ),
        parked_watch=DeadLetterWatch(names=names, reader=Reader(common.registry, clocks), settler=settler),
        lanes=lanes,
        ledger=common.ledger,
        policy=wiring.policy(settings),
        clocks=clocks,
    )
    return intake


def _view(
    intake: Consumer, reaches: wiring.TenantConnections, registry: TenantRegistry, metrics: Metrics, chores: Chores
) -> WorkerView:
    view = WorkerView(
        intake=intake,
        tenants=registry.names,
        misconfigured=registry.troubles,
        failing_chores=chores.failing,
        gates=reaches.gates,
        queues=metrics.queues,
        rates=Rates(metrics.commands.totals, monotonic=intake.clocks.monotonic),
    )
    metrics.registry.register(WorkerState(intake, view))
    return view
