"""What an event looks like in the room's calendar."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from adapters.calendar import RoomEvent
from consumers.messages.violations import Remark
from consumers.sync.render import render
from tests.builders import a_booking_command, an_event


def rendered(template: str = "{subject}", **changes: object) -> tuple[RoomEvent, tuple[Remark, ...]]:
    event = a_booking_command(event=an_event(**changes)).event
    assert event is not None
    return render(event, template)


def test_an_ordinary_event_is_written_as_it_is() -> None:
    event, remarks = rendered(location="Roof", body={"content_type": "html", "content": "<p>a\r\n\tb</p>"})
    assert (event.subject, event.location, event.body.content) == ("Design review", "Roof", "<p>a\r\n\tb</p>")
    assert event.ends_at - event.starts_at == timedelta(hours=1)
    assert remarks == ()


@pytest.mark.parametrize(
    ("template", "organizer", "subject"),
    [
        ("{organizer}: {subject}", {"name": "Ada", "email": "ada@acme.example"}, "Ada: Design review"),
        ("{organizer}: {subject}", {"email": "ada@acme.example"}, "ada@acme.example: Design review"),
        ("{organizer}: {subject}", None, ": Design review"),
        ("{subject} {other} {}", None, "Design review {other} {}"),
        ("Busy", None, "Busy"),
    ],
)
def test_the_tenants_template_makes_the_subject(template: str, organizer: object, subject: str) -> None:
    assert rendered(template, organizer=organizer)[0].subject == subject


def test_what_is_filled_in_is_not_filled_again() -> None:
    event, _ = rendered("{organizer} {subject}", subject="{organizer}", organizer={"name": "{subject}", "email": "a@b"})
    assert event.subject == "{subject} {organizer}"


def test_a_subject_of_255_characters_stays_and_a_longer_one_is_cut() -> None:
    assert rendered(subject="x" * 255) == (rendered(subject="x" * 255)[0], ())
    event, remarks = rendered(subject="x" * 256)
    assert event.subject == "x" * 255
    assert [(remark.code, remark.member) for remark in remarks] == [("subject_cut", "/event/subject")]


def test_a_subject_is_never_cut_through_a_character() -> None:
    assert rendered(subject="🎉" * 200)[0].subject == "🎉" * 127


def test_characters_that_xml_forbids_are_removed_and_named() -> None:
    event, remarks = rendered(
        subject="a\x00b", location="c\x0bd", body={"content": "e\ufffff"}, categories=["g", "h\x1b", "i\x7f"]
    )
    assert (event.subject, event.location, event.body.content) == ("ab", "cd", "ef")
    assert event.categories == ("g", "h", "i\x7f")
    assert {remark.code for remark in remarks} == {"characters_removed"}
    assert {remark.member for remark in remarks} == {
        "/event/subject",
        "/event/location",
        "/event/body/content",
        "/event/categories/1",
    }


def test_a_repeated_category_is_written_once_in_its_first_place() -> None:
    assert rendered(categories=["b", "a", "b", "A", "a\x00"])[0].categories == ("b", "a", "A")


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_every_text_fits_into_xml_in_the_end(text: str) -> None:
    event, _ = rendered(subject=text, location=text)
    for written in (event.subject, event.location):
        element = etree.Element("Text")
        element.text = written
        assert etree.tostring(element)


def test_fractions_of_a_second_are_cut_and_named() -> None:
    event, remarks = rendered(start="2026-12-01T09:00:00.999999Z", end="2026-12-01T10:00:00.5Z")
    assert (event.starts_at, event.ends_at) == (
        datetime(2026, 12, 1, 9, tzinfo=UTC),
        datetime(2026, 12, 1, 10, tzinfo=UTC),
    )
    assert [(one.code, one.member) for one in remarks] == [("time_cut", "/event/start"), ("time_cut", "/event/end")]


def test_an_event_within_a_second_that_a_ledger_knows_is_rendered_all_the_same() -> None:
    known = a_booking_command(event=an_event()).event
    assert known is not None
    event, _ = render(replace(known, ends_at=known.starts_at + timedelta(milliseconds=300)), "{subject}")
    assert event.ends_at - event.starts_at == timedelta(seconds=1)
