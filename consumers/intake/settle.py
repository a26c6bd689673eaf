"""Acknowledges commands, and nothing else does: carries out verdicts in the order that loses nothing (DESIGN.md §4, 5).

Whatever must stand at the broker (derived removal, result, deferred or parked copy) is confirmed before the ack.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Iterable, Iterator, Sequence
from functools import partial
from typing import cast

import structlog
from aiormq.abc import FieldTable

from consumers.bookings.command import removal_of
from consumers.bookings.complaints import BadMessage, Complaint
from consumers.bookings.milestones import Milestone, Reached, nobody, unfailing
from consumers.bookings.policy import SyncPolicy
from consumers.bookings.result import Outcome
from consumers.bookings.retry import backoff_s, tier_for
from consumers.bookings.room import Clocks
from consumers.bookings.verdict import Ask, Later, Look, LookedAt, Parked, Problem, Settled, Verdict
from consumers.intake.copies import NotCopied
from consumers.intake.deliveries import Delivery, Held
from consumers.intake.guard import Guard
from consumers.intake.headers import copy_of, derived_removal, error_notes, instant_text, look_message
from consumers.intake.observer import Observer, Observers
from consumers.intake.received import Handed, shown_id
from consumers.intake.results import result_of
from consumers.intake.session import NotPublished
from consumers.intake.unreadable import UnreadableMessages

log = structlog.get_logger(__name__)

DELAYED_AFTER_S = 300.0
INTERNAL_ERROR_S = 15.0
WHY_MAX = 500
"""Characters of a reason in the log: a server may write pages."""


class Settler(UnreadableMessages):
    """Settles deliveries. Whatever goes wrong here leaves a delivery unacknowledged: it comes again."""

    def __init__(self, *, policy: SyncPolicy, clocks: Clocks, observer: Observer, reached: Reached = nobody) -> None:
        super().__init__(clocks, Observers(observer), Guard(clocks))
        self._policy = policy
        self._reached = unfailing(reached)

    async def settle(self, asks: Sequence[Ask], verdict: Verdict) -> None:
        """Carry out one verdict for all of these that are open. Never raises for a delivery's sake."""
        settling = [self._for(each, self._carry_out(each, verdict)) for each in _deliveries(asks) if each.is_open]
        if len(settling) == 1:
            # By far the most frequent case, and a task less for each command.
            await settling[0]
        else:
            await asyncio.gather(*settling)

    async def second_look(self, ask: Ask, look: Look) -> None:
        """Publish the command once more as a second look. Raises `NotPublished`: then nothing may be done."""
        (delivery,) = _deliveries([ask])
        room, wait_s = delivery.command.room, self._policy.second_look_s
        message = copy_of(
            delivery.message, look=look, attempts=0, first_seen_at=instant_text(self._clocks.now()), **_keys(delivery)
        )
        try:
            await delivery.session.to_deferred(message, room, wait_s)
        except NotCopied:
            # Without its headers: they are the command's, which is carried out now. The look must come all the same.
            bare = look_message(message.body, message.message_id or str(uuid.uuid4()), look)
            await delivery.session.to_deferred(bare, room, wait_s)
        self._reached(Milestone.LOOK_PUBLISHED, delivery.command.key)
        self._observer.look_ordered(delivery, look, wait_s=wait_s)

    async def work(self, deliveries: Sequence[Delivery], work: Awaitable[None]) -> None:
        """Await a lane's work on deliveries; after an error of ours they come back later, once it is mended."""
        try:
            await work
        except NotPublished:
            await self.release(deliveries)
        except Exception:  # a defect must cost its own batch time, never the worker or a message
            log.exception("batch.failed", deliveries=len(deliveries))
            problem = Problem.coded("internal_error")
            await self.settle(deliveries, Later(wait_s=INTERNAL_ERROR_S, problem=problem, counts_attempt=True))

    async def release(self, commands: Sequence[Held]) -> None:
        """Give commands back to the broker unharmed."""
        for each in commands:
            if each.is_open:
                await self._for(each, self._release(each))

    async def forward(self, delivery: Delivery) -> None:
        """Publish a command again under its room's key: published under another one it would pass its room's lane."""
        await self._for(delivery, self._forward(delivery))

    async def report_parked(self, delivery: Delivery) -> None:
        """Give a command that the broker parked its result; the message in hand is a copy."""

        async def report() -> None:
            problem = Problem.coded("parked_by_broker")
            await self._remove_from_previous_room(delivery)
            await self._tell(delivery, Outcome.FAILED, problem)
            await delivery.message.ack()
            self._observer.failed(delivery, problem, attempts=delivery.notes.attempts + 1)

        message, session = delivery.message, delivery.session
        last = partial(
            self._report_unreadable,
            message,
            session,
            _internal_error(delivery),
        )
        await self._guard.over(message, report(), held=delivery, last=last)

    async def stop(self) -> None:
        """Give back what rests."""
        await self._guard.stop()

    async def give_back(self, messages: Iterable[Handed]) -> None:
        """Give back what nobody works on."""
        for each in messages:
            await self._guard.give_back(each)

    def in_hand(self) -> Iterator[Handed]:
        """What is being settled, and what rests after an error of ours."""
        return self._guard.in_hand()

    async def _for(self, command: Held, settling: Awaitable[None]) -> None:
        last = partial(self._park_defect, command) if isinstance(command, Delivery) else None
        await self._guard.over(command.message, settling, held=command, last=last)

    async def _park_defect(self, delivery: Delivery) -> None:
        """Put aside a command that cannot be settled as what it is, however often it is tried."""
        if delivery.look is None:
            await self._park_unreadable(
                delivery.message,
                delivery.session,
                _internal_error(delivery),
            )

    async def _forward(self, delivery: Delivery) -> None:
        await delivery.session.to_commands(copy_of(delivery.message), delivery.command.room)
        await delivery.message.ack()
        log.info("booking.forwarded", **_who(delivery), why="published under another routing key")

    async def _carry_out(self, delivery: Delivery, verdict: Verdict) -> None:
        match verdict:
            case Settled():
                await self._finish(delivery, verdict)
            case Parked(problem=problem):
                await self._park(delivery, problem)
            case Later():
                await self._send_away(delivery, verdict)
            case LookedAt():
                await self._ack(delivery)
                self._observer.looked(delivery)

    async def _finish(self, delivery: Delivery, settled: Settled) -> None:
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

    async def _release(self, command: Held) -> None:
        await self._guard.give_back(command.message)
        if isinstance(command, Delivery):
            # Of those that nobody had read, nobody was told.
            self._observer.released(command)

    async def _ack(self, delivery: Delivery) -> None:
        self._reached(Milestone.BEFORE_ACK, delivery.command.key)
        await delivery.message.ack()

    async def _send_away(self, delivery: Delivery, later: Later) -> None:
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
            **_kept(delivery),
        )
        await delivery.session.to_deferred(message, delivery.routing_key, tier_s)
        self._reached(Milestone.DEFERRED, delivery.command.key)
        await self._ack(delivery)
        self._observer.deferred(delivery, later.problem, wait_s=tier_s, attempts=attempts)
        log.info("booking.deferred", **_who(delivery), code=later.problem.code, wait_s=tier_s, attempts=attempts)

    async def _park(self, delivery: Delivery, problem: Problem) -> None:
        now = self._clocks.now()
        message = copy_of(
            delivery.message,
            attempts=delivery.notes.attempts + 1,
            failed_at=instant_text(now),
            **error_notes(problem),
            **_kept(delivery),
        )
        await delivery.session.to_failed(message, delivery.routing_key)
        self._reached(Milestone.PARKED, delivery.command.key)
        await self._remove_from_previous_room(delivery)
        if delivery.look is None:
            await self._tell(delivery, Outcome.FAILED, problem)
        await self._ack(delivery)
        self._observer.failed(delivery, problem, attempts=delivery.notes.attempts + 1)
        log.warning("booking.parked", **_who(delivery), code=problem.code, why=problem.message[:WHY_MAX])

    async def _tell(self, delivery: Delivery, outcome: Outcome, problem: Problem) -> None:
        result = result_of(delivery, outcome, now=self._clocks.now(), now_s=self._clocks.monotonic(), problem=problem)
        await delivery.session.result(result)
        self._reached(Milestone.RESULT_PUBLISHED, delivery.command.key)

    async def _remove_from_previous_room(self, delivery: Delivery) -> None:
        """Whatever became of a move, the booking is not in the room it left (DESIGN.md §3, rule 6)."""
        command = delivery.command
        removal = removal_of(command)
        if removal is not None and command.previous_room is not None and delivery.look is None:
            message = derived_removal(removal, delivery.message.message_id)
            await delivery.session.to_commands(message, command.previous_room)
            self._reached(Milestone.REMOVAL_PUBLISHED, command.key)


