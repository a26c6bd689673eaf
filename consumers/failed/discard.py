"""Discards failed messages for good, each one written down before.

A discarded move needs nothing more: the removal from its previous room was published when it was parked, by the worker
or by the watch of what the broker parks (docs/protocol.md#rule-6).
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from adapters.audit import Change
from consumers.failed.message import FailedMessage
from consumers.failed.planning import Seen, Source
from consumers.failed.replay import Progress
from consumers.failed.trail import Trail
from consumers.sync.room import Clocks

AT_ONCE = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Discarded:
    failed: FailedMessage
    count: int
    changes: tuple[Change, ...] = ()


@dataclass(slots=True, kw_only=True)
class Discard:
    """One discarding. `stop` ends it after what is in hand; `sent` is told of each message that is gone."""

    source: Source
    trail: Trail
    clocks: Clocks
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    sent: Callable[[], None] = lambda: None
    progress: Progress = field(default_factory=Progress)

    async def run(self, seen: Sequence[Seen]) -> Progress:
        """Discard these. Raises `BrokerLost`, `LedgerError`: it ends there, the rest lies where it was."""
        todo = deque(_Discarded(failed=each.failed, count=each.count) for each in seen)
        while todo and not self.stop.is_set():
            batch = [todo.popleft() for _ in range(min(AT_ONCE, len(todo)))]
            todo.extendleft(reversed(await self._batch(batch)))
        self.progress.stopped = bool(todo)
        return self.progress

    async def _batch(self, batch: Sequence[_Discarded]) -> list[_Discarded]:
        """Returns what could not be taken in hand with the others."""
        wanted = Counter({each.failed.failed_id: each.count for each in batch})
        async with self.source.taken(wanted) as hand:
            here = [each for each in batch if each.failed.failed_id in hand.messages]
            missing = [each for each in batch if each.failed.failed_id not in hand.messages]
            await self.trail.before(here)
            for each in here:
                for message in hand.messages[each.failed.failed_id]:
                    await hand.remove(message)
                    self.progress.sent_count += 1
                    self.sent()
                self.trail.done(each, self.clocks.now())
            if hand.is_full:
                return missing
            self.progress.gone_count += sum(each.count for each in missing)
        return []
