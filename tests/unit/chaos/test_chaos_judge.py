"""What the judge of chaos and kills finds; a judge that finds nothing proves nothing."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.simulator import SimEvent
from tests.builders import a_command, an_event
from tests.chaos.judge import Judgement, expected_results, judge

BOARD, LOBBY = "board@acme.example", "lobby@acme.example"
RIGHT = SimEvent(
    room=BOARD,
    folder="calendar",
    item_id="i",
    change_key="c",
    booking="acme/B-1001",
    version="1",
    subject="Design review",
    start=datetime(2026, 12, 1, 8, tzinfo=UTC),
    end=datetime(2026, 12, 1, 9, tzinfo=UTC),
    start_zone="Romance Standard Time",
    end_zone="Romance Standard Time",
    all_day=False,
    body="",
    body_type="Text",
    location="",
    categories=(),
    sensitivity="Normal",
    importance="Normal",
    show_as="Busy",
    reminder_set=False,
    uid="u",
    attendees=(),
    is_meeting=False,
    created_at=datetime(2026, 11, 1, tzinfo=UTC),
    modified_at=datetime(2026, 11, 1, tzinfo=UTC),
    properties={},
)
CREATE = a_command()
MOVE = a_command(command="move", version=2, room=LOBBY, previous_room=BOARD)


def judged(published: Iterable[dict[str, Any]], *seen: SimEvent) -> Judgement:
    published = list(published)
    return judge(published, seen, expected_results(published))


def test_what_is_right_is_not_complained_of() -> None:
    assert judged([CREATE], RIGHT).complaints == []


def test_the_highest_version_counts_in_whatever_order_it_was_published() -> None:
    newer = a_command(command="update", version=2, event=an_event(location="Annex"))
    assert judged([newer, CREATE], replace(RIGHT, version="2", location="Annex")).complaints == []


def test_a_second_event_is_a_duplicate() -> None:
    assert len(judged([CREATE], RIGHT, RIGHT).duplicates) == 1


def test_a_missing_event_is_lost() -> None:
    assert judged([CREATE]).lost == ("acme/B-1001 in board@acme.example is missing",)


@pytest.mark.parametrize("command", [CREATE, MOVE, a_command(command="cancel")], ids=["create", "move", "cancel"])
def test_a_command_whose_end_nobody_was_told_of_is_lost(command: dict[str, Any]) -> None:
    for version in expected_results([command]):
        others = expected_results([command]) - {version}
        assert any("never reported" in lost for lost in judge([command], [], others).lost)


@pytest.mark.parametrize(
    "removal",
    [
        pytest.param(a_command(command="cancel", version=2), id="cancelled"),
        pytest.param(MOVE, id="moved away"),
        pytest.param(
            a_command(command="end", version=2, event=an_event(end="2026-12-01T08:00:00+01:00")), id="ended before it"
        ),
    ],
)
def test_an_event_that_was_removed_is_resurrected(removal: dict[str, Any]) -> None:
    assert judged([CREATE, removal], RIGHT).resurrected == ("acme/B-1001 in board@acme.example should not be there",)


def test_an_event_that_nobody_published_should_not_be_there() -> None:
    assert len(judged([CREATE], RIGHT, replace(RIGHT, booking=None)).resurrected) == 1


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("version", "2"),
        ("subject", "Other"),
        ("end", datetime(2026, 12, 1, 10, tzinfo=UTC)),
        ("end_zone", "UTC"),
        ("all_day", True),
        ("body", "text"),
        ("location", "Annex"),
        ("categories", ("SpaceIQ",)),
        ("sensitivity", "Private"),
        ("show_as", "Free"),
        ("reminder_set", True),
    ],
)
def test_each_member_that_differs_is_wrong(member: str, value: object) -> None:
    assert len(judged([CREATE], replace(RIGHT, **{member: value})).wrong) == 1  # type: ignore[arg-type]  # any member
