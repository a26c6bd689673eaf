"""Where a message lies, by what befell it last."""

import pytest

from adapters.story import Entry, What
from consumers.story.trails import MessageLocation, open_messages
from tests.unit.story.entries import a_story, an_entry, minute


def deferred(version: int = 1, wait_s: int = 300) -> Entry:
    return an_entry(What.DEFERRED, version, code="throttled", wait_s=wait_s)


def parked(version: int = 1) -> Entry:
    return an_entry(What.PARKED, version, code="rights_missing")


CASES = [
    pytest.param([an_entry(What.CREATED)], None, id="a command that ended is nowhere"),
    pytest.param([deferred()], MessageLocation.DEFERRED, id="a deferred one waits"),
    pytest.param([deferred(wait_s=60)], MessageLocation.QUEUE, id="a deferred one came back when its time was over"),
    pytest.param([deferred(), an_entry(What.CHANGED)], None, id="a deferred one that ended"),
    pytest.param([parked()], MessageLocation.FAILED, id="a parked one"),
    pytest.param([parked(), an_entry(What.REPLAYED)], MessageLocation.QUEUE, id="a replayed one"),
    pytest.param([parked(), an_entry(What.REPLAYED), parked()], MessageLocation.FAILED, id="replayed and parked again"),
    pytest.param([parked(), an_entry(What.CORRECTED)], MessageLocation.FAILED, id="corrected, and not replayed"),
    pytest.param([parked(), an_entry(What.DISCARDED)], None, id="a discarded one"),
    pytest.param(
        [parked(), an_entry(What.CREATED), an_entry(What.REPLAYED)], None, id="told late that it was replayed"
    ),
    pytest.param([an_entry(What.RELEASED)], MessageLocation.QUEUE, id="one that was given back"),
    pytest.param([an_entry(What.HELD), an_entry(What.LOOK_ORDERED)], None, id="waits and looks are no messages"),
    pytest.param([parked(), an_entry(What.LOOKED)], MessageLocation.FAILED, id="a look moves no other message"),
]


@pytest.mark.parametrize(("entries", "place"), CASES)
def test_a_message_lies_where_the_last_thing_left_it(entries: list[Entry], place: MessageLocation | None) -> None:
    messages = open_messages(a_story(*entries), now=minute(4))
    assert [message.place for message in messages] == ([] if place is None else [place])


def test_a_deferred_message_comes_back_when_its_wait_is_over() -> None:
    (message,) = open_messages(a_story(deferred(wait_s=300)), now=minute(4))
    assert message.until == minute(5)


def test_each_message_lies_somewhere_of_its_own() -> None:
    twice = an_entry(What.DEFERRED, 1, wait_s=3600, message_id="m-1-again")
    story = a_story(parked(1), deferred(2), twice, an_entry(What.CREATED, 3))
    messages = open_messages(story, now=minute(4))
    assert [(each.last.message_id, each.place) for each in messages] == [
        ("m-1", MessageLocation.FAILED),
        ("m-2", MessageLocation.DEFERRED),
        ("m-1-again", MessageLocation.DEFERRED),
    ]
