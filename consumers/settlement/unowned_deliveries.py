"""Looks for deliveries that the broker waits for and that nobody has in hand: they would fill a window, unseen.

RabbitMQ tells a client of no count of what it waits for, so that is counted where deliveries come in and answers leave.
"""

import time
from collections.abc import Callable, Iterator
from typing import Protocol, cast

import structlog

from consumers.broker.delivery import Delivery
from consumers.broker.incoming_message import HandedOut, IncomingMessage, Receipt, State

log = structlog.get_logger(__name__)

STRAY_S = 30.0
"""A delivery is looked for after this time; what misses it at two looks, one after the other, has lost it."""
LEFT_LYING = "messages were taken from the broker and left lying"
"""What /readyz says; the runbook explains it."""
TOLD_S = 60.0
"""How long it is told once it was given back: what caused it may cause it again."""


class Waited(Protocol):
    """A session, as far as it is looked at."""

    @property
    def handed_out(self) -> HandedOut:
        """What the broker waits for."""
        ...

    def lose(self, why: str) -> None:
        """Give the session up: all that it had in hand comes again."""


class Waiting(Protocol):
    """The lanes, as far as they are looked at."""

    def in_hand(self) -> Iterator[Delivery]:
        """What waits or is being worked on."""
        ...


class Settling(Protocol):
    """The settler, as far as it is looked at."""

    def in_hand(self) -> Iterator[IncomingMessage]:
        """What is being settled or rests."""
        ...

    async def give_back(self, messages: list[IncomingMessage]) -> None:
        """Give back what nobody works on."""


class Strays:
    """What was missed at the last look. `stray_s`: how long a delivery may be under way unseen."""

    def __init__(self, stray_s: float = STRAY_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._stray_s = stray_s
        self._clock = clock
        self._missed: set[Receipt] = set()
        self._told = ""
        self._told_until_s = 0.0

    async def look(self, session: Waited, lanes: Waiting, settler: Settling) -> str | None:
        """Look once, and give back what strays. Returns what the operator is to be told, or None."""
        strays = self._strays(session, lanes, settler)
        lost, self._missed = self._missed & strays, strays - self._missed
        if lost:
            await self._let_go(lost, session, settler)
        return self._told if self._clock() < self._told_until_s else None

    def _strays(self, session: Waited, lanes: Waiting, settler: Settling) -> set[Receipt]:
        old = session.handed_out.older_than(self._stray_s)
        if not old:
            return set()
        in_hand = {id(held.message) for held in lanes.in_hand()} | {id(message) for message in settler.in_hand()}
        return {receipt for receipt in old if id(receipt) not in in_hand}

    async def _let_go(self, lost: set[Receipt], session: Waited, settler: Settling) -> None:
        self._told = f"{LEFT_LYING} ({len(lost)}); they go back to it"
        self._told_until_s = self._clock() + TOLD_S
        log.error("delivery.stuck", deliveries=len(lost), consequence="they are given back to the broker")
        await settler.give_back([cast("IncomingMessage", receipt) for receipt in lost if receipt.state is State.OPEN])
        if any(receipt.state is State.LOST for receipt in lost):
            # An answer that may not have left cannot be given a second time.
            session.lose("an acknowledgement could not be sent")
