"""Which ledger is in use: the broker keeps its id, so that two workers on two ledgers cannot both write.

The queue `<prefix>.ledger` holds one message with the ledger's id and generation (docs/protocol.md#rule-7). The
generation rises with every worker start, so that an older copy of the same ledger is recognised as well.
"""

import json
import math
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from aio_pika import DeliveryMode, Message

from adapters.ledger import Ledger, LedgerIdentity
from consumers.broker.headers import read_instant
from consumers.broker.queue_names import QueueNames
from consumers.broker.session import Session
from consumers.sync.room import Clocks

READ_TRIES = 10
READ_PAUSE_S = 0.3


class LedgerRefused(Exception):
    """This ledger is not the one in use; the text says which is, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What the broker knows of the ledger in use. `replaced_at`: when it took the place of another one, or None."""

    ledger_id: str
    generation: int
    replaced_at: datetime | None = None

    def to_message(self) -> Message:
        """The message that stands for it."""
        members: dict[str, str | int] = {"ledger_id": self.ledger_id, "generation": self.generation}
        if self.replaced_at is not None:
            members["replaced_at"] = self.replaced_at.isoformat()
        return Message(
            json.dumps(members).encode("ascii"),
            content_type="application/json",
            delivery_mode=DeliveryMode.PERSISTENT,
        )

    @classmethod
    def from_body(cls, body: bytes) -> "Registration | None":
        """Read it; None for a message that is none of ours."""
        try:
            members = json.loads(body)
            return cls(
                ledger_id=str(members["ledger_id"]),
                generation=int(members["generation"]),
                # A message without a zone, or of a time that is none, is none of ours either; it holds nobody up.
                replaced_at=read_instant(members.get("replaced_at")),
            )
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            return None

    def replaced_ago_s(self, now: datetime) -> float:
        """Seconds since it took another one's place; infinity for a ledger that never did."""
        return math.inf if self.replaced_at is None else (now - self.replaced_at).total_seconds()


Standing = Literal["first", "same", "replaces"]
"""A first installation, the ledger in use, or an empty one that takes the place of one that was lost."""


def check_registration(seat: Registration | None, ledger: LedgerIdentity) -> Standing:
    """Whether a ledger may be used. Pure.

    Raises:
        LedgerRefused: another ledger is in use, or a newer copy of this one.
    """
    if seat is None:
        return "first"
    if seat.ledger_id == ledger.ledger_id:
        if ledger.generation < seat.generation:
            raise LedgerRefused(
                f"This is an older copy of the ledger in use (generation {ledger.generation}, in use is "
                f"{seat.generation}): what happened since is unknown to it. Give the newer one back, or run "
                "`roomsync ledger adopt` to go on with this one."
            )
        return "same"
    if ledger.is_empty:
        return "replaces"
    raise LedgerRefused(
        f"Another ledger is in use at this broker ({seat.ledger_id}, this one is {ledger.ledger_id}): two ledgers "
        "would book twice. Configure the one in use, or run `roomsync ledger adopt` to go on with this one."
    )


async def read_registration(session: Session) -> Registration | None:
    """What the broker knows; None where no ledger was registered yet."""
    body = await session.peek_ledger()
    return None if body is None else Registration.from_body(body)


async def register(
    session: Session, names: QueueNames, ledger: Ledger, clocks: Clocks, *, queue_is_new: bool
) -> Registration:
    """Register this worker's start with its ledger, or raise `LedgerRefused`.

    Args:
        queue_is_new: nobody can have registered yet. Else an empty queue may just mean that another worker is reading
            the message at this moment, so it is read again for a while.
    """
    seat = await read_registration(session)
    for _ in range(0 if queue_is_new else READ_TRIES):
        if seat is not None:
            break
        await clocks.sleep(READ_PAUSE_S)
        seat = await read_registration(session)
    standing = check_registration(seat, await ledger.identity())
    if standing == "replaces" and await _is_at_work(session, names):
        raise LedgerRefused(
            "This ledger is empty, and a worker with another ledger is at work at this broker: a replica needs the "
            "same ledger (PostgreSQL). If that one is to be replaced, stop its workers first."
        )
    before_at = None if seat is None else seat.replaced_at
    return await _take(session, ledger, clocks.now() if standing == "replaces" else before_at)


async def adopt(session: Session, names: QueueNames, ledger: Ledger, clocks: Clocks) -> Registration:
    """Go on with this ledger, whichever was in use: its rooms are scanned again before anything is written.

    Raises:
        LedgerRefused: a worker is at work.
    """
    if await _is_at_work(session, names):
        raise LedgerRefused("A worker is at work at this broker: stop all workers before a ledger is adopted.")
    await ledger.forget_scans()
    return await _take(session, ledger, clocks.now())


async def _take(session: Session, ledger: Ledger, replaced_at: datetime | None) -> Registration:
    """The generation is raised in the ledger first: a crash in between leaves the ledger ahead, which is right."""
    identity = await ledger.next_generation()
    seat = Registration(ledger_id=identity.ledger_id, generation=identity.generation, replaced_at=replaced_at)
    await session.to_ledger(seat.to_message())
    return seat


async def _is_at_work(session: Session, names: QueueNames) -> bool:
    depth = await session.depth(names.partition(0))
    return depth is not None and depth[1] > 0
