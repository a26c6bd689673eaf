"""What every audit does: an action is on record before it is done, also where it was never finished."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from adapters.audit import Action, Audit, AuditedMessage, AuditRecord, Change
from adapters.sql import open_audit, open_ledger

BEGUN_AT = datetime(2026, 11, 20, 9, 0, 0, 123_456, tzinfo=UTC)


def a_record(record_id: str = "r1", **changes: object) -> AuditRecord:
    given: dict[str, object] = {
        "action": Action.REPLAY,
        "operator": "ada@desk",
        "begun_at": BEGUN_AT,
        "selection": "--code gave_up",
        "planned_count": 2,
    }
    return AuditRecord(record_id=record_id, **(given | changes))  # type: ignore[arg-type]  # a builder takes any


def a_message(failed_id: str = "a1b2c3d4e5f6", **changes: object) -> AuditedMessage:
    return AuditedMessage(failed_id=failed_id, code="gave_up", **changes)  # type: ignore[arg-type]


class AuditContract:
    @pytest.fixture
    async def audit(self, audit_url: str) -> AsyncIterator[Audit]:
        audit = await open_audit(audit_url)
        yield audit
        await audit.close()

    async def test_an_action_is_on_record_before_it_is_finished(self, audit: Audit) -> None:
        record = a_record()
        await audit.begin(record)
        assert await audit.records(limit=5) == [record]

    async def test_what_was_touched_is_told_in_its_order_with_its_changes(self, audit: Audit) -> None:
        change = Change(member="/event/subject", old='"Réunion"', new=None)
        known = {"tenant": "acme", "room": "board@acme.example", "booking_id": "B-1", "version": 2**53 - 1}
        messages = [a_message("b", message_id="m-1", changes=(change,), **known), a_message("a"), a_message("b")]
        await audit.begin(a_record())
        await audit.add("r1", messages[:2])
        await audit.add("r1", [])
        await audit.add("r1", messages[2:])
        assert await audit.messages("r1") == messages
        (record,) = await audit.records(limit=5)
        assert (record.written_count, record.finished_at) == (3, None)

    async def test_the_end_is_told_with_its_counts(self, audit: Audit) -> None:
        ended_at = BEGUN_AT + timedelta(minutes=1)
        await audit.begin(a_record(action=Action.DISCARD, reason="noise"))
        await audit.finish("r1", ended_at, {"discarded": 2})
        (record,) = await audit.records(limit=5)
        assert record == a_record(action=Action.DISCARD, reason="noise", finished_at=ended_at, counts={"discarded": 2})

    async def test_the_newest_come_first_and_others_messages_are_not_theirs(self, audit: Audit) -> None:
        for number in range(3):
            await audit.begin(a_record(f"r{number}", begun_at=BEGUN_AT + timedelta(minutes=number)))
        await audit.add("r0", [a_message()])
        assert [record.record_id for record in await audit.records(limit=2)] == ["r2", "r1"]
        assert await audit.messages("r1") == []

    async def test_what_is_older_than_the_ledger_keeps_goes_with_its_messages(
        self, audit: Audit, audit_url: str
    ) -> None:
        now = datetime.now(UTC)
        await audit.begin(a_record("old", begun_at=now - timedelta(days=31)))
        await audit.begin(a_record("new", begun_at=now - timedelta(days=29)))
        for record in ("old", "new"):
            await audit.add(record, [a_message()])
        ledger = await open_ledger(audit_url)
        await ledger.expire(keep_days=30)
        await ledger.close()
        assert [record.record_id for record in await audit.records(limit=5)] == ["new"]
        assert [await audit.messages(record) for record in ("old", "new")] == [[], [a_message()]]
