"""A fault befalls one item in the middle of a batch: the others keep their outcomes, and nothing is written twice."""

import pytest

from tests.faults.single_items import SINGLE_ITEMS
from tests.faults.stories import SYNCED, Story, as_cases, played

every_fault = pytest.mark.parametrize("story", as_cases(SINGLE_ITEMS))


@every_fault
def test_the_command_is_told_so_now_and_so_when_it_comes_back(story: Story) -> None:
    assert played(story).first_word == story.told[0]
    assert played(story).told[1] == story.told


@every_fault
def test_the_other_items_keep_their_outcomes(story: Story) -> None:
    first, _, third = played(story).told
    assert (first, third) == story.others


@every_fault
def test_it_takes_as_long_as_exchange_asked_or_the_claim_lasts(story: Story) -> None:
    least_s, most_s = story.done_s
    assert least_s <= played(story).done_s <= most_s


@every_fault
def test_another_room_and_another_tenant_are_done_at_once(story: Story) -> None:
    told = played(story)
    assert (told.lobby, told.elsewhere, told.lobby_done_s) == (SYNCED, SYNCED, 0)


@every_fault
def test_the_tenants_breaker_stays_closed(story: Story) -> None:
    assert not played(story).breaker_was_open


@every_fault
def test_exchange_is_asked_no_more_than_needed_and_never_before_the_time_it_named(story: Story) -> None:
    assert played(story).requests == story.requests
    assert played(story).early == 0


@every_fault
def test_each_booking_that_is_accepted_is_written_once(story: Story) -> None:
    assert played(story).written == story.written
    assert played(story).stand == list(story.stand)
