"""Acknowledges commands, and nothing else does: carries out dispositions in the order that loses nothing.

Whatever must stand at the broker (derived removal, result, deferred or dead-lettered copy) is confirmed before the ack
(docs/protocol.md#acknowledging).
"""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Awaitable, Iterable, Iterator, Sequence
from contextlib import aclosing
from functools import partial
from typing import cast

import structlog

from consumers.broker.delivery import Delivery, ParsedDelivery
from consumers.broker.headers import copy_of, derived_removal, error_notes, instant_text, look_message
from consumers.broker.incoming_message import IncomingMessage, shown_id
from consumers.broker.message_copy import NotCopied
from consumers.broker.session import NotPublished
from consumers.messages.command import removal_of
from consumers.messages.disposition import (
    Checked,
    CheckLater,
    Completed,
    DeadLettered,
    Decisions,
    Deferred,
    Disposition,
    Look,
    Problem,
    SyncRequest,
)
from consumers.messages.result import Outcome
from consumers.messages.violations import BadMessage, Violation
from consumers.milestones import Milestone, OnMilestone, ignore, unfailing
from consumers.policy import SyncPolicy
from consumers.settlement.guard import Guard
from consumers.settlement.observer import Observer, Observers
from consumers.settlement.results import result_of
from consumers.settlement.unreadable import UnreadableMessages
from consumers.sync.room import Clocks
from consumers.throttling.retry import backoff_s, tier_for

log = structlog.get_logger(__name__)

DELAYED_AFTER_S = 300.0
INTERNAL_ERROR_S = 15.0
WHY_MAX = 500
"""Characters of a reason in the log: a server may write pages."""


