"""Corrections: what they may name, what they change, and what they keep of old and new."""

import json

import pytest

from adapters.audit import Change
from consumers.failed.correction import Correction, NotCorrectable, WrongCorrection, corrected
from tests.builders import a_body, a_command


def corrections(*texts: str) -> list[Correction]:
    return [Correction.read(text) for text in texts]


def test_a_text_that_is_no_json_is_the_value_itself() -> None:
    done = corrected(a_body(), corrections("event.subject=Board: Q1", "event.all_day=true", 'event.location="7"'))
    event = json.loads(done.body)["event"]
    assert (event["subject"], event["all_day"], event["location"]) == ("Board: Q1", True, "7")


def test_what_is_not_named_stays_the_version_too() -> None:
    done = json.loads(corrected(a_body(version=7), corrections("event.subject=Other")).body)
    expected = a_command(version=7)
    assert isinstance(expected["event"], dict)
    expected["event"]["subject"] = "Other"
    assert done == expected


def test_old_and_new_are_kept_as_json_and_what_did_not_change_is_no_change() -> None:
    done = corrected(a_body(), corrections("event.subject=Other", "event.time_zone=Europe/Brussels"))
    assert done.changes == (Change(member="/event/subject", old='"Design review"', new='"Other"'),)


def test_null_takes_a_member_away_and_a_missing_way_is_made() -> None:
    done = corrected(a_body(), corrections("event.subject=null", "event.body.content=Bring coffee"))
    event = json.loads(done.body)["event"]
    assert "subject" not in event
    assert event["body"] == {"content": "Bring coffee"}
    assert done.changes[1] == Change(member="/event/body/content", old=None, new='"Bring coffee"')


def test_without_corrections_the_bytes_stay_whatever_they_are() -> None:
    assert corrected(b"\xff\xfe", []).body == b"\xff\xfe"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"\xff", id="no text"),
        pytest.param(b"[1]", id="no object"),
        pytest.param(a_body(command="cancel"), id="no event"),
        pytest.param(a_body(event="x"), id="an event that is none"),
    ],
)
def test_what_has_no_event_cannot_be_corrected(body: bytes) -> None:
    with pytest.raises(NotCorrectable):
        corrected(body, corrections("event.subject=Other"))


def test_a_member_of_a_member_that_is_a_text_cannot_be_corrected() -> None:
    with pytest.raises(NotCorrectable, match="/event/subject/deep"):
        corrected(a_body(), corrections("event.subject.deep=1"))


def test_a_member_that_was_given_twice_is_given_once_afterwards() -> None:
    body = a_body().replace(b'"subject"', b'"subject": "a", "subject"', 1)
    done = corrected(body, corrections("event.subject=Other"))
    assert json.loads(done.body)["event"]["subject"] == "Other"
    assert done.changes[0].old == '"given twice"'


@pytest.mark.parametrize("text", ["subject=x", "event=1", "event.subject", "event..x=1", "room=a@acme.example", "=1"])
def test_a_correction_names_a_member_of_the_event(text: str) -> None:
    with pytest.raises(WrongCorrection, match=r"event\.MEMBER=VALUE"):
        Correction.read(text)
