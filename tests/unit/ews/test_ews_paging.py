"""Searches that take more than one request."""

from collections.abc import Callable

import pytest
from lxml import etree

from adapters.calendar import BookingId, Remove
from adapters.errors import Transient
from adapters.ews.calendar import EwsCalendar
from adapters.ews.names import T
from adapters.simulator import Fault, ItemCode, Simulator
from adapters.simulator.troubles import Answer, Call
from tests.contract.calendar_harness import BOARD, a_create, created


async def test_a_search_reads_page_after_page(simulator: Simulator, calendar: EwsCalendar) -> None:
    simulator.limits.find_page = 7
    bookings = [BookingId(f"B-{number:02}") for number in range(20)]
    await created(calendar, *(a_create(booking) for booking in bookings))
    found = await calendar.find(BOARD, bookings)
    assert sorted(event.mark.booking_id for event in found) == bookings
    assert simulator.counts.requests["FindItem"] == 3


async def test_a_scan_reads_both_folders_to_their_end(simulator: Simulator, calendar: EwsCalendar) -> None:
    simulator.limits.find_page = 7
    refs = await created(calendar, *(a_create(f"B-{number:02}") for number in range(30)))
    await calendar.apply(BOARD, [Remove(ref=ref) for ref in refs[:15]])
    scan = await calendar.scan(BOARD)
    assert (len(scan.events), len(scan.trashed)) == (15, 15)
    assert len({mark.booking_id for mark in scan.trashed}) == 15


async def test_a_search_for_very_many_bookings_is_cut_below_exchanges_limit(
    simulator: Simulator, calendar: EwsCalendar
) -> None:
    await created(calendar, a_create("B-0"), a_create("B-449"))
    found = await calendar.find(BOARD, [BookingId(f"B-{number}") for number in range(450)])
    assert sorted(event.mark.booking_id for event in found) == ["B-0", "B-449"]
    assert simulator.counts.requests["FindItem"] == 3
    for request in simulator.requests:
        assert len(etree.fromstring(request.body).findall(f".//{T}IsEqualTo")) <= 200


class OnPage:
    """A fault that lets pages pass and then does something: play another fault, or what people do meanwhile."""

    def __init__(self, number: int, then: Callable[[], Fault | None]) -> None:
        self._left = number
        self._then = then

    async def play(self, call: Call) -> Answer:
        self._left -= 1
        fault = self._then() if self._left == 0 else None
        return await fault.play(call) if fault else call.apply()


@pytest.mark.parametrize("page", [2, 3])
async def test_trouble_on_a_later_page_fails_the_whole_search(
    simulator: Simulator, calendar: EwsCalendar, page: int
) -> None:
    simulator.limits.find_page = 2
    await created(calendar, *(a_create(f"B-{number}") for number in range(6)))
    simulator.faults.next(OnPage(page, lambda: ItemCode(0, "ErrorMailboxStoreUnavailable")), times=page)
    with pytest.raises(Transient):
        await calendar.scan(BOARD)


async def test_a_folder_that_changes_between_pages_is_not_half_read(
    simulator: Simulator, calendar: EwsCalendar
) -> None:
    simulator.limits.find_page = 2
    refs = await created(calendar, *(a_create(f"B-{number}") for number in range(6)))

    def somebody_deletes() -> None:
        simulator.outlook.delete(BOARD, refs[0].item_id)

    simulator.faults.next(OnPage(2, somebody_deletes), times=2)
    with pytest.raises(Transient):
        await calendar.scan(BOARD)