class Settler(UnreadableMessages):
    """Settles deliveries. Whatever goes wrong here leaves a delivery unacknowledged: it comes again."""

    def __init__(
        self, *, policy: SyncPolicy, clocks: Clocks, observer: Observer, reached: OnMilestone = ignore
    ) -> None:
        super().__init__(clocks, Observers(observer), Guard(clocks))
        self._policy = policy
        self._reached = unfailing(reached)

    async def settle(self, deliveries: Sequence[ParsedDelivery], disposition: Disposition) -> None:
        """Carry out one disposition for all of these that are open. Never raises for a delivery's sake."""
        await self._settle([(each, disposition) for each in deliveries])

    async def carry_out_all(self, decided: AsyncGenerator[Decisions, None]) -> None:
        """Carry out what is decided, step by step. Raises what deciding raises, and like `carry_out`."""
        async with aclosing(decided):
            async for decisions in decided:
                await self.carry_out(decisions)

    async def carry_out(self, decisions: Decisions) -> None:
        """Carry out decisions side by side.

        Raises:
            NotPublished: a delayed check could not be ordered, so nothing that comes after may be done.
        """
        ends: list[tuple[ParsedDelivery, Disposition]] = []
        for requests, disposition in decisions:
            for each in _deliveries(requests):
                if isinstance(disposition, CheckLater):
                    await self._order_check(each, disposition.look)
                else:
                    ends.append((each, disposition))
        await self._settle(ends)

    async def _settle(self, ends: Sequence[tuple[ParsedDelivery, Disposition]]) -> None:
        settling = [self._for(each, self._carry_out(each, disposition)) for each, disposition in ends if each.is_open]
        if len(settling) == 1:
            # By far the most frequent case, and a task less for each command.
            await settling[0]
        else:
            await asyncio.gather(*settling)

    async def _order_check(self, delivery: ParsedDelivery, look: Look) -> None:
        room, wait_s = delivery.command.room, self._policy.second_look_s
        message = copy_of(
            delivery.message, look=look, attempts=0, first_seen_at=instant_text(self._clocks.now()), **delivery.labels
        )
        try:
            await delivery.session.to_deferred(message, room, wait_s)
        except NotCopied:
            # Without its headers: they are the command's, which is carried out now. The check must come all the same.
            bare = look_message(message.body, message.message_id or str(uuid.uuid4()), look)
            await delivery.session.to_deferred(bare, room, wait_s)
        self._reached(Milestone.LOOK_PUBLISHED, delivery.command.key)
        self._observer.look_ordered(delivery, look, wait_s=wait_s)

    async def work(self, deliveries: Sequence[ParsedDelivery], work: Awaitable[None]) -> None:
        """Await a lane's work on deliveries; after an error of ours they come back later, once it is mended."""
        try:
            await work
        except NotPublished:
            await self.release(deliveries)
        except Exception:  # a defect must cost its own batch time, never the worker or a message
            log.exception("batch.failed", deliveries=len(deliveries))
            problem = Problem.coded("internal_error")
            await self.settle(deliveries, Deferred(wait_s=INTERNAL_ERROR_S, problem=problem, counts_attempt=True))

    async def release(self, commands: Sequence[Delivery]) -> None:
        """Give commands back to the broker unharmed."""
        for each in commands:
            if each.is_open:
                await self._for(each, self._release(each))

    async def forward(self, delivery: ParsedDelivery) -> None:
        """Publish a command again under its room's key: published under another one it would pass its room's lane."""
        await self._for(delivery, self._forward(delivery))

    async def report_parked(self, delivery: ParsedDelivery) -> None:
        """Give a command that the broker parked its result; the message in hand is a copy."""

        async def report() -> None:
            problem = Problem.coded("parked_by_broker")
            await self._remove_from_previous_room(delivery)
            await self._tell(delivery, Outcome.FAILED, problem)
            await delivery.message.ack()
            self._observer.failed(delivery, problem, attempts=delivery.notes.attempts + 1)

        message, session = delivery.message, delivery.session
        last = partial(self._report_unreadable, message, session, _internal_error(delivery))
        await self._guard.over(message, report(), held=delivery, last=last)

    async def stop(self) -> None:
        """Give back what rests."""
        await self._guard.stop()

    async def give_back(self, messages: Iterable[IncomingMessage]) -> None:
        """Give back what nobody works on."""
        for each in messages:
            await self._guard.give_back(each)

    def in_hand(self) -> Iterator[IncomingMessage]:
        """What is being settled, and what rests after an error of ours."""
        return self._guard.in_hand()

    async def _for(self, command: Delivery, settling: Awaitable[None]) -> None:
        last = partial(self._park_defect, command) if isinstance(command, ParsedDelivery) else None
        await self._guard.over(command.message, settling, held=command, last=last)

    async def _park_defect(self, delivery: ParsedDelivery) -> None:
        """Put aside a command that cannot be settled as what it is, however often it is tried."""
        if delivery.look is None:
            await self._park_unreadable(delivery.message, delivery.session, _internal_error(delivery))

    async def _forward(self, delivery: ParsedDelivery) -> None:
        await delivery.session.to_commands(copy_of(delivery.message), delivery.command.room)
        await delivery.message.ack()
        log.info("booking.forwarded", **_who(delivery), why="published under another routing key")

    async def _carry_out(self, delivery: ParsedDelivery, disposition: Disposition) -> None:
        match disposition:
            case Completed():
                await self._finish(delivery, disposition)
            case DeadLettered(problem=problem):
                await self._park(delivery, problem)
            case Deferred():
                await self._send_away(delivery, disposition)
            case Checked():
                await self._ack(delivery)
                self._observer.looked(delivery)

    async def _finish(self, delivery: ParsedDelivery, settled: Completed) -> None:
        await self._remove_from_previous_room(delivery)
        result = result_of(
            delivery,
            Outcome(settled.outcome),
            now=self._clocks.now(),
            now_s=self._clocks.monotonic(),
            item_id=settled.item_id,
            warnings=settled.warnings,
        )
        await delivery.session.result(result)
        self._reached(Milestone.RESULT_PUBLISHED, delivery.command.key)
        await self._ack(delivery)
        self._observer.finished(delivery, settled, result)

    async def _release(self, command: Delivery) -> None:
        await self._guard.give_back(command.message)
        if isinstance(command, ParsedDelivery):
            # Of those that nobody had read, nobody was told.
            self._observer.released(command)

    async def _ack(self, delivery: ParsedDelivery) -> None:
        self._reached(Milestone.BEFORE_ACK, delivery.command.key)
        await delivery.message.ack()

    async def _send_away(self, delivery: ParsedDelivery, later: Deferred) -> None:
        now = self._clocks.now()
        age_s = (now - delivery.tried_since_at).total_seconds()
        attempts = delivery.notes.attempts + (1 if later.counts_attempt else 0)
        tried_s = (now - delivery.given_up_from_at).total_seconds()
        if later.counts_attempt and tried_s >= self._policy.give_up_after_s:
            last = f"{later.problem.code}: {later.problem.message}"
            await self._park(delivery, Problem.coded("gave_up", detail=last))
            return
        wait_s = max(later.wait_s, backoff_s(attempts)) if later.counts_attempt else later.wait_s
        tier_s = tier_for(wait_s)
        tell = not delivery.notes.delayed_told and delivery.look is None and age_s + tier_s >= DELAYED_AFTER_S
        if tell:
            # It cannot be done before the five minutes are over, and nobody will hold it when they are.
            await self._tell(delivery, Outcome.DELAYED, later.problem)
        rested_at = now if _rests(later) else delivery.notes.rested_at
        message = copy_of(
            delivery.message,
            attempts=attempts,
            rested_at=rested_at and instant_text(rested_at),
            delayed=True if tell or delivery.notes.delayed_told else None,
            **error_notes(later.problem),
            **delivery.kept_headers,
        )
        await delivery.session.to_deferred(message, delivery.routing_key, tier_s)
        self._reached(Milestone.DEFERRED, delivery.command.key)
        await self._ack(delivery)
        self._observer.deferred(delivery, later.problem, wait_s=tier_s, attempts=attempts)
        log.info("booking.deferred", **_who(delivery), code=later.problem.code, wait_s=tier_s, attempts=attempts)

    async def _park(self, delivery: ParsedDelivery, problem: Problem) -> None:
        now = self._clocks.now()
        message = copy_of(
            delivery.message,
            attempts=delivery.notes.attempts + 1,
            failed_at=instant_text(now),
            **error_notes(problem),
            **delivery.kept_headers,
        )
        await delivery.session.to_failed(message, delivery.routing_key)
        self._reached(Milestone.PARKED, delivery.command.key)
        await self._remove_from_previous_room(delivery)
        if delivery.look is None:
            await self._tell(delivery, Outcome.FAILED, problem)
        await self._ack(delivery)
        self._observer.failed(delivery, problem, attempts=delivery.notes.attempts + 1)
        log.warning("booking.parked", **_who(delivery), code=problem.code, why=problem.message[:WHY_MAX])

    async def _tell(self, delivery: ParsedDelivery, outcome: Outcome, problem: Problem) -> None:
        result = result_of(delivery, outcome, now=self._clocks.now(), now_s=self._clocks.monotonic(), problem=problem)
        await delivery.session.result(result)
        self._reached(Milestone.RESULT_PUBLISHED, delivery.command.key)

    async def _remove_from_previous_room(self, delivery: ParsedDelivery) -> None:
        """Whatever became of a move, the booking is not in the room it left (docs/protocol.md#rule-6)."""
        command = delivery.command
        removal = removal_of(command)
        if removal is not None and command.previous_room is not None and delivery.look is None:
            message = derived_removal(removal, delivery.message.message_id)
            await delivery.session.to_commands(message, command.previous_room)
            self._reached(Milestone.REMOVAL_PUBLISHED, command.key)


def _deliveries(requests: Sequence[SyncRequest]) -> Sequence[ParsedDelivery]:
    # Batches hold nothing but deliveries; deciding knows them as requests.
    return cast("Sequence[ParsedDelivery]", requests)


def _rests(later: Deferred) -> bool:
    """Whether the whole tenant stands still, so that the time must not make its commands give up."""
    return later.problem.scope == "tenant" and not later.counts_attempt


def _who(delivery: ParsedDelivery) -> dict[str, str | int | None]:
    return {**delivery.labels, "message_id": shown_id(delivery.message.message_id)}


def _internal_error(delivery: ParsedDelivery) -> BadMessage:
    """What stands for a command that cannot be settled as what it is, however often it is tried."""
    return BadMessage((Violation.of("internal_error"),), delivery.command.known)
