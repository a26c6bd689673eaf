"""What to do for a command, given what the ledger knows: a pure function; its table of cases is its test."""

from dataclasses import dataclass, replace

from adapters.ledger import LedgerRow, State
from consumers.messages.command import BookingCommand


@dataclass(frozen=True, slots=True)
class Rest:
    """Somebody may still be writing this booking: wait until the claim has run out."""

    for_s: float


@dataclass(frozen=True, slots=True)
class LookFirst:
    """The ledger does not know what stands in the calendar: search by mark before acting."""


@dataclass(frozen=True, slots=True)
class Supersede:
    """A higher version, or a removal at least as new, is settled already."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """The same version again: confirm it. `row` is what to record first where the ledger knew less, else None."""

    row: LedgerRow | None = None


@dataclass(frozen=True, slots=True)
class Reuse:
    """The version was used before with other content: an error of the publisher."""


@dataclass(frozen=True, slots=True)
class Record:
    """Nothing to ask of Exchange: there is no event to remove, and the new row says so."""

    row: LedgerRow


@dataclass(frozen=True, slots=True)
class CreateEvent:
    """No event there: write one."""


@dataclass(frozen=True, slots=True)
class UpdateEvent:
    """An older event there: overwrite it."""


@dataclass(frozen=True, slots=True)
class RemoveEvent:
    """An older event there: remove it."""


Step = Rest | LookFirst | Supersede | Repeat | Reuse | Record | CreateEvent | UpdateEvent | RemoveEvent


def plan(command: BookingCommand, row: LedgerRow, written_digest: str | None) -> Step:
    """Decide the next step for a command.

    Args:
        command: what is asked for.
        row: what the ledger knows; for a booking never heard of, a fresh `LedgerRow`.
        written_digest: digest of the event as it would be written; None for a removal.
    """
    if row.claim is not None and row.claim.is_live:
        return Rest(row.claim.remaining_s)
    if row.claim is not None or row.state is State.WRITING:
        return LookFirst()
    if command.version < max(row.version, row.removed_version):
        return Supersede()
    if command.is_removal:
        return _plan_removal(command, row)
    return _plan_event(command, row, written_digest)


def _plan_removal(command: BookingCommand, row: LedgerRow) -> Step:
    if command.version == row.version:
        return Repeat() if row.state is State.ABSENT and row.command_digest in (None, command.digest) else Reuse()
    if row.item is None:
        return Record(removed(command, row))
    return RemoveEvent()


def _plan_event(command: BookingCommand, row: LedgerRow, written_digest: str | None) -> Step:
    if command.version == row.version:
        return _plan_same_version(command, row, written_digest)
    if command.version == row.removed_version:
        return Reuse()
    # Also where the content is that of the row: people may have changed the event, and a mark that lags lets an older
    # version win once the ledger is lost (docs/protocol.md#rule-10).
    return CreateEvent() if row.item is None else UpdateEvent()


def _plan_same_version(command: BookingCommand, row: LedgerRow, written_digest: str | None) -> Step:
    if row.command_digest is None:
        return _plan_version_found(command, row, written_digest)
    if row.command_digest != command.digest:
        return Reuse()
    if row.item is not None and row.written_digest is None:
        return UpdateEvent()
    return Repeat()


def _plan_version_found(command: BookingCommand, row: LedgerRow, written_digest: str | None) -> Step:
    """The version was found by a scan or a look, and its command was not met since."""
    if row.state is not State.PRESENT:
        # What lies in Deleted Items was removed by a newer command or by a person, and stays so.
        return Supersede()
    if row.written_digest is None:
        # It was overwritten or removed meanwhile, and no look could mend what nobody had the content of.
        return CreateEvent() if row.item is None else UpdateEvent()
    return Repeat(present(command, row, written_digest))


def present(command: BookingCommand, row: LedgerRow, written_digest: str | None) -> LedgerRow:
    """The row once the command's event stands in the calendar (its item still to be filled in for a new one)."""
    assert command.event is not None  # noqa: S101 - narrows the type; removals are planned elsewhere
    return replace(
        row.settled(),
        state=State.PRESENT,
        version=command.version,
        command_digest=command.digest,
        written_digest=written_digest,
        snapshot=command.snapshot(),
        event_ends_at=command.event.ends_at,
    )


def removed(command: BookingCommand, row: LedgerRow) -> LedgerRow:
    """The tombstone once the command's removal is true."""
    return replace(
        tombstone(row, command.version),
        removed_version=max(row.removed_version, command.version),
        command_digest=command.digest,
    )


def tombstone(row: LedgerRow, version: int) -> LedgerRow:
    """The row without its event, as of a version; it keeps no content."""
    return replace(row.settled(), state=State.ABSENT, version=version, item=None, written_digest=None, snapshot=None)


def must_block(command: BookingCommand, row: LedgerRow | None) -> bool:
    """Whether a removal must raise `removed_version` before anything else is done (docs/protocol.md#rule-4).

    Not one whose version is settled or claimed for an event: that version is reused, and what is refused bars nothing.
    """
    if not command.is_removal:
        return False
    if row is None:
        return True
    newer = command.version > max(row.version, row.removed_version)
    return newer and (row.claim is None or row.claim.version != command.version)
