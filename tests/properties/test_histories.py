"""Histories of commands without any trouble: the calendars depend on what was published, not on when it arrived."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.calendar import RoomAddress
from consumers.messages.command import BookingCommand, parse_command, removal_of
from tests.properties.stories import ROOMS, TENANTS, Told, stories
from tests.room_harness import RoomHarness

Shown = dict[str, list[tuple[str, int, str]]]
"""Booking, version and subject, room by room."""


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[list[Told], list[list[Told]]]:
    """The stories of two bookings, and how they arrive: shuffled, with repeats, in batches."""
    published = draw(stories("A")) + draw(stories("B"))
    repeats = draw(st.lists(st.sampled_from(published), max_size=6))
    order = draw(st.permutations(published + repeats))
    cuts = sorted(draw(st.sets(st.integers(1, len(order)), max_size=4)))
    edges = [0, *cuts, len(order)]
    return published, [list(order[i:j]) for i, j in pairwise(edges)]


@settings(max_examples=200, deadline=None)
@given(arrivals())
def test_histories_in_any_order_with_repeats_end_in_the_same_calendars(
    history: tuple[list[Told], list[list[Told]]],
) -> None:
    published, batches = history
    assert asyncio.run(_shown_after(batches)) == asyncio.run(_shown_after([[told] for told in published]))


@settings(max_examples=200, deadline=None)
@given(arrivals())
def test_a_whole_history_told_once_more_asks_exchange_nothing(history: tuple[list[Told], list[list[Told]]]) -> None:
    _, batches = history
    assert asyncio.run(_requests_of_a_repetition(batches)) == 0


async def _shown_after(batches: Sequence[Sequence[Told]]) -> Shown:
    harnesses = {room: RoomHarness(address=room) for room in ROOMS}
    await _tell(harnesses, batches)
    return {
        room: sorted(
            (kept.mark.booking_id, kept.mark.version, kept.event.subject)
            for kept in harness.calendar.events[harness.room.address]
            if kept.mark
        )
        for room, harness in harnesses.items()
    }


async def _requests_of_a_repetition(batches: Sequence[Sequence[Told]]) -> int:
    harnesses = {room: RoomHarness(address=room) for room in ROOMS}
    await _tell(harnesses, batches)
    asked = sum(len(harness.calendar.requests) for harness in harnesses.values())
    await _tell(harnesses, batches)
    return sum(len(harness.calendar.requests) for harness in harnesses.values()) - asked


async def _tell(harnesses: dict[RoomAddress, RoomHarness], batches: Sequence[Sequence[Told]]) -> None:
    for batch in batches:
        commands = [command for told in batch for command in _entailed(told.command)]
        for room, harness in harnesses.items():
            here = [command for command in commands if command.room == room]
            if here:
                await harness.run(*here)


def _entailed(command: BookingCommand) -> list[BookingCommand]:
    """A command, and the removal from the room that a move left."""
    removal = removal_of(command)
    return [command] if removal is None else [command, parse_command(removal, TENANTS)]
