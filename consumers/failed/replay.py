"""Carries a replay out: each message is published, confirmed, and then removed from the failed queue.

Killed at any moment it leaves at most a message that was published and still lies there: replayed once more, it is a
duplicate, and changes nothing.
"""

import asyncio
import uuid
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from aiormq.abc import FieldTable

from consumers.broker.headers import copy_of, instant_text
from consumers.broker.message_copy import Copy
from consumers.broker.session import Session
from consumers.broker.waiting import first_completed
from consumers.failed.correction import Correction, corrected
from consumers.failed.following import Following, ResultKey
from consumers.failed.forecast import Will
from consumers.failed.message import Queued
from consumers.failed.planning import InHand, Planned, ReplayPlan, Source
from consumers.failed.trail import Trail
from consumers.sync.room import Clocks

HOLD_S = 200.0
"""How long messages are kept in hand; nothing stays unacknowledged for five minutes (docs/protocol.md#waiting)."""
BATCH_MAX = 5000
WRITTEN_DOWN_MAX = 50
"""How many messages are written into the audit together: a tool that is killed has touched at most so many fewer."""


@dataclass(slots=True, kw_only=True)
class Progress:
    """How far a replay has come. `gone`: what somebody else took meanwhile."""

    sent_count: int = 0
    gone_count: int = 0
    stopped: bool = False


@dataclass(slots=True, kw_only=True)
class Replay:
    """One replay. `stop` ends it after the message in hand; `sent` is told of each that was published.

    Args:
        rate: messages a second, at most.
        force: what the ledger has forgotten may come back (`too_old`).
        following: expects a result for each, or None.
    """

    source: Source
    session: Session
    trail: Trail
    clocks: Clocks
    rate: float
    corrections: Sequence[Correction] = ()
    force: bool = False
    following: Following | None = None
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    sent: Callable[[], None] = lambda: None
    progress: Progress = field(default_factory=Progress)
    _next_s: float = 0.0

    async def run(self, plan: ReplayPlan) -> Progress:
        """Publish what is planned.

        Raises:
            NotPublished, BrokerLost, LedgerError: it ends here; what was published is removed, the rest lies there.
        """
        todo = deque(plan.planned)
        batch_max = max(1, min(BATCH_MAX, int(self.rate * HOLD_S)))
        self._next_s = self.clocks.monotonic()
        while todo and not self.stop.is_set():
            batch = [todo.popleft() for _ in range(min(batch_max, len(todo)))]
            todo.extendleft(reversed(await self._batch(batch)))
        self.progress.stopped = bool(todo)
        return self.progress

    async def _batch(self, batch: Sequence[Planned]) -> list[Planned]:
        """Returns what could not be taken in hand with the others, or not be published in time."""
        wanted = Counter({each.failed.failed_id: each.count for each in batch})
        async with self.source.taken(wanted) as hand:
            until_s = self.clocks.monotonic() + HOLD_S
            here = [each for each in batch if each.failed.failed_id in hand.messages]
            missing = [each for each in batch if each.failed.failed_id not in hand.messages]
            if not hand.is_full:
                self.progress.gone_count += sum(each.count for each in missing)
                missing = []
            at_once = max(1, min(WRITTEN_DOWN_MAX, int(self.rate)))
            for start in range(0, len(here), at_once):
                if self.stop.is_set() or self.clocks.monotonic() > until_s:
                    return [*here[start:], *missing]
                await self._group(here[start : start + at_once], hand)
        return missing

    async def _group(self, group: Sequence[Planned], hand: InHand) -> None:
        await self.trail.before(group)
        for planned in group:
            for message in hand.messages[planned.failed.failed_id]:
                if not await self._pace():
                    return
                await self._publish(planned, message)
                await hand.remove(message)
                self.progress.sent_count += 1
                self.sent()
            self.trail.done(planned, self.clocks.now())

    async def _pace(self) -> bool:
        """Wait for the next place; False when somebody said stop. Time that was lost is not made up for."""
        now_s = self.clocks.monotonic()
        if now_s < self._next_s:
            await first_completed(self.clocks.sleep(self._next_s - now_s), self.stop.wait())
        self._next_s = max(self._next_s, now_s - 1.0) + 1.0 / self.rate
        return not self.stop.is_set()

    async def _publish(self, planned: Planned, message: Queued) -> None:
        again = self._again(message)
        command, failed = planned.command, planned.failed
        if self.following is not None and planned.fate.will is not Will.LOOK:
            key = ResultKey(
                message_id=again.message_id,
                tenant=command.tenant if command else failed.tenant,
                room=command.room if command else failed.room,
                booking_id=command.booking_id if command else failed.booking_id,
                version=command.version if command else failed.version,
            )
            self.following.expect(key, planned.fate.outcome)
        await self.session.to_commands(again, command.room if command else message.routing_key or "")

    def _again(self, message: Queued) -> Copy:
        """The message as it is published again: its failures are forgotten, and its time to give up begins anew.

        When a worker first saw it is kept, or what the ledger has forgotten could bring back what is gone.
        """
        now = instant_text(self.clocks.now())
        notes: FieldTable = dict.fromkeys(("attempts", "error_code", "error_message", "failed_at", "delayed"))
        notes["replayed_at"] = now
        if self.force:
            notes["first_seen_at"] = now
        again = copy_of(message, **notes)
        if self.corrections:
            again.body = corrected(message.body, self.corrections).body
        if again.message_id is None:
            again.message_id = str(uuid.uuid4())
        return again