def _deliveries(asks: Sequence[Ask]) -> Sequence[Delivery]:
    # The lanes hand in nothing but deliveries; the bookings' side knows them as asks.
    return cast("Sequence[Delivery]", asks)


def _rests(later: Later) -> bool:
    """Whether the whole tenant stands still, so that the time must not make its commands give up."""
    return later.problem.scope == "tenant" and not later.counts_attempt


def _kept(delivery: Delivery) -> FieldTable:
    """What stays noted. Written anew: what was not credible would be so beside what we write (`credible`)."""
    replayed_at = delivery.notes.replayed_at
    return {
        "first_seen_at": instant_text(delivery.first_seen_at),
        "replayed_at": replayed_at and instant_text(replayed_at),
        "derived": delivery.notes.derived or None,
        **_keys(delivery),
    }


def _keys(delivery: Delivery) -> dict[str, str | int]:
    command = delivery.command
    return {
        "tenant": command.tenant,
        "room": command.room,
        "booking_id": command.booking_id,
        "version": command.version,
        "backend": delivery.backend,
    }


def _who(delivery: Delivery) -> dict[str, str | int | None]:
    return {**_keys(delivery), "message_id": shown_id(delivery.message.message_id)}


def _internal_error(delivery: Delivery) -> BadMessage:
    """What stands for a command that cannot be settled as what it is, however often it is tried."""
    return BadMessage((Complaint.of("internal_error"),), delivery.command.known)
