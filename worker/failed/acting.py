"""What `roomsync failed replay` and `discard` do: first a plan, then, asked, the action, with its trail."""

import asyncio
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

from adapters.audit import Action
from consumers.failed.correction import Correction
from consumers.failed.discard import Discard
from consumers.failed.export import FileMessage, FileSource
from consumers.failed.following import Following
from consumers.failed.planning import Planner, ReplayPlan, Seen, Source, gather
from consumers.failed.replay import Progress, Replay
from consumers.failed.selection import Selection
from consumers.failed.trail import Trail
from worker import wiring
from worker.failed.opening import AtBroker, Books, check_ledger, oldest_at, open_books, open_broker, tenants
from worker.settings import Settings

Watch = Callable[[int], AbstractContextManager[Callable[[], None]]]
"""Shows progress over so many messages; what it gives is called after each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What was asked for. `from_file`: messages of an export in the place of the queue's."""

    selection: Selection
    operator: str
    patience_s: float
    from_file: Sequence[FileMessage] | None = None
    corrections: Sequence[Correction] = ()
    force: bool = False
    rate: float = 4.0
    wait_s: float | None = None
    """Follow the results, and how long to wait without news; None: do not."""

    def source(self, broker: AtBroker) -> Source:
        """Where the messages come from."""
        return broker.queue if self.from_file is None else FileSource(self.from_file)

    def words(self) -> str:
        """For the audit."""
        return self.selection.words() if self.from_file is None else f"{self.selection.words()} --from a file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How an action ended. `counts` is what the audit has."""

    progress: Progress
    record_id: str
    following: Following | None = None
    counts: Mapping[str, int] = field(default_factory=dict)


async def plan_replay(settings: Settings, wish: Wish) -> ReplayPlan:
    """Look at everything and touch nothing. Raises `NotOneMessage`, `TooMuchAtOnce`, `LedgerRefused`, `LedgerError`."""
    registry = tenants(settings)
    async with open_books(settings) as books:
        async with open_broker(settings, patience_s=wish.patience_s) as broker:
            await check_ledger(broker.session, books.ledger)
            seen = await gather(wish.source(broker), wish.selection, registry)
        planner = Planner(registry, books.ledger, oldest_at=oldest_at(settings), corrections=wish.corrections)
        return await planner.plan(seen, force=wish.force)


async def replay(settings: Settings, wish: Wish, plan: ReplayPlan, watch: Watch) -> Ended:
    """Carry a plan out. Interrupted once (SIGINT, SIGTERM) it ends in order; what is not published yet stays."""
    async with open_books(settings) as books, open_broker(settings, patience_s=wish.patience_s) as broker:
        following = None if wish.wait_s is None else await broker.queue.follow(broker.names)
        trail = _trail(books, Action.REPLAY, wish, plan.message_count)
        with watch(plan.message_count) as advance, _stopped_by_signals() as stop:
            doing = Replay(
                source=wish.source(broker),
                session=broker.session,
                trail=trail,
                clocks=wiring.clocks(),
                rate=wish.rate,
                corrections=wish.corrections,
                force=wish.force,
                following=following,
                stop=stop,
                sent=advance,
            )
            await trail.begin()
            try:
                await doing.run(plan)
                if following is not None and wish.wait_s is not None:
                    await following.until_all_told(within_s=wish.wait_s, stop=stop)
            finally:
                counts = _counts("published", doing.progress, following)
                await trail.finish(wiring.clocks().now(), counts)
    return Ended(progress=doing.progress, record_id=trail.record.record_id, following=following, counts=counts)


async def find(settings: Settings, wish: Wish) -> list[Seen]:
    """The messages that are meant. Raises `NotOneMessage`, `TooMuchAtOnce`."""
    async with open_broker(settings, patience_s=wish.patience_s) as broker:
        return await gather(broker.queue, wish.selection, tenants(settings))


async def discard(settings: Settings, wish: Wish, seen: Sequence[Seen], reason: str, watch: Watch) -> Ended:
    """Discard these. Interrupted once it ends in order."""
    count = sum(each.count for each in seen)
    async with open_books(settings) as books, open_broker(settings, patience_s=wish.patience_s) as broker:
        trail = _trail(books, Action.DISCARD, wish, count, reason)
        with watch(count) as advance, _stopped_by_signals() as stop:
            doing = Discard(source=broker.queue, trail=trail, clocks=wiring.clocks(), stop=stop, sent=advance)
            await trail.begin()
            try:
                await doing.run(seen)
            finally:
                counts = _counts("discarded", doing.progress, None)
                await trail.finish(wiring.clocks().now(), counts)
    return Ended(progress=doing.progress, record_id=trail.record.record_id, counts=counts)


def _trail(books: Books, action: Action, wish: Wish, planned_count: int, reason: str | None = None) -> Trail:
    return Trail.of(
        books.audit,
        books.ledger.note,
        action,
        operator=wish.operator,
        reason=reason,
        at=wiring.clocks().now(),
        selection=wish.words(),
        planned_count=planned_count,
    )


def _counts(word: str, progress: Progress, following: Following | None) -> dict[str, int]:
    counts = {word: progress.sent_count, "gone": progress.gone_count}
    if following is not None:
        counts |= {outcome.value: count for outcome, count in following.outcomes.items()}
        counts |= {"no_result_yet": following.waiting_count, "unforeseen": following.unforeseen_count}
    return counts


@contextmanager
def _stopped_by_signals() -> Iterator[asyncio.Event]:
    """Set by the first signal; a second one is met by the system's own answer."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)

    def on_signal() -> None:
        stop.set()
        for each in signals:
            loop.remove_signal_handler(each)

    for each in signals:
        loop.add_signal_handler(each, on_signal)
    try:
        yield stop
    finally:
        for each in signals:
            loop.remove_signal_handler(each)
