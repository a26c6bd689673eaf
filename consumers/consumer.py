"""Runs the intake: connect, declare, register the ledger, consume; again after a lost session; drain at the end."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from functools import partial

import structlog

from adapters.ledger import Ledger, LedgerBroken, LedgerUnavailable
from consumers.broker.declare import TopologyMismatch, apply, is_new
from consumers.broker.errors import CLIENT_TROUBLE, BrokerLost, NotPublished, is_refused
from consumers.broker.ledger_registration import (
    LedgerRefused,
    Registration,
    check_registration,
    read_registration,
    register,
)
from consumers.broker.queue_names import QueueNames
from consumers.broker.session import Broker, Cancel, Session
from consumers.broker.topology import Topology
from consumers.broker.waiting import RECONNECT_LAST_S, first_completed, reconnect_delays_s
from consumers.partitions import Partitions
from consumers.policy import SyncPolicy
from consumers.readiness import Readiness
from consumers.scheduling.dispatcher import Dispatcher
from consumers.settlement.dead_letter_watch import DeadLetterWatch
from consumers.settlement.own_errors import Complaints
from consumers.settlement.unowned_deliveries import Strays
from consumers.sync.room import Clocks

log = structlog.get_logger(__name__)

DRAIN_S = 20.0
"""Of the 25 s that a shutdown may take; the rest is for giving back and closing."""
CANCEL_WITHIN_S = 3.0
TICK_S = 10.0
UNCONFIRMED_MAX_S = 180.0
"""With the time before its publish, no command stays unacknowledged longer than five minutes (docs/decisions/0008)."""
SCAN_TWICE_FOR_S = 3600.0
"""After this, nothing that was under way when a ledger was replaced can still arrive."""

TROUBLE = (*CLIENT_TROUBLE, NotPublished, TopologyMismatch, LedgerUnavailable)
"""What a running worker outlasts; OSError covers `BrokerLost`. Some of it ends one that starts: see `_ends`."""


@dataclass(slots=True, kw_only=True)
class Consumer:
    """The whole way from the broker to the lanes, for one process."""

    address: Broker
    names: QueueNames
    partition_count: int
    partitions: Partitions
    parked_watch: DeadLetterWatch
    lanes: Dispatcher
    ledger: Ledger
    policy: SyncPolicy
    clocks: Clocks
    tick_s: float = TICK_S
    unconfirmed_max_s: float = UNCONFIRMED_MAX_S
    standing: Readiness = field(default_factory=Readiness)
    seat: Registration | None = None
    """What this worker registered at the broker when it started."""
    scan_twice_until_s: float = 0.0
    """Until when first scans are repeated: this ledger took the place of another one (docs/protocol.md#rule-7)."""
    _strays: Strays = field(default_factory=Strays)
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _cancels: list[Cancel] = field(default_factory=list)
    """What ends the consumers beside those of the partitions."""
    _pauses_s: Iterator[float] = field(default_factory=reconnect_delays_s)

    @property
    def session(self) -> Session | None:
        """The session in use."""
        return self.standing.session

    async def run(self) -> None:
        """Consume until `stop`, whatever the broker does meanwhile; then drain.

        Raises:
            TopologyMismatch, LedgerRefused, LedgerUnavailable, AMQPError: at the start, when only a person can help;
                LedgerRefused also later, when the ledger's place is taken.
            LedgerBroken: the ledger is of no use any more; everything was given back.
        """
        try:
            while not self._stop.is_set():
                try:
                    await self._one_session()
                except TROUBLE as trouble:
                    if self.seat is None and _ends(trouble):
                        raise
                    self._note(trouble)
                    await first_completed(self.clocks.sleep(next(self._pauses_s)), self._stop.wait())
        finally:
            await self.lanes.stop(DRAIN_S)
            await self._let_go()
        if self.lanes.ledger.error is not None:
            raise self.lanes.ledger.error

    @property
    def is_stopping(self) -> bool:
        """Whether it was told to."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Take nothing more; `run` drains and returns."""
        self._stop.set()

    def _note(self, trouble: Exception) -> None:
        known = isinstance(trouble, TopologyMismatch | LedgerUnavailable)
        told = str(trouble) if known else "the broker cannot be used"
        # Once, however often it is tried again.
        if told != self.standing.trouble:
            log.warning("broker.lost" if self.seat else "broker.awaited", why=f"{type(trouble).__name__}: {trouble}")
        self.standing.trouble = told

    async def _one_session(self) -> None:
        """From connecting to the loss of the session; when the worker stops it is left open for the drain."""
        try:
            await first_completed(self._consume_until_lost(), self._stop.wait(), self.lanes.ledger.broken.wait())
            # Without a ledger nothing can be done any more: what is in hand is given back in good order.
            self._stop.set()
            await self._end_consuming()
        finally:
            if self.session is not None and (self.session.is_lost or not self._stop.is_set()):
                await self._let_go()

    async def _consume_until_lost(self) -> None:
        session = self.standing.session = await Session.open(self.address, self.names)
        await first_completed(self._begin(session), session.lost.wait())
        began_s = self.clocks.monotonic()
        if not session.is_lost:
            await first_completed(
                session.lost.wait(), *(self._again_and_again(duty, session) for duty in self._duties())
            )
        if self.clocks.monotonic() - began_s > RECONNECT_LAST_S:
            self._pauses_s = reconnect_delays_s()
        raise BrokerLost(session.why_lost)

    async def _begin(self, session: Session) -> None:
        # First of all: what is taken while nothing can be published could only be given back.
        await session.until_publishable()
        await self._prepare(session)
        await self.partitions.consume(session)
        self._cancels = await self.parked_watch.consume(session)
        self.standing.is_consuming, self.standing.trouble = True, None
        log.info("intake.consuming", partitions=self.partition_count)

    async def _end_consuming(self) -> None:
        """Take nothing more, and keep the session for what is in hand; one that was not ready yet is not needed."""
        session, cancels = self.session, [*self.partitions.cancels, *self._cancels]
        if session is None:
            return
        if not self.standing.is_consuming:
            session.lose("the worker stops")
        self.standing.is_consuming, self.standing.trouble = False, "the worker stops"
        try:
            async with asyncio.timeout(CANCEL_WITHIN_S):
                await asyncio.gather(*(cancel() for cancel in cancels))
        except CLIENT_TROUBLE:
            session.lose("the broker does not answer")

    async def _let_go(self) -> None:
        session, self._cancels = self.session, []
        self.partitions.let_go()
        self.standing.session, self.standing.is_consuming, self.standing.stuck = None, False, None
        if session is not None:
            self.lanes.forget(session)
            await session.close()

    async def _prepare(self, session: Session) -> None:
        topology = Topology.of(self.names, self.partition_count, broker_version=session.broker_version)
        connect = partial(self.address.connect, "roomsync topology")
        queue_is_new = await is_new(connect, self.names.ledger)
        await apply(connect, topology)
        if self.seat is not None and not queue_is_new:
            check_registration(await read_registration(session), await self.ledger.identity())
        else:
            self.seat = await register(session, self.names, self.ledger, self.clocks, queue_is_new=queue_is_new)
        replaced_ago_s = self.seat.replaced_ago_s(self.clocks.now())
        self.scan_twice_until_s = self.clocks.monotonic() + SCAN_TWICE_FOR_S - replaced_ago_s
        wait_s = self.policy.claim_s - replaced_ago_s
        if wait_s > 0:
            log.warning("ledger.replaced", why="this ledger took the place of another one", waiting_s=round(wait_s))
            # A worker of the other ledger may still have a request under way.
            self.standing.ledger = f"this ledger took the place of another one; nothing is written for {wait_s:.0f} s"
            await self.clocks.sleep(wait_s)
        self.standing.ledger = None

    def _duties(self) -> list[Callable[[Session], Coroutine[None, None, None]]]:
        """What would go wrong unnoticed. Each has a task of its own: one that has to wait holds up no other."""
        return [
            self._check_consumers,
            self._check_confirms,
            self._check_seat,
            self._send_away_old,
            self._look_at_ledger,
            self._look_for_strays,
            # An alarm is told when something is published, and an idle worker publishes nothing.
            Session.until_publishable,
        ]

    async def _again_and_again(self, duty: Callable[[Session], Awaitable[None]], session: Session) -> None:
        complaints = Complaints(self.clocks.monotonic)
        while True:
            await self.clocks.sleep(self.tick_s)
            try:
                await duty(session)
            except (*TROUBLE, LedgerRefused, LedgerBroken):
                raise
            except Exception as error:  # noqa: BLE001 - a defect in one duty must end neither the others nor the worker
                complaints.tell("duty.failed", error, duty=getattr(duty, "__name__", ""))

    async def _check_consumers(self, session: Session) -> None:
        if await session.has_all_consumers():
            return
        # Asked again: a queue without a leader says for a moment that it has no consumer.
        await self.clocks.sleep(self.tick_s)
        if not await session.has_all_consumers():
            session.lose("the broker has no consumer of ours any more")

    async def _check_confirms(self, session: Session) -> None:
        if session.unconfirmed_s > self.unconfirmed_max_s:
            session.lose(f"the broker has not confirmed a message for {self.unconfirmed_max_s:.0f} s")

    async def _send_away_old(self, _session: Session) -> None:
        await self.lanes.send_away_old()

    async def _look_for_strays(self, session: Session) -> None:
        self.standing.stuck = await self._strays.look(session, self.lanes, self.partitions.settler)

    async def _look_at_ledger(self, _session: Session) -> None:
        await self.lanes.look_at_ledger(self.ledger)

    async def _check_seat(self, session: Session) -> None:
        try:
            identity = await self.ledger.identity()
        except (LedgerUnavailable, LedgerBroken) as trouble:
            self.lanes.ledger.met(trouble)
            return
        seat = await read_registration(session)
        # None: another worker is reading it at this moment.
        if seat is not None and seat.ledger_id != identity.ledger_id:
            raise LedgerRefused("Another ledger was registered at this broker: this worker takes nothing more.")


def _ends(trouble: Exception) -> bool:
    """Whether a worker that starts gives up: waiting would not mend it. Pure."""
    return isinstance(trouble, TopologyMismatch | LedgerUnavailable) or is_refused(trouble)
