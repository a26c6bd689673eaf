"""Which messages are meant, how an id is read, and what groups tell."""

from datetime import timedelta

import pytest
import typer

from consumers.failed.message import FailedMessage
from consumers.failed.selection import GroupBy, Groups, NotOneMessage, Selection, in_order
from tests.unit.failed.messages import FAILED_AT
from worker.failed.options import corrections_of, operator_of, selection_of


def failed(failed_id: str = "a1b2c3d4e5f6", **changes: object) -> FailedMessage:
    known: dict[str, object] = {
        "code": "rights_missing",
        "why": "No rights.",
        "tenant": "acme",
        "room": "board@acme.example",
        "booking_id": "B-1",
        "failed_at": FAILED_AT,
    }
    return FailedMessage(failed_id=failed_id, **(known | changes))  # type: ignore[arg-type]  # a builder takes any


@pytest.mark.parametrize(
    ("selection", "is_meant"),
    [
        pytest.param(Selection(), True, id="everything"),
        pytest.param(Selection(tenant="acme", room="board@acme.example", booking_id="B-1"), True, id="all hold"),
        pytest.param(Selection(tenant="acme", code="gave_up"), False, id="one does not"),
        pytest.param(Selection(ids=("a1b2",)), True, id="the beginning of its id"),
        pytest.param(Selection(ids=("ffff", "a1b2c3")), True, id="one of several ids"),
        pytest.param(Selection(ids=("ffff",)), False, id="another id"),
        pytest.param(Selection(since=FAILED_AT), True, id="since is included"),
        pytest.param(Selection(until=FAILED_AT), False, id="until is not"),
        pytest.param(Selection(since=FAILED_AT + timedelta(seconds=1)), False, id="too early"),
    ],
)
def test_a_message_is_meant_when_everything_that_was_given_holds(selection: Selection, is_meant: bool) -> None:
    assert selection.matches(failed()) is is_meant


def test_what_failed_nobody_knows_when_is_in_no_period() -> None:
    assert not Selection(since=FAILED_AT).matches(failed(failed_at=None))
    assert Selection().matches(failed(failed_at=None))


def test_an_id_must_mean_one_message() -> None:
    found = [failed("aaaa11112222"), failed("aaaa33334444")]
    Selection(ids=("aaaa1",)).check_ids(found)
    with pytest.raises(NotOneMessage, match="aaaa11112222, aaaa33334444"):
        Selection(ids=("aaaa",)).check_ids(found)
    with pytest.raises(NotOneMessage, match="No message bbbb"):
        Selection(ids=("bbbb",)).check_ids(found)


def test_the_order_is_that_of_the_failures_whatever_the_queues_is() -> None:
    early, late, unknown = failed("c"), failed("a", failed_at=FAILED_AT + timedelta(1)), failed("b", failed_at=None)
    assert in_order([late, early, unknown]) == [unknown, early, late]


def test_groups_count_and_know_their_newest_largest_first() -> None:
    groups = Groups(GroupBy.HOUR)
    for minutes in (0, 5, 61):
        groups.add(failed(failed_at=FAILED_AT + timedelta(minutes=minutes)))
    groups.add(failed(failed_at=None))
    found = [(group.name, group.count, group.newest_at) for group in groups.largest_first()]
    assert found == [
        ("2026-11-20T09:00Z", 2, FAILED_AT + timedelta(minutes=5)),
        (None, 1, None),
        ("2026-11-20T10:00Z", 1, FAILED_AT + timedelta(minutes=61)),
    ]


def test_a_selection_in_words_is_what_was_given() -> None:
    assert Selection(ids=("a1b2",), code="gave_up", limit=3).words() == "a1b2 --code gave_up --limit 3"
    assert Selection().words() == "everything"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        pytest.param({"code": "no_such_code"}, "is no code", id="code"),
        pytest.param({"since": "yesterday"}, "2026-11-20T08:00Z", id="since"),
        pytest.param({"until": "2026-11-20T08:00"}, "offset", id="no offset"),
        pytest.param({"ids": ["xyz1"]}, "hexadecimal digits", id="id"),
        pytest.param({"ids": ["abc"]}, "4 or more", id="short id"),
    ],
)
def test_what_cannot_be_meant_is_wrong_usage(wrong: dict[str, object], words: str) -> None:
    given = dict.fromkeys(("ids", "tenant", "room", "booking", "code", "since", "until", "limit")) | wrong
    with pytest.raises(typer.BadParameter, match=words):
        selection_of(**given)  # type: ignore[arg-type]


def test_ago_is_counted_from_now_and_rooms_are_compared_without_case() -> None:
    selection = selection_of(["A1B2"], None, "Board@ACME.example", None, None, "2h", "30m", None)
    assert (selection.ids, selection.room) == (("a1b2",), "board@acme.example")
    assert selection.since is not None
    assert selection.until is not None
    assert selection.until - selection.since > timedelta(minutes=89)


def test_a_correction_that_names_no_member_is_wrong_usage() -> None:
    with pytest.raises(typer.BadParameter, match=r"event\.MEMBER=VALUE"):
        corrections_of(["room=a@acme.example"])


def test_who_acts_is_who_is_named_else_the_user_on_this_machine() -> None:
    assert operator_of("ada") == "ada"
    assert "@" in operator_of(None)
