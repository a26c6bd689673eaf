"""Builds result events from deliveries and verdicts (docs/contract.md#results)."""

from collections.abc import Sequence
from datetime import datetime

from consumers.broker.delivery import ParsedDelivery
from consumers.broker.incoming_message import IncomingMessage
from consumers.messages.codes import code_of
from consumers.messages.disposition import Problem
from consumers.messages.result import Outcome, ResultError, ResultEvent, ResultWarning
from consumers.messages.violations import BadMessage, Remark


def result_of(  # noqa: PLR0913 - the members of a result that a delivery does not hold
    delivery: ParsedDelivery,
    outcome: Outcome,
    *,
    now: datetime,
    now_s: float,
    item_id: str | None = None,
    warnings: Sequence[Remark] = (),
    problem: Problem | None = None,
) -> ResultEvent:
    """What became of a command. `now_s` is monotonic, like the delivery's `received_s`."""
    command = delivery.command
    return ResultEvent(
        outcome=outcome,
        tenant=command.tenant,
        room=command.room,
        booking_id=command.booking_id,
        version=command.version,
        command=command.kind.value,
        message_id=delivery.message.message_id,
        backend=delivery.backend,
        item_id=item_id,
        attempts=delivery.notes.attempts + 1,
        at=now,
        took_ms=max(0, round((now_s - delivery.received_s) * 1000)),
        derived=delivery.notes.derived,
        warnings=tuple(ResultWarning.model_validate(remark) for remark in (*command.warnings, *warnings)),
        error=None if problem is None else ResultError.model_validate(problem),
    )


def result_of_unreadable(message: IncomingMessage, bad: BadMessage, *, at: datetime) -> ResultEvent:
    """The `failed` result of a message that is no command: only what passed its own check is in it."""
    known, first = bad.known, bad.first
    return ResultEvent.model_validate(
        {
            "outcome": Outcome.FAILED,
            "tenant": known.tenant,
            "room": known.room,
            "booking_id": known.booking_id,
            "version": known.version,
            "command": known.command,
            "message_id": message.message_id,
            "attempts": 1,
            "at": at,
            "took_ms": 0,
            "error": {
                "code": first.code,
                "message": first.message,
                "member": first.member,
                "scope": code_of(first.code).scope,
            },
        }
    )
