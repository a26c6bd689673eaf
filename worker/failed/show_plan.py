"""How a replay is shown: what will become of each message, and what became of them."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from adapters.audit import AuditedMessage, AuditRecord, Change
from consumers.failed.forecast import Will
from consumers.failed.planning import Planned, ReplayPlan
from consumers.messages.result import Outcome
from worker.failed.acting import Ended
from worker.failed.show import counted, instant, lasting, message_json, rows_shown
from worker.terminal import say

PREVIEWED_MAX = 20
_WORDS = {
    Will.CREATE: "will create the event",
    Will.CHANGE: "will change",
    Will.REMOVE: "will remove the event",
    Will.CONFIRM: "already so",
    Will.SUPERSEDED: "superseded, would be ignored",
    Will.REFUSED: "still refused",
    Will.WAIT: "another write is not settled, the worker looks first",
    Will.LOOK: "a look at the calendar",
}


def fate_words(planned: Planned) -> str:
    """What will become of a message, in words."""
    fate = planned.fate
    words = _WORDS[fate.will]
    if fate.will is Will.CHANGE:
        words += f" {', '.join(fate.members)}" if fate.members else " the event"
    if fate.will is Will.REFUSED:
        words += f": {fate.code}" + (f" ({fate.why})" if fate.why else "")
    if planned.changes:
        words += f" (corrected: {', '.join(change.member for change in planned.changes)})"
    return words if planned.count == 1 else f"{words} ({planned.count} equal messages)"


def plan_line(plan: ReplayPlan, rate: float) -> str:
    """How much, where, how long."""
    rooms = counted(plan.room_count, "room")
    needed = lasting(plan.needs_s(rate))
    return f"{counted(plan.message_count, 'message')}, {rooms}, about {needed} at {rate:g}/s"


def show_plan(plan: ReplayPlan, rate: float, *, whole: bool) -> None:
    """The plan line, a line for each kind of fate, and the messages: all of them, or the first ones."""
    say(plan_line(plan, rate))
    every = (*plan.planned, *plan.left)
    kinds = Counter((planned.fate.will, planned.fate.code) for planned in every for _ in range(planned.count))
    for (will, code), count in kinds.most_common():
        stays = ", stays in the queue" if will is Will.REFUSED and plan.left else ""
        say(f"  {count:,} {_WORDS[will]}{f': {code}' if code else ''}{stays}")
    some = every if whole else every[:PREVIEWED_MAX]
    rows_shown(
        ("id", "room", "booking", "version", "what"),
        [
            (each.failed.failed_id, each.failed.room, each.failed.booking_id, each.failed.version, fate_words(each))
            for each in some
        ],
    )
    if len(some) < len(every):
        say(f"… and {len(every) - len(some):,} more; --dry-run shows all.")


def plan_json(plan: ReplayPlan, rate: float) -> dict[str, Any]:
    """The plan, for machines."""
    return {
        "count": plan.message_count,
        "rooms": plan.room_count,
        "needs_s": round(plan.needs_s(rate), 1),
        "messages": [_planned_json(each, is_left=False) for each in plan.planned]
        + [_planned_json(each, is_left=True) for each in plan.left],
    }


def _planned_json(planned: Planned, *, is_left: bool) -> dict[str, Any]:
    fate = planned.fate
    return message_json(planned.failed) | {
        "will": fate.will.value,
        "members": list(fate.members),
        "refused": None if fate.code is None else {"code": fate.code, "why": fate.why},
        "outcome": fate.outcome and fate.outcome.value,
        "count": planned.count,
        "corrected": [change.member for change in planned.changes],
        "stays": is_left,
    }


def show_ended(ended: Ended, word: str) -> None:
    """What was done, and with the results what became of it."""
    progress, following = ended.progress, ended.following
    told = [f"{counted(progress.sent_count, 'message')} {word}"]
    if progress.gone_count:
        told.append(f"{progress.gone_count:,} taken by somebody else meanwhile")
    if progress.stopped:
        told.append("stopped before the end, the rest stays in the queue")
    say("; ".join(told) + f". Audit record {ended.record_id}.")
    if following is None:
        return
    outcomes = following.outcomes
    again = ", ".join(f"{code} {count:,}" for code, count in following.failed_codes.most_common())
    say(
        f"{outcomes[Outcome.SYNCED]:,} synced, {outcomes[Outcome.REMOVED]:,} removed, "
        f"{outcomes[Outcome.SUPERSEDED]:,} superseded, {outcomes[Outcome.FAILED]:,} failed again"
        + (f" ({again})" if again else "")
        + (f", {following.waiting_count:,} without a result yet" if following.waiting_count else "")
        + "."
    )
    if following.unforeseen_count:
        say(f"{following.unforeseen_count:,} ended otherwise than it was foretold.")


def ended_json(ended: Ended) -> dict[str, Any]:
    """The same, for machines."""
    following = ended.following
    return {
        "audit": ended.record_id,
        "stopped": ended.progress.stopped,
        "counts": dict(ended.counts),
        "failed_again": None if following is None else dict(following.failed_codes),
    }


def is_well(ended: Ended) -> bool:
    """Whether everything was done, and nothing failed again or has no result."""
    following = ended.following
    if ended.progress.stopped:
        return False
    return following is None or not (following.outcomes[Outcome.FAILED] or following.waiting_count)


def audit_json(record: AuditRecord, messages: Sequence[AuditedMessage], *, personal: bool) -> dict[str, Any]:
    """A record, for machines; corrections with old and new only where they were asked for."""
    return {
        "audit": record.record_id,
        "action": record.action.value,
        "operator": record.operator,
        "begun_at": instant(record.begun_at),
        "finished_at": instant(record.finished_at),
        "selection": record.selection,
        "reason": record.reason,
        "planned": record.planned_count,
        "written_down": record.written_count,
        "counts": dict(record.counts),
        "messages": [_audited_json(message, personal=personal) for message in messages],
    }


def _audited_json(message: AuditedMessage, *, personal: bool) -> dict[str, Any]:
    return {
        "id": message.failed_id,
        "code": message.code,
        "tenant": message.tenant,
        "room": message.room,
        "booking_id": message.booking_id,
        "version": message.version,
        "message_id": message.message_id,
        "changes": [_change_json(change, personal=personal) for change in message.changes],
    }


def _change_json(change: Change, *, personal: bool) -> dict[str, str | None]:
    return {"member": change.member} | ({"old": change.old, "new": change.new} if personal else {})


def show_audit(record: AuditRecord, messages: Sequence[AuditedMessage], *, personal: bool) -> None:
    """A record with all its messages."""
    show_records([record])
    rows_shown(
        ("id", "code", "room", "booking", "version", "corrected"),
        [
            (each.failed_id, each.code, each.room, each.booking_id, each.version, _changes(each.changes, personal))
            for each in messages
        ],
    )


def _changes(changes: Sequence[Change], personal: bool) -> str:
    if not personal:
        return ", ".join(change.member for change in changes)
    return ", ".join(f"{change.member}: {change.old} -> {change.new}" for change in changes)


def show_records(records: Sequence[AuditRecord]) -> None:
    """A line each."""
    rows_shown(
        ("audit", "begun at", "action", "operator", "selection", "reason", "how it ended"),
        [
            (
                record.record_id,
                instant(record.begun_at, seconds=True),
                record.action.value,
                record.operator,
                record.selection,
                record.reason,
                _ending(record),
            )
            for record in records
        ],
    )


def _ending(record: AuditRecord) -> str:
    if record.finished_at is None:
        return f"not finished: {record.written_count:,} of {record.planned_count:,} messages touched at most"
    return (
        ", ".join(f"{count:,} {word.replace('_', ' ')}" for word, count in record.counts.items() if count) or "nothing"
    )
