"""The sentences of a story."""

import pytest

from adapters.story import What
from consumers.story.words import of_entry
from tests.unit.story.entries import an_entry

MEMBERS = {"code": "throttled", "detail": "three", "wait_s": 300, "attempt": 2, "actor": "olga@desk"}


@pytest.mark.parametrize("what", list(What))
def test_everything_that_may_befall_a_booking_has_words(what: What) -> None:
    said = of_entry(an_entry(what, **MEMBERS))
    assert said
    assert "None" not in said


@pytest.mark.parametrize("what", list(What))
def test_words_are_found_for_entries_with_nothing_in_them(what: What) -> None:
    assert of_entry(an_entry(what, None))


def test_a_code_that_this_version_does_not_know_is_shown_as_it_is() -> None:
    assert of_entry(an_entry(What.PARKED, code="from_the_future")) == "parked in the failed queue: (from_the_future)"


@pytest.mark.parametrize(
    ("wait_s", "said"), [(15, "15 s"), (60, "60 s"), (90, "90 s"), (300, "5 min"), (3600, "60 min")]
)
def test_a_wait_is_said_in_the_unit_that_fits(wait_s: int, said: str) -> None:
    assert f"for {said}:" in of_entry(an_entry(What.DEFERRED, code="throttled", wait_s=wait_s))
