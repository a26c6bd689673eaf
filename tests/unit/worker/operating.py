"""A worker's insides without a broker, and deliveries as the intake tells of them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from adapters.ledger import Ledger
from consumers.broker.delivery import ParsedDelivery, RawDelivery, RoomKey
from consumers.broker.parsing import Reader
from consumers.broker.queue_names import QueueNames
from consumers.consumer import Consumer
from consumers.policy import SyncPolicy
from consumers.settlement.settle import Settler
from consumers.throttling.tenant_limiter import TenantLimiter
from tests.builders import Tenants, a_body, a_tenant
from tests.consumer_harness import PARTITIONS, a_consumer
from tests.fake_broker import FakeMessage, FakeSession
from tests.fake_ledger import FakeLedger
from tests.fakes import FakeCalendar
from tests.room_harness import VirtualTime, a_gate
from worker.metrics import Metrics, WorkerState
from worker.metrics.rates import Rates
from worker.snapshot import WorkerView
from worker.tenants import TenantTrouble

NAMES = QueueNames("t-operating")


@dataclass
class Insides:
    """What a worker is made of, as far as it is looked at; nothing runs."""

    time: VirtualTime = field(default_factory=VirtualTime)
    tenants: list[str] = field(default_factory=lambda: ["acme", "bravo"])
    gates: dict[str, TenantLimiter] = field(default_factory=dict)
    misconfigured: dict[str, TenantTrouble] = field(default_factory=dict)
    failing_chores: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.reader = Reader(Tenants(a_tenant()), self.time.clocks())
        self.ledger: Ledger = FakeLedger(clock=self.time.now)
        self.intake: Consumer = a_consumer("amqp://nowhere", NAMES, FakeCalendar())
        self.metrics = Metrics(NAMES, partition_count=PARTITIONS, is_tenant=lambda name: name in self.tenants)
        self.settler = Settler(policy=SyncPolicy(), clocks=self.time.clocks(), observer=self.metrics.commands)
        self.view = WorkerView(
            intake=self.intake,
            tenants=lambda: self.tenants,
            gates=lambda: self.gates,
            queues=self.metrics.queues,
            rates=Rates(self.metrics.commands.totals, monotonic=self.time.monotonic),
            misconfigured=lambda: self.misconfigured,
            failing_chores=lambda: self.failing_chores,
        )
        self.metrics.registry.register(WorkerState(self.intake, self.view))

    def consuming(self) -> None:
        """The broker and the ledger can be used."""
        self.intake.standing.trouble, self.intake.standing.is_consuming = None, True

    def gate(self, tenant: str = "acme") -> TenantLimiter:
        """The gate of a tenant that had a command."""
        return self.gates.setdefault(tenant, a_gate(self.ledger, self.time))

    def value(self, name: str, **labels: str) -> float | None:
        """A sample as a scrape finds it."""
        return self.metrics.registry.get_sample_value(name, labels)

    def arrived(
        self, *, headers: dict[str, Any] | None = None, timestamp: datetime | None = None, **command: object
    ) -> tuple[RoomKey, RawDelivery]:
        """A command that nobody has read, of `acme` unless told."""
        session = FakeSession()
        message = FakeMessage(a_body(**command), session, headers=headers or {}, timestamp=timestamp)
        return self.reader.glance(message, cast(Any, session))

    def delivery(
        self, *, headers: dict[str, Any] | None = None, timestamp: datetime | None = None, **command: object
    ) -> ParsedDelivery:
        """A command in hand."""
        _, envelope = self.arrived(headers=headers, timestamp=timestamp, **command)
        return self.reader.read(envelope)
