"""The audit in SQL, beside the ledger; each call is a transaction of its own."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from adapters.audit import Action, AuditedMessage, AuditRecord, Change
from adapters.sql.committer import Committer, Work
from adapters.sql.database import Database
from adapters.sql.schema import DAY_US, as_us, audit_messages, audits, from_us
from adapters.sql.transaction import Transaction

_READ = select(*(column for column in audit_messages.c if column is not audit_messages.c.entry_id))


class SqlAudit:
    """`Audit` in a database that `open_audit` has prepared."""

    def __init__(self, database: Database) -> None:
        self._writer = Committer(database, writes=True)
        self._reader = Committer(database, writes=False)

    async def begin(self, record: AuditRecord) -> None:
        """Write an action down before it touches its first message."""
        row = {
            "record_id": record.record_id,
            "action": record.action.value,
            "operator": record.operator,
            "begun_us": as_us(record.begun_at),
            "selection": record.selection,
            "planned_count": record.planned_count,
            "reason": record.reason,
            "finished_us": None,
            "counts": json.dumps(dict(record.counts)),
        }

        def run(transaction: Transaction) -> None:
            transaction.connection.execute(insert(audits), row)

        await self._writer.do(Work(run, alone=True))

    async def add(self, record_id: str, messages: Sequence[AuditedMessage]) -> None:
        """Write messages down before the action touches them."""
        rows = [{"record_id": record_id} | _record_of(message) for message in messages]

        def run(transaction: Transaction) -> None:
            transaction.connection.execute(insert(audit_messages), rows)

        if rows:
            await self._writer.do(Work(run, alone=True))

    async def finish(self, record_id: str, at: datetime, counts: Mapping[str, int]) -> None:
        """Write down that an action is over, and how."""
        end = {"finished_us": as_us(at), "counts": json.dumps(dict(counts))}

        def run(transaction: Transaction) -> None:
            transaction.connection.execute(update(audits).where(audits.c.record_id == record_id).values(end))

        await self._writer.do(Work(run, alone=True))

    async def records(self, *, limit: int) -> list[AuditRecord]:
        """The latest actions, the newest first."""
        written = (
            select(func.count()).where(audit_messages.c.record_id == audits.c.record_id).correlate(audits)
        ).scalar_subquery()
        statement = select(audits, written).order_by(audits.c.begun_us.desc(), audits.c.record_id).limit(limit)

        def run(transaction: Transaction) -> list[AuditRecord]:
            return [_record_from(row) for row in transaction.connection.execute(statement)]

        return await self._reader.do(Work(run, alone=True))

    async def messages(self, record_id: str) -> list[AuditedMessage]:
        """What an action touched, in its order."""
        statement = _READ.where(audit_messages.c.record_id == record_id).order_by(audit_messages.c.entry_id)

        def run(transaction: Transaction) -> list[AuditedMessage]:
            return [_message_from(row) for row in transaction.connection.execute(statement)]

        return await self._reader.do(Work(run, alone=True))

    async def close(self) -> None:
        """Let go of the database."""
        await self._writer.close()
        await self._reader.close()


def expire(connection: Connection, now_us: int, keep_days: int) -> None:
    """Drop actions that began more than `keep_days` ago: corrections may hold what is people's."""
    old = select(audits.c.record_id).where(audits.c.begun_us < now_us - keep_days * DAY_US)
    connection.execute(delete(audit_messages).where(audit_messages.c.record_id.in_(old)))
    connection.execute(delete(audits).where(audits.c.begun_us < now_us - keep_days * DAY_US))


def _record_of(message: AuditedMessage) -> dict[str, object]:
    changes = [asdict(change) for change in message.changes]
    return {
        "failed_id": message.failed_id,
        "code": message.code,
        "tenant": message.tenant,
        "room": message.room,
        "booking_id": message.booking_id,
        "version": message.version,
        "message_id": message.message_id,
        "changes": json.dumps(changes) if changes else None,
    }


def _record_from(row: Sequence[Any]) -> AuditRecord:
    record_id, action, operator, begun_us, selection, planned_count, reason, finished_us, counts, written = row
    return AuditRecord(
        record_id=record_id,
        action=Action(action),
        operator=operator,
        begun_at=from_us(begun_us),
        selection=selection,
        planned_count=planned_count,
        reason=reason,
        finished_at=None if finished_us is None else from_us(finished_us),
        counts=json.loads(counts),
        written_count=written,
    )


def _message_from(row: Sequence[Any]) -> AuditedMessage:
    _, failed_id, code, tenant, room, booking_id, version, message_id, changes = row
    return AuditedMessage(
        failed_id=failed_id,
        code=code,
        tenant=tenant,
        room=room,
        booking_id=booking_id,
        version=version,
        message_id=message_id,
        changes=tuple(Change(**change) for change in json.loads(changes or "[]")),
    )
