"""What a replay foretells for each case of the ledger; the same pure plan decides in the worker."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from adapters.ledger import LedgerRow, State
from consumers.failed.forecast import Case, Fate, Will, fates_of_booking
from consumers.messages.command import BookingCommand
from consumers.messages.result import Outcome
from consumers.sync.plan import removed
from tests.builders import a_booking_command, an_event
from tests.room_harness import a_cancel, versioned
from tests.rows import NEW, claimed, present_as

NOW = datetime(2026, 11, 20, tzinfo=UTC)
OLDEST_AT = NOW - timedelta(days=179)


def case_of(command: BookingCommand, first_seen_at: datetime | None = NOW) -> Case:
    return Case(command=command, first_seen_at=first_seen_at, subject_template="{subject}")


def fates(row: LedgerRow | None, *commands: BookingCommand) -> list[Fate]:
    return fates_of_booking([case_of(command) for command in commands], row, OLDEST_AT, force=False)


ONE, TWO = versioned(1), versioned(2, subject="Other")
CASES = [
    pytest.param(None, ONE, Will.CREATE, Outcome.SYNCED, id="never heard of: created"),
    pytest.param(present_as(ONE), TWO, Will.CHANGE, Outcome.SYNCED, id="an older event: changed"),
    pytest.param(present_as(ONE), a_cancel(2), Will.REMOVE, Outcome.REMOVED, id="an event: removed"),
    pytest.param(None, a_cancel(2), Will.CONFIRM, Outcome.REMOVED, id="no event: nothing to remove"),
    pytest.param(present_as(ONE), ONE, Will.CONFIRM, Outcome.SYNCED, id="the same again: confirmed"),
    pytest.param(present_as(ONE), versioned(2), Will.CHANGE, Outcome.SYNCED, id="the same content: its mark"),
    pytest.param(present_as(TWO), ONE, Will.SUPERSEDED, Outcome.SUPERSEDED, id="older than what stands: ignored"),
    pytest.param(removed(a_cancel(2), NEW), ONE, Will.SUPERSEDED, Outcome.SUPERSEDED, id="cancelled since: ignored"),
    pytest.param(present_as(versioned(1, subject="X")), ONE, Will.REFUSED, Outcome.FAILED, id="version used before"),
    pytest.param(claimed(present_as(ONE), 20.0), TWO, Will.WAIT, None, id="a write under way: nobody can tell"),
    pytest.param(replace(NEW, state=State.WRITING), ONE, Will.WAIT, None, id="an unknown outcome: nobody can tell"),
]


@pytest.mark.parametrize(("row", "command", "will", "outcome"), CASES)
def test_the_fate_follows_from_the_ledger(
    row: LedgerRow | None, command: BookingCommand, will: Will, outcome: Outcome | None
) -> None:
    (fate,) = fates(row, command)
    assert (fate.will, fate.outcome) == (will, outcome)


def test_a_change_names_the_members_that_differ() -> None:
    event = an_event(subject="Other", location="Attic", categories=["Red"])
    (fate,) = fates(present_as(ONE), a_booking_command(version=2, event=event))
    assert fate.members == ("categories", "location", "subject")


def test_of_several_versions_the_newest_is_applied_and_the_others_are_superseded_by_it() -> None:
    assert [fate.will for fate in fates(None, ONE, versioned(3), TWO)] == [
        Will.SUPERSEDED,
        Will.CREATE,
        Will.SUPERSEDED,
    ]


def test_a_newest_version_that_is_refused_again_supersedes_nothing() -> None:
    row = replace(present_as(ONE, command_digest="other"), version=3)
    older = replace(row, version=1, command_digest=ONE.digest)
    newest, same = fates(row, versioned(3, subject="reused"), versioned(3, subject="reused too"))
    assert (newest.code, same.code) == ("version_reused", "version_reused")
    assert [fate.will for fate in fates(older, versioned(1, subject="reused"), TWO)] == [Will.SUPERSEDED, Will.CHANGE]


def test_the_same_message_twice_is_written_once() -> None:
    assert [fate.will for fate in fates(None, ONE, ONE)] == [Will.CREATE, Will.CONFIRM]


def test_a_removal_and_what_it_removes() -> None:
    assert [fate.will for fate in fates(present_as(ONE), a_cancel(3), TWO)] == [Will.REMOVE, Will.SUPERSEDED]


@pytest.mark.parametrize(
    ("row", "force", "will"),
    [
        pytest.param(None, False, Will.REFUSED, id="refused"),
        pytest.param(None, True, Will.CREATE, id="forced"),
        pytest.param(present_as(ONE), False, Will.CHANGE, id="the ledger still knows the booking"),
    ],
)
def test_what_is_older_than_the_ledgers_memory_is_too_old(row: LedgerRow | None, force: bool, will: Will) -> None:
    old = case_of(TWO, OLDEST_AT - timedelta(seconds=1))
    (fate,) = fates_of_booking([old], row, OLDEST_AT, force=force)
    assert fate.will is will
    assert fate.code == ("too_old" if will is Will.REFUSED else None)
