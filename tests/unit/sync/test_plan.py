"""The table of cases of `plan`: for each state of the ledger, what each command leads to."""

import pytest

from adapters.ledger import LedgerRow, State
from consumers.messages.command import BookingCommand
from consumers.sync.plan import (
    CreateEvent,
    LookFirst,
    Record,
    RemoveEvent,
    Repeat,
    Rest,
    Reuse,
    Step,
    Supersede,
    UpdateEvent,
    must_block,
    plan,
    removed,
)
from consumers.sync.verify import AS_MARKED
from tests.builders import a_booking_command
from tests.room_harness import a_cancel, versioned
from tests.rows import ITEM, NEW, claimed, digest_of, present_as

V5 = versioned(5, "five")
REMOVED_5 = removed(a_cancel(5), NEW)
FOUND_5 = NEW.settled(state=State.PRESENT, version=5, item=ITEM, written_digest=AS_MARKED)
OVERWRITTEN_5 = NEW.settled(state=State.PRESENT, version=5, item=ITEM)
DESTROYED_5 = NEW.settled(state=State.PRESENT, version=5)
TRASHED_5 = NEW.settled(version=5, removed_version=5)
BARRED_7 = present_as(V5, removed_version=7)
MISSING_5 = present_as(V5, item=None, written_digest=None)


@pytest.mark.parametrize(
    ("row", "command", "step"),
    [
        pytest.param(NEW, V5, CreateEvent, id="an event of a booking never heard of is created"),
        pytest.param(NEW, a_cancel(5), Record, id="a removal of a booking never heard of is recorded"),
        pytest.param(present_as(V5), versioned(6, "six"), UpdateEvent, id="a newer event overwrites"),
        pytest.param(present_as(V5), versioned(6, "five"), UpdateEvent, id="a newer event of the same content, too"),
        pytest.param(present_as(V5), versioned(5, "five"), Repeat, id="the same event again is confirmed"),
        pytest.param(present_as(V5), versioned(5, "other"), Reuse, id="the same version of other content is reused"),
        pytest.param(present_as(V5), versioned(4, "four"), Supersede, id="an older event is superseded"),
        pytest.param(present_as(V5), a_cancel(6), RemoveEvent, id="a newer removal removes"),
        pytest.param(present_as(V5), a_cancel(5), Reuse, id="a removal of the version of an event is reused"),
        pytest.param(present_as(V5), a_cancel(4), Supersede, id="an older removal is superseded"),
        pytest.param(REMOVED_5, versioned(6, "six"), CreateEvent, id="a newer event after a removal is created"),
        pytest.param(REMOVED_5, versioned(5, "five"), Reuse, id="an event of the version of a removal is reused"),
        pytest.param(REMOVED_5, versioned(4, "four"), Supersede, id="an older event after a removal is superseded"),
        pytest.param(REMOVED_5, a_cancel(5), Repeat, id="the same removal again is confirmed"),
        pytest.param(REMOVED_5, a_cancel(6), Record, id="a newer removal after a removal is recorded"),
        pytest.param(REMOVED_5, a_cancel(4), Supersede, id="an older removal after a removal is superseded"),
        pytest.param(FOUND_5, versioned(5, "any"), Repeat, id="an event found by its mark is taken for its version"),
        pytest.param(OVERWRITTEN_5, versioned(5, "any"), UpdateEvent, id="found once and overwritten, it is rewritten"),
        pytest.param(DESTROYED_5, versioned(5, "any"), CreateEvent, id="found once and gone since, it is created"),
        pytest.param(FOUND_5, versioned(6, "any"), UpdateEvent, id="an event found by its mark is overwritten"),
        pytest.param(TRASHED_5, versioned(5, "any"), Supersede, id="what lies in Deleted Items does not come back"),
        pytest.param(TRASHED_5, a_cancel(5), Repeat, id="a removal of what lies in Deleted Items is confirmed"),
        pytest.param(BARRED_7, versioned(6, "six"), Supersede, id="what a refused removal barred is superseded"),
        pytest.param(BARRED_7, versioned(7, "seven"), Reuse, id="an event of a barred version is reused"),
        pytest.param(BARRED_7, versioned(8, "five"), UpdateEvent, id="after a bar the mark is written anew"),
        pytest.param(BARRED_7, a_cancel(7), RemoveEvent, id="a refused removal that is replayed removes"),
        pytest.param(BARRED_7, a_cancel(6), Supersede, id="a removal older than a refused one is superseded"),
        pytest.param(MISSING_5, versioned(6, "six"), CreateEvent, id="a newer event of a missing one is created"),
        pytest.param(MISSING_5, versioned(5, "five"), Repeat, id="a missing event stays so until the next version"),
        pytest.param(MISSING_5, a_cancel(6), Record, id="a removal of a missing event is recorded"),
        pytest.param(present_as(V5, written_digest=None), V5, UpdateEvent, id="content known to be older is rewritten"),
        pytest.param(NEW.settled(state=State.WRITING), V5, LookFirst, id="after a create of unknown fate a look"),
        pytest.param(NEW.settled(state=State.WRITING), a_cancel(5), LookFirst, id="also before a removal"),
        pytest.param(claimed(present_as(V5), 0.0), versioned(6), LookFirst, id="an expired claim is looked at"),
        pytest.param(claimed(present_as(V5), 0.0), versioned(4), LookFirst, id="whatever the version"),
        pytest.param(claimed(present_as(V5), 12.0), versioned(6), Rest, id="a live claim is left to its owner"),
        pytest.param(claimed(present_as(V5), 12.0), a_cancel(4), Rest, id="also by older commands"),
    ],
)
def test_plan(row: LedgerRow, command: BookingCommand, step: type[Step]) -> None:
    assert type(plan(command, row, digest_of(command))) is step


def test_a_rest_lasts_as_long_as_the_claim() -> None:
    assert plan(versioned(6), claimed(NEW, 12.5), None) == Rest(12.5)


def test_an_end_before_its_beginning_is_a_removal() -> None:
    event = {"subject": "x", "start": "2026-12-01T09:00:00Z", "end": "2026-12-01T09:00:00Z", "time_zone": "UTC"}
    ended = a_booking_command(command="end", version=6, event=event)
    assert isinstance(plan(ended, present_as(V5), digest_of(ended)), RemoveEvent)


def test_a_tombstone_keeps_no_content() -> None:
    row = removed(a_cancel(6), present_as(V5))
    assert (row.snapshot, row.item, row.written_digest) == (None, None, None)
    assert (row.version, row.removed_version) == (6, 6)


@pytest.mark.parametrize(
    ("row", "command", "bars"),
    [
        pytest.param(None, a_cancel(5), True, id="a removal of an unknown booking bars"),
        pytest.param(present_as(V5), a_cancel(6), True, id="a newer removal bars"),
        pytest.param(present_as(V5), a_cancel(5), False, id="a reused version bars nothing"),
        pytest.param(present_as(V5), a_cancel(4), False, id="a superseded removal bars nothing"),
        pytest.param(BARRED_7, a_cancel(7), False, id="a bar that stands is not raised again"),
        pytest.param(claimed(NEW, 9.0, version=5), a_cancel(5), False, id="not over an event being written"),
        pytest.param(claimed(NEW, 9.0, version=4), a_cancel(5), True, id="but over an older one"),
        pytest.param(None, versioned(5), False, id="an event bars nothing"),
    ],
)
def test_what_bars_older_versions(row: LedgerRow | None, command: BookingCommand, bars: bool) -> None:
    assert must_block(command, row) is bars
