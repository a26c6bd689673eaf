"""Leaves the trail of an action: the audit's record before and after, and a line in each booking's story."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from adapters.audit import Action, Audit, AuditedMessage, AuditRecord, Change
from adapters.calendar import BookingId, RoomAddress, TenantName
from adapters.ledger import BookingKey
from adapters.story import Entry, Note, What
from consumers.failed.message import FailedMessage


class Acted(Protocol):
    """A message that an action is about."""

    @property
    def failed(self) -> FailedMessage:
        """Which."""
        ...

    @property
    def changes(self) -> tuple[Change, ...]:
        """How it was corrected."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """Of one action. Nothing is done to a message before it is written down."""

    audit: Audit
    note: Note
    record: AuditRecord

    @classmethod
    def of(  # noqa: PLR0913 - the members of a record
        cls,
        audit: Audit,
        note: Note,
        action: Action,
        *,
        operator: str,
        at: datetime,
        selection: str,
        planned_count: int,
        reason: str | None = None,
    ) -> "Trail":
        """The trail of an action that is about to begin."""
        record = AuditRecord(
            record_id=secrets.token_hex(6),
            action=action,
            operator=operator,
            begun_at=at,
            selection=selection,
            planned_count=planned_count,
            reason=reason,
        )
        return cls(audit=audit, note=note, record=record)

    async def begin(self) -> None:
        """Write the action down. Raises `LedgerError`: then nothing may be done."""
        await self.audit.begin(self.record)

    async def before(self, acted: Sequence[Acted]) -> None:
        """Write messages down that are to be touched now. Raises `LedgerError`: then they may not be."""
        await self.audit.add(self.record.record_id, [_audited(each) for each in acted])

    def done(self, acted: Acted, at: datetime) -> None:
        """Tell it in the booking's story."""
        what = What.REPLAYED if self.record.action is Action.REPLAY else What.DISCARDED
        if acted.changes:
            members = ", ".join(change.member for change in acted.changes)
            self._tell(acted.failed, at, What.CORRECTED, members)
        self._tell(acted.failed, at, what, self.record.reason)

    async def finish(self, at: datetime, counts: Mapping[str, int]) -> None:
        """Write down how it ended."""
        await self.audit.finish(self.record.record_id, at, counts)

    def _tell(self, failed: FailedMessage, at: datetime, what: What, detail: str | None) -> None:
        if failed.booking_id is None:
            return
        key = BookingKey(
            tenant=TenantName(failed.tenant or ""),
            room=RoomAddress(failed.room or ""),
            booking_id=BookingId(failed.booking_id),
        )
        self.note(
            Entry(
                key=key,
                at=at,
                what=what,
                version=failed.version,
                code=failed.code,
                detail=detail,
                message_id=failed.message_id,
                actor=self.record.operator,
            )
        )


def _audited(acted: Acted) -> AuditedMessage:
    failed = acted.failed
    return AuditedMessage(
        failed_id=failed.failed_id,
        code=failed.code,
        tenant=failed.tenant,
        room=failed.room,
        booking_id=failed.booking_id,
        version=failed.version,
        message_id=failed.message_id,
        changes=acted.changes,
    )
