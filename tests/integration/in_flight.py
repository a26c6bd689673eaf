"""Commands that are in hand when something goes wrong, and the session that they came by."""

from consumers.broker.session import Session
from tests.consumer_harness import ConsumerHarness


async def commands_in_flight(harness: ConsumerHarness, count: int = 40) -> None:
    """Some are being written, the others wait behind them."""
    harness.calendar.pause()
    await harness.publish_many(count)
    await harness.until(lambda: sum(harness.calendar.in_flight.values()) > 0, "a request in flight")
    await harness.until(lambda: in_hand(harness) == count, "all commands in hand")


def in_hand(harness: ConsumerHarness) -> int:
    return sum(waiting + in_work for waiting, in_work in harness.intake.lanes.snapshot().values())


def in_use(harness: ConsumerHarness) -> Session:
    """The session in use, to be taken before anything is hurt: it may be gone by the time that this is done."""
    assert harness.intake.session is not None
    return harness.intake.session


async def lost(harness: ConsumerHarness, session: Session, within_s: float = 30) -> str:
    """Wait until a session is given up; returns why it was."""
    await harness.until(lambda: session.is_lost, "the session to be given up", within_s)
    return session.why_lost
