"""Who may do what: impersonation and its scope, delegates and their folders."""

import pytest

from adapters.calendar import BookingId, Done, Remove
from adapters.errors import CalendarError, Misconfigured, Refused, Throttled
from adapters.ews.calendar import EwsCalendar
from adapters.simulator import ItemCode, RequestCode, Simulator, Throttle
from tests.contract.calendar_harness import BOARD, LOBBY, a_create, a_mark, created
from tests.unit.ews.on_simulator import connected, running_simulator


async def refusal(calendar: EwsCalendar) -> CalendarError:
    (outcome,) = await calendar.apply(BOARD, [a_create()])
    assert isinstance(outcome, CalendarError)
    with pytest.raises(type(outcome)) as raised:
        await calendar.find(BOARD, [BookingId("B-1001")])
    assert raised.value.code == outcome.code
    return outcome


async def test_a_room_outside_the_impersonation_scope_lacks_rights_and_spares_the_others(
    simulator: Simulator, calendar: EwsCalendar
) -> None:
    simulator.access.deny(BOARD)
    error = await refusal(calendar)
    assert (type(error), error.code, error.detail) == (Refused, "rights_missing", "ErrorImpersonateUserDenied")
    await created(calendar, a_create(), room=LOBBY)


async def test_an_account_without_the_impersonation_role_is_the_tenants_trouble(
    simulator: Simulator, calendar: EwsCalendar
) -> None:
    simulator.access.impersonators.clear()
    error = await refusal(calendar)
    assert (type(error), error.code) == (Misconfigured, "impersonation_denied")


async def test_an_unknown_room_is_not_found() -> None:
    async with running_simulator(rooms=[LOBBY]) as simulator, connected(simulator) as calendar:
        error = await refusal(calendar)
    assert (type(error), error.code, error.detail) == (Refused, "room_not_found", "ErrorNonExistentMailbox")


async def test_a_delegate_with_the_calendar_only_works_and_reads_no_trash() -> None:
    async with running_simulator(access="delegate") as simulator, connected(simulator, access="delegate") as calendar:
        kept, removed = await created(calendar, a_create("kept"), a_create("removed"))
        assert await calendar.apply(BOARD, [Remove(ref=removed)]) == [Done()]
        scan = await calendar.scan(BOARD)
        assert [(event.mark, event.ref.item_id) for event in scan.events] == [(a_mark("kept"), kept.item_id)]
        assert scan.trashed == ()
        assert dict(simulator.counts.requests) == {"CreateItem": 1, "DeleteItem": 1, "FindItem": 1}
        assert len(simulator.deleted_items(BOARD)) == 1


async def test_a_delegate_is_not_stopped_by_a_server_that_refuses_both_folders_for_one() -> None:
    async with running_simulator(access="delegate") as simulator, connected(simulator, access="delegate") as calendar:
        await created(calendar, a_create())
        simulator.faults.next(RequestCode("ErrorAccessDenied"))
        scan = await calendar.scan(BOARD)
    assert ([event.mark for event in scan.events], scan.trashed) == ([a_mark()], ())


async def test_a_delegate_without_rights_is_refused() -> None:
    async with running_simulator(access="delegate") as simulator, connected(simulator, access="delegate") as calendar:
        simulator.access.deny(BOARD)
        error = await refusal(calendar)
        with pytest.raises(Refused):
            await calendar.scan(BOARD)
    assert (type(error), error.code) == (Refused, "rights_missing")


async def test_a_busy_trash_is_no_empty_trash(simulator: Simulator, calendar: EwsCalendar) -> None:
    simulator.faults.next(ItemCode(1, "ErrorMailboxStoreUnavailable"))
    with pytest.raises(CalendarError):
        await calendar.scan(BOARD)


@pytest.mark.parametrize(("access", "scope"), [("impersonation", "room"), ("delegate", "tenant")])
async def test_a_throttle_is_for_whom_the_budget_is(access: str, scope: str) -> None:
    async with running_simulator(access=access) as simulator, connected(simulator, access=access) as calendar:
        simulator.faults.next(Throttle())
        (outcome,) = await calendar.apply(BOARD, [a_create()])
    assert isinstance(outcome, Throttled)
    assert outcome.scope == scope
