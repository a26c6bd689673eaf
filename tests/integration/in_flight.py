"""Commands that are in hand when something goes wrong, and the session that they came by."""

from consumers.broker.session import Session
from tests.intake_stage import IntakeStage


async def commands_in_flight(stage: IntakeStage, count: int = 40) -> None:
    """Some are being written, the others wait behind them."""
    stage.calendar.pause()
    await stage.publish_many(count)
    await stage.until(lambda: sum(stage.calendar.in_flight.values()) > 0, "a request in flight")
    await stage.until(lambda: in_hand(stage) == count, "all commands in hand")


def in_hand(stage: IntakeStage) -> int:
    return sum(waiting + in_work for waiting, in_work in stage.intake.lanes.snapshot().values())


def in_use(stage: IntakeStage) -> Session:
    """The session in use, to be taken before anything is hurt: it may be gone by the time that this is done."""
    assert stage.intake.session is not None
    return stage.intake.session


async def lost(stage: IntakeStage, session: Session, within_s: float = 30) -> str:
    """Wait until a session is given up; returns why it was."""
    await stage.until(lambda: session.is_lost, "the session to be given up", within_s)
    return session.why_lost
